"""Parquet and JSON-stat 2 become the same kind of table as a CSV."""

import io
import json
from datetime import date, datetime

import polars as pl
import pytest

from tests.indicators.reading.making import codes, only, read_bytes, values


def parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


def test_parquet_values_are_the_text_a_csv_would_hold(tmp_path):
    frame = pl.DataFrame(
        {
            "code": pl.Series(["E06000001", "E06000002", " "]),
            "row": [1.0, 2.5, None],
            "large": [123456789012.0, 1e15, -3.0],
            "small": pl.Series([0.1, 1.0, None], dtype=pl.Float32),
            "day": [date(2023, 4, 1), None, date(1999, 12, 31)],
            "at": [datetime(2023, 4, 1), datetime(2023, 4, 1, 12, 30), None],
            "kind": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
        }
    )
    table = only(read_bytes(tmp_path, "a.parquet", parquet(frame)))
    assert table.headings == ("code", "row (2)", "large", "small", "day", "at", "kind (2)")
    assert values(table) == [
        ("E06000001", "1", "123456789012", "0.1", "2023-04-01", "2023-04-01", "a"),
        ("E06000002", "2.5", "1000000000000000", "1", None, "2023-04-01 12:30:00", "b"),
        (None, None, "-3", None, "1999-12-31", None, "a"),
    ]
    assert table.frame()["row"].to_list() == [1, 2, 3]


def test_parquet_comes_in_batches(tmp_path):
    frame = pl.DataFrame({"code": [f"E{i:08d}" for i in range(10_000)]})
    table = only(read_bytes(tmp_path, "a.parquet", parquet(frame)))
    frames = list(table.batches(3_000))
    assert max(f.height for f in frames) <= 3_000
    assert pl.concat(frames)["row"].to_list() == list(range(1, 10_001))


def test_columns_of_lists_are_left_out_and_said(tmp_path):
    frame = pl.DataFrame({"code": ["E06000001"], "parts": [[1, 2]]})
    reading = read_bytes(tmp_path, "a.parquet", parquet(frame))
    assert reading.tables[0].headings == ("code",)
    assert codes(reading) == ["nested-columns"]


def test_broken_and_empty_parquet_are_refused(tmp_path):
    whole = parquet(pl.DataFrame({"code": ["E06000001"]}))
    assert codes(read_bytes(tmp_path, "a.parquet", whole[:-20])) == ["truncated"]
    empty = parquet(pl.DataFrame(schema={"code": pl.String}))
    assert codes(read_bytes(tmp_path, "b.parquet", empty)) == ["no-rows"]


def cube(**changes: object) -> dict[str, object]:
    return {
        "version": "2.0",
        "class": "dataset",
        "label": "Things by district",
        "source": "Office for Tests",
        "updated": "2024-05-01T09:30:00Z",
        "note": ["Rounded."],
        "id": ["STATISTIC", "LGD2014", "TLIST(A1)"],
        "size": [2, 2, 2],
        "role": {"time": ["TLIST(A1)"], "geo": ["LGD2014"], "metric": ["STATISTIC"]},
        "dimension": {
            "STATISTIC": {
                "label": "Statistic",
                "category": {
                    "index": ["N", "P"],
                    "label": {"N": "Number", "P": "Share"},
                    "unit": {"N": {"label": "People", "decimals": 0}, "P": {"label": "%"}},
                },
            },
            "LGD2014": {
                "label": "Local Government District",
                "category": {
                    "index": {"N09000002": 1, "N09000001": 0},
                    "label": {"N09000001": "Antrim and Newtownabbey", "N09000002": "Armagh"},
                },
            },
            "TLIST(A1)": {"label": "Year", "category": {"index": ["2022", "2023"]}},
        },
        "value": [10, 11, 20, None, 1.50, 2, 0.10, 3],
        "status": {"3": "c"},
        **changes,
    }


def test_a_cube_becomes_a_long_table_of_codes_and_labels(tmp_path):
    reading = read_bytes(
        tmp_path, "a.json", '{"x": 1, ' + json.dumps(cube())[1:].replace("1.5,", "1.50,")
    )
    table = only(reading)
    assert table.headings == (
        "Statistic | code", "Statistic | label", "Statistic | unit",
        "Local Government District | code", "Local Government District | label",
        "Year | code", "Year | label", "value", "status",
    )  # fmt: skip
    antrim, armagh = ("N09000001", "Antrim and Newtownabbey"), ("N09000002", "Armagh")
    number, share = ("N", "Number", "People"), ("P", "Share", "%")
    years = [("2022", "2022"), ("2023", "2023")]
    keys = [(*m, *a, *y) for m in (number, share) for a in (antrim, armagh) for y in years]
    said = ["10", "11", "20", None, "1.50", "2", "0.1", "3"]
    assert values(table) == [
        (*key, value, "c" if value is None else None) for key, value in zip(keys, said, strict=True)
    ]
    assert "role geo | Local Government District" in table.above
    assert reading.documents[0].lines == ("Rounded.",)


def test_a_sparse_cube_has_only_what_it_holds(tmp_path):
    table = only(
        read_bytes(tmp_path, "a.json", json.dumps(cube(value={"7": 3, "0": 10}, status={})))
    )
    assert [row[-2] for row in values(table)] == ["10", "3"]
    assert table.frame()["row"].to_list() == [1, 8]


def test_a_collection_has_a_table_for_each_cube(tmp_path):
    both = {
        "version": "2.0",
        "class": "collection",
        "link": {"item": [cube(), cube(label="Other"), {"class": "dataset", "href": "https://x"}]},
    }
    reading = read_bytes(tmp_path, "a.json", json.dumps(both))
    assert [t.sheet for t in reading.tables] == ["Things by district", "Other"]


@pytest.mark.parametrize(
    "content",
    [
        cube(value=[1, 2]),
        cube(value={"99": 1}),
        cube(value={"-1": 1}),
        cube(value={"x": 1}),
        cube(value="many"),
        cube(size=[2, 2]),
        cube(size=[2, 2, "x"]),
        cube(size=[3, 2, 2], value=[1] * 12),
        cube(dimension={}),
        cube(dimension=[]),
        cube(size=[10**9, 10**9, 10**9]),
        {"type": "FeatureCollection", "features": []},
        [{"code": "E06000001"}],
        {},
    ],
)
def test_json_that_is_no_whole_cube_is_refused_in_a_sentence(tmp_path, content):
    reading = read_bytes(tmp_path, "a.json", json.dumps(content))
    assert reading.tables == []
    (problem,) = reading.problems
    assert problem.kind == "error"
    assert problem.sentence.startswith("a.json ")


def test_json_cut_short_or_too_deep_is_refused(tmp_path):
    assert codes(read_bytes(tmp_path, "a.json", json.dumps(cube())[:-9])) == ["truncated"]
    assert codes(read_bytes(tmp_path, "b.json", '{"a":' * 100_000)) == ["truncated"]
