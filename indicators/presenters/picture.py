"""A figure line as a picture that stands alone: what is drawn, and where, for `figure.svg`."""

from __future__ import annotations

from typing import Any

from areas.models import Area
from indicators.insight.profile import Figure
from indicators.presenters.figure import Reader, figure_line
from indicators.presenters.words import cited, known_as, long_date, type_name

WIDTH, MARGIN = 960, 48
INNER = WIDTH - 2 * MARGIN
INK, QUIET, ACCENT = "#15211f", "#47544f", "#0b5457"
# The colours of the page in light, whatever the reader's own is.
COLOURS = {
    "area": ACCENT,
    "inherited": ACCENT,
    "region": "#b35309",
    "country": "#6b3fa0",
    "widest": INK,
    "group": "#8a1c54",
}
LOWEST = {"region": 0, "country": 1, "widest": 2, "group": 3}
# Widths of letters in the typeface, as shares of its size; a little generous.
NARROW, WIDE = frozenset("ijlItf.,:;'’|()[] "), frozenset("mwMW%—")


def measured(text: str, size: float) -> float:
    """Return about how wide a text is set, never less than it is, in pixels."""
    units = (0.31 if c in NARROW else 0.9 if c in WIDE else 0.64 if c.isupper() else 0.55
             for c in text)  # fmt: skip
    return size * sum(units)


def wrapped(text: str, size: float, width: float = INNER) -> list[str]:
    """Return a text in lines that are no wider than `width`, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measured(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


class Sheet:
    """What has been set so far, from the top down."""

    def __init__(self) -> None:
        self.y = float(MARGIN) - 18
        self.texts: list[dict[str, Any]] = []

    def text(
        self,
        text: str,
        size: float,
        *,
        x: float = MARGIN,
        bold: bool = False,
        fill: str = INK,
        anchor: str = "start",
    ) -> None:
        """Set one line of text on the line that we are on."""
        self.texts.append(
            {"text": text, "x": round(x, 1), "y": round(self.y, 1), "size": size,
             "weight": 700 if bold else 400, "fill": fill, "anchor": anchor}
        )  # fmt: skip

    def paragraph(self, text: str, size: float, *, bold: bool = False, fill: str = INK) -> None:
        """Set a text in as many lines as it takes."""
        for line in wrapped(text, size):
            self.y += size * 1.32
            self.text(line, size, bold=bold, fill=fill)


def picture(figure: Figure, area: Area, country: Area | None, reader: Reader) -> dict[str, Any]:
    """Return what `figure.svg` draws of one figure: texts, marks, strip, trend, and the size."""
    line = figure_line(figure, area, country, reader)
    holder = figure.holder or area
    sheet = Sheet()
    sheet.paragraph(line["label"], 30, bold=True)
    where = ", ".join(part for part in (holder.name, known_as(holder)) if part)
    if line["inherited"]:
        where = f"{holder.name}, the {type_name(holder)} that {area.name} is in"
    sheet.paragraph(f"{where} · {line['period']}" if line["period"] else where, 19, fill=QUIET)
    drawn: dict[str, Any] = {"strip": None, "trend": None, "marks": [], "stems": []}
    if line["value"] is None:
        sheet.y += 24
        sheet.paragraph(f"{line['missing']}.", 22)
    else:
        set_answer(sheet, line)
        if line["strip"]:
            set_strip(sheet, line, drawn)
        set_key(sheet, line, drawn, holder.name)
        if line["trend"]:
            set_trend(sheet, line["trend"], drawn)
    sheet.y += 18
    for text in source_lines(figure, reader, line):
        sheet.paragraph(text, 14, fill=QUIET)
    return drawn | {
        "width": WIDTH,
        "height": round(sheet.y + MARGIN - 12),
        "texts": sheet.texts,
        "title": f"{line['label']}, {where}",
        "description": line["citation"] or line["missing"],
        "left": MARGIN,
        "right": WIDTH - MARGIN,
    }


def set_answer(sheet: Sheet, line: dict[str, Any]) -> None:
    """Set the figure itself and what is said of it."""
    value = line["value"]
    percent = "%" if value["unit"] == "%" else ""
    figures = f"{value['prefix']}{value['text']}{percent}"
    sheet.y += 74
    beside = "" if percent else value["unit"]
    sheet.text(figures, 64, bold=True)
    sheet.texts[-1]["beside"] = f"{beside} {value['marker']}".strip()
    sheet.y += 10
    words = f"{line['sentence']}. " if line["sentence"] else ""
    if line["rank"]:
        words += f"{line['rank']['text']} {line['rank']['group']}."
    if words:
        sheet.paragraph(words.replace("..", "."), 21)
    notes = [value["marker_note"], f"likely {line['limits']}" if line["limits"] else "",
             line["best_fit"]]  # fmt: skip
    if said := "; ".join(note for note in notes if note):
        sheet.paragraph(f"{said[0].upper()}{said[1:]}.", 16, fill=QUIET)


def set_strip(sheet: Sheet, line: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Set the strip of every peer, with this place above it and the benchmarks below."""
    strip = line["strip"]
    top, height = sheet.y + 44, 34
    drawn["strip"] = {
        "kind": strip["kind"],
        "path": strip["path"],
        "x": MARGIN,
        "y": round(top, 1),
        "sx": round(INNER / 1000, 4),
        "sy": round(height / 24, 4),
        "axis": round(top + height + 0.5, 1),
    }
    deepest = 0
    for benchmark in line["benchmarks"]:
        if benchmark["x"] is None:
            continue
        level = LOWEST.get(benchmark["key"], 3)
        deepest = max(deepest, level)
        place_mark(drawn, benchmark["key"], benchmark["x"], top, top + height + 14 + 13 * level)
    if strip["area_x"] is not None:
        own = "inherited" if line["inherited"] else "area"
        place_mark(drawn, own, strip["area_x"], top + height + 3, top - 10, thick=4)
    sheet.y = top + height + 38 + 13 * deepest
    for text, x, anchor in (
        (f"{'≤ ' if strip['low_clipped'] else ''}{strip['low']}", MARGIN, "start"),
        (strip["peers"], WIDTH / 2, "middle"),
        (f"{'≥ ' if strip['high_clipped'] else ''}{strip['high']}", WIDTH - MARGIN, "end"),
    ):
        sheet.text(text, 15, x=x, fill=QUIET, anchor=anchor)


def place_mark(
    drawn: dict[str, Any], key: str, percent: float, start: float, end: float, thick: float = 2.5
) -> None:
    """Draw a mark at `end` with its stem from `start`, at a percentage of the strip's width."""
    x = round(MARGIN + INNER * percent / 100, 1)
    drawn["stems"].append(
        {"x": x, "y1": round(start, 1), "y2": round(end, 1), "fill": COLOURS[key], "width": thick}
    )
    drawn["marks"].append({"key": key, "x": x, "y": round(end, 1), "fill": COLOURS[key]})


def set_key(sheet: Sheet, line: dict[str, Any], drawn: dict[str, Any], name: str) -> None:
    """Set what each mark stands for, with its figure."""
    value = line["value"]
    percent = "%" if value["unit"] == "%" else ""
    own = "inherited" if line["inherited"] else "area"
    entries = [(own, name, f"{value['prefix']}{value['text']}{percent}")]
    entries += [
        (b["key"], b["name"], (f"{value['prefix']}{b['text']}{percent}" if b["text"] else "")
         + (f" ({b['note']})" if b["note"] else ""))
        for b in line["benchmarks"]
    ]  # fmt: skip
    sheet.y += 38
    x = float(MARGIN)
    for key, label, figures in entries:
        width = 22 + measured(label, 18) + 8 + measured(figures, 18)
        if x > MARGIN and x + width > WIDTH - MARGIN:
            x = MARGIN
            sheet.y += 28
        drawn["marks"].append(
            {"key": key, "x": round(x + 7, 1), "y": round(sheet.y - 6, 1), "fill": COLOURS[key]}
        )
        sheet.texts.append(
            {"text": label, "bold": figures, "x": round(x + 22, 1), "y": round(sheet.y, 1),
             "size": 18, "weight": 400, "fill": INK, "anchor": "start"}
        )  # fmt: skip
        x += width + 28


def set_trend(sheet: Sheet, trend: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Set the line over time between its first and last figure."""
    sheet.y += 60
    scale = 2.6
    at = MARGIN + max(measured(trend["first"]["text"], 18), measured(trend["first"]["label"], 14))
    drawn["trend"] = {
        "path": trend["path"],
        "x": round(at + 18, 1),
        "y": round(sheet.y - 40, 1),
        "scale": scale,
        "end_x": trend["last"]["x"],
        "end_y": trend["last"]["y"],
    }
    after = at + 18 + 100 * scale + 14
    sheet.text(trend["first"]["text"], 18)
    sheet.text(trend["last"]["text"], 18, x=after, bold=True)
    sheet.y += 20
    sheet.text(trend["first"]["label"], 14, fill=QUIET)
    sheet.text(trend["last"]["label"], 14, x=after, fill=QUIET)
    if trend["breaks"]:
        sheet.paragraph(trend["breaks"], 14, fill=QUIET)


def source_lines(figure: Figure, reader: Reader, line: dict[str, Any]) -> list[str]:
    """Return source, licence, day and address."""
    said = []
    if figure.series is not None:
        said.append(cited(figure.series.release))
    said.append(f"Levelup, as at {long_date(reader.on)}")
    said.append(line["url"])
    return said
