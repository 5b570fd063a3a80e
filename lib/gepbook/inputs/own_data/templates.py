"""An empty folder for users' data (模板): a workbook for each table, a declaration, what to do.

Each workbook has its title in row 1, the headers with their units in row 2 and data from row 3; keys that
are known beforehand stand there. A template that nobody filled in is no delivery (`untouched`).
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import unicodedata
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet
from pydantic import ValidationError

from gepbook import counties, paths
from gepbook.errors import PackError, near
from gepbook.inputs import ranges
from gepbook.inputs.manifest import Source
from gepbook.inputs.own_data import conversion, declaration, dictionary
from gepbook.inputs.own_data.declaration import Column, Declaration, FileEntry, GridEntry
from gepbook.inputs.own_data.dictionary import FieldEntry, LayerEntry, TableEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.sheets import UNREADABLE
from gepbook.inputs.pack import Pack

TITLE_ROW, HEADER_ROW, FIRST_ROW = 1, 2, 3
GUIDE, CHOICES, HELPER = "填报说明", "选项", "县(市、区)"
#: What stands in a template for a boolean.
BOOLEANS = {"是": "true", "否": "false"}
PLACE = ("county_code", "year")

LAST_ROW, SHEET_NAME_LENGTH = 1_048_576, 31  # of Excel
A4 = 9
MIN_WIDTH, MAX_WIDTH = 12, 60
TEXT_FORMAT, DATE_FORMAT = "@", "yyyy-mm-dd"
GREY = "FF6B7280"
HEAD_FILL = PatternFill("solid", start_color="FFE3EFE6")
KEY_FILL = PatternFill("solid", start_color="FFF2F4F5")
LINE = Side(style="thin", color="FFB8C0C8")
BOX = Border(left=LINE, right=LINE, top=LINE, bottom=LINE)
GUIDE_COLUMNS = ("名称", "含义/备注", "单位", "是否必填", "可选值")
TYPE_ZH = {
    "string": "文本",
    "integer": "整数",
    "number": "数值",
    "boolean": "是/否",
    "date": "日期",
}

YAML_HEAD = """\
# 数据包声明: 说明本文件夹中每个文件怎样读取。检查: run_all.py check-pack 文件夹
# 未填写的模板视为未提交, 不报错。改动表头、单位或文件名时, 在此处一并改动。
# accept 列出允许的修正, 例如 [full_width, spaces, text_numbers]; 未列出的一律按错误报出。
# 每个文件的 source 写资料来源, 如 {title: 某县统计年鉴 2023, path: 网址, version: 版次}。
"""
VECTOR_HEAD = "## 矢量图层示例: 去掉行首的 # 和一个空格, 写上自己的文件名与字段名"
RASTER_HEAD = "## 栅格图层示例: 同上; 按年的图层每年一条"
CRS_ADVICE = """\
坐标系: 写在文件内 (.prj 或 GeoTIFF 标签); 建议 CGCS2000:
  EPSG:4490 经纬度; EPSG:4548、EPSG:4549、EPSG:4550 三度带, 中央经线 117°、120°、123°, 无带号;
  EPSG:4528 第 40 带, 中央经线 120°, 有带号。
"""


def write_templates(
    folder: Path, years: Sequence[int], county_codes: Sequence[str], name: str, cell_m: float
) -> list[Path]:
    """Write an empty pack folder and return its files.

    Parameters
    ----------
    folder : Path
        It must not exist or be empty.
    years : sequence of int
        核算年份 whose rows stand in the templates.
    county_codes : sequence of str
        Counties whose rows stand there.
    name : str
        Name of the pack: small letters, digits, `_`, `-`.
    cell_m : float
        Cell of the pack's grid, m; > 0.

    Raises
    ------
    PackError
        When the folder holds something, or a name, year or cell cannot be.
    CodeError
        For an unknown county.
    """
    codes = [counties.find(code) for code in county_codes]
    made = _declared(sorted(set(years)), codes, name, cell_m)
    refuse_unless_empty(folder)
    for part in ("tables", "vectors", "rasters"):
        (folder / part).mkdir(parents=True)
    written = []
    for table_id in table_ids(codes):
        path = folder / template_path(table_id)
        _workbook(table_id, made.years, codes).save(path)
        written.append(path)
    texts = {
        "vectors/README.txt": _vectors_wanted(codes),
        "rasters/README.txt": _rasters_wanted(),
        declaration.FILE_NAME: _declaration_text(made),
        "README.md": _readme(made),
    }
    for place, text in texts.items():
        path = folder / place
        path.write_text(text, encoding="utf-8-sig" if path.suffix == ".txt" else "utf-8")
        written.append(path)
    return written


def refuse_unless_empty(folder: Path) -> None:
    """Refuse a folder that holds something already; nothing is ever written over.

    Raises
    ------
    PackError
        Naming what stands there.
    """
    if folder.exists() and not folder.is_dir():
        raise PackError(f"{folder}: is a file. Name a new folder.")
    found = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    if found:
        raise PackError(
            f"{folder}: must be empty, but holds {', '.join(found)}. Name a new folder; nothing is "
            "written over."
        )


def table_ids(codes: Collection[str] = ()) -> list[str]:
    """Return the tables that have a template: those without geometry.

    Some counties alone are not asked for provincial registers; without codes all tables count.
    """
    return [name for name, entry in wanted(codes).items() if not entry.geometry]


def wanted(codes: Collection[str] = ()) -> dict[str, TableEntry]:
    """Return the tables and vector layers that some counties deliver; all for the whole province."""
    part = len(codes) > 0 and set(codes) != set(counties.read().index)
    return {n: e for n, e in dictionary.tables().items() if not (part and e.provincial)}


def template_path(table_id: str) -> str:
    """Return where a table's template stands in the folder."""
    return f"tables/{table_id}.xlsx"


def header(field: FieldEntry) -> str:
    """Return a field's header in the template: `地区生产总值 (亿元)`."""
    return f"{field.title} ({field.template_unit})" if field.template_unit else field.title


def labels(field: FieldEntry) -> dict[str, str]:
    """Return what may stand in a field's cells, and the word of the pack for each; {} for anything."""
    if field.type == "boolean":
        return BOOLEANS
    return {label: value for value, label in field.allowed.items()}


def file_entry(table_id: str) -> FileEntry:
    """Return how a table's template is declared."""
    entry = dictionary.tables()[table_id]
    return FileEntry(
        path=template_path(table_id),
        table=table_id,
        sheet=_sheet_name(entry),
        header_rows=[HEADER_ROW],
        columns={name: _column(field) for name, field in entry.fields.items()},
        source=Source(title=""),
    )


def _column(field: FieldEntry) -> Column:
    """Declare a template's column; words that are the pack's own need no mapping."""
    words = {label: word for label, word in labels(field).items() if label != word}
    return Column(header=header(field), unit=field.template_unit, values=words)


def _sheet_name(entry: TableEntry) -> str:
    return entry.title[:SHEET_NAME_LENGTH]


def _declared(years: list[int], codes: list[str], name: str, cell_m: float) -> Declaration:
    """Return the declaration of all templates."""
    try:
        return Declaration(
            name=name,
            title=f"自有数据 {name}",
            years=years,
            grid=GridEntry(cell_m=cell_m),
            counties=codes,
            files=[file_entry(table_id) for table_id in table_ids(codes)],
        )
    except ValidationError as error:
        raise PackError(
            [
                f"init-pack: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}. "
                "Correct the argument."
                for e in error.errors()
            ]
        ) from error


# ------------------------------------------------------------------ workbooks


def known_rows(
    table_id: str, years: Sequence[int], codes: Sequence[str]
) -> list[dict[str, str | int]]:
    """Return the keys that are known beforehand: counties × years × the words of an enumeration."""
    entry = dictionary.tables()[table_id]
    if not has_known_rows(entry):
        return []
    others = [name for name in entry.key if name not in PLACE]
    rows: list[dict[str, str | int]] = []
    for year, code in itertools.product(years, codes):
        if entry.group and code not in counties.group(entry.group, year):
            continue
        for words in itertools.product(*(labels(entry.fields[name]) for name in others)):
            rows.append(
                {"county_code": code, "year": year, **dict(zip(others, words, strict=True))}
            )
    return rows


def has_known_rows(entry: TableEntry) -> bool:
    """Tell whether counties, years and enumerations are all that a table's key consists of."""
    others = set(entry.key) - set(PLACE)
    return set(PLACE) <= set(entry.key) and all(labels(entry.fields[name]) for name in others)


def _layout(entry: TableEntry) -> list[str]:
    """Return a template's columns: fields, and the county's name beside its code."""
    names = list(entry.fields)
    if has_known_rows(entry):
        names.insert(names.index("county_code") + 1, HELPER)
    return names


def _workbook(table_id: str, years: Sequence[int], codes: Sequence[str]) -> Workbook:
    """Return a table's template."""
    entry = dictionary.tables()[table_id]
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = _sheet_name(entry)
    _write_guide(book.create_sheet(GUIDE), entry)
    choices = _write_choices(book, entry)
    sheet.cell(TITLE_ROW, 1, entry.title).font = Font(bold=True, size=14)
    for number, name in enumerate(_layout(entry), start=1):
        _write_header(sheet, number, name, entry)
        if name != HELPER and (rule := _validation(name, entry.fields[name], years, choices)):
            letter = get_column_letter(number)
            rule.add(f"{letter}{FIRST_ROW}:{letter}{LAST_ROW}")
            sheet.add_data_validation(rule)
    _write_rows(sheet, entry, known_rows(table_id, years, codes))
    first = get_column_letter(len(PLACE) + 2 if has_known_rows(entry) else 1)
    sheet.freeze_panes = f"{first}{FIRST_ROW}"
    _page(sheet)
    return book


def _write_header(sheet: Worksheet, number: int, name: str, entry: TableEntry) -> None:
    """Write a column's header, note, width and number format."""
    field = None if name == HELPER else entry.fields[name]
    text = header(field) if field else HELPER
    cell = sheet.cell(HEADER_ROW, number, text)
    cell.font = Font(bold=True)
    cell.fill = HEAD_FILL
    cell.border = BOX
    cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    note = field.note if field else "仅供核对, 不读取"
    if note:
        cell.comment = Comment(note, "gepbook")
    column = sheet.column_dimensions[get_column_letter(number)]
    column.width = min(max(width(text) + 2, MIN_WIDTH), MAX_WIDTH)
    if field and (wanted := _number_format(field)):
        column.number_format = wanted


def _number_format(field: FieldEntry) -> str:
    """Return the number format of a field's cells; codes stay text."""
    return {"string": TEXT_FORMAT, "date": DATE_FORMAT}.get(field.type, "")


def width(text: str) -> int:
    """Return how many half-width characters a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _write_rows(sheet: Worksheet, entry: TableEntry, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of cells as they stand in a template, with the counties' names beside their codes."""
    for number, row in enumerate(rows, start=FIRST_ROW):
        for column, name in enumerate(_layout(entry), start=1):
            cell = sheet.cell(number, column)
            assert isinstance(cell, Cell)
            if name == HELPER:
                code = str(row.get("county_code", ""))
                cell.value = counties.name_zh(code) if code in counties.read().index else None
                cell.font = Font(color=GREY)
                cell.fill = KEY_FILL
                continue
            _put(cell, row.get(name), entry.fields[name])
            if name in entry.key:
                cell.fill = KEY_FILL


def _put(cell: Cell, value: Any, field: FieldEntry) -> None:
    """Write a value; texts stay texts, whatever they begin with."""
    cell.value = value
    cell.border = BOX
    if isinstance(value, str):
        cell.data_type = "s"
    if wanted := _number_format(field):
        cell.number_format = wanted


def _write_choices(book: Workbook, entry: TableEntry) -> dict[str, str]:
    """Write the words allowed on a sheet of their own; return the range of each field."""
    listed = {name: list(labels(field)) for name, field in entry.fields.items() if labels(field)}
    if not listed:
        return {}
    sheet = book.create_sheet(CHOICES)
    places = {}
    for number, (name, words) in enumerate(listed.items(), start=1):
        letter = get_column_letter(number)
        sheet.cell(1, number, entry.fields[name].title).font = Font(bold=True)
        for row, word in enumerate(words, start=2):
            sheet.cell(row, number, word)
        sheet.column_dimensions[letter].width = max(map(width, [*words, "x" * MIN_WIDTH])) + 2
        places[name] = f"'{CHOICES}'!${letter}$2:${letter}${len(words) + 1}"
    return places


def _validation(
    name: str, field: FieldEntry, years: Sequence[int], choices: Mapping[str, str]
) -> DataValidation | None:
    """Return what a column's cells may hold, or None for anything."""
    kind: dict[str, Any]
    if name in choices:
        kind = {"type": "list", "formula1": choices[name]}
        text = "请从下拉列表中选择"
    elif name == "county_code":
        kind = {"type": "textLength", "operator": "equal", "formula1": "6"}
        text = "请填写六位行政区划代码, 如 330102"
    elif name == "year":
        kind = {"type": "whole", "formula1": str(min(years)), "formula2": str(max(years))}
        text = f"请填写 {min(years)} 至 {max(years)} 的年份"
    elif field.type == "date":
        kind = {"type": "date", "operator": "greaterThanOrEqual", "formula1": "DATE(1900,1,1)"}
        text = "请填写日期, 如 2023-06-30"
    elif field.type == "string" or ranges.SIGNED.search(name):
        return None
    else:
        limit = {"operator": "greaterThanOrEqual", "formula1": "0"}
        if field.unit == "percent":
            limit = {"operator": "between", "formula1": "0", "formula2": "100"}
        kind = {"type": "whole" if field.type == "integer" else "decimal", **limit}
        text = "请填写 0 至 100 的数值" if field.unit == "percent" else "请填写不小于 0 的数值"
    return DataValidation(
        **kind, allow_blank=True, showErrorMessage=True, errorTitle=field.title, error=text
    )


def _write_guide(sheet: Worksheet, entry: TableEntry) -> None:
    """Write what each column means."""
    sheet.append([f"{entry.title}: {entry.note}" if entry.note else entry.title])
    sheet.append(list(GUIDE_COLUMNS))
    for name, field in entry.fields.items():
        need = "选填" if field.optional else "必填"
        sheet.append(
            [
                field.title,
                field.note or TYPE_ZH[field.type],
                field.template_unit,
                f"{need}, 关键列, 不得重复" if name in entry.key else need,
                "、".join(labels(field)),
            ]
        )
    sheet.append([])
    sheet.append(
        [f"数据自第 {FIRST_ROW} 行起填写; 不要增删表头, 不要合并单元格; 无数据的单元格留空。"]
    )
    sheet.cell(TITLE_ROW, 1).font = Font(bold=True, size=14)
    for head in sheet[HEADER_ROW]:
        head.font, head.fill = Font(bold=True), HEAD_FILL
    for number in range(1, len(GUIDE_COLUMNS) + 1):
        letter = get_column_letter(number)
        cells = sheet[letter][HEADER_ROW - 1 : -1]
        widest = max(width(str(cell.value or "")) for cell in cells)
        sheet.column_dimensions[letter].width = min(widest + 2, MAX_WIDTH)
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = f"A{FIRST_ROW}"
    _page(sheet)


def _page(sheet: Worksheet) -> None:
    """Set a sheet to print on A4 landscape, its headers on each page."""
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = f"{TITLE_ROW}:{HEADER_ROW}"


# ------------------------------------------------------- filling and reading


def fill(folder: Path, table_id: str, frame: pd.DataFrame) -> None:
    """Write figures of a pack into a table's template, in place of the rows that stand there.

    Parameters
    ----------
    folder : Path
        What `write_templates` wrote.
    table_id : str
    frame : DataFrame
        Columns are fields of the dictionary, in units of the pack; missing ones stay empty. Figures keep
        all their digits.

    Raises
    ------
    PackError
        For an unknown table, column or word, or a workbook that is no template.
    """
    if table_id not in table_ids():
        raise PackError(f"table {table_id!r} has no template.{near(table_id, table_ids())}")
    entry = dictionary.tables()[table_id]
    if unknown := [name for name in frame.columns if name not in entry.fields]:
        raise PackError(
            f"table {table_id}: has no field {', '.join(unknown)}.{near(unknown[0], entry.fields)}"
        )
    path = folder / template_path(table_id)
    try:
        book = load_workbook(path)
        sheet = book[_sheet_name(entry)]
    except UNREADABLE as error:
        raise PackError(f"{path}: is no template ({error}). Make one with init-pack.") from error
    texts = [HELPER if name == HELPER else header(entry.fields[name]) for name in _layout(entry)]
    if [cell.value for cell in sheet[HEADER_ROW]] != texts:
        raise PackError(f"{path}, row {HEADER_ROW}: is not the header of {table_id}. Restore it.")
    columns = {name: _shown(table_id, name, frame[name]) for name in frame.columns}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    sheet.delete_rows(FIRST_ROW, sheet.max_row)
    _write_rows(sheet, entry, rows)
    book.save(path)


def _shown(table_id: str, name: str, values: pd.Series) -> list[Any]:
    """Return a column as it stands in the template: its unit, labels and dates; None for missing."""
    field = dictionary.tables()[table_id].fields[name]
    words = {word: label for label, word in labels(field).items()}
    scale, offset = conversion.factor(field.template_unit, field.unit)

    def one(value: Any) -> Any:
        if pd.isna(value):
            return None
        if field.type == "date":
            return datetime.date.fromisoformat(str(value))
        if words:
            return words[str(value).lower() if field.type == "boolean" else str(value)]
        if field.type == "string":
            return str(value)
        figure = (float(value) - offset) / scale
        return round(figure) if field.type == "integer" else figure

    try:
        return [one(value) for value in values]
    except (KeyError, ValueError) as error:
        raise PackError(
            f"table {table_id}, {name}: {error} cannot be written as {TYPE_ZH[field.type]}; "
            f"allowed: {', '.join(words) or field.type}. Correct the figures."
        ) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Workbook]:
    """Open a workbook to read values only; macros are never loaded, huge ones never unpacked.

    Raises
    ------
    PackError
        When it is damaged, no workbook, or unpacks to more than the limit.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size_mb = sum(member.file_size for member in archive.infolist()) / 1e6
        if size_mb > limits().workbook_size_mb:
            raise PackError(
                f"{path}: unpacks to {size_mb:.0f} MB, more than {limits().workbook_size_mb:g} MB. "
                "Take the superfluous sheets and pictures out."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that are not read
            book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except PackError:
        raise
    except UNREADABLE as error:
        raise PackError(f"{path}: cannot be opened ({error}). Save it anew as .xlsx.") from error
    with contextlib.closing(book):
        yield book


def untouched(folder: Path, file: FileEntry) -> bool:
    """Tell whether a file is a template that nobody filled in, which is no delivery (未填写).

    So it is when all cells but the keys that stood there beforehand are empty. What is no template, lost
    its header or cannot be read is not untouched.
    """
    if not file.table or file.path != template_path(file.table):
        return False
    entry = file.entry
    known = entry.key if has_known_rows(entry) else []
    watched = {column.header for name, column in file.columns.items() if name not in known}
    try:
        with opened(folder / file.path) as book:
            rows = book[file.sheet].iter_rows(min_row=max(file.header_rows), values_only=True)
            heads = next(rows, ())
            if not watched <= set(heads):
                return False
            places = [i for i, text in enumerate(heads) if text in watched]
            return all(row[i] in (None, "") for row in rows for i in places if i < len(row))
    except (PackError, *UNREADABLE):
        return False


# ------------------------------------------------------------------- texts


def rendered(entry: FileEntry, *remarks: str) -> str:
    """Return a file's entry in a declaration as YAML, under remarks as comments."""
    content = entry.model_dump(exclude_defaults=True)
    content.setdefault("source", {"title": entry.source.title})
    text: str = yaml.safe_dump(
        [content], allow_unicode=True, sort_keys=False, default_flow_style=None, width=LAST_ROW
    )
    lines = [f"# {one_line(remark)}" for remark in remarks] + text.splitlines()
    return "".join(f"  {line}\n" for line in lines)


def one_line(text: str) -> str:
    """Return a text that cannot leave its comment."""
    return "".join(c if c.isprintable() else " " for c in text)


def value(content: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(content, allow_unicode=True, default_flow_style=True, width=LAST_ROW)
    return text.removesuffix("...\n").strip()


def _declaration_text(made: Declaration) -> str:
    """Return the declaration with comments and examples."""
    crs = Pack.open(paths.OPEN_PACK).grid.crs.name
    head = (
        f"{YAML_HEAD}name: {value(made.name)}\ntitle: {value(made.title)}\n"
        f"version: {value(made.version)}\nyears: {value(made.years)}\n"
        f"counties: {value(made.counties)}  # 空 [] 为全省\n"
        f"licenses: [{{name: unspecified}}]  # 使用许可\n"
        f"grid:\n  crs: ''  # 空为开放数据包的坐标系 ({crs}); 也可写另一等积坐标系, 如 EPSG:…\n"
        f"  cell_m: {made.grid.cell_m}  # 像元边长, 米\nfiles:\n"
    )
    files = "".join(rendered(file, file.entry.title) for file in made.files)
    return head + files + "".join(_examples(max(made.years), made.counties))


def _examples(year: int, codes: Collection[str]) -> Iterator[str]:
    """Yield the examples of vectors and rasters, commented out."""
    yield f"  {VECTOR_HEAD}\n"
    for name, table in wanted(codes).items():
        if table.geometry:
            columns = {
                field_name: _column(field).model_copy(update={"header": field.title})
                for field_name, field in table.fields.items()
            }
            file = FileEntry(
                path=f"vectors/{name}.shp", table=name, encoding="gb18030", columns=columns
            )
            yield _commented(file, table.title)
    yield f"  {RASTER_HEAD}\n"
    for name, layer in dictionary.layers().items():
        file = FileEntry(
            path=f"rasters/{name}{f'_{year}' if layer.by_year else ''}.tif",
            layer=name,
            year=year if layer.by_year else None,
            unit=layer.unit,
            classes=next(iter(dictionary.crosswalks()), "") if layer.kind == "classes" else "",
        )
        yield _commented(file, layer.title)


def _commented(file: FileEntry, title: str) -> str:
    """Return an entry with each of its lines behind `# `."""
    lines = rendered(file).splitlines()
    return f"  ## {title}\n" + "".join(f"  # {line[2:]}\n" for line in lines)


def _vectors_wanted(codes: Collection[str]) -> str:
    """Return which vector layers are wanted."""
    parts = []
    for name, table in wanted(codes).items():
        if not table.geometry:
            continue
        fields = "\n".join(
            f"    {field.title}{f' ({field.template_unit})' if field.template_unit else ''}"
            f"{'  选填' if field.optional else ''}"
            f"{'  可选值: ' + '、'.join(labels(field)) if labels(field) else ''}"
            for field in table.fields.values()
        )
        rule = "  面与面之间不重叠、无缝隙\n" if table.coverage else ""
        parts.append(f"{table.title} ({name}), 面图层\n{rule}  字段:\n{fields}\n")
    return (
        "把矢量数据放在本文件夹, 并在 declaration.yaml 中各写一条 (文件中有示例)。\n"
        "格式: Shapefile (.shp 连同 .shx .dbf .prj .cpg)、GeoPackage (.gpkg)、文件地理数据库 (.gdb)、"
        "GeoJSON; 可放在 .zip 内。\n"
        "编码: GBK 的属性表在声明中写 encoding: gb18030。\n"
        "字段名: Shapefile 限 10 个字节, 被截断的字段名在声明中按文件中的样子写。\n"
        f"{CRS_ADVICE}\n" + "\n".join(parts)
    )


def _rasters_wanted() -> str:
    """Return which rasters are wanted."""
    parts = "".join(_layer_wanted(name, layer) for name, layer in dictionary.layers().items())
    systems = "".join(f"  {name}: {len(t)} 类\n" for name, t in dictionary.crosswalks().items())
    return (
        "把栅格数据放在本文件夹, 并在 declaration.yaml 中各写一条 (文件中有示例)。\n"
        "格式: GeoTIFF (.tif), 无效值写在文件内或声明的 nodata 中; 可放在 .zip 内。\n"
        f"{CRS_ADVICE}\n{parts}\n"
        f"已有对照表的土地覆被分类 (在声明的 classes 中写其名):\n{systems}"
        "其他分类: 在 params/crosswalks/ 中增加对照表。\n"
    )


def _layer_wanted(name: str, layer: LayerEntry) -> str:
    """Return the line of one raster."""
    bands = "十二个波段 (1–12 月)" if layer.bands == "months" else "单波段"
    years = "每年一个文件" if layer.by_year else "不分年"
    unit = "类别代码" if layer.kind == "classes" else f"单位 {layer.unit} (其他单位在声明中写明)"
    need = ", 必需" if layer.required else ""
    return f"{layer.title} ({name}): {bands}, {years}, {unit}{need}{'; ' if layer.note else ''}" + (
        f"{layer.note}\n"
    )


def _readme(made: Declaration) -> str:
    """Return what to do with the folder."""
    listed = "".join(
        f"| `{template_path(name)}` | {dictionary.tables()[name].title} "
        f"| {dictionary.tables()[name].note} |\n"
        for name in table_ids(made.counties)
    )
    names = "、".join(counties.name_zh(code) for code in made.counties)
    return f"""\
# {made.title}

核算年份: {", ".join(map(str, made.years))}。县(市、区): {names or "全省"}。像元: {made.grid.cell_m:g} m。

## 怎样填报

1. 在 `tables/` 的工作簿中填写数据, 自第 {FIRST_ROW} 行起。表头括号内是单位, 请按该单位填写;
   若用其他单位, 把 `declaration.yaml` 中该列的 `unit` 与 `header` 一并改掉。没有的数据留空, 不要写 0。
2. 整张表都没有数据时, 原样留着即可: 未填写的模板视为未提交。
3. 行政区划代码为六位文本, 年份为四位整数; 二者已填好的不要改动。有下拉列表的单元格只能选列表中的词,
   含义见各工作簿的“{GUIDE}”表。
4. 把矢量放入 `vectors/`, 栅格放入 `rasters/` (要求见其中的 README.txt),
   并在 `declaration.yaml` 中各写一条。
   自己的年鉴表格不必抄进模板: 在声明中写明工作表、表头行、列名和单位即可; 也可用
   `python run_all.py init-pack 新文件夹 --from 已有文件夹` 得到一份初稿。

## 检查与转换

```
python run_all.py check-pack 本文件夹          # 一次列出所有文件的所有问题; --xlsx 另存为工作簿
python run_all.py build-pack 本文件夹          # 转换为数据包 本文件夹/pack, 原始文件不改动
python run_all.py --pack 本文件夹/pack         # 用该数据包核算
```

## 表格

| 文件 | 内容 | 说明 |
|---|---|---|
{listed}"""
