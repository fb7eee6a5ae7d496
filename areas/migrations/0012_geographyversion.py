"""The version of geography, which caches are keyed by beside the version of the figures."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("areas", "0011_search_named")]
    operations = [
        migrations.CreateModel(
            name="GeographyVersion",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(default=1)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="geographyversion_single"
                    )
                ]
            },
        ),
        migrations.RunSQL(
            "INSERT INTO areas_geographyversion (id, version) VALUES (1, 1)",
            migrations.RunSQL.noop,
        ),
    ]
