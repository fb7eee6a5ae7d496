"""Why a release was taken back, for those who still read its figures as they once stood."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("indicators", "0004_catalogue_version")]
    operations = [
        migrations.AddField(
            model_name="release",
            name="withdrawn_reason",
            field=models.CharField(blank=True, db_default="", max_length=500),
        ),
    ]
