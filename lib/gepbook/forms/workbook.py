"""Writes a form as a workbook: cells to fill are open and light yellow, all else is locked (报表编制)."""

from __future__ import annotations

import copy
import json
import math
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
from openpyxl import Workbook
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from gepbook import provenance
from gepbook.accounting import standards
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.forms import model
from gepbook.forms.model import (
    BASIC,
    KEY,
    LEVEL_ZH,
    PHYSICAL,
    PRICES,
    SHEETS,
    VALUE,
    Form,
    FormError,
    FormsParams,
    Heading,
)
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.prices import PriceBook

FORMAT = "gepbook-form-1"
COVER, REGIONS, META, INDEX = "封面与签章", "分地区", "元数据", "_form"
#: Columns of a sheet of figures: four of hidden keys, then these.
KEY_COLUMNS = "ABCD"
GROUP, LABEL, PART, UNIT, FIGURE, REMARK = "E", "F", "G", "H", "I", "J"
FORMULA, DIFFERENCE = "K", "L"
FIRST_ROW = 4
#: Cover: field → row; the value stands in column C.
COVER_LOCKED = {"行政区划代码": 5, "地区": 6, "核算年份": 7, "核算标准": 8, "填报状态": 9}
COVER_OPEN = {"填报单位": 10, "填表人": 11, "审核人": 12, "单位负责人": 13, "填表日期": 14}
SEAL_ROW = 15
COVER_CODE, COVER_NAME, COVER_YEAR = "C5", "C6", "C7"
#: Columns of the hidden index of a form.
INDEX_COLUMNS = ["sheet", "cell", *[c for c in model.COLUMNS if c != "value"], "counties"]
INDEX_FIRST_ROW = 4

FONT = "宋体"
INK, GREY, RED = "FF1F2933", "FF6B7280", "FFB42318"
OPEN_FILL = PatternFill("solid", start_color="FFFFF8DC")
HEAD_FILL = PatternFill("solid", start_color="FFE3EFE6")
SUM_FILL = PatternFill("solid", start_color="FFF2F4F5")
RED_FILL = PatternFill("solid", start_color="FFFAD4D0")
LINE = Side(style="thin", color="FFB8C0C8")
BOX = Border(left=LINE, right=LINE, top=LINE, bottom=LINE)
A4 = 9
#: Workbook → look → the style it made; a style made anew for each cell would take most of the time.
_styles: WeakKeyDictionary[Any, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()
SMALL = 100.0
LINE_POINTS = 14
COVER_WIDTH = 88
META_WIDTHS = (10, 34, 24, 44, 10, 18, 60)
WIDTHS = {GROUP: 24, LABEL: 24, PART: 22, UNIT: 13, FIGURE: 22, REMARK: 26}
MONEY_FORMAT, SMALL_FORMAT = "#,##0.00", "#,##0.0000"


def write_county_form(
    ledger_rows: pd.DataFrame,
    tables: pd.DataFrame,
    prices: PriceBook,
    heading: Heading,
    path: Path,
    rules: FormsParams,
) -> Form:
    """Write the form of one county and year, and return what it holds (县级报表).

    Parameters
    ----------
    ledger_rows : DataFrame
        Rows of the stages inventory and accounting of this county and year.
    tables : DataFrame
        What `model.table_figures` returned.
    prices : PriceBook
    heading : Heading
    path : Path
        An .xlsx file; it is written whole or not at all.
    rules : FormsParams

    Raises
    ------
    CoverageError
        When a key stands twice.
    FormError
        Naming each figure below zero where there can be none.
    ParameterError
        When a price is not known for the year.
    """
    form = county_form(ledger_rows, tables, prices, heading, rules)
    write_issued(form, ledger_rows, prices, path, rules)
    return form


def county_form(
    ledger_rows: pd.DataFrame,
    tables: pd.DataFrame,
    prices: PriceBook,
    heading: Heading,
    rules: FormsParams,
) -> Form:
    """Return the form of one county and year; parameters and errors as in `write_county_form`."""
    figures = [
        model.ledger_figures(ledger_rows),
        tables,
        model.price_figures(prices, heading.year),
    ]
    form = Form(heading, model.arrange(pd.concat(figures, ignore_index=True)))
    problems = [
        f"form {heading.code} {heading.name}: {r['account']} / {r['item']} / {r['measure']} must be "
        f"{'finite' if math.isnan(r['value']) else '≥ 0'}, got {r['value']!r}. Mend its input, or "
        f"allow it under may_be_negative in params/policy/{model.SECTION}.yaml."
        for r in form.figures.to_dict("records")
        if not math.isfinite(r["value"])
        or (r["value"] < 0 and not rules.allows_negative(r["account"], r["item"], r["measure"]))
    ]
    if problems:
        raise FormError(problems)
    return form


def write_issued(
    form: Form, ledger_rows: pd.DataFrame, prices: PriceBook, path: Path, rules: FormsParams
) -> None:
    """Write what `county_form` returned, with the services that do not apply and the price list."""
    absent = ledger_rows[ledger_rows["measure"] == "not_applicable"]
    notes = [
        ("不适用的服务", model.service_zh(str(r["item"])), str(r["note"]))
        for r in absent.to_dict("records")
    ]
    comparable = form.figures.loc[form.figures["price_basis"] == "comparable", "price_year"]
    details = _price_details(prices, form.heading.year, comparable)
    write_form(form, path, rules, notes=notes, price_details=details)


def write_form(
    form: Form,
    path: Path,
    rules: FormsParams,
    *,
    regions: pd.DataFrame | None = None,
    notes: Sequence[tuple[str, str, str]] = (),
    price_details: pd.DataFrame | None = None,
) -> None:
    """Write a form of any level.

    Parameters
    ----------
    form : Form
    path : Path
    rules : FormsParams
    regions : DataFrame, optional
        The parts of a sum: code, name, status and GEP with its categories in CNY at current prices.
    notes : sequence of (subject, item, text)
        What is to be said under the metadata.
    price_details : DataFrame, optional
        Further columns of the sheet of prices, indexed by price id.
    """
    book = Workbook()
    book.security = WorkbookProtection(lockStructure=True)
    _cover(book.worksheets[0], form)
    index: list[dict[str, Any]] = []
    for name in SHEETS:
        chosen = [
            model.sheet_of(str(a), str(m)) == name
            for a, m in zip(form.figures["account"], form.figures["measure"], strict=True)
        ]
        if name == PRICES and form.heading.level != "county":
            continue
        index += _figures_sheet(
            book.create_sheet(name), form, form.figures[chosen], rules, price_details
        )
    if regions is not None:
        _regions_sheet(book.create_sheet(REGIONS), form.heading, regions)
    _meta_sheet(book.create_sheet(META), form, notes)
    _index_sheet(book.create_sheet(INDEX), form.heading, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    book.save(part)
    part.replace(path)


def put(
    sheet: Worksheet,
    cell: str,
    value: Any,
    *,
    fill: PatternFill | None = None,
    bold: bool = False,
    color: str = INK,
    size: int = 10,
    align: str = "left",
    form: str = "General",
    open_: bool = False,
    box: bool = True,
) -> None:
    """Put a value into a cell; a text is made safe and never becomes a formula."""
    place = sheet[cell]
    if isinstance(value, str):
        place.value = model.safe_text(value)
        place.data_type = "s"
    else:
        place.value = value
    known = _styles.setdefault(sheet.parent, {})
    look = (fill.start_color.rgb if fill else "", bold, color, size, align, form, open_, box)
    if look not in known:
        place.font = Font(name=FONT, size=size, bold=bold, color=color)
        place.alignment = Alignment(horizontal=align, vertical="center", wrap_text=True)
        place.number_format = form
        place.protection = Protection(locked=not open_)
        if open_:
            place.fill = OPEN_FILL
        elif fill is not None:
            place.fill = fill
        if box:
            place.border = BOX
        known[look] = copy.copy(place._style)
    place._style = copy.copy(known[look])


def put_formula(sheet: Worksheet, cell: str, formula: str, form: str = MONEY_FORMAT) -> None:
    """Put a live formula of this library into a cell."""
    put(sheet, cell, None, fill=SUM_FILL, color=GREY, align="right", form=form)
    sheet[cell].value = formula


def digest(heading: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the hash by which a reader sees that the index of a form is the one issued."""
    return provenance.sha256_json([FORMAT, heading, [dict(row) for row in rows]])


def _cover(sheet: Worksheet, form: Form) -> None:
    """Write the cover with the fields to fill and the box of the seal."""
    heading = form.heading
    sheet.title = COVER
    for column, width in {"A": 6, "B": 24, "C": 62, "D": 36}.items():
        sheet.column_dimensions[column].width = width
    sheet.merge_cells("B2:D2")
    sheet.merge_cells("B3:D3")
    title = "生态系统生产总值（GEP）核算统计报表"
    put(sheet, "B2", title, bold=True, size=20, align="center", box=False)
    subtitle = f"{LEVEL_ZH[heading.level]}  ·  {heading.name}  ·  {heading.year} 年"
    put(sheet, "B3", subtitle, size=14, align="center", box=False)
    sheet.row_dimensions[2].height = 42
    sheet.row_dimensions[3].height = 28
    locked = [heading.code, heading.name, heading.year, standard_name(heading), heading.status]
    for (field, row), value in zip(COVER_LOCKED.items(), locked, strict=True):
        put(sheet, f"B{row}", field, fill=HEAD_FILL, bold=True, size=11)
        warn = field == "填报状态" and not heading.complete
        put(sheet, f"C{row}", value, color=RED if warn else INK, bold=warn, size=11)
    for field, row in COVER_OPEN.items():
        put(sheet, f"B{row}", field, fill=HEAD_FILL, bold=True, size=11)
        put(sheet, f"C{row}", form.answers.get(field), open_=True, size=11)
    for row in (*COVER_LOCKED.values(), *COVER_OPEN.values()):
        sheet.merge_cells(f"C{row}:D{row}")
        sheet[f"D{row}"].border = BOX
        sheet.row_dimensions[row].height = 24
    lines = -(-display_width(heading.status) // COVER_WIDTH)
    sheet.row_dimensions[COVER_LOCKED["填报状态"]].height = max(24, (LINE_POINTS + 2) * lines)
    day = COVER_OPEN["填表日期"]
    sheet[f"C{day}"].number_format = "yyyy-mm-dd"
    _validate(sheet, [f"C{day}"], DataValidation(type="date", operator="greaterThan",
              formula1="36526", allow_blank=True), "请填日期，如 2024-06-30。")  # fmt: skip
    put(sheet, f"B{SEAL_ROW}", "单位签章", fill=HEAD_FILL, bold=True, size=11)
    put(sheet, f"C{SEAL_ROW}", "（盖章处）", color=GREY, align="center", open_=True, size=11)
    sheet.merge_cells(f"C{SEAL_ROW}:D{SEAL_ROW}")
    sheet[f"D{SEAL_ROW}"].border = BOX
    sheet.row_dimensions[SEAL_ROW].height = 110
    origins = form.figures["origin"]
    shown = int((origins == "illustrative").sum())
    note = (
        f"浅黄色单元格供填写，其余锁定。{int((origins != '').sum())} 项数据中 {shown} 项为示例，"
        f"不代表实际；每项的性质与方法见“{META}”。"
    )
    put(sheet, f"B{SEAL_ROW + 1}", note, color=GREY, box=False)
    sheet.merge_cells(f"B{SEAL_ROW + 1}:D{SEAL_ROW + 1}")
    sheet.row_dimensions[SEAL_ROW + 1].height = 30
    _finish(sheet, heading, "A1")
    sheet.page_setup.fitToHeight = 1


def standard_name(heading: Heading) -> str:
    """Return the full name of a form's standard where its profile is known."""
    known = heading.standard in standards.names()
    return standards.read(heading.standard).name_zh if known else heading.standard


def _figures_sheet(
    sheet: Worksheet,
    form: Form,
    figures: pd.DataFrame,
    rules: FormsParams,
    price_details: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    """Write one sheet of figures and return its rows of the index."""
    name, county = sheet.title, form.heading.level == "county"
    money = name == VALUE
    heads = {
        GROUP: {VALUE: "价格口径", PHYSICAL: "类别"}.get(name, "组别"),
        LABEL: {BASIC: "指标", PRICES: "价格名称"}.get(name, "生态产品"),
        PART: {BASIC: "分项"}.get(name, "核算科目"),
        UNIT: "计量单位",
        FIGURE: "填报值（元）" if money else f"{name}数值（单位见左列）",
        REMARK: "备注" if county else "汇总县数",
    }
    if money:
        heads |= {FORMULA: "公式合计（元）", DIFFERENCE: "差额（元）"}
    extra = price_details if name == PRICES and price_details is not None else pd.DataFrame()
    letters = dict(zip(extra.columns, "KLMNOP", strict=False))
    heads |= {letter: column for column, letter in letters.items()}
    _head(sheet, f"{name}表", form.heading, heads)
    rows, cells = [], {}
    for row, record in enumerate(figures.to_dict("records"), FIRST_ROW):
        key = [str(record[column]) for column in KEY]
        cells[tuple(key)] = f"{FIGURE}{row}"
        for letter, text in zip(KEY_COLUMNS, key, strict=True):
            put(sheet, f"{letter}{row}", text, color=GREY, size=8)
        total = record["account"] in ("services", "gep")
        style: dict[str, Any] = {"fill": SUM_FILL if total else None, "bold": total}
        for letter, column in ((GROUP, "group"), (LABEL, "label"), (PART, "part")):
            put(sheet, f"{letter}{row}", str(record[column]), **style)
        unit = str(record["unit"])
        put(sheet, f"{UNIT}{row}", model.unit_zh(unit), align="center", **style)
        shape = MONEY_FORMAT if unit == "CNY" else _shape(float(record["value"]))
        put(sheet, f"{FIGURE}{row}", float(record["value"]), align="right", form=shape,
            open_=county, **style)  # fmt: skip
        remark = "" if county else f"{record['counties']}/{form.heading.expected}"
        put(sheet, f"{REMARK}{row}", remark, align="left" if county else "center", open_=county)
        for column, letter in letters.items():
            value = extra.loc[str(record["item"]), column]
            number = not isinstance(value, str)
            put(sheet, f"{letter}{row}", float(value) if number else value,
                align="right" if number else "left", form=_shape(value))  # fmt: skip
        rows.append({"sheet": name, "cell": f"{FIGURE}{row}", **_index_row(record)})
    if money:
        _formulas(sheet, cells, rules)
    if county:
        _number_rules(sheet, figures, rules)
    for letter in KEY_COLUMNS:
        sheet.column_dimensions[letter].hidden = True
    for letter, width in WIDTHS.items():
        sheet.column_dimensions[letter].width = width
    for letter in (FORMULA, DIFFERENCE) if money else ():
        sheet.column_dimensions[letter].width = 22
    for letter in letters.values():
        sheet.column_dimensions[letter].width = 16
    _finish(sheet, form.heading, f"{FIGURE}{FIRST_ROW}")
    sheet.print_title_rows = f"1:{FIRST_ROW - 1}"
    return rows


def _shape(value: Any) -> str:
    """Return the number format of a figure: four decimals for small ones."""
    small = isinstance(value, float) and 0 < abs(value) < SMALL
    return SMALL_FORMAT if small else MONEY_FORMAT


def _index_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the index keeps of a figure."""
    kept = {c: record.get(c, "") for c in INDEX_COLUMNS if c not in ("sheet", "cell")}
    year = record["price_year"]
    counted = int(record["counties"]) if "counties" in record else 1
    return {**kept, "price_year": "" if pd.isna(year) else int(year), "counties": counted}


def _formulas(sheet: Worksheet, cells: Mapping[tuple[str, ...], str], rules: FormsParams) -> None:
    """Write beside each subtotal the live sum of its parts and the difference."""
    last = FIRST_ROW
    for subtotal, cell in cells.items():
        row = int(cell.removeprefix(FIGURE))
        last = max(last, row)
        for letter in (FORMULA, DIFFERENCE):
            put(sheet, f"{letter}{row}", None)
        parts = [cells[key] for key in parts_of(subtotal, cells)]
        if parts:
            put_formula(sheet, f"{FORMULA}{row}", f"=SUM({','.join(_ranges(parts))})")
            put_formula(sheet, f"{DIFFERENCE}{row}", f"={cell}-{FORMULA}{row}")
    limit = (
        f"MAX({rules.value_tolerance_cny!r},{rules.relative_tolerance!r}*ABS(${FIGURE}{FIRST_ROW}))"
    )
    sheet.conditional_formatting.add(
        f"{DIFFERENCE}{FIRST_ROW}:{DIFFERENCE}{last}",
        FormulaRule(formula=[f"ABS(${DIFFERENCE}{FIRST_ROW})>{limit}"], fill=RED_FILL),
    )


def parts_of(subtotal: tuple[str, ...], keys: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the keys that a subtotal sums: components, services of a category, categories."""
    account, item, measure, basis = subtotal
    if account == "services":
        return [
            key
            for key in keys
            if key[0] == "components"
            and key[1].partition(".")[0] == item
            and key[2:] == (measure, basis)
        ]
    if account == "gep" and measure == "value":
        wanted = ("gep", tuple(CATEGORY_ZH)) if item not in CATEGORY_ZH else ("services", ())
        return [
            key
            for key in keys
            if key[0] == wanted[0]
            and key[2:] == (measure, basis)
            and (key[1] in wanted[1] or (not wanted[1] and model.category_of(key[1]) == item))
        ]
    return []


def _ranges(cells: Sequence[str]) -> list[str]:
    """Return cells of one column as few ranges; a formula may not have too many terms."""
    rows = sorted(int(cell.removeprefix(FIGURE)) for cell in cells)
    found: list[list[int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return [f"{FIGURE}{a}" if a == b else f"{FIGURE}{a}:{FIGURE}{b}" for a, b in found]


def _number_rules(sheet: Worksheet, figures: pd.DataFrame, rules: FormsParams) -> None:
    """Let the cells to fill take numbers only, and none below zero where there can be none."""
    cells: dict[bool, list[str]] = {True: [], False: []}
    for row, record in enumerate(figures.to_dict("records"), FIRST_ROW):
        free = rules.allows_negative(
            str(record["account"]), str(record["item"]), str(record["measure"])
        )
        cells[free].append(f"{FIGURE}{row}")
    lowest = {True: "-1E+300", False: "0"}
    words = {True: "请填数字。", False: "请填不小于 0 的数字；没有的填 0。"}
    for free, places in cells.items():
        check = DataValidation(type="decimal", operator="greaterThanOrEqual",
                               formula1=lowest[free], allow_blank=False)  # fmt: skip
        _validate(sheet, places, check, words[free])


def _validate(sheet: Worksheet, cells: Sequence[str], check: DataValidation, words: str) -> None:
    """Put a rule of entry on some cells."""
    check.error, check.errorTitle, check.showErrorMessage = words, "填报有误", True
    for cell in cells:
        check.add(cell)
    if cells:
        sheet.add_data_validation(check)


def _head(sheet: Worksheet, title: str, heading: Heading, heads: Mapping[str, str]) -> None:
    """Write the three rows above the figures."""
    first, last = min(heads), max(heads)
    put(sheet, f"{first}1", title, bold=True, size=14, align="center", box=False)
    line = f"{heading.name}（{heading.code}）  {heading.year} 年  {LEVEL_ZH[heading.level]}"
    if not heading.complete:
        line += f"  不完整：缺 {len(heading.missing)} 个县（市、区）"
    put(sheet, f"{first}2", line, color=INK if heading.complete else RED, box=False)
    for row in (1, 2):
        sheet.merge_cells(f"{first}{row}:{last}{row}")
    for letter, text in heads.items():
        put(sheet, f"{letter}3", text, fill=HEAD_FILL, bold=True, align="center")
    sheet.row_dimensions[1].height = 26
    sheet.row_dimensions[3].height = 30


def _regions_sheet(sheet: Worksheet, heading: Heading, regions: pd.DataFrame) -> None:
    """Write the parts of a sum by category, with live totals; parts that are missing stay empty."""
    figures = ["gep", *CATEGORY_ZH]
    names = {"gep": "GEP（元）", **{c: f"{zh}（元）" for c, zh in CATEGORY_ZH.items()}}
    letters = dict(zip(["code", "name", "status", *figures], "ABCDEFG", strict=True))
    heads = {"code": "行政区划代码", "name": "地区", "status": "填报状态", **names}
    _head(sheet, "分地区价值量（当年价）", heading, {letters[k]: text for k, text in heads.items()})
    for row, record in enumerate(regions.to_dict("records"), FIRST_ROW):
        for column in ("code", "name", "status"):
            text = str(record[column])
            alert = column == "status" and text.startswith(("缺", "不完整"))
            put(sheet, f"{letters[column]}{row}", text, color=RED if alert else INK)
        for column in figures:
            value = None if pd.isna(record[column]) else float(record[column])
            put(sheet, f"{letters[column]}{row}", value, align="right", form=MONEY_FORMAT)
    end = FIRST_ROW + len(regions)
    for column, text in (("code", ""), ("name", "公式合计"), ("status", "")):
        put(sheet, f"{letters[column]}{end}", text, fill=SUM_FILL, bold=True)
    for column in figures:
        letter = letters[column]
        put_formula(sheet, f"{letter}{end}", f"=SUM({letter}{FIRST_ROW}:{letter}{end - 1})")
    for letter, width in zip("ABCDEFG", (16, 18, 34, 22, 22, 22, 22), strict=True):
        sheet.column_dimensions[letter].width = width
    _finish(sheet, heading, f"D{FIRST_ROW}")
    sheet.print_title_rows = f"1:{FIRST_ROW - 1}"


def _meta_sheet(sheet: Worksheet, form: Form, notes: Sequence[tuple[str, str, str]]) -> None:
    """Write what each figure rests on: method, origin, confidence, note."""
    heads = {
        "A": "表",
        "B": "组别 / 项目",
        "C": "分项",
        "D": "方法标识",
        "E": "数据性质",
        "F": "参数可信度",
        "G": "说明",
    }
    _head(sheet, "元数据", form.heading, heads)
    lines: list[tuple[str, ...]] = [
        ("报表", "编制", "", f"gepbook {provenance.packages()['gepbook']}", "", "",
         f"发布批次 {form.heading.release}；标准 {form.heading.standard}；{form.heading.status}"),
        *(("说明", subject, item, "", "", "", text) for subject, item, text in notes),
    ]  # fmt: skip
    seen = set()
    for record in form.figures.to_dict("records"):
        name = model.sheet_of(str(record["account"]), str(record["measure"]))
        line: tuple[str, ...] = (
            name,
            f"{record['group']} / {record['label']}" if name == BASIC else str(record["label"]),
            str(record["part"]),
            str(record["method_id"]),
            ORIGIN_ZH.get(str(record["origin"]), ""),
            CONFIDENCE_ZH.get(record["quality"], ""),
            str(record["note"]),
        )
        if line not in seen:
            seen.add(line)
            lines.append(line)
    for row, texts in enumerate(lines, FIRST_ROW):
        for letter, text in zip("ABCDEFG", texts, strict=True):
            put(sheet, f"{letter}{row}", text)
        lines_of = [-(-display_width(t) // w) for t, w in zip(texts, META_WIDTHS, strict=True)]
        sheet.row_dimensions[row].height = LINE_POINTS * max(1, *lines_of)
    for letter, width in zip("ABCDEFG", META_WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width + 2
    _finish(sheet, form.heading, f"A{FIRST_ROW}")
    sheet.print_title_rows = f"1:{FIRST_ROW - 1}"


def display_width(text: str) -> int:
    """Return how many half-width characters a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _index_sheet(sheet: Worksheet, heading: Heading, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the hidden index from which the form is read back."""
    text = json.dumps(heading.model_dump(), ensure_ascii=False, sort_keys=True)
    lines = [dict(zip(INDEX_COLUMNS, _texts(row), strict=True)) for row in rows]
    sheet.append([FORMAT])
    sheet.append([text])
    sheet.append([digest(text, lines)])
    for line in lines:
        sheet.append([model.safe_text(value) for value in line.values()])
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.value is not None:
                cell.data_type = "s"
    sheet.sheet_state = "veryHidden"
    sheet.protection.sheet = True


def _texts(row: Mapping[str, Any]) -> list[str]:
    """Return a row of the index as texts, as a reader gets them."""
    return [model.plain_text(model.safe_text(str(row[column]))) for column in INDEX_COLUMNS]


def _price_details(prices: PriceBook, year: int, comparable: pd.Series) -> pd.DataFrame:
    """Return the further columns of the sheet of prices, indexed by price id."""
    years = {int(y) for y in comparable.dropna()}
    fixed = {y: prices.at(y, year) for y in sorted(years)}
    rows = {}
    for key, p in prices.prices.items():
        rows[key] = {
            "基准年": "核算年" if p.base_year == "accounting" else f"{p.base_year}",
            "基准价": p.value,
            **{f"可比价（{y}）": found[key] for y, found in fixed.items()},
            "指数": p.index,
            "可信度": CONFIDENCE_ZH[p.confidence],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _finish(sheet: Worksheet, heading: Heading, freeze: str) -> None:
    """Protect a sheet without a password and set it up for A4 landscape."""
    if freeze != "A1":
        sheet.freeze_panes = freeze
    sheet.sheet_view.showGridLines = False
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.formatRows = False
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.page_margins.top, sheet.page_margins.bottom = 0.6, 0.8
    sheet.page_margins.footer = 0.4
    name = heading.name.replace("&", "")
    sheet.HeaderFooter.oddFooter = HeaderFooterItem(
        left=_HeaderFooterPart(text=f"{heading.code} {name} {heading.year}"),
        right=_HeaderFooterPart(text="第 &P 页 共 &N 页"),
    )


def region_row(code: str, name: str, status: str, figures: pd.DataFrame | None) -> dict[str, Any]:
    """Return one line of the sheet of regions; without figures its values are missing."""
    row: dict[str, Any] = {"code": code, "name": name, "status": status}
    found: dict[str, float] = {}
    if figures is not None:
        rows = figures[(figures["account"] == "gep") & (figures["price_basis"] == "current")]
        found = dict(zip(rows["item"], rows["value"], strict=True))
    return row | {item: found.get(item, float("nan")) for item in ("gep", *CATEGORY_ZH)}
