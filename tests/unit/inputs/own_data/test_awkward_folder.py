"""Every awkward file at once: each is named, none crashes the check, none is mended in silence."""

import hashlib
import shutil
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
import yaml
from affine import Affine
from openpyxl.styles import Font
from shapely.geometry import Polygon, box

from gepbook.inputs.own_data import building, checking, problems
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

HEADERS = ["行政区划代码", "年份", "生活用水", "工业用水", "农业用水"]
COLUMNS = {
    "county_code": {"header": "行政区划代码"},
    "year": {"header": "年份"},
    "domestic_m3": {"header": "生活用水", "unit": "万立方米"},
    "industrial_m3": {"header": "工业用水", "unit": "万立方米"},
    "agricultural_m3": {"header": "农业用水", "unit": "万立方米"},
}
ROW = ["331181", 2023, 100, 200, 300]
#: File → rules that must name it.
EXPECTED = {
    "full_width.xlsx": {"full_width"},
    "spaces.xlsx": {"spaces"},
    "two_units.xlsx": {"mixed_units"},
    "formula.xlsx": {"formula"},
    "hidden.xlsx": {"hidden"},
    "macros.xlsm": {"macros"},
    "duplicate.xlsx": {"duplicate_key"},
    "total.xlsx": {"total"},
    "text_date.xlsx": {"text_date"},
    "unknown_code.xlsx": {"unknown_code"},
    "renamed_code.xlsx": {"renamed_code"},
    "injection.xlsx": {"not_a_number"},
    "bomb.zip": {"zip_bomb"},
    "escape.zip": {"path_escape"},
    "bow_tie.geojson": {"invalid_geometry"},
    "swapped.geojson": {"swapped_axes"},
    "wrong_zone.gpkg": {"wrong_zone"},
    "nodata_zero.tif": {"unknown_class", "nodata_unmarked", "gaps", "class"},
    "nodata_9999.tif": {"nodata_unmarked"},
}


def book(path, rows, spoil=None):
    made = openpyxl.Workbook()
    sheet = made.active
    for row in rows:
        sheet.append(row)
    if spoil:
        spoil(made, sheet)
    made.save(path)


def entry(path, **also):
    return {"path": path, "table": "water_use", "columns": COLUMNS, **also}


def tables(folder):
    """Write the awkward workbooks and return how they are declared."""
    book(folder / "full_width.xlsx", [HEADERS, ["331181", 2023, "\uff11\uff12\uff13", 1, 1]])
    book(folder / "spaces.xlsx", [HEADERS, ["331181 ", 2023, 1, 1, 1]])
    book(folder / "two_units.xlsx", [HEADERS, ["331181", 2023, "12 万立方米", "3 亿立方米", 1],
                                     ["331126", 2023, "1 亿立方米", 4, 1]])  # fmt: skip
    book(folder / "formula.xlsx", [HEADERS, ["331181", 2023, "=1+1", 1, 1]])

    def hide(made, sheet):
        made.create_sheet("底稿").sheet_state = "hidden"

    book(folder / "hidden.xlsx", [HEADERS, ROW], hide)
    book(folder / "plain.xlsx", [HEADERS, ROW])
    shutil.move(folder / "plain.xlsx", folder / "macros.xlsm")
    with zipfile.ZipFile(folder / "macros.xlsm", "a") as made:
        made.writestr("xl/vbaProject.bin", b"macro")
    book(folder / "duplicate.xlsx", [HEADERS, ROW, ROW])
    book(
        folder / "total.xlsx",
        [HEADERS, ROW, ["331126", 2023, 1, 1, 1], ["合计", 2023, 999, 201, 301]],
    )
    book(folder / "unknown_code.xlsx", [HEADERS, ["339999", 2023, 1, 1, 1]])
    book(folder / "renamed_code.xlsx", [HEADERS, ["331021", 2023, 1, 1, 1]])
    book(folder / "injection.xlsx", [HEADERS, ["331181", 2023, "@cmd|' /C calc'!A0", 1, 1]])
    right = ["权利编号", "登记单元号", "行政区划代码", "方式", "权利人", "面积", "起", "止"]
    book(folder / "text_date.xlsx", [right, ["Q1", "U1", "331181", "出租", "农户", 1, "2023年6月30日",
                                             "2033.6.30"]])  # fmt: skip
    fields = ["right_id", "unit_id", "county_code", "kind", "holder_type", "area_ha", "start_date",
              "end_date"]  # fmt: skip
    rights = {f: {"header": h} for f, h in zip(fields, right, strict=True)}
    rights["area_ha"]["unit"] = "公顷"

    def merge(made, sheet):
        sheet.merge_cells("C1:E1")
        sheet["A1"].font = Font(bold=True)

    book(
        folder / "merged_header.xlsx",
        [
            ["行政区划代码", "年份", "用水量（万立方米）", None, None],
            [None, None, "生活", "工业", "农业"],
            ROW,
        ],
        merge,
    )
    merged = {
        field: {"header": h, **({"unit": "万立方米"} if field.endswith("m3") else {})}
        for field, h in zip(COLUMNS, ["行政区划代码", "年份", "生活", "工业", "农业"], strict=True)
    }
    names = [n for n in EXPECTED if n.endswith(("xlsx", "xlsm")) and n != "text_date.xlsx"]
    return [
        *(entry(name) for name in names),
        {"path": "merged_header.xlsx", "table": "water_use", "columns": merged,
         "header_rows": [1, 2]},
        {"path": "text_date.xlsx", "table": "resource_rights", "columns": rights},
    ]  # fmt: skip


def archives(folder):
    """Write a zip bomb and an archive that reaches out of its folder."""
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("units.geojson", b"0" * 60_000_000)
    with zipfile.ZipFile(folder / "escape.zip", "w") as made:
        made.writestr("../units.geojson", "{}")
        made.writestr("units.geojson", "{}")
    return [units("bomb.zip/units.geojson"), units("escape.zip/units.geojson")]


def units(path, **also):
    columns = {
        "unit_id": {"header": "DYH"}, "county_code": {"header": "DM"}, "name": {"header": "MC"},
        "resource": {"header": "ZYLX"}, "owner_type": {"header": "SYQ"}, "owner": {"header": "DB"},
        "status": {"header": "ZT"}, "important": {"header": "ZY"},
        "declared_area_ha": {"header": "MJ", "unit": "公顷"},
    }  # fmt: skip
    return {"path": path, "table": "resource_units", "columns": columns, **also}


def layer(shape, crs, number):
    return gpd.GeoDataFrame(
        {
            "DYH": [f"U{number}"], "DM": ["331181"], "MC": ["凤阳山"], "ZYLX": ["森林"],
            "SYQ": ["国有"], "DB": ["龙泉市政府"], "ZT": ["调查中"], "ZY": ["是"], "MJ": [1.0],
        },
        geometry=[shape],
        crs=crs,
    )  # fmt: skip


def vectors(folder):
    """Write the awkward vector files and return how they are declared."""
    tie = Polygon([(119.0, 28.0), (119.1, 28.1), (119.1, 28.0), (119.0, 28.1)])
    layer(tie, "EPSG:4326", 1).to_file(folder / "bow_tie.geojson")
    layer(box(28.0, 119.0, 28.1, 119.1), "EPSG:4326", 2).to_file(folder / "swapped.geojson")
    metric = layer(box(119.0, 28.0, 119.1, 28.1), "EPSG:4490", 3).to_crs("EPSG:4549")
    metric.set_crs("EPSG:4546", allow_override=True).to_file(folder / "wrong_zone.gpkg")
    layer(box(119.2, 28.0, 119.21, 28.01), "EPSG:4490", 4).to_file(
        folder / "gbk.shp", encoding="GBK"
    )
    (folder / "gbk.cpg").unlink()
    names = ("bow_tie.geojson", "swapped.geojson", "wrong_zone.gpkg", "gbk.shp")
    return [units(name) for name in names]


def rasters(folder):
    """Write rasters whose missing values are not marked and return how they are declared."""
    pack = Pack.open(OPEN_PACK)
    bounds = pack.geometry("331181").bounds
    transform = Affine(1000, 0, bounds[0] - 5000, 0, -1000, bounds[3] + 5000)
    shape = (int((bounds[3] - bounds[1]) / 1000) + 10, int((bounds[2] - bounds[0]) / 1000) + 10)
    cover = np.full(shape, 11, "int16")
    cover[20:30, 20:30] = 0
    rain = np.full(shape, 100.0, "float32")
    rain[20:30, 20:30] = -9999
    profile = {
        "driver": "GTiff", "height": shape[0], "width": shape[1], "transform": transform,
        "crs": pack.grid.crs.to_wkt(),
    }  # fmt: skip
    with rasterio.open(folder / "nodata_zero.tif", "w", count=1, dtype="int16", **profile) as out:
        out.write(cover, 1)
    with rasterio.open(
        folder / "nodata_9999.tif", "w", count=12, dtype="float32", **profile
    ) as out:
        for band in range(1, 13):
            out.write(rain, band)
    return [
        {"path": "nodata_zero.tif", "layer": "land_cover", "year": 2023},
        {"path": "nodata_9999.tif", "layer": "precipitation", "year": 2023, "unit": "mm"},
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("数据 files")
    files = [*tables(folder), *archives(folder), *vectors(folder), *rasters(folder)]
    declared = {
        "name": "awkward", "title": "乱", "years": [2023], "counties": ["331181", "331126", "331083"],
        "grid": {"cell_m": 1000}, "files": files,
    }  # fmt: skip
    text = yaml.safe_dump(declared, allow_unicode=True)
    (folder / "declaration.yaml").write_text(text, encoding="utf-8")
    return folder


def hashes(folder):
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def found(folder):
    before = hashes(folder)
    checked = checking.check(folder)
    assert hashes(folder) == before  # nothing was touched
    return checked


@pytest.mark.parametrize(("name", "rules"), EXPECTED.items(), ids=list(EXPECTED))
def test_every_awkward_file_is_named_with_what_to_do(found, name, rules):
    own = [p for p in found.problems if p.file.split("/")[0] == name and p.severity == "error"]
    assert rules & {p.rule for p in own}, [str(p) for p in own]
    assert all(p.remedy for p in own)


def test_what_only_looks_awkward_is_read(found):
    merged = next(r for f, r in found.tables["water_use"] if f.path == "merged_header.xlsx")
    assert merged.frame["industrial_m3"].to_list() == [2_000_000]  # 200 万立方米
    shape = next(r for f, r in found.vectors["resource_units"] if f.path == "gbk.shp")
    assert shape.frame["name"].to_list() == ["凤阳山"]
    assert not [p for p in found.problems if p.file == "merged_header.xlsx" and p.rule != "jump"
                and p.severity == "error" and p.rule != "duplicate_key"]  # fmt: skip


def test_the_list_goes_back_without_a_formula_in_it(found, tmp_path):
    path = tmp_path / "问题.xlsx"
    problems.write_workbook(problems.ordered(found.problems), path)
    sheet = openpyxl.load_workbook(path).active
    texts = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.value]
    assert sheet.max_row == len(found.problems) + 1
    assert any("cmd|" in str(cell.value) for cell in texts)
    assert {cell.data_type for cell in texts} <= {"s", "n"}
    assert not [c.value for c in texts if str(c.value).startswith(("=", "@", "+", "-"))]


def test_nothing_is_built_from_it(folder):
    with pytest.raises(building.PackError) as refused:
        building.build(folder)
    assert len(refused.value.problems) == len(problems.errors(checking.check(folder).problems))
    assert not (folder / "pack").exists()
    assert not (folder / "pack.part").exists()
