"""Periods as publishers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.releases.recognising.columns import read_periods
from indicators.statistics.periods import parse_period, period_in, period_text, read_period

FORMS = {
    "2023-01-01/P1Y": "2023-01-01/P1Y", "2024-06-30": "2024-06-30", "2019": "2019-01-01/P1Y",
    "2019.0": "2019-01-01/P1Y", "20150000": "2015-01-01/P1Y", "2023/24": "2023-04-01/P1Y",
    "2023-24": "2023-04-01/P1Y", "2023–24": "2023-04-01/P1Y", "2023/2024": "2023-04-01/P1Y",
    "1999/00": "1999-04-01/P1Y", "2022-2024": "2022-01-01/P3Y", "2015 - 17": "2015-01-01/P3Y",
    "2016/17 - 18/19": "2016-04-01/P3Y", "2016/17 to 2018/19": "2016-04-01/P3Y",
    "Financial year 2019 to 2020": "2019-04-01/P1Y", "FYE 2020": "2019-04-01/P1Y",
    "tax year 2019/20": "2019-04-06/P1Y", "2019/20 academic year": "2019-09-01/P1Y",
    "201912": "2019-12-01/P1M", "201920": "2019-04-01/P1Y", "2018-11": "2018-11-01/P1M",
    "Jan 2019": "2019-01-01/P1M", "2019 JAN": "2019-01-01/P1M", "Sept-19": "2019-09-01/P1M",
    "2019M03": "2019-03-01/P1M", "2019 Q1": "2019-01-01/P3M", "Q4 2019": "2019-10-01/P3M",
    "2019/20 Q4": "2020-01-01/P3M", "Jan-Mar 2019": "2019-01-01/P3M",
    "Dec 2018 - Feb 2019": "2018-12-01/P3M", "Dec-Feb 2019": "2018-12-01/P3M",
    "Jan 2019 to Dec 2019": "2019-01-01/P1Y", "Year ending 31 March 2020": "2019-04-01/P1Y",
    "12 months to Dec 2019": "2019-01-01/P1Y", "3 months to June 2020": "2020-04-01/P3M",
    "mid-2019": "2019-06-30", "Mid-year 2019": "2019-06-30", "31/03/2020": "2020-03-31",
    "1 April 2019 to 31 March 2020": "2019-04-01/P1Y", "Census 2021": "2021-03-21",
    "Autumn term 2020/21": "2020-09-01/P4M", "2010-12/2012-01": "2010-12-01/P14M",
}  # fmt: skip
SAID = {
    ("202425", "Academic year"): "2024-09-01/P1Y", ("202021", "Autumn term"): "2020-09-01/P4M",
    ("201516", "Spring term"): "2016-01-01/P4M", ("201819", "Financial year"): "2018-04-01/P1Y",
    ("201011", "Academic year"): "2010-09-01/P1Y", ("2019", "Calendar year"): "2019-01-01/P1Y",
    ("2019", "January"): "2019-01-01/P1M", ("201920", "Financial year Q2"): "2019-07-01/P3M",
    ("2011", "census"): "2011-03-27", ("01/07/2020", "month"): "2020-07-01/P1M",
}  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_a_period_is_read_and_can_be_kept(text):
    assert read_period(text) == FORMS[text]
    parsed = parse_period(FORMS[text])
    assert period_text(parsed.start, parsed.end) == FORMS[text]


@pytest.mark.parametrize(("text", "kind"), SAID)
def test_what_is_said_beside_a_period_tells_its_kind(text, kind):
    assert read_period(text, kind) == SAID[text, kind]


@pytest.mark.parametrize(
    "text",
    ["", "hello", "2019-13", "1e5", "99", "2019-02-30", "week 3 2020", "31/02/2020", "2021/19"],
)
def test_what_is_no_period_is_none(text):
    assert read_period(text) is None


def test_a_column_of_months_is_read_as_months_even_where_one_could_be_a_year():
    assert read_periods(["2010-11", "2010-12"])["2010-11"] == "2010-11-01/P1M"
    assert read_periods(["2010-11", "2011-12"])["2010-11"] == "2010-04-01/P1Y"


def test_periods_are_found_within_words():
    assert period_in("Population: mid 2015 (excluding prisoners)") == ("2015-06-30", "mid 2015")
    assert period_in("Rate per 1,000, 2017/18 to 2019/20")[0] == "2017-04-01/P3Y"
    assert period_in("E01002019") is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_is_a_period_or_is_not(text, kind):
    for new in (read_period(text, kind), (period_in(text) or [None])[0]):
        if new is not None:
            parse_period(new)
