"""Tables, figures and sentences that look alike in JupyterLab, HTML, PDF and DOCX.

Each object gives Jupyter one bundle: HTML for the screen and Pandoc Markdown, which the renderers turn
into every published format.
"""

from __future__ import annotations

import html
import io
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import fonts

MISSING = "—"
DPI = 150
YI = 1e8  # 亿
WAN = 1e4  # 万
#: Widths of table columns, in half-width characters.
PADDING = 3
SHORT = 10
LONG = 90
PAGE = 112
Format = Callable[[Any], str] | str
#: How an indicator of the assessment is judged (评判).
LIGHT_ZH = {"good": "良好", "watch": "关注", "poor": "不佳", "none": "不评"}
#: Cells that become badges: text → classes for Pandoc, colours of letters and ground for JupyterLab.
BADGES = {
    **{zh: (f".origin .{o}", fonts.ORIGIN_COLORS[o]) for o, zh in ORIGIN_ZH.items()},
    **{zh: (f".light .{light}", fonts.LIGHT_COLORS[light]) for light, zh in LIGHT_ZH.items()},
}


def yi(value: float) -> str:
    """Return CNY as 亿元 with two decimals."""
    return f"{value / YI:z,.2f}"


def wan(value: float) -> str:
    """Return CNY as 万元 with one decimal."""
    return f"{value / WAN:z,.1f}"


def percent(value: float) -> str:
    """Return a share as percent with one decimal."""
    return f"{value * 100:z,.1f}%"


def significant(value: float) -> str:
    """Return a quantity with four significant digits and thousands separators."""
    if value == 0:
        return "0"
    digits = max(0, 3 - int(f"{abs(value):e}".split("e")[1]))
    return f"{value:,.{min(digits, 6)}f}"


def _shown(value: Any, form: Format | None) -> str:
    """Return one cell as text."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return MISSING
    if form is None:
        return str(value)
    return form(value) if callable(form) else format(value, form)


def _width(text: str) -> int:
    """Return the width of a text in columns, wide characters as two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def escape(text: str) -> str:
    """Return text that Pandoc Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~^$@])", r"\\\1", text).replace("\n", " ")


def _cell(text: str) -> str:
    """Return a cell for Markdown; the name of an origin or a light becomes a badge."""
    return f"[{text}]{{{BADGES[text][0]}}}" if text in BADGES else escape(text)


def _shares(columns: list[list[str]]) -> list[int]:
    """Return how wide columns want to be; together no wider than a page where that can be.

    Every column gets the room of a short text and of its longest word; what is left goes to the
    longer texts. Long names may break after `_`, `.` and `/` between letters, as
    notebooks/theme/report.lua lets them.
    """
    widest = [max(map(_width, column)) for column in columns]
    words = [max(map(_longest_word, column)) for column in columns]
    least = [max(w, min(width, SHORT)) for w, width in zip(words, widest, strict=True)]
    wishes = [max(0, min(w, LONG) - floor) for w, floor in zip(widest, least, strict=True)]
    left = max(0, PAGE - PADDING * len(columns) - sum(least))
    granted = min(1.0, left / max(1, sum(wishes)))
    return [
        PADDING + floor + int(wish * granted) for floor, wish in zip(least, wishes, strict=True)
    ]


def _longest_word(text: str) -> int:
    """Return the length of the longest piece of a text that cannot be broken."""
    pieces = re.sub(r"([A-Za-z][_./])(?=[A-Za-z])", r"\1 ", text)
    return max((len(word) for word in re.findall(r"[!-~]+", pieces)), default=0)


def pipe_table(
    names: list[str],
    rows: list[list[str]],
    right: list[bool] | None = None,
    shares: list[int] | None = None,
) -> str:
    """Return plain texts as a Pandoc pipe table; the names of origins and lights become badges.

    Parameters
    ----------
    names : list of str
    rows : list of list of str
    right : list of bool, optional
        Columns to align right; all left by default.
    shares : list of int, optional
        Relative widths of the columns; by their contents by default.
    """
    columns = [list(column) for column in zip(names, *rows, strict=True)]
    rules = [
        "-" * (share - 1) + ":" if side else ":" + "-" * (share - 1)
        for share, side in zip(
            shares or _shares(columns), right or [False] * len(names), strict=True
        )
    ]
    lines = [f"| {' | '.join(map(escape, names))} |", f"|{'|'.join(rules)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


class Table:
    """A table for every format (表).

    Parameters
    ----------
    frame : DataFrame
        Columns in the order and under the names to be shown; the index is not shown.
    caption : str
    formats : mapping, optional
        Format of a column: a function to text, or a format string.
    note : str, optional
        Printed under the table.

    Notes
    -----
    Columns with a format and numeric columns stand right. A cell that is the name of an origin
    (实测, 模型, 示例) or of a light (良好, 关注, 不佳, 不评) becomes a badge. A missing value is a dash;
    so is a table without rows.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        caption: str,
        formats: Mapping[str, Format] | None = None,
        note: str = "",
    ) -> None:
        self.caption = caption
        self.note = note
        forms = formats or {}
        self.names = [str(name) for name in frame.columns]
        self.right = [
            name in forms or frame.dtypes.iloc[i].kind in "if" for i, name in enumerate(self.names)
        ]
        self.rows = [
            [_shown(value, forms.get(name)) for name, value in zip(self.names, row, strict=True)]
            for row in frame.itertuples(index=False, name=None)
        ] or [[MISSING] * len(self.names)]

    def markdown(self) -> str:
        """Return the table as a Pandoc pipe table with its caption and note."""
        table = pipe_table(self.names, self.rows, self.right)
        note = f"\n[{escape(self.note)}]{{.note}}\n" if self.note else ""
        return f"{table}\n\n: {escape(self.caption)}\n{note}"

    def html(self) -> str:
        """Return the table as HTML for JupyterLab."""

        def cell(tag: str, text: str, right: bool) -> str:
            shown = html.escape(text)
            if text in BADGES:
                _, (front, back) = BADGES[text]
                shown = (
                    f'<span style="color:{front};background:{back};padding:0 .45em;'
                    f'border-radius:3px">{shown}</span>'
                )
            side = "right" if right else "left"
            return f'<{tag} style="text-align:{side};padding:2px 8px">{shown}</{tag}>'

        def row(tag: str, cells: list[str]) -> str:
            pairs = zip(cells, self.right, strict=True)
            return f"<tr>{''.join(cell(tag, text, right) for text, right in pairs)}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        note = f"<p><small>{html.escape(self.note)}</small></p>" if self.note else ""
        caption = '<caption style="text-align:left;font-weight:bold">'
        return (
            f"<table>{caption}{html.escape(self.caption)}</caption>"
            f"<thead>{row('th', self.names)}</thead><tbody>{body}</tbody></table>{note}"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        plain = "\n".join("\t".join(row) for row in [self.names, *self.rows])
        return {
            "text/markdown": self.markdown(),
            "text/html": self.html(),
            "text/plain": f"{self.caption}\n{plain}",
        }


class Prose:
    """Sentences whose numbers are computed, in Markdown (正文)."""

    def __init__(self, text: str) -> None:
        self.text = text

    def markdown(self) -> str:
        """Return the sentences as they are."""
        return self.text

    def html(self) -> str:
        """Return a paragraph for JupyterLab, or a heading; of markup it knows bold alone."""
        level, _, text = self.text.rpartition("# ")
        shown = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(text))
        tag = f"h{len(level) + 1}" if level else "p"
        return f"<{tag}>{shown}</{tag}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/markdown": self.text, "text/plain": self.text}


class Callout:
    """A box that nobody may overlook (提示框).

    Parameters
    ----------
    kind : {"warning", "sound"}
    title : str
    text : str
        Plain text; nothing in it is markup.
    """

    def __init__(self, kind: str, title: str, text: str) -> None:
        self.kind, self.title, self.text = kind, title, text

    def markdown(self) -> str:
        """Return the box as a fenced div of Pandoc Markdown."""
        return (
            f"::: {{.notice .{self.kind}}}\n**{escape(self.title)}**\n\n{escape(self.text)}\n:::\n"
        )

    def html(self) -> str:
        """Return the box as HTML for JupyterLab."""
        line, back = fonts.NOTICE_COLORS[self.kind]
        return (
            f'<div style="border-left:5px solid {line};background:{back};color:{fonts.INK};'
            f'padding:.6em 1em"><strong>{html.escape(self.title)}</strong><br>'
            f"{html.escape(self.text)}</div>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "text/markdown": self.markdown(),
            "text/html": self.html(),
            "text/plain": f"{self.title}\n{self.text}",
        }


class Blocks:
    """Several tables, sentences and boxes in the output of one cell (多块内容).

    Parameters
    ----------
    parts : list of Table, Prose or Callout
    """

    def __init__(self, parts: Sequence[Table | Prose | Callout]) -> None:
        self.parts = parts

    def markdown(self) -> str:
        """Return the parts one after the other."""
        return "\n\n".join(part.markdown() for part in self.parts)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "text/markdown": self.markdown(),
            "text/html": "\n".join(part.html() for part in self.parts),
            "text/plain": "\n\n".join(
                part._repr_mimebundle_()["text/plain"] for part in self.parts
            ),
        }


class Picture:
    """A figure as PNG (图); its caption stands in the cell that shows it."""

    def __init__(self, figure: Figure, alt: str = "") -> None:
        self.figure = figure
        self.alt = alt

    def _repr_png_(self) -> bytes:
        """Return the PNG, without the date and versions that would make each run's differ."""
        buffer = io.BytesIO()
        self.figure.savefig(
            buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None}
        )
        return buffer.getvalue()


def new_figure(width: float = 7.0, height: float = 4.0) -> tuple[Figure, Any]:
    """Return a figure in the house style with one axes; sizes in inches."""
    fonts.use_cjk()
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
