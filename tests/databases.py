"""Databases of a test's own beside the tests' database, and Django turned to one for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg import sql

from levelup_site.backup import postgres


def leave_tests_database() -> str:
    """Close what Django has open, so that the tests' database can be copied; return its name.

    Only for fixtures that come before any test's own transaction.
    """
    name = str(connection.settings_dict["NAME"])
    assert name.startswith("test_"), "mark the tests with django_db, for the database to be made"
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    return name


@contextmanager
def turned_to(name: str) -> Iterator[None]:
    """Have Django use the database `name` as long as the block runs.

    The connection that there was is put aside, with whatever transaction it is in.
    """
    before = connections["default"]
    other = connections.create_connection("default")
    options = {k: v for k, v in before.settings_dict["OPTIONS"].items() if k != "pool"}
    other.settings_dict = {**before.settings_dict, "NAME": name, "OPTIONS": options}
    connections["default"] = other
    try:
        yield
    finally:
        other.close()
        connections["default"] = before


@contextmanager
def fresh(name: str, template: str = "template1") -> Iterator[str]:
    """Make the database `name`, empty or a copy, and drop it at the end."""
    with postgres.maintenance() as server:
        drop(server, name)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template)))
        )
    try:
        yield name
    finally:
        with postgres.maintenance() as server:
            drop(server, name)


def drop(server: psycopg.Connection[Any], name: str) -> None:
    """Drop a database, and whoever is connected to it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    server.execute(statement.format(sql.Identifier(name)))


def names() -> set[str]:
    """Return the databases of the server that are named after this process, as a test's own are."""
    with postgres.maintenance() as server:
        found = {str(row[0]) for row in server.execute("SELECT datname FROM pg_database")}
    return {name for name in found if f"_{os.getpid()}" in name}


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
