"""What the commands of releases share: finding one, speaking plainly, JSON, and who did it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from tqdm import tqdm

from indicators.models import Release
from indicators.releases.pipeline import CannotGoOn, NotAccepted, in_hand, unaccepted
from indicators.releases.publish import CannotPublish
from indicators.releases.reading import Interrupted
from indicators.releases.stage import StagingError


def accepted(text: str) -> tuple[str, str]:
    """Return (code, why) of `--accept CODE=WHY`."""
    code, equals, why = text.partition("=")
    if not equals or not why.strip():
        raise ArgumentTypeError(f"{text!r} has to be CODE=WHY, such as jump='a new method'.")
    return code.strip(), why.strip()


EVERY = "all"


def add_accept(parser: CommandParser) -> None:
    """Take `--accept`, as often as there are kinds of warning."""
    parser.add_argument(
        "--accept",
        action="append",
        type=accepted,
        default=[],
        metavar="CODE=WHY",
        help="why warnings of a kind are no hindrance to publishing; all=WHY says it of every kind "
        "that has no reason of its own. It is kept with the release",
    )


def reasons(given: Sequence[tuple[str, str]], release: Release) -> dict[str, str]:
    """Return code → why, as `--accept` gave them, “all” standing for what has no reason yet."""
    why = dict(given)
    if EVERY in why:
        every = why.pop(EVERY)
        why = dict.fromkeys(unaccepted(release), every) | why
    return why


class ReleaseCommand(BaseCommand):
    """A command about releases. It fails with a sentence, and then nothing was changed."""

    requires_system_checks: Any = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the form of the answer and who gives the order."""
        parser.add_argument(
            "--format", choices=("text", "json"), default="text", help="how to answer"
        )
        parser.add_argument("--by", metavar="USER", help="the name of the user to record")

    def user(self, name: str | None) -> AbstractBaseUser | None:
        """Return the user of a name. Raises CommandError for one that there is not."""
        if not name:
            return None
        model = get_user_model()
        try:
            found: AbstractBaseUser = model._default_manager.get_by_natural_key(name)
        except model.DoesNotExist as error:
            raise CommandError(f"There is no user “{name}” here.") from error
        return found

    def release(self, name: str) -> Release:
        """Return the release of a slug or a number. Raises CommandError for one there is not."""
        held = Release.objects.select_related("dataset")
        found = held.filter(slug=name).first()
        if found is None and name.isdecimal() and len(name) < 10:
            found = held.filter(pk=int(name)).first()
        if found is None:
            raise CommandError(f"There is no release “{name}”. `manage.py releases` lists them.")
        return found

    @contextmanager
    def working(self, pk: int) -> Iterator[None]:
        """Hold a release against workers; what goes wrong is a CommandError with its sentence."""
        with in_hand(pk) as alone:
            if not alone:
                raise CommandError("A worker has this release in hand. Try again in a while.")
            with self.plainly():
                yield

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """Turn what cannot be done into a CommandError with its sentence."""
        try:
            yield
        except NotAccepted as error:
            raise CommandError(
                f"{error} Give --accept CODE=WHY for each, or --accept {EVERY}=WHY for all of them."
            ) from error
        except (CannotGoOn, CannotPublish, StagingError) as error:
            raise CommandError(str(error)) from error
        except Interrupted as error:
            raise CommandError(
                "Reading was interrupted. Nothing was half done: run the same command again."
            ) from error
        except OperationalError as error:
            raise CommandError(
                "The database went away. Nothing was half done: run the same command again."
            ) from error

    def answer(self, found: dict[str, Any], lines: list[str], form: str) -> None:
        """Print JSON, or lines for a reader."""
        if form == "json":
            self.stdout.write(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(lines))

    @contextmanager
    def bar(self, form: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show progress on a terminal."""
        shown = form == "text" and sys.stderr.isatty()
        with tqdm(bar_format="{desc}", leave=False, disable=not shown) as bar:
            yield lambda stage, done, total: bar.set_description_str(
                f"{stage} {done:,} of {total:,}" if total > 1 else stage
            )
