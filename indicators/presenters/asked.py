"""What the address of a profile asks for, and addresses that ask for something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

# Whatever is not a short word of these letters names nothing here.
WORD = re.compile(r"^[A-Za-z0-9_-]{1,120}$")
EVERYTHING = "all"


@dataclass(frozen=True)
class Asked:
    """A theme (`all` for every one), a figure and a level for the map, a group to compare with."""

    theme: str = ""
    show: str = ""
    inside: str = ""
    group: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Read a query string; anything malformed is as if it were not there."""
        named = {name: query.get(key, "") for name, key in KEYS.items()}
        return cls(**{name: text if WORD.match(text) else "" for name, text in named.items()})

    def address(self, fragment: str = "", **changes: str) -> str:
        """Return the query string and fragment of this with `changes`: `?show=pay#inside`."""
        fields = asdict(replace(self, **changes))
        query = urlencode({KEYS[name]: text for name, text in fields.items() if text})
        return f"?{query}" + (f"#{fragment}" if fragment else "")


KEYS = {"theme": "theme", "show": "show", "inside": "inside", "group": "with"}
