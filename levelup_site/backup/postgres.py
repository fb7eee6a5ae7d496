"""PostgreSQL's own programs for dumping and restoring, and plain connections beside Django's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from levelup_site.backup import BackupError

Plain = psycopg.Connection[tuple[Any, ...]]
# Where Debian, Ubuntu and the PostgreSQL project's packages put programs, by major version.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


def parameters(database: str | None = None) -> dict[str, Any]:
    """Return how to connect to the site's database, or another on its server."""
    settings = connection.settings_dict
    named = {
        "dbname": database or settings["NAME"],
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    own = {"pool", "isolation_level", "server_side_binding", "assume_role", "prepare_threshold"}
    options = {k: v for k, v in settings.get("OPTIONS", {}).items() if k not in own}
    return {k: v for k, v in {**options, **named}.items() if v not in ("", None)}


def connect(database: str | None = None) -> Plain:
    """Return a connection to the site's database or another, each statement its own transaction."""
    return psycopg.connect(**parameters(database), autocommit=True)


@contextmanager
def maintenance() -> Iterator[Plain]:
    """Give a connection to a database of the same server that is not the site's."""
    for name in ("postgres", "template1"):
        try:
            plain = connect(name)
        except psycopg.OperationalError:
            continue
        with plain:
            yield plain
        return
    raise BackupError(
        "Neither the database “postgres” nor “template1” of this server lets us in, and a "
        "database is made from one of them: give the site's role leave to connect."
    )


def server_version() -> int:
    """Return the major version of the server."""
    with connect() as plain:
        return plain.info.server_version // 10_000


def program(name: str, oldest: int) -> Path:
    """Return PostgreSQL's program `name` of major version `oldest` or later, the oldest that will.

    Raises BackupError with what to install.
    """
    found: dict[int, Path] = {}
    folders = [f for pattern in PLACES for f in Path("/").glob(pattern.lstrip("/"))]
    folders += [Path(found_).parent for found_ in [shutil.which(name)] if found_]
    for folder in folders:
        if version := version_of(folder / name):
            found.setdefault(version, folder / name)
    fit = [version for version in found if version >= oldest]
    if not fit:
        had = f" (only of version {max(found)})" if found else ""
        raise BackupError(
            f"{name} of PostgreSQL {oldest} is not installed here{had}: "
            f"install the package postgresql-client-{oldest}, or a later one."
        )
    return found[min(fit)]


def version_of(path: Path) -> int | None:
    """Return the major version of a program, or None where there is none that runs."""
    if not path.exists():
        return None
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\) (\d+)", said.stdout)
    return int(number[1]) if said.returncode == 0 and number else None


def target(database: str | None = None) -> tuple[str, dict[str, str]]:
    """Return the address for a program's --dbname, and an environment that holds the password."""
    given = parameters(database)
    password = given.pop("password", None)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    environ["LC_ALL"] = "C.UTF-8"
    if password:
        environ["PGPASSWORD"] = str(password)
    return make_conninfo(**given), environ


@contextmanager
def dumping(snapshot: str) -> Iterator[IO[bytes]]:
    """Give the dump of the site's database as of `snapshot`, to be read to its end.

    Raises BackupError with pg_dump's own words when it fails.
    """
    where, environ = target()
    command = [
        str(program("pg_dump", server_version())),
        "--format=custom",
        "--compress=0",  # The archive is compressed as a whole, and faster.
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f"--dbname={where}",
    ]
    with tempfile.TemporaryFile() as words:
        dump = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, env=environ)
        try:
            if dump.stdout is None:
                raise BackupError("pg_dump was started without a pipe.")
            yield dump.stdout
        except BaseException:
            dump.kill()
            raise
        finally:
            if dump.stdout:
                dump.stdout.close()
            code = dump.wait()
        if code:
            raise BackupError(f"pg_dump did not finish: {last_words(words)}")


@contextmanager
def restoring(database: str, made_by: int) -> Iterator[IO[bytes]]:
    """Give what takes a dump and restores it into `database`, which must be empty.

    Raises BackupError with pg_restore's own words when it fails.
    """
    where, environ = target(database)
    command = [
        str(program("pg_restore", max(made_by, 15))),
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--no-comments",  # Those on extensions are their owner's alone to set.
        f"--dbname={where}",
    ]
    with tempfile.TemporaryFile() as words:
        restore = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=words, env=environ)
        try:
            if restore.stdin is None:
                raise BackupError("pg_restore was started without a pipe.")
            pipe = restore.stdin
            yield pipe
            pipe.close()
        except BrokenPipeError:
            pass  # It has ended, and says below why.
        except BaseException:
            restore.kill()
            restore.wait()
            raise
        with suppress(BrokenPipeError):
            pipe.close()
        if restore.wait():
            raise BackupError(
                f"pg_restore did not finish: {last_words(words)} Nothing was changed."
            )


def last_words(words: IO[bytes]) -> str:
    """Return the first lines that a program complained with, as one line."""
    words.seek(0)
    lines = [line for line in words.read(20_000).decode(errors="replace").splitlines() if line]
    return " ".join(lines[:4]) or "it said nothing."


def tables(plain: Plain) -> dict[str, int]:
    """Return the rows of every table that holds rows itself, but for those of extensions."""
    names = plain.execute(
        "SELECT c.oid::regclass::text, n.nspname, c.relname FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND c.relpersistence <> 't' "
        "AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid "
        "AND d.classid = 'pg_class'::regclass AND d.deptype = 'e') ORDER BY 2, 3"
    ).fetchall()
    found = {}
    for _, schema, table in names:
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        row = plain.execute(count).fetchone()
        found[f"{schema}.{table}"] = int(row[0]) if row else 0
    return found


def migrations(plain: Plain) -> dict[str, list[str]]:
    """Return the migrations applied to a database, by app, in order; none if never migrated."""
    there = plain.execute("SELECT to_regclass('public.django_migrations') IS NOT NULL").fetchone()
    if not there or not there[0]:
        return {}
    found: dict[str, list[str]] = {}
    for app, name in plain.execute("SELECT app, name FROM django_migrations ORDER BY id"):
        found.setdefault(app, []).append(name)
    return found


def create_like(plain: Plain, name: str, model: str) -> None:
    """Make an empty database `name` that sorts and encodes as `model` does."""
    row = plain.execute(
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, to_jsonb(d) "
        "FROM pg_database d WHERE datname = %s",
        (model,),
    ).fetchone()
    if row is None:
        raise BackupError(f"There is no database “{model}” on this server: make it first, empty.")
    encoding, collate, ctype, provider, every = row
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    ).format(*map(as_part, (name, encoding, collate, ctype), (True, False, False, False)))
    if provider == "i":
        locale = every.get("daticulocale") or every.get("datlocale")
        statement += sql.SQL(" LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(locale))
    try:
        plain.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        raise BackupError(
            f"The role “{plain.info.user}” may not make databases, and a restore begins in a fresh "
            f"one: let a superuser run ALTER ROLE {plain.info.user} CREATEDB. Nothing was changed."
        ) from None


def as_part(text: str, is_name: bool) -> sql.Composable:
    """Return a name or a literal of a statement."""
    return sql.Identifier(text) if is_name else sql.Literal(text)
