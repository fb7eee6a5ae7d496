"""What a release would change, as a table that leaves the site as a file."""

from __future__ import annotations

from indicators.models import Release
from indicators.presenters.table import Column, Table
from indicators.releases import preview

HEADINGS = {
    "code": "Area code",
    "name": "Area",
    "indicator": "Indicator",
    "breakdown": "Breakdown",
    "edition": "Edition",
    "period": "Period",
    "origin": "As published or added up",
    "change": "Change",
    "live_value": "Value live now",
    "live_marker": "Marker live now",
    "new_value": "New value",
    "new_marker": "New marker",
    "difference": "Difference",
}
NUMBERS = ("live_value", "new_value", "difference")


def diff_table(release: Release) -> Table:
    """Return every value that a release would change, add or remove where something is live.

    Raises preview.NoPreview where it has not been made ready.
    """
    return Table(
        title=f"What “{release.name}” would change",
        columns=[
            Column(key, heading, "number" if key in NUMBERS else "text")
            for key, heading in HEADINGS.items()
        ],
        frame=preview.diff_of(release).select(list(HEADINGS)).collect(),
        notes=[
            ("Release", f"{release.name} ({release.slug})"),
            ("Left out", "Series that are new altogether, as nothing is live beside them."),
        ],
    )
