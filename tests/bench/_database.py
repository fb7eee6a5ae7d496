"""Databases of the benchmarks' own, beside the one DATABASE_URL names, and Django set up on one.

Import nothing of Django before `use`.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
DEMO = "bench_demo"


def beside(name: str) -> str:
    """Return DATABASE_URL with `name` added to its database's name."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"{parts.path}_{name}"))


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """Return a plain connection to a database given as Django's address of it."""
    return psycopg.connect(urlunsplit(urlsplit(url)._replace(scheme="postgresql")), autocommit=True)


def database(url: str) -> str:
    """Return the name of the database in an address."""
    return urlsplit(url).path.lstrip("/")


def exists(url: str) -> bool:
    """Return whether the server of DATABASE_URL holds the database of `url`."""
    with connect(os.environ["DATABASE_URL"]) as plain:
        name = (database(url),)
        return plain.execute("SELECT FROM pg_database WHERE datname = %s", name).rowcount > 0


def create(url: str, template: str | None = None) -> None:
    """Make the database of `url`, empty or as a copy of that of `template`."""
    of = sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(database(template or "")))
    with connect(os.environ["DATABASE_URL"]) as plain:
        name = sql.Identifier(database(url))
        plain.execute(
            sql.SQL("CREATE DATABASE {}").format(name) + (of if template else sql.SQL(""))
        )


def drop(url: str) -> None:
    """Drop the database of `url` if there is one, and whoever is still connected to it."""
    with connect(os.environ["DATABASE_URL"]) as plain:
        name = sql.Identifier(database(url))
        plain.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def copy_of(template: str, name: str) -> Iterator[str]:
    """Give the address of a copy of a database, which is dropped when done with."""
    url = beside(name)
    drop(url)
    create(url, template)
    try:
        yield url
    finally:
        close()
        drop(url)


def use(url: str) -> None:
    """Set Django up on the database of `url`, as in production: DEBUG off, quiet logs.

    Static files keep their plain names, so that no built assets are needed.
    """
    os.environ |= {
        "LEVELUP_DEBUG": "",
        "LEVELUP_LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "levelup_site.settings",
    }
    import django
    from django.conf import settings

    settings.DATABASES["default"] |= {"NAME": database(url), "OPTIONS": {}}
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    settings.ALLOWED_HOSTS.append("testserver")
    django.setup()


def close() -> None:
    """Close Django's connections in this process."""
    from django.db import connections

    connections.close_all()


def switch(url: str) -> None:
    """Turn Django, set up already, to another database."""
    from django.conf import settings
    from django.db import connections

    close()
    settings.DATABASES["default"]["NAME"] = database(url)
    connections.databases["default"]["NAME"] = database(url)
    connections["default"].close()  # Made here, where nothing has asked for it yet.
    del connections["default"]


def demo() -> str:
    """Set Django up on a database with the whole demo and return its address.

    That is DATABASE_URL's own where the demo is loaded, else `kept_demo`.
    """
    own = os.environ["DATABASE_URL"]
    if not has_demo(own):
        return kept_demo()
    use(own)
    return own


def kept_demo() -> str:
    """Set Django up on a demo database beside DATABASE_URL's, which copies may be made of.

    It is loaded (without baking maps) the first time and then kept.
    """
    from tests.bench._figures import say

    url = beside(DEMO)
    use(url)
    if not (exists(url) and is_of_today(url)):
        say(f"Loading the demo into {database(url)}, once")
        drop(url)
        create(url)
        load_demo()
        with connect(url) as plain:
            remember = sql.SQL("COMMENT ON DATABASE {} IS {}")
            plain.execute(remember.format(sql.Identifier(database(url)), fingerprint()))
    return url


def fingerprint() -> str:
    """Return what the demo database depends on: the migrations and the pack, as one hash."""
    files = [*ROOT.glob("*/migrations/*.py"), ROOT / "demo" / "pack.toml"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


def is_of_today(url: str) -> bool:
    """Return whether the demo database of `url` is whole, and made by the code as it is now."""
    with connect(url) as plain:
        said = plain.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    return said == (fingerprint(),)


def has_demo(url: str) -> bool:
    """Return whether the last release of the demo pack is in the database of `url`."""
    last = tomllib.loads((ROOT / "demo" / "pack.toml").read_text())["release"][-1]["slug"]
    with connect(url) as plain:
        found = plain.execute("SELECT to_regclass('indicators_release') IS NOT NULL").fetchone()
        if not found or not found[0]:
            return False
        release = plain.execute("SELECT FROM indicators_release WHERE slug = %s", (last,))
        return release.rowcount > 0


def load_demo() -> None:
    """Migrate, and load the demo pack; its maps count as baked, for the page to be whole."""
    from django.core.management import call_command
    from django.db import connection

    from areas.models import Edition
    from indicators import demo

    call_command("migrate", verbosity=0, skip_checks=True)
    bake, demo.tiles.bake = demo.tiles.bake, lambda edition: ""
    try:
        demo.load_demo(demo.read_pack(), lambda step: None)
    finally:
        demo.tiles.bake = bake
    Edition.objects.update(tile_hash="0" * 16)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
