"""Pictures as PNG: an SVG drawn by resvg, in the typeface of the pages."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import resvg_py
from django.conf import settings
from fontTools.ttLib import TTFont

FAMILY = "Atkinson Hyperlegible Next"
# The build puts the npm package's files here; each holds some letters at one weight.
FOLDER = "build/print-fonts"
LETTERS = (
    ("latin", lambda c: True),
    # Welsh ŵ and ŷ, and the rest of Europe.
    ("latin-ext", lambda c: 0x100 <= ord(c) < 0x2000),
)
WEIGHTS = (400, 700)
ZOOM = 2


class NoTypeface(ValueError):
    """The typeface has not been built, so no picture can be drawn; the message says so."""


def png(svg: str) -> bytes:
    """Return an SVG as PNG, two pixels to each of its own, on white.

    Raises NoTypeface where the pages' assets have not been built.
    """
    files = [
        str(truetype(f"atkinson-hyperlegible-next-{letters}-{weight}-normal"))
        for letters, needed in LETTERS
        if any(needed(c) for c in svg)
        for weight in WEIGHTS
    ]
    drawn: bytes = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=ZOOM,
        background="#ffffff",
        skip_system_fonts=True,
        font_family=FAMILY,
        sans_serif_family=FAMILY,
        font_files=files,
    )
    return bytes(drawn)


def truetype(name: str) -> Path:
    """Return a font of the build as TrueType, which is all that resvg reads.

    Made from the web font the first time (a fraction of a second), and kept beside the uploads.
    Raises NoTypeface.
    """
    places = (settings.BASE_DIR / "static", Path(settings.STATIC_ROOT))
    web = next((p for place in places if (p := place / FOLDER / f"{name}.woff").exists()), None)
    if web is None:
        raise NoTypeface(
            "Pictures cannot be drawn, because the typeface is not built: run script/bootstrap, "
            "then ask again. CSV and SVG can be had meanwhile."
        )
    stamp = hashlib.sha256(web.read_bytes()).hexdigest()[:12]
    kept = Path(settings.LEVELUP_HOME) / "fonts" / f"{name}-{stamp}.ttf"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        font = TTFont(web)
        font.flavor = None
        handle, part = tempfile.mkstemp(dir=kept.parent, suffix=".part")
        os.close(handle)
        font.save(part)
        # Two may draw at once: each writes its own, and either will do.
        Path(part).replace(kept)
    return kept
