"""The version of the catalogue, moved by Postgres itself, which caches are keyed by too.

An indicator, dataset, licence or theme that is edited, in the admin or in bulk, is on pages and in
the API at once, so what readers keep must be asked for again. A row of its own, and not that of
the data version: whoever publishes holds that one first and then the release, and an edit of a
release would wait for it the other way round.
"""

from django.db import migrations, models

MOVED = """
INSERT INTO indicators_catalogueversion (id, version) VALUES (1, 1);
CREATE FUNCTION indicators_catalogue_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE indicators_catalogueversion SET version = version + 1 WHERE id = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER indicators_catalogue_moved AFTER INSERT OR UPDATE OR DELETE ON indicators_indicator
    FOR EACH STATEMENT EXECUTE FUNCTION indicators_catalogue_moved();
CREATE TRIGGER indicators_catalogue_moved AFTER INSERT OR UPDATE OR DELETE ON indicators_dataset
    FOR EACH STATEMENT EXECUTE FUNCTION indicators_catalogue_moved();
CREATE TRIGGER indicators_catalogue_moved AFTER INSERT OR UPDATE OR DELETE ON indicators_licence
    FOR EACH STATEMENT EXECUTE FUNCTION indicators_catalogue_moved();
CREATE TRIGGER indicators_catalogue_moved AFTER INSERT OR UPDATE OR DELETE ON indicators_theme
    FOR EACH STATEMENT EXECUTE FUNCTION indicators_catalogue_moved();
CREATE TRIGGER indicators_catalogue_moved AFTER UPDATE OF dataset_id, slug, name,
    publisher_version, publisher_date, file_name, file_sha256, licence_id, redistributable
    ON indicators_release FOR EACH ROW WHEN (
        (OLD.dataset_id, OLD.slug, OLD.name, OLD.publisher_version, OLD.publisher_date,
            OLD.file_name, OLD.file_sha256, OLD.licence_id, OLD.redistributable)
        IS DISTINCT FROM
        (NEW.dataset_id, NEW.slug, NEW.name, NEW.publisher_version, NEW.publisher_date,
            NEW.file_name, NEW.file_sha256, NEW.licence_id, NEW.redistributable))
    EXECUTE FUNCTION indicators_catalogue_moved();
"""
MOVED_UNDO = "DROP FUNCTION indicators_catalogue_moved() CASCADE"


class Migration(migrations.Migration):
    dependencies = [("indicators", "0003_feedback")]
    operations = [
        migrations.CreateModel(
            name="CatalogueVersion",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(default=1)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="catalogueversion_single"
                    )
                ]
            },
        ),
        migrations.RunSQL(MOVED, MOVED_UNDO),
    ]
