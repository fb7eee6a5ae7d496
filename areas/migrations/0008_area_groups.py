"""Groups of areas that readers make, and the triggers that keep them as they were made."""

import django.db.models.deletion
from django.db import migrations, models

# A group is shared by its address, so it says tomorrow what it says today: nothing is updated, and
# its members arrive in one statement. Deleting the whole of one is left to administrators.
FIXED = """
CREATE FUNCTION areas_group_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A group of areas never changes; make a new one.'
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER areas_group_is_fixed BEFORE UPDATE ON areas_areagroup
    FOR EACH STATEMENT EXECUTE FUNCTION areas_group_is_fixed();
CREATE TRIGGER areas_group_members_are_fixed BEFORE UPDATE ON areas_groupmember
    FOR EACH STATEMENT EXECUTE FUNCTION areas_group_is_fixed();

CREATE FUNCTION areas_group_members() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong record;
BEGIN
    SELECT g.id INTO wrong FROM areas_areagroup g
    JOIN areas_groupmember m ON m.group_id = g.id JOIN areas_area a ON a.id = m.area_id
    WHERE g.id IN (SELECT group_id FROM changed)
    GROUP BY g.id
    HAVING count(*) <> g.n_members OR bool_or(a.area_type_id <> g.area_type_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The members of group % are not as many, or of the type, that it says.',
            wrong.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER areas_group_members AFTER INSERT ON areas_groupmember
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_group_members();
"""
FIXED_UNDO = """
DROP FUNCTION areas_group_is_fixed() CASCADE;
DROP FUNCTION areas_group_members() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("areas", "0007_draw_borders"),
    ]

    operations = [
        migrations.CreateModel(
            name="AreaGroup",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("token", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=120)),
                ("made_by", models.CharField(blank=True, db_default="", max_length=80)),
                ("n_members", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "area_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="areas.areatype",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="GroupMember",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "area",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="areas.area",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="areas.areagroup",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="areagroup",
            name="areas",
            field=models.ManyToManyField(
                related_name="+", through="areas.GroupMember", to="areas.area"
            ),
        ),
        migrations.AddConstraint(
            model_name="groupmember",
            constraint=models.UniqueConstraint(
                models.F("group"), models.F("area"), name="groupmember_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="areagroup",
            constraint=models.UniqueConstraint(models.F("token"), name="areagroup_token_unique"),
        ),
        migrations.AddConstraint(
            model_name="areagroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("token__regex", "^[A-Za-z0-9_-]{16}$")),
                name="areagroup_token_form",
            ),
        ),
        migrations.AddConstraint(
            model_name="areagroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("name__regex", "^[^<>[:cntrl:]]*$"),
                    ("name__regex", "\\S"),
                    ("made_by__regex", "^[^<>[:cntrl:]]*$"),
                ),
                name="areagroup_plain_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="areagroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("n_members__gte", 2), ("n_members__lte", 2000)),
                name="areagroup_size",
            ),
        ),
        migrations.RunSQL(FIXED, FIXED_UNDO),
    ]
