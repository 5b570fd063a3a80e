"""Templates hold what a county needs to fill them in, and it reads back to the last digit."""

import datetime
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook

from gepbook import counties
from gepbook.errors import CodeError, PackError
from gepbook.inputs.own_data import conversion, declaration, dictionary, tables, templates

LONGQUAN, DAISHAN = "331181", "330921"  # of which 岱山县 is a coastal pilot
YEARS = [2022, 2023]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("模板") / "new"
    written = templates.write_templates(folder, YEARS, [LONGQUAN, DAISHAN], "try", 30)
    return folder, written


@pytest.fixture
def folder(pristine, tmp_path):
    return Path(shutil.copytree(pristine[0], tmp_path / "new"))


def sheet_of(folder, table):
    return load_workbook(folder / templates.template_path(table)).worksheets[0]


def rows_of(sheet):
    return [
        row for row in sheet.iter_rows(min_row=templates.FIRST_ROW, values_only=True) if any(row)
    ]


def entry_of(folder, table):
    return next(f for f in declaration.read(folder).files if f.table == table)


class TestLayout:
    def test_a_file_for_each_table_and_the_rest(self, pristine):
        folder, written = pristine
        # two counties alone are not asked for the registers of the province
        every = dictionary.tables().items()
        tables_wanted = {n for n, t in every if not (t.geometry or t.provincial)}
        assert {p.stem for p in written if p.suffix == ".xlsx"} == tables_wanted
        assert sorted(p.relative_to(folder).as_posix() for p in written if p.suffix != ".xlsx") == [
            "README.md",
            "declaration.yaml",
            "rasters/README.txt",
            "vectors/README.txt",
        ]
        assert all(path.is_file() for path in written)
        assert {p for p in folder.rglob("*") if p.is_file()} == set(written)

    def test_title_headers_with_units_and_guide(self, pristine):
        book = load_workbook(pristine[0] / "tables" / "economy.xlsx")
        sheet = book.worksheets[0]
        assert book.sheetnames == ["国民经济基本情况", "填报说明"]
        assert sheet["A1"].value == "国民经济基本情况"
        assert [cell.value for cell in sheet[2]] == [
            "行政区划代码", "县(市、区)", "年份", "常住人口 (万人)", "地区生产总值 (亿元)",
            "一般公共预算收入 (亿元)", "一般公共预算支出 (亿元)",
        ]  # fmt: skip
        assert all(cell.font.bold for cell in sheet[2])
        assert sheet.freeze_panes == "D3"
        assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
        assert sheet["D2"].comment.text == "年末"
        guide = {row[0]: row[1:] for row in book["填报说明"].iter_rows(min_row=3, values_only=True)}
        assert guide["地区生产总值"][:3] == ("当年价", "亿元", "必填")

    def test_known_rows(self, pristine):
        folder, _ = pristine
        rows = rows_of(sheet_of(folder, "economy"))
        assert [row[:3] for row in rows] == [
            (LONGQUAN, "龙泉市", 2022), (DAISHAN, "岱山县", 2022),
            (LONGQUAN, "龙泉市", 2023), (DAISHAN, "岱山县", 2023),
        ]  # fmt: skip
        assert sheet_of(folder, "economy")["A3"].number_format == "@"
        # 2 years × 2 counties × 4 branches; 6 assets
        assert len(rows_of(sheet_of(folder, "material_products"))) == 16
        assert len(rows_of(sheet_of(folder, "resource_stocks"))) == 24
        assert rows_of(sheet_of(folder, "material_products"))[1][:4] == (
            LONGQUAN, "龙泉市", 2022, "林业",
        )  # fmt: skip
        assert rows_of(sheet_of(folder, "water_sections")) == []

    def test_only_pilots_fill_in_the_coast(self, pristine):
        rows = rows_of(sheet_of(pristine[0], "coast"))
        pilots = [(c, y) for y in YEARS for c in counties.group("coastal_pilot", y)]
        assert (DAISHAN, 2022) in pilots
        assert [(row[0], row[2]) for row in rows] == [(DAISHAN, 2022), (DAISHAN, 2023)]

    def test_groups_are_known(self):
        groups = {n: t.group for n, t in dictionary.tables().items() if t.group}
        assert groups == {"coast": "coastal_pilot"}
        assert all(counties.group(group, 2022) for group in groups.values())

    def test_validations(self, pristine):
        folder, _ = pristine

        def rules(table):
            sheet = sheet_of(folder, table)
            heads = {cell.column_letter: cell.value for cell in sheet[2]}
            return {
                heads[str(rule.sqref).split("3:")[0]]: rule
                for rule in sheet.data_validations.dataValidation
            }

        economy = rules("economy")
        assert economy["行政区划代码"].type == "textLength"
        year = economy["年份"]
        assert (year.type, year.formula1, year.formula2) == ("whole", "2022", "2023")
        gdp = economy["地区生产总值 (亿元)"]
        assert (gdp.type, gdp.operator, gdp.formula1) == ("decimal", "greaterThanOrEqual", "0")
        share = rules("tourism")["自然景观吸引的游客比例 (%)"]
        assert (share.formula1, share.formula2) == ("0", "100")
        assert rules("resource_rights")["起始日期"].type == "date"
        assert rules("eco_tourism")["生态旅游区数量 (个)"].type == "whole"

    @pytest.mark.parametrize(
        ("table", "title", "words"),
        [
            ("material_products", "产业", ["农业", "林业", "牧业", "渔业"]),
            ("environment", "空气达到功能区标准", ["是", "否"]),
            ("water_sections", "水质类别", ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ"]),
        ],
    )
    def test_drop_downs(self, pristine, table, title, words):
        book = load_workbook(pristine[0] / templates.template_path(table))
        sheet = book.worksheets[0]
        letter = next(cell.column_letter for cell in sheet[2] if cell.value == title)
        rule = next(
            r for r in sheet.data_validations.dataValidation if str(r.sqref).startswith(letter)
        )
        assert rule.type == "list"
        place = re.fullmatch(r"'选项'!\$([A-Z]+)\$2:\$\1\$(\d+)", rule.formula1)
        column = book["选项"][place[1]][1 : int(place[2])]
        assert [cell.value for cell in column] == words

    def test_no_sheet_or_unit_that_cannot_be(self):
        for name in templates.table_ids():
            entry = dictionary.tables()[name]
            assert len(templates._sheet_name(entry)) <= 31
            assert not set(r"[]:*?/\\") & set(templates._sheet_name(entry))
            headers = [templates.header(field) for field in entry.fields.values()]
            assert len(set(headers)) == len(headers)
            for field in entry.fields.values():
                scale, _ = conversion.factor(field.template_unit, field.unit)
                assert scale > 0


class TestDeclaration:
    def test_is_read_and_names_each_template(self, pristine):
        folder, _ = pristine
        found = declaration.read(folder)
        assert (found.name, found.years, found.counties) == ("try", YEARS, [LONGQUAN, DAISHAN])
        assert (found.grid.cell_m, found.grid.crs) == (30, "")
        asked = templates.table_ids(found.counties)
        assert [f.table for f in found.files] == asked
        assert found.files == [templates.file_entry(name) for name in asked]
        whole = templates.table_ids(counties.read().index)
        assert set(whole) - set(asked) == {
            name for name in whole if dictionary.tables()[name].provincial
        }

    def test_examples_are_right_once_uncommented(self, pristine, tmp_path):
        text = (pristine[0] / declaration.FILE_NAME).read_text(encoding="utf-8")
        lines = [re.sub(r"^  # (?=[- ] )", "  ", line) for line in text.splitlines()]
        (tmp_path / declaration.FILE_NAME).write_text("\n".join(lines), encoding="utf-8")
        found = declaration.read(tmp_path)
        assert {f.layer for f in found.files if f.layer} == set(dictionary.layers())
        every = dictionary.tables().items()
        shapes = {name for name, t in every if t.geometry and not t.provincial}
        assert {f.table for f in found.files if f.path.startswith("vectors/")} == shapes
        assert {f.year for f in found.files if f.layer == "land_cover"} == {2023}

    def test_readmes_name_every_layer(self, pristine):
        rasters = (pristine[0] / "rasters" / "README.txt").read_text(encoding="utf-8-sig")
        assert all(f"({name})" in rasters for name in dictionary.layers())
        assert all(f"  {name}: " in rasters for name in dictionary.crosswalks())
        vectors = (pristine[0] / "vectors" / "README.txt").read_text(encoding="utf-8-sig")
        assert "县级行政区界线 (counties)" in vectors
        assert "EPSG:4549" in vectors


class TestRefusal:
    def test_nothing_is_written_over(self, tmp_path):
        (tmp_path / "旧表.xlsx").write_bytes(b"x")
        with pytest.raises(PackError, match=r"must be empty, but holds 旧表\.xlsx"):
            templates.write_templates(tmp_path, YEARS, [LONGQUAN], "try", 30)
        assert [p.name for p in tmp_path.iterdir()] == ["旧表.xlsx"]

    @pytest.mark.parametrize(
        ("years", "name", "cell_m", "said"),
        [
            (YEARS, "有 空", 30, "name"),
            (YEARS, "try", 0, "cell_m"),
            ([], "try", 30, "years"),
        ],
    )
    def test_wrong_arguments_write_nothing(self, tmp_path, years, name, cell_m, said):
        with pytest.raises(PackError, match=said):
            templates.write_templates(tmp_path / "new", years, [LONGQUAN], name, cell_m)
        assert not (tmp_path / "new").exists()

    def test_unknown_county(self, tmp_path):
        with pytest.raises(CodeError, match="999999"):
            templates.write_templates(tmp_path / "new", YEARS, ["999999"], "try", 30)

    def test_fill_names_what_it_cannot_write(self, folder):
        row = {"county_code": [LONGQUAN], "year": [2022]}
        with pytest.raises(PackError, match=r"has no field gdp\b.*gdp_cny"):
            templates.fill(folder, "economy", pd.DataFrame({**row, "gdp": [1.0]}))
        with pytest.raises(PackError, match="'mining' cannot be written"):
            templates.fill(
                folder, "material_products", pd.DataFrame({**row, "product": ["mining"]})
            )
        with pytest.raises(PackError, match="has no template"):
            templates.fill(folder, "counties", pd.DataFrame())
        Workbook().save(folder / "tables" / "energy.xlsx")
        with pytest.raises(PackError, match="is no template"):
            templates.fill(folder, "energy", pd.DataFrame(row))


class TestFilling:
    def test_in_the_units_and_words_of_the_template(self, folder):
        frame = pd.DataFrame(
            {
                "county_code": [LONGQUAN],
                "year": [2022],
                "product": ["forestry"],
                "output_value_cny": [1.25e8],
            }
        )
        templates.fill(folder, "material_products", frame)
        # 1.25e8 CNY = 12 500 万元; the rows that stood there are gone
        assert rows_of(sheet_of(folder, "material_products")) == [
            (LONGQUAN, "龙泉市", 2022, "林业", 12500)
        ]

    def test_dates_truth_and_texts_like_formulas(self, folder):
        frame = pd.DataFrame(
            {"right_id": ["=1+1"], "county_code": [LONGQUAN], "kind": ["出租"], "area_ha": [None],
             "start_date": ["2023-06-30"]}
        )  # fmt: skip
        templates.fill(folder, "resource_rights", frame)
        sheet = sheet_of(folder, "resource_rights")
        cells = {head.value: cell for head, cell in zip(sheet[2], sheet[3], strict=True)}
        assert (cells["权利编号"].value, cells["权利编号"].data_type) == ("=1+1", "s")
        assert cells["起始日期"].value == datetime.datetime(2023, 6, 30)  # noqa: DTZ001
        assert cells["面积 (公顷)"].value is None

    @pytest.mark.parametrize("table", ["economy", "environment", "eco_tourism", "water_balance"])
    def test_reads_back_to_the_last_digit(self, folder, table):
        fields = dictionary.tables()[table].fields
        made = {"county_code": [LONGQUAN, DAISHAN], "year": [2022, 2022]}
        for number, (name, field) in enumerate(fields.items(), start=1):
            if name in made:
                continue
            made[name] = {
                "number": [number / 7 * 10.0, number / 3 * 1e1],
                "integer": [number, 10 * number],
                "boolean": [True, False],
            }[field.type]
        frame = pd.DataFrame(made)[list(fields)]
        templates.fill(folder, table, frame)
        found = tables.read_table(folder, entry_of(folder, table))
        assert [p for p in found.problems if p.severity == "error"] == []
        pd.testing.assert_frame_equal(found.frame, frame, check_dtype=False, rtol=1e-12, atol=0)


class TestUntouched:
    def test_templates_are_no_delivery(self, pristine):
        folder, _ = pristine
        assert all(templates.untouched(folder, f) for f in declaration.read(folder).files)

    def test_one_figure_makes_a_delivery(self, folder):
        path = folder / "tables" / "economy.xlsx"
        book = load_workbook(path)
        book.worksheets[0]["E4"] = 0
        book.save(path)
        assert not templates.untouched(folder, entry_of(folder, "economy"))
        assert templates.untouched(folder, entry_of(folder, "energy"))

    def test_keys_of_ones_own_are_a_delivery(self, folder):
        path = folder / "tables" / "reservoirs.xlsx"
        book = load_workbook(path)
        book.worksheets[0]["A3"] = "紧水滩水库"
        book.save(path)
        assert not templates.untouched(folder, entry_of(folder, "reservoirs"))

    def test_other_damaged_and_absent_files_are_not(self, folder):
        economy = entry_of(folder, "economy")
        other = economy.model_copy(update={"path": "tables/own.xlsx"})
        (folder / "tables" / "own.xlsx").write_bytes((folder / economy.path).read_bytes())
        assert not templates.untouched(folder, other)
        (folder / economy.path).write_bytes(b"PK cut off")
        assert not templates.untouched(folder, economy)
        (folder / economy.path).unlink()
        assert not templates.untouched(folder, economy)

    def test_a_changed_header_is_not(self, folder):
        path = folder / "tables" / "economy.xlsx"
        book = load_workbook(path)
        book.worksheets[0]["E2"] = "GDP"
        book.save(path)
        assert not templates.untouched(folder, entry_of(folder, "economy"))
