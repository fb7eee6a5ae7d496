"""Other numberings of areas: loaded from any table that has both, then understood in files."""

from __future__ import annotations

import json
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from areas.importing.numbers import NumberOptions, import_numbers
from areas.models import AreaNumber
from indicators.models import Observation, Release
from tests import tiny_uk
from tests.areas.importing.test_areas import everything

pytestmark = pytest.mark.django_db

ASHBY, BIRCH, CEDAR, _ = tiny_uk.COUNCILS
AS_THE_DEPARTMENT = (
    "time_period,geographic_level,country_code,region_code,old_la_code,la_name,new_la_code,pupils\n"
    "202021,National,E92000001,,,,,999\n"
    f"202021,Local authority,E92000001,E12000901,801,Ashby,{ASHBY},10\n"
    f"202021,Local authority,E92000001,E12000901,802,Birch,{BIRCH},20\n"
    f"202021,Local authority,E92000001,E12000902,803,Cedar,{CEDAR},30\n"
    "202021,Local authority,E92000001,E12000902,804,Elsewhere,E06000999,40\n"
)


def load(tmp_path: Path, text: str, *, scheme: str = "DfE", commit: bool = True, **more):
    file = tmp_path / "lookup.csv"
    file.write_text(text)
    return import_numbers(file=file, options=NumberOptions(scheme=scheme, **more), commit=commit)


def held() -> dict[str, str]:
    return dict(AreaNumber.objects.values_list("number", "area__code"))


def test_numbers_are_taken_from_any_table_that_has_both(tmp_path):
    report = load(tmp_path, AS_THE_DEPARTMENT)
    assert report.problems == []
    assert held() == {"801": ASHBY, "802": BIRCH, "803": CEDAR}
    facts = dict(report.facts)
    assert facts["Columns"] == "number old_la_code, code new_la_code"
    assert facts["Codes not held, set aside"] == "1"
    assert load(tmp_path, AS_THE_DEPARTMENT).outcome().startswith("All of it is already held")
    nomis = f"GEOGRAPHY,GEOGRAPHY_CODE\n1946157057,{ASHBY}\n"
    assert load(tmp_path, nomis, scheme="Nomis").problems == []
    assert held()["1946157057"] == ASHBY


def test_of_two_codes_of_one_place_the_one_that_stands_is_taken_and_a_number_can_move(tmp_path):
    load(tmp_path, f"old_la_code,new_la_code\n801,{tiny_uk.ENDED[0]}\n801,{ASHBY}\n")
    assert held() == {"801": ASHBY}
    report = load(tmp_path, f"old_la_code,new_la_code\n801,{BIRCH}\n")
    assert dict(report.facts)["Numbers that now stand for another area"] == "1 (801)"
    assert held() == {"801": BIRCH}


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        (f"old_la_code,new_la_code\n801,{ASHBY}\n801,{BIRCH}\n", {}, "two areas that both exist"),
        ("a,b\n801,E06000901\n", {}, "--number-column and --code-column"),
        ("old_la_code,new_la_code\n801,E06000999\n", {}, "None of the file's codes is held"),
        (f"old_la_code,new_la_code\n{'8' * 41},{ASHBY}\n", {}, "1 number longer than 40"),
        (AS_THE_DEPARTMENT, {"scheme": " "}, "whose numbers"),
        (AS_THE_DEPARTMENT, {"code_column": "la_code"}, "--number-column and --code-column"),
        ("old_la_code,new_la_code\n", {}, "headings and no rows"),
    ],
)
def test_faults_are_sentences_and_load_nothing(text, more, sentence, tmp_path):
    before = everything()
    report = load(tmp_path, text, **more)
    assert sentence in report.problems[0]
    assert (held(), everything()) == ({}, before)


def test_of_two_files_in_one_zip_none_is_taken_in_silence(tmp_path):
    file = tmp_path / "lookups.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, AS_THE_DEPARTMENT)
    report = import_numbers(file=file, options=NumberOptions(scheme="DfE"), commit=True)
    assert "lookups.zip holds 2 files" in report.problems[0]
    assert held() == {}


def test_a_number_of_one_numbering_is_not_taken_over_by_another(tmp_path):
    load(tmp_path, AS_THE_DEPARTMENT)
    report = load(tmp_path, f"old_la_code,new_la_code\n801,{BIRCH}\n", scheme="Nomis")
    assert "held already as those of DfE (801)" in report.problems[0]
    assert held()["801"] == ASHBY


def test_a_file_with_numbers_alone_is_imported_once_they_are_loaded(tmp_path, dataset, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    figures = tmp_path / "pupils.csv"
    figures.write_text("LA code,Pupils 2021\n801,11\n802,22\n803,33\n")
    arguments = ("import_release", str(figures), "--dataset", dataset.slug, "--format", "json")
    with pytest.raises(CommandError):
        call_command(*arguments, stdout=StringIO())
    lookup = tmp_path / "lookup.csv"
    lookup.write_text(AS_THE_DEPARTMENT)
    call_command("import_numbers", str(lookup), "--scheme", "DfE", "--commit", stdout=StringIO())
    said = StringIO()
    call_command(*arguments, stdout=said)
    assert json.loads(said.getvalue())["status"] == Release.Status.STAGED
    rows = Observation.objects.filter(series__edition__slug="authority").order_by("value")
    assert list(rows.values_list("area__code", "value")) == [
        (ASHBY, 11.0), (BIRCH, 22.0), (CEDAR, 33.0),
    ]  # fmt: skip
