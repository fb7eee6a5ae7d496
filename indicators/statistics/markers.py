"""Status markers, as the Government Statistical Service writes them in brackets."""

from typing import NamedTuple


class Marker(NamedTuple):
    """A marker: its letters, what it means to a reader, and whether it stands for no value."""

    letters: str
    meaning: str
    missing: bool


# A marker is stored as its position here, in rows and in packed arrays: only ever add to the
# end. Position 0 is an ordinary value.
MARKERS = (
    Marker("", "", False),
    Marker("c", "suppressed to protect people's privacy", True),
    Marker("x", "not available", True),
    Marker("z", "not applicable", True),
    Marker("w", "none recorded in the survey", True),
    Marker("u", "low reliability", False),
    Marker("p", "provisional", False),
    Marker("e", "estimated", False),
    Marker("r", "revised", False),
    Marker("b", "break in the series", False),
    Marker("f", "forecast", False),
    Marker("low", "rounds to 0 but is not 0", False),
)
POSITION = {marker.letters: position for position, marker in enumerate(MARKERS)}
MISSING = tuple(position for position, marker in enumerate(MARKERS) if marker.missing)
