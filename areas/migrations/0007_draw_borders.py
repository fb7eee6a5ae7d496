"""Work out the borders of the outlines that are held already; new ones do so when loaded."""

from django.db import migrations

from areas.importing.borders import draw_borders


def draw(apps, schema_editor):
    Edition = apps.get_model("areas", "Edition")
    for pk in (
        Edition.objects.filter(boundary__isnull=False).distinct().values_list("pk", flat=True)
    ):
        draw_borders(pk)


class Migration(migrations.Migration):
    dependencies = [("areas", "0006_border")]
    operations = [migrations.RunPython(draw, migrations.RunPython.noop, elidable=True)]
