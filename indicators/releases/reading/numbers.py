"""Columns of numbers as publishers write them: values, markers, and what is neither.

Read are 1,234.5 and 1 234 and 1'234 (whole groups of three only), 12%, (12) as less than nothing,
£1,200, 1.2e5, and the many kinds of minus. A marker stands alone (“[c]”, “..”, “–”, “<5”) or after
a value (“12.3 [u]”, “45 p”, “7*”). NaN and infinity are no numbers, however they are written:
1e999 is one of them.

What a marker means depends on its publisher (a dash may be nil or missing), so that markers are
given as they stand, but for those of the Government Statistical Service and words that can mean one
thing only, which are given by its letters.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from indicators.statistics.markers import POSITION

# Letters of the Government Statistical Service that may stand alone, in brackets or not.
LETTERS = {
    **{letters: letters for letters in POSITION if letters},
    **{letters: letters for letters in ("ns", "s", "ss", "sss", "a", "t")},
    "k": "low",
}
WORDS = {
    "suppressed": "c",
    "confidential": "c",
    "disclosive": "c",
    "not available": "x",
    "unavailable": "x",
    "no data": "x",
    "missing": "x",
    "not applicable": "z",
    "n/a": "n/a",
    "na": "n/a",
    "n.a.": "n/a",
    "#n/a": "n/a",
    "null": "n/a",
    "none": "n/a",
}
# Letters that may follow a number without brackets. Not “k”, which may mean thousands.
SPACES = "[\u00a0\u2007\u2009\u202f]"
MINUSES = "^([(£$€]?)[\u2212\u2010\u2011\u2012\u2013\u2014-]\\s?([£$€]?[0-9.])"
SIGN = r"^(?:\.{1,3}|[:*!#~†‡$]{1,2}|[-–—]{1,2}|\[[a-z0-9 ]{1,12}\]|[<>≤≥]\s?[0-9][0-9,.]*%?)$"
AFTER = r"^(.*?[0-9)%.])\s?(?:\[([a-z0-9 ]{1,12})\]|\s?([uperbf])|\s?([*†‡#!~]{1,3}))$"
# Groups of three, by one separator throughout.
GROUPED = (
    r"^[-+]?[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+|(?:'[0-9]{3})+|(?:’[0-9]{3})+)(?:\.[0-9]+)?$"
)
PLAIN = r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?$"


class Numbers(NamedTuple):
    """A column as read: series as long as it, in its order.

    `values` (Float64) is null where there is none. `markers` (String) is "" without one.
    `problems` (Boolean) says where neither could be read. `percent` (Boolean) says where a % sign
    stood: 12% is given as 12.
    """

    values: pl.Series
    markers: pl.Series
    problems: pl.Series
    percent: pl.Series


def parse_numbers(series: pl.Series, *, decimal_comma: bool = False) -> Numbers:
    """Return the numbers in a column of text. Blank cells have neither value, marker nor problem.

    With `decimal_comma`, 1.234,5 is one thousand and more. Never raises for what a cell holds.
    """
    text = series.cast(pl.String).rename("text")
    if not decimal_comma:
        quick = text.str.contains(PLAIN)
        values = pl.select(pl.when(quick).then(text.cast(pl.Float64, strict=False))).to_series()
        rest = text.filter(values.is_null() | values.is_infinite()).drop_nulls().unique()
    else:
        rest = text.drop_nulls().unique()
        values = pl.Series(values=[None] * len(text), dtype=pl.Float64)
    frame = pl.DataFrame({"text": text, "quick": values.rename("quick")})
    known = slowly(rest, decimal_comma=decimal_comma)
    joined = frame.join(known, on="text", how="left", maintain_order="left")
    finite = pl.col("quick").is_finite().fill_null(False)
    return Numbers(
        *joined.select(
            pl.when(finite).then("quick").otherwise("value").alias("values"),
            pl.col("marker").fill_null("").alias("markers"),
            pl.col("problem").fill_null(False).alias("problems"),
            pl.col("percent").fill_null(False).alias("percent"),
        ).get_columns()
    )


def slowly(texts: pl.Series, *, decimal_comma: bool) -> pl.DataFrame:
    """Return what each of some different texts is: text, value, marker, problem, percent."""
    clean = (
        pl.col("text")
        .str.replace_all(SPACES, " ")
        .str.strip_chars()
        .str.replace(r"^\+([0-9.£$€])", "$1")
        .str.replace(MINUSES, "$1-$2")
    )
    lower = pl.col("clean").str.to_lowercase()
    naked = lower.str.strip_chars("[]")
    frame = texts.to_frame("text").with_columns(clean.alias("clean"))
    alone = (
        pl.when(
            naked.is_in(list(LETTERS)) & (lower.str.starts_with("[") == lower.str.ends_with("]"))
        )
        .then(naked.replace_strict(LETTERS, default=None, return_dtype=pl.String))
        .when(naked.is_in(list(WORDS)))
        .then(naked.replace_strict(WORDS, default=None, return_dtype=pl.String))
        .when(lower.str.contains(SIGN))
        .then(pl.col("clean").str.strip_chars("[]"))
    )
    frame = frame.with_columns(alone.alias("alone"))
    said = pl.coalesce(lower.str.extract(AFTER, i) for i in (2, 3, 4)).str.strip_chars()
    frame = frame.with_columns(
        pl.when(pl.col("alone").is_null()).then(said).alias("after")
    ).with_columns(
        pl.when(pl.col("after").is_not_null() & (pl.col("after") != ""))
        .then(
            pl.col("clean").str.replace(
                r"(?i)\s?(?:\[[a-z0-9 ]{1,12}\]|[uperbf]|[*†‡#!~]{1,3})$", ""
            )
        )
        .when(pl.col("alone").is_null())
        .then("clean")
        .alias("digits")
    )
    digits = pl.col("digits").str.strip_chars()
    inner = digits.str.extract(r"^\(\s*(.*?)\s*\)\s*%?$", 1)
    percent = digits.str.contains(r"%\s*\)?$").fill_null(False)
    bare = (
        pl.coalesce(inner, digits)
        .str.replace(r"\s*%$", "")
        .str.replace(r"^(-?)\s?[£$€]\s?(-?)", "$1$2")
    )
    if decimal_comma:
        bare = bare.str.replace_all(".", "'", literal=True).str.replace_all(",", ".", literal=True)
    frame = frame.with_columns(
        bare.alias("bare"), percent.alias("percent"), inner.is_not_null().alias("below")
    )
    number = pl.col("bare")
    grouped = number.str.contains(GROUPED)
    ready = (
        pl.when(number.str.contains(PLAIN))
        .then(number)
        .when(grouped)
        .then(number.str.replace_all(r"[, '’]", ""))
    )
    value = ready.cast(pl.Float64, strict=False)
    value = pl.when(value.is_finite() & ~(pl.col("below") & (value < 0))).then(value)
    signed = pl.when(pl.col("below") & (value != 0)).then(-value).otherwise(value)
    letters = pl.col("after").replace_strict(
        LETTERS, default=pl.col("after"), return_dtype=pl.String
    )
    return (
        frame.with_columns(signed.alias("value"))
        .with_columns(
            pl.when(pl.col("alone").is_not_null())
            .then("alone")
            .when(pl.col("value").is_not_null())
            .then(letters)
            .fill_null("")
            .alias("marker")
        )
        .select(
            "text",
            "value",
            "marker",
            (pl.col("value").is_null() & (pl.col("marker") == "") & (pl.col("clean") != "")).alias(
                "problem"
            ),
            (pl.col("percent") & pl.col("value").is_not_null()).alias("percent"),
        )
    )
