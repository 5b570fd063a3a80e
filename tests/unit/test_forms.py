"""Statistical forms: what is written is read, bad edits are named, sums hold, gaps are never hidden."""

import csv
import re
import shutil

import pandas as pd
import pytest
from openpyxl import load_workbook

from gepbook import counties, forms, ledger, paths
from gepbook.errors import CoverageError, GepbookError
from gepbook.forms import model, rollup, workbook
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack
from gepbook.prices import PriceBook
from gepbook.run import LEDGER_FILE, stage_dir

YEAR = 2023
STANDARD = "db33-2020"
LONGQUAN, YUNHE, CHUNAN = "331181", "331125", "330127"
ALL = [CHUNAN, YUNHE, LONGQUAN]
RULES = forms.FormsParams(
    relative_tolerance=1e-9,
    value_tolerance_cny=1.0,
    may_be_negative=("extent/*/change", "*/water_conservation*", "gep/*"),
    summed_units=("ha", "km2", "t a-1", "m3 a-1", "m3", "CNY", "CNY a-1", "person"),
    not_summed=("tables/water_balance.*",),
    largest_file_mb=20.0,
)
#: Component → quantity, unit, current and comparable value of Longquan; others are multiples.
COMPONENTS = {
    "fresh_water.domestic": (2.5e7, "m3 a-1", 8.1e7, 7.9e7),
    "soil_retention.sediment": (1.23456789012345e7, "t a-1", 5.0e8, 4.9e8),
    "soil_retention.nitrogen": (3.1e4, "t a-1", 1 / 3 * 1e8, 1 / 7 * 1e8),
    "water_conservation.water": (-2.0e6, "m3 a-1", -1.9e7, -1.8e7),
    "tourism.spending": (4.0e9, "CNY a-1", 4.0e9, 3.9e9),
}
TIMES = {LONGQUAN: 1.0, YUNHE: 0.3, CHUNAN: 0.7}
CATEGORIES = {
    "provisioning": ("fresh_water",),
    "regulating": ("soil_retention", "water_conservation"),
    "cultural": ("tourism",),
}


def entries(times):
    common = {"origin": "illustrative", "quality": "medium", "method_id": f"{STANDARD}/x/y"}
    rows = [
        ledger.entry("statistics", "resident_population", "value", 1e5 * times, "person", **common),
        ledger.entry("extent", "mixed_forest", "opening", 9e4 * times, "ha", **common),
        ledger.entry("extent", "mixed_forest", "change", -5.5 * times, "ha", **common),
        ledger.entry("extent", "mixed_forest", "closing", (9e4 - 5.5) * times, "ha", **common),
        ledger.entry(
            "services", "ecological_energy", "not_applicable", 1, "1", **common, note="无"
        ),
        ledger.entry("services", "tourism", "share", 0.4, "1", **common),
    ]
    for item, (amount, unit, *_) in COMPONENTS.items():
        rows.append(ledger.entry("components", item, "physical", amount * times, unit, **common))
    for position, (basis, year) in enumerate((("current", YEAR), ("comparable", 2020)), 2):
        money = {**common, "price_basis": basis, "price_year": year}
        for kind, item in (("components", "oxygen_release.oxygen"), ("services", "oxygen_release")):
            note = "重复计算"
            rows.append(
                ledger.entry(kind, item, "value_excluded", 7e6 * times, "CNY", **money, note=note)
            )
        gep = 0.0
        for category, services in CATEGORIES.items():
            total = 0.0
            for service in services:
                values = {
                    k: v[position] * times for k, v in COMPONENTS.items() if k.startswith(service)
                }
                for item, value in values.items():
                    rows.append(ledger.entry("components", item, "value", value, "CNY", **money))
                own = sum(values.values())
                rows.append(ledger.entry("services", service, "value", own, "CNY", **money))
                total += own
            gep += total
            head = {**money, "method_id": STANDARD}
            rows.append(ledger.entry("gep", category, "value", total, "CNY", **head))
        rows.append(ledger.entry("gep", "gep", "value", gep, "CNY", **head))
    return rows


def account(code):
    return ledger.build(entries(TIMES[code]), release="r", year=YEAR, county_code=code)


def tables(*rows):
    common = dict.fromkeys(model.COLUMNS, "")
    made = [
        {**common, "account": "tables", "measure": "value", "price_year": None, "label": item,
         "origin": "illustrative", "item": item, "unit": unit, "value": value, "part": part}
        for item, unit, value, part in rows
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(model.COLUMNS)).astype(model.COLUMNS)


TABLES = tables(
    ("reservoirs.紧水滩水库.total_capacity_m3", "m3", 1.39e9, "紧水滩水库"),
    ("tourism.mean_stay_day", "d", 1.5, ""),
    ("water_balance.inflow_m3", "m3", 2e8, ""),
)


def heading(code):
    return forms.Heading(
        level="county",
        code=code,
        name=counties.name_zh(code),
        year=YEAR,
        standard=STANDARD,
        release="r",
    )


def write(folder, code, table=TABLES):
    path = folder / f"{code}-{counties.name_zh(code)}.xlsx"
    forms.write_county_form(account(code), table, PriceBook.read(), heading(code), path, RULES)
    return path


@pytest.fixture(scope="module")
def issued(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issued") / "county"
    for code in ALL:
        write(folder, code)
    return folder


@pytest.fixture
def folder(issued, tmp_path):
    return shutil.copytree(issued, tmp_path / "county")


def file_of(folder, code):
    return next(folder.glob(f"{code}-*.xlsx"))


def cell_of(path, account, item, measure, basis=""):
    form = forms.read_form(path, RULES)
    rows = form.figures.set_index(model.KEY)
    row = rows.loc[(account, item, measure, basis)]
    return row["sheet"], row["cell"]


def edit(path, *changes):
    book = load_workbook(path)
    for sheet, cell, value in changes:
        book[sheet][cell].value = value
    book.save(path)


def refused(path, **expected):
    with pytest.raises(GepbookError) as error:
        forms.read_form(path, RULES, **expected)
    return error.value.problems


def test_what_is_written_is_read_to_fifteen_digits(folder):
    form = forms.read_form(file_of(folder, LONGQUAN), RULES, county_code=LONGQUAN, year=YEAR)
    wanted = model.ledger_figures(account(LONGQUAN)).set_index(model.KEY)
    got = form.figures.set_index(model.KEY).loc[wanted.index]
    assert got["value"].tolist() == pytest.approx(wanted["value"].tolist(), rel=1e-15)
    for column in ("unit", "price_year", "origin", "quality", "method_id"):
        assert got[column].tolist() == wanted[column].tolist(), column
    assert form.heading == heading(LONGQUAN)
    kept = form.figures[form.figures["account"] == "tables"].set_index("item")["value"]
    assert kept.to_dict() == TABLES.set_index("item")["value"].to_dict()
    prices = form.figures[form.figures["account"] == "prices"].set_index("item")["value"]
    assert prices.to_dict() == pytest.approx(PriceBook.read().at(YEAR, YEAR), rel=1e-15)


def test_shares_and_services_that_do_not_apply_are_no_figures(folder):
    figures = forms.read_form(file_of(folder, LONGQUAN), RULES).figures
    assert not figures["measure"].isin(["share", "not_applicable"]).any()
    book = load_workbook(file_of(folder, LONGQUAN))
    texts = [value for row in book["元数据"].iter_rows(values_only=True) for value in row]
    assert "不适用的服务" in texts


def test_the_form_has_its_sheets_and_only_open_cells_are_to_be_filled(folder):
    book = load_workbook(file_of(folder, LONGQUAN))
    visible = [s.title for s in book if s.sheet_state == "visible"]
    assert visible == ["封面与签章", "基础数据", "实物量", "价格", "价值量", "元数据"]
    assert all(sheet.protection.sheet and not sheet.protection.password for sheet in book)
    assert all(s.page_setup.orientation == "landscape" for s in book if s.title in visible)
    for name in ("基础数据", "实物量", "价格", "价值量"):
        sheet = book[name]
        assert sheet.freeze_panes
        open_ = {
            c.column_letter for row in sheet.iter_rows() for c in row if not c.protection.locked
        }
        assert open_ == {"I", "J"}
        assert all(sheet.column_dimensions[letter].hidden for letter in "ABCD")


def test_cells_take_no_number_below_zero_except_where_there_can_be_one(folder):
    path = file_of(folder, LONGQUAN)
    sheet, change = cell_of(path, "extent", "mixed_forest", "change")
    _, closing = cell_of(path, "extent", "mixed_forest", "closing")
    checks = load_workbook(path)[sheet].data_validations.dataValidation
    lowest = {c: v.formula1 for v in checks for c in (change, closing) if c in v.sqref}
    assert lowest == {change: "-1E+300", closing: "0"}


def test_subtotals_have_live_formulas_beside_the_figures(folder):
    path = file_of(folder, LONGQUAN)
    sheet, cell = cell_of(path, "services", "soil_retention", "value", "current")
    row = int(cell[1:])
    book = load_workbook(path)
    assert book[sheet][f"K{row}"].value == f"=SUM(I{row - 2}:I{row - 1})"
    assert book[sheet][f"L{row}"].value == f"={cell}-K{row}"
    _, gep = cell_of(path, "gep", "gep", "value", "current")
    cells = [cell_of(path, "gep", c, "value", "current")[1] for c in CATEGORIES]
    assert book[sheet][f"K{gep[1:]}"].value == f"=SUM({','.join(cells)})"


def test_what_does_not_count_stands_apart_at_the_end(folder):
    figures = forms.read_form(file_of(folder, LONGQUAN), RULES).figures
    rows = figures[figures["sheet"] == "价值量"]
    assert rows["measure"].tolist()[-4:] == ["value_excluded"] * 4
    assert rows["group"].tolist()[-1] == "可比价（2020） 不计入总值"
    assert (rows["measure"] == "value_excluded").sum() == 4


def test_what_was_filled_in_comes_back(folder):
    path = file_of(folder, LONGQUAN)
    sheet, cell = cell_of(path, "statistics", "resident_population", "value")
    edit(path, (sheet, cell, 123456), (sheet, cell.replace("I", "J"), "=备注"),
         ("封面与签章", "C11", "张三"))  # fmt: skip
    form = forms.read_form(path, RULES)
    row = form.figures[form.figures["item"] == "resident_population"].iloc[0]
    assert (row["value"], row["remark"], row["cell"]) == (123456.0, "=备注", cell)
    assert form.answers["填表人"] == "张三"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is empty"),
        ("12 吨", "must be a number, got '12 吨'"),
        (True, "must be a number, got True"),
        (-1, "must be ≥ 0, got -1"),
        ("=1+1", "is the formula '=1+1'"),
    ],
)
def test_a_bad_figure_is_named_with_its_cell(folder, value, words):
    path = file_of(folder, LONGQUAN)
    sheet, cell = cell_of(path, "components", "soil_retention.sediment", "physical")
    edit(path, (sheet, cell, value))
    (problem,) = refused(path)
    assert problem.startswith(f"{path}: sheet 实物量 cell {cell} (土壤保持 减少泥沙淤积): ")
    assert words in problem


def test_all_bad_edits_are_named_at_once(folder):
    path = file_of(folder, LONGQUAN)
    sheet, cell = cell_of(path, "components", "soil_retention.sediment", "physical")
    _, other = cell_of(path, "components", "tourism.spending", "physical")
    edit(
        path,
        (sheet, f"B{cell[1:]}", "soil_retention.sand"),
        (sheet, f"H{other[1:]}", "万元/年"),
        (sheet, "I99", 5),
        ("封面与签章", "C5", YUNHE),
        ("封面与签章", "C7", 2022),
    )
    problems = refused(path)
    assert len(problems) == 5
    for words in (
        f"sheet 实物量 cell B{cell[1:]}: key is 'soil_retention.sand', the form was issued with "
        "'soil_retention.sediment'",
        f"sheet 实物量 cell H{other[1:]}: unit is '万元/年', the form was issued with '元/年'",
        "sheet 实物量 cell I99: holds 5 in a row that the form was not issued with",
        f"sheet 封面与签章 cell C5: county code is '{YUNHE}'",
        "sheet 封面与签章 cell C7: year is 2022",
    ):
        assert any(words in problem for problem in problems), words


def test_a_missing_sheet_another_county_and_another_year_are_named(folder):
    path = file_of(folder, LONGQUAN)
    book = load_workbook(path)
    del book["价格"]
    book.save(path)
    problems = refused(path, county_code=YUNHE, year=2022)
    assert "sheet '价格' is missing" in problems[0]
    assert f"expected {YUNHE}" in problems[1]
    assert "is the form of 2023, expected 2022" in problems[2]


def test_a_form_under_another_county_s_name_is_refused(folder):
    wrong = file_of(folder, LONGQUAN).rename(folder / f"{CHUNAN}-x.xlsx")
    assert f"is the form of {LONGQUAN} 龙泉市, expected {CHUNAN}" in refused(wrong)[0]


def test_a_changed_index_and_a_strange_file_are_refused(folder, tmp_path):
    path = file_of(folder, LONGQUAN)
    edit(path, (workbook.INDEX, "F5", "else"))
    assert "hidden sheet '_form' was changed" in refused(path)[0]
    text = tmp_path / "a.xlsx"
    text.write_text("not a workbook", encoding="utf-8")
    assert "cannot be read as a workbook" in refused(text)[0]
    small = RULES.model_copy(update={"largest_file_mb": 0.001})
    with pytest.raises(forms.FormError, match="MB unpacked"):
        forms.read_form(file_of(folder, YUNHE), small)


def test_a_county_that_is_there_twice_is_named_with_both_files(folder):
    path = file_of(folder, LONGQUAN)
    shutil.copy(path, folder / "copy.xlsx")
    with pytest.raises(forms.FormError, match="is there 2 times") as error:
        forms.read_folder(folder, RULES)
    assert "copy.xlsx" in str(error.value)
    assert path.name in str(error.value)


def test_sums_are_the_sums_of_the_counties(folder, tmp_path):
    rolled = forms.roll_up(folder, tmp_path / "sums", RULES, expected=ALL)
    assert rolled.complete
    province = forms.read_form(tmp_path / "sums" / "province.xlsx", RULES).figures
    lishui = forms.read_form(tmp_path / "sums" / "prefecture" / "丽水市.xlsx", RULES)
    assert lishui.heading.code == "331100"
    for figures, codes in ((province, ALL), (lishui.figures, [YUNHE, LONGQUAN])):
        got = figures.set_index(model.KEY)["value"]
        wanted = model.ledger_figures(pd.concat([account(code) for code in codes]))
        wanted = wanted.groupby(model.KEY)["value"].sum()
        pd.testing.assert_series_equal(got.loc[wanted.index], wanted, check_exact=False, rtol=1e-12)
    assert set(figures["account"]) == {"statistics", "extent", "tables", "components", "services",
                                       "gep"}  # fmt: skip
    kept = province[province["account"] == "tables"]["item"].tolist()
    assert kept == ["reservoirs.紧水滩水库.total_capacity_m3"]
    checks = forms.reconcile(folder, tmp_path / "sums", RULES, expected=ALL)
    assert checks["ok"].all()
    assert set(checks["check"]) == {
        rollup.COMPLETE,
        rollup.PARTS,
        rollup.EXTENT,
        rollup.PREFECTURES,
        rollup.PROVINCES,
    }


def test_a_missing_county_is_named_and_makes_the_sums_incomplete(folder, tmp_path):
    file_of(folder, YUNHE).unlink()
    rolled = forms.roll_up(folder, tmp_path / "sums", RULES, expected=ALL)
    assert rolled.missing == (YUNHE,)
    assert not rolled.complete
    for name, complete in (("province", False), ("prefecture/丽水市", False),
                           ("prefecture/杭州市", True)):  # fmt: skip
        path = tmp_path / "sums" / f"{name}.xlsx"
        assert forms.read_form(path, RULES).heading.complete is complete
        status = load_workbook(path)["封面与签章"]["C9"].value
        assert status.startswith("完整" if complete else "不完整")
        assert ("云和县" in status) is not complete
    checks = forms.reconcile(folder, tmp_path / "sums", RULES, expected=ALL)
    bad = checks[~checks["ok"]]
    assert set(bad["check"]) == {rollup.COMPLETE}
    assert set(bad["place"]) == {"浙江省", "丽水市"}
    assert set(bad["note"]) == {"云和县"}


def test_a_tampered_figure_fails_where_it_no_longer_fits(folder, tmp_path):
    forms.roll_up(folder, tmp_path / "sums", RULES, expected=ALL)
    path = file_of(folder, LONGQUAN)
    sheet, cell = cell_of(path, "components", "tourism.spending", "value", "current")
    edit(path, (sheet, cell, 5.0e9))
    rows = pd.concat([account(code) for code in ALL])
    checks = forms.reconcile(folder, tmp_path / "sums", RULES, expected=ALL, ledger_rows=rows)
    bad = checks[~checks["ok"]].set_index("check")
    assert bad["place"].to_dict() == {
        rollup.PARTS: "龙泉市",
        rollup.PREFECTURES: "丽水市",
        rollup.LEDGER: "龙泉市",
    }
    assert bad.loc[rollup.LEDGER, "difference"] == pytest.approx(1.0e9)
    assert bad.loc[rollup.PREFECTURES, "item"] == "tourism.spending"


def test_sums_do_not_replace_a_folder_with_other_files(folder):
    with pytest.raises(forms.FormError, match="holds other files"):
        forms.roll_up(folder, folder.parent, RULES, expected=ALL)
    assert len(list(folder.glob("*.xlsx"))) == len(ALL)


def test_no_text_becomes_a_formula(tmp_path):
    evil = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "'=1"]
    rows = tables(*[(f"{text}.total_capacity_m3", "m3", 1.0, text) for text in evil])
    folder = tmp_path / "county"
    path = write(folder, LONGQUAN, rows)
    forms.roll_up(folder, tmp_path / "sums", RULES, expected=[LONGQUAN])
    ours = re.compile(r"=(SUM\([A-Z0-9:,]+\)|I\d+-K\d+)")
    for file in (path, *(tmp_path / "sums").rglob("*.xlsx")):
        for sheet in load_workbook(file):
            for cell in (cell for row in sheet.iter_rows() for cell in row):
                if cell.data_type == "f":
                    assert ours.fullmatch(cell.value), cell
                elif isinstance(cell.value, str):
                    assert not cell.value.startswith(("=", "+", "-", "@", "\t")), cell
    figures = forms.read_form(path, RULES).figures
    assert set(figures[figures["account"] == "tables"]["part"]) == set(evil)
    checks = forms.reconcile(folder, tmp_path / "sums", RULES, expected=[LONGQUAN])
    forms.write_reconciliation(checks, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        items = {row["item"] for row in csv.DictReader(stream)}
    assert "'=HYPERLINK(1).total_capacity_m3" in items


def test_a_figure_below_zero_in_the_ledger_is_named_before_anything_is_written(tmp_path):
    strict = RULES.model_copy(update={"may_be_negative": ()})
    with pytest.raises(forms.FormError) as error:
        forms.write_county_form(
            account(LONGQUAN), TABLES, PriceBook.read(), heading(LONGQUAN), tmp_path / "a.xlsx",
            strict,
        )  # fmt: skip
    assert any("extent / mixed_forest / change must be ≥ 0, got -5.5" in p
               for p in error.value.problems)  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def pack():
    return Pack.open(paths.OPEN_PACK)


def test_the_pack_s_tables_give_basic_figures_with_their_units(pack):
    got = model.table_figures(CountyInputs(pack, LONGQUAN, YEAR)).set_index("item")
    whole = pack.table("tourism", LONGQUAN, YEAR)
    assert got.loc["tourism.visitors_person", "value"] == whole["visitors_person"].item()
    assert got.loc["tourism.visitors_person", "unit"] == "person"
    assert got.loc["material_products.forestry.output_value_cny", "part"] == "林业"
    assert (got["origin"] == "illustrative").all()


def test_a_release_gives_forms_of_all_levels(tmp_path, pack):
    release = tmp_path / "r"
    with pytest.raises(CoverageError, match="no county has an account of 2023"):
        forms.write_release_forms(release, YEAR, pack, RULES)
    for code in (LONGQUAN, YUNHE):
        path = stage_dir(release, "accounting", code, YEAR) / LEDGER_FILE
        path.parent.mkdir(parents=True)
        ledger.write(account(code), path)
    made = forms.write_release_forms(release, YEAR, pack, RULES, prices=PriceBook.read())
    found = {p.relative_to(release / "forms").as_posix() for p in made.folder.rglob("*.*")}
    assert found == {
        "2023/county/331125-云和县.xlsx",
        "2023/county/331181-龙泉市.xlsx",
        "2023/prefecture/丽水市.xlsx",
        "2023/province.xlsx",
        "2023/reconciliation.csv",
    }
    assert len(made.missing) == len(counties.read()) - 2
    assert set(made.failed["check"]) == {rollup.COMPLETE}
    assert (made.checks["check"] == rollup.LEDGER).any()


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("CNY", "元"),
        ("t a-1", "吨/年"),
        ("CNY m-3", "元/立方米"),
        ("CNY m-2 a-1", "元/平方米/年"),
        ("t CO2", "t CO2"),
        ("", "—"),
    ],
)
def test_units_are_shown_in_chinese_where_they_are_known(unit, shown):
    assert model.unit_zh(unit) == shown
