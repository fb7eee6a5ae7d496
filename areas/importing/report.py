"""What an import found and would do, in sentences: printed, shown in the admin and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from areas.importing.load import LoadError
from areas.models import GeographyVersion

SHOWN = 5
# Any number: one import of geography at a time, so that a second press of a button waits.
LOCK = 7_301_954
Tell = Callable[[str], None]


class Refused(LoadError):
    """A file cannot be used; the message says what, where and what to do."""


def silent(step: str) -> None:
    """Hear of a step and say nothing."""


def some(codes: Iterable[str]) -> str:
    """Return the first five of `codes` and how many more there are: “E1, E2 and 7 more”."""
    every = list(codes)
    first = ", ".join(every[:SHOWN])
    more = len(every) - SHOWN
    return f"{first} and {more:,} more" if more > 0 else first


def counted(number: int, one: str, many: str = "") -> str:
    """Return “1 area” or “1,234 areas”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


@dataclass
class Report:
    """Facts (label, text), notes and problems. Nothing is loaded while there is a problem."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    changed: bool = False
    committed: bool = False

    def fact(self, label: str, value: int | str) -> None:
        """Add a line of what was found; numbers are written with commas."""
        self.facts.append((label, f"{value:,}" if isinstance(value, int) else value))

    def note(self, sentence: str) -> None:
        """Add something the reader should know that stops nothing."""
        self.notes.append(sentence)

    def refuse(self, sentence: str) -> None:
        """Add a reason why nothing can be loaded."""
        self.problems.append(sentence)

    def outcome(self) -> str:
        """Return what became of it, in a sentence."""
        if self.problems:
            return f"Refused for {counted(len(self.problems), 'reason')}. Nothing was changed."
        if not self.changed:
            return "All of it is already held: nothing to change."
        if self.committed:
            return "Loaded."
        return "Nothing has been changed yet: this was a dry run."

    def text(self) -> str:
        """Return the whole report as lines for a terminal."""
        lines = [self.title]
        lines += [f"  {label}: {value}" for label, value in self.facts]
        lines += [f"  Note: {note}" for note in self.notes]
        lines += [f"  Problem: {problem}" for problem in self.problems]
        return "\n".join([*lines, self.outcome()])

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, to keep and to show."""
        return {
            "title": self.title,
            "facts": [list(pair) for pair in self.facts],
            "notes": self.notes,
            "problems": self.problems,
            "changed": self.changed,
            "committed": self.committed,
            "outcome": self.outcome(),
        }


def moved() -> None:
    """Move the version of geography, so that nothing kept by the old one is used again."""
    GeographyVersion.objects.filter(pk=1).update(version=F("version") + 1)


def carry_out(report: Report, work: Callable[[Report], None], *, commit: bool) -> Report:
    """Do `work` in one transaction and keep it only if it met no problem and `commit` is true.

    A dry run does everything and takes it back, so that it finds what the real one would.
    What the database refuses becomes a problem of the report. Bugs still raise.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            work(report)
            keep = commit and not report.problems
            if not keep:
                transaction.set_rollback(True)
            elif report.changed:
                moved()
        report.committed = keep
    except LoadError as error:
        report.refuse(str(error))
    except DatabaseError as error:
        diag = getattr(error.__cause__, "diag", None)
        words = (diag and diag.message_primary) or str(error).splitlines()[0]
        report.refuse(f"The database refused it: {words}")
    return report
