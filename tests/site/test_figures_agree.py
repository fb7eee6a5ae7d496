"""A number on a page is the same number in the API, in the CSV and in the workbook.

Table-driven: each page says where its figures are (`read`) and, where it offers files, what
their addresses are. Whoever adds a page with figures adds a row to PAGES.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from tests.site.conftest import Site


@dataclass(frozen=True)
class Shown:
    """A figure as a page prints it: of which area and indicator, of when, from what."""

    code: str
    indicator: str
    text: str
    period_label: str
    release: str


@dataclass
class Node:
    """An element of a page."""

    tag: str
    has: dict[str, str]
    parts: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        words = "".join(p if isinstance(p, str) else p.text for p in self.parts)
        return " ".join(words.split())

    def find(self, wanted: Callable[[Node], bool]) -> list[Node]:
        """Return every element inside that is wanted, in the order of the page."""
        found = []
        for part in self.parts:
            if isinstance(part, Node):
                found += [part] if wanted(part) else []
                found += part.find(wanted)
        return found

    def classed(self, name: str) -> list[Node]:
        """Return every element inside with a class."""
        return self.find(lambda node: name in node.has.get("class", "").split())


class Tree(HTMLParser):
    """A page as elements."""

    VOID = frozenset({"area", "br", "hr", "img", "input", "link", "meta", "path", "use", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Node("page", {})
        self.open = [self.root]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(node)
        if tag not in self.VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self.open) - 1, 0, -1):
            if self.open[at].tag == tag:
                del self.open[at:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)
