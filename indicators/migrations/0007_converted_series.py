"""Series moved from an earlier edition, with totals before and after."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("areas", "0013_search_numbered_welsh"),
        ("indicators", "0006_release_engine"),
    ]

    operations = [
        migrations.AddField(
            model_name="seriesinput",
            name="total_after",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="seriesinput",
            name="total_before",
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name="series",
            name="origin",
            field=models.CharField(
                choices=[
                    ("published", "as published"),
                    ("aggregate", "added up from smaller areas"),
                    ("converted", "moved from an earlier edition"),
                ],
                default="published",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="seriesinput",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("total_after__isnull", True), ("total_before__isnull", True)),
                    models.Q(("total_after__isnull", False), ("total_before__isnull", False)),
                    _connector="OR",
                ),
                name="seriesinput_both_totals",
            ),
        ),
    ]
