"""Every statistic against a slow version that can be read at a glance."""

import math
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from indicators.statistics.aggregate import CannotAggregate, roll_up
from indicators.statistics.classes import N_BINS, class_breaks, classify, summarise
from indicators.statistics.periods import parse_period, period_text
from indicators.statistics.rank import standings

maybe_missing = st.one_of(st.just(math.nan), st.integers(-20, 20).map(float))


def slow_standing(values, groups, i):
    """Count, one by one, the areas of the same group that are lower, level, and there at all."""
    peers = [v for v, g in zip(values, groups, strict=True) if g == groups[i] and not math.isnan(v)]
    if groups[i] < 0 or math.isnan(values[i]):
        return (0, 0, 0)
    lower = sum(v < values[i] for v in peers)
    level = sum(v == values[i] for v in peers)
    return (lower + 1, level, len(peers))


@given(st.lists(st.tuples(maybe_missing, st.integers(-1, 3)), max_size=40))
def test_ranks_agree_with_counting_one_by_one(rows):
    values = np.array([v for v, _ in rows], dtype=float)
    groups = np.array([g for _, g in rows], dtype=np.int64)
    fast = standings(values, groups)
    for i in range(len(rows)):
        assert (fast.rank[i], fast.tied[i], fast.out_of[i]) == slow_standing(values, groups, i)


def test_ties_share_a_rank_and_the_next_is_skipped():
    values = np.array([3.0, 1.0, 2.0, 2.0])
    assert standings(values, np.zeros(4, dtype=np.int64)).rank.tolist() == [4, 1, 2, 2]


@given(hnp.arrays(float, st.integers(1, 200), elements=st.floats(-1e6, 1e6)), st.integers(0, 3))
def test_every_value_is_in_exactly_the_class_whose_bounds_hold_it(values, decimals):
    breaks = class_breaks(values, decimals)
    classes = classify(values, breaks, decimals)
    assert breaks == sorted(set(breaks))
    assert len(breaks) <= 4
    for value, found in zip(np.round(values, decimals), classes, strict=True):
        lower = breaks[found - 2] if found >= 2 else -math.inf
        upper = breaks[found - 1] if found <= len(breaks) else math.inf
        assert lower < value <= upper
    # No class of a legend is empty in the areas that it was made from.
    assert set(classes.tolist()) == set(range(1, len(breaks) + 2))


def test_distinct_values_fall_into_fifths():
    classes = classify(np.arange(100.0), class_breaks(np.arange(100.0), 0), 0)
    assert np.bincount(classes)[1:].tolist() == [20] * 5


def test_no_value_has_no_class():
    assert classify(np.array([np.nan, 1.0]), [0.5], 1).tolist() == [0, 2]


@given(
    hnp.arrays(float, st.integers(0, 300), elements=st.one_of(st.just(np.nan), st.floats(-50, 50)))
)
def test_a_summary_counts_every_value_once(values):
    shape = summarise(values, 1)
    present = values[~np.isnan(values)]
    assert shape.n_values == len(present)
    assert sum(shape.histogram) == len(present)
    if len(present):
        assert len(shape.histogram) == N_BINS
        assert (shape.quantiles[0], shape.quantiles[-1]) == (present.min(), present.max())
        assert shape.quantiles[10] == pytest.approx(float(np.median(present)))


def test_a_few_extremes_do_not_squeeze_the_plot():
    values = np.r_[np.linspace(0, 10, 999), 10_000.0]
    shape = summarise(values, 1)
    assert shape.plot_high < 11
    assert shape.histogram[-1] >= 1
    assert sum(shape.histogram) == 1000


def added(rule, value, numerator, denominator, marker, member, parent, weight, n, **more):
    size = len(value)
    return roll_up(
        rule=rule,
        multiplier=100.0,
        value=np.array(value, dtype=float),
        numerator=np.array(numerator, dtype=float),
        denominator=np.array(denominator, dtype=float),
        marker=np.array(marker),
        expected=more.get("expected", np.ones(size)),
        present=more.get("present", np.ones(size)),
        member=np.array(member, dtype=np.int64),
        parent=np.array(parent, dtype=np.int64),
        weight=np.array(weight, dtype=float),
        n_parents=n,
    )


def slow_whole(rule, rows, links, p):
    """Add one parent up in exact fractions; None when it is unknown, refused or has nothing."""
    mine = [(rows[m], Fraction(w)) for m, q, w in links if q == p]
    if any(row["marker"] == "c" for row, _ in mine):
        return None
    mine = [(row, w) for row, w in mine if row["marker"] != "z"]
    known = [(row, w) for row, w in mine if row["numerator"] is not None]
    everything = sum((w for _, w in mine), Fraction())
    if rule == "sum" and len(known) < len(mine):
        return None
    if not known or sum((w for _, w in known), Fraction()) < Fraction(9, 10) * everything:
        return None
    if rule == "sum":
        return float(sum(w * row["numerator"] for row, w in known))
    top = sum(w * row["numerator"] for row, w in known)
    bottom = sum(w * row["denominator"] for row, w in known)
    return float(100 * top / bottom) if bottom else None


rows_of_parts = st.lists(
    st.fixed_dictionaries(
        {
            "numerator": st.one_of(st.none(), st.integers(0, 100)),
            "denominator": st.integers(1, 100),
            "marker": st.sampled_from(["", "", "", "", "c", "z"]),
        }
    ),
    min_size=1,
    max_size=25,
)


@given(rows_of_parts, st.sampled_from(["ratio", "sum"]), st.data())
def test_adding_up_agrees_with_exact_fractions(rows, rule, data):
    for row in rows:
        if row["marker"]:
            row["numerator"] = None
    halves = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    links = []
    for m, split in enumerate(halves):
        if split:
            links += [(m, 0, 0.5), (m, 1, 0.5)]
        else:
            links.append((m, m % 3, 1.0))
    numerator = [math.nan if r["numerator"] is None else r["numerator"] for r in rows]
    denominator = [r["denominator"] for r in rows]
    value = numerator if rule == "sum" else [100 * a / b for a, b in zip(numerator, denominator)]  # noqa: B905
    whole = added(
        rule,
        value,
        numerator,
        denominator,
        [r["marker"] for r in rows],
        *zip(*links, strict=True),
        3,
    )
    for p in range(3):
        slow = slow_whole(rule, rows, links, p)
        if slow is None:
            assert math.isnan(whole.value[p])
        else:
            assert whole.value[p] == pytest.approx(slow, rel=1e-12, abs=1e-12)


def test_a_rate_is_the_ratio_of_sums_and_not_the_mean_of_rates():
    whole = added("ratio", [50, 10], [1, 10], [2, 100], ["", ""], [0, 1], [0, 0], [1, 1], 1)
    assert whole.value[0] == pytest.approx(100 * 11 / 102)
    assert whole.value[0] != pytest.approx(30)


def test_a_suppressed_member_makes_the_whole_unknown():
    ten = [1.0] * 9 + [math.nan]
    whole = added("sum", ten, ten, ten, [""] * 9 + ["c"], range(10), [0] * 10, [1] * 10, 1)
    assert math.isnan(whole.value[0])


@pytest.mark.parametrize(("unknown", "refused"), [(1, False), (2, True)])
def test_below_ninety_percent_coverage_the_whole_is_refused(unknown, refused):
    values = [1.0] * (10 - unknown) + [math.nan] * unknown
    marks = [""] * (10 - unknown) + ["x"] * unknown
    whole = added("ratio", values, values, [1] * 10, marks, range(10), [0] * 10, [1] * 10, 1)
    assert math.isnan(whole.value[0]) is refused
    assert whole.coverage[0] == pytest.approx(1 - unknown / 10)


def test_coverage_is_of_the_finest_areas_through_several_steps():
    # Two councils of 90 and 10 neighbourhoods; the small one has 5 of its own missing.
    whole = added(
        "ratio", [9, 1], [9, 1], [1, 1], ["", ""], [0, 1], [0, 0], [1, 1], 1,
        expected=np.array([90.0, 10.0]), present=np.array([90.0, 5.0]),
    )  # fmt: skip
    assert whole.coverage[0] == pytest.approx(0.95)


def test_medians_and_ranks_are_refused():
    with pytest.raises(CannotAggregate):
        added("none", [1], [1], [1], [""], [0], [0], [1], 1)


def test_a_weighted_mean_uses_the_denominator_as_its_weight():
    whole = added("weighted-mean", [10, 40], [0, 0], [3, 1], ["", ""], [0, 1], [0, 0], [1, 1], 1)
    assert whole.value[0] == pytest.approx(17.5)


@pytest.mark.parametrize(
    ("text", "label", "end"),
    [
        ("2011-03-27", "27 March 2011", "2011-03-27"),
        ("2017-07-01/P1M", "July 2017", "2017-07-31"),
        ("2024-02-01/P1M", "February 2024", "2024-02-29"),
        ("2021-01-01/P1Y", "2021", "2021-12-31"),
        ("2022-04-01/P1Y", "2022–23", "2023-03-31"),
        ("2021-04-06/P1Y", "2021–22", "2022-04-05"),
        ("2017-01-01/P3Y", "2017–2019", "2019-12-31"),
        ("2022-07-01/P12M", "July 2022 to June 2023", "2023-06-30"),
    ],
)
def test_periods_are_read_and_named(text, label, end):
    period = parse_period(text)
    assert (period.label, period.end.isoformat()) == (label, end)


@pytest.mark.parametrize("text", ["", "2011", "2011-13-01", "last year", "2011-01-31/P1M"])
def test_a_period_that_cannot_be_read_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is not a period"):
        parse_period(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2011-03-27", "2017-07-01/P1M", "2021-04-06/P1Y", "2017-01-01/P3Y", "2022-01-01/P1Y"),
        *("2023-10-01/P3M", "2020-02-29", "2016-03-01/P30M"),
    ],
)
def test_a_period_is_written_as_it_is_read(text):
    found = parse_period(text)
    assert period_text(found.start, found.end) == text


def test_a_span_of_odd_days_has_no_period_text():
    with pytest.raises(ValueError, match="whole number of months"):
        period_text(date(2020, 1, 1), date(2020, 1, 17))


@pytest.mark.parametrize(
    "text",
    ["2020-01-01/P99999999999Y", "9999-01-01/P2Y", "2020-01-01/P9999Y", "2020-01-01/P\u0663Y"],
)
def test_a_period_beyond_the_calendar_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is not a period"):
        parse_period(text)
