"""The partitioned tables, and the rules of releases that span rows, held by Postgres itself."""

from django.db import migrations

# Partitioned by blocks of series ids. Foreign keys stand on each partition, not here: with
# one here, attaching a partition would lock every reader of areas and series out. `NaN` sorts
# above infinity, so the comparison refuses both. Markers 1 to 4 stand for no value
# (statistics/markers.py).
OBSERVATION = """
CREATE TABLE indicators_observation (
    series_id integer NOT NULL,
    area_id integer NOT NULL,
    value double precision,
    lower double precision,
    upper double precision,
    numerator double precision,
    denominator double precision,
    marker smallint,
    PRIMARY KEY (area_id, series_id),
    CONSTRAINT observation_value_or_reason CHECK (
        (value IS NULL) = (coalesce(marker, 0) BETWEEN 1 AND 4)),
    CONSTRAINT observation_marker CHECK (marker BETWEEN 1 AND 11),
    CONSTRAINT observation_finite CHECK (
        value > '-Infinity' AND value < 'Infinity'
        AND lower > '-Infinity' AND lower < 'Infinity'
        AND upper > '-Infinity' AND upper < 'Infinity'
        AND numerator > '-Infinity' AND numerator < 'Infinity'
        AND denominator > '-Infinity' AND denominator < 'Infinity'),
    CONSTRAINT observation_limits CHECK (lower <= value AND value <= upper)
) PARTITION BY RANGE (series_id);
CREATE INDEX indicators_observation_series ON indicators_observation (series_id);
"""

# No foreign keys: a standing never stands without its observation, which has them.
STANDING = """
CREATE TABLE indicators_standing (
    series_id integer NOT NULL,
    area_id integer NOT NULL,
    group_area_id integer NOT NULL,
    rank integer NOT NULL,
    tied integer NOT NULL,
    out_of integer NOT NULL,
    PRIMARY KEY (area_id, series_id, group_area_id),
    CONSTRAINT standing_order CHECK (rank >= 1 AND tied >= 1 AND rank + tied - 1 <= out_of)
) PARTITION BY RANGE (series_id);
"""

LIVE = """
ALTER TABLE indicators_liveseries ADD CONSTRAINT liveseries_key_is_the_series FOREIGN KEY
    (series_id, indicator_id, breakdown, edition_id, period_id)
    REFERENCES indicators_series (id, indicator_id, breakdown, edition_id, period_id);
INSERT INTO indicators_dataversion (id, version, moved_at) VALUES (1, 1, now());
"""
LIVE_UNDO = "ALTER TABLE indicators_liveseries DROP CONSTRAINT liveseries_key_is_the_series"

AUDIT = """
CREATE FUNCTION indicators_audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is only ever added to.' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER indicators_audit_is_kept BEFORE UPDATE OR DELETE ON indicators_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION indicators_audit_is_kept();
"""
AUDIT_UNDO = "DROP FUNCTION indicators_audit_is_kept() CASCADE"

# Packed arrays are read by position: once one exists, its edition's members stay as they are.
MEMBERS = """
CREATE FUNCTION indicators_members_are_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM indicators_series s JOIN changed c ON c.edition_id = s.edition_id) THEN
        RAISE EXCEPTION 'This edition already has data; load the new set as a new edition.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER indicators_members_are_fixed_insert AFTER INSERT ON areas_member
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION indicators_members_are_fixed();
CREATE TRIGGER indicators_members_are_fixed_update AFTER UPDATE ON areas_member
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION indicators_members_are_fixed();
CREATE TRIGGER indicators_members_are_fixed_delete AFTER DELETE ON areas_member
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION indicators_members_are_fixed();
"""
MEMBERS_UNDO = "DROP FUNCTION indicators_members_are_fixed() CASCADE"


class Migration(migrations.Migration):
    dependencies = [("indicators", "0001_models")]
    operations = [
        migrations.RunSQL(OBSERVATION, "DROP TABLE indicators_observation"),
        migrations.RunSQL(STANDING, "DROP TABLE indicators_standing"),
        migrations.RunSQL(LIVE, LIVE_UNDO),
        migrations.RunSQL(AUDIT, AUDIT_UNDO),
        migrations.RunSQL(MEMBERS, MEMBERS_UNDO),
    ]
