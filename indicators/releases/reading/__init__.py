"""Reading what publishers issue: from files to tables of text, titles and footnotes told apart.

Pure: no database, no Django. `read` gives tables whose values stand as in the file; what they mean
(areas, periods, numbers) is the recogniser's to say, with `numbers.parse_numbers` for columns of
numbers. `in_subprocess` does the same in a process of its own, with limits on time and memory, and
gives the tables back from Parquet written there; everything uploaded goes through it.

`unpack` opens archives under one budget and tells files by their first bytes; `text`, `books`,
`parquet` and `jsonstat` read each kind; `layout` finds the tables in a sheet. See docs/releases.md.
"""

from indicators.releases.reading.apart import in_subprocess, load
from indicators.releases.reading.files import read
from indicators.releases.reading.model import (
    Document,
    Interrupted,
    Limits,
    Reading,
    Table,
    Unreadable,
)

__all__ = [
    "Document",
    "Interrupted",
    "Limits",
    "Reading",
    "Table",
    "Unreadable",
    "in_subprocess",
    "load",
    "read",
]
