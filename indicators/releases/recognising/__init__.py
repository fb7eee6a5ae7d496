"""Recognising: what the columns of a publisher's table hold, as an explicit mapping, and applying
it. Pure: what is known here is passed in, and nothing is asked of a database.
"""

from indicators.releases.recognising.applying import Applied, apply
from indicators.releases.recognising.known import Known
from indicators.releases.recognising.layouts import Layout, layout_of, shipped
from indicators.releases.recognising.mapping import (
    AreaColumns,
    Count,
    Definition,
    Figure,
    Ignored,
    Mapping,
    MappingError,
    PeriodFrom,
    TableMapping,
)
from indicators.releases.recognising.recogniser import Recognition, recognise

__all__ = [
    "Applied",
    "AreaColumns",
    "Count",
    "Definition",
    "Figure",
    "Ignored",
    "Known",
    "Layout",
    "Mapping",
    "MappingError",
    "PeriodFrom",
    "Recognition",
    "TableMapping",
    "apply",
    "layout_of",
    "recognise",
    "shipped",
]
