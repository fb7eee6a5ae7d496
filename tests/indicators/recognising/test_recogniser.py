"""What tables of each layout are recognised to be, and the rows that come of it."""

import polars as pl
import pytest

from indicators.releases import stage
from indicators.releases.recognising import (
    Mapping,
    MappingError,
    apply,
    layout_of,
    recognise,
    words,
)
from indicators.releases.recognising.applying import COLUMNS
from tests.indicators.recognising.small import SMALL, country, table, understood

HERE = "E06000001"


def rows(frame, *columns):
    return sorted(frame.select(columns).rows(), key=str)


def test_rows_have_the_columns_that_staging_asks_for():
    assert list(COLUMNS)[: len(stage.COLUMNS)] == list(stage.COLUMNS)


def test_a_wide_table_gives_an_indicator_for_each_column_of_numbers():
    mapping, _, frame = understood(
        table(
            "Area code|Area name|Average age 2020|Homes (number) 2020\n"
            "E06000001|Aldton|41.5|1,200\nE06000002|Brigham|39|900\n"
        )
    )
    assert {(d.name, d.decimals, d.aggregation) for d in mapping.definitions} == {
        ("Average age", 1, "none"),
        ("Homes (number)", 0, "sum"),
    }
    assert rows(frame, "edition", "period", "code", "value") == [
        ("authority-2025", "2020-01-01/P1Y", "E06000001", 1200.0),
        ("authority-2025", "2020-01-01/P1Y", "E06000001", 41.5),
        ("authority-2025", "2020-01-01/P1Y", "E06000002", 39.0),
        ("authority-2025", "2020-01-01/P1Y", "E06000002", 900.0),
    ]
    assert frame["row"].to_list() == [2, 3, 2, 3]


def test_a_long_table_gives_an_indicator_for_each_name_with_limits_and_markers():
    mapping, _, frame = understood(
        table(
            "areacd|indicator|period|value|lci_95|uci_95|status\n"
            "E06000001|Jobless rate|2019-04-01/P1Y|4.5|4.1|4.9|u\n"
            "E06000002|Jobless rate|2019-04-01/P1Y||||c\n"
            "E06000001|Homes|2019-04-01/P1Y|900|||\n"
        )
    )
    assert [d.name for d in mapping.definitions] == ["Homes"]
    known = frame.filter(pl.col("indicator") == "jobless")
    assert rows(known, "code", "value", "lower", "upper", "marker") == [
        ("E06000001", 4.5, 4.1, 4.9, "u"),
        ("E06000002", None, None, None, "c"),
    ]


def test_years_as_columns_give_one_indicator_with_a_period_each():
    mapping, _, frame = understood(
        table("code|2019/20|2020/21\nE06000001|5|6\nE06000002|7|[c]\n", file="evictions.csv")
    )
    assert len(mapping.definitions) == 1
    assert rows(frame, "period", "code", "value", "marker") == [
        ("2019-04-01/P1Y", "E06000001", 5.0, ""),
        ("2019-04-01/P1Y", "E06000002", 7.0, ""),
        ("2020-04-01/P1Y", "E06000001", 6.0, ""),
        ("2020-04-01/P1Y", "E06000002", None, "c"),
    ]


def test_columns_of_categories_become_breakdowns_and_their_totals_none():
    _, _, frame = understood(
        table(
            "code|year|Sex|Age group|Claimants (number)\n"
            "E06000001|2020|Persons|All ages|10\nE06000001|2020|Female|16-64|4\n"
            "E06000001|2020|Male|65+|6\nE06000002|2020|Persons|All ages|20\n"
            "E06000002|2020|Female|16-64|9\nE06000002|2020|Male|65+|11\n"
        )
    )
    assert set(frame["breakdown"]) == {"", "age=16-64|sex=female", "age=65-plus|sex=male"}


def test_a_column_that_only_describes_an_area_is_left_out_and_said_so():
    mapping, _, _ = understood(
        table("code|Kind of place|rate 2020\nE06000001|urban|1.5\nE06000002|rural|2.5\n")
    )
    assert mapping.tables[0].breakdowns == {}
    assert "describes the area" in mapping.tables[0].ignored["Kind of place"]


def test_several_kinds_of_area_go_to_editions_of_their_own():
    _, _, frame = understood(
        table("code|2020\nK02000001|9\nE12000001|5\nE06000001|2\nE06000002|3\n", file="births.csv")
    )
    assert dict(frame.select("code", "edition").rows()) == {
        "K02000001": "uk-2025",
        "E12000001": "region-2025",
        "E06000001": "authority-2025",
        "E06000002": "authority-2025",
    }


def test_the_year_in_a_heading_tells_the_edition_where_codes_do_not():
    text = "\n".join(f"{code}|{n}" for n, code in enumerate(SMALL[:5], 1))
    for year in (2011, 2021):
        mapping, _, _ = understood(table(f"LSOA code ({year})|Score 2019\n{text}"))
        assert mapping.tables[0].editions == [f"lsoa-{year}"]


def test_old_codes_are_kept_at_their_edition():
    mapping, _, frame = understood(
        table("code|rate 2015\nE06000009|1\nE06000002|2\nE06000003|3\nW06000001|4\n")
    )
    assert mapping.tables[0].editions == ["authority-2019"]
    assert set(frame["edition"]) == {"authority-2019"}


def test_codes_in_small_letters_or_with_their_name_are_read():
    _, _, frame = understood(
        table("area|rate 2020\ne06000001|1\n E06000002 : Brigham|2\nE06000003|3\n")
    )
    assert rows(frame, "code", "given")[:2] == [
        ("E06000001", "e06000001"),
        ("E06000002", "E06000002 : Brigham"),
    ]


def test_names_are_matched_where_there_are_no_codes_in_english_and_welsh():
    _, _, frame = understood(table("Town|rate 2020\nALDTON|1\nBrigham Council|2\nY Drefach|3\n"))
    assert rows(frame, "code", "value") == [
        ("E06000001", 1.0), ("E06000002", 2.0), ("W06000001", 3.0)
    ]  # fmt: skip


def test_a_name_that_several_areas_have_is_told_by_the_authority_around_it():
    _, _, frame = understood(
        table(
            "Ward|Authority|rate 2020\nCastle|Aldton|1\nCastle|Brigham|2\nCastle|Carbury|3\n"
            "Mill|Aldton|4\nQuay|Carbury|5\n"
        )
    )
    assert rows(frame, "code", "value") == [
        ("E05000001", 1.0), ("E05000002", 2.0), ("E05000003", 4.0), ("E05000005", 5.0),
        ("E05000006", 3.0),
    ]  # fmt: skip


def test_a_name_that_several_areas_have_is_not_guessed():
    _, applied, frame = understood(table("Ward|rate 2020\nCastle|1\nMill|2\nPriory|3\nQuay|4\n"))
    assert frame.filter(pl.col("given") == "Castle")["code"].to_list() == [None]
    assert applied.problems["code"].to_list() == ["name-unknown"]


def test_areas_as_headings_are_turned():
    _, _, frame = understood(
        table(
            "Date|Aldton|Brigham|Carbury\n2019|1|2|3\n2020|4|5|6\n",
            above=("Residents", "gender | Female", "age | Aged 5-9"),
        )
    )
    assert frame.height == 6
    assert set(frame["breakdown"]) == {"age=5-9|sex=female"}
    assert frame.filter(pl.col("code") == "E06000002")["value"].to_list() == [2.0, 5.0]


def test_shares_of_one_become_percent_with_their_limits():
    mapping, _, frame = understood(
        table(
            "code|% obese 2020|LCI|UCI\nE06000001|0.25|0.2|0.3\nE06000002|0.5|0.4|0.6\n"
            "E06000003|0.125|0.1|0.2\n"
        )
    )
    assert mapping.definitions[0].unit == "%"
    assert rows(frame, "value", "lower", "upper")[0] == (12.5, 10.0, 20.0)


@pytest.mark.parametrize(
    "heading",
    ["± margin", "Jobless rate ± 95% CI", "Confidence interval (+/-)", "CI half width",
     "95% margin of error", "Margin of error (%)", "conf", "MOE", "Jobless rate plus or minus"],
)  # fmt: skip
def test_half_widths_become_limits_and_the_mapping_says_so(heading):
    mapping, _, frame = understood(
        table(
            f"code|Jobless rate 2020 (%)|{heading}\nE06000001|4.5|0.4\nE06000002|12.1|±1.2\n"
            "E06000003|c|\n"
        )
    )
    (figure,) = mapping.tables[0].figures
    assert (figure.half_width, figure.lower, figure.upper) == (heading, "", "")
    assert rows(frame, "value", "lower", "upper", "marker") == [
        (12.1, 10.9, 13.3, ""),
        (4.5, 4.1, 4.9, ""),
        (None, None, None, "c"),
    ]
    assert Mapping.from_json(mapping.to_json()) == mapping


def test_half_widths_belong_to_the_value_they_name_or_follow_and_are_scaled_with_it():
    mapping, _, frame = understood(
        table(
            "code|% obese 2020|± obese 2020|% smoking 2020|± smoking 2020\n"
            "E06000001|0.25|0.05|0.5|0.1\nE06000002|0.5|0.1|0.125|0.025\n"
            "E06000003|0.75|0.2|0.3|0.01\n"
        )
    )
    halves = {f.value: f.half_width for f in mapping.tables[0].figures}
    assert halves == {"% obese 2020": "± obese 2020", "% smoking 2020": "± smoking 2020"}
    at_home = rows(frame.filter(code=HERE), "value", "lower", "upper")
    assert at_home == [(25.0, 20.0, 30.0), (50.0, 40.0, 60.0)]


@pytest.mark.parametrize(
    ("headings", "why"),
    [
        ("Homes 2020|Margin of error (%)", "it is a share of the value, and not in its unit"),
        ("Homes 2020|Confidence interval", "errors of estimates are not kept; limits are"),
        ("Homes 2020|LCI|UCI|±", "other limits of the same value are taken"),
    ],
)
def test_a_half_width_that_gives_no_limits_is_left_out_and_said_so(headings, why):
    names = headings.split("|")
    numbers = {1: "|5", 3: "|880|930|5"}[len(names) - 1]
    mapping = recognise(
        [table(f"code|{headings}\nE06000001|900{numbers}\nE06000002|905{numbers}\n")], country()
    )
    assert any(why in p.sentence for p in mapping.problems) or why in mapping.mapping.to_json()
    (figure,) = mapping.mapping.tables[0].figures
    assert figure.half_width == ""


def test_a_figure_has_limits_or_a_half_width():
    mapping, _, _ = understood(table("code|rate 2020|± rate\nE06000001|1|2\nE06000002|2|1\n"))
    text = mapping.to_json().replace('"lower": ""', '"lower": "rate 2020"')
    with pytest.raises(MappingError, match="both limits and a half width; keep one"):
        Mapping.from_json(text)


def test_parts_are_told_by_their_content():
    lines = [f"{code}|{n}|{d}|{100 * n / d:.2f}" for code, n, d in
             zip(SMALL, (3, 10, 7, 22, 5, 8), (40, 77, 31, 90, 61, 23), strict=True)]  # fmt: skip
    mapping, _, frame = understood(
        table("code|eligible|headcount|eligible_percent\n" + "\n".join(lines), file="fsm_2020.csv")
    )
    figure = next(f for f in mapping.tables[0].figures if f.value == "eligible_percent")
    assert (figure.numerator, figure.denominator) == ("eligible", "headcount")
    definition = next(d for d in mapping.definitions if d.slug == figure.indicator)
    assert (definition.aggregation, definition.multiplier) == ("ratio", 100.0)
    assert frame.filter(pl.col("indicator") == figure.indicator)["numerator"].sum() == 55


def test_the_finest_code_of_a_row_tells_its_area_where_levels_share_a_file():
    _, _, frame = understood(
        table(
            "time_period|time_identifier|geographic_level|country_code|region_code|new_la_code|pupils\n"
            "202021|Academic year|Regional|K02000001|E12000001||50\n"
            "202021|Academic year|National|K02000001|||90\n"
            "202021|Academic year|Local authority|K02000001|E12000001|E06000001|20\n"
            "202021|Academic year|Local authority|K02000001|E12000001|E06000002|30\n"
        )
    )
    assert dict(frame.select("code", "value").rows()) == {
        "E12000001": 50.0, "K02000001": 90.0, "E06000001": 20.0, "E06000002": 30.0,
    }  # fmt: skip
    assert set(frame["period"]) == {"2020-09-01/P1Y"}


def test_records_are_counted_by_area_and_kind():
    _, _, frame = understood(
        table(
            "Crime ID|Month|Longitude|Latitude|LSOA code|Crime type\n"
            "|2018-11|1|1|E01000001|Burglary\n|2018-11|1|1|E01000001|Burglary\n"
            "x|2018-11|1|1|E01000001|Theft\ny|2018-11|1|1|E01000002|Theft\n|2018-11||||Theft\n"
        )
    )
    assert rows(frame, "code", "breakdown", "value") == [
        ("E01000001", "", 3.0), ("E01000001", "crime=burglary", 2.0),
        ("E01000001", "crime=theft", 1.0), ("E01000002", "", 1.0),
        ("E01000002", "crime=theft", 1.0),
    ]  # fmt: skip


def test_records_spread_over_files_are_counted_together():
    heads = "Crime ID|Month|Longitude|Latitude|LSOA code|Crime type\n"
    _, _, frame = understood(
        table(
            heads + "a|2018-11|1|1|E01000001|Theft\nb|2018-12|1|1|E01000001|Theft\n"
            "c|2018-11|1|1|E01000002|Theft\n",
            file="north.csv",
        ),
        table(heads + "d|2018-11|1|1|E01000001|Theft\ne|2018-11|1|1|E01000001|Arson\n"
              "f|2018-11|1|1|E01000003|Theft\n", file="south.csv"),
    )  # fmt: skip
    november = frame.filter((frame["period"] == "2018-11-01/P1M") & (frame["code"] == "E01000001"))
    assert rows(november, "breakdown", "value") == [
        ("", 3.0), ("crime=arson", 1.0), ("crime=theft", 2.0),
    ]  # fmt: skip
    assert frame.select("breakdown", "edition", "period", "code").is_duplicated().sum() == 0


def test_records_counted_together_are_placed_in_one_edition():
    heads = "Crime ID|Month|Longitude|Latitude|LSOA code|Crime type\n"
    line = "a|2018-11|1|1|{}|Theft\n"
    every = "".join(line.format(code) for code in SMALL)  # The last is in the older edition alone.
    _, _, frame = understood(
        table(heads + every, file="north.csv"),
        table(heads + line.format(SMALL[0]) * 2, file="south.csv"),
    )
    total = frame.filter((frame["code"] == SMALL[0]) & (frame["breakdown"] == ""))
    assert total["value"].to_list() == [3.0]


def test_records_without_a_code_are_counted_by_their_point():
    from dataclasses import replace

    known = replace(
        country(),
        locate=lambda lon, lat: pl.Series([SMALL[2] if x else None for x in lon.is_not_null()]),
    )
    _, _, frame = understood(
        table(
            "Crime ID|Month|Longitude|Latitude|LSOA code|Crime type\n"
            "a|2018-11|-6.1|54.6||Theft\nb|2018-11|-6.2|54.6||Theft\n"
        ),
        known=known,
    )
    assert rows(frame, "code", "breakdown", "value")[0] == (SMALL[2], "", 2.0)


def test_a_list_of_postcodes_is_counted_to_areas_by_a_lookup():
    from dataclasses import replace

    where = {"AA11AA": SMALL[0], "AA11AB": SMALL[0], "AA12AA": SMALL[1]}
    known = replace(country(), postcodes=lambda texts: texts.replace_strict(where, default=None))
    _, applied, frame = understood(
        table("Postcode\nAA1 1AA\naa1 1ab\nAA1 2AA\nZZ9 9ZZ", file="grants_2020.csv"), known=known
    )
    assert rows(frame, "code", "value") == [(SMALL[0], 2.0), (SMALL[1], 1.0)]
    assert applied.problems["area"].to_list() == ["ZZ9 9ZZ"]


def test_old_numbering_is_read_by_a_lookup_only():
    from dataclasses import replace

    text = "la code|rate 2020\n801|1\n802|2\n803|3\n"
    assert understood(table(text))[0].tables == []
    known = replace(country(), aliases=dict(zip(("801", "802", "803"), list(WARD), strict=True)))
    _, _, frame = understood(table(text), known=known)
    assert rows(frame, "code", "value") == [(WARD[0], 1.0), (WARD[1], 2.0), (WARD[2], 3.0)]


WARD = ("E06000001", "E06000002", "E06000003")


def test_two_sheets_with_one_heading_and_different_values_are_told_apart():
    mapping, _, _ = understood(
        *(
            table("code|Income\n" + "\n".join(f"{c}|{n * k}" for n, c in enumerate(SMALL, 1)),
                  file="index_2019.xlsx", sheet=sheet)
            for sheet, k in (("Ranks", 1), ("Scores", 7.5))
        )
    )  # fmt: skip
    assert [d.name for d in mapping.definitions] == ["Income", "Income (Scores)"]


def test_a_table_that_is_not_understood_says_what_is_missing():
    found = recognise([table("name|colour\nred|blue\nx|y\n")], country())
    assert found.mapping.tables == []
    assert [p.kind for p in found.problems] == ["error"]
    assert "column of codes or names of areas" in found.problems[0].sentence


def test_a_table_without_a_period_asks_for_one():
    found = recognise([table("code|rate\nE06000001|1\nE06000002|2.5\n")], country())
    assert [p.code for p in found.problems] == ["period-missing"]


def test_a_cell_that_is_no_number_is_a_problem_with_its_row():
    _, applied, frame = understood(
        table("code|rate 2020\nE06000001|1\nE06000002|about two\nE06000003|3\nW06000001|4\n")
    )
    assert applied.problems.select("row", "column", "area", "value").rows() == [
        (3, "rate 2020", "E06000002", "about two")
    ]
    assert frame.filter(pl.col("row") == 3)["value"].to_list() == [None]


def test_a_mapping_is_json_both_ways_and_gives_the_same_rows():
    one = table("code|Sex|2019|2020\nE06000001|Male|1|2\nE06000001|Female|3|4\n", file="x.csv")
    mapping, _, frame = understood(one)
    again = Mapping.from_json(mapping.to_json())
    assert again == mapping
    assert apply(again, [one], country()).frame().equals(frame)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace('"by": "code"', '"by": "smell"'), "smell"),
        (lambda t: t.replace('"value": "rate 2020"', '"value": "gone"'), "not among its headings"),
        (lambda t: t.replace('"scale": 1.0', '"scale": "big"'), "is needed"),
        (lambda t: t.replace('"figures"', '"figurines"'), "figurines"),
        (lambda t: t[:-9], "not JSON"),
        (lambda t: "[]", "object"),
        (lambda t: t.replace('"slug": "new:', '"slug": "'), "new:"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_a_sentence(change, said):
    mapping, _, _ = understood(table("code|rate 2020\nE06000001|1\nE06000002|2\n"))
    with pytest.raises(MappingError, match=said):
        Mapping.from_json(change(mapping.to_json()))


def test_a_confirmed_mapping_is_used_again_for_the_next_release():
    from dataclasses import replace

    first = table("code|what\nE06000001|0.5\nE06000002|1\n", file="thing_2019.csv")
    mapping, _, _ = understood(first)
    mapping.tables[0].figures[0].indicator = "jobless"
    mapping.tables[0].figures[0].scale = 100.0
    known = replace(country(), layouts=(layout_of("our thing", mapping),))
    later = table("code|what\nE06000003|0.25\nE06000002|1\n", file="thing_2020.csv")
    found = recognise([later], known)
    assert found.layout == "our thing"
    assert rows(apply(found.mapping, [later], known).frame(), "indicator", "period", "value") == [
        ("jobless", "2020-01-01/P1Y", 100.0), ("jobless", "2020-01-01/P1Y", 25.0),
    ]  # fmt: skip


def test_a_saved_layout_is_not_used_for_other_headings():
    from dataclasses import replace

    mapping, _, _ = understood(table("code|what 2020\nE06000001|1\n"))
    known = replace(country(), layouts=(layout_of("our thing", mapping),))
    assert recognise([table("code|else 2020\nE06000001|1\n")], known).layout == ""


def test_markers_that_may_mean_several_things_are_said_and_can_be_changed():
    one = table("code|rate 2020\nE06000001|1\nE06000002|-\nE06000003|..\nW06000001|<5\n")
    found = recognise([one], country())
    assert [p.code for p in found.problems] == ["markers"]
    found.mapping.tables[0].missing["-"] = "z"
    frame = apply(found.mapping, [one], country()).frame()
    assert dict(frame.select("code", "marker").rows()) == {
        "E06000001": "", "E06000002": "z", "E06000003": "x", "W06000001": "c",
    }  # fmt: skip


def test_commas_between_thousands_are_no_decimal_commas_and_the_other_way_round():
    text = "Area code|Homes 2020\nE06000001|{}\nE06000002|{}\n"
    _, _, thousands = understood(table(text.format("1,954", "2,101")))
    _, _, decimals = understood(table(text.format("0,954", "2,10")))
    assert thousands["value"].to_list() == [1954.0, 2101.0]
    assert decimals["value"].to_list() == [0.954, 2.1]


def test_a_figure_beyond_the_scope_of_the_indicator_of_its_name_is_one_of_its_nation():
    from dataclasses import replace

    known = country()
    english = replace(
        known, indicators=known.indicators.with_columns(scope_code=pl.lit("E92000001"))
    )
    text = "Area code|Period|Unemployment rate\n{}|2020|4.1\n"
    here, _, _ = understood(table(text.format("E06000001")), known=english)
    there, _, _ = understood(table(text.format("W06000001")), known=english)
    assert here.tables[0].figures[0].indicator == "jobless"
    assert [d.name for d in there.definitions] == ["Unemployment rate (Wales)"]


def test_the_unit_above_a_table_and_the_day_of_a_census_are_told():
    mapping, _, _ = understood(
        table(
            "Area code|No dependent children|Some\nE06000001|12|3\nE06000002|14|5\n",
            above=("RM006 - Age of youngest child", "units | Households", "date | 2021"),
        )
    )
    assert mapping.tables[0].period.text == "2021-03-21"
    assert {(d.unit, d.aggregation) for d in mapping.definitions} == {("households", "sum")}


def test_headings_are_named_as_an_officer_would_write_them():
    assert words.tidy("imd_proportion_of_lso_as_in_most_deprived_10_percent") == (
        "IMD proportion of LSOAs in most deprived 10%"
    )
    assert words.category("", "category") == ""
    assert [words.pounds(text) for text in ("£ million", "Pounds", "Total (£m)", "minutes")] == [
        "£ million", "£", "£ million", "",
    ]  # fmt: skip


TOWNS = ("E06000001", "E06000002", "E06000003")


def test_limits_and_parts_in_rows_of_their_own_are_put_beside_their_value():
    lines = ["FeatureCode|DateCode|Measurement|Units|Value|Sex"]
    for n, town in enumerate(TOWNS):
        lines += [
            f"{town}|2019-2021|95% Lower Confidence Limit|Years|{70 + n}|Male",
            f"{town}|2019-2021|95% Upper Confidence Limit|Years|{80 + n}|Male",
            f"{town}|2019-2021|Count|Years|{75 + n}|Male",
        ]
    lines.append("W06000001|2019-2021|95% Lower Confidence Limit|Years|1|Male")
    mapping, _, frame = understood(table("\n".join(lines), file="life-expectancy.csv"))
    assert [(d.name, d.unit) for d in mapping.definitions] == [("Life expectancy", "years")]
    assert rows(frame, "code", "value", "lower", "upper", "marker", "breakdown") == [
        ("E06000001", 75.0, 70.0, 80.0, "", "sex=male"),
        ("E06000002", 76.0, 71.0, 81.0, "", "sex=male"),
        ("E06000003", 77.0, 72.0, 82.0, "", "sex=male"),
        ("W06000001", None, None, None, "x", "sex=male"),
    ]
    assert rows(frame, "code", "row")[0] == ("E06000001", 4)


def test_a_half_width_and_the_parts_of_a_rate_in_rows_of_their_own_belong_to_the_rate():
    lines = ["GEOGRAPHY_CODE|DATE|VARIABLE_NAME|MEASURES_NAME|OBS_VALUE"]
    for n, town in enumerate(TOWNS):
        for measure, value in (
            ("Variable", 40 + n), ("Numerator", 400 + n * 10), ("Denominator", 1000),
            ("Confidence", 2.5),
        ):  # fmt: skip
            lines.append(f"{town}|2023|Employment rate|{measure}|{value}")
    mapping, _, frame = understood(table("\n".join(lines)))
    assert [d.name for d in mapping.definitions] == ["Employment rate"]
    assert rows(frame, "code", "value", "lower", "upper", "numerator", "denominator") == [
        ("E06000001", 40.0, 37.5, 42.5, 400.0, 1000.0),
        ("E06000002", 41.0, 38.5, 43.5, 410.0, 1000.0),
        ("E06000003", 42.0, 39.5, 44.5, 420.0, 1000.0),
    ]


def test_limits_of_two_measures_belong_to_the_one_that_is_no_count():
    lines = ["area_code|year|measure|value"]
    for town in TOWNS:
        for measure, value in (("Number", 9), ("Rate", 5), ("Lower CI", 4), ("Upper CI", 6)):
            lines.append(f"{town}|2020|{measure}|{value}")
    _, _, frame = understood(table("\n".join(lines), file="asthma.csv"))
    with_limits = frame.filter(pl.col("lower").is_not_null())
    assert with_limits["value"].to_list() == [5.0] * 3
    assert sorted(frame["value"].to_list()) == [5.0] * 3 + [9.0] * 3


def test_each_measure_of_a_long_table_has_the_decimals_and_the_rule_of_its_own_rows():
    lines = ["area_code|year|measure|value"]
    for town in TOWNS:
        lines += [f"{town}|2020|Claimant count|120", f"{town}|2020|Claimant rate (%)|3.25"]
    mapping, _, _ = understood(table("\n".join(lines)))
    assert {(d.name, d.decimals, d.aggregation) for d in mapping.definitions} == {
        ("Claimant count", 0, "sum"), ("Claimant rate (%)", 2, "none"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("code|Financial year|Financial quarter|Offences\n{}|2023/24|1|5\n{}|2023/24|2|6\n",
         ["2023-04-01/P3M", "2023-07-01/P3M"]),
        ("code|Year|Quarter|Offences\n{}|2023|Q1|5\n{}|2023|Q4|6\n",
         ["2023-01-01/P3M", "2023-10-01/P3M"]),
        ("code|Year|Month|Offences\n{}|2023|1|5\n{}|2023|12|6\n",
         ["2023-01-01/P1M", "2023-12-01/P1M"]),
        ("code|Year|Month|Offences\n{}|2023|March|5\n{}|2023|April|6\n",
         ["2023-03-01/P1M", "2023-04-01/P1M"]),
    ],
)  # fmt: skip
def test_a_quarter_or_month_beside_a_year_tells_the_period(text, periods):
    mapping, _, frame = understood(table(text.replace("{}", HERE)))
    assert sorted(frame["period"].to_list()) == periods
    assert frame["breakdown"].unique().to_list() == [""]
    assert mapping.tables[0].period.within


def test_rows_with_numbers_of_their_own_are_counted_and_their_numbers_are_no_figures():
    lines = ["collision_index|date|severity|vehicles|lsoa_of_collision"]
    lines += [f"2022{n:05}|{1 + n % 28:02}/03/2022|3|{1 + n % 3}|{SMALL[n % 3]}" for n in range(30)]
    mapping, _, frame = understood(table("\n".join(lines), file="collisions.csv"))
    assert mapping.tables[0].count is not None
    assert rows(frame, "code", "period", "value") == [
        (code, "2022-03-01/P1M", 10.0) for code in SMALL[:3]
    ]


def test_days_that_fill_one_year_are_counted_by_it_and_others_by_month():
    lines = ["reference|date|code"]
    lines += [f"{n}|2022-{1 + n % 12:02}-15|{HERE}" for n in range(24)]
    _, _, frame = understood(table("\n".join(lines), file="fires.csv"))
    assert rows(frame, "period", "value") == [("2022-01-01/P1Y", 24.0)]
    _, _, frame = understood(table("\n".join([*lines, f"99|2023-01-15|{HERE}"]), file="fires.csv"))
    assert frame.height == 13


def test_sheets_for_men_and_women_are_a_breakdown_of_one_indicator():
    text = "Code|Median pay (£)\n" + "\n".join(f"{t}|{{}}{n}" for n, t in enumerate(TOWNS))
    sheets = [
        table(text.format(*[k] * 3), file="pay_2024.xlsx", sheet=sheet)
        for sheet, k in (("All", 25), ("Male", 27), ("Female", 22))
    ]
    mapping, _, frame = understood(*sheets)
    assert len(mapping.definitions) == 1
    assert sorted(frame["breakdown"].unique().to_list()) == ["", "sex=female", "sex=male"]


def test_columns_that_nothing_dates_beside_columns_of_years_are_left_out_and_named():
    mapping = recognise(
        [table(f"code|Rate 2021|Rate 2022|Change\n{HERE}|1.5|2.5|1\nE06000002|3|4|1\n")], country()
    )
    assert [p.code for p in mapping.problems] == ["column-without-period"]
    assert "“Change” is left out" in mapping.problems[0].sentence
    assert {f.period for f in mapping.mapping.tables[0].figures} == {
        "2021-01-01/P1Y", "2022-01-01/P1Y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "period"),
    [("202401_coverage.csv", "2024-01-01/P1M"), ("homeless_202312.csv", "2023-12-01/P1M"),
     ("cover_202223.csv", "2022-04-01/P1Y")],
)  # fmt: skip
def test_a_files_name_may_tell_a_month(file, period):
    _, _, frame = understood(table(f"code|Homes\n{HERE}|4\nE06000002|5\n", file=file))
    assert frame["period"].unique().to_list() == [period]


def test_names_are_without_marks_of_footnotes_and_percentiles_of_pay_are_no_percentile():
    assert words.tidy("Total assessments1,2") == "Total assessments"
    assert words.tidy("Homes [note 3]") == "Homes"
    assert words.tidy("Level 2") == "Level 2"
    mapping, _, _ = understood(table(f"code|Percentile 10\n{HERE}|21000\nE06000002|23000\n",
                                     file="pay_2024.csv"))  # fmt: skip
    assert mapping.definitions[0].unit == ""


def test_parts_in_rows_have_to_say_which_rows_and_be_parts():
    mapping = Mapping.from_json(understood(table("code|Rate 2020\nE06000001|1\n"))[0].to_json())
    mapping.tables[0].figures[0].part = "lower"
    with pytest.raises(MappingError, match="not a part that rows can hold"):
        Mapping.from_json(mapping.to_json())
