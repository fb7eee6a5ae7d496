"""Rows of releases that are no longer live may lie in an archive, which the release knows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("indicators", "0008_deprivation_summaries")]

    operations = [
        migrations.AddField(
            model_name="release",
            name="archived_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When its rows were moved to its archive; empty while they are here.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="restored_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="release",
            name="archive",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The files of its archive: bytes, rows and SHA-256 of each.",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("archived_at__isnull", True),
                    models.Q(
                        ("status__in", ["superseded", "withdrawn"]),
                        models.Q(("archive", {}), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="release_archived_is_not_live",
            ),
        ),
    ]
