"""Reads a form back and refuses it with every problem at once: sheet, cell, value, what to do (读表)."""

from __future__ import annotations

import json
import math
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook
from pydantic import ValidationError

from gepbook import counties
from gepbook.forms import model, workbook
from gepbook.forms.model import COLUMNS, KEY, PRICES, SHEETS, Form, FormError, FormsParams, Heading

MB = 1e6
COUNTY_FILE = re.compile(r"(33\d{4})-(.+)\.xlsx")


def read_form(
    path: Path, rules: FormsParams, *, county_code: str | None = None, year: int | None = None
) -> Form:
    """Return a form's heading, cover and figures (读取报表).

    Parameters
    ----------
    path : Path
    rules : FormsParams
    county_code, year : str, int, optional
        What the form must be of. A file named `<code>-<name>.xlsx` must be of that county anyway.

    Returns
    -------
    Form
        `figures` has the columns of `COLUMNS`, and `counties`, `remark`, `sheet`, `cell`.

    Raises
    ------
    FormError
        All problems of the file: a sheet is missing, a key or unit changed, a row was added, a figure
        is empty, a formula, no number or below zero, county or year are others than expected.
    """
    book = _open(path, rules)
    if workbook.INDEX not in book.sheetnames:
        raise FormError(
            f"{path}: is no form of gepbook, it has no sheet {workbook.INDEX!r}. "
            "Fill in the form as it was issued."
        )
    heading, index = _index(path, book)
    wanted = [workbook.COVER, workbook.META]
    wanted += [name for name in SHEETS if name != PRICES or heading.level == "county"]
    problems = [
        f"{path}: sheet {name!r} is missing. Copy it back from the form as it was issued."
        for name in wanted
        if name not in book.sheetnames
    ]
    problems += _heading_problems(path, book, heading, county_code, year)
    rows, found = _figures(path, book, index, rules)
    problems += found
    problems += _added_rows(path, book, index)
    if problems:
        raise FormError(problems)
    types = {**COLUMNS, "counties": "int64", "remark": "str", "sheet": "str", "cell": "str"}
    figures = pd.DataFrame(rows, columns=list(types)).astype(types)
    return Form(heading, figures, _answers(book), path)


def read_folder(folder: Path, rules: FormsParams, *, year: int | None = None) -> list[Form]:
    """Return all county forms of a folder, in the order of their codes.

    Raises
    ------
    FormError
        All problems of all files, a county that is there twice, forms of several years or standards,
        and keys whose unit differs between counties.
    """
    forms, problems = [], []
    paths = [p for p in sorted(folder.glob("*.xlsx")) if not p.name.startswith(("~$", "."))]
    for path in paths:
        try:
            form = read_form(path, rules, year=year)
        except FormError as error:
            problems += error.problems
            continue
        if form.heading.level == "county":
            forms.append(form)
        else:
            problems.append(
                f"{path}: is a form of level {form.heading.level}, expected a county's. "
                "Take it out of the folder."
            )
    problems += _mixed(folder, forms)
    if problems:
        raise FormError(problems)
    return sorted(forms, key=lambda form: form.heading.code)


def _open(path: Path, rules: FormsParams) -> Workbook:
    """Open a workbook; a file that is none, or too large, becomes one clear error."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > rules.largest_file_mb * MB:
            raise FormError(
                f"{path}: holds {size / MB:.0f} MB unpacked, a form may hold "
                f"{rules.largest_file_mb:g} MB. Take pictures and added sheets out of it."
            )
        return load_workbook(path)
    except (OSError, zipfile.BadZipFile, InvalidFileException, KeyError, ParseError) as error:
        raise FormError(
            f"{path}: cannot be read as a workbook ({type(error).__name__}). "
            "Save it as .xlsx in Excel or WPS and send it again."
        ) from error


def _index(path: Path, book: Workbook) -> tuple[Heading, list[dict[str, str]]]:
    """Return the heading and the index of a form, both as issued."""
    sheet = book[workbook.INDEX]
    texts = [
        [model.plain_text("" if value is None else str(value)) for value in row]
        for row in sheet.iter_rows(values_only=True, max_col=len(workbook.INDEX_COLUMNS))
    ]
    damaged = FormError(
        f"{path}: its hidden sheet {workbook.INDEX!r} was changed. "
        "Copy the figures into the form as it was issued."
    )
    if len(texts) < workbook.INDEX_FIRST_ROW - 1 or texts[0][0] != workbook.FORMAT:
        raise damaged
    rows = [
        dict(zip(workbook.INDEX_COLUMNS, row, strict=True))
        for row in texts[workbook.INDEX_FIRST_ROW - 1 :]
    ]
    if workbook.digest(texts[1][0], rows) != texts[2][0]:
        raise damaged
    try:
        return Heading(**json.loads(texts[1][0])), rows
    except (ValidationError, ValueError) as error:
        raise damaged from error


def _heading_problems(
    path: Path, book: Workbook, heading: Heading, county_code: str | None, year: int | None
) -> list[str]:
    """Return what is wrong with the county and year of a form."""
    problems = []
    if workbook.COVER in book.sheetnames:
        cover = book[workbook.COVER]
        for cell, expected, name in (
            (workbook.COVER_CODE, heading.code, "county code"),
            (workbook.COVER_NAME, heading.name, "name"),
            (workbook.COVER_YEAR, heading.year, "year"),
        ):
            got = cover[cell].value
            if model.plain_text(str(got)) != str(expected):
                problems.append(
                    f"{path}: sheet {workbook.COVER} cell {cell}: {name} is {got!r}, the form was "
                    f"issued for {expected!r}. Restore it, or fill in the right county's form."
                )
    if heading.level == "county" and heading.code not in counties.read().index:
        problems.append(f"{path}: county {heading.code!r} is not in params/counties.csv.")
    named = COUNTY_FILE.fullmatch(path.name)
    wanted_code = county_code or (named[1] if named and heading.level == "county" else None)
    if wanted_code and heading.code != wanted_code:
        problems.append(
            f"{path}: is the form of {heading.code} {heading.name}, expected {wanted_code}. "
            "Name the file after its county, or send the right one."
        )
    if year is not None and heading.year != year:
        problems.append(
            f"{path}: is the form of {heading.year}, expected {year}. Send the form of that year."
        )
    return problems


def _figures(
    path: Path, book: Workbook, index: list[dict[str, str]], rules: FormsParams
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the figures that the index names, and what is wrong with them."""
    rows, problems = [], []
    for line in index:
        if line["sheet"] not in book.sheetnames:
            continue
        sheet, cell = book[line["sheet"]], line["cell"]
        row = cell.removeprefix(workbook.FIGURE)
        where = f"{path}: sheet {line['sheet']} cell "
        expected = {
            **{f"{c}{row}": line[k] for c, k in zip(workbook.KEY_COLUMNS, KEY, strict=True)},
            f"{workbook.UNIT}{row}": model.unit_zh(line["unit"]),
        }
        changed = [
            f"{where}{place}: {'unit' if place.startswith(workbook.UNIT) else 'key'} is {got!r}, "
            f"the form was issued with {text!r}. Restore it; a figure in another unit must be "
            "converted."
            for place, text in expected.items()
            if (got := _text(sheet[place].value)) != text
        ]
        problems += changed
        value = sheet[cell].value
        free = rules.allows_negative(line["account"], line["item"], line["measure"])
        wrong = _wrong_number(value, free)
        if wrong:
            name = " ".join(filter(None, (line["label"], line["part"])))
            problems.append(f"{where}{cell} ({name}): {wrong}")
        if not changed and not wrong:
            year = line["price_year"]
            rows.append(
                {
                    **{k: v for k, v in line.items() if k not in ("price_year", "counties")},
                    "price_year": int(year) if year else None,
                    "counties": int(line["counties"]),
                    "value": float(value),
                    "remark": _text(sheet[f"{workbook.REMARK}{row}"].value),
                }
            )
    return rows, problems


def _wrong_number(value: Any, may_be_negative: bool) -> str:
    """Return what is wrong with a figure; nothing when it is a number that can stand."""
    if value is None or value == "":
        return "is empty. Fill it in, with 0 where there is none."
    if isinstance(value, str) and value.startswith("="):
        return f"is the formula {value!r}. Put its result there as a number."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, got {value!r}. Type digits only, without unit or separators."
    if not math.isfinite(value):
        return f"must be a finite number, got {value!r}. Type the figure."
    if value < 0 and not may_be_negative:
        return f"must be ≥ 0, got {value!r}. Correct the figure."
    return ""


def _added_rows(path: Path, book: Workbook, index: list[dict[str, str]]) -> list[str]:
    """Return rows with a figure or a key that the form was not issued with."""
    known = {(line["sheet"], int(line["cell"].removeprefix(workbook.FIGURE))) for line in index}
    letters = dict(enumerate((*workbook.KEY_COLUMNS, workbook.FIGURE)))
    columns = [*range(len(workbook.KEY_COLUMNS)), ord(workbook.FIGURE) - ord("A")]
    problems = []
    for name in {line["sheet"] for line in index} & set(book.sheetnames):
        lines = book[name].iter_rows(
            min_row=workbook.FIRST_ROW, max_col=columns[-1] + 1, values_only=True
        )
        for row, values in enumerate(lines, workbook.FIRST_ROW):
            held = [i for i, c in enumerate(columns) if values[c] not in (None, "")]
            if held and (name, row) not in known:
                problems.append(
                    f"{path}: sheet {name} cell {letters[held[0]]}{row}: holds "
                    f"{values[columns[held[0]]]!r} in a row that the form was not issued with. "
                    "Take the row out."
                )
    return sorted(problems)


def _answers(book: Workbook) -> dict[str, str]:
    """Return what was filled in on the cover, as plain text."""
    cover = book[workbook.COVER]
    return {name: _text(cover[f"C{row}"].value) for name, row in workbook.COVER_OPEN.items()}


def _text(value: Any) -> str:
    """Return a cell as the text that was meant."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d")
    return model.plain_text(str(value))


def _mixed(folder: Path, forms: list[Form]) -> list[str]:
    """Return how the forms of a folder do not go together."""
    problems = []
    by_code: dict[str, list[Form]] = {}
    for form in forms:
        by_code.setdefault(form.heading.code, []).append(form)
    for code, twice in by_code.items():
        if len(twice) > 1:
            files = ", ".join(str(form.path) for form in twice)
            problems.append(
                f"{folder}: county {code} {counties.name_zh(code)} is there {len(twice)} times "
                f"({files}). Keep one."
            )
    for name, found in (
        ("years", {str(f.heading.year) for f in forms}),
        ("standards", {f.heading.standard for f in forms}),
    ):
        if len(found) > 1:
            problems.append(
                f"{folder}: holds forms of several {name}: {', '.join(sorted(found))}. "
                "Keep one kind a folder."
            )
    if forms:
        rows = pd.concat([form.figures for form in forms], ignore_index=True)
        rows = rows.assign(how=rows["unit"] + " " + rows["price_year"].astype("str"))
        counts = rows.groupby(KEY)["how"].nunique()
        problems += [
            f"{folder}: {' / '.join(filter(None, key))} stands in several units or price years. "
            "Issue the forms anew from one release."
            for key in counts[counts > 1].index
        ]
    return problems
