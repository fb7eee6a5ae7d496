"""Databases of a test's own beside the tests' database, and Django turned to one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from levelup_site.backup import postgres


def release_connections() -> None:
    """Close whatever Django has open, so that a database can be copied, renamed or dropped."""
    connection.close()
    connection.close_pool()


@contextmanager
def turned_to(name: str) -> Iterator[None]:
    """Have Django use the database `name` as long as the block runs."""
    before = connection.settings_dict["NAME"]
    release_connections()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        release_connections()
        connection.settings_dict["NAME"] = before


@contextmanager
def fresh(name: str, template: str = "template1") -> Iterator[str]:
    """Make the database `name`, empty or a copy, and drop it at the end."""
    release_connections()
    with postgres.maintenance() as server:
        drop(server, name)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template)))
        )
    try:
        yield name
    finally:
        release_connections()
        with postgres.maintenance() as server:
            drop(server, name)


def drop(server: psycopg.Connection[Any], name: str) -> None:
    """Drop a database, and whoever is connected to it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    server.execute(statement.format(sql.Identifier(name)))


def names() -> set[str]:
    """Return every database of the server."""
    with postgres.maintenance() as server:
        return {str(row[0]) for row in server.execute("SELECT datname FROM pg_database")}


def checksums(name: str) -> dict[str, tuple[int, Any]]:
    """Return rows and a sum of hashes of every table of a database, whatever the rows' order."""
    with postgres.connect(name) as plain:
        found = {}
        for table in postgres.tables(plain):
            row = plain.execute(
                sql.SQL(
                    "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {} t"
                ).format(sql.Identifier(*table.split(".")))
            ).fetchone()
            assert row is not None
            found[table] = row
        return found
