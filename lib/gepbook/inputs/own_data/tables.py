"""Reading users' tables (读表): workbooks and text files become frames in the pack's units.

Every defect of a file is a `Problem` that names the cell; nothing raises for what a file holds. A mend
happens only where the declaration accepts it, and is counted in a note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook.inputs.own_data.archives import RefusedError
from gepbook.inputs.own_data.cells import PLAIN_NUMBER, ColumnReader, convert, typed
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.findings import Findings
from gepbook.inputs.own_data.headers import FIGURES, Target, find_targets, plain, scale_of_unit
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.own_data.sheets import Cell, Sheet, blank, open_sheet

#: Number formats that show a figure in another size than it is stored in.
SCALED_FORMAT = re.compile(r"[万亿]|[0#?],+(?![0#?])")


@dataclass(frozen=True)
class TableRead:
    """A table as read (读表结果); `frame` is None when nothing of it can be read.

    `frame` has the columns of the dictionary in its order, in the pack's units and types; a column with
    cells that could not be read has its nullable type instead. `rows` is the place of each row in the
    file, `totals` the rows of totals, with their place in the column `place`.
    """

    frame: pd.DataFrame | None
    rows: pd.Series
    problems: list[Problem]
    totals: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_table(folder: Path, file: FileEntry) -> TableRead:
    """Read a file as its declaration says (读取表格).

    Parameters
    ----------
    folder : Path
        The folder of the declaration.
    file : FileEntry
        An entry with a `table`; `path` may lie inside a zip.

    Returns
    -------
    TableRead
        With every defect of the file as a Problem; this never raises for what a file holds.
    """
    findings = Findings(file.path, file.accept)
    try:
        sheet = open_sheet(folder, file, findings)
        targets = find_targets(sheet, file, findings)
    except RefusedError as refusal:
        findings.take(refusal)
        return TableRead(None, pd.Series(dtype="str"), findings.problems())
    rows, totals = _data_rows(sheet, file, findings)
    _check_cells(sheet, file, targets, rows, findings)
    frame = convert(sheet, file, targets, rows, findings)
    places = pd.Series([sheet.row_place(row) for row in rows], index=frame.index, dtype="str")
    read_totals = _totals(sheet, file, targets, totals, findings)
    return TableRead(frame, places, findings.problems(), read_totals)


def _data_rows(sheet: Sheet, file: FileEntry, findings: Findings) -> tuple[list[int], list[int]]:
    """Return the rows of data and those of totals; blank rows are neither."""
    words = {plain(word) for word in file.total_rows}
    rows: list[int] = []
    totals: list[int] = []
    for row in sorted(sheet.cells):
        if row <= max(file.header_rows):
            continue
        if row in sheet.hidden_rows:
            findings.mend(
                "hidden_sheets", "row is hidden", "Show the row.", place=sheet.row_place(row)
            )
            if "hidden_sheets" in file.accept:
                continue
        (totals if _first_text(sheet.cells[row]) in words else rows).append(row)
    if not rows:
        findings.add("no_rows", "has no rows of data", "Fill the table, or take it out.")
    return rows, totals


def _first_text(cells: Mapping[int, Cell]) -> str:
    """Return the first cell of a row that is no number, without spaces."""
    for column in sorted(cells):
        value = cells[column].value
        if isinstance(value, str) and not PLAIN_NUMBER.fullmatch(text := plain(value)):
            return text
    return ""


def _totals(
    sheet: Sheet,
    file: FileEntry,
    targets: Sequence[Target],
    rows: Sequence[int],
    findings: Findings,
) -> pd.DataFrame:
    """Return the rows of totals; what of their key cannot be read, such as 合计, is missing."""
    words = {plain(word) for word in file.total_rows}
    columns: dict[str, list[Any]] = {}
    for target in targets:
        figure = target.entry.type == "number"
        cells = ColumnReader(
            sheet, file, target, findings if figure else Findings(file.path, file.accept)
        )
        values = [cells.value(row, required=False) for row in rows]
        columns[target.name] = [
            None if isinstance(v, str) and plain(v) in words else v for v in values
        ]
    totals = typed(columns, file, len(rows))
    return totals.assign(place=pd.Series([sheet.row_place(row) for row in rows], dtype="str"))


# Cells as they stand ------------------------------------------------------------------------------


def _check_cells(
    sheet: Sheet,
    file: FileEntry,
    targets: Sequence[Target],
    rows: Sequence[int],
    findings: Findings,
) -> None:
    """Find formulas, merged cells and figures that are shown otherwise than they are stored."""
    headers = {target.column: target.header for target in targets}
    for row in (*file.header_rows, *rows):
        for column, cell in sheet.cells.get(row, {}).items():
            if cell.formula and column in headers:
                where: dict[str, Any] = {
                    "column": headers[column],
                    "place": sheet.place(row, column),
                }
                _check_formula(cell, where, findings)
    for span in sheet.merged_over(headers, rows):
        findings.add(
            "merged_cells",
            "cells of the data are merged",
            "Unmerge them and fill each cell.",
            place=f"{sheet.title}!{span.coord}",
        )
    for target in targets:
        if target.entry.type in FIGURES:
            _check_formats(sheet, target, rows, findings)


def _check_formula(cell: Cell, where: Mapping[str, Any], findings: Findings) -> None:
    """Find a formula, and one whose result was never stored."""
    if blank(cell.value):
        findings.add(
            "formula",
            "holds a formula without a stored result",
            "Open the workbook in a spreadsheet program and save it, or paste the values.",
            value=cell.formula,
            **where,
        )
    else:
        findings.mend(
            "formulas", "holds a formula", "Paste the values.", value=cell.formula, **where
        )


def _check_formats(sheet: Sheet, target: Target, rows: Sequence[int], findings: Findings) -> None:
    """Find figures shown as percentages, or scaled, while something else is stored."""
    percent = scale_of_unit(target.unit, "1") == scale_of_unit("%", "1")
    for row in rows:
        cell = sheet.cells[row].get(target.column)
        if cell is None or isinstance(cell.value, str) or not cell.format:
            continue
        where: dict[str, Any] = {
            "column": target.header,
            "place": sheet.place(row, target.column),
        }
        if "%" in cell.format and percent:
            findings.add(
                "unit_conflict",
                f"is shown in {cell.format} but stored as a fraction, declared as {target.unit}",
                'Declare the unit "1", or store percentages.',
                value=cell.value,
                **where,
            )
        elif SCALED_FORMAT.search(cell.format):
            findings.add(
                "scaled_format",
                f"is shown scaled by its number format {cell.format}",
                "Make sure that the declared unit is that of the stored figure.",
                value=cell.value,
                severity="warning",
                **where,
            )
