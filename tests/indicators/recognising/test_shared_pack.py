"""Every release of the shared pack, where it is beside the project: what each file is taken for.

What each gives is pinned in recognised.txt. Write it anew with
`WRITE_RECOGNISED=1 script/test tests/indicators/recognising/test_shared_pack.py`. The same files
are imported and published, through a database, by `script/bench tried`.
"""

import os
from pathlib import Path

import pytest

from indicators.releases.checks import check
from indicators.releases.reading import read
from indicators.releases.recognising import apply, recognise
from tests.indicators.recognising.pack import SHARED, files_of, known_of_pack

RELEASES = SHARED / "releases"
pytestmark = pytest.mark.skipif(
    not RELEASES.is_dir(), reason="the shared pack is not beside the project"
)
PINNED = Path(__file__).with_name("recognised.txt")
# Words beside data, which hold no figures.
WORDS = {"data-guidance.txt", "indicator_metadata.csv"}
HEAD = """# file: layout; indicators, series, rows; periods; areas; errors; warnings
# Against editions of the pack's lookups, which lack some counties and combined authorities. Crimes
# of Northern Ireland are placed by points, which needs outlines that the test has not.
"""


# Larger ones are tried where the table is written, or with PACK=all: they take minutes.
SMALL = 250_000
FEW = 8


def some(paths: list) -> list:
    """Return the files tried on every run: a few of each folder, the large ones aside."""
    if os.environ.get("WRITE_RECOGNISED") or os.environ.get("PACK") == "all":
        return paths
    return [path for path in paths if path.stat().st_size <= SMALL][:FEW]


def tried(path) -> str:
    """Return the line of a file."""
    known = known_of_pack()
    reading = read([path])
    found = recognise(reading.tables, known)
    applied = apply(found.mapping, reading.tables, known)
    frame = applied.frame()
    wrong = check(frame, known, mapping=found.mapping)
    series = frame.select("indicator", "breakdown", "edition", "period").n_unique()
    periods = sorted(set(frame["period"]) - {""})
    shown = " to ".join(dict.fromkeys([periods[0], periods[-1]])) if periods else "none"
    areas = frame.group_by("edition").agg().to_series().sort().to_list()
    counts: dict[tuple[str, str], int] = {}
    for kind, code in [(p.kind, p.code) for p in found.problems]:
        counts[kind, code] = counts.get((kind, code), 0) + 1
    for part in (applied.problems, wrong):
        for kind, code, n in part.group_by("kind", "code").len().rows():
            counts[kind, code] = counts.get((kind, code), 0) + n

    def said(kind: str) -> str:
        return ", ".join(f"{code} {n:,}" for (k, code), n in sorted(counts.items()) if k == kind)

    cells = [
        found.layout or "no layout",
        f"{frame['indicator'].n_unique()}, {series}, {frame.height}",
        f"{len(periods)}: {shown}" if len(periods) > 1 else shown,
        ", ".join(area or "(not held)" for area in areas) or "none",
        said("error") or "no errors",
        said("warning") or "no warnings",
    ]
    return f"{path.parent.name}/{path.name}: {'; '.join(cells)}"


def lines() -> dict[str, str]:
    """Return the lines as they are kept, by file."""
    if not PINNED.is_file():
        return {}
    kept = PINNED.read_text(encoding="utf-8").splitlines()
    return {line.partition(": ")[0]: line for line in kept if not line.startswith("#")}


FOLDERS = sorted(p.name for p in RELEASES.iterdir() if p.is_dir()) if RELEASES.is_dir() else []
FRESH: dict[str, str] = {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_taken_for_what_it_was_found_to_be(folder):
    kept = lines()
    for path in some(files_of(RELEASES / folder)):
        line = tried(path)
        name = f"{folder}/{path.name}"
        FRESH[name] = line
        if os.environ.get("WRITE_RECOGNISED"):
            continue
        assert line == kept[name]
        if path.name not in WORDS and "northern-ireland-street" not in name:
            assert "; 0, 0, 0;" not in line, f"{name} gives nothing"
    if os.environ.get("WRITE_RECOGNISED") and folder == FOLDERS[-1]:
        body = "\n".join(FRESH[name] for name in sorted(FRESH))
        PINNED.write_text(f"{HEAD}{body}\n", encoding="utf-8")


def test_three_figures_are_those_seen_in_the_files():
    """Read by eye in each file: a town's score, England's share, a neighbourhood's score."""
    known = known_of_pack()
    for name, code, heading, period, value in (
        ("iod2015_england/File_10_ID2015_Local_Authority_District_Summaries.xlsx", "E06000002",
         "IMD - Average score", "2015-01-01/P1Y", 40.216),
        ("active_people_bmi_lad/active_people_survey_bmi_by_local_authority.xlsx", "E92000001",
         "% Underweight", "2012-01-01/P3Y", 1.2104228),
        ("wimd2019_wales/wimd-2019-index-and-domain-scores-by-small-area.csv", "W01000002",
         "Housing", "2019-01-01/P1Y", 40.5),
    ):  # fmt: skip
        reading = read([RELEASES / name])
        found = recognise(reading.tables, known)
        table = found.mapping.tables[0]
        figure = next(f for f in table.figures if f.value.strip() == heading)
        rows = apply(found.mapping, reading.tables, known).frame()
        one = rows.filter(
            (rows["indicator"] == figure.indicator) & (rows["code"] == code)
            & (rows["period"] == period) & (rows["sheet"] == table.sheet)
        )  # fmt: skip
        assert one["value"].to_list() == [pytest.approx(value)]
