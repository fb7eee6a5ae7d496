"""Files of releases in a folder of the test's own, and reading them without another process."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from indicators.releases import pipeline
from indicators.releases.reading import apart
from indicators.releases.reading.model import Limits


@pytest.fixture
def media(settings, tmp_path) -> Path:
    """Files of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return Path(settings.MEDIA_ROOT)


@pytest.fixture
def read_here(monkeypatch) -> None:
    """Read without a process of its own, which takes a second to begin.

    What is read goes by way of the same folder.
    """

    def here(paths: Any, folder: Path, *, names: Any, tell: Any) -> Any:
        asked = {"paths": [str(p) for p in paths], "names": names, "limits": asdict(Limits())}
        (folder / apart.ASKED).write_text(json.dumps(asked))
        apart.serve(folder)
        return apart.load(folder)

    monkeypatch.setattr(apart, "confine", lambda limits: None)
    monkeypatch.setattr(apart, "end_with_parent", lambda: None)
    monkeypatch.setattr(pipeline.reading, "in_subprocess", here)
