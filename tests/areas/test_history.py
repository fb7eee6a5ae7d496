"""Every code that has ended since 2012 leads to what it became."""

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from areas.hierarchy import successors
from areas.history import end_areas, former_names, load_history, read_areas, read_changes
from areas.models import Area, AreaChange, AreaType, GeographyVersion

LOOKUPS = Path(__file__).parents[3] / "shared" / "data" / "lookups"
needs_lookups = pytest.mark.skipif(
    not LOOKUPS.is_dir(), reason="the published lists of codes are not beside this checkout"
)
# Fife and Perth and Kinross are told apart by their names: the yearly list has their lines crossed.
CROSSED = {"S12000015", "S12000024"}


def onward() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in read_changes().filter(pl.col("kind") != "rename").iter_rows(named=True):
        found.setdefault(row["from_code"], set()).add(row["to_code"])
    return found


def today(code: str) -> set[str]:
    """Follow steps until they end, slowly."""
    steps = onward()
    return {code} if code not in steps else {c for new in steps[code] for c in today(new)}


def published(name: str) -> list[dict[str, str]]:
    with (LOOKUPS / name).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_steps_begin_with_codes_that_end_that_day():
    ends = dict(read_areas().select("code", "valid_to").iter_rows())
    steps = read_changes().filter(pl.col("kind") != "rename")
    assert set(steps["from_code"]) == {code for code, day in ends.items() if day}
    assert all(ends[old] == day for old, day in steps.select("from_code", "effective").iter_rows())


def test_the_kind_is_told_by_what_goes_in_and_what_comes_out():
    for row in read_changes().iter_rows(named=True):
        out = onward().get(row["from_code"], set())
        into = {old for old, new in onward().items() if row["to_code"] in new}
        whole = {o for o in into if o[:2] == row["from_code"][:2]}
        match row["kind"]:
            case "split":
                assert len(out) > 1
            case "merge":
                assert len(out) == 1
                assert len(whole) > 1
            case "exchange":
                assert row["weight"] is None, "a break in a series has no share to carry over"
                assert row["from_name"] == row["to_name"]
            case "recode":
                assert out == {row["to_code"]}
            case kind:
                assert kind == "rename"
                assert row["from_code"] == row["to_code"]
                assert row["from_name"] != row["to_name"]


def test_shares_that_are_known_sum_to_one():
    known = read_changes().filter(pl.col("weight").is_not_null()).group_by("from_code")
    assert (known.agg(pl.col("weight").sum())["weight"] - 1).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ("E06000048", {"E06000057"}),
        ("E08000020", {"E08000037"}),
        ("E07000100", {"E07000240"}),
        ("S12000015", {"S12000047"}),
        ("S12000046", {"S12000049"}),
        ("E07000048", {"E06000058"}),
        ("E07000007", {"E06000060"}),
        ("E07000152", {"E06000061"}),
        ("E07000190", {"E06000066"}),
        ("E10000006", {"E06000063", "E06000064"}),
        ("E08000016", {"E08000038"}),
        ("E47000005", {"E47000014"}),
        ("95Y", {"N09000007", "N09000003"}),
    ],
)
def test_known_codes_lead_where_they_should(old, now):
    assert today(old) == now


@needs_lookups
def test_every_district_code_since_2011_is_followed_to_the_one_published_as_active():
    rows = published("lad_codes_2011_onwards.csv")
    assert len(rows) > 400
    assert {r["LADCD"]: {r["LADCD_ACTIVE"]} for r in rows} == {
        r["LADCD"]: today(r["LADCD"]) for r in rows
    }


@needs_lookups
def test_codes_change_in_the_years_that_the_yearly_list_says():
    years = range(2016, 2024)
    theirs = {
        (row[f"ltla{y % 100}_code"], row[f"ltla{y % 100 + 1}_code"], y + 1)
        for row in published("lad_code_changes_2016_2024.csv")
        for y in years
        if row[f"ltla{y % 100}_code"] != row[f"ltla{y % 100 + 1}_code"]
        and row[f"ltla{y % 100}_code"] not in CROSSED
    }
    districts = read_changes().filter(
        (pl.col("from_code").str.slice(0, 3).is_in(["E06", "E07", "E08", "S12", "W06"]))
        & (pl.col("kind") != "rename")
        & pl.col("effective").is_between(date(2016, 4, 2), date(2024, 4, 1))
    )
    ours = {
        (old, new, day.year)
        for old, new, day in districts.select("from_code", "to_code", "effective").iter_rows()
        if old not in CROSSED
    }
    assert ours == theirs


@needs_lookups
def test_names_that_changed_under_one_code_are_those_of_the_yearly_list():
    theirs = {
        row[f"ltla{y}_name"]: row[f"ltla{y}_code"]
        for row in published("lad_code_changes_2016_2024.csv")
        for y in range(16, 24)
        if row[f"ltla{y}_code"] == row[f"ltla{y + 1}_code"]
        and row[f"ltla{y}_name"] != row[f"ltla{y + 1}_name"]
    }
    assert {n: c for n, c in former_names().items() if c[:3] != "E47"} == theirs


# Loading


def add(code: str, name: str, kind: str = "authority") -> Area:
    return Area.objects.create(code=code, name=name, area_type_id=kind, valid_from=date(2009, 1, 1))


@pytest.mark.django_db
def test_history_brings_the_ended_areas_that_lead_to_what_is_held():
    AreaType.objects.filter(slug="combined-authority").delete()
    add("E06000066", "Somerset")
    loaded = load_history()
    assert loaded.areas == 7, "a county, four districts, and two that one of them was made of"
    assert {a.code for a in Area.objects.filter(code__startswith="E07000", valid_to__year__gte=2019)
            if a.code < "E07000900"} == {
        "E07000187", "E07000188", "E07000189", "E07000190", "E07000191", "E07000246",
    }  # fmt: skip
    taunton = Area.objects.get(code="E07000190")
    assert (taunton.name, taunton.valid_to) == ("Taunton Deane", date(2019, 4, 1))
    assert [a.code for a in successors(taunton)] == ["E06000066"]
    assert not Area.objects.filter(code="E07000026").exists(), "Cumberland is not held"
    assert loaded.left_out == read_changes().height - loaded.changes


@pytest.mark.django_db
def test_loading_history_again_changes_nothing():
    add("E06000063", "Cumberland")
    first = load_history()
    assert first.changes > 0
    again = load_history()
    assert (again.areas, again.ended, again.changes) == (0, 0, 0)
    assert again.left_out == first.left_out


@pytest.mark.django_db
def test_an_area_of_an_old_edition_is_given_its_end():
    add("E07000026", "Allerdale")
    assert end_areas() == 1
    assert Area.objects.get(code="E07000026").valid_to == date(2023, 4, 1)
    add("E06000063", "Cumberland")
    load_history()
    assert AreaChange.objects.get(from_area__code="E07000026").kind == "merge"


@pytest.mark.django_db
def test_combined_authorities_come_once_their_type_is_known():
    kind = AreaType.objects.get(slug="combined-authority")
    AreaType.objects.filter(pk=kind.pk).delete()
    load_history()
    assert not Area.objects.filter(code__startswith="E47").exists()
    kind.save(force_insert=True)
    load_history()
    old = Area.objects.get(code="E47000005")
    assert [a.code for a in successors(old)] == ["E47000014"]


@pytest.mark.django_db
def test_the_history_of_the_project_is_rehearsed_then_loaded_by_command(capsys):
    before = AreaChange.objects.count()
    call_command("import_changes", "--builtin")
    assert "dry run" in capsys.readouterr().out
    assert AreaChange.objects.count() == before
    version = GeographyVersion.objects.get().version
    call_command("import_changes", "--builtin", "--commit")
    assert AreaChange.objects.count() > before
    assert GeographyVersion.objects.get().version == version + 1
    call_command("import_changes", "--builtin", "--commit")
    assert "nothing to change" in capsys.readouterr().out
    assert GeographyVersion.objects.get().version == version + 1


@pytest.mark.parametrize("given", [["--builtin", "file.csv"], []])
def test_a_file_or_the_builtin_history_but_not_both(given):
    with pytest.raises(CommandError, match="one of the two"):
        call_command("import_changes", *given)
