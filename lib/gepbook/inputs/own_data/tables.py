"""Reading users' tables (读表): workbooks and text files become frames in the pack's units.

Every defect of a file is a `Problem` that names the cell; nothing raises for what a file holds. A mend
happens only where the declaration accepts it, and is counted in a note. Workbooks are parsed row by row:
stray cells, merged ranges and hidden rows are seen as they stand in the file, formulas and macros are
never run.
"""

from __future__ import annotations

import binascii
import csv
import datetime as dt
import functools
import io
import math
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from gepbook.errors import UnitError, near
from gepbook.inputs import ranges
from gepbook.inputs.own_data import conversion, dictionary, limits
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry
from gepbook.inputs.own_data.problems import Problem, Severity

CODE = "county_code"
YEAR = "year"
PERCENT = "percent"
#: Cells of one kind named one by one; further ones are counted.
SHOWN = 5
SHOWN_LETTERS = 60
WORKBOOKS = (".xlsx", ".xlsm")
TEXT_FILES = (".csv", ".txt", ".tsv")
ENCODINGS = ("utf-8-sig", "gb18030")  # tried in this order where none is declared
DELIMITERS = (",", "\t", ";")
ZIP_START = b"PK"
OLE_START = bytes.fromhex("d0cf11e0a1b11ae1")  # container of old and of encrypted Office files
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
BYTES_PER_MB = 1_000_000
NULLABLE = {
    "string": "str",
    "date": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
}
WHOLE = {"integer": "int64", "boolean": "bool"}
BOOLEANS = {"是": True, "否": False, "true": True, "false": False, "1": True, "0": False}
DIGITS_KEPT = 15  # significant digits of a number in a spreadsheet (IEEE 754 double)
INT64_LIMIT = 2**63
STRAY_SPACES = ("holds spaces or line breaks that do not belong there", "Delete them.")
ONE_TO_ONE = ("renamed", "merged")

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # ！ to ～
FULL_WIDTH_WORDS = {a: b for a, b in FULL_WIDTH.items() if chr(b).isalnum()}
ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060\ufeff]")
BROKEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")
ERROR_CELL = re.compile(r"#(?:N/A|[A-Z0-9/_]+[!?]|#+)")
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
PLAIN_NUMBER = re.compile(NUMBER, re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
WITH_UNIT = re.compile(rf"({NUMBER}|[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?)(\D.*)", re.ASCII)
SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+", re.ASCII)
WHOLE_FLOAT = re.compile(r"(\d+)\.0+", re.ASCII)
ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
TEXT_DATE = re.compile(
    r"(\d{4}) ?[-年./] ?(\d{1,2}) ?[-月./] ?(\d{1,2}) ?[日号]?(?:[ T]0?0:00(?::00(?:\.0+)?)?)?",
    re.ASCII,
)
COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
BRACKETED = re.compile(r"[(（\[【〔]([^()（）\[\]【】〔〕]*)[)）\]】〕]")
CAPTION = re.compile(r"单位[:：]([^)）\]】〕]+)")
UNIT_TEXT = re.compile(r"(?![\d.]+$)[\w%\uff05‰℃㎡㎢³²/.· -]{1,20}")
#: Number formats that show a figure in another size than it is stored in.
SCALED_FORMAT = re.compile(r"[万亿]|[0#?],+(?![0#?])")

#: What a file can make its reader raise; none of it means a fault of this program.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    binascii.Error,
    struct.error,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
)
UNKNOWN_UNIT = (UnitError, tokenize.TokenError, AssertionError, ArithmeticError, RecursionError)

#: By word of `accept`: the rule, and what a note says was done.
MENDS = {
    "full_width": ("full_width", "cells with full-width digits or letters were read as plain ones"),
    "spaces": ("spaces", "cells were read without their spaces"),
    "text_numbers": ("text_number", "numbers kept as text were read as numbers"),
    "text_dates": ("text_date", "dates kept as text were read as dates"),
    "formulas": ("formula", "formulas were read by their stored results"),
    "hidden_sheets": ("hidden", "hidden sheets, rows or columns were left unread"),
    "macros": ("macros", "workbook was read, its macros were not run"),
    "renamed_codes": ("renamed_code", "rows were given the county code in use today"),
    "jumps": ("jump", "unusual changes between years were taken as meant"),
    "totals": ("total", "totals that differ from their parts were taken as meant"),
}


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


class Findings:
    """Problems of one file, gathered by kind and column; the first few are named one by one."""

    def __init__(self, file: str, accept: Iterable[str] = ()) -> None:
        self.file = file
        self.accept = frozenset(accept)
        self._found: dict[tuple[str, str, Severity], list[Problem]] = {}
        self._mends: Counter[str] = Counter()

    def add(
        self,
        rule: str,
        message: str,
        remedy: str,
        *,
        column: str = "",
        place: str = "",
        value: object = "",
        severity: Severity = "error",
    ) -> None:
        """Take down one problem; `column` is the header that the user knows the column by."""
        if column:
            message = f"column {column!r} {message}"
        problem = Problem(self.file, rule, message, remedy, place, shown(value), severity)
        self._found.setdefault((rule, column, severity), []).append(problem)

    def mend(self, word: str, message: str, remedy: str, **where: Any) -> None:
        """Count a mend where the declaration accepts it, else take the defect down."""
        if word in self.accept:
            self._mends[word] += 1
        else:
            advice = f"{remedy} Or list {word} under `accept`."
            self.add(where.pop("rule", MENDS[word][0]), message, advice, **where)

    def problems(self) -> list[Problem]:
        """Return the problems, then a note per kind of mend."""
        listed: list[Problem] = []
        for (rule, column, severity), found in self._found.items():
            listed += found[:SHOWN]
            if rest := found[SHOWN:]:
                listed.append(
                    Problem(
                        self.file,
                        rule,
                        f"and {len(rest)} more{f' in column {column!r}' if column else ''}: "
                        f"{rest[0].message}",
                        rest[0].remedy,
                        " … ".join(dict.fromkeys((rest[0].place, rest[-1].place))),
                        rest[0].value,
                        severity,
                    )
                )
        for word, count in sorted(self._mends.items()):
            rule, done = MENDS[word]
            listed.append(
                Problem(
                    self.file,
                    rule,
                    f"{count} × {done}",
                    f"Nothing to do; take {word} out of `accept` to see each.",
                    severity="note",
                )
            )
        return listed


def shown(value: object) -> str:
    """Return a value as a short text."""
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}…"


def read_table(folder: Path, file: FileEntry) -> TableRead:
    """Read a file as its declaration says (读取表格).

    Parameters
    ----------
    folder : Path
        The folder of the declaration.
    file : FileEntry
        An entry with a `table`.

    Returns
    -------
    TableRead
        With every defect of the file as a Problem; this never raises for what a file holds.
    """
    findings = Findings(file.path, file.accept)
    try:
        sheet = _opened(folder, file, findings)
        targets = _targets(sheet, file, findings)
    except _Refused as refusal:
        findings.add(*refusal.args, place=refusal.place, value=refusal.value)
        return TableRead(None, pd.Series(dtype="str"), findings.problems())
    _check_units(sheet, file, targets, findings)
    rows, totals = _data_rows(sheet, file, targets, findings)
    _check_cells(sheet, file, targets, rows, findings)
    frame = _frame(sheet, file, targets, rows, findings)
    places = pd.Series([sheet.row_place(row) for row in rows], index=frame.index, dtype="str")
    if "renamed_codes" in file.accept:
        _mend_codes(frame, places, file, findings)
    read_totals = _totals(sheet, file, targets, totals, findings)
    return TableRead(frame, places, findings.problems(), read_totals)


@functools.lru_cache
def scale_of_unit(text: str, unit: str) -> tuple[float, float] | None:
    """Return scale and offset from a unit to the pack's, None where the text is no such unit."""
    if not UNIT_TEXT.fullmatch(text):
        return None
    try:
        found = conversion.factor(text, unit)
    except UNKNOWN_UNIT:
        return None
    return found if all(map(math.isfinite, found)) else None


# Opening ------------------------------------------------------------------------------------------


class _Refused(Exception):  # noqa: N818  a refusal to read, not an error of the program
    """The file cannot be read at all: rule, message, remedy."""

    def __init__(
        self, rule: str, message: str, remedy: str, *, place: str = "", value: object = ""
    ) -> None:
        super().__init__(rule, message, remedy)
        self.place = place
        self.value = value


class _Cell(NamedTuple):
    """A cell that is not empty: its value, number format and formula."""

    value: Any
    format: str = ""
    formula: str = ""


@dataclass(frozen=True)
class _Sheet:
    """The cells of a sheet or text file; rows and columns count from 1, empty cells are left out."""

    cells: dict[int, dict[int, _Cell]]
    title: str = ""  # empty for a text file, where every cell is text
    lines: Mapping[int, int] = field(default_factory=dict)
    merged: Sequence[Any] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_spans: Sequence[tuple[int, int]] = ()
    epoch: dt.datetime = WINDOWS_EPOCH

    def row_place(self, row: int) -> str:
        """Say where a row is."""
        return f"{self.title}!{row}" if self.title else f"line {self.lines.get(row, row)}"

    def place(self, row: int, column: int) -> str:
        """Say where a cell is."""
        if self.title:
            return f"{self.title}!{get_column_letter(column)}{row}"
        return f"{self.row_place(row)}, column {column}"

    def hides(self, column: int) -> bool:
        """Tell whether a column is hidden."""
        return any(low <= column <= high for low, high in self.hidden_spans)

    def at(self, row: int, column: int) -> Any:
        """Return a cell's value, None when empty."""
        cell = self.cells.get(row, {}).get(column)
        return cell.value if cell else None


def _opened(folder: Path, file: FileEntry, findings: Findings) -> _Sheet:
    """Find the file and read its cells."""
    if not file.header_rows:
        raise _Refused("no_header_rows", "has no header rows declared", "Declare `header_rows`.")
    path = _existing(folder, file)
    suffix = path.suffix.lower()
    if suffix not in (*WORKBOOKS, *TEXT_FILES):
        rule = "old_format" if suffix in (".xls", ".et") else "unknown_format"
        raise _Refused(rule, f"files of the kind {suffix!r} are not read", "Save it as .xlsx.")
    limit = limits.limits().workbook_size_mb
    if path.stat().st_size > limit * BYTES_PER_MB:
        raise _Refused(
            "too_large",
            f"is larger than {limit:g} MB",
            "Split the table into several files.",
            value=f"{path.stat().st_size / BYTES_PER_MB:.0f} MB",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _Refused(
            "unreadable_file", f"cannot be read ({error.strerror})", "Close or restore the file."
        ) from error
    if suffix in TEXT_FILES:
        return _text_sheet(content, file, findings)
    _check_archive(content, path, findings)
    try:
        with warnings.catch_warnings(action="ignore"):
            return _workbook_sheet(content, file, findings)
    except UNREADABLE as error:
        cause = error.__cause__ or error  # openpyxl wraps what it met
        raise _Refused(
            "broken_workbook",
            f"cannot be read as a workbook ({type(cause).__name__}: {shown(cause)})",
            "Open it in a spreadsheet program and save it anew as .xlsx.",
        ) from error


def _existing(folder: Path, file: FileEntry) -> Path:
    """Return the path of a file that exists inside the folder."""
    path = folder / file.path
    archive = next((p for p in path.parents if p.suffix.lower() == ".zip" and p.is_file()), None)
    if archive:
        raise _Refused(
            "table_in_archive", "tables are not read inside an archive", f"Unpack {archive.name}."
        )
    if not path.is_file():
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        raise _Refused(
            "missing_file",
            f"is not in the folder.{near(file.path, names)}",
            "Add the file or correct `path`.",
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _Refused(
            "outside_folder", "leads out of the folder", "Copy the file into the folder."
        )
    return path


def _check_archive(content: bytes, path: Path, findings: Findings) -> None:
    """Look at a workbook's directory of parts before any part is unpacked."""
    if content.startswith(OLE_START):
        if ENCRYPTED in content:
            raise _Refused(
                "password_protected", "is protected by a password", "Save it without a password."
            )
        raise _Refused("old_format", "is an .xls by its content", "Save it as .xlsx.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except UNREADABLE as error:
        cut = content.startswith(ZIP_START)
        raise _Refused(
            "broken_workbook",
            "is cut off or damaged" if cut else "is no workbook by its content",
            "Fetch the file anew." if cut else "Save it as .xlsx, or name it by what it is.",
        ) from error
    unpacked = sum(part.file_size for part in parts)
    limit = limits.limits()
    large = unpacked > limit.workbook_size_mb * BYTES_PER_MB
    if large or unpacked > limit.archive_ratio * len(content):
        raise _Refused(
            "zip_bomb",
            f"unpacks to more than {limit.workbook_size_mb:g} MB or {limit.archive_ratio:g} times "
            "its size",
            "Delete empty formatted rows and columns, or split the table; do not open it if you "
            "do not know where it comes from.",
            value=f"{unpacked / BYTES_PER_MB:.0f} MB from {len(content) / BYTES_PER_MB:.2f} MB",
        )
    names = [part.filename for part in parts]
    has_macros = any(n.endswith("vbaProject.bin") or "/macrosheets/" in n for n in names)
    if has_macros or path.suffix.lower() == ".xlsm":
        if "macros" not in findings.accept:
            raise _Refused(
                "macros",
                "is a workbook with macros, which was not opened",
                "Save it as .xlsx, or list macros under `accept`.",
            )
        findings.mend("macros", "", "")
    links = sum(n.startswith("xl/externalLinks/externalLink") for n in names)
    if links:
        findings.mend(
            "formulas",
            f"takes figures from {links} other workbooks",
            "Break the links (数据 > 编辑链接 > 断开链接).",
            rule="external_links",
        )


class _Parser(WorkSheetParser):
    """openpyxl's parser of a sheet, giving the stored result and the formula of a cell at once."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        formula = element.find(FORMULA_TAG)
        cell["formula"] = "" if formula is None else f"={formula.text or '…'}"
        return cell


def _workbook_sheet(content: bytes, file: FileEntry, findings: Findings) -> _Sheet:
    """Read one sheet of a workbook."""
    book: Any = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheet = _chosen_sheet(book, file, findings)
        cells: dict[int, dict[int, _Cell]] = {}
        with book._archive.open(sheet._worksheet_path) as source:
            parser = _Parser(
                source,
                sheet._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            for _, row in parser.parse():
                for cell in row:
                    value, formula = cell["value"], cell["formula"]
                    if formula or not _blank(value):
                        place = cell["row"], cell["column"]
                        style: Any = ReadOnlyCell(sheet, *place, None, style_id=cell["style_id"])
                        kept = _Cell(value, str(style.number_format), formula)
                        cells.setdefault(place[0], {})[place[1]] = kept
    finally:
        book.close()
    return _Sheet(
        cells=cells,
        title=sheet.title,
        merged=parser.merged_cells.mergeCell if parser.merged_cells else (),
        hidden_rows=frozenset(
            int(row) for row, attrs in parser.row_dimensions.items() if _hidden(attrs)
        ),
        hidden_spans=[
            (int(a["min"]), int(a["max"])) for a in parser.column_dimensions.values() if _hidden(a)
        ],
        epoch=book.epoch,
    )


def _hidden(attrs: Mapping[str, str]) -> bool:
    """Tell whether a row or column is hidden."""
    return attrs.get("hidden") in ("1", "true")


def _blank(value: object) -> bool:
    """Tell whether a cell holds nothing that could be seen."""
    return value is None or (isinstance(value, str) and not ZERO_WIDTH.sub("", value).strip())


def _chosen_sheet(book: Any, file: FileEntry, findings: Findings) -> Any:
    """Return the declared sheet, or the only one that is to be seen."""
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    seen = [name for name, sheet in sheets.items() if sheet.sheet_state == "visible"]
    for name in sheets:
        if name not in seen and name != file.sheet:
            findings.mend(
                "hidden_sheets", "has a hidden sheet", "Show or delete the sheet.", place=name
            )
    if file.sheet in sheets and file.sheet not in seen:
        raise _Refused(
            "hidden", "the declared sheet is hidden", "Show the sheet.", place=file.sheet
        )
    if file.sheet and file.sheet not in sheets:
        raise _Refused(
            "sheet_missing",
            f"has no sheet {file.sheet!r}.{near(file.sheet, seen)} It has {', '.join(seen)}",
            "Correct `sheet` in the declaration.",
        )
    if not file.sheet and len(seen) != 1:
        raise _Refused(
            "sheet_not_declared",
            f"has {len(seen)} sheets: {', '.join(seen)}",
            "Declare with `sheet` which one to read.",
        )
    return sheets[file.sheet or seen[0]]


def _text_sheet(content: bytes, file: FileEntry, findings: Findings) -> _Sheet:
    """Read a text file."""
    if content.startswith((ZIP_START, OLE_START)):
        raise _Refused(
            "wrong_format",
            "is a workbook or archive by its content",
            "Name it .xlsx, or export CSV.",
        )
    text = _decoded(content, file, findings)
    cells: dict[int, dict[int, _Cell]] = {}
    lines: dict[int, int] = {}
    widths: dict[int, int] = {}
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text, file), strict=True
    )
    last = 0
    try:
        for number, row in enumerate(reader, start=1):
            lines[number], last = last + 1, reader.line_num
            found = {i: _Cell(v) for i, v in enumerate(row, start=1) if not _blank(v)}
            if found:
                cells[number], widths[number] = found, len(row)
    except csv.Error as error:
        raise _Refused(
            "broken_text_file",
            f"cannot be split into cells ({error})",
            "Correct the quotation marks there, or export the file anew.",
            place=f"line {last + 1}",
        ) from error
    sheet = _Sheet(cells=cells, lines=lines)
    _check_widths(sheet, file, widths, findings)
    return sheet


def _decoded(content: bytes, file: FileEntry, findings: Findings) -> str:
    """Return the text of a file in its declared encoding, or the first that fits."""
    problem = ""
    for encoding in (file.encoding,) if file.encoding else ENCODINGS:
        try:
            text = content.decode(encoding).removeprefix("\ufeff")
        except (LookupError, ValueError) as error:
            problem = shown(error)
            continue
        if "\0" in text or (not file.encoding and content.startswith(UTF16_STARTS)):
            problem = "looks like UTF-16"
            continue
        if not file.encoding:
            findings.add(
                "encoding",
                f"was read as {encoding.removesuffix('-sig')}",
                "Declare `encoding` if Chinese texts look wrong.",
                severity="note",
            )
        return text
    tried = file.encoding or " or ".join(ENCODINGS)
    raise _Refused(
        "wrong_encoding",
        f"is not text in {tried} ({problem})",
        "Declare the `encoding` it was saved in (gb18030, utf-8, utf-16), or save it as UTF-8.",
    )


def _delimiter(text: str, file: FileEntry) -> str:
    """Return what separates the cells: the one most frequent in the header."""
    lines = text.splitlines()
    header = "".join(lines[row - 1] for row in file.header_rows if row <= len(lines))
    return max(DELIMITERS, key=header.count)


def _check_widths(
    sheet: _Sheet, file: FileEntry, widths: Mapping[int, int], findings: Findings
) -> None:
    """Find rows with fewer cells than the header, or with cells beyond it."""
    header = max((widths.get(row, 0) for row in file.header_rows), default=0)
    for row, cells in sheet.cells.items():
        if row > max(file.header_rows) and (widths[row] < header or max(cells) > header):
            findings.add(
                "ragged_row",
                f"has {widths[row]} cells, the header {header}",
                "Put texts and numbers with commas in quotation marks; complete the line.",
                place=sheet.row_place(row),
            )


# Header -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Target:
    """A field and the column it is read from; `scale` is None while its unit is not known."""

    name: str
    entry: FieldEntry
    header: str
    column: int
    unit: str
    words: Mapping[str, str]
    scale: tuple[float, float] | None
    parts: tuple[str, ...]


def _plain(text: str) -> str:
    """Return a header as it is compared: without spaces and line breaks, brackets half-width."""
    return "".join(ZERO_WIDTH.sub("", text).translate(FULL_WIDTH).split())


def _headers(sheet: _Sheet, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
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
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join(str(value).split())


def _targets(sheet: _Sheet, file: FileEntry, findings: Findings) -> list[_Target]:
    """Find the column of each declared field."""
    heads = _headers(sheet, sorted(file.header_rows))
    if not heads:
        raise _Refused(
            "header_not_found",
            f"has nothing in the header rows {', '.join(map(str, file.header_rows))}",
            "Correct `header_rows` in the declaration.",
        )
    if "hidden_sheets" in file.accept:
        hidden = [c for c in heads if sheet.hides(c)]
        for unread in hidden:
            findings.mend("hidden_sheets", "", "")
            del heads[unread]
    targets: list[_Target] = []
    for name, entry in file.entry.fields.items():
        declared = file.columns.get(name)
        if declared is None:
            _check_undeclared(name, entry, file, findings)
            continue
        column = _column(sheet, file, heads, declared.header, findings)
        if column is not None:
            scale = _scale(declared.unit, entry, declared.header, findings)
            targets.append(
                _Target(
                    name,
                    entry,
                    declared.header,
                    column,
                    declared.unit,
                    declared.values,
                    scale,
                    heads[column],
                )
            )
    if not targets:
        raise _Refused(
            "no_columns", "none of the declared columns is there", "Correct `header_rows`."
        )
    _check_columns(sheet, heads, targets, findings)
    return targets


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
    sheet: _Sheet,
    file: FileEntry,
    heads: Mapping[int, tuple[str, ...]],
    header: str,
    findings: Findings,
) -> int | None:
    """Return the column with a header: by its joined text, else by its lowest part."""
    row = max(file.header_rows)
    wanted = _plain(header)
    joined = [c for c, parts in heads.items() if _plain("/".join(parts)) == wanted]
    found = joined or [c for c, parts in heads.items() if _plain(parts[-1]) == wanted]
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
    sheet: _Sheet,
    heads: Mapping[int, tuple[str, ...]],
    targets: Sequence[_Target],
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
    if entry.type not in ("number", "integer"):
        return 1.0, 0.0
    try:
        found = conversion.factor(unit, entry.unit)
    except UNKNOWN_UNIT as error:
        message = str(error) if isinstance(error, UnitError) else f"unit {unit!r} is not known."
        findings.add(
            "unknown_unit",
            message.rstrip("."),
            f"Declare `unit`, such as {entry.template_unit or 'none'}.",
            column=header,
            value=unit,
        )
        return None
    return found if all(map(math.isfinite, found)) else None


def _check_units(
    sheet: _Sheet, file: FileEntry, targets: Sequence[_Target], findings: Findings
) -> None:
    """Find columns whose header, or the caption above the table, says another unit."""
    captions = _caption_units(sheet, min(file.header_rows))
    for target in targets:
        if target.scale is None or not target.entry.unit:
            continue
        own = [u for part in target.parts for u in _units_in(part)]
        measured = {u: s for u in own if (s := scale_of_unit(u, target.entry.unit))}
        if not measured:
            own = [u for u in own if _is_other_unit(u)]
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
    found = [*CAPTION.findall(text), *BRACKETED.findall(text)]
    units = [u.strip() for f in found for u in re.split("[、,，;；]", CAPTION.sub(r"\1", f))]
    return list(dict.fromkeys(u for u in units if u))


def _caption_units(sheet: _Sheet, header: int) -> list[str]:
    """Return the units said above the table (单位：万元)."""
    return [
        unit.strip()
        for row in sorted(sheet.cells)
        if row < header
        for cell in sheet.cells[row].values()
        for found in CAPTION.findall(str(cell.value))
        for unit in re.split("[、,，;；]", found)
    ]


def _is_other_unit(text: str) -> bool:
    """Tell whether a text is surely a unit: single Latin letters in headers rarely are."""
    if text.isascii() and text != "%":
        return False
    return any(scale_of_unit(text, u) for u in ("CNY", "ha", "m3", "t", "kWh", "person", "1"))


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether two conversions are the same."""
    return all(math.isclose(a, b, rel_tol=ranges.ROUNDING) for a, b in zip(one, other, strict=True))


# Rows ---------------------------------------------------------------------------------------------


def _data_rows(
    sheet: _Sheet, file: FileEntry, targets: Sequence[_Target], findings: Findings
) -> tuple[list[int], list[int]]:
    """Return the rows of data and those of totals; blank rows are neither."""
    below = [row for row in sorted(sheet.cells) if row > max(file.header_rows)]
    rows: list[int] = []
    totals: list[int] = []
    for row in below:
        if row in sheet.hidden_rows:
            findings.mend(
                "hidden_sheets", "row is hidden", "Show the row.", place=sheet.row_place(row)
            )
            if "hidden_sheets" in file.accept:
                continue
        words = {_plain(word) for word in file.total_rows}
        (totals if _first_text(sheet.cells[row]) in words else rows).append(row)
    if not rows:
        findings.add("no_rows", "has no rows of data", "Fill the table, or take it out.")
    return rows, totals


def _first_text(cells: Mapping[int, _Cell]) -> str:
    """Return the first cell of a row that is no number, without spaces."""
    for column in sorted(cells):
        value = cells[column].value
        if isinstance(value, str) and not PLAIN_NUMBER.fullmatch(text := _plain(value)):
            return text
    return ""


def _check_cells(
    sheet: _Sheet,
    file: FileEntry,
    targets: Sequence[_Target],
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
    if rows:
        for span in _merged_spans(sheet, headers, rows):
            findings.add(
                "merged_cells",
                "cells of the data are merged",
                "Unmerge them and fill each cell.",
                place=f"{sheet.title}!{span.coord}",
            )
    for target in targets:
        if target.entry.type in ("number", "integer"):
            _check_formats(sheet, target, rows, findings)


def _check_formula(cell: _Cell, where: Mapping[str, Any], findings: Findings) -> None:
    """Find a formula, and one whose result was never stored."""
    if _blank(cell.value):
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


def _merged_spans(sheet: _Sheet, columns: Iterable[int], rows: Sequence[int]) -> list[Any]:
    """Return the merged ranges that touch rows and columns that are read."""
    wanted, known = set(columns), set(rows)
    return [
        span
        for span in sheet.merged
        if span.max_row >= rows[0]
        and span.min_row <= rows[-1]
        and any(span.min_col <= c <= span.max_col for c in wanted)
        and any(span.min_row <= row <= span.max_row for row in known)
    ]


def _check_formats(sheet: _Sheet, target: _Target, rows: Sequence[int], findings: Findings) -> None:
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


# Cells --------------------------------------------------------------------------------------------


class _Defect(Exception):  # noqa: N818  a cell's defect, not an error of the program
    """What is wrong with a cell: rule, message, remedy."""


class _Cells:
    """Turns the cells of one column into values of the pack; None = missing."""

    def __init__(self, sheet: _Sheet, file: FileEntry, target: _Target, findings: Findings) -> None:
        self.sheet = sheet
        self.file = file
        self.target = target
        self.findings = findings
        self.missing = {word.strip() for word in file.missing}
        self.labels = {
            "".join(text.split()): value
            for value, label in target.entry.allowed.items()
            for text in (label, value)
        }
        self.where: dict[str, Any] = {}

    def value(self, row: int, *, required: bool) -> Any:
        """Return the value of a row's cell."""
        target = self.target
        cell = self.sheet.cells[row].get(target.column, _Cell(None))
        place = self.sheet.place(row, target.column)
        self.where = {"column": target.header, "place": place, "value": shown(cell.value)}
        try:
            found = self._read(cell.value)
        except _Defect as defect:
            self.findings.add(*defect.args, **self.where)
            return None
        if found is None and required and not cell.formula:
            self.findings.add(
                "missing_value",
                "has no value",
                "Fill it in, with 0 where there is none.",
                **self.where,
            )
        return found

    def _read(self, value: Any) -> Any:
        """Return a cell's value by the type of its field."""
        target = self.target
        if _blank(value) or (isinstance(value, str) and value.strip() in self.missing):
            return None
        mapped = target.words.get(_text_of(value).strip())
        if mapped is not None:
            value = mapped
        elif isinstance(value, str):
            value = self._cleaned(value)
            if value in self.missing:
                return None
            mapped = target.words.get(value)
            value = value if mapped is None else mapped
        as_text = self.sheet.title != "" and mapped is None
        match target.entry.type:
            case "number":
                return self._number(value, as_text)
            case "integer":
                return self._integer(value, as_text)
            case "boolean":
                return self._boolean(value)
            case "date":
                return self._date(value)
        return self._string(value)

    def _cleaned(self, text: str) -> str:
        """Return a text without stray spaces and full-width characters, saying so."""
        if ERROR_CELL.fullmatch(text.strip()):
            raise _Defect("error_cell", "holds an error", "Correct the formula or figure.")
        if BROKEN.search(text):
            raise _Defect("broken_text", "holds characters that were lost", "Type the text anew.")
        loose = self.target.entry.type in ("number", "integer", "boolean")
        words = ZERO_WIDTH.sub("", text).split()
        clean = ("" if loose or self.target.name == CODE else " ").join(words)
        if clean != text:
            self._mend("spaces", *STRAY_SPACES)
        free = self.target.entry.type == "string" and self.target.name != CODE
        plain = clean.translate(FULL_WIDTH_WORDS if free else FULL_WIDTH)
        if plain != clean and plain.replace(" ", "") not in self.labels:
            self._mend("full_width", "holds full-width characters", "Type it in half-width.")
        return plain

    def _mend(self, word: str, message: str, remedy: str) -> None:
        """Mend a defect where that is accepted."""
        self.findings.mend(word, message, remedy, **self.where)

    def _number(self, value: Any, as_text: bool) -> float | None:
        """Return a figure in the pack's unit."""
        if isinstance(value, str):
            value = self._parsed(value, as_text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            kind = "a date" if isinstance(value, dt.date | dt.time | dt.timedelta) else "no number"
            raise _Defect("not_a_number", f"holds {kind}", "Enter the figure as a number.")
        try:
            scale, offset = self.target.scale or (math.nan, 0.0)
            found = float(value) * scale + offset
            finite = math.isfinite(float(value))
        except OverflowError:
            finite = False
        if not finite or math.isinf(found):
            raise _Defect("not_a_number", "holds no finite number", "Correct the figure.")
        return None if math.isnan(found) else found

    def _parsed(self, text: str, as_text: bool) -> float:
        """Return the number that a text says."""
        if PLAIN_NUMBER.fullmatch(text):
            if as_text:
                self._mend("text_numbers", "holds a number as text", "Convert it to a number.")
            return float(text)
        if THOUSANDS.fullmatch(text):
            self._mend("text_numbers", "holds thousands separators", "Take them out.")
            return float(text.replace(",", ""))
        with_unit = WITH_UNIT.fullmatch(text)
        tail = with_unit[2].strip() if with_unit else ""
        if scale_of_unit(tail, self.target.entry.unit or "1") or _is_other_unit(tail):
            raise _Defect(
                "mixed_units",
                f"holds a unit beside the figure; the column is declared in {self.target.unit}",
                "Bring all figures to one unit and leave it out of the cells.",
            )
        raise _Defect(
            "not_a_number",
            "holds text where a number belongs",
            "Enter the figure; list words for missing figures under `missing`.",
        )

    def _integer(self, value: Any, as_text: bool) -> int | None:
        """Return a whole number."""
        found = self._number(value, as_text)
        if found is None:
            return None
        if abs(found) >= INT64_LIMIT:
            raise _Defect("not_a_number", "holds too large a number", "Correct the figure.")
        if abs(found - round(found)) > ranges.ROUNDING:
            raise _Defect("fraction", "holds a fraction of a whole number", "Correct the figure.")
        return round(found)

    def _boolean(self, value: Any) -> bool:
        """Return yes or no."""
        found = BOOLEANS.get(_text_of(value).casefold())
        if found is None:
            raise _Defect(
                "not_a_boolean",
                "is neither yes nor no",
                "Write 是 or 否, or declare what the words mean under `values`.",
            )
        return found

    def _date(self, value: Any) -> str:
        """Return a date as YYYY-MM-DD."""
        if isinstance(value, dt.datetime):
            if value.time() != dt.time():
                raise _Defect("date_with_time", "holds a time of day", "Enter the date alone.")
            return value.date().isoformat()
        text = _text_of(value)
        if iso := ISO_DATE.fullmatch(text):
            return _day(iso)
        if found := TEXT_DATE.fullmatch(text) or COMPACT_DATE.fullmatch(text):
            self._mend("text_dates", "holds a date as text", "Convert it to a date.")
            return _day(found)
        if PLAIN_NUMBER.fullmatch(text):
            raise self._serial(float(text))
        raise _Defect("not_a_date", "holds no date", "Write it as 2023-06-30.")

    def _serial(self, number: float) -> _Defect:
        """Say which day a plain number would be."""
        try:
            with warnings.catch_warnings(action="ignore"):
                day = from_excel(number, self.sheet.epoch)
        except (ValueError, OverflowError):
            day = None
        if not isinstance(day, dt.datetime):
            return _Defect("not_a_date", "holds no date", "Write it as 2023-06-30.")
        start = "1904" if self.sheet.epoch == MAC_EPOCH else "1900"
        return _Defect(
            "date_serial",
            f"holds a count of days, {day.date()} if counted from {start}",
            "Format the column as dates; in a text file write 2023-06-30.",
        )

    def _string(self, value: Any) -> str:
        """Return a text; whole numbers are plain texts, such as codes."""
        if isinstance(value, bool | dt.date | dt.time | dt.timedelta):
            raise _Defect(
                "not_text",
                "was turned into a date or a truth value by the spreadsheet",
                "Format the column as text and type it anew.",
            )
        text = _text_of(value)
        number = isinstance(value, int | float)
        if (number and abs(value) >= 10**DIGITS_KEPT) or SCIENTIFIC.fullmatch(text):
            raise _Defect(
                "long_number",
                f"holds a number of which only {DIGITS_KEPT} digits are kept",
                "Format the column as text and type it anew.",
            )
        if self.target.name == CODE and (whole := WHOLE_FLOAT.fullmatch(text)):
            return whole[1]
        if not self.labels:
            return text
        found = self.labels.get("".join(text.split()))
        if found is None:
            raise _Defect(
                "unknown_value",
                f"must be one of {', '.join(self._words())}.{near(text, self.labels)}",
                "Correct the word, or declare what it means under `values`.",
            )
        if text not in (found, self.target.entry.allowed[found]):
            self._mend("spaces", *STRAY_SPACES)
        return found

    def _words(self) -> list[str]:
        """Return the words allowed, with their labels."""
        allowed = self.target.entry.allowed
        return [v if v == label else f"{v} ({label})" for v, label in allowed.items()]


def _text_of(value: object) -> str:
    """Return a cell as text; a whole number has no decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _day(found: re.Match[str]) -> str:
    """Return the date of a match, refusing days that are in no calendar."""
    try:
        return dt.date(*map(int, found.groups())).isoformat()
    except ValueError as error:
        raise _Defect(
            "impossible_date", "holds a day that does not exist", "Correct it."
        ) from error


# Frames -------------------------------------------------------------------------------------------


def _frame(
    sheet: _Sheet,
    file: FileEntry,
    targets: Sequence[_Target],
    rows: Sequence[int],
    findings: Findings,
) -> pd.DataFrame:
    """Return the rows of data in the pack's units and types."""
    spans = _merged_spans(sheet, [t.column for t in targets], rows) if rows else []
    covered = {
        (row, target.column)
        for span in spans
        for row in rows
        if span.min_row <= row <= span.max_row
        for target in targets
        if span.min_col <= target.column <= span.max_col
    }
    columns = {}
    for target in targets:
        cells = _Cells(sheet, file, target, findings)
        columns[target.name] = [
            cells.value(
                row,
                required=not (
                    target.entry.optional or target.scale is None or (row, target.column) in covered
                ),
            )
            for row in rows
        ]
        if target.entry.type == "date" and sheet.epoch == MAC_EPOCH:
            findings.add(
                "date_system",
                "counts days from 1904; its dates were read so",
                "Nothing to do, unless the dates are four years off.",
                column=target.header,
                severity="note",
            )
    return _typed(columns, file, len(rows))


def _typed(columns: Mapping[str, list[Any]], file: FileEntry, count: int) -> pd.DataFrame:
    """Return values as a frame with the columns and types of the dictionary."""
    made = {}
    for name, entry in file.entry.fields.items():
        constant = file.year if name == YEAR else None
        values = columns.get(name, [constant] * count)
        series = pd.Series(values, index=range(count), dtype=NULLABLE[entry.type])
        if entry.type in WHOLE and not entry.optional and not series.isna().any():
            series = series.astype(WHOLE[entry.type])
        made[name] = series
    return pd.DataFrame(made)


def _totals(
    sheet: _Sheet,
    file: FileEntry,
    targets: Sequence[_Target],
    rows: Sequence[int],
    findings: Findings,
) -> pd.DataFrame:
    """Return the rows of totals; what of their key cannot be read, such as 合计, is missing."""
    words = {_plain(word) for word in file.total_rows}
    columns: dict[str, list[Any]] = {}
    for target in targets:
        figure = target.entry.type == "number"
        cells = _Cells(
            sheet, file, target, findings if figure else Findings(file.path, file.accept)
        )
        values = [cells.value(row, required=False) for row in rows]
        columns[target.name] = [
            None if isinstance(v, str) and _plain(v) in words else v for v in values
        ]
    totals = _typed(columns, file, len(rows))
    return totals.assign(place=pd.Series([sheet.row_place(row) for row in rows], dtype="str"))


def _mend_codes(
    frame: pd.DataFrame, places: pd.Series, file: FileEntry, findings: Findings
) -> None:
    """Give rows of renamed and merged counties the code of today, unless that row is there too."""
    if CODE not in frame:
        return
    successors = one_to_one_codes()
    new = frame[CODE].map(lambda code: successors.get(code, code))
    old = new.notna() & (new != frame[CODE])
    key = [name for name in file.entry.key if name in frame]
    meant = frame.assign(**{CODE: new})
    clash = (
        meant.duplicated(key, keep=False) if CODE in key else pd.Series(data=False, index=old.index)
    )
    for row in frame.index[old & ~clash]:
        findings.mend("renamed_codes", "", "", place=places[row])
        frame.loc[row, CODE] = new[row]


def one_to_one_codes() -> dict[str, str]:
    """Return the code of today by old code, where one county became one (更名、并入)."""
    changes = dictionary.county_changes()
    single = ~changes["old_code"].duplicated(keep=False) & changes["kind"].isin(ONE_TO_ONE)
    return dict(zip(changes["old_code"][single], changes["new_code"][single], strict=True))
