"""What the columns of a table hold, by their content: codes, names, periods, numbers, categories.

A sample of rows tells. Only different texts are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from indicators.releases.reading.model import KIND, ROW, Table
from indicators.releases.reading.numbers import parse_numbers
from indicators.releases.recognising.known import Known
from indicators.releases.recognising.words import plain, role_of
from indicators.statistics.periods import read_period

SAMPLE = 4_000
CODE_FORM = (
    r"^(?:[EWSNKJLM]\d{8}|TL[A-Z][A-Z0-9]{0,3}|UK[A-Z][A-Z0-9]{0,3}"
    r"|95[A-Z]{2}\d\d[A-Z]\d|95[A-Z]{2})$"
)
# A code with its name in one cell: “E01004647 : Westminster 001B”.
LEADING = r"^([EWSNKJLM]\d{8}|95[A-Z]{2}\d\d[A-Z]\d)(?:\s*[:|–-]\s*|\s+)\S"
POSTCODE_FORM = r"^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$"
COMMA_FORM = r"^-?\d{1,3}(?:\.\d{3})*,\d+$|^-?\d+,\d{1,2}$|^-?\d{1,3},\d{4,}$"
# 1,954 has a comma between thousands, unless others of its column can only be decimals: 0,5.
THOUSANDS_FORM = r"^-?[1-9]\d{0,2}(?:,\d{3})+$"
MOST_PERIODS = 3_000
# Around codes that were kept from being read as numbers: '95AA01S1.
QUOTED = " \t'\"`\u2018\u2019\u00a0"
# What may stand before a half width: ±2.3.
LEADING_SIGN = r"^\s*(?:±|\+ ?/ ?[-–−])\s*"


def clean_codes(texts: pl.Expr) -> pl.Expr:
    """Return codes in capitals, without spaces around or a name behind."""
    upper = texts.str.strip_chars(QUOTED).str.to_uppercase()
    return pl.coalesce(upper.str.extract(LEADING, 1), upper)


@dataclass(frozen=True)
class Column:
    """A column's heading, role by its words, and content in a sample of rows.

    Shares are of the cells that hold something. `low` and `high` are of the values read.
    """

    heading: str
    place: int
    role: str
    filled: int
    distinct: int
    codes: float  # Known codes.
    code_like: float
    postcodes: float
    numbers: float  # Values and markers.
    values: float
    whole: float
    low: float
    high: float
    inside: float  # The share of values from 0 to 1.
    decimals: int
    percent: bool
    comma: bool
    markers: tuple[str, ...]

    @property
    def words(self) -> str:
        """The heading as words."""
        return plain(self.heading)

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, at least."""
        return self.filled > 0 and self.numbers >= 0.9 and self.values > 0


def data_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows of data and totals, without labels of sections and remarks."""
    return frame.filter(pl.col(KIND).is_in(["data", "total"]))


def first_rows(table: Table) -> pl.DataFrame:
    """Return the first batch of a table's data, or an empty frame with its columns."""
    for batch in table.batches():
        rows = data_rows(batch)
        if rows.height:
            return rows
    text = dict.fromkeys(table.headings, pl.String)
    return pl.DataFrame(schema={**text, ROW: pl.Int64, KIND: pl.String})


def sampled(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows from all over a frame."""
    return frame if frame.height <= SAMPLE else frame.gather_every(frame.height // SAMPLE + 1)


def share(series: pl.Series) -> float:
    """Return the share of trues among what is not null, 0 where nothing is."""
    return float(series.mean() or 0.0)  # type: ignore[arg-type]


def share_known(codes: pl.Series, known: Known) -> float:
    """Return the share of codes that are of areas held here."""
    counts = codes.drop_nulls().value_counts(name="n")
    if counts.is_empty():
        return 0.0
    held = known.types.lazy().join(
        counts.lazy(), left_on="code", right_on=codes.name, how="inner"
    )  # fmt: skip
    return float(held.select(pl.col("n").sum()).collect().item()) / float(counts["n"].sum())


def columns_of(frame: pl.DataFrame, headings: Sequence[str], known: Known) -> list[Column]:
    """Return what each column of a frame holds."""
    rows = sampled(frame)
    return [column_of(rows[h], frame[h], h, place, known) for place, h in enumerate(headings)]


def column_of(cells: pl.Series, whole: pl.Series, heading: str, place: int, known: Known) -> Column:
    """Return what a column holds: `cells` are a sample of the `whole`."""
    role = role_of(heading)
    if role == "half":
        cells, whole = (s.str.replace(LEADING_SIGN, "") for s in (cells, whole))
    cells = cells.drop_nulls()
    if cells.is_empty():
        cells = whole.drop_nulls().head(SAMPLE)
    codes = cells.to_frame("c").select(clean_codes(pl.col("c"))).to_series()
    code_like = share(codes.str.contains(CODE_FORM))
    commas = cells.str.contains(COMMA_FORM)
    comma = share(commas) > 0.5 and share(commas & ~cells.str.contains(THOUSANDS_FORM)) > 0.05
    read = parse_numbers(cells, decimal_comma=comma)
    values = read.values.drop_nulls()
    if role == "marker" and plain(heading.split(" | ")[-1]) == "conf" and len(values):
        role = "half"  # So Nomis calls the half width beside an estimate of a survey.
    texts = cells.filter(read.values.is_not_null()).str.extract(r"[.,](\d+)", 1)
    if not comma:
        texts = cells.filter(read.values.is_not_null()).str.extract(r"\.(\d+)", 1)
    lengths = texts.fill_null("").str.strip_chars_end("0").str.len_chars()
    return Column(
        heading=heading,
        place=place,
        role=role,
        filled=len(cells),
        distinct=whole.n_unique() - (1 if whole.null_count() else 0),
        # Looked up only where they may be codes: a column of numbers is none.
        codes=share_known(codes, known) if code_like or not len(values) else 0.0,
        code_like=code_like,
        postcodes=share(codes.str.contains(POSTCODE_FORM)),
        numbers=share(read.values.is_not_null() | (read.markers != "")),
        values=share(read.values.is_not_null()),
        whole=share(values == values.round(0)),
        low=float(values.min() or 0.0),  # type: ignore[arg-type]
        high=float(values.max() or 0.0),  # type: ignore[arg-type]
        inside=share((values >= 0) & (values <= 1)),
        decimals=int(lengths.max() or 0),  # type: ignore[arg-type]
        percent=share(read.percent) > 0.5,
        comma=comma,
        markers=tuple(sorted(set(read.markers.unique().to_list()) - {""}))[:20],
    )


def read_periods(texts: Iterable[str | None], kind: str = "") -> dict[str, str]:
    """Return what different texts of a column are as periods; those that are none are left out.

    A column's texts explain each other: where some can only be months (2018-11), all are.
    """
    texts = [text for text in dict.fromkeys(texts) if text is not None][:200_000]
    if not kind and len(texts) > 1:
        hyphened = [re.fullmatch(r"\s*(\d{4})-?(\d\d)\s*", text, re.ASCII) for text in texts]
        pairs = [m for m in hyphened if m]
        if len(pairs) == len(texts) and any((int(m[1]) + 1) % 100 != int(m[2]) for m in pairs):
            kind = "month"
    found = ((text, read_period(text, kind)) for text in texts)
    return {text: new for text, new in found if new is not None}


def period_share(cells: pl.Series, kind: str = "") -> float:
    """Return the share of a column's different texts that are periods."""
    texts = cells.drop_nulls().unique(maintain_order=True).head(MOST_PERIODS).to_list()
    return len(read_periods(texts, kind)) / len(texts) if texts else 0.0
