"""Any table at all: no crash, and nothing dropped without a word."""

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indicators.releases.checks import check, grouped
from indicators.releases.reading.model import FrameRows, Table, unique
from indicators.releases.recognising import Mapping, MappingError, apply, recognise
from tests.indicators.recognising.small import country

KNOWN = country()
CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["E06000001", "e06000002", "E05000001", "K02000001", "E99999999", "Castle", "Aldton", "1",
         "0",
         "2.5", "-3", "1e999", "nan", "inf", "12%", "[c]", "..", "<5", "2019", "2019/20", "2019-07",
         "Male", "Persons", "Total", "AB1 2CD", "=1+1", "<b>x</b>", "\u202eabc", "\x00"]
    ),
    st.text(max_size=12),
    st.floats(width=32).map(str),
)  # fmt: skip
HEADINGS = st.one_of(
    st.sampled_from(
        ["code", "Area code", "LSOA code (2011)", "name", "value", "Value", "indicator", "period",
         "year",
         "2019", "2020", "Sex", "Age", "lower", "UCI", "numerator", "denominator", "status", "% x",
         "Longitude", "Latitude", "Crime ID", "F1", "M90+", "rate per 1,000", "unit", ""]
    ),
    st.text(max_size=20),
)  # fmt: skip


@st.composite
def tables(draw) -> Table:
    names = unique(
        [name or "column 1" for name in draw(st.lists(HEADINGS, min_size=1, max_size=7))]
    )
    lines = draw(st.lists(st.tuples(*[CELLS] * len(names)), max_size=12))
    frame = pl.DataFrame(lines, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        pl.int_range(2, len(lines) + 2, dtype=pl.Int64).alias("row"), pl.lit("data").alias("kind")
    )
    return Table("any.csv", "", names, (names,), 2, (), (), frame.height, FrameRows(frame))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(tables(), max_size=2))
def test_any_table_is_understood_or_it_is_said_why_not(given_tables):
    given_tables = [
        Table(f"{n}.csv", *[getattr(t, k) for k in ("sheet", "headings", "levels", "first_row",
              "above", "below", "n_rows", "rows")])
        for n, t in enumerate(given_tables)
    ]  # fmt: skip
    found = recognise(given_tables, KNOWN)
    said = {one.file for one in found.mapping.ignored} | {t.file for t in found.mapping.tables}
    assert said == {t.file for t in given_tables}
    for one in found.mapping.tables:
        used = {
            *one.area.columns,
            *one.area.points,
            one.area.names,
            one.area.parents,
            one.period.column,
            one.period.kind_column,
            *one.breakdowns,
            *one.ignored,
            *one.keep,
        }
        for figure in one.figures:
            used |= {
                figure.value,
                figure.lower,
                figure.upper,
                figure.numerator,
                figure.denominator,
                figure.marker,
                *figure.where,
            }
        if one.count:
            used.add(one.count.categories)
        assert set(one.headings) <= used, "a column is dropped without a word"
    mapping = Mapping.from_json(found.mapping.to_json())
    applied = apply(mapping, given_tables, KNOWN)
    frame = applied.frame()
    assert frame["value"].is_nan().sum() == 0
    assert frame["value"].is_infinite().sum() == 0
    grouped(pl.concat([applied.problems, check(frame, KNOWN, mapping=mapping, live=frame)]))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["tables", "file", "area", "figures", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_mapping_or_is_refused(data):
    import json

    try:
        Mapping.from_json(json.dumps(data))
    except MappingError as error:
        assert str(error).endswith(".")
