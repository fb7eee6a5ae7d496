"""What a reader may paste, and what is kept of it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from areas.groups import (
    GroupRefused,
    make_group,
    pieces,
    plain_words,
    read_pasted,
    runs,
    split_names,
)
from areas.models import Area, AreaChange, AreaGroup, GroupMember
from tests.conftest import NOON
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, START, WARDS

pytestmark = pytest.mark.django_db
patiently = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def codes(pasted) -> list[str]:
    by_pk = Area.objects.in_bulk(pasted.area_ids)
    return [by_pk[pk].code for pk in pasted.area_ids]


def ids(*wanted: str) -> list[int]:
    by_code = {a.code: a.pk for a in Area.objects.filter(code__in=wanted)}
    return [by_code[c] for c in wanted]


@pytest.mark.parametrize(
    "text",
    [
        "E06000901\nE06000902\nE06000903",
        "E06000901, E06000902, E06000903",
        "e06000901; Birch\n  cedar ",
        "E06000901\tAshby\nE06000902\tBirch\nE06000903\tCedar",
        "Ashby (E06000901)\n• Birch\n- Cedar",
        "Ashby,Birch,Cedar",
        "\ufeff'Ashby'\r\n\"Birch\"\r\n\r\nCedar\r\n",
        "E06000901 E06000902 E06000903",
        "ASHBY\x0bBirch\x00\nCedar, Ashby",
    ],
)
def test_codes_and_names_in_any_mix_are_the_same_areas(text):
    pasted = read_pasted(text)
    assert codes(pasted) == list(COUNCILS[:3])
    assert pasted.unresolved == []


def test_a_welsh_or_gaelic_name_is_a_name():
    assert codes(read_pasted("An Dail\nAshby")) == ["S12000901", "E06000901"]


def test_repeats_are_kept_once_and_counted():
    pasted = read_pasted("Ashby\nE06000901\nAshby, Birch")
    assert (codes(pasted), pasted.repeated) == ([COUNCILS[0], COUNCILS[1]], 2)


def test_a_name_with_commas_is_one_name():
    Area.objects.filter(code=COUNCILS[1]).update(name="Birch, City of")
    pasted = read_pasted("Ashby, Birch, City of, Cedar")
    assert codes(pasted) == list(COUNCILS[:3])


def test_what_is_not_an_area_is_said():
    pasted = read_pasted("Ashby\nAtlantis\nE06999999")
    assert codes(pasted) == [COUNCILS[0]]
    assert [(u.text, u.reason) for u in pasted.unresolved] == [
        ("Atlantis", "unknown"),
        ("E06999999", "unknown"),
    ]


def test_a_name_of_several_areas_is_asked_about():
    Area.objects.filter(code=COUNCILS[1]).update(name="Ashby")
    (asked,) = read_pasted("Ashby\nCedar").unresolved
    assert asked.reason == "several"
    assert sorted(asked.choices) == sorted(ids(COUNCILS[0], COUNCILS[1]))


def test_a_name_of_several_types_is_the_type_that_all_the_others_are():
    Area.objects.filter(code=WARDS[4]).update(name="Ashby")
    Area.objects.filter(code=WARDS[5]).update(name="Elsewhere")
    assert codes(read_pasted("Ashby\nBirch")) == [COUNCILS[0], COUNCILS[1]]
    assert codes(read_pasted("Ashby\nElsewhere")) == [WARDS[4], WARDS[5]]
    assert codes(read_pasted("Ashby", "ward")) == [WARDS[4]]
    (asked,) = read_pasted("Birch", "ward").unresolved
    assert asked.reason == "near"
    assert {a.area_type_id for a in Area.objects.filter(pk__in=asked.choices)} == {"ward"}
    assert [u.reason for u in read_pasted("Cedarwood", "uk").unresolved] == ["unknown"]


def test_a_code_of_another_type_than_was_asked_for_is_not_taken():
    pasted = read_pasted(f"{COUNCILS[0]}\n{WARDS[2]}\nBirch Lower", "ward")
    assert codes(pasted) == [WARDS[2], WARDS[3]]
    assert pasted.unresolved == [(COUNCILS[0], "other-type", ids(COUNCILS[0]))]
    # Without a type, codes are what they are; making the group refuses a mixture.
    assert codes(read_pasted(f"{COUNCILS[0]}\n{WARDS[2]}")) == [COUNCILS[0], WARDS[2]]


def test_an_ended_code_offers_what_followed_it():
    (asked,) = read_pasted("E07000902\nAshby").unresolved
    assert asked.reason == "ended"
    assert sorted(asked.choices) == sorted(ids(COUNCILS[0], COUNCILS[1]))


def test_an_area_that_has_ended_but_has_figures_is_kept_when_asked(django_assert_num_queries):
    Area.objects.filter(code=NEIGHBOURHOODS[0]).update(valid_to="2021-01-01")
    assert [u.reason for u in read_pasted(NEIGHBOURHOODS[0]).unresolved] == ["ended"]
    assert codes(read_pasted(NEIGHBOURHOODS[0], keep_ended=True)) == [NEIGHBOURHOODS[0]]


def followed(old: str, *new: str, area_type: str = "authority") -> None:
    gone = Area.objects.create(
        code=old, name=f"Old {old}", area_type_id=area_type, valid_from=START, valid_to="2019-04-01"
    )
    for code in new:
        AreaChange.objects.create(
            from_area=gone, to_area=Area.objects.get(code=code), kind="merge",
            effective="2019-04-01", weight=1 / len(new),
        )  # fmt: skip


def test_an_ended_code_that_one_area_followed_is_taken_as_that_and_said():
    followed("E07000991", COUNCILS[1])
    pasted = read_pasted("E07000991\nAshby\nE07000991")
    assert codes(pasted) == [COUNCILS[1], COUNCILS[0]]
    assert pasted.replaced == [("E07000991", COUNCILS[1])]
    assert (pasted.unresolved, pasted.repeated) == ([], 1)
    assert read_pasted("Ashby").replaced == []


def test_an_ended_name_that_one_area_followed_is_taken_too():
    followed("E07000991", COUNCILS[1])
    Area.objects.filter(code="E07000991").update(name="Old Town")
    pasted = read_pasted("Old Town, Ashby")
    assert codes(pasted) == [COUNCILS[1], COUNCILS[0]]
    assert pasted.replaced == [("Old Town", COUNCILS[1])]


def test_what_followed_in_another_type_is_asked_about():
    followed("E07000991", WARDS[0])
    pasted = read_pasted("E07000991\nAshby")
    assert (pasted.replaced, codes(pasted)) == ([], [COUNCILS[0]])
    assert [(u.reason, u.choices) for u in pasted.unresolved] == [("ended", ids(WARDS[0]))]


@pytest.mark.parametrize("held", ["Ash and Birch", "Ash & Birch"])
@pytest.mark.parametrize("typed", ["Ash and Birch", "ash & birch", "Ash&Birch", "ASH AND BIRCH"])
def test_and_is_written_in_either_way(held, typed):
    Area.objects.filter(code=COUNCILS[1]).update(name=held)
    assert codes(read_pasted(f"{typed}\nCedar")) == [COUNCILS[1], COUNCILS[2]]
    assert codes(read_pasted(f"Cedar, {typed}, Ashby")) == [COUNCILS[2], COUNCILS[1], COUNCILS[0]]


def test_a_name_with_a_slip_is_asked_about_with_the_names_near_it():
    Area.objects.filter(code=COUNCILS[1]).update(name="Hartlepool")
    Area.objects.filter(code=COUNCILS[2]).update(name="Hartlebury", valid_to="2020-01-01")
    pasted = read_pasted("Ashby\nHartelpool\nXyzzyx")
    assert codes(pasted) == [COUNCILS[0]]
    assert pasted.unresolved == [
        ("Hartelpool", "near", ids(COUNCILS[1])),
        ("Xyzzyx", "unknown", []),
    ]


def test_near_names_are_of_the_type_asked_for_and_current():
    Area.objects.filter(code=COUNCILS[1]).update(name="Hartlepool")
    Area.objects.filter(code=WARDS[1]).update(name="Hartlepool")
    assert read_pasted("Hartelpool", "ward").unresolved[0].choices == ids(WARDS[1])
    Area.objects.filter(code=WARDS[1]).update(valid_to="2020-01-01")
    assert read_pasted("Hartelpool", "ward").unresolved == [("Hartelpool", "unknown", [])]


def slow_likeness(one: str, other: str) -> float:
    """Letters in threes that two names share, of all they have, as pg_trgm says it counts them."""

    def threes(text: str) -> set[str]:
        return {f"  {w} "[i : i + 3] for w in text.lower().split() for i in range(len(w) + 1)}

    return len(threes(one) & threes(other)) / len(threes(one) | threes(other))


@pytest.mark.parametrize(
    "typed", ["Hartelpool", "Hartlepol", "Harpool", "Hart", "Pool Hartle", "Middlesboro", "Carlow"]
)
def test_near_names_agree_with_a_slow_way(typed):
    names = ["Hartlepool", "Harlow", "Middlesbrough", "Cedar Hartle"]
    for code, name in zip(COUNCILS, names, strict=False):
        Area.objects.filter(code=code).update(name=name)
    likely = [(-slow_likeness(typed, n), c) for n, c in zip(names, COUNCILS, strict=False)]
    near = [code for likeness, code in sorted(likely) if likeness <= -0.4][:3]
    (asked,) = read_pasted(typed, "authority").unresolved
    assert asked.choices == ids(*near)


def test_five_queries_however_long_the_list(django_assert_num_queries):
    text = "\n".join([*NEIGHBOURHOODS, *WARDS, "Ashby", "Atlantis", "E07000991"] * 20)
    followed("E07000991", COUNCILS[1])
    with django_assert_num_queries(5):
        read_pasted(text)


def test_lists_that_nobody_means_are_refused_with_a_sentence():
    for text in ("x" * 200_001, "a\n" * 4_001, "a," * 20_000):
        with pytest.raises(GroupRefused, match=r"\.$"):
            read_pasted(text)


def slow_split(entry: str, names: set[str]) -> list[str]:
    """Every way to cut a line at its commas; the one that leaves most parts in names is taken."""
    parts = [p.strip() for p in entry.split(",")]
    found: list[str] = []
    at = 0
    while at < len(parts):
        for length in (len(parts) - at, 3, 2, 1):
            label = ", ".join(parts[at : at + length])
            if length == len(parts) and at == 0 and label in names:
                return [label]
            if length <= 3 and at + length <= len(parts) and label in names:
                found.append(label)
                at += length
                break
        else:
            if parts[at]:
                found.append(parts[at])
            at += 1
    return found


@given(st.lists(st.sampled_from(["Ash", "Birch", "City of", "Cedar", "x", ""]), min_size=1))
def test_cutting_a_line_at_its_commas_agrees_with_a_slow_way(parts):
    names = {"Ash", "Birch, City of", "Cedar", "Birch"}
    entry = ",".join(parts)
    by_name = {name: [] for name in names}
    if not any(p for p in parts):
        return
    assert [label for label, _ in split_names(entry, by_name)] == slow_split(entry, names)


@given(st.text())
def test_nothing_pasted_breaks_the_reader(text):
    for piece in pieces(text):
        assert piece.strip()
        for start, end, label in runs(piece):
            assert 0 <= start < end
            assert isinstance(label, str)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_areas(text):
    pasted = read_pasted(text.replace("\x00", ""))
    assert len(set(pasted.area_ids)) == len(pasted.area_ids)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(COUNCILS), min_size=1, unique=True),
    st.sampled_from(["\n", ",", "; ", "\r\n", " , ", "\n\n", "\t"]),
    st.booleans(),
)
def test_what_is_listed_is_what_is_read(wanted, between, by_name):
    names = dict(Area.objects.values_list("code", "name"))
    text = between.join(names[c] if by_name else c.lower() for c in wanted)
    assert codes(read_pasted(text, "authority")) == wanted


# Keeping


def test_a_group_is_kept_with_its_members_in_order():
    group = make_group(name=" Two  councils ", area_ids=ids(*COUNCILS[:2]), at=NOON, made_by="Us")
    assert (group.name, group.made_by, group.n_members) == ("Two councils", "Us", 2)
    assert group.area_type_id == "authority"
    members = GroupMember.objects.filter(group=group).order_by("pk")
    assert [m.area.code for m in members] == list(COUNCILS[:2])
    other = make_group(name="Two councils", area_ids=ids(*COUNCILS[:2]), at=NOON)
    assert other.token != group.token


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "no name"),
        ({"name": " \t "}, "no name"),
        ({"name": "x" * 121}, "longer than 120"),
        ({"name": "<script>alert(1)</script>"}, "plain words"),
        ({"name": "a\u202eb"}, "cannot be shown"),
        ({"made_by": "<b>"}, "plain words"),
        ({"made_by": "x" * 81}, "longer than 80"),
        ({"codes": COUNCILS[:1]}, "at least two"),
        ({"codes": (COUNCILS[0], COUNCILS[0])}, "at least two"),
        ({"codes": ()}, "at least two"),
        ({"codes": (COUNCILS[0], WARDS[0])}, "one type"),
        ({"extra": [10**9]}, "no longer held"),
        ({"extra": list(range(10**6, 10**6 + 2_000))}, "at most 2,000"),
    ],
)
def test_a_group_that_cannot_be_is_refused_with_a_sentence(changes, said):
    fields = {"name": "Mine", "codes": COUNCILS[:2], "made_by": "", "extra": []} | changes
    with pytest.raises(GroupRefused, match=said) as refused:
        make_group(
            name=fields["name"],
            area_ids=[*ids(*dict.fromkeys(fields["codes"])), *fields["extra"]],
            made_by=fields["made_by"],
            at=NOON,
        )
    assert str(refused.value).endswith((".", "type"))
    assert not AreaGroup.objects.exists()


def test_plain_words_are_on_one_line():
    assert plain_words("  a\n b\tc ", 10, "name") == "a b c"
