"""Some of the publishers' own files, where the shared pack is beside the project.

The whole list is `python -m tests.bench.shared_pack`; its results are in
docs/geography-tried.md.
"""

from __future__ import annotations

from datetime import date

import pytest
from django.conf import settings

from areas.importing.changes import ChangeOptions, import_changes
from areas.importing.overlaps import OverlapOptions, import_overlaps
from areas.importing.places import AreaOptions, import_areas
from areas.models import Area, AreaChange, Edition

DATA = settings.BASE_DIR.parent / "shared" / "data"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared pack is not beside the project"),
]
BOUNDARIES, LOOKUPS = DATA / "boundaries", DATA / "lookups"


def areas(file: str, edition: str, kind: str, day: str, **more):
    options = AreaOptions(edition=edition, area_type=kind, date=date.fromisoformat(day), **more)
    report = import_areas(file=BOUNDARIES / file, options=options, commit=True)
    assert report.problems == []
    return dict(report.facts)


def test_authorities_of_three_years_stand_side_by_side():
    areas("lad_2019.geojson.gz", "a-2019", "authority", "2019-04-01")
    areas("lad_2021.geojson.gz", "a-2021", "authority", "2021-04-01")
    found = areas("uk_admin_2025.gpkg", "a-2025", "authority", "2025-05-01", layer="lad")
    assert found["Areas already held"] == "355"
    sizes = {slug: Edition.objects.get(slug=slug).areas.count() for slug in
             ("a-2019", "a-2021", "a-2025")}  # fmt: skip
    assert sizes == {"a-2019": 382, "a-2021": 374, "a-2025": 361}
    corby = Area.objects.get(code="E07000150")
    assert (corby.name, corby.valid_to) == ("Corby", date(2021, 4, 1))


def test_files_as_published_are_read_and_repaired():
    file = "as_published/Local_Authority_Districts_May_2024_Boundaries_UK_BSC.geojson"
    found = areas(file, "a-2024", "authority", "2024-05-02")
    assert found["Columns"] == "code LAD24CD, name LAD24NM, Welsh name LAD24NMW"
    assert found["Outlines repaired"].startswith("9 (")
    assert Area.objects.get(code="W06000001").name_cy == "Ynys Môn"


def test_an_upper_tier_of_counties_and_authorities_is_read():
    areas("lad_2021.geojson.gz", "a-2021", "authority", "2021-04-01")
    found = areas("utla_2021.geojson.gz", "u-2021", "upper-tier", "2021-04-01")
    assert found["Outlines read"].startswith("217")
    kinds = Edition.objects.get(slug="u-2021").areas.values_list("area_type_id", flat=True)
    assert set(kinds) == {"county", "authority"}


def test_the_lookup_in_windows_text_and_the_history_of_codes_are_read():
    for edition, kind, column in [("dz", "lsoa", "DZ2011_Code"), ("iz", "msoa", "IZ2011_Code")]:
        options = AreaOptions(edition=edition, area_type=kind, date=date(2011, 3, 27),
                              code_column=column, no_outlines=True)  # fmt: skip
        file = LOOKUPS / "scotland_dz11_lookup_as_published.csv.gz"
        assert import_areas(file=file, options=options, commit=True).problems == []
    report = import_overlaps(
        file=file,
        options=OverlapOptions(from_edition="dz", to_edition="iz", kind="exact"),
        commit=True,
    )
    assert report.problems == []
    assert dict(report.facts)["Links"] == "6,976"
    report = import_changes(
        file=LOOKUPS / "lad_code_changes_2016_2024.csv", options=ChangeOptions(), commit=True
    )
    assert report.problems == []
    after = AreaChange.objects.filter(from_area__code="E07000150").values_list(
        "to_area__code", "kind", "effective"
    )
    assert list(after) == [("E06000061", "merge", date(2021, 4, 1))]
