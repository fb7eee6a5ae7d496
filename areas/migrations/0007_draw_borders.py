"""Work out the borders of the outlines that are held already; new ones do so when loaded.

All that it needs stands here, and stays as it was: what loads outlines (areas.importing.borders)
may change. Two areas share a border that have a metre or more of line in common or run within 5
metres of each other for 40 metres or more.
"""

from django.db import migrations

DRAW = """
WITH pair AS (
    SELECT p.edition_id, p.area_id AS one, q.area_id AS other, p.geometry AS shape,
        ST_Boundary(p.geometry) AS line, ST_Boundary(q.geometry) AS other_line
    FROM areas_boundary p JOIN areas_boundary q ON q.edition_id = p.edition_id
        AND q.area_id > p.area_id AND ST_DWithin(p.geometry, q.geometry, 5)
    WHERE p.edition_id NOT IN (SELECT edition_id FROM areas_border)
), common AS (
    SELECT *, ST_Length(ST_Intersection(line, other_line)) AS metres FROM pair
), measured AS (
    SELECT edition_id, one, other, CASE WHEN metres >= 40 THEN metres ELSE greatest(metres, (
        SELECT CASE WHEN near >= 40 THEN near ELSE 0 END FROM ST_Length(ST_Intersection(line,
            ST_Buffer(ST_Intersection(other_line, ST_Expand(ST_Envelope(shape), 5)),
                      5, 'quad_segs=2'))) AS near
    )) END AS metres
    FROM common
), kept AS MATERIALIZED (SELECT * FROM measured WHERE metres >= 1)
INSERT INTO areas_border (edition_id, area_id, neighbour_id, metres)
SELECT edition_id, one, other, metres FROM kept
UNION ALL SELECT edition_id, other, one, metres FROM kept
ORDER BY 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [("areas", "0006_border")]
    operations = [migrations.RunSQL(DRAW, migrations.RunSQL.noop, elidable=True)]
