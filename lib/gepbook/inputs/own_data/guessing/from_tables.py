"""Guesses from tables (表格): workbooks, text files and the attributes of vector layers."""

from __future__ import annotations

import codecs
import contextlib
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gepbook.inputs.manifest import Source
from gepbook.inputs.own_data import sheets, templates
from gepbook.inputs.own_data.declaration import Column, FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry
from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.guessing.guesses import FAIR, SHOWN, SURE, UNSURE, Found, guarded, note
from gepbook.inputs.own_data.guessing.header_rows import (
    Grid,
    Head,
    caption_units,
    cell_text,
    find_header,
)
from gepbook.inputs.own_data.guessing.matching import NEAR, PART, SAME, Match, find_matches
from gepbook.inputs.own_data.problems import Problem

TIER_ZH = ("近似", "部分一致", "一致")


def in_workbook(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the sheets of a workbook may be."""
    limit = words.thresholds()
    with templates.opened(path) as book:
        for sheet in book.worksheets:
            if sheet.title in (templates.GUIDE, templates.CHOICES):
                continue
            if sheet.sheet_state != "visible":
                yield note(name, "a hidden sheet was left unread", place=sheet.title)
                continue
            cells = sheet.iter_rows(
                max_row=limit.sample_rows, max_col=limit.sample_columns, values_only=True
            )
            with guarded():
                rows = list(cells)
            yield from in_cells(Grid(name, rows, sheet=sheet.title))


def in_text(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what a table of text may be."""
    limit = words.thresholds()
    with path.open("rb") as stream:
        raw = stream.read(limit.sample_bytes)
    encoding = encoding_of(raw)
    if not encoding:
        yield note(name, "is neither UTF-8 nor GB18030 text", "Save it as CSV in UTF-8")
        return
    text = codecs.getincrementaldecoder(encoding)().decode(raw)
    lines = text.splitlines()[: limit.sample_rows]
    top = "".join(lines[: limit.header_search_rows])
    delimiter = max(sheets.DELIMITERS, key=top.count)
    rows = [tuple(row) for row in csv.reader(lines, delimiter=delimiter)]
    yield from in_cells(Grid(name, rows, encoding=encoding))


def encoding_of(raw: bytes) -> str:
    """Return the encoding of a text's beginning, or an empty string."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in codecs.getincrementaldecoder(encoding)().decode(raw):
                return encoding
    return ""


def in_cells(grid: Grid) -> Iterator[Found | Problem]:
    """Yield which tables the cells of a sheet may be."""
    rows, heads = find_header(grid.rows)
    if not heads:
        if any(cell_text(value) for row in grid.rows for value in row):
            yield note(grid.path, "no header with known names was found", place=grid.sheet)
        return
    years = {year for head in heads for year in words.YEAR.findall(head.text)}
    if len(years) > 1:
        yield note(
            grid.path,
            "years stand side by side in the header",
            "Put them below each other, with a column for the year",
            place=grid.sheet,
            seen=", ".join(sorted(years)),
        )
        return
    above = [cell_text(value) for row in grid.rows[: rows[0]] for value in row]
    body = [row for row in grid.rows[rows[-1] + 1 :] if any(cell_text(value) for value in row)]
    year = words.year_of([*sorted(years), *grid.names, *above])
    matches = find_matches(grid, heads, body, year)
    accepted = [match for match in matches if match.acceptable]
    for match in accepted:
        yield _table_found(
            grid, [row + 1 for row in rows], heads, body, match, caption_units(above)
        )
    if not accepted:
        yield _unplaced(grid, heads, matches)


def _unplaced(grid: Grid, heads: Sequence[Head], matches: Sequence[Match]) -> Problem:
    """Say of a sheet that it is no table, and what it lacks to be the likeliest one."""
    seen = ", ".join(head.text for head in heads[:SHOWN])
    place = grid.sheet or grid.layer_in_file
    if matches and matches[0].figures and matches[0].absent:
        match = matches[0]
        lacking = "、".join(match.entry.fields[name].title for name in match.absent)
        message = f"looks like {match.table} ({match.entry.title}), but has no {lacking}"
        return note(grid.path, message, f"Add {lacking}, or declare it by hand", place, seen)
    return note(grid.path, "is no table of the data dictionary", place=place, seen=seen)


def _table_found(
    grid: Grid,
    header_rows: list[int],
    heads: Sequence[Head],
    body: Sequence[tuple[Any, ...]],
    match: Match,
    units: Sequence[str],
) -> Found:
    """Return the entry of a table with the remarks that say what it rests on."""
    fields = match.entry.fields
    columns, cells = {}, {}
    for name in (n for n in fields if n in match.heads):
        head = match.heads[name]
        cells[name] = [cell_text(row[head.column]) for row in body if head.column < len(row)]
        unit = _declared_unit(fields[name], head, units) if fields[name].unit else ""
        meanings = _meanings(fields[name], name, cells[name])
        columns[name] = Column(header=head.text, unit=unit, values=meanings)
    by_column = "year" in columns
    years = {int(y) for text in cells.get("year", []) for y in words.YEAR.findall(text)}
    year = None if by_column else match.year
    file = FileEntry(
        path=grid.path,
        table=match.table,
        year=year,
        sheet=grid.sheet,
        header_rows=header_rows if not grid.layer_in_file else [1],
        encoding=grid.encoding,
        columns=columns,
        layer_in_file="" if grid.short_names else grid.layer_in_file,
        source=Source(title=""),
    )
    return Found(
        file,
        (*_table_remarks(match, file, heads), *grid.remarks),
        years=frozenset(years | ({year} if year else set())),
        counties=frozenset(map(words.county_of, cells.get("county_code", []))) - {""},
    )


def _declared_unit(f: FieldEntry, head: Head, units: Sequence[str]) -> str:
    """Return the unit of a column: in its header, or in the line above the table."""
    return next((unit for unit in (head.unit, *units) if f.unit in words.measures(unit)), "")


def _meanings(f: FieldEntry, name: str, values: Iterable[str]) -> dict[str, str]:
    """Return what the words of a column mean, where they are not the pack's own."""
    seen = dict.fromkeys(value for value in values if value)
    if name == "county_code":
        known = {value: words.county_of(value) for value in seen}
    elif name == "year":
        known = {v: found[1] for v in seen if (found := words.YEAR.search(v)) and v != found[1]}
    elif f.type == "boolean":
        known = {
            v: word
            for v in seen
            for word, spellings in words.synonyms().booleans.items()
            if v.casefold() in spellings
        }
    else:
        labels = {words.plain(label): word for label, word in templates.labels(f).items()}
        known = {
            value: labels[words.plain(value)] for value in seen if words.plain(value) in labels
        }
    return {value: word for value, word in known.items() if word and value != word}


def _table_remarks(match: Match, file: FileEntry, heads: Sequence[Head]) -> Iterator[str]:
    """Yield what a table's guess rests on and what it lacks."""
    fields = match.entry.fields
    without = [f.title for n, f in fields.items() if f.unit and n in file.columns]
    without = [t for t in without if not _unit_of_title(file, t)]
    near = [n for n, tier in match.tiers.items() if tier == NEAR]
    sure = UNSURE if near else FAIR if without or min(match.tiers.values()) == PART else SURE
    yield f"猜测 ({sure}): {match.entry.title}"
    for name, tier in match.tiers.items():
        if tier < SAME:
            yield f"猜测: {fields[name].title} 取自列 “{match.heads[name].text}” ({TIER_ZH[tier]})"
    if file.year:
        yield f"猜测: 年份 {file.year} 取自表头、文件名、工作表名或标题"
    if without:
        yield f"单位未见于文件, 请在各列填写 unit: {'、'.join(without)}"
    lacking = [f.title for n, f in fields.items() if not f.optional and n not in file.columns]
    if lacking := [title for title in lacking if not (file.year and title == fields["year"].title)]:
        yield f"未找到: {'、'.join(lacking)}"
    used = {head.text for head in match.heads.values()}
    if unused := [head.text for head in heads if head.text not in used]:
        yield f"未用的列: {'、'.join(unused)}"


def _unit_of_title(file: FileEntry, title: str) -> str:
    """Return the declared unit of the field with a title."""
    return next(c.unit for n, c in file.columns.items() if file.entry.fields[n].title == title)
