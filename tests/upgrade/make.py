"""Record the schema as it is, with data in it, for the next version to be upgraded from.

    script/manage shell -c "from tests.upgrade.make import main; main()"

Run on the commit that has landed, when its migrations are not those of landed.toml. It works in a
database of its own. Writes landed.toml (the last migration of each app) and landed.sql (the rows).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from levelup_site.backup import postgres
from tests import databases, tiny_uk
from tests.filled import fill

HERE = Path(__file__).parent
# Rows that migrations bring, and those of extensions.
BROUGHT = (
    "areas_areatype",
    "areas_geographyversion",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "indicators_catalogueversion",
    "indicators_dataversion",
    "spatial_ref_sys",
)
PARTITIONED = ("indicators_observation", "indicators_standing")


def main() -> None:
    """Write both files."""
    with (
        databases.fresh(f"levelup_landed_{os.getpid()}") as name,
        databases.turned_to(name),
    ):
        call_command("migrate", verbosity=0, skip_checks=True)
        tiny_uk.build()
        fill()
        leaves = MigrationLoader(connection).graph.leaf_nodes()
        rows = partitions() + dump()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [f'commit = "{commit}"', "", "[leaf]"]
    lines += [f'{app} = "{migration}"' for app, migration in sorted(leaves)]
    lines += [
        "",
        "# What a later migration changes on purpose: “table.column”, “table: constraint” or",
        "# “table” = why. Everything else must survive.",
        "[changed]",
        "",
    ]
    (HERE / "landed.toml").write_text("\n".join(lines))
    (HERE / "landed.sql").write_text(rows)


def partitions() -> str:
    """Return the statements that make the partitions, whose tables no migration makes."""
    found = ""
    with postgres.connect() as plain:
        for parent in PARTITIONED:
            children = plain.execute(
                "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
                "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass",
                (parent,),
            )
            for name, bound in children:
                found += f"CREATE TABLE {name} PARTITION OF {parent} {bound};\n"
                if parent == "indicators_observation":
                    found += (
                        f"ALTER TABLE {name} ADD FOREIGN KEY (series_id) "
                        f"REFERENCES indicators_series, "
                        f"ADD FOREIGN KEY (area_id) REFERENCES areas_area;\n"
                    )
    return found


def dump() -> str:
    """Return the rows as COPY statements for psql, without what differs from run to run."""
    where, environ = postgres.target()
    command = [
        str(postgres.program("pg_dump", postgres.server_version())),
        "--data-only",
        "--no-owner",
        *(f"--exclude-table=public.{table}" for table in BROUGHT),
        f"--dbname={where}",
    ]
    text = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    kept = [
        line
        for line in text.splitlines()
        if line
        and not line.startswith(("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict"))
        and not line.startswith("\\unrestrict")
    ]
    kept = members_first(kept)
    # The account's password is nobody's: a hash that no password has.
    return re.sub(r"pbkdf2_sha256\$\S+", "!", "\n".join(kept)) + "\n"


def members_first(lines: list[str]) -> list[str]:
    """Put the rows of members before the overlaps, whose trigger asks for them."""
    first = next(i for i, line in enumerate(lines) if line.startswith("COPY public.areas_member "))
    last = lines.index("\\.", first) + 1
    overlaps = next(
        i for i, line in enumerate(lines) if line.startswith("COPY public.areas_areaoverlap ")
    )
    if first < overlaps:
        return lines
    return [*lines[:overlaps], *lines[first:last], *lines[overlaps:first], *lines[last:]]
