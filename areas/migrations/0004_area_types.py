"""The levels of UK geography we know from the start; others are added as they are loaded."""

from django.db import migrations

AREA_TYPES = [
    # slug, name, plural, abbreviation, rank (spaced, so that later types fit between)
    ("uk", "United Kingdom", "United Kingdom", "UK", 0),
    ("country-group", "group of countries", "groups of countries", "", 10),
    ("country", "country", "countries", "", 20),
    ("region", "region", "regions", "", 30),
    ("county", "county", "counties", "", 40),
    ("authority", "local authority", "local authorities", "", 50),
    ("ward", "ward", "wards", "", 60),
    ("msoa", "larger neighbourhood", "larger neighbourhoods", "MSOA or intermediate zone", 70),
    ("lsoa", "neighbourhood", "neighbourhoods", "LSOA, data zone or SOA", 80),
]


def add(apps, schema_editor):
    AreaType = apps.get_model("areas", "AreaType")
    fields = ("slug", "name", "name_plural", "abbreviation", "rank")
    AreaType.objects.bulk_create(AreaType(**dict(zip(fields, t, strict=True))) for t in AREA_TYPES)


class Migration(migrations.Migration):
    dependencies = [("areas", "0003_rules")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
