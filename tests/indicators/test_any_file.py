"""Files as anybody may give them, from bytes to staged figures: never a crash, never another value.

The vocabulary is that of real releases. Mad files put it together at random; sound ones lay known
figures out as publishers do, and what is staged has to be those figures.

`script/test tests/indicators/test_any_file.py --hypothesis-profile=long` tries forty times as many.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from indicators.models import Observation, Series
from indicators.releases import findings, keeping, pipeline
from indicators.releases.recognising.words import plain
from indicators.releases.stage import StagingError
from indicators.statistics.markers import MARKERS
from indicators.statistics.periods import period_text
from tests.conftest import NOON
from tests.tiny_uk import COUNCIL_NAMES, COUNCILS, NEIGHBOURHOODS, WARDS, WIDE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "read_here")]
# Half of what a profile says: fifty in the suite, two thousand with the profile “long”.
# The same few each time, so that nobody's landing waits for a new find; the long profile looks for
# those.
FEW = settings(
    max_examples=settings().max_examples // 2,
    derandomize=settings().max_examples <= 100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

# --- Mad files ------------------------------------------------------------------------------------

HEADINGS = st.one_of(
    st.sampled_from(
        ["LSOA code (2011)", "LSOA name (2011)", "Local Authority District code (2019)", "areacd",
         "areanm", "Area Code", "Area Name", "Area Type", "GEOGRAPHY_CODE", "GEOGRAPHY_NAME",
         "geographic_level", "country_code", "new_la_code", "la_name", "WD21CD", "wd21nm", "DZ",
         "Data_Zone", "Intermediate_Zone", "postcode", "Postcode", "Parent Code", "Parent Name",
         "Index of Multiple Deprivation (IMD) Score", "Income Score (rate)", "Income Decile",
         "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)", "Share", "share",
         "Value", "value", "OBS_VALUE", "OBS_STATUS_NAME", "MEASURES_NAME", "Value note", "Count",
         "Denominator", "numerator", "Lower CI 95.0 limit", "Upper CI 95.0 limit", "lci", "uci",
         "Standard error", "Time period", "Time period Sortable", "time_period", "time_identifier",
         "DATE", "Year", "Month", "Period", "Sex", "Age", "Age group", "Category", "Indicator Name",
         "Indicator", "Indicator ID", "Unit", "Units", "2019", "2020", "2021", "2019/20", "2020/21",
         "2010-11", "Mid-2019", "Jan 2020", "Q1 2020", "M0", "F90+", "16-64", "All ages", "Total",
         "Total: All usual residents", "All people", "Male", "Female", "Persons", "Crime ID",
         "Crime type", "Longitude", "Latitude", "LSOA code", "Falls within", "Context",
         "% of pupils", "Rate per 1,000", "Gross pay (£)", "code", "indicator", "edition",
         "period", "breakdown", "marker", "row", "kind", "_code", "_value", "column 2", "Notes", "",
         " ", "*", "^a$",
         "Unnamed: 0", "=1+1", "<b>x</b>", "x" * 300, "\u202eabc", "Ynys Môn"]
    ),
    st.sampled_from([*NEIGHBOURHOODS[:4], *COUNCILS, *COUNCIL_NAMES]),
    st.text(max_size=12),
)  # fmt: skip
CODES = st.sampled_from(
    [*NEIGHBOURHOODS, *NEIGHBOURHOODS, *COUNCILS, *WARDS, *(code for code, _, _ in WIDE),
     "E07000901", "E01999999", "e01000901", "E0100090", "EO1000901", "9E+06", "E47000001",
     "E99999999", "95AA01S1", "TLC31", "E01000901 ", "E01000901 : Ashby 001", "AB1 1AA", "ab11ab",
     "ZZ99 9ZZ", "Ashby", "Ashby 001", "An Dail", "Dale", "North", "England", "Nowhere", "301"]
)  # fmt: skip
PERIODS = st.sampled_from(
    ["2019", "2020", "2021", "2019/20", "2020-21", "201920", "2019-07", "Jan-20", "Nov-10", "43831",
     "2019 Q3", "2018 - 20", "Mid-2019", "2021-03-21", "31/03/2020", "2019-01-01/P1Y",
     "Year ending March 2020", "Academic year", "Calendar year", "2021-13-41", "9999", "0000"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-5, 400).map(str),
    st.floats(-10, 1e6, allow_nan=False).map(lambda x: f"{x:.2f}"),
    st.sampled_from(
        ["0", "1", "0.5", "1,234", "1,234,567.8", "1 234", "1'234", "(12)", "−3", "12%", "£1,200",
         "1e5", "1e999", "1E-400", "NaN", "nan", "inf", "-inf", "-0", "007", "1,5", "1.234,5",
         "99999999999999999999999", "0x10", "½", "１２", "1/2", "=1+1", "12.3 [u]", "45p", "7*"]
    ),
)  # fmt: skip
MARKERS_SEEN = st.sampled_from(
    ["[c]", "[x]", "[z]", "[low]", "c", "x", "..", ".", ":", "-", "–", "*", "**", "!", "~", "<5",
     "≥95", "N/A", "#N/A", "#DIV/0!", "#REF!", "null", "None", "suppressed", "Not available", "k",
     "u", "[weird]", "DNS", "S"]
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(
        ["Male", "Female", "Persons", "Total", "All ages", "16-64", "0-4", "90+", "Oct-14", "Urban",
         "Burglary", "Other theft", "Unit: %", "Source: Office for National Statistics", "Note 1",
         "[note 2]", "# comment", "Grand total", "per 1,000", "%", "Number", "true",
         "<script>alert(1)</script>", "'; DROP TABLE x--", "a\nb", 'say "hello"', "comma, here"]
    ),
    st.text(max_size=15),
    st.text(min_size=200, max_size=300),
)  # fmt: skip
CELLS = {
    "code": CODES, "period": PERIODS, "number": NUMBERS, "marker": MARKERS_SEEN, "words": WORDS,
    "blank": st.none(),
}  # fmt: skip
Rows = list[list[str | None]]


@st.composite
def mad_rows(draw: Any) -> Rows:
    """Titles, headings of one or two levels, rows mostly of one kind a column, and footnotes."""
    kinds = draw(st.lists(st.sampled_from([*CELLS, "code", "number", "number"]), min_size=1,
                          max_size=7))  # fmt: skip
    rows: Rows = []
    for _ in range(draw(st.integers(1, 3))):
        for _ in range(draw(st.integers(0, 2))):
            rows.append([draw(st.one_of(WORDS, PERIODS, HEADINGS))])
        rows += [[]] * draw(st.integers(0, 2))
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
            rows.append([draw(st.one_of(HEADINGS, HEADINGS, HEADINGS, st.none())) for _ in kinds])
        for n in range(draw(st.integers(0, 20))):
            cells: list[str | None] = []
            for place, kind in enumerate(kinds):
                odd = draw(st.integers(0, 24)) == 0
                if kind == "code" and not odd and draw(st.booleans()):
                    cells.append(NEIGHBOURHOODS[(n + place) % 16])
                else:
                    cells.append(draw(draw(st.sampled_from(list(CELLS.values()))) if odd
                                      else CELLS[kind]))  # fmt: skip
            cells += [draw(NUMBERS)] * (draw(st.integers(0, 40)) == 0)
            rows.append(cells if draw(st.integers(0, 30)) else [])
        if draw(st.integers(0, 2)):
            break
    for _ in range(draw(st.integers(0, 2))):
        rows.append([draw(WORDS)])
    return rows


@st.composite
def written(draw: Any, rows: Rows) -> bytes:
    """Rows as separated text, in one of the ways that programs write it."""
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, delimiter=draw(st.sampled_from(",,,;\t|")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )  # fmt: skip
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    return out.getvalue().encode(encoding, errors="replace")


def as_number(text: str) -> float | str:
    """Return what a spreadsheet would make of a cell."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if abs(number) < 1e300 else text


@st.composite
def workbooks(draw: Any, sheets: list[Rows]) -> bytes:
    """Rows as the sheets of a workbook, with cells merged here and there."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_numbers": False})
    for number, rows in enumerate(sheets):
        name = draw(st.sampled_from(["Data", "2021", "Notes", "IMD2019", "Table 1a"]))
        sheet = book.add_worksheet(f"{name} {number}")
        numbers = draw(st.booleans())
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell is None:
                    continue
                held = as_number(cell) if numbers else cell
                if isinstance(held, float):
                    sheet.write_number(at, column, held)
                else:
                    sheet.write_string(at, column, held)
        taken: set[tuple[int, int]] = set()
        for _ in range(draw(st.integers(0, 2))):
            top, left = draw(st.integers(0, 4)), draw(st.integers(0, 4))
            down, right = top + draw(st.integers(0, 1)), left + draw(st.integers(1, 2))
            cells = {(r, c) for r in range(top, down + 1) for c in range(left, right + 1)}
            if not cells & taken:
                taken |= cells
                sheet.merge_range(top, left, down, right, draw(st.one_of(HEADINGS, WORDS)))
    book.close()
    return out.getvalue()


@st.composite
def mad_files(draw: Any) -> tuple[str, bytes]:
    """A file of rows put together at random."""
    name = draw(st.sampled_from(["figures", "figures-2021", "imd2019lsoa", "2019-01-force-street"]))
    if draw(st.integers(0, 3)):
        return f"{name}.csv", draw(written(draw(mad_rows())))
    return f"{name}.xlsx", draw(workbooks(draw(st.lists(mad_rows(), min_size=1, max_size=2))))


@contextmanager
def undone() -> Iterator[None]:
    """Take back what an example writes."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def taken(folder: Path, dataset: Any, name: str, content: bytes) -> dict[str, Any]:
    """Take a file as far as it goes; return all that came of it. Raises for a crash only."""
    place = folder / uuid.uuid4().hex
    place.mkdir(parents=True)
    path = place / name
    path.write_bytes(content)
    with undone():
        release = pipeline.receive(paths=[path], by=None, at=NOON, dataset=dataset)
        problems = pipeline.check_release(release=release, at=NOON)
        found: dict[str, Any] = {
            "mapping": json.dumps(release.mapping, sort_keys=True),
            "problems": problems.rows(),
            "counted": json.dumps(release.problems),
            "figures": [],
        }
        if findings.numbers(release.problems)[0]:
            found["errors"] = True
        else:
            try:
                pipeline.stage_release(release=release, at=NOON)
            except (pipeline.CannotGoOn, StagingError) as error:
                found["refused"] = str(error)
            found["figures"] = figures_of(release)
        keeping.drop(release.pk)
    return found


def figures_of(release: Any) -> list[tuple[Any, ...]]:
    """Return every figure that was published: name, breakdown, period, code, value, marker."""
    names = {
        s.pk: (plain(s.indicator.name), s.breakdown, period_text(s.period.start, s.period.end))
        for s in Series.objects.filter(release=release, origin="published").select_related(
            "indicator", "period"
        )
    }
    rows = Observation.objects.filter(series__in=list(names)).values_list(
        "series_id", "area__code", "value", "marker"
    )
    return sorted(
        (*names[series], code, value, MARKERS[marker or 0].letters)
        for series, code, value, marker in rows
    )


@FEW
@given(mad_files())
def test_any_file_is_figures_or_sentences_and_the_same_twice(tmp_path, dataset, file):
    name, content = file
    note(repr(content[:3_000]))
    found = taken(tmp_path, dataset, name, content)
    assert taken(tmp_path, dataset, name, content) == found
    frame = pl.DataFrame(found["problems"], schema=findings.SCHEMA, orient="row")
    for sentence in [*frame["sentence"], *([found["refused"]] if "refused" in found else [])]:
        assert sentence.endswith(".")
        # Python may not know of characters that were given since.
        kinds = {unicodedata.category(c) for c in sentence if not c.isprintable()}
        assert kinds <= {"Cn"}
        assert len(sentence) <= findings.LONGEST + 2
    # Whatever came of it, there is a figure, or something that says why there is none.
    assert found["figures"] or not frame.is_empty()
    for *_, value, marker in found["figures"]:
        assert (value is None) == (marker in {m.letters for m in MARKERS if m.missing})
    # What staging refuses, checking has said: nobody is told that all is well, and then is not.
    assert "refused" not in found, found["refused"]


# --- Sound files ----------------------------------------------------------------------------------

INDICATORS = ("Average travel time (minutes)", "Sunshine score", "Jobs density", "Noise level")
SUPPRESSED = {"[c]": "c", "c": "c", "*": "c", "[x]": "x", "..": "x", "[z]": "z"}
PLACES = {"lsoa": NEIGHBOURHOODS, "authority": COUNCILS, "ward": WARDS}
# Beyond 1, so that no column of them looks like parts of a whole.
VALUES = st.integers(0, 99_999_999).map(lambda n: f"{n / 100 + 1.37:.2f}")


@st.composite
def sound_files(draw: Any) -> tuple[str, bytes, set[tuple[Any, ...]]]:
    """Known figures, laid out as a publisher would, with what they should become."""
    places = PLACES[draw(st.sampled_from(list(PLACES)))]
    codes = draw(st.permutations(places))
    layout = draw(st.sampled_from(["wide", "long", "years", "filter"]))
    names = draw(st.lists(st.sampled_from(INDICATORS), min_size=2, max_size=3, unique=True))
    years = draw(st.lists(st.integers(2011, 2022), min_size=2, max_size=3, unique=True))
    years = [str(year) for year in sorted(years)]
    keys: list[tuple[str, str, str]] = {
        "wide": [(name, "", "2021") for name in names],
        "years": [(names[0], "", year) for year in years],
        "long": [(name, "", year) for name in names for year in years],
        "filter": [
            (names[0], breakdown, year)
            for year in years for breakdown in ("sex=female", "sex=male", "")
        ],
    }[layout]  # fmt: skip
    hidden = st.sampled_from(list(SUPPRESSED))
    rarely = draw(st.sampled_from([0, 0, 8]))
    cells = {
        (key, code): draw(hidden) if rarely and draw(st.integers(0, rarely)) == 0 else draw(VALUES)
        for key in keys for code in codes
    }  # fmt: skip
    expected = {
        (plain(name), breakdown, f"{year}-01-01/P1Y", code,
         None if (cell := cells[(name, breakdown, year), code]) in SUPPRESSED else float(cell),
         SUPPRESSED.get(cell, ""))
        for name, breakdown, year in keys for code in codes
    }  # fmt: skip
    sexes = {"sex=female": "Female", "sex=male": "Male", "": "Persons"}
    rows: Rows
    if layout == "wide":
        rows = [["Area code", *names]]
        rows += [[code, *(cells[key, code] for key in keys)] for code in codes]
    elif layout == "years":
        rows = [["Area code", *years]]
        rows += [[code, *(cells[key, code] for key in keys)] for code in codes]
    elif layout == "long":
        rows = [["Area code", "Indicator", "Year", "Value"]]
        rows += [[code, key[0], key[2], cells[key, code]] for key in keys for code in codes]
    else:
        rows = [["Area code", "Year", "Sex", names[0]]]
        rows += [[code, key[2], sexes[key[1]], cells[key, code]] for code in codes for key in keys]
    width = len(rows[0])
    above: Rows = []
    if layout == "years" or draw(st.booleans()):
        above = [[names[0] if layout == "years" else "Figures of places"]]
        above += [[]] * draw(st.integers(0, 1)) if width > 2 else [[]]
    below: Rows = [[], ["Source: Office for National Statistics."]] if draw(st.booleans()) else []
    file = [*above, *rows, *below]
    stem = "figures-2021" if layout == "wide" else "figures"
    if draw(st.integers(0, 2)) == 0:
        return f"{stem}.xlsx", draw(workbook_of(file)), expected
    return f"{stem}.csv", draw(written(file)), expected


@st.composite
def workbook_of(draw: Any, rows: Rows) -> bytes:
    """Rows as the one sheet of a workbook, numbers as numbers."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    if draw(st.booleans()):
        book.add_worksheet("Notes").write_string(0, 0, "These figures are made up.")
    sheet = book.add_worksheet("Data")
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            held = as_number(cell or "")
            if isinstance(held, float):
                sheet.write_number(at, column, held)
            elif held:
                sheet.write_string(at, column, held)
    book.close()
    return out.getvalue()


@FEW
@given(sound_files())
def test_known_figures_in_any_sound_layout_are_staged_as_they_are(tmp_path, dataset, file):
    name, content, expected = file
    note(repr(content[:3_000]))
    found = taken(tmp_path, dataset, name, content)
    note(found["counted"])
    assert "errors" not in found
    assert "refused" not in found
    assert set(found["figures"]) == expected
    assert len(found["figures"]) == len(expected)
