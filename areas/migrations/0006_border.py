"""Which areas of an edition share a border."""

import django.db.models.deletion
from django.db import migrations, models


def to(model, **options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, to=model, db_index=False, **options
    )


class Migration(migrations.Migration):
    dependencies = [("areas", "0005_postcode_ended")]
    operations = [
        migrations.CreateModel(
            name="Border",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("metres", models.FloatField()),
                ("edition", to("areas.edition")),
                ("area", to("areas.area", related_name="borders", db_constraint=False)),
                ("neighbour", to("areas.area", related_name="borders_back", db_constraint=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("area"),
                        models.F("edition"),
                        models.F("neighbour"),
                        name="border_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("area", models.F("neighbour")), _negated=True),
                            ("metres__gt", 0),
                        ),
                        name="border_two_areas",
                    ),
                ]
            },
        ),
    ]
