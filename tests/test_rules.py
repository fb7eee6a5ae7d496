"""Each rule that Postgres holds, and an attempt to break it."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F

from areas.models import (
    Area,
    AreaChange,
    AreaGroup,
    AreaOverlap,
    Boundary,
    Edition,
    GroupMember,
    Member,
    OverlapSet,
    Postcode,
)
from indicators.insight.live import data_version, version_and_time
from indicators.models import (
    AuditEntry,
    Bucket,
    Coverage,
    Dataset,
    DataVersion,
    Indicator,
    Licence,
    LiveSeries,
    Observation,
    Period,
    Release,
    Series,
    SeriesInput,
    Standing,
    Theme,
)
from tests.conftest import NOON, shares
from tests.tiny_uk import COUNCILS, NEIGHBOURHOODS, WARDS

pytestmark = pytest.mark.django_db
DAY = date(2020, 1, 1)


@pytest.fixture
def refused():
    """A block that Postgres must refuse, naming the rule."""

    def block(rule: str):
        return RefusedBlock(rule)

    return block


class RefusedBlock:
    def __init__(self, rule: str) -> None:
        self.raises = pytest.raises(DatabaseError, match=rule)
        self.atomic = transaction.atomic()

    def __enter__(self) -> None:
        self.raises.__enter__()
        self.atomic.__enter__()

    def __exit__(self, *error):
        self.atomic.__exit__(*error)
        return self.raises.__exit__(*error)


@pytest.fixture
def live(make_indicator, put_live):
    make_indicator()
    return put_live(shares([float(n) for n in range(16)]))


def area(code: str) -> Area:
    return Area.objects.get(code=code)


# Geography


def test_a_code_belongs_to_one_area_for_ever(refused):
    with refused("area_code_unique"):
        Area.objects.create(code=COUNCILS[0], name="X", area_type_id="ward", valid_from=DAY)


def test_an_area_ends_after_it_begins(refused):
    with refused("area_valid_range"):
        Area.objects.create(
            code="E06000999", name="X", area_type_id="ward", valid_from=DAY, valid_to=DAY
        )


@pytest.mark.parametrize("code", ["e06000999", "E0 6000999", "", "=1+1"])
def test_a_code_is_capital_letters_and_digits(refused, code):
    with refused("area_code_form"):
        Area.objects.create(code=code, name="X", area_type_id="ward", valid_from=DAY)


def group(**changes) -> AreaGroup:
    fields = {"token": "A" * 16, "name": "Mine", "area_type_id": "authority", "n_members": 2,
              "created_at": NOON}  # fmt: skip
    return AreaGroup.objects.create(**(fields | changes))


def join(to: AreaGroup, *codes: str) -> None:
    GroupMember.objects.bulk_create(GroupMember(group=to, area=area(c)) for c in codes)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("areagroup_token_form", {"token": "short"}),
        ("areagroup_token_form", {"token": "/" * 16}),
        ("areagroup_plain_words", {"name": "<b>"}),
        ("areagroup_plain_words", {"name": " "}),
        ("areagroup_plain_words", {"name": "a\nb"}),
        ("areagroup_plain_words", {"made_by": ">"}),
        ("areagroup_size", {"n_members": 1}),
        ("areagroup_size", {"n_members": 2_001}),
    ],
)
def test_a_group_has_a_token_plain_words_and_a_size(refused, rule, changes):
    with refused(rule):
        group(**changes)


def test_two_groups_never_share_a_token(refused):
    group()
    with refused("areagroup_token_unique"):
        group()


def test_a_group_has_as_many_members_of_its_type_as_it_says_and_never_changes(refused):
    with refused("not as many"):
        join(group(), COUNCILS[0])
    with refused("of the type"):
        join(group(), COUNCILS[0], WARDS[0])
    with refused("groupmember_unique"):
        join(group(), COUNCILS[0], COUNCILS[0])
    made = group()
    join(made, *COUNCILS[:2])
    with refused("not as many"):
        join(made, COUNCILS[2])
    with refused("never changes"):
        AreaGroup.objects.update(name="Other")
    with refused("never changes"):
        GroupMember.objects.update(area=area(COUNCILS[2]))
    made.delete()
    assert not GroupMember.objects.exists()


def test_an_area_is_in_an_edition_once(refused):
    edition = Edition.objects.get(slug="authority")
    with refused("member_area_unique"):
        Member.objects.create(edition=edition, area=area(COUNCILS[0]), ordinal=4)


def test_two_areas_never_share_an_ordinal(refused):
    edition = Edition.objects.get(slug="authority")
    with refused("member_ordinal_unique"):
        Member.objects.create(edition=edition, area=area("E07000901"), ordinal=0)


def test_ordinals_have_no_gap(refused):
    edition = Edition.objects.get(slug="authority")
    with refused("ordinals of edition .* do not run"):
        Member.objects.create(edition=edition, area=area("E07000901"), ordinal=9)
    with refused("ordinals of edition .* do not run"):
        Member.objects.filter(edition=edition, ordinal=1).delete()


def test_an_edition_holds_areas_of_its_own_type(refused):
    edition = Edition.objects.get(slug="authority")
    with refused("not of the type"):
        Member.objects.create(edition=edition, area=area(WARDS[0]), ordinal=4)


def test_members_stay_as_they_are_once_an_edition_has_data(refused, live):
    last = Member.objects.get(edition__slug="lsoa", ordinal=15)
    with refused("already has data"):
        last.delete()
    with refused("already has data"):
        Member.objects.filter(edition__slug="lsoa").update(ordinal=F("ordinal"))


def test_an_outline_is_valid_and_drawn_once(refused):
    edition = Edition.objects.get(slug="authority")
    bowtie = Polygon([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)], srid=27700)
    whole = Polygon.from_bbox((0, 0, 1, 1))
    with refused("boundary_geometry_valid"):
        Boundary.objects.filter(edition=edition, area=area(COUNCILS[0])).update(
            geometry=MultiPolygon(bowtie, srid=27700)
        )
    with refused("boundary_unique"):
        Boundary.objects.create(
            edition=edition, area=area(COUNCILS[0]), geometry=MultiPolygon(whole, srid=27700)
        )


@pytest.fixture
def sharing_out() -> OverlapSet:
    return OverlapSet.objects.create(
        slug="shared-out",
        from_edition=Edition.objects.get(slug="lsoa"),
        to_edition=Edition.objects.get(slug="ward"),
        kind="apportioned",
        weight_source="By hand",
    )


def link(overlap_set, ward, weight):
    return AreaOverlap(
        overlap_set=overlap_set,
        from_area=area(NEIGHBOURHOODS[0]),
        to_area=area(ward),
        weight=weight,
    )


def test_apportioned_weights_sum_to_one(refused, sharing_out):
    AreaOverlap.objects.bulk_create(
        [link(sharing_out, WARDS[0], 0.4), link(sharing_out, WARDS[1], 0.6)]
    )
    with refused("weights sum to 1"):
        AreaOverlap.objects.filter(overlap_set=sharing_out, weight=0.4).delete()
    with refused("weights sum to 1"):
        AreaOverlap.objects.filter(overlap_set=sharing_out, weight=0.4).update(weight=0.5)
    with refused("weights sum to 1"):
        link(sharing_out, WARDS[2], 0.1).save()


@pytest.mark.parametrize("slug", ["lsoa-authority", "lsoa-ward"])
def test_exact_and_best_fit_give_one_parent(refused, slug):
    overlap_set = OverlapSet.objects.get(slug=slug)
    other = COUNCILS[1] if slug == "lsoa-authority" else WARDS[5]
    with refused("one parent of weight 1"):
        link(overlap_set, other, 1.0).save()
    with refused("one parent of weight 1"):
        AreaOverlap.objects.filter(
            overlap_set=overlap_set, from_area__code=NEIGHBOURHOODS[0]
        ).update(weight=0.5)


def test_a_set_links_areas_of_its_own_editions(refused, sharing_out):
    with refused("not in the editions"):
        link(sharing_out, COUNCILS[0], 1.0).save()


@pytest.mark.parametrize("weight", [0.0, -0.5, 1.5])
def test_a_weight_is_a_share(refused, sharing_out, weight):
    with refused("areaoverlap_weight|weights sum to 1"):
        link(sharing_out, WARDS[0], weight).save()


def test_a_set_joins_two_editions_in_a_kind_we_know(refused):
    wards = Edition.objects.get(slug="ward")
    fields = {"from_edition": wards, "weight_source": "By hand"}
    with refused("overlapset_editions_differ"):
        OverlapSet.objects.create(slug="a", to_edition=wards, kind="exact", **fields)
    other = Edition.objects.get(slug="uk")
    with refused("overlapset_kind"):
        OverlapSet.objects.create(slug="b", to_edition=other, kind="roughly", **fields)


@pytest.mark.parametrize(
    ("rule", "kind", "to", "weight"),
    [
        ("areachange_kind", "vanish", COUNCILS[1], None),
        ("areachange_successor", "merge", None, None),
        ("areachange_successor", "abolish", COUNCILS[1], None),
        ("areachange_not_itself", "merge", COUNCILS[0], None),
        ("areachange_weight", "split", COUNCILS[1], 1.2),
    ],
)
def test_code_history_makes_sense(refused, rule, kind, to, weight):
    with refused(rule):
        AreaChange.objects.create(
            from_area=area(COUNCILS[0]),
            to_area=area(to) if to else None,
            kind=kind,
            effective=DAY,
            weight=weight,
        )


@pytest.mark.parametrize("postcode", ["AB1 1AA", "ab11aa", "NOTONE", "1AB1AA"])
def test_a_postcode_is_written_tight_and_in_capitals(refused, postcode):
    with refused("postcode_form"):
        Postcode.objects.create(postcode=postcode)


# Indicators and releases


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("indicator_polarity", {"polarity": "up"}),
        ("indicator_aggregation", {"aggregation": "mean"}),
        ("indicator_decimals", {"decimals": 7}),
        ("indicator_multiplier", {"multiplier": 0}),
        ("indicator_multiplier", {"multiplier": float("nan")}),
    ],
)
def test_an_indicator_is_one_we_can_reckon_with(refused, make_indicator, rule, change):
    make_indicator()
    with refused(rule):
        Indicator.objects.update(**change)


def test_a_period_ends_no_earlier_than_it_begins(refused):
    with refused("period_order"):
        Period.objects.create(start=DAY, end=date(2019, 1, 1), kind="span", label="X")
    with refused("period_point"):
        Period.objects.create(start=DAY, end=date(2021, 1, 1), kind="point", label="X")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("release_status", {"status": "gone"}),
        ("release_published_at", {"published_at": None}),
        ("release_withdrawn_at", {"withdrawn_at": NOON}),
        ("release_withdrawn_at", {"status": "withdrawn"}),
        ("release_file_sha256", {"file_sha256": "abc"}),
    ],
)
def test_a_release_has_the_dates_of_its_status(refused, live, rule, change):
    with refused(rule):
        Release.objects.update(**change)


def test_a_series_is_once_in_a_release(refused, live):
    series = Series.objects.first()
    series.pk = 5
    with refused("series_unique"):
        series.save(force_insert=True)
    with refused("series_counts"):
        Series.objects.update(n_values=F("n_members") + 1)


def test_a_series_is_never_made_from_itself(refused, live):
    series = Series.objects.first()
    with refused("seriesinput_not_itself"):
        SeriesInput.objects.create(series=series, input=series)


@pytest.mark.parametrize("share", [0.0, 1.0, 1.2])
def test_coverage_is_kept_only_where_it_is_partial(refused, live, share):
    series = Series.objects.first()
    with refused("coverage_share"):
        Coverage.objects.create(series=series, area=area(COUNCILS[0]), share=share)


def test_one_series_is_live_at_a_time(refused, live):
    first = LiveSeries.objects.first()
    first.pk = None
    with refused("liveseries_one_at_a_time"):
        first.save(force_insert=True)


def test_what_is_live_has_a_beginning(refused, live):
    with refused("liveseries_has_start"):
        LiveSeries.objects.update(live=(None, datetime(2027, 1, 1, tzinfo=UTC)))


def test_what_is_live_is_keyed_as_its_series_is(refused, live):
    with refused("liveseries_key_is_the_series"):
        LiveSeries.objects.filter(edition__slug="uk").update(breakdown="women")


OBSERVATION = (
    "UPDATE indicators_observation SET {} WHERE area_id = {} AND series_id = "
    "(SELECT min(series_id) FROM indicators_observation)"
)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("observation_value_or_reason", "value = NULL"),
        ("observation_value_or_reason", "marker = 1"),
        ("observation_value_or_reason", "value = NULL, marker = 5"),
        ("observation_marker", "marker = 99"),
        ("observation_marker", "marker = 0"),
        ("observation_finite", "value = 'NaN'"),
        ("observation_finite", "value = 'Infinity'"),
        ("observation_finite", "lower = '-Infinity'"),
        ("observation_finite", "numerator = 'NaN'"),
        ("observation_finite", "denominator = 'Infinity'"),
        ("observation_limits", "lower = value + 1"),
        ("observation_limits", "upper = value - 1"),
    ],
)
def test_an_observation_is_a_number_or_a_reason(refused, live, rule, change):
    with refused(rule), connection.cursor() as cursor:
        cursor.execute(OBSERVATION.format(change, area(NEIGHBOURHOODS[3]).pk))


def test_an_area_has_one_observation_in_a_series(refused, live):
    first = Observation.objects.first()
    with refused("pkey"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO indicators_observation SELECT * FROM indicators_observation "
            "WHERE series_id = %s AND area_id = %s",
            (first.series_id, first.area_id),
        )


def test_an_observation_is_of_an_area_and_a_series_that_there_are(refused, live):
    # Foreign keys are checked at the end of a statement on the partition.
    for column in ("area_id", "series_id"):
        series = Series.objects.order_by("pk").first()
        row = {"area_id": area(COUNCILS[0]).pk, "series_id": series.pk}
        row[column] = 999_999 if column == "area_id" else series.pk + 60_000
        with refused("foreign key"), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO indicators_observation (series_id, area_id, value) VALUES (%s, %s, 1)",
                (row["series_id"], row["area_id"]),
            )
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_standing_is_within_its_league(refused, live):
    assert Standing.objects.exists()
    for change in ("rank = 0", "tied = 0", "rank = out_of + 1", "tied = out_of + 1"):
        with refused("standing_order"), connection.cursor() as cursor:
            cursor.execute(f"UPDATE indicators_standing SET {change}")


def test_a_bucket_is_shared_or_has_an_owner(refused, live):
    with refused("bucket_owner"):
        Bucket.objects.create(shared=False)
    with refused("bucket_owner"):
        Bucket.objects.create(shared=True, release=live)
    with refused("bucket_block"):
        Bucket.objects.update(n_series=Bucket.BLOCK + 1)


def test_the_audit_log_is_only_ever_added_to(refused, live):
    assert AuditEntry.objects.filter(release=live).count() == 2
    with refused("only ever added to"):
        AuditEntry.objects.update(action="nothing")
    with refused("only ever added to"):
        AuditEntry.objects.all().delete()


def test_there_is_one_data_version(refused):
    with pytest.raises(IntegrityError, match="dataversion_single"), transaction.atomic():
        DataVersion.objects.create(id=2)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: Indicator.objects.filter(slug="share").update(caveats="Mind this."),
        lambda: Dataset.objects.update(description="Counted by hand."),
        lambda: Licence.objects.update(redistributable=False),
        lambda: Theme.objects.update(name="People and homes"),
        lambda: Release.objects.update(redistributable=False),
        lambda: Indicator.objects.get().save(),
    ],
)
def test_any_edit_of_what_describes_figures_moves_what_caches_are_keyed_by(live, edit):
    before, moved_at = version_and_time()
    edit()
    assert version_and_time() == (before + 1, moved_at), "figures themselves have not moved"


def test_work_on_a_release_that_nobody_reads_of_moves_nothing(live):
    before = data_version()
    Release.objects.update(staged_at=F("received_at"), name=F("name"))
    assert data_version() == before
