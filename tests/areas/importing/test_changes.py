"""Code history in every form it is published in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from areas.importing.changes import ChangeOptions, import_changes
from areas.importing.names import NameOptions, import_names
from areas.models import Area, AreaChange
from tests import tiny_uk
from tests.areas.importing.test_areas import everything

pytestmark = pytest.mark.django_db


def load(tmp_path: Path, text: str, *, commit: bool = True, **more):
    file = tmp_path / "changes.csv"
    file.write_text(text)
    return import_changes(file=file, options=ChangeOptions(**more), commit=commit)


def steps(code: str) -> list[tuple[str | None, str, date, float | None]]:
    found = AreaChange.objects.filter(from_area__code=code).order_by("to_area__code")
    return list(found.values_list("to_area__code", "kind", "effective", "weight"))


PLAIN = (
    "from_code,to_code,kind,effective,weight\n"
    "E07000950,E06000950,merge,2021-04-01,\n"
    "E07000951,E06000950,merge,01/04/2021,\n"
    "E07000952,,abolish,2021-04-01,\n"
)


def test_our_own_form_makes_the_areas_it_names(tmp_path):
    report = load(tmp_path, PLAIN)
    assert report.problems == []
    assert steps("E07000951") == [("E06000950", "merge", date(2021, 4, 1), None)]
    assert steps("E07000952") == [(None, "abolish", date(2021, 4, 1), None)]
    old, new = Area.objects.get(code="E07000950"), Area.objects.get(code="E06000950")
    assert (old.area_type_id, old.valid_from, old.valid_to) == (
        "authority", date(2009, 1, 1), date(2021, 4, 1),
    )  # fmt: skip
    assert (new.valid_from, new.valid_to) == (date(2021, 4, 1), None)


def test_the_same_file_again_and_a_dry_run_change_nothing(tmp_path):
    before = everything()
    load(tmp_path, PLAIN, commit=False)
    assert everything() == before
    load(tmp_path, PLAIN)
    before = everything()
    assert load(tmp_path, PLAIN).outcome().startswith("All of it is already held")
    assert everything() == before


def test_changes_of_the_code_history_database_are_read(tmp_path):
    text = (
        "GEOGCD,GEOGNM,GEOGNMW,GEOGCD_P,GEOGNM_P,GEOGNMW_P,SI_ID,SI_TITLE,OPER_DATE,ENTITYCD,YEAR\n"
        "E05000950,Elm,,E05000940,Elm and Fir,,1,Order,01/05/2014 00:00:00,E05,2014\n"
        "E05000951,Fir,,E05000940,Elm and Fir,,1,Order,01/05/2014 00:00:00,E05,2014\n"
        "E05000952,Gorse,,E05000952,Furze,,1,Order,01/05/2014 00:00:00,E05,2014\n"
        "E30000001,A zone,,E30000002,B zone,,1,Order,01/05/2014 00:00:00,E30,2014\n"
    )
    report = load(tmp_path, text)
    assert report.problems == []
    assert [(to, kind) for to, kind, *_ in steps("E05000940")] == [
        ("E05000950", "split"),
        ("E05000951", "split"),
    ]
    assert steps("E05000952") == [("E05000952", "rename", date(2014, 5, 1), None)]
    assert Area.objects.get(code="E05000940").name == "Elm and Fir"
    assert dict(report.facts)["Steps of types not known here, set aside"] == "1 (E30)"


def test_lives_of_codes_are_read(tmp_path):
    text = (
        "GEOGCD,GEOGNM,GEOGNMW,SI_ID,SI_TITLE,OPER_DATE,TERM_DATE,PARENTCD,ENTITYCD,OWNER,STATUS\n"
        "W05000950,Llan,Llan,1,x,01/01/2009,31/12/2011,W06000001,W05,WG,terminated\n"
        "W05000950,Llan,Y Llan,2,y,01/01/2012,05/05/2022,W06000001,W05,WG,terminated\n"
        "W05000951,Pen,,3,z,05/05/2022,,W06000001,W05,WG,live\n"
    )
    report = load(tmp_path, text)
    assert report.problems == []
    area = Area.objects.get(code="W05000950")
    assert (area.name_cy, area.valid_from, area.valid_to) == (
        "Y Llan", date(2009, 1, 1), date(2022, 5, 5),
    )  # fmt: skip
    assert Area.objects.get(code="W05000951").valid_to is None
    assert load(tmp_path, text).outcome().startswith("All of it is already held")


def test_a_code_for_each_year_gives_the_steps_between_them(tmp_path):
    text = (
        "ltla19_code,ltla19_name,ltla20_code,ltla20_name,ltla21_code,ltla21_name\n"
        "E07000950,Elm,E07000950,Elm,E06000950,Wood\n"
        "E07000951,Fir,E07000953,Pine,E06000950,Wood\n"
        "E06000901,Ashby,E06000901,Ashby,E06000901,Ashby\n"
    )
    assert load(tmp_path, text).problems == []
    assert steps("E07000950") == [("E06000950", "merge", date(2021, 4, 1), None)]
    assert steps("E07000951") == [("E07000953", "recode", date(2020, 4, 1), None)]
    assert steps("E06000901") == []
    # Today's successor of an old code is known from the chain, and gives no step of its own.
    text = "LADCD,LADNM,LADCD_ACTIVE\nE07000951,Fir,E06000950\n"
    assert load(tmp_path, text).outcome().startswith("All of it is already held")


def test_two_columns_need_a_date_unless_the_end_is_held(tmp_path):
    text = "LADCD,LADNM,LADCD_ACTIVE,LADNM_ACTIVE\nE07000950,Elm,E06000902,Birch\n"
    assert "gives no date for 1 step (E07000950 → E06000902)" in load(tmp_path, text).problems[0]
    assert load(tmp_path, text, date=date(2020, 4, 1)).problems == []
    held = "LADCD,LADNM,LADCD_ACTIVE\nE07000901,Old Cedar,E06000902\n"
    assert load(tmp_path, held).problems == []
    assert ("E06000902", "recode", date(2019, 4, 1), None) in steps("E07000901")


def test_letters_and_people_give_kinds_and_weights(tmp_path):
    a, b = tiny_uk.NEIGHBOURHOODS[:2]
    text = (
        "lsoa11_code,change_code,lsoa21_code,people\n"
        f"{a},S,E01033950,30\n{a},S,E01033951,10\n{b},U,{b},5\n"
    )
    assert load(tmp_path, text, date=date(2021, 3, 21), shares_of="people").problems == []
    assert steps(a) == [
        ("E01033950", "split", date(2021, 3, 21), 0.75),
        ("E01033951", "split", date(2021, 3, 21), 0.25),
    ]
    assert steps(b) == []


FAULTS = {
    "from_code,to_code,kind,effective\nE07000950,E06000950,moved,2021-04-01\n": "kind that is not",
    "from_code,to_code,kind,effective\nE07000950,E06000950,merge,soon\n": "no date of effect",
    "from_code,to_code,kind,effective\nE07000950,,merge,2021-04-01\n": "has no new code",
    "from_code,to_code,kind,effective\nE07000950,E06000950,abolish,2021-04-01\n": "has a successor",
    "from_code,to_code,kind,effective\nE07 950,E06000950,merge,2021-04-01\n": "not written as",
    "from_code,to_code,kind,effective,weight\nE07000950,E06000950,merge,2021-04-01,2\n": "above 0",
    "from_code,to_code,effective\n" + "E07000950,E06000950,2021-04-01\n" * 2: "more than once",
    "place,time\nhere,now\n": "Say which with --from-column",
    "GEOGCD,GEOGCD_P,OPER_DATE\nE05000950,E05000940,never\n": "no date in OPER_DATE",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_sentences_and_load_nothing(text, tmp_path):
    before = everything()
    report = load(tmp_path, text)
    assert any(FAULTS[text] in problem for problem in report.problems), report.problems
    assert everything() == before


def test_names_are_set_by_code_and_never_emptied(tmp_path):
    file = tmp_path / "names.csv"
    ward, hood = tiny_uk.WARDS[0], tiny_uk.NEIGHBOURHOODS[0]
    file.write_text(f"code,name_cy,name_hcl\n{ward},Aberonnen,\n{hood},,The Green\nE05999999,X,\n")
    report = import_names(file=file, options=NameOptions(), commit=True)
    assert report.problems == []
    assert dict(report.facts)["Codes not held, set aside"] == "1"
    assert Area.objects.get(code=ward).name_cy == "Aberonnen"
    assert Area.objects.get(code=hood).known_as == "The Green"
    before = everything()
    again = import_names(file=file, options=NameOptions(), commit=True)
    assert again.outcome().startswith("All of it is already held")
    assert everything() == before
    file.write_text(f"code,name_cy\n{ward},Un\n{ward},Dau\n")
    clash = import_names(file=file, options=NameOptions(), commit=True)
    assert f"1 code has two different names ({ward})" in clash.problems[0]
