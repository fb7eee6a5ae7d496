"""The release engine: files kept by hash, mappings, problems accepted, work to be done."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("indicators", "0005_withdrawn_reason"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AcceptedWarning",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=80)),
                ("why", models.TextField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReleaseFile",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                (
                    "name",
                    models.CharField(
                        help_text="As its giver calls it; only ever shown.", max_length=255
                    ),
                ),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("size", models.BigIntegerField(help_text="Bytes.")),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="SavedLayout",
            fields=[
                (
                    "id",
                    models.AutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("mapping", models.JSONField()),
                ("saved_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="release",
            name="corrects",
            field=models.ForeignKey(
                blank=True,
                help_text="The release that this one puts right; the note says what was wrong.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="corrections",
                to="indicators.release",
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="failure",
            field=models.TextField(blank=True, db_default=""),
        ),
        migrations.AddField(
            model_name="release",
            name="layout",
            field=models.CharField(blank=True, db_default="", max_length=80),
        ),
        migrations.AddField(
            model_name="release",
            name="mapping",
            field=models.JSONField(
                blank=True, default=dict, help_text="What its columns were read as, to be edited."
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="problems",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="release",
            name="received_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="release",
            name="todo",
            field=models.CharField(
                blank=True,
                choices=[
                    ("check", "to be read and checked"),
                    ("stage", "to be made ready"),
                    ("publish", "to be made public"),
                ],
                db_default="",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(("todo__in", ["", "check", "stage", "publish"])),
                name="release_todo",
            ),
        ),
        migrations.AddConstraint(
            model_name="release",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("corrects__isnull", True),
                    models.Q(
                        models.Q(("corrects", models.F("id")), _negated=True),
                        models.Q(("note", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="release_correction_has_a_note",
            ),
        ),
        migrations.AddField(
            model_name="acceptedwarning",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="acceptedwarning",
            name="release",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="accepted",
                to="indicators.release",
            ),
        ),
        migrations.AddField(
            model_name="releasefile",
            name="release",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="files",
                to="indicators.release",
            ),
        ),
        migrations.AddField(
            model_name="savedlayout",
            name="dataset",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="indicators.dataset",
            ),
        ),
        migrations.AddField(
            model_name="savedlayout",
            name="saved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="acceptedwarning",
            constraint=models.UniqueConstraint(
                models.F("release"), models.F("code"), name="acceptedwarning_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="acceptedwarning",
            constraint=models.CheckConstraint(
                condition=models.Q(("why", ""), _negated=True), name="acceptedwarning_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="releasefile",
            constraint=models.UniqueConstraint(
                models.F("release"), models.F("position"), name="releasefile_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="releasefile",
            constraint=models.CheckConstraint(
                condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="releasefile_sha256"
            ),
        ),
    ]
