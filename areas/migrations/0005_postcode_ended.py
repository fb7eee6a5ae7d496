"""Postcodes that are no longer in use are kept, with the date on which they ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("areas", "0004_area_types")]
    operations = [
        migrations.AddField(
            model_name="postcode",
            name="ended",
            field=models.DateField(blank=True, null=True),
        ),
    ]
