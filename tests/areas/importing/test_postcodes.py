"""Directories of postcodes, whatever their headings."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest

from areas.importing.postcodes import PostcodeOptions, import_postcodes
from areas.models import Postcode
from tests import tiny_uk
from tests.areas.importing.test_areas import everything

pytestmark = pytest.mark.django_db
W, N = tiny_uk.WARDS, tiny_uk.NEIGHBOURHOODS
HELD = {"AB11AA", "AB11AB", "AB12AA", "DA11AA"}


def load(file: Path, *, commit: bool = True, **more):
    return import_postcodes(file=file, options=PostcodeOptions(**more), commit=commit)


def held(postcode: str) -> tuple:
    fields = ("ward__code", "small_area__code", "easting", "northing", "ended")
    return Postcode.objects.values_list(*fields).get(pk=postcode)


OLD = (
    "pcd,pcd2,pcds,dointr,doterm,oscty,oslaua,osward,oseast1m,osnrth1m,osgrdind,lsoa01,lsoa11,"
    "lat,long\n"
    f"AB1 1AA,AB1  1AA,AB1 1AA,198001,,x,x,{W[1]},0400111,500222,1,E01999999,{N[2]},57,-2\n"
    f"AB1 1AB,AB1  1AB,AB1 1AB,198001,201905,x,x,{W[0]},400501,500502,1,E01999999,{N[1]},57,-2\n"
    f"AB1 2AA,AB1  2AA,AB1 2AA,198001,,x,x,E99999999,,,9,E01999999,E99999999,99.999999,0\n"
    f"DA1 1AA,DA1  1AA,DA1 1AA,198001,,x,x,{W[7]},403500,497500,1,E01999999,{N[15]},57,-2\n"
    f"ZE1 0AA,ZE1  0AA,ZE1 0AA,198001,,x,x,{W[7]},403510,497510,1,E01999999,{N[15]},57,-2\n"
)
NEW = (
    OLD.replace("pcd,pcd2", "pcd7,pcd8").replace("osward", "wd25cd").replace("lsoa11", "lsoa21cd")
    .replace("lsoa01", "lsoa11cd").replace("oseast1m", "east1m").replace("osnrth1m", "north1m")
    .replace("osgrdind", "gridind")
)  # fmt: skip


@pytest.mark.parametrize(("text", "mark"), [(OLD, ""), (NEW, "\ufeff")])
def test_the_headings_of_every_year_are_read(text, mark, tmp_path):
    file = tmp_path / "ONSPD.csv"
    file.write_text(mark + text, encoding="utf-8")
    report = load(file)
    assert report.problems == []
    assert held("AB11AA") == (W[1], N[2], 400_111, 500_222, None)
    assert held("AB11AB") == (W[0], N[1], 400_501, 500_502, date(2019, 5, 1))
    assert held("ZE10AA") == (W[7], N[15], 403_510, 497_510, None)
    # No code, no grid reference: what was held stays.
    assert held("AB12AA") == (W[2], N[4], 400_500, 499_500, None)
    assert dict(report.facts)["New postcodes"] == "1"
    before = everything()
    assert load(file).outcome().startswith("All of it is already held")
    assert everything() == before


def test_a_dry_run_changes_nothing(tmp_path):
    file = tmp_path / "ONSPD.csv"
    file.write_text(OLD)
    before = everything()
    assert dict(load(file, commit=False).facts)["Postcodes that change"] == "2"
    assert everything() == before


def test_code_point_open_is_read_without_headings_and_keeps_neighbourhoods(tmp_path):
    file = tmp_path / "codepo_gb.zip"
    row = '"{}",10,{},{},"S92000003","","S08000001","","S12000001","{}"\n'
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Data/CSV/ab.csv", "".join(
            row.format(p, 400_001, 500_001, W[0]) for p in ("AB1 1AA", "AB11AB", "AB1 2AA")
        ))  # fmt: skip
        archive.writestr("Data/CSV/da.csv", row.format("DA1 1AA", 403_001, 497_001, W[7]))
        archive.writestr("Doc/licence.txt", "Open Government Licence")
        archive.writestr("Doc/Code-Point_Open_Column_Headers.csv", "PC,PQ\nPostcode,Quality\n")
    report = load(file)
    assert report.problems == []
    assert held("AB12AA") == (W[0], N[4], 400_001, 500_001, None)
    assert Postcode.objects.count() == 4


def test_the_whole_directory_is_taken_before_its_pieces(tmp_path):
    file = tmp_path / "ONSPD.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Data/ONSPD_MAY_2025_UK.csv", OLD)
        lines = OLD.splitlines(keepends=True)
        archive.writestr("Data/multi_csv/ONSPD_MAY_2025_UK_AB.csv", "".join(lines[:2]))
        archive.writestr("Documents/Names.csv", "code,name\nE1,x\n")
    report = load(file)
    assert report.problems == []
    assert dict(report.facts)["Postcodes read"] == "5"


def test_points_come_from_degrees_where_there_are_no_metres(tmp_path):
    file = tmp_path / "sample.csv"
    file.write_text(
        f"postcode,ward_code,lsoa_code,lon,lat\nm15 4ab,{W[0]},{N[0]},-2.26046,53.465578\n"
    )
    assert load(file, part=True).problems == []
    _, _, east, north, _ = held("M154AB")
    # Old Trafford on the National Grid, to the few metres that the transformation is good for.
    assert abs(east - 382_800) < 60
    assert abs(north - 396_500) < 120
    assert set(Postcode.objects.values_list("pk", flat=True)) > HELD


def test_a_part_of_the_country_is_not_taken_for_the_whole(tmp_path):
    file = tmp_path / "part.csv"
    file.write_text(f"postcode,ward,lsoa11\nAB1 1AA,{W[1]},{N[0]}\n")
    before = everything()
    assert "lacks 3 of the 4 live postcodes held" in load(file).problems[0]
    assert everything() == before
    assert load(file, replace=True).problems == []
    assert set(Postcode.objects.values_list("pk", flat=True)) == {"AB11AA"}


def test_ended_postcodes_stay_when_a_directory_leaves_them_out(tmp_path):
    Postcode.objects.filter(pk="DA11AA").update(ended=date(2020, 1, 1))
    file = tmp_path / "live.csv"
    file.write_text(
        "postcode,ward\n" + "".join(f"{p},{W[0]}\n" for p in ("AB11AA", "AB11AB", "AB12AA"))
    )
    assert load(file).problems == []
    assert held("DA11AA")[-1] == date(2020, 1, 1)


def test_the_newest_vintage_that_is_held_is_taken(tmp_path):
    file = tmp_path / "two.csv"
    file.write_text(
        "pcds,lsoa11,lsoa21\n"
        + "".join(f"{p},{N[3]},E0199999{i}\n" for i, p in enumerate(sorted(HELD)))
    )
    report = load(file)
    assert "small_area lsoa11" in dict(report.facts)["Columns"]
    assert {held(p)[1] for p in HELD} == {N[3]}


def test_faults_are_sentences_and_change_nothing(tmp_path):
    file = tmp_path / "bad.csv"
    before = everything()
    for text, sentence in [
        ("pcds,ward\nAB1 1AA,x\nAB1 1AA,x\n", "1 postcode stands in the file more than once"),
        ("pcds,ward\nNOT ONE,x\nAB1 1AA,x\n", "no postcode in the right form"),
        ("code,name\nE1,x\n", "is not a directory of postcodes"),
        ("pcds,ward\n", "holds no postcodes"),
        ("pcds,ward\nAB1 1AA,x,y,z\n", "does not read as a table"),
    ]:
        file.write_text(text)
        report = load(file)
        assert any(sentence in p for p in report.problems), (text, report.problems)
    assert everything() == before
