"""Every release of the shared pack, where it is beside the project: what each file is taken for.

The table in docs/releases-tried.md is pinned here but for seconds. Write it anew with
`WRITE_RELEASES_TRIED=1 script/test tests/indicators/recognising/test_shared_pack.py`.
"""

import os
import time

import pytest
from django.conf import settings

from indicators.releases.checks import check
from indicators.releases.reading import read
from indicators.releases.recognising import apply, recognise
from tests.indicators.recognising.pack import SHARED, files_of, known_of_pack

RELEASES = SHARED / "releases"
pytestmark = pytest.mark.skipif(
    not RELEASES.is_dir(), reason="the shared pack is not beside the project"
)
TRIED = settings.BASE_DIR / "docs" / "releases-tried.md"
HEAD = "| File | Layout | Figures | Series | Rows | Periods | Areas | Errors | Warnings | Seconds |"
RULE = "|---|---|--:|--:|--:|---|---|---|---|--:|"
# Words beside data, which hold no figures.
WORDS = {"data-guidance.txt", "indicator_metadata.csv"}
INTRO = """# Releases tried

What each file of the shared pack is recognised as, and how many rows come of it, from the file as
its publisher gives it, without a line of code for that file. *Figures* are different indicators,
*rows* figures of one area. Errors and warnings are the different findings of
`indicators/releases/checks.py` with how often each was found, against the editions that the pack's
own lookups give (which lack, for instance, some counties and combined authorities: those are the
unknown codes). Crimes of Northern Ireland have no codes and are placed by their points, which needs
boundaries; the test has none, so that file gives no rows here. Seconds are of two processors
shared with others: reading, recognising, applying and checking.

This table is written, and all but its seconds pinned, by
`tests/indicators/recognising/test_shared_pack.py`.

"""


# Larger ones are tried where the table is written, or with PACK=all: they take minutes.
SMALL = 250_000
FEW = 8


def some(paths: list) -> list:
    """Return the files tried on every run: a few of each folder, the large ones aside."""
    if os.environ.get("WRITE_RELEASES_TRIED") or os.environ.get("PACK") == "all":
        return paths
    return [path for path in paths if path.stat().st_size <= SMALL][:FEW]


def tried(path) -> str:
    """Return a line of the table for a file."""
    known = known_of_pack()
    begun = time.perf_counter()
    reading = read([path])
    found = recognise(reading.tables, known)
    applied = apply(found.mapping, reading.tables, known)
    frame = applied.frame()
    wrong = check(frame, known, mapping=found.mapping)
    took = time.perf_counter() - begun
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
        f"{path.parent.name}/{path.name}",
        found.layout or "none",
        f"{frame['indicator'].n_unique():,}",
        f"{series:,}",
        f"{frame.height:,}",
        f"{len(periods)}: {shown}" if len(periods) > 1 else shown,
        ", ".join(area or "(not held)" for area in areas) or "none",
        said("error"),
        said("warning"),
        f"{took:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def lines() -> dict[str, str]:
    """Return the lines of the table as they are kept, by file."""
    if not TRIED.is_file():
        return {}
    kept = [line for line in TRIED.read_text(encoding="utf-8").splitlines() if "/" in line[:60]]
    return {line.split("|")[1].strip(): line for line in kept if line.startswith("| ")}


FOLDERS = sorted(p.name for p in RELEASES.iterdir() if p.is_dir()) if RELEASES.is_dir() else []
FRESH: dict[str, str] = {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_taken_for_what_it_was_found_to_be(folder):
    kept = lines()
    for path in some(files_of(RELEASES / folder)):
        line = tried(path)
        name = f"{folder}/{path.name}"
        FRESH[name] = line
        if os.environ.get("WRITE_RELEASES_TRIED"):
            continue
        assert line.rsplit("|", 2)[0] == kept[name].rsplit("|", 2)[0]
        if path.name not in WORDS and "northern-ireland-street" not in name:
            assert " 0 | 0 | 0 |" not in line, f"{name} gives nothing"
    if os.environ.get("WRITE_RELEASES_TRIED") and folder == FOLDERS[-1]:
        body = "\n".join(FRESH[name] for name in sorted(FRESH))
        TRIED.write_text(f"{INTRO}{HEAD}\n{RULE}\n{body}\n", encoding="utf-8")


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
