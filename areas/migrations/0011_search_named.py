"""Indexes of places with a name of their own, apart from the five times as many numbered ones.

“Middlesbrough 001A” is found by its beginning; only a name of its own is looked for by its words
and by its likeness to what was typed. The condition is that of areas.search.
"""

from django.db import migrations

NAMED = "folded !~ '[0-9][a-z]?$'"
INDEXES = {
    "area_named_prefix": f"areas_area (folded text_pattern_ops) WHERE {NAMED}",
    "area_named_words": f"areas_area USING gin (folded gin_trgm_ops) WHERE {NAMED}",
    "area_named_cy_words": (
        f"areas_area USING gin (folded_cy gin_trgm_ops) WHERE {NAMED} AND folded_cy <> ''"
    ),
}


class Migration(migrations.Migration):
    dependencies = [("areas", "0010_more_area_types")]
    operations = [
        migrations.RunSQL(f"CREATE INDEX {name} ON {what}", f"DROP INDEX {name}")
        for name, what in INDEXES.items()
    ]
