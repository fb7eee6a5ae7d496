"""Rules of geography that span rows, held by Postgres itself.

Statement triggers with transition tables check a whole COPY at once, so the areas of an
edition, and the overlaps of one area in a set, must arrive in one statement.
"""

from django.db import migrations

MEMBERS = """
CREATE FUNCTION areas_member_ordinals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong record;
BEGIN
    SELECT edition_id INTO wrong FROM areas_member
    WHERE edition_id IN (SELECT edition_id FROM changed)
    GROUP BY edition_id HAVING max(ordinal) <> count(*) - 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The ordinals of edition % do not run 0, 1, 2 … without a gap.',
            wrong.edition_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT c.edition_id, c.area_id INTO wrong FROM changed c
    JOIN areas_area a ON a.id = c.area_id JOIN areas_edition e ON e.id = c.edition_id
    JOIN areas_member m ON m.area_id = c.area_id AND m.edition_id = c.edition_id
    WHERE a.area_type_id <> e.area_type_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Area % is not of the type of edition %.', wrong.area_id, wrong.edition_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER areas_member_ordinals_insert AFTER INSERT ON areas_member
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_member_ordinals();
CREATE TRIGGER areas_member_ordinals_update AFTER UPDATE ON areas_member
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_member_ordinals();
CREATE TRIGGER areas_member_ordinals_delete AFTER DELETE ON areas_member
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_member_ordinals();
"""
MEMBERS_UNDO = "DROP FUNCTION areas_member_ordinals() CASCADE"

OVERLAPS = """
CREATE FUNCTION areas_overlap_weights() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wrong record;
BEGIN
    SELECT o.overlap_set_id, o.from_area_id INTO wrong
    FROM areas_areaoverlap o JOIN areas_overlapset s ON s.id = o.overlap_set_id
    JOIN (SELECT DISTINCT overlap_set_id, from_area_id FROM changed) c
      ON c.overlap_set_id = o.overlap_set_id AND c.from_area_id = o.from_area_id
    GROUP BY o.overlap_set_id, o.from_area_id, s.kind
    HAVING CASE WHEN s.kind = 'apportioned' THEN abs(sum(o.weight) - 1) > 1e-6
                ELSE count(*) <> 1 OR min(o.weight) <> 1 END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Area % in overlap set % breaks its kind: exact and best fit need one '
            'parent of weight 1, apportioned weights sum to 1.',
            wrong.from_area_id, wrong.overlap_set_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT o.overlap_set_id, o.from_area_id, o.to_area_id INTO wrong
    FROM changed c JOIN areas_areaoverlap o ON o.id = c.id
    JOIN areas_overlapset s ON s.id = o.overlap_set_id
    LEFT JOIN areas_member f ON f.area_id = o.from_area_id AND f.edition_id = s.from_edition_id
    LEFT JOIN areas_member t ON t.area_id = o.to_area_id AND t.edition_id = s.to_edition_id
    WHERE f.id IS NULL OR t.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Area % or % is not in the editions that overlap set % joins.',
            wrong.from_area_id, wrong.to_area_id, wrong.overlap_set_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER areas_overlap_insert AFTER INSERT ON areas_areaoverlap
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_overlap_weights();
CREATE TRIGGER areas_overlap_update_new AFTER UPDATE ON areas_areaoverlap
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_overlap_weights();
CREATE TRIGGER areas_overlap_update_old AFTER UPDATE ON areas_areaoverlap
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_overlap_weights();
CREATE TRIGGER areas_overlap_delete AFTER DELETE ON areas_areaoverlap
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION areas_overlap_weights();
"""
OVERLAPS_UNDO = "DROP FUNCTION areas_overlap_weights() CASCADE"


class Migration(migrations.Migration):
    dependencies = [("areas", "0002_models")]
    operations = [
        migrations.RunSQL(MEMBERS, MEMBERS_UNDO),
        migrations.RunSQL(OVERLAPS, OVERLAPS_UNDO),
    ]
