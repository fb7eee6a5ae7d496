"""An index of the Welsh names of numbered places: “Caerdydd 001A” is found as “Cardiff 001A” is.

The condition is that of areas.search.
"""

from django.db import migrations

INDEX = """
CREATE INDEX area_numbered_cy_words ON areas_area USING gin (folded_cy gin_trgm_ops)
WHERE folded ~ '[0-9][a-z]?$' AND folded_cy <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("areas", "0012_geographyversion")]
    operations = [migrations.RunSQL(INDEX, "DROP INDEX area_numbered_cy_words")]
