"""Opening users' tables (打开表格): a workbook or text file becomes a plain sheet of cells.

A file that is damaged, protected, carries macros or pretends to be something else is refused, with the
reason as a problem. Workbooks are parsed row by row: stray cells, merged ranges and hidden rows are seen
as they stand in the file; formulas and macros are never run.
"""

from __future__ import annotations

import binascii
import csv
import datetime as dt
import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import WINDOWS_EPOCH
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from gepbook.errors import near
from gepbook.inputs.own_data import archives
from gepbook.inputs.own_data.archives import RefusedError
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.findings import Findings, shown
from gepbook.inputs.own_data.limits import limits

WORKBOOKS = (".xlsx", ".xlsm")
TEXT_FILES = (".csv", ".txt", ".tsv")
ENCODINGS = ("utf-8-sig", "gb18030")  # tried in this order where none is declared
DELIMITERS = (",", "\t", ";")
ZIP_START = b"PK"
OLE_START = bytes.fromhex("d0cf11e0a1b11ae1")  # container of old and of encrypted Office files
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
BYTES_PER_MB = 1_000_000
ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060\ufeff]")

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


class Cell(NamedTuple):
    """A cell that is not empty: its value, number format and formula."""

    value: Any
    format: str = ""
    formula: str = ""


@dataclass(frozen=True)
class Sheet:
    """The cells of a sheet or text file; rows and columns count from 1, empty cells are left out."""

    cells: dict[int, dict[int, Cell]]
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

    def at(self, row: int, column: int) -> Any:
        """Return a cell's value, None when empty."""
        cell = self.cells.get(row, {}).get(column)
        return cell.value if cell else None

    def hides(self, column: int) -> bool:
        """Tell whether a column is hidden."""
        return any(low <= column <= high for low, high in self.hidden_spans)

    def merged_over(self, columns: Iterable[int], rows: Sequence[int]) -> list[Any]:
        """Return the merged ranges that touch some columns and some rows, in order."""
        wanted = set(columns)
        return [
            span
            for span in self.merged
            if any(span.min_col <= column <= span.max_col for column in wanted)
            and any(span.min_row <= row <= span.max_row for row in rows)
        ]


def open_sheet(folder: Path, file: FileEntry, findings: Findings) -> Sheet:
    """Find a file, also in an archive, and read its cells.

    Raises
    ------
    RefusedError
        For a file that cannot be read at all, with the reason as a problem.
    """
    content = _content(folder, file, findings)
    if PurePosixPath(file.path).suffix.lower() in TEXT_FILES:
        return _text_sheet(content, file, findings)
    _check_parts(content, file, findings)
    try:
        with warnings.catch_warnings(action="ignore"):
            return _workbook_sheet(content, file, findings)
    except RefusedError:
        raise
    except UNREADABLE as error:
        cause = error.__cause__ or error  # openpyxl wraps what it met
        raise findings.refusal(
            "broken_workbook",
            f"cannot be read as a workbook ({type(cause).__name__}: {shown(cause)})",
            "Open it in a spreadsheet program and save it anew as .xlsx.",
        ) from error


def blank(value: object) -> bool:
    """Tell whether a cell holds nothing that could be seen."""
    return value is None or (isinstance(value, str) and not ZERO_WIDTH.sub("", value).strip())


def text_of(value: object) -> str:
    """Return a cell as text; a whole number has no decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# Files --------------------------------------------------------------------------------------------


def _content(folder: Path, file: FileEntry, findings: Findings) -> bytes:
    """Return the bytes of a file of a known kind that lies in the folder and is not too large."""
    archive = folder / archives.archive_of(file.path)
    path = archive if archive.is_file() else folder / file.path
    if not path.is_file():
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        raise findings.refusal(
            "missing_file",
            f"is not in the folder.{near(file.path, names)}",
            "Add the file or correct `path`.",
        )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise findings.refusal(
            "outside_folder", "leads out of the folder", "Copy the file into the folder."
        )
    with archives.opened(folder, file) as unpacked:
        _check_kind(unpacked, findings)
        try:
            return unpacked.read_bytes()
        except OSError as error:
            raise findings.refusal(
                "unreadable_file",
                f"cannot be read ({error.strerror})",
                "Close or restore the file.",
            ) from error


def _check_kind(path: Path, findings: Findings) -> None:
    """Refuse files by their ending and size."""
    suffix = path.suffix.lower()
    if suffix not in (*WORKBOOKS, *TEXT_FILES):
        rule = "old_format" if suffix in (".xls", ".et") else "unknown_format"
        raise findings.refusal(
            rule, f"files of the kind {suffix!r} are not read", "Save it as .xlsx."
        )
    limit, size = limits().workbook_size_mb, path.stat().st_size / BYTES_PER_MB
    if size > limit:
        raise findings.refusal(
            "too_large",
            f"is larger than {limit:g} MB",
            "Split the table into several files.",
            value=f"{size:.0f} MB",
        )


# Workbooks ----------------------------------------------------------------------------------------


def _check_parts(content: bytes, file: FileEntry, findings: Findings) -> None:
    """Look at a workbook's directory of parts before any part is unpacked."""
    if content.startswith(OLE_START):
        if ENCRYPTED in content:
            raise findings.refusal(
                "password_protected", "is protected by a password", "Save it without a password."
            )
        raise findings.refusal("old_format", "is an .xls by its content", "Save it as .xlsx.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except UNREADABLE as error:
        cut = content.startswith(ZIP_START)
        raise findings.refusal(
            "broken_workbook",
            "is cut off or damaged" if cut else "is no workbook by its content",
            "Fetch the file anew." if cut else "Save it as .xlsx, or name it by what it is.",
        ) from error
    unpacked = sum(part.file_size for part in parts)
    limit = limits()
    large = unpacked > limit.workbook_size_mb * BYTES_PER_MB
    if large or unpacked > limit.archive_ratio * len(content):
        raise findings.refusal(
            "zip_bomb",
            f"unpacks to more than {limit.workbook_size_mb:g} MB or {limit.archive_ratio:g} times "
            "its size",
            "Delete empty formatted rows and columns, or split the table; do not open it if you "
            "do not know where it comes from.",
            value=f"{unpacked / BYTES_PER_MB:.0f} MB from {len(content) / BYTES_PER_MB:.2f} MB",
        )
    names = [part.filename for part in parts]
    has_macros = any(n.endswith("vbaProject.bin") or "/macrosheets/" in n for n in names)
    if has_macros or file.path.lower().endswith(".xlsm"):
        if "macros" not in findings.accept:
            raise findings.refusal(
                "macros",
                "is a workbook with macros, which was not opened",
                "Save it as .xlsx, or list macros under `accept`.",
            )
        findings.mended("macros")
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


def _workbook_sheet(content: bytes, file: FileEntry, findings: Findings) -> Sheet:
    """Read one sheet of a workbook."""
    book: Any = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheet = _chosen_sheet(book, file, findings)
        cells: dict[int, dict[int, Cell]] = {}
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
                    if formula or not blank(value):
                        place = cell["row"], cell["column"]
                        style: Any = ReadOnlyCell(sheet, *place, None, style_id=cell["style_id"])
                        kept = Cell(value, str(style.number_format), formula)
                        cells.setdefault(place[0], {})[place[1]] = kept
    finally:
        book.close()
    return Sheet(
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
        raise findings.refusal(
            "hidden", "the declared sheet is hidden", "Show the sheet.", place=file.sheet
        )
    if file.sheet and file.sheet not in sheets:
        raise findings.refusal(
            "sheet_missing",
            f"has no sheet {file.sheet!r}.{near(file.sheet, seen)} It has {', '.join(seen)}",
            "Correct `sheet` in the declaration.",
        )
    if not file.sheet and len(seen) != 1:
        raise findings.refusal(
            "sheet_not_declared",
            f"has {len(seen)} sheets: {', '.join(seen)}",
            "Declare with `sheet` which one to read.",
        )
    return sheets[file.sheet or seen[0]]


# Text files ---------------------------------------------------------------------------------------


def _text_sheet(content: bytes, file: FileEntry, findings: Findings) -> Sheet:
    """Read a text file."""
    if content.startswith((ZIP_START, OLE_START)):
        raise findings.refusal(
            "wrong_format",
            "is a workbook or archive by its content",
            "Name it .xlsx, or export CSV.",
        )
    text = _decoded(content, file, findings)
    cells: dict[int, dict[int, Cell]] = {}
    lines: dict[int, int] = {}
    widths: dict[int, int] = {}
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text, file), strict=True
    )
    last = 0
    try:
        for number, row in enumerate(reader, start=1):
            lines[number], last = last + 1, reader.line_num
            found = {i: Cell(v) for i, v in enumerate(row, start=1) if not blank(v)}
            if found:
                cells[number], widths[number] = found, len(row)
    except csv.Error as error:
        raise findings.refusal(
            "broken_text_file",
            f"cannot be split into cells ({error})",
            "Correct the quotation marks there, or export the file anew.",
            place=f"line {last + 1}",
        ) from error
    sheet = Sheet(cells=cells, lines=lines)
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
    raise findings.refusal(
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
    sheet: Sheet, file: FileEntry, widths: Mapping[int, int], findings: Findings
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
