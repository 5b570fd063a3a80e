"""Reading users' tables: each defect is named with its cell, mended only where that is accepted."""

import datetime as dt
import io
import zipfile

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import MAC_EPOCH
from openpyxl.workbook.protection import WorkbookProtection

from gepbook.inputs.own_data import sheets
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.tables import read_table

HEAD = ["代码", "年份", "农业(亿元)", "产业"]
COLUMNS = {
    "county_code": {"header": "代码"},
    "year": {"header": "年份"},
    "output_value_cny": {"header": "农业(亿元)", "unit": "亿元"},
    "product": {"header": "产业"},
}
GOOD = ["330102", 2020, 1.5, "农业"]
TEXT = "代码,年份,农业(亿元),产业\n330102,2020,1.5,农业\n"


def entry(path="表.xlsx", table="material_products", columns=COLUMNS, **more):
    return FileEntry(path=path, table=table, columns=columns, **more)


def write(folder, rows, edit=lambda book: None, name="表.xlsx"):
    book = openpyxl.Workbook()
    book.active.title = "数据"
    for row in rows:
        book.active.append(row)
    edit(book)
    book.save(folder / name)


def read(folder, rows, edit=lambda book: None, **more):
    write(folder, rows, edit)
    return read_table(folder, entry(**more))


def read_text(folder, text, saved="utf-8", **more):
    (folder / "表.csv").write_bytes(text.encode(saved))
    return read_table(folder, entry("表.csv", **more))


def wide(text):
    """A text in full-width characters."""
    return "".join(chr(ord(c) + 0xFEE0) for c in text)


def day(text):
    return dt.datetime.fromisoformat(text)


def bad(result):
    """Rule, place of each error and warning."""
    return [(p.rule, p.place) for p in result.problems if p.severity != "note"]


def notes(result):
    return {p.rule: p.message for p in result.problems if p.severity == "note"}


def test_a_plain_table_is_read_in_the_pack_s_units_and_types(tmp_path):
    result = read(tmp_path, [HEAD, GOOD, [330105.0, 2021.0, 2, "forestry"]])
    assert result.problems == []
    frame = result.frame
    assert list(frame) == ["county_code", "year", "product", "output_value_cny"]
    assert frame.dtypes.astype(str).tolist() == ["str", "int64", "str", "float64"]
    assert frame["county_code"].tolist() == ["330102", "330105"]
    assert frame["product"].tolist() == ["agriculture", "forestry"]
    # 亿元 = 1e8 CNY
    assert frame["output_value_cny"].tolist() == pytest.approx([1.5e8, 2e8])
    assert result.rows.tolist() == ["数据!2", "数据!3"]


def test_the_year_of_the_file_stands_in_for_a_column(tmp_path):
    columns = {k: v for k, v in COLUMNS.items() if k != "year"}
    result = read(tmp_path, [HEAD, GOOD], columns=columns, year=2019)
    assert result.frame["year"].tolist() == [2019]
    assert bad(read(tmp_path, [HEAD, GOOD], columns=columns)) == [("column_not_declared", "")]


# Files --------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_the_nearest(tmp_path):
    write(tmp_path, [HEAD, GOOD], name="表2020.xlsx")
    result = read_table(tmp_path, entry("表2021.xlsx"))
    assert result.frame is None
    (problem,) = result.problems
    assert problem.rule == "missing_file"
    assert "'表2020.xlsx'" in problem.message


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.xls", b"", "old_format"),
        ("a.et", b"", "old_format"),
        ("a.pdf", b"", "unknown_format"),
        ("a.xlsx", sheets.OLE_START + b"\0" * 99, "old_format"),
        ("a.xlsx", sheets.OLE_START + sheets.ENCRYPTED, "password_protected"),
        ("a.xlsx", b"county_code,year", "broken_workbook"),
        ("a.xlsx", b"", "broken_workbook"),
        ("a.csv", b"PK\3\4", "wrong_format"),
        ("a.csv", b"", "header_not_found"),
        ("a.csv", b'a,"b\n1,2\n', "broken_text_file"),
    ],
)
def test_files_that_are_not_what_they_seem_are_named(tmp_path, name, content, rule):
    (tmp_path / name).write_bytes(content)
    result = read_table(tmp_path, entry(name))
    assert [p.rule for p in result.problems if p.severity == "error"] == [rule]
    assert result.frame is None


def test_a_table_in_an_archive_is_read(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(tmp_path / "表.xlsx", "年鉴/表.xlsx")
        archive.writestr("表.csv", TEXT)
    for path, place in (("a.zip/年鉴/表.xlsx", "数据!2"), ("a.zip/表.csv", "line 2")):
        found = read_table(folder, entry(path))
        assert (bad(found), found.rows.tolist()) == ([], [place])
        assert found.frame["output_value_cny"].tolist() == [1.5e8]
    assert [p.name for p in folder.iterdir()] == ["a.zip"]


def test_what_is_wrong_with_an_archive_is_said_by_its_table(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "表.xlsx", "../表.xlsx")
        archive.writestr("年鉴/readme.txt", "")
    (problem,) = read_table(tmp_path, entry("a.zip/表.xlsx")).problems
    assert (problem.file, problem.rule) == ("a.zip", "path_escape")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("年鉴/readme.txt", "")
    for path in ("b.zip/表.xlsx", "b.zip", "none.zip/表.xlsx"):
        assert bad(read_table(tmp_path, entry(path))) == [("missing_file", "")]
    assert bad(read_table(tmp_path, entry("b.zip/年鉴"))) == [("unknown_format", "")]
    (tmp_path / "c.rar").write_bytes(b"Rar!")
    assert bad(read_table(tmp_path, entry("c.rar/表.xlsx"))) == [("archive_kind", "")]


@pytest.mark.parametrize("name", ["表.xlsx", "a.zip"])
def test_links_out_of_the_folder_are_refused(tmp_path, name):
    folder = tmp_path / "in"
    folder.mkdir()
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "表.xlsx", "表.xlsx")
    (folder / name).symlink_to(tmp_path / name)
    path = f"{name}/表.xlsx" if name == "a.zip" else name
    assert bad(read_table(folder, entry(path))) == [("outside_folder", "")]


def test_every_cut_of_a_workbook_is_named(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    whole = (tmp_path / "表.xlsx").read_bytes()
    for length in range(4, len(whole) - 1, len(whole) // 40):
        (tmp_path / "表.xlsx").write_bytes(whole[:length])
        assert bad(read_table(tmp_path, entry())) == [("broken_workbook", "")]


def test_a_damaged_part_of_a_workbook_is_named(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"):
        with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, content[:-20] if part == name else content)
        assert bad(read_table(tmp_path, entry("b.xlsx"))) == [("broken_workbook", "")]


def test_entities_in_a_workbook_are_not_expanded(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = b'<!DOCTYPE w [<!ENTITY a "aa">]>' + sheet
    with zipfile.ZipFile(tmp_path / "表.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    (problem,) = read_table(tmp_path, entry()).problems
    assert (problem.rule, "EntitiesForbidden" in problem.message) == ("broken_workbook", True)


def test_a_zip_bomb_is_seen_in_the_directory(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/a.bin", bytes(30_000_000))  # deflates to about 1 : 1000
    assert bad(read_table(tmp_path, entry())) == [("zip_bomb", "")]


def test_macros_are_refused_unless_accepted(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx", "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    refused = read_table(tmp_path, entry())
    assert refused.frame is None
    assert bad(refused) == [("macros", "")]
    accepted = read_table(tmp_path, entry(accept=["macros"]))
    assert len(accepted.frame) == 1
    assert "not run" in notes(accepted)["macros"]
    (tmp_path / "表.xlsx").rename(tmp_path / "表.xlsm")
    assert bad(read_table(tmp_path, entry("表.xlsm"))) == [("macros", "")]


def test_external_links_are_named(tmp_path):
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx", "a") as archive:
        archive.writestr("xl/externalLinks/externalLink1.xml", b"<externalLink/>")
    assert bad(read_table(tmp_path, entry())) == [("external_links", "")]
    assert bad(read_table(tmp_path, entry(accept=["formulas"]))) == []


def test_protection_against_changes_is_no_encryption(tmp_path):
    def protect(book):
        book.security = WorkbookProtection(workbookPassword="abcd", lockStructure=True)
        book.active.protection.set_password("abcd")

    assert bad(read(tmp_path, [HEAD, GOOD], protect)) == []


# Text files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("saved", "declared", "said"),
    [
        ("utf-8", "", "utf-8"),
        ("utf-8-sig", "", "utf-8"),
        ("gb18030", "", "gb18030"),
        ("gbk", "gbk", None),
        ("utf-16", "utf-16", None),
        ("utf-8-sig", "utf-8", None),
    ],
)
def test_encodings_declared_or_tried_in_turn(tmp_path, saved, declared, said):
    result = read_text(tmp_path, TEXT, saved, encoding=declared)
    assert bad(result) == []
    assert result.frame["output_value_cny"].tolist() == [1.5e8]
    assert result.rows.tolist() == ["line 2"]
    assert notes(result).get("encoding") == (said and f"was read as {said}")


@pytest.mark.parametrize(
    ("saved", "declared"),
    [("gb18030", "utf-8"), ("utf-16", ""), ("utf-16-le", ""), ("utf-8", "hex"), ("utf-8", "?\0")],
)
def test_wrong_encodings_are_named(tmp_path, saved, declared):
    result = read_text(tmp_path, TEXT, saved, encoding=declared)
    assert result.frame is None
    assert bad(result) == [("wrong_encoding", "")]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    text = '代码,年份,"农业\n(亿元)",产业\n\n330102,2020,x,农业\n'
    # the header takes lines 1 and 2, line 3 is blank
    assert bad(read_text(tmp_path, text)) == [("not_a_number", "line 4, column 3")]


def test_lines_of_another_width_are_named(tmp_path):
    text = TEXT + "330105,2020,1,234,农业\n330106,2020,1.5\n"
    ragged = [p for p in bad(read_text(tmp_path, text)) if p[0] == "ragged_row"]
    assert ragged == [("ragged_row", "line 3"), ("ragged_row", "line 4")]


def test_numbers_of_a_text_file_are_plain(tmp_path):
    assert bad(read_text(tmp_path, TEXT.replace("1.5", "1.5e0"))) == []
    quoted = TEXT.replace("1.5", '"1,234.5"')
    assert bad(read_text(tmp_path, quoted)) == [("text_number", "line 2, column 3")]
    mended = read_text(tmp_path, quoted, accept=["text_numbers"])
    assert mended.frame["output_value_cny"].tolist() == pytest.approx([1234.5e8])
    assert bad(read_text(tmp_path, TEXT.replace("1.5", '"1,23"'))) == [
        ("not_a_number", "line 2, column 3")
    ]


# Sheets and headers -------------------------------------------------------------------------------


def test_sheets_are_chosen_by_name_or_because_there_is_one(tmp_path):
    def second(book):
        book.create_sheet("说明")

    assert bad(read(tmp_path, [HEAD, GOOD], second)) == [("sheet_not_declared", "")]
    assert bad(read(tmp_path, [HEAD, GOOD], second, sheet="数据")) == []
    (problem,) = read(tmp_path, [HEAD, GOOD], second, sheet="数据1").problems
    assert problem.rule == "sheet_missing"
    assert "Did you mean '数据'" in problem.message


def test_hidden_sheets_rows_and_columns_are_named_or_left_unread(tmp_path):
    def hide(book):
        book.create_sheet("旧").sheet_state = "veryHidden"
        book["数据"].row_dimensions[3].hidden = True
        book["数据"].column_dimensions["E"].hidden = True

    rows = [[*HEAD, "代码"], [*GOOD, "x"], ["330105", 2020, 9, "农业", "x"]]
    columns = COLUMNS
    named = read(tmp_path, rows, hide, columns=columns)
    assert ("hidden", "旧") in bad(named)
    assert ("hidden", "数据!3") in bad(named)
    assert ("duplicate_header", "数据!A1, 数据!E1") in bad(named)
    left = read(tmp_path, rows, hide, columns=columns, accept=["hidden_sheets"])
    assert bad(left) == []
    assert left.frame["county_code"].tolist() == ["330102"]
    assert notes(left)["hidden"].startswith("3 ×")  # a sheet, a column, a row


def test_a_declared_sheet_or_column_that_is_hidden_is_an_error(tmp_path):
    def sheet(book):
        book.create_sheet("见")
        book["数据"].sheet_state = "hidden"

    accept = ["hidden_sheets"]
    assert bad(read(tmp_path, [HEAD, GOOD], sheet, sheet="数据")) == [("hidden", "数据")]

    def column(book):
        book.active.column_dimensions["C"].hidden = True

    assert bad(read(tmp_path, [HEAD, GOOD], column)) == [("hidden", "数据!C1")]
    assert bad(read(tmp_path, [HEAD, GOOD], column, accept=accept)) == [
        ("header_not_found", "数据!1")
    ]


def test_headers_are_compared_without_breaks_and_near_ones_named(tmp_path):
    head = ["代 码", "年\n份", "农业（亿元）", "产业类别"]
    result = read(tmp_path, [head, GOOD])
    assert bad(result) == [("header_not_found", "数据!1")]
    assert (
        "Did you mean '产业类别'"
        in next(p for p in result.problems if p.severity == "error").message
    )
    assert result.frame["output_value_cny"].tolist() == [1.5e8]  # the rest is read all the same


def test_merged_headers_are_declared_joined_or_by_their_lowest_part(tmp_path):
    rows = [
        ["农业统计"],
        ["代码", "年份", "产业", "产值", None, "面积", None],
        [None, None, None, "本年(亿元)", "上年", "本年", "上年"],
        ["330102", 2020, "农业", 1.5, 1.0, 7, 8],
    ]

    def merge(book):
        for span in ("A1:G1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "F2:G2"):
            book.active.merge_cells(span)

    lowest = COLUMNS | {"output_value_cny": {"header": "本年(亿元)", "unit": "亿元"}}
    joined = COLUMNS | {"output_value_cny": {"header": "产值/上年", "unit": "亿元"}}
    several = COLUMNS | {"output_value_cny": {"header": "上年", "unit": "亿元"}}
    more = {"header_rows": [2, 3]}
    for edit in (merge, lambda book: None):  # merged, or written once and left empty
        found = read(tmp_path, rows, edit, columns=lowest, **more)
        assert (bad(found), found.frame["output_value_cny"].tolist()) == ([], [1.5e8])
        found = read(tmp_path, rows, edit, columns=joined, **more)
        assert (bad(found), found.frame["output_value_cny"].tolist()) == ([], [1e8])
        found = read(tmp_path, rows, edit, columns=several, **more)
        assert bad(found) == [("duplicate_header", "数据!E3, 数据!G3")]


def test_columns_read_twice_are_named_and_unread_ones_noted(tmp_path):
    columns = COLUMNS | {"year": {"header": "代码"}}
    result = read(tmp_path, [HEAD, GOOD], columns=columns)
    assert ("column_used_twice", "") in bad(result)
    assert notes(result)["unread_columns"].endswith("年份")


def test_a_header_beyond_the_table_is_named(tmp_path):
    assert bad(read(tmp_path, [HEAD, GOOD], header_rows=[9])) == [("header_not_found", "")]
    assert bad(read(tmp_path, [["a", "b"], GOOD]))[-1] == ("no_columns", "")


def test_a_stray_cell_and_a_huge_merged_range_cost_nothing(tmp_path):
    def stray(book):
        book.active["XFD1048576"] = " "
        book.active.merged_cells.add("F3:XFD1048570")

    result = read(tmp_path, [HEAD, GOOD], stray)
    assert bad(result) == []
    assert len(result.frame) == 1


# Units --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "header", "unit", "rules"),
    [
        ("", "农业(亿元)", "亿元", []),
        ("", "农业(亿元)", "万元", ["unit_conflict"]),
        ("", "农业（单位：万元）", "亿元", ["unit_conflict"]),
        ("", "农业(当年价)", "亿元", []),
        ("", "农业(%)", "亿元", ["unit_conflict"]),
        ("", "农业(万亩)", "亿元", ["unit_conflict"]),
        ("单位：万元", "农业", "亿元", ["unit_conflict"]),
        ("单位：亩、亿元", "农业", "亿元", []),
        ("单位：万元", "农业(亿元)", "亿元", []),
        ("", "农业", "斛", ["unknown_unit"]),
        ("", "农业", "亩", ["unknown_unit"]),
        ("", "农业", "", ["unknown_unit"]),
        ("", "农业", "元((", ["unknown_unit"]),
        ("", "农业", "1/0", ["unknown_unit"]),
        ("", "农业", "m0", ["unknown_unit"]),
        ("", "农业(1/0)", "亿元", []),
        ("", "农业(m0)", "亿元", []),
        ("", "农业", "1e301 亿元", ["unknown_unit"]),  # 1e309 CNY, beyond what a float holds
    ],
)
def test_units_of_header_caption_and_declaration_agree(tmp_path, caption, header, unit, rules):
    columns = COLUMNS | {"output_value_cny": {"header": header, "unit": unit}}
    rows = [[caption or "表"], ["代码", "年份", header, "产业"], GOOD]
    result = read(tmp_path, rows, columns=columns, header_rows=[2])
    assert [p.rule for p in result.problems] == rules


def test_units_in_cells_are_listed_and_counted(tmp_path):
    texts = ["12亿元", "3万元", "5%", "约3", "4元", "5元", "6元", "7元", "8元"]
    rows = [HEAD, *([330102, 2000 + i, text, "农业"] for i, text in enumerate(texts))]
    result = read(tmp_path, rows)
    # 8 cells with a unit: five one by one, three counted; 约3 has none
    mixed = [p for p in result.problems if p.rule == "mixed_units"]
    alone = [f"数据!C{n}" for n in (2, 3, 4, 6, 7)]
    assert [p.place for p in mixed] == [*alone, "数据!C8 … 数据!C10"]
    assert "and 3 more" in mixed[-1].message
    assert [p for r, p in bad(result) if r == "not_a_number"] == ["数据!C5"]


def test_percentages_stored_as_fractions_are_named(tmp_path):
    def percent(book):
        book.active["D2"].number_format = "0.0%"

    columns = {name: {"header": name} for name in ("county_code", "year")}
    names = [f"{p}_percent" for p in ("agriculture", "forestry", "animal_husbandry", "fishery")]
    fractions = columns | {n: {"header": n, "unit": "1"} for n in names}
    rows = [[*columns, *names], ["330102", 2020, 0.1, 0.2, 0.3, 0.4]]
    more = {"table": "imported_inputs"}
    result = read(tmp_path, rows, percent, columns=fractions, **more)
    assert bad(result) == []
    # a fraction of 0.2 = 20 %
    assert result.frame.loc[0, names].tolist() == pytest.approx([10, 20, 30, 40])
    declared = columns | {n: {"header": n, "unit": "%"} for n in names}
    assert bad(read(tmp_path, rows, percent, columns=declared, **more)) == [
        ("unit_conflict", "数据!D2")
    ]


def test_figures_shown_scaled_are_asked_about(tmp_path):
    def scaled(book):
        book.active["C2"].number_format = '0!.0,"万"'
        book.active["B2"].number_format = "#,##0"

    assert bad(read(tmp_path, [HEAD, GOOD], scaled)) == [("scaled_format", "数据!C2")]


# Cells --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "rules", "word", "value"),
    [
        ("1.5", ["text_number"], "text_numbers", 1.5e8),
        ("1,500.5", ["text_number"], "text_numbers", 1500.5e8),
        (wide("1.5"), ["full_width", "text_number"], "full_width text_numbers", 1.5e8),
        (" 1.5\u00a0", ["spaces", "text_number"], "spaces text_numbers", 1.5e8),
        ("1 500", ["spaces", "text_number"], "spaces text_numbers", 1500e8),
        ("很多", ["not_a_number"], "", None),
        ("٣", ["not_a_number"], "", None),
        ("2²", ["not_a_number"], "", None),
        ("nan", ["not_a_number"], "", None),
        (True, ["not_a_number"], "", None),
        (day("2020-01-02"), ["not_a_number"], "", None),
        (dt.time(1, 2), ["not_a_number"], "", None),
        (1e301, ["not_a_number"], "", None),  # in CNY beyond what a float holds
        ("1e999", ["not_a_number", "text_number"], "", None),
        ("#REF!", ["error_cell"], "", None),
        ("#DIV/0!", ["error_cell"], "", None),
        ("#N/A", ["error_cell"], "", None),
        ("####", ["error_cell"], "", None),
        ("\ufffd", ["broken_text"], "", None),
        ("—", ["missing_value"], "", None),
        (" … ", ["missing_value"], "", None),
        (None, ["missing_value"], "", None),
    ],
)
def test_figures(tmp_path, cell, rules, word, value):
    rows = [HEAD, ["330102", 2020, cell, "农业"]]
    result = read(tmp_path, rows)
    assert sorted(bad(result)) == sorted((rule, "数据!C2") for rule in rules)
    if word:
        mended = read(tmp_path, rows, accept=word.split())
        assert bad(mended) == []
        assert mended.frame["output_value_cny"].tolist() == [pytest.approx(value)]
        assert sorted(notes(mended)) == sorted(rules)
    else:
        assert result.frame["output_value_cny"].isna().all()


@pytest.mark.parametrize(
    ("cell", "rule", "code"),
    [
        (330102, None, "330102"),
        (330102.0, None, "330102"),
        ("330102.0", None, "330102"),
        (wide("330102"), "full_width", "330102"),
        ("330102 ", "spaces", "330102"),
        ("330102\u200b", "spaces", "330102"),
        (day("2020-01-02"), "not_text", None),
        (True, "not_text", None),
        (330102000000000123, "long_number", None),
        ("3.30102E+17", "long_number", None),
    ],
)
def test_codes(tmp_path, cell, rule, code):
    rows = [HEAD, [cell, 2020, 1.5, "农业"]]
    result = read(tmp_path, rows)
    assert bad(result) == ([(rule, "数据!A2")] if rule else [])
    got = result.frame["county_code"][0]
    assert pd.isna(got) if code is None else got == code


@pytest.mark.parametrize(
    ("cell", "rule"),
    [(2020.5, "fraction"), ("2020年", "not_a_number"), (10**30, "not_a_number"), (2020.0, None)],
)
def test_whole_numbers(tmp_path, cell, rule):
    result = read(tmp_path, [HEAD, ["330102", cell, 1.5, "农业"]])
    assert bad(result) == ([(rule, "数据!B2")] if rule else [])
    assert str(result.frame["year"].dtype) == ("Int64" if rule else "int64")


def test_words_are_ids_labels_or_what_the_declaration_says(tmp_path):
    words = ["agriculture", "林 业", "牧业", "捕捞", "鱼业"]
    rows = [HEAD, *(["330102", 2000 + i, 1, word] for i, word in enumerate(words))]
    columns = COLUMNS | {"product": {"header": "产业", "values": {"捕捞": "fishery"}}}
    result = read(tmp_path, rows, columns=columns)
    assert bad(result) == [("spaces", "数据!D3"), ("unknown_value", "数据!D6")]
    assert result.frame["product"].tolist()[:4] == [
        "agriculture", "forestry", "animal_husbandry", "fishery",
    ]  # fmt: skip
    assert "'渔业'" in result.problems[-1].message


SECTION_NAMES = ("water_class", "target_class", "outflow", "section_id", "section", "river")


def sections(tmp_path, cells, **more):
    """Read one row of water_sections, where the first fields are text, booleans and words."""
    figures = [
        "permanganate_mg_l",
        "ammonia_nitrogen_mg_l",
        "total_nitrogen_mg_l",
        "total_phosphorus_mg_l",
    ]
    columns = {n: {"header": n} for n in ("county_code", "year", *SECTION_NAMES)}
    columns |= {n: {"header": n, "unit": "mg/L"} for n in figures}
    row = ["330102", 2020, "Ⅲ", "劣Ⅴ", "是", "S1", "某断面", "某江", 1, 2, 3, 4]
    for name, value in cells.items():
        row[list(columns).index(name)] = value
    return read(tmp_path, [list(columns), row], table="water_sections", columns=columns, **more)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("是", True),
        ("否", False),
        (True, True),
        (0, False),
        (1.0, True),
        ("FALSE", False),
        ("1", True),
    ],
)
def test_truth_values(tmp_path, cell, value):
    result = sections(tmp_path, {"outflow": cell})
    assert bad(result) == []
    assert result.frame["outflow"].tolist() == [value]
    assert str(result.frame["outflow"].dtype) == "bool"


def test_texts_keep_their_punctuation(tmp_path):
    result = sections(tmp_path, {"section": "桥头（上）：左岸", "outflow": "也许"})
    assert bad(result) == [("not_a_boolean", "数据!E2")]
    assert result.frame["section"].tolist() == ["桥头（上）：左岸"]
    assert result.frame["water_class"].tolist() == ["Ⅲ"]  # no plain III
    assert bad(sections(tmp_path, {"section": "桥\u3000头", "river": "Ａ江"})) == [
        ("spaces", "数据!G2"), ("full_width", "数据!H2"),
    ]  # fmt: skip


def disputes(tmp_path, filed, edit=lambda book: None, **more):
    fields = [
        "dispute_id",
        "unit_id",
        "other_unit_id",
        "county_code",
        "subject",
        "filed_on",
        "status",
        "area_ha",
    ]
    columns = {n: {"header": n} for n in fields} | {"area_ha": {"header": "area_ha", "unit": "亩"}}
    row = ["D1", "U1", None, "330102", "界线", filed, "受理", 30]
    return read(tmp_path, [fields, row], edit, table="resource_disputes", columns=columns, **more)


@pytest.mark.parametrize(
    ("filed", "rule", "accepted"),
    [
        (day("2023-06-30"), None, "2023-06-30"),
        ("2023-06-30", None, "2023-06-30"),
        ("2023年6月30日", "text_date", "2023-06-30"),
        ("2023.6.30", "text_date", "2023-06-30"),
        ("2023/06/30", "text_date", "2023-06-30"),
        ("2023-06-30 00:00:00", "text_date", "2023-06-30"),
        (20230630, "text_date", "2023-06-30"),
        ("2023-02-29", "impossible_date", None),
        (45107, "date_serial", None),
        (0.5, "not_a_date", None),
        (1e300, "not_a_date", None),
        ("30/6/2023", "not_a_date", None),
        (day("2023-06-30 08:00"), "date_with_time", None),
    ],
)
def test_dates(tmp_path, filed, rule, accepted):
    result = disputes(tmp_path, filed)
    assert bad(result) == ([(rule, "数据!F2")] if rule else [])
    mended = disputes(tmp_path, filed, accept=["text_dates"])
    if accepted:
        assert bad(mended) == []
        assert mended.frame["filed_on"].tolist() == [accepted]
    else:
        assert bad(mended) == bad(result)
    # 30 亩 = 2 ha; an optional field may be empty
    assert result.frame["area_ha"].tolist() == pytest.approx([2.0])
    assert result.frame["other_unit_id"].isna().all()


def test_days_are_counted_from_the_workbook_s_own_start(tmp_path):
    def mac(book):
        book.epoch = MAC_EPOCH

    # 45107 days from 1899-12-30 are 2023-06-30; from 1904-01-01 they are 1462 days later
    assert "2023-06-30 if counted from 1900" in disputes(tmp_path, 45107).problems[0].message
    assert "2027-07-01 if counted from 1904" in disputes(tmp_path, 45107, mac).problems[0].message
    dated = disputes(tmp_path, day("2023-06-30"), mac)
    assert dated.frame["filed_on"].tolist() == ["2023-06-30"]
    assert "1904" in notes(dated)["date_system"]


def test_formulas_are_named_read_if_accepted_and_never_run(tmp_path):
    write(tmp_path, [HEAD, ["330102", 2020, "=1+1", "农业"], ["330105", 2020, "=2+2", "农业"]])
    with zipfile.ZipFile(tmp_path / "表.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    stored = sheet.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>7</v>")
    assert stored != sheet
    with zipfile.ZipFile(tmp_path / "表.xlsx", "w") as archive:
        for name, content in (parts | {"xl/worksheets/sheet1.xml": stored}).items():
            archive.writestr(name, content)
    result = read_table(tmp_path, entry())
    assert bad(result) == [("formula", "数据!C2"), ("formula", "数据!C3")]
    assert result.problems[0].value == "=1+1"
    accepted = read_table(tmp_path, entry(accept=["formulas"]))
    assert bad(accepted) == [("formula", "数据!C3")]
    assert "without a stored result" in accepted.problems[0].message
    assert accepted.frame["output_value_cny"][0] == 7e8  # as stored, not 1 + 1


def test_merged_cells_in_the_data_are_named(tmp_path):
    def merge(book):
        book.active.merge_cells("A2:A3")
        book.active.merge_cells("F2:F3")  # beside the table

    rows = [HEAD, GOOD, [None, 2021, 2, "农业"]]
    assert bad(read(tmp_path, rows, merge)) == [("merged_cells", "数据!A2:A3")]


def test_blank_rows_are_skipped_and_totals_put_aside(tmp_path):
    rows = [
        HEAD, GOOD, [None, " "], ["330105", 2020, 2.5, "农业"],
        ["合 计", 2020, 4, "农业"], [330100, 2020, 4, "全市"],
    ]  # fmt: skip
    result = read(tmp_path, rows)
    assert bad(result) == []
    assert result.rows.tolist() == ["数据!2", "数据!4"]
    assert result.totals["place"].tolist() == ["数据!5", "数据!6"]
    assert result.totals["output_value_cny"].tolist() == pytest.approx([4e8, 4e8])
    assert result.totals["county_code"].isna().tolist() == [True, False]
    assert bad(read(tmp_path, [HEAD])) == [("no_rows", "")]


def test_old_codes_become_new_ones_unless_both_are_there(tmp_path):
    rows = [
        HEAD,
        ["330185", 2020, 1, "农业"],  # 临安市, renamed 330112
        ["330103", 2020, 1, "农业"],  # 下城区, merged into 330105
        ["330105", 2020, 1, "农业"],
        ["330103", 2019, 1, "农业"],
        ["330104", 2020, 1, "农业"],  # 江干区, divided
    ]
    kept = ["330185", "330103", "330105", "330103", "330104"]
    assert read(tmp_path, rows).frame["county_code"].tolist() == kept
    mended = read(tmp_path, rows, accept=["renamed_codes"])
    assert mended.frame["county_code"].tolist() == [
        "330112",
        "330103",
        "330105",
        "330105",
        "330104",
    ]
    assert notes(mended)["renamed_code"].startswith("2 ×")


# Whatever the cells hold --------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "合计",
            "330102",
            "1e400",
            "12亿元",
            "=1+1",
            wide("2020"),
            "#REF!",
            "2023年2月30日",
            "1,2",
            '"',
            "\t",
            "((",
        ]
    ),
    st.from_regex(r"[0-9.,eE+-]{1,6}[元((亩%'\\^*/a-z2]{0,4}", fullmatch=True),
)
VALUES = st.one_of(
    TEXTS.map(lambda text: openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", text)),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(min_value=day("1900-03-01")),
    st.times(),
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_read(result):
    assert all(p.message and p.remedy and p.rule for p in result.problems)
    if result.frame is not None:
        assert len(result.rows) == len(result.frame)
        assert list(result.frame) == list(entry().entry.fields)


@QUICK
@given(rows=st.lists(st.lists(TEXTS, max_size=6), max_size=5), head=st.lists(TEXTS, max_size=4))
def test_no_text_file_makes_it_raise(tmp_path, rows, head):
    text = "".join(",".join(row) + "\n" for row in [HEAD + head, *rows])
    (tmp_path / "表.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert_read(read_table(tmp_path, entry("表.csv", accept=["text_numbers", "spaces"])))


@QUICK
@given(content=st.binary(max_size=200))
def test_no_bytes_make_it_raise(tmp_path, content):
    (tmp_path / "表.csv").write_bytes(TEXT.encode() + content)
    assert_read(read_table(tmp_path, entry("表.csv")))


@QUICK
@given(rows=st.lists(st.lists(VALUES, max_size=6), max_size=5), head=st.lists(VALUES, max_size=3))
def test_no_workbook_makes_it_raise(tmp_path, rows, head):
    write(tmp_path, [HEAD + head, *rows])
    assert_read(read_table(tmp_path, entry()))


@QUICK
@given(place=st.integers(min_value=0), byte=st.integers(0, 255), part=st.integers(0, 20))
def test_no_change_of_a_workbook_makes_it_raise(tmp_path, place, byte, part):
    stream = io.BytesIO()
    write(tmp_path, [HEAD, GOOD])
    with zipfile.ZipFile(tmp_path / "表.xlsx") as source, zipfile.ZipFile(stream, "w") as target:
        names = source.namelist()
        for name in names:
            content = bytearray(source.read(name))
            if name == names[part % len(names)]:
                content[place % len(content)] = byte
            target.writestr(name, bytes(content))
    (tmp_path / "表.xlsx").write_bytes(stream.getvalue())
    assert_read(read_table(tmp_path, entry()))


@QUICK
@given(unit=st.text(max_size=8), header=st.text(min_size=1, max_size=8))
def test_no_unit_or_header_makes_it_raise(tmp_path, unit, header):
    columns = COLUMNS | {"output_value_cny": {"header": f"农业({header})", "unit": unit}}
    text = f'代码,年份,"农业({header.replace(chr(34), "")})",产业\n330102,2020,1.5,农业\n'
    (tmp_path / "表.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert_read(read_table(tmp_path, entry("表.csv", columns=columns)))
