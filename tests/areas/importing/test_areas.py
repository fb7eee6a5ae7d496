"""Files of outlines become editions, whatever their format; faults are refused in sentences."""

from __future__ import annotations

import io
import json
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from areas.importing import outlines
from areas.importing.overlaps import OverlapOptions, import_overlaps
from areas.importing.places import AreaOptions, import_areas
from areas.models import Area, AreaType, Boundary, Edition, Member, OverlapSet
from tests import tiny_uk
from tests.areas.importing import files
from tests.areas.importing.files import CODES, NAMES, SHAPES, geojson

pytestmark = pytest.mark.django_db
MAY = date(2025, 5, 1)


def load(file: Path, *, commit: bool = True, **more: Any):
    options: dict[str, Any] = {"edition": "ward-new", "area_type": "ward", "date": MAY} | more
    return import_areas(file=file, options=AreaOptions(**options), commit=commit)


def everything() -> list[Any]:
    """Every row of geography, to compare before and after."""
    tables = ["areatype", "area", "edition", "member", "boundary", "overlapset", "areaoverlap",
              "areachange", "postcode"]  # fmt: skip
    with connection.cursor() as cursor:
        held = []
        for table in tables:
            cursor.execute(f"SELECT * FROM areas_{table} ORDER BY 1")
            held.append(cursor.fetchall())
    return held


@pytest.fixture
def wards(tmp_path) -> Path:
    return files.write(tmp_path, "geojson")


@pytest.mark.parametrize(
    "kind",
    ["geojson", "geojson.gz", "geojson in degrees", "gpkg", "shapefile", "zipped shapefile",
     "geoparquet"],
)  # fmt: skip
def test_the_same_areas_come_out_of_every_format(kind, tmp_path):
    report = load(files.write(tmp_path, kind))
    assert report.problems == []
    edition = Edition.objects.get(slug="ward-new")
    assert list(edition.areas.order_by("code").values_list("code", "name")) == list(
        zip(CODES, NAMES, strict=True)
    )
    for boundary, square in zip(
        Boundary.objects.filter(edition=edition).order_by("area__code"), SHAPES, strict=True
    ):
        held = shapely.from_wkb(bytes(boundary.geometry.wkb))
        assert held.symmetric_difference(square).area < 20  # of a million square metres


def test_a_dry_run_changes_nothing_and_says_what_would_change(wards):
    before = everything()
    report = load(wards, commit=False)
    assert everything() == before
    assert dict(report.facts)["New areas"].startswith("3 (E05000951")
    assert report.outcome() == "Nothing has been changed yet: this was a dry run."


def test_the_same_file_again_changes_nothing(wards):
    load(wards)
    before = everything()
    report = load(wards)
    assert everything() == before
    assert report.outcome() == "All of it is already held: nothing to change."


def test_areas_are_in_the_order_of_their_codes(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson(SHAPES[::-1], CODES[::-1], NAMES[::-1]))
    load(file)
    ordered = Member.objects.filter(edition__slug="ward-new").order_by("ordinal")
    assert tuple(ordered.values_list("area__code", flat=True)) == CODES


def test_another_set_of_areas_for_a_held_edition_is_refused_and_replaced_only_if_asked(
    wards, tmp_path
):
    load(wards)
    other = tmp_path / "other.geojson"
    other.write_text(geojson(SHAPES[:2], CODES[:2], NAMES[:2]))
    report = load(other)
    assert "1 in it are not in the file (E05000953)" in report.problems[0]
    assert Member.objects.filter(edition__slug="ward-new").count() == 3
    assert load(other, replace=True).problems == []
    assert Member.objects.filter(edition__slug="ward-new").count() == 2


def test_an_edition_with_figures_keeps_its_areas(make_indicator, put_live, wards, tmp_path):
    from tests.conftest import shares

    load(wards)
    make_indicator()
    put_live(shares([50.0] * 3, codes=CODES, edition="ward-new"))
    file = tmp_path / "w.geojson"
    file.write_text(geojson(SHAPES[:2], CODES[:2], NAMES[:2]))
    report = load(file, replace=True)
    assert "load the new set as a new edition" in " ".join(report.problems)
    assert Member.objects.filter(edition__slug="ward-new").count() == 3


def test_moved_outlines_are_refused_and_replaced_only_if_asked(wards, tmp_path):
    load(wards)
    moved = tmp_path / "moved.geojson"
    moved.write_text(geojson([shapely.box(400_000, 300_000, 401_000, 301_500), *SHAPES[1:]]))
    report = load(moved)
    assert "1 outline of ward-new differ from those held (E05000951)" in report.problems[0]
    assert load(moved, replace=True).problems == []
    assert Boundary.objects.get(
        edition__slug="ward-new", area__code=CODES[0]
    ).geometry.area == pytest.approx(1_500_000)


def test_a_held_area_keeps_its_known_dates_and_takes_the_newest_name(tmp_path):
    file = tmp_path / "w.geojson"
    squares = [SHAPES[0]] * 1
    file.write_text(geojson(squares, [tiny_uk.WARDS[0]], ["New Ashby"]))
    report = load(file)
    ward = Area.objects.get(code=tiny_uk.WARDS[0])
    assert ward.name == "New Ashby"
    assert ward.valid_from == tiny_uk.START
    assert "Ashby Upper → New Ashby" in dict(report.facts)["Names that differ"]


def test_an_older_file_does_not_take_the_name_away(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson(SHAPES[:1], [tiny_uk.WARDS[0]], ["Old Ashby"]))
    load(file, date=date(2001, 1, 1))
    ward = Area.objects.get(code=tiny_uk.WARDS[0])
    assert ward.name == "Ashby Upper"
    assert ward.valid_from == date(2001, 1, 1)  # Known only as the date of its first edition.


def test_an_area_that_a_later_edition_lacks_has_ended_by_then(tmp_path):
    codes = [f"E0500096{i}" for i in range(6)]
    shapes = [
        shapely.box(400_000 + 1000 * i, 300_000, 401_000 + 1000 * i, 301_000) for i in range(6)
    ]
    early, late = tmp_path / "early.geojson", tmp_path / "late.geojson"
    early.write_text(geojson(shapes, codes, codes))
    late.write_text(geojson(shapes[:5], codes[:5], codes[:5]))
    load(early, edition="early", date=date(2020, 5, 1))
    load(late, edition="late")
    assert Area.objects.get(code=codes[5]).valid_to == MAY
    assert Area.objects.get(code=codes[0]).valid_to is None


def test_an_edition_between_the_two_moves_the_end_and_a_later_one_takes_it_back(tmp_path):
    codes = [f"E0500096{i}" for i in range(6)]
    shapes = [files.square(i) for i in range(6)]
    whole, less = tmp_path / "whole.geojson", tmp_path / "less.geojson"
    whole.write_text(geojson(shapes, codes, codes))
    less.write_text(geojson(shapes[:5], codes[:5], codes[:5]))
    load(whole, edition="early", date=date(2020, 5, 1))
    load(less, edition="late")
    load(less, edition="between", date=date(2022, 5, 1))
    assert Area.objects.get(code=codes[5]).valid_to == date(2022, 5, 1)
    assert load(whole, edition="latest", date=date(2026, 5, 1)).problems == []
    assert Area.objects.get(code=codes[5]).valid_to is None


def test_a_list_without_outlines_ends_nothing(tmp_path):
    codes = [f"E0500096{i}" for i in range(6)]
    whole, less = tmp_path / "whole.geojson", tmp_path / "less.csv"
    whole.write_text(geojson([files.square(i) for i in range(6)], codes, codes))
    less.write_text("WD25CD,WD25NM\n" + "".join(f"{c},x\n" for c in codes[:5]))
    load(whole, edition="early", date=date(2020, 5, 1))
    assert load(less, edition="late", no_outlines=True).problems == []
    assert Area.objects.get(code=codes[5]).valid_to is None


def test_an_edition_of_a_few_wards_ends_no_others(wards):
    load(wards)
    assert not Area.objects.filter(code__in=tiny_uk.WARDS, valid_to__isnull=False).exists()


def test_parents_named_in_the_file_become_an_exact_set(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(
        geojson(LAD25CD=[tiny_uk.COUNCILS[0], tiny_uk.COUNCILS[0], tiny_uk.COUNCILS[1]])
    )
    report = load(file, parent_column="LAD25CD", parent_edition="authority")
    assert report.problems == []
    links = OverlapSet.objects.get(slug="ward-new-to-authority").overlaps
    assert set(links.values_list("from_area__code", "to_area__code")) == {
        (CODES[0], tiny_uk.COUNCILS[0]),
        (CODES[1], tiny_uk.COUNCILS[0]),
        (CODES[2], tiny_uk.COUNCILS[1]),
    }


def test_unknown_parents_are_refused(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson(LAD25CD=["E06000999"] * 3))
    report = load(file, parent_column="LAD25CD", parent_edition="authority")
    assert "1 code is not in authority (E06000999)" in report.problems[0]
    assert not Edition.objects.filter(slug="ward-new").exists()


def test_a_bow_tie_is_repaired_and_counted(tmp_path):
    bow = shapely.Polygon([(400_000, 300_000), (401_000, 301_000), (401_000, 300_000),
                           (400_000, 301_000)])  # fmt: skip
    file = tmp_path / "w.geojson"
    file.write_text(geojson([bow, *SHAPES[1:]]))
    report = load(file)
    assert dict(report.facts)["Outlines repaired"] == "1 (E05000951)"
    assert Boundary.objects.get(
        area__code=CODES[0], edition__slug="ward-new"
    ).geometry.area == pytest.approx(500_000)


def test_an_upper_tier_holds_counties_and_authorities(tmp_path):
    file = tmp_path / "u.geojson"
    file.write_text(
        geojson(SHAPES, ["E06000901", "E06000902", "E10000901"], ["A", "B", "C"], code="UTLA25CD")
    )
    report = load(file, edition="upper-new", area_type="upper-tier")
    assert report.problems == []
    assert Area.objects.get(code="E10000901").area_type_id == "county"
    assert Area.objects.get(code="E06000901").area_type_id == "authority"
    wards = tmp_path / "w.geojson"
    wards.write_text(geojson(SHAPES, ["E06000901", *CODES[1:]], NAMES))
    assert "1 code is of another type than ward (authority: E06000901)" in load(wards).problems[0]


def test_a_new_type_of_area_is_made_with_its_file_and_not_without(tmp_path, wards):
    assert "There is no type of area 'beat'" in load(wards, area_type="beat").problems[0]
    file = tmp_path / "b.geojson"
    file.write_text(geojson(codes=["B01", "B02", "B03"], code="code"))
    options = {"edition": "beat-1", "area_type": "beat", "new_type": "police beat,police beats,63"}
    assert load(file, commit=False, **options).problems == []
    assert not AreaType.objects.filter(slug="beat").exists()
    assert load(file, **options).problems == []
    assert AreaType.objects.get(slug="beat").rank == 63
    taken = load(file, edition="beat-2", area_type="beet", new_type="beet,beets,60")
    assert taken.problems == ["Rank 60 is taken by ward: choose another."]


FAULTS = {
    "a code of another type": (
        {"codes": ["E06000901", *CODES[1:]]},
        "1 code is of another type than ward (authority: E06000901)",
    ),
    "a code twice": ({"codes": [CODES[0], CODES[0], CODES[2]]}, "1 code stands in the file more"),
    "no code": ({"codes": [None, *CODES[1:]]}, "1 row has no code"),
    "a malformed code": ({"codes": ["E05 1", *CODES[1:]]}, "1 code is not written as codes are"),
    "no outline": ({"shapes": [None, *SHAPES[1:]]}, "1 area has no outline (E05000951)"),
    "an empty outline": (
        {"shapes": [shapely.Polygon(), *SHAPES[1:]]},
        "1 area has no outline (E05000951)",
    ),
    "a point": (
        {"shapes": [shapely.Point(400_000, 300_000), *SHAPES[1:]]},
        "1 area is a point or a line, not an outline (E05000951)",
    ),
    "no extent": (
        {"shapes": [shapely.Polygon([(4e5, 3e5), (4.1e5, 3e5), (4e5, 3e5)]), *SHAPES[1:]]},
        "no extent even after repair (E05000951)",
    ),
    "metres called degrees": ({"crs": None}, "add --crs EPSG:27700"),
    "degrees called metres": ({"shapes": files.degrees()}, "add --crs EPSG:4326"),
    "latitude first": (
        {"shapes": [shapely.transform(s, lambda p: p[:, ::-1]) for s in files.degrees()],
         "crs": None},
        "Latitude stands before longitude",
    ),
    "another country": (
        {"shapes": [shapely.box(2, 48, 2.1, 48.1)] * 3, "crs": None},
        "Say which coordinates the file uses",
    ),
    "a long name": ({"names": ["x" * 121, *NAMES[1:]]}, "more than 120 characters"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_a_sentence_and_loads_nothing(fault, tmp_path):
    changes, sentence = FAULTS[fault]
    file = tmp_path / "w.geojson"
    file.write_text(geojson(**changes))
    before = everything()
    report = load(file)
    assert any(sentence in problem for problem in report.problems), report.problems
    assert everything() == before


def test_several_faults_are_told_at_once(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson(codes=["E06000901", None, "E05 1"]))
    assert len(load(file).problems) == 3


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_coordinates_that_are_no_numbers_are_refused(number, tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson().replace("400000.0", number, 1))
    before = everything()
    report = load(file)
    assert report.problems
    assert everything() == before


def test_areas_that_ended_before_the_date_are_refused(tmp_path):
    file = tmp_path / "w.geojson"
    file.write_text(geojson(SHAPES[:1], ["E07000901"], ["Old Cedar"], code="LAD25CD"))
    report = load(file, edition="authority-new", area_type="authority")
    assert "1 area ended on or before 1 May 2025 (E07000901)" in report.problems[0]


def test_a_table_without_outlines_makes_an_edition(tmp_path):
    file = tmp_path / "lookup.csv"
    file.write_text("OA21CD,WD25CD,WD25NM\nE00000001,E05000951,Elm\nE00000002,E05000951,Elm\n")
    assert "holds no outlines" in load(file).problems[0]
    report = load(file, no_outlines=True)
    assert report.problems == []
    assert Edition.objects.get(slug="ward-new").areas.get().name == "Elm"
    assert not Boundary.objects.filter(edition__slug="ward-new").exists()


def test_two_columns_that_could_be_the_codes_are_asked_about(tmp_path):
    file = tmp_path / "lookup.csv"
    file.write_text("WD17CD,WD19CD\nE05000951,E05000952\n")
    report = load(file, no_outlines=True)
    assert "Several columns could hold the codes (WD17CD, WD19CD)" in report.problems[0]
    assert load(file, no_outlines=True, date=date(2019, 5, 1)).problems == []


def test_layers_are_asked_about(tmp_path):
    from pyogrio import raw

    path = tmp_path / "two.gpkg"
    wkb = np.array(shapely.to_wkb(np.array(SHAPES)), dtype=object)
    for layer in ("one", "two"):
        raw.write(path, wkb, [np.array(CODES, dtype=object)], ["WD25CD"], layer=layer,
                  geometry_type="Polygon", crs="EPSG:27700", append=layer == "two")  # fmt: skip
    assert "has 2 layers (one, two). Say which with --layer" in load(path).problems[0]
    assert "no layer 'three'" in load(path, layer="three").problems[0]
    assert load(path, layer="two").problems == []


def test_an_outline_of_millions_of_points_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(outlines, "MOST_POINTS", 50)
    file = tmp_path / "w.geojson"
    round_one = shapely.Point(400_500, 300_500).buffer(400, quad_segs=64)
    file.write_text(geojson([round_one, *SHAPES[1:]]))
    assert "E05000951 alone 257. Use the generalised file" in load(file).problems[0]


def test_the_command_prints_the_report_and_draws_maps_only_after_a_commit(
    wards, settings, tmp_path
):
    settings.TILE_DIR = tmp_path / "tiles"
    out = io.StringIO()
    given_ = [str(wards), "--edition=ward-new", "--type=ward", "--date=2025-05-01"]
    call_command("import_areas", *given_, stdout=out)
    assert "Add --commit to make these changes." in out.getvalue()
    assert not Edition.objects.filter(slug="ward-new").exists()
    call_command("import_areas", *given_, "--commit", stdout=out)
    assert Edition.objects.get(slug="ward-new").tile_hash
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("import_areas", *given_[:-1], "--date=2024-05-01", "--commit", stdout=out)


# A coverage of wavy cells: every border is shared by two of them, point for point.
waves = st.lists(st.floats(-120, 120), min_size=24, max_size=24)


def wavy(bends: list[float]) -> list[shapely.Polygon]:
    """Return four columns parted by wavy lines of eight points each."""
    lines = []
    for i in range(5):
        inner = bends[8 * (i - 1) : 8 * i] if 0 < i < 4 else [0.0] * 8
        lines.append(
            [(400_000 + 1000 * i + dx, 300_000 + 100 * j) for j, dx in enumerate(inner, start=1)]
        )
        x = 400_000 + 1000 * i
        lines[-1] = [(x, 300_000), *lines[-1], (x, 301_000)]
    return [shapely.Polygon([*a, *b[::-1]]) for a, b in pairwise(lines)]


@settings(max_examples=60, deadline=None)
@given(bends=waves, metres=st.floats(1, 300))
def test_shared_borders_stay_shared_when_simplified(bends, metres):
    cells = np.array(wavy(bends))
    simple = outlines.simplify(outlines.polygons(cells), metres)
    assert shapely.is_valid(simple).all()
    whole = shapely.union_all(simple)
    # No gap and no overlap: the parts fill the whole once, and the outer square stays.
    assert shapely.area(simple).sum() == pytest.approx(whole.area, rel=1e-9)
    assert whole.equals(shapely.union_all(cells))
    assert shapely.get_num_coordinates(simple).sum() <= shapely.get_num_coordinates(cells).sum()
    for left, right in pairwise(simple):
        shared = left.intersection(right)
        assert shared.area == pytest.approx(0, abs=1e-6)
        assert shared.length >= 1000 - 1e-6


# What lies in what.


def lookup(tmp_path: Path, text: str, name: str = "lookup.csv", **more: Any):
    file = tmp_path / name
    file.write_bytes(text.encode(more.pop("encoding", "utf-8")))
    options = {"from_edition": "lsoa", "to_edition": "ward", "kind": "best-fit"} | more
    return import_overlaps(file=file, options=OverlapOptions(**options), commit=True)


def rows_of(links: dict[str, str]) -> str:
    return "LSOA11CD,LSOA11NM,WD17CD\n" + "".join(f"{a},x,{b}\n" for a, b in links.items())


WARD_OF = {c: tiny_uk.WARDS[i // 2] for i, c in enumerate(tiny_uk.NEIGHBOURHOODS)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_lookup_becomes_a_set_in_any_encoding(encoding, tmp_path):
    OverlapSet.objects.get(slug="lsoa-ward").delete()
    report = lookup(tmp_path, rows_of(WARD_OF).replace(",x,", ",Môn,"), encoding=encoding)
    assert report.problems == []
    made = OverlapSet.objects.get(slug="lsoa-to-ward")
    assert dict(made.overlaps.values_list("from_area__code", "to_area__code")) == WARD_OF


def test_a_set_that_differs_is_refused_and_replaced_only_if_asked(tmp_path):
    report = lookup(tmp_path, rows_of(WARD_OF))
    assert "lsoa-ward is held already and differs for 1 area (E01000904)" in report.problems[0]
    assert lookup(tmp_path, rows_of(WARD_OF), replace=True).problems == []
    assert lookup(tmp_path, rows_of(WARD_OF)).outcome().startswith("All of it is already held")


def test_missing_and_unknown_areas_are_counted_and_named(tmp_path):
    OverlapSet.objects.get(slug="lsoa-ward").delete()
    links = dict(list(WARD_OF.items())[:15]) | {"E01999999": "E05999999"}
    report = lookup(tmp_path, rows_of(links))
    words = " ".join(report.problems)
    assert "1 code is not in lsoa (E01999999)" in words
    assert "1 area of the 16 in lsoa is not in the file (S01000904)" in words
    assert not OverlapSet.objects.filter(
        from_edition__slug="lsoa", to_edition__slug="ward"
    ).exists()
    assert lookup(tmp_path, rows_of(links), partial=True, set_aside=True).problems == []


def test_an_area_in_two_wards_is_refused_as_best_fit_and_loads_with_weights(tmp_path):
    OverlapSet.objects.get(slug="lsoa-ward").delete()
    first = tiny_uk.NEIGHBOURHOODS[0]
    text = "LSOA11CD,WD17CD,people,share\n"
    text += "".join(f"{a},{b},10,1\n" for a, b in WARD_OF.items() if a != first)
    text += f"{first},{tiny_uk.WARDS[0]},30,0.7\n{first},{tiny_uk.WARDS[1]},10,0.2\n"
    assert (
        f"1 area lies in more than one area of ward ({first})" in lookup(tmp_path, text).problems[0]
    )
    apportioned = {"kind": "apportioned"}
    assert "needs weights" in lookup(tmp_path, text, **apportioned).problems[0]
    off = lookup(tmp_path, text, weight_column="share", **apportioned)
    assert "The weights of 1 area do not sum to 1 (E01000901: 0.9)" in off.problems[0]
    assert lookup(tmp_path, text, shares_of="people", **apportioned).problems == []
    made = OverlapSet.objects.get(from_edition__slug="lsoa", kind="apportioned")
    weights = made.overlaps.filter(from_area__code=first).values_list("to_area__code", "weight")
    assert dict(weights) == {tiny_uk.WARDS[0]: 0.75, tiny_uk.WARDS[1]: 0.25}


def test_a_workbook_with_a_title_is_read_below_it(tmp_path):
    import xlsxwriter

    OverlapSet.objects.get(slug="lsoa-ward").delete()
    path = tmp_path / "lookup.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Notes").write(0, 0, "Read me")
        sheet = book.add_worksheet("Data")
        sheet.write(0, 0, "Best fit of neighbourhoods to wards")
        sheet.write_row(2, 0, ["LSOA11CD", "WD17CD"])
        for i, pair in enumerate(WARD_OF.items(), start=3):
            sheet.write_row(i, 0, pair)
    options = OverlapOptions(from_edition="lsoa", to_edition="ward", kind="best-fit")
    assert import_overlaps(file=path, options=options, commit=True).problems == []


def test_columns_of_json_are_read_and_sparse_ones_too(tmp_path):
    from areas.importing.files import Source
    from areas.importing.tables import read_table

    path = tmp_path / "list.json"
    path.write_text(
        json.dumps({"areacd": ["E1", "E2"], "areanm": ["A", None], "start": {"1": 2024}})
    )
    table = read_table(Source("list.json", path, "geojson"))
    assert table.rows() == [("E1", "A", None), ("E2", None, "2024")]


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ("WD24CD", ("WD", "ward", "24", "code")),
        ("LAD24NMW", ("LAD", "authority", "24", "welsh")),
        ("lad25cd", ("LAD", "authority", "25", "code")),
        ("ltla20_code", ("LTLA", "authority", "20", "code")),
        ("msoa11_name_cy", ("MSOA", "msoa", "11", "welsh")),
        ("DZ2011_Code", ("DZ", "lsoa", "11", "code")),
        ("LADCD_ACTIVE", ("LAD_ACTIVE", "authority", "", "code")),
        ("lad_code_2019", ("LAD", "authority", "19", "code")),
        ("areacd", ("AREA", None, "", "code")),
        ("code", ("", None, "", "code")),
        ("MSOAHCLNM", ("", None, "", "known_as")),
    ],
)
def test_headings_are_read_as_publishers_write_them(column, what):
    from areas.importing.columns import read_heading

    heading = read_heading(column)
    assert heading is not None
    assert heading[1:] == what


@pytest.mark.parametrize("column", ["FID", "LONG", "BNG_E", "population", "MSOAHCLNMW", ""])
def test_other_headings_mean_nothing(column):
    from areas.importing.columns import read_heading

    assert read_heading(column) is None
