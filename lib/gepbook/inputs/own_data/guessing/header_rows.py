"""Header rows (表头行): where the columns of a sheet begin, what they are called and in which unit."""

from __future__ import annotations

import datetime
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.headers import UNIT_LISTS
from gepbook.inputs.own_data.sheets import text_of

LINE_UNIT = re.compile(r"单位\s*[:：]\s*([^\s()（）]+)")


class Head(NamedTuple):
    """A column: its header (of several rows `上级/下级`), the parts without unit, and the unit."""

    text: str
    parts: tuple[str, ...]
    unit: str
    column: int


@dataclass(frozen=True)
class Grid:
    """The cells of a sheet, a text or an attribute table, and where they stand."""

    path: str
    rows: list[tuple[Any, ...]]
    sheet: str = ""
    encoding: str = ""
    layer_in_file: str = ""
    polygons: bool = False
    short_names: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names that say what this may be, the nearest first."""
        inner = PurePosixPath(self.path)
        return [name for name in (self.layer_in_file, self.sheet) if name] + words.names_of(inner)


def find_header(rows: Sequence[tuple[Any, ...]]) -> tuple[list[int], list[Head]]:
    """Return the rows, from 0, that are most likely the header, and its columns.

    The most known words win, then the fewest empty cells below them, then words that are whole headers,
    units, and fewer rows.
    """
    limit = words.thresholds()
    best: tuple[tuple[int, ...], list[int], list[Head]] = ((0,), [], [])
    for top in range(min(limit.header_search_rows, len(rows))):
        for depth in range(1, limit.header_depth + 1):
            chosen = rows[top : top + depth]
            if len(chosen) < depth or any(_is_figure(v) or _is_caption(v) for v in chosen[-1]):
                break
            heads = _heads(chosen)
            known = [h for h in heads if any(v & words.all_words() for v in variants(h))]
            below = rows[top + depth] if top + depth < len(rows) else ()
            filled = sum(h.column < len(below) and bool(cell_text(below[h.column])) for h in known)
            whole = sum(bool(variants(h)[0] & words.all_words()) for h in known)
            score = (len(known), filled, whole, sum(bool(h.unit) for h in known), -depth)
            if known and score > best[0]:
                best = (score, list(range(top, top + depth)), heads)
    return best[1], best[2]


def _heads(rows: Sequence[Sequence[Any]]) -> list[Head]:
    """Return the columns under a header of one or more rows; what was merged to the right goes on."""
    columns = range(max(map(len, rows), default=0))
    texts = [
        [" ".join(cell_text(row[i]).split()) if i < len(row) else "" for i in columns]
        for row in rows
    ]
    for upper, below in itertools.pairwise(texts):
        for i in columns[1:]:
            upper[i] = upper[i] or (upper[i - 1] if below[i] else "")
    heads = []
    for i in columns:
        parts = list(dict.fromkeys(row[i] for row in texts if row[i]))
        if parts:
            heads.append(_head("/".join(parts), parts, i))
    return heads


def _head(text: str, parts: Sequence[str], column: int) -> Head:
    """Return a column with the unit in its header, nearest to the figures, taken out."""
    unit, rest = "", []
    for part in reversed(parts):
        if not unit and len(parts) > 1 and words.unit_of(part):
            unit = words.unit_of(part)
            continue
        inside = [b for b in words.BRACKET.finditer(part) if _bracketed(b)]
        if inside:
            unit = unit or _bracketed(inside[-1])
            part = part.replace(inside[-1][0], "")
        elif not unit and (tail := re.split(r"[,，:：/]", part))[1:] and words.unit_of(tail[-1]):
            unit, part = words.unit_of(tail[-1]), part[: -len(tail[-1]) - 1]
        rest.append(part)
    return Head(text, tuple(reversed(rest)), unit, column)


def _bracketed(found: re.Match[str]) -> str:
    """Return the unit in a bracket: `(亿元)`, `(单位: 亿元)`; empty where it is none."""
    return words.unit_of(re.sub(r"^单位\s*[:：]?", "", found[1]))


def variants(head: Head) -> tuple[set[str], set[str]]:
    """Return the plain texts that are a whole header, and those that are a part of it."""
    bare = [words.BRACKET.sub("", part) for part in head.parts]
    whole = {words.plain("".join(head.parts)), words.plain("".join(bare))}
    return whole - {""}, {words.plain(part) for part in (*head.parts, *bare)} - {""}


def caption_units(texts: Iterable[str]) -> list[str]:
    """Return the units said above a table (单位：万元), as the project reads them."""
    said = (u for text in texts for line in LINE_UNIT.findall(text) for u in UNIT_LISTS.split(line))
    return [unit for unit in map(words.unit_of, said) if unit]


def cell_text(value: Any) -> str:
    """Return a cell as text; empty for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return text_of(value).strip()


def _is_figure(value: Any) -> bool:
    """Tell whether a cell holds a number that is no year."""
    text = cell_text(value).replace(",", "").removesuffix("%")
    try:
        float(text)
    except ValueError:
        return isinstance(value, datetime.date)
    return not words.YEAR.fullmatch(text)


def _is_caption(value: Any) -> bool:
    """Tell whether a cell says the unit of the whole table: 单位：万元."""
    return LINE_UNIT.match(cell_text(value).lstrip("(（")) is not None
