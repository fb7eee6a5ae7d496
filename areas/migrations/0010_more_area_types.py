"""Levels that official files bring: upper tier, combined authorities, constituencies and more.

An edition of a type may hold areas of the types it `holds`: the upper tier of local government
is the counties and every authority that stands in no county, and an area has one type.
"""

from django.db import migrations

AREA_TYPES = [
    # slug, name, plural, abbreviation, rank, holds
    ("combined-authority", "combined authority", "combined authorities", "", 35, []),
    ("upper-tier", "county or unitary authority", "counties and unitary authorities", "UTLA", 45,
     ["county", "authority"]),
    ("constituency", "constituency", "constituencies", "", 54, []),
    ("electoral-area", "district electoral area", "district electoral areas", "DEA", 56, []),
    ("parish", "parish or community", "parishes and communities", "", 65, []),
    ("output-area", "output area", "output areas", "OA or small area", 90, []),
]  # fmt: skip

WRONG_TYPE = """
    SELECT c.edition_id, c.area_id INTO wrong FROM changed c
    JOIN areas_area a ON a.id = c.area_id JOIN areas_edition e ON e.id = c.edition_id
    JOIN areas_areatype t ON t.slug = e.area_type_id
    JOIN areas_member m ON m.area_id = c.area_id AND m.edition_id = c.edition_id
    WHERE a.area_type_id <> e.area_type_id AND a.area_type_id <> ALL (t.holds) LIMIT 1;
"""
WRONG_TYPE_BEFORE = """
    SELECT c.edition_id, c.area_id INTO wrong FROM changed c
    JOIN areas_area a ON a.id = c.area_id JOIN areas_edition e ON e.id = c.edition_id
    JOIN areas_member m ON m.area_id = c.area_id AND m.edition_id = c.edition_id
    WHERE a.area_type_id <> e.area_type_id LIMIT 1;
"""
ORDINALS = """
CREATE OR REPLACE FUNCTION areas_member_ordinals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong record;
BEGIN
    SELECT edition_id INTO wrong FROM areas_member
    WHERE edition_id IN (SELECT edition_id FROM changed)
    GROUP BY edition_id HAVING max(ordinal) <> count(*) - 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The ordinals of edition %% do not run 0, 1, 2 … without a gap.',
            wrong.edition_id USING ERRCODE = 'check_violation';
    END IF;
    {wrong_type}
    IF FOUND THEN
        RAISE EXCEPTION 'Area %% is not of the type of edition %%.', wrong.area_id, wrong.edition_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""


def add(apps, schema_editor):
    AreaType = apps.get_model("areas", "AreaType")
    fields = ("slug", "name", "name_plural", "abbreviation", "rank", "holds")
    AreaType.objects.bulk_create(AreaType(**dict(zip(fields, t, strict=True))) for t in AREA_TYPES)


def rule(body):
    return ORDINALS.replace("{wrong_type}", body).replace("%%", "%")


class Migration(migrations.Migration):
    dependencies = [("areas", "0009_official_files")]
    operations = [
        migrations.RunSQL(rule(WRONG_TYPE), rule(WRONG_TYPE_BEFORE)),
        migrations.RunPython(add, migrations.RunPython.noop),
    ]
