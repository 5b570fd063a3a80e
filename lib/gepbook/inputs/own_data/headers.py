"""Headers of users' tables (表头): which column a field is read from, and in which unit.

A unit that the header, or the caption above the table, says is compared with the declared one.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gepbook.errors import UnitError, near
from gepbook.inputs import ranges
from gepbook.inputs.own_data import conversion
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry
from gepbook.inputs.own_data.findings import Findings, shown
from gepbook.inputs.own_data.sheets import ZERO_WIDTH, Sheet, text_of

CODE = "county_code"
YEAR = "year"
FIGURES = ("number", "integer")  # types of fields that have a unit
FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # ！ to ～
BRACKETED = re.compile(r"[(（\[【〔]([^()（）\[\]【】〔〕]*)[)）\]】〕]")
CAPTION = re.compile(r"单位[:：]([^)）\]】〕]+)")
UNIT_LISTS = re.compile("[、,，;；]")
UNIT_TEXT = re.compile(r"(?![\d.]+$)[\w%\uff05‰℃㎡㎢³²/.· -]{1,20}")
#: Units of each kind that a Chinese header may speak of.
KINDS_OF_UNITS = ("CNY", "ha", "m3", "t", "kWh", "person", "1")


@dataclass(frozen=True)
class Target:
    """A field and the column it is read from; `scale` is None while its unit is not known."""

    name: str
    entry: FieldEntry
    header: str
    column: int
    unit: str
    words: Mapping[str, str]
    scale: tuple[float, float] | None
    parts: tuple[str, ...]


def find_targets(sheet: Sheet, file: FileEntry, findings: Findings) -> list[Target]:
    """Find the column of each declared field, and check its unit.

    Raises
    ------
    RefusedError
        When the table has no header, or none of the declared columns.
    """
    heads = _headers(sheet, sorted(file.header_rows))
    if not heads:
        raise findings.refusal(
            "header_not_found",
            f"has nothing in the header rows {', '.join(map(str, file.header_rows))}",
            "Correct `header_rows` in the declaration.",
        )
    if "hidden_sheets" in file.accept:
        hidden = [column for column in heads if sheet.hides(column)]
        findings.mended("hidden_sheets", len(hidden))
        heads = {column: parts for column, parts in heads.items() if column not in hidden}
    targets: list[Target] = []
    for name, entry in file.entry.fields.items():
        declared = file.columns.get(name)
        if declared is None:
            _check_undeclared(name, entry, file, findings)
            continue
        header, unit = declared.header, declared.unit
        column = _column(sheet, file, heads, header, findings)
        if column is not None:
            scale = _scale(unit, entry, header, findings)
            parts = heads[column]
            targets.append(Target(name, entry, header, column, unit, declared.values, scale, parts))
    if not targets:
        raise findings.refusal(
            "no_columns", "none of the declared columns is there", "Correct `header_rows`."
        )
    _check_columns(heads, targets, findings)
    _check_units(sheet, file, targets, findings)
    return targets


@functools.lru_cache
def scale_of_unit(text: str, unit: str) -> tuple[float, float] | None:
    """Return scale and offset from a unit to the pack's, None where the text is no such unit."""
    try:
        return conversion.factor(text, unit) if UNIT_TEXT.fullmatch(text) else None
    except UnitError:
        return None


def is_other_unit(text: str) -> bool:
    """Tell whether a text is surely a unit: single Latin letters in headers rarely are."""
    if text.isascii() and text != "%":
        return False
    return any(scale_of_unit(text, unit) for unit in KINDS_OF_UNITS)


def plain(text: str) -> str:
    """Return a text as it is compared: without spaces and line breaks, brackets half-width."""
    return "".join(ZERO_WIDTH.sub("", text).translate(FULL_WIDTH).split())


# Columns ------------------------------------------------------------------------------------------


def _headers(sheet: Sheet, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the texts above each column, from the top, merged cells filled in."""
    columns = sorted({column for cells in sheet.cells.values() for column in cells})
    merged = [m for m in sheet.merged if any(m.min_row <= row <= m.max_row for row in rows)]
    grid = {(r, c): _head_text(sheet.at(r, c)) for r in rows for c in columns}
    for span in merged:
        text = _head_text(sheet.at(span.min_row, span.min_col))
        for row, column in grid:
            if span.min_row <= row <= span.max_row and span.min_col <= column <= span.max_col:
                grid[row, column] = text
    if not merged:
        for upper in rows[:-1]:
            left = ""
            for column in columns:
                left = grid[upper, column] or left
                if grid[rows[-1], column]:
                    grid[upper, column] = left
    found = {}
    for column in columns:
        texts = tuple(dict.fromkeys(t for row in rows if (t := grid[row, column])))
        if texts:
            found[column] = texts
    return found


def _head_text(value: object) -> str:
    """Return a header cell's text without line breaks."""
    return "" if value is None else " ".join(text_of(value).split())


def _check_undeclared(name: str, entry: FieldEntry, file: FileEntry, findings: Findings) -> None:
    """Find fields that must be read from somewhere and are not."""
    if entry.optional or (name == YEAR and file.year is not None):
        return
    findings.add(
        "column_not_declared",
        f"no column is declared for {name} ({entry.title})",
        f"Declare its column under `columns`{', or `year`' if name == YEAR else ''}.",
    )


def _column(
    sheet: Sheet,
    file: FileEntry,
    heads: Mapping[int, tuple[str, ...]],
    header: str,
    findings: Findings,
) -> int | None:
    """Return the column with a header: by its joined text, else by its lowest part."""
    row = max(file.header_rows)
    wanted = plain(header)
    joined = [c for c, parts in heads.items() if plain("/".join(parts)) == wanted]
    found = joined or [c for c, parts in heads.items() if plain(parts[-1]) == wanted]
    if not found:
        names = ["/".join(parts) for parts in heads.values()]
        findings.add(
            "header_not_found",
            f"is not in the header.{near(header, names)}",
            "Correct `header` or `header_rows` in the declaration.",
            column=header,
            place=sheet.row_place(row),
        )
        return None
    if len(found) > 1:
        findings.add(
            "duplicate_header",
            f"stands {len(found)} times in the header",
            "Declare it with its upper header (上级/下级), or rename one in the file.",
            column=header,
            place=", ".join(sheet.place(row, c) for c in found),
        )
        return None
    if sheet.hides(found[0]):
        findings.add(
            "hidden",
            "is hidden",
            "Show the column.",
            column=header,
            place=sheet.place(row, found[0]),
        )
    return found[0]


def _check_columns(
    heads: Mapping[int, tuple[str, ...]],
    targets: Sequence[Target],
    findings: Findings,
) -> None:
    """Find columns read twice, and name those left unread."""
    readers: dict[int, list[str]] = {}
    for target in targets:
        readers.setdefault(target.column, []).append(target.name)
    for column, names in readers.items():
        if len(names) > 1:
            findings.add(
                "column_used_twice",
                f"is declared for {' and '.join(names)}",
                "Declare a column of its own for each.",
                column="/".join(heads[column]),
            )
    unread = ["/".join(parts) for column, parts in heads.items() if column not in readers]
    if unread:
        findings.add(
            "unread_columns",
            f"columns left unread: {shown(', '.join(unread))}",
            "Nothing to do, unless one of them is wanted.",
            severity="note",
        )


# Units --------------------------------------------------------------------------------------------


def _scale(
    unit: str, entry: FieldEntry, header: str, findings: Findings
) -> tuple[float, float] | None:
    """Return scale and offset from the declared unit to the pack's."""
    if entry.type not in FIGURES:
        return 1.0, 0.0
    try:
        return conversion.factor(unit, entry.unit)
    except UnitError as error:
        remedy = f"Declare `unit`, such as {entry.template_unit or 'none'}."
        message = str(error).rstrip(".")
        findings.add("unknown_unit", message, remedy, column=header, value=unit)
        return None


def _check_units(
    sheet: Sheet, file: FileEntry, targets: Sequence[Target], findings: Findings
) -> None:
    """Find columns whose header, or the caption above the table, says another unit."""
    captions = _caption_units(sheet, min(file.header_rows))
    for target in targets:
        if target.scale is None or not target.entry.unit:
            continue
        own = [u for part in target.parts for u in _units_in(part)]
        measured = {u: s for u in own if (s := scale_of_unit(u, target.entry.unit))}
        if not measured:
            own = [u for u in own if is_other_unit(u)]
            measured = {u: s for u in captions if (s := scale_of_unit(u, target.entry.unit))}
        if measured and not any(_same(s, target.scale) for s in measured.values()):
            own = list(measured)
        elif measured:
            continue
        if own:
            findings.add(
                "unit_conflict",
                f"is in {' or '.join(own)} by the file, declared as {target.unit}",
                "Correct `unit` in the declaration, or the file.",
                column=target.header,
                place=sheet.place(max(file.header_rows), target.column),
                value="/".join(target.parts),
            )


def _units_in(text: str) -> list[str]:
    """Return what a header says of its unit: in brackets, or after 单位."""
    bare = (CAPTION.sub(r"\1", inside) for inside in BRACKETED.findall(text))
    return _split([*CAPTION.findall(text), *bare])


def _caption_units(sheet: Sheet, header: int) -> list[str]:
    """Return the units said above the table (单位：万元)."""
    above = (sheet.cells[row].values() for row in sorted(sheet.cells) if row < header)
    return _split(f for cells in above for c in cells for f in CAPTION.findall(str(c.value)))


def _split(lists: Iterable[str]) -> list[str]:
    """Return the units of lists such as 亩、亿元, each once."""
    units = (unit.strip() for listed in lists for unit in UNIT_LISTS.split(listed))
    return list(dict.fromkeys(unit for unit in units if unit))


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether two conversions are the same."""
    return all(math.isclose(a, b, rel_tol=ranges.ROUNDING) for a, b in zip(one, other, strict=True))
