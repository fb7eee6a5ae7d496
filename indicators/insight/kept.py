"""What a process keeps of its reads while nothing new goes live."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

every: list[Kept[Any, Any]] = []  # Tests, which turn versions back, empty them.


class Kept(Generic[Key, Value]):
    """Answers by key, of one data version at a time, and at most `most` of them.

    Whoever asks has read the version before: then an answer is never older than the version that
    it is kept under. Answers are shared by threads, and must not be changed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._of: tuple[int, dict[Key, Value]] = (-1, {})
        every.append(self)

    def get(
        self,
        version: int | None,
        keys: Iterable[Key],
        read: Callable[[list[Key]], dict[Key, Value]],
    ) -> dict[Key, Value]:
        """Return the answers to `keys`, in their order; `read` gives those that are not kept.

        A key that `read` has no answer to is left out, and asked again next time. Without a
        version nothing is kept.
        """
        wanted = list(keys)
        if version is None:
            return read(wanted)
        # Looked at once: another thread may turn to the next version between two looks, and what
        # was kept under the last would pass for its own.
        of = self._of
        if of[0] != version:
            self._of = of = version, {}
        kept = of[1]
        # One look at each: another thread may drop them all at any time.
        found = {key: answer for key in wanted if (answer := kept.get(key)) is not None}
        if lacking := [key for key in wanted if key not in found]:
            answers = read(lacking)
            found |= answers
            if len(kept) + len(answers) > self.most:
                kept.clear()
            if len(answers) <= self.most:
                kept.update(answers)
        return {key: found[key] for key in wanted if key in found}

    def clear(self) -> None:
        """Forget everything."""
        self._of = (-1, {})
