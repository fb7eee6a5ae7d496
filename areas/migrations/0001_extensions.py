"""The extensions of Postgres we stand on, and the folding of names that search uses."""

from django.contrib.postgres.operations import (
    BtreeGistExtension,
    CreateExtension,
    TrigramExtension,
    UnaccentExtension,
)
from django.db import migrations

# Immutable because the dictionary is named: an index may then stand on it. Apostrophes, full
# stops and commas go, so that “st helens” finds “St. Helens”; hyphens become spaces.
FOLD = r"""
CREATE FUNCTION levelup_fold(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT translate(lower(public.unaccent('public.unaccent'::regdictionary, name)),
                    '-’''.,', ' ') $$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        CreateExtension("postgis"),
        TrigramExtension(),
        BtreeGistExtension(),
        UnaccentExtension(),
        migrations.RunSQL(FOLD, "DROP FUNCTION levelup_fold(text)"),
    ]
