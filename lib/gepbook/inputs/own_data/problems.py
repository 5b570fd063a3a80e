"""What is wrong with users' files: one record each, as a table or a workbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet
from rich.table import Table

Severity = Literal["error", "warning", "note"]
SEVERITY_ZH = {"error": "错误", "warning": "警告", "note": "说明"}
COLUMNS = {
    "file": "文件",
    "place": "位置",
    "rule": "检查项",
    "severity": "程度",
    "value": "所见",
    "message": "问题",
    "remedy": "处理办法",
}
WIDTHS = (34, 22, 20, 8, 24, 60, 60)
#: A cell that begins so is run as a formula by spreadsheet programs.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Problem:
    """One problem of one file (问题).

    `file` is relative to the folder; `place` is a cell, row, feature or band; `rule` the id of the check,
    such as `duplicate_key`; `value` what stands there; `message` what is wrong, `remedy` what to do.
    An `error` stops the pack from being built, a `warning` does not, a `note` says what was read how.
    """

    file: str
    rule: str
    message: str
    remedy: str
    place: str = ""
    value: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        got = f" (got {self.value!r})" if self.value else ""
        return f"{where}: {self.message}{got}. {self.remedy}"

    def cells(self) -> tuple[str, ...]:
        """Return the record as the texts of a table's row."""
        texts = {**self.__dict__, "severity": SEVERITY_ZH[self.severity]}
        return tuple(str(texts[name]) for name in COLUMNS)


def errors(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that stop a pack from being built."""
    return [p for p in problems if p.severity == "error"]


def ordered(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems in the order in which a user mends them: errors first, then by file."""
    order = list(SEVERITY_ZH)
    return sorted(problems, key=lambda p: (order.index(p.severity), p.file, p.place))


def summary(problems: Sequence[Problem]) -> str:
    """Return how many problems of each kind there are."""
    counts = {s: sum(p.severity == s for p in problems) for s in SEVERITY_ZH}
    return "，".join(f"{SEVERITY_ZH[s]} {n}" for s, n in counts.items())


def table(problems: Sequence[Problem]) -> Table:
    """Return the problems as a table for the terminal."""
    shown = Table(*COLUMNS.values(), title=f"数据包检查 ({summary(problems)})", show_lines=True)
    for problem in problems:
        shown.add_row(*(text.replace("[", "\\[") for text in problem.cells()))
    return shown


def write_workbook(problems: Sequence[Problem], path: Path) -> None:
    """Write the problems as a workbook to send back to the bureau.

    What users' cells hold is written as text, so that nothing in it is run as a formula.
    """
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "问题清单"
    sheet.append(list(COLUMNS.values()))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, problem in enumerate(problems, start=2):
        for column, text in enumerate(problem.cells(), start=1):
            cell = sheet.cell(number, column)
            cell.value = inert(text)
            cell.data_type = "s"
            cell.quotePrefix = text.startswith(FORMULA_STARTS)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDEFG", WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    book.save(path)


def inert(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula, without control characters."""
    clean = "".join(c for c in text if c.isprintable() or c in "\n")
    return f"'{clean}" if clean.startswith(FORMULA_STARTS) else clean
