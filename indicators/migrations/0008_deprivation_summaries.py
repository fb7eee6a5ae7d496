"""An indicator may sum up the deprivation scores of smaller areas, by a named rule."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("areas", "0013_search_numbered_welsh"),
        ("indicators", "0007_converted_series"),
    ]

    operations = [
        migrations.AddField(
            model_name="indicator",
            name="summary",
            field=models.CharField(
                blank=True,
                choices=[
                    ("average-score", "mean score, weighted by residents"),
                    ("average-rank", "mean rank, weighted by residents; highest most deprived"),
                    ("proportion", "share of areas in the most deprived 10%"),
                    ("extent", "share of residents in the most deprived 30%, tapered from 10%"),
                    ("local-concentration", "mean rank where the worst-off tenth lives"),
                ],
                db_default="",
                help_text="How it sums up a deprivation score of smaller areas.",
                max_length=19,
            ),
        ),
        migrations.AddField(
            model_name="indicator",
            name="summary_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="summaries",
                to="indicators.indicator",
            ),
        ),
        migrations.AddConstraint(
            model_name="indicator",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("summary", ""), ("summary_of", None)),
                    models.Q(
                        ("aggregation", "none"),
                        (
                            "summary__in",
                            [
                                "average-score",
                                "average-rank",
                                "proportion",
                                "extent",
                                "local-concentration",
                            ],
                        ),
                        ("summary_of__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="indicator_summary",
            ),
        ),
        migrations.AddConstraint(
            model_name="indicator",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("summary_of", None),
                    models.Q(("summary_of", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="indicator_summary_not_of_itself",
            ),
        ),
    ]
