"""From cells to values (单元格取值): numbers, dates, words and codes, in the pack's units and types.

A cell that cannot be read is a problem and a missing value; what the declaration accepts is mended and
counted.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from openpyxl.utils.datetime import MAC_EPOCH, from_excel

from gepbook.errors import near
from gepbook.inputs import ranges
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.findings import Findings, shown
from gepbook.inputs.own_data.headers import (
    CODE,
    FULL_WIDTH,
    YEAR,
    Target,
    is_other_unit,
    scale_of_unit,
)
from gepbook.inputs.own_data.sheets import ZERO_WIDTH, Cell, Sheet, blank, text_of

#: Types of columns that may hold missing values; those of whole columns where they differ.
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
#: Changes by which one county became one (更名、并入).
ONE_TO_ONE = ("renamed", "merged")
FULL_WIDTH_WORDS = {a: b for a, b in FULL_WIDTH.items() if chr(b).isalnum()}
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


def convert(
    sheet: Sheet,
    file: FileEntry,
    targets: Sequence[Target],
    rows: Sequence[int],
    findings: Findings,
) -> pd.DataFrame:
    """Return rows of a sheet as the fields of the dictionary (取值).

    Parameters
    ----------
    sheet : Sheet
    file : FileEntry
    targets : sequence of Target
        The columns to read, from `headers.find_targets`.
    rows : sequence of int
        The rows of data, in order.
    findings : Findings
        Takes down what cannot be read.

    Returns
    -------
    DataFrame
        The columns of the dictionary in its order, in the pack's units and types; a column with missing
        values has its nullable type.
    """
    covered = {
        (row, column)
        for span in sheet.merged_over((t.column for t in targets), rows)
        for row in rows
        if span.min_row <= row <= span.max_row
        for column in {t.column for t in targets}
        if span.min_col <= column <= span.max_col
    }
    columns = {}
    for target in targets:
        reader = ColumnReader(sheet, file, target, findings)
        free = target.entry.optional or target.scale is None
        columns[target.name] = [
            reader.value(row, required=not free and (row, target.column) not in covered)
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
    frame = typed(columns, file, len(rows))
    if "renamed_codes" in file.accept and CODE in frame:
        _mend_codes(frame, file, findings)
    return frame


def typed(columns: Mapping[str, list[Any]], file: FileEntry, count: int) -> pd.DataFrame:
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


def _mend_codes(frame: pd.DataFrame, file: FileEntry, findings: Findings) -> None:
    """Give rows of renamed and merged counties the code of today, unless that row is there too."""
    changes = dictionary.county_changes()
    single = ~changes["old_code"].duplicated(keep=False) & changes["kind"].isin(ONE_TO_ONE)
    today = changes[single].set_index("old_code")["new_code"]
    new = frame[CODE].map(today).fillna(frame[CODE])
    meant = new.notna() & (new != frame[CODE])
    if CODE in file.entry.key:
        meant &= ~frame.assign(**{CODE: new}).duplicated(file.entry.key, keep=False)
    frame.loc[meant, CODE] = new[meant]
    findings.mended("renamed_codes", int(meant.sum()))


# One column ---------------------------------------------------------------------------------------


class _Defect(Exception):  # noqa: N818  a cell's defect, not an error of the program
    """What is wrong with a cell: rule, message, remedy."""


class ColumnReader:
    """Turns the cells of one column into values of the pack; None = missing."""

    def __init__(self, sheet: Sheet, file: FileEntry, target: Target, findings: Findings) -> None:
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
        cell = self.sheet.cells[row].get(target.column, Cell(None))
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
        if blank(value) or (isinstance(value, str) and value.strip() in self.missing):
            return None
        mapped = target.words.get(text_of(value).strip())
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
        if scale_of_unit(tail, self.target.entry.unit or "1") or is_other_unit(tail):
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
        found = BOOLEANS.get(text_of(value).casefold())
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
        text = text_of(value)
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
        text = text_of(value)
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


def _day(found: re.Match[str]) -> str:
    """Return the date of a match, refusing days that are in no calendar."""
    try:
        return dt.date(*map(int, found.groups())).isoformat()
    except ValueError as error:
        raise _Defect(
            "impossible_date", "holds a day that does not exist", "Correct it."
        ) from error
