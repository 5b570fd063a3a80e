"""A folder as counties hold it is guessed right, nothing of it changes, and bad files are only named."""

import csv
import hashlib
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from openpyxl import Workbook
from shapely.geometry import LineString, box

from gepbook.errors import PackError
from gepbook.inputs.own_data import declaration, dictionary, guessing, tables, templates
from gepbook.inputs.own_data.declaration import Column
from gepbook.inputs.own_data.guessing import from_rasters, words

LONGQUAN, YUNHE = "331181", "331125"
CGCS2000_120 = "EPSG:4549"
TRANSFORM = rasterio.Affine(30, 0, 400_000, 0, -30, 3_110_000)


def write_raster(path, values, **options):
    """Write bands (band, y, x) in CGCS2000, zone of 120°."""
    profile = {
        "driver": "GTiff", "count": len(values), "height": values.shape[1], "width": values.shape[2],
        "dtype": values.dtype, "crs": CGCS2000_120, "transform": TRANSFORM, **options,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(values)
    return path


def write_sheet(path, rows, merged=(), sheet="Sheet1"):
    book = Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    for span in merged:
        book.active.merge_cells(span)
    book.save(path)
    return path


def hashes(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


def declared(tmp_path, text):
    """Read a guessed declaration as the checks do; where no file tells a year, the user fills it in."""
    text = text.replace("years: []  # 请填写核算年份", "years: [2022]")
    folder = tmp_path / "declared"
    folder.mkdir(exist_ok=True)
    (folder / declaration.FILE_NAME).write_text(text, encoding="utf-8")
    return declaration.read(folder)


def guessed(tmp_path, folder):
    text, problems = guessing.guess(folder)
    return {f.path: f for f in declared(tmp_path, text).files}, problems, text


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "数据"
    made.mkdir()
    return made


@pytest.fixture
def bureau(folder):
    """A county's folder: yearbook pages in GB18030 and Excel, rasters, a shapefile in GBK."""
    with (folder / "主要污染物排放.csv").open("w", encoding="gb18030", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ["县代码", "年度", "二氧化硫排放量（吨）", "氮氧化物(万吨)", "排名"],
                [LONGQUAN, 2022, 12.5, 0.03, 1],
                [YUNHE, 2022, 7.5, 0.02, 2],
            ]
        )
    write_sheet(
        folder / "2022年统计年鉴.xlsx",
        [
            ["2022年国民经济主要指标"],
            ["单位：万元"],
            ["县(市、区)", "地区生产总值", None, "一般公共预算", None],
            [None, "绝对数", "比上年增长(%)", "一般公共预算收入", "一般公共预算支出"],
            ["全市", 300, 5.1, 30, 60],
            ["龙泉市", 200, 5.0, 20, 40],
            ["云和县", 100, 5.2, 10, 20],
        ],
        ["A3:A4", "B3:C3", "D3:E3"],
        sheet="综合",
    )
    months = np.arange(12 * 64, dtype="float32").reshape(12, 8, 8)
    path = write_raster(folder / "气象" / "precipitation_2022.tif", months, nodata=-9999)
    with rasterio.open(path, "r+") as sink:
        sink.units = ["mm"] * 12
    codes = np.resize([1, 2, 2, 2, 4, 5, 7, 8, 9, 0], 64).reshape(1, 8, 8).astype("uint8")
    write_raster(folder / "CLCD_v01_2022.tif", codes)
    polygons = gpd.GeoDataFrame(
        {"PAC": [331181, 331125], "县名": ["龙泉市", "云和县"]},
        geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)],
        crs=CGCS2000_120,
    )
    polygons.to_file(folder / "县界.shp", encoding="gb18030")
    (folder / "县界.cpg").unlink()
    return folder


class TestBureau:
    def test_table_of_text(self, bureau, tmp_path):
        files, _, _ = guessed(tmp_path, bureau)
        file = files["主要污染物排放.csv"]
        assert (file.table, file.encoding, file.header_rows) == ("emissions", "gb18030", [1])
        assert file.year is None
        assert file.columns == {
            "county_code": Column(header="县代码"),
            "year": Column(header="年度"),
            "so2_t": Column(header="二氧化硫排放量（吨）", unit="吨"),
            "nox_t": Column(header="氮氧化物(万吨)", unit="万吨"),
        }

    def test_merged_header_and_line_of_units(self, bureau, tmp_path):
        file = guessed(tmp_path, bureau)[0]["2022年统计年鉴.xlsx"]
        assert (file.table, file.sheet, file.year) == ("economy", "综合", 2022)
        assert file.header_rows == [3, 4]
        names = {"龙泉市": LONGQUAN, "云和县": YUNHE}
        upper = "一般公共预算"
        assert file.columns == {
            "county_code": Column(header="县(市、区)", values=names),
            "gdp_cny": Column(header="地区生产总值/绝对数", unit="万元"),
            "general_budget_revenue_cny": Column(header=f"{upper}/一般公共预算收入", unit="万元"),
            "general_budget_expenditure_cny": Column(header=f"{upper}/一般公共预算支出", unit="万元"),
        }  # fmt: skip

    def test_guessed_tables_can_be_read(self, bureau, tmp_path):
        files, _, _ = guessed(tmp_path, bureau)
        economy = tables.read_table(bureau, files["2022年统计年鉴.xlsx"]).frame
        assert list(economy["county_code"]) == [LONGQUAN, YUNHE]
        assert list(economy["gdp_cny"]) == [2e6, 1e6]  # 200 万元, 100 万元
        emissions = tables.read_table(bureau, files["主要污染物排放.csv"]).frame
        assert list(emissions["nox_t"]) == pytest.approx([300, 200])  # 0.03 万吨 = 300 t

    def test_rasters(self, bureau, tmp_path):
        files, _, text = guessed(tmp_path, bureau)
        rain = files["气象/precipitation_2022.tif"]
        assert (rain.layer, rain.year, rain.unit, rain.nodata) == ("precipitation", 2022, "mm", [])
        assert "坐标系 EPSG:4549, 取自文件" in text
        assert "无效值 -9999, 取自文件" in text
        cover = files["CLCD_v01_2022.tif"]
        assert (cover.layer, cover.year, cover.classes) == ("land_cover", 2022, "clcd")
        assert cover.nodata == [0]  # no class of CLCD; the file names no nodata

    def test_polygons(self, bureau, tmp_path):
        file = guessed(tmp_path, bureau)[0]["县界.shp"]
        assert (file.table, file.encoding) == ("counties", "gb18030")
        assert file.columns == {
            "county_code": Column(header="PAC"),
            "name_zh": Column(header="县名"),
        }

    def test_the_whole(self, bureau, tmp_path):
        text, problems = guessing.guess(bureau)
        found = declared(tmp_path, text)
        assert found.originals == bureau.resolve().as_posix()
        assert found.years == [2022]
        assert found.counties == [YUNHE, LONGQUAN]
        assert found.grid.cell_m == 30
        assert len(found.files) == 5
        assert problems == []

    def test_doubt_is_said(self, bureau):
        text, _ = guessing.guess(bureau)
        assert "# 猜测: 年份 2022 取自表头、文件名、工作表名或标题" in text
        assert "# 猜测: 地区生产总值 取自列 “地区生产总值/绝对数” (部分一致)" in text
        assert "# 未用的列: 地区生产总值/比上年增长(%)" in text
        assert "# 未找到: 常住人口" in text
        assert "# 未用的列: 排名" in text

    def test_nothing_changes(self, bureau, tmp_path):
        before = hashes(bureau)
        notes = guessing.write_guess(bureau, tmp_path / "新")
        assert hashes(bureau) == before
        assert notes == []
        assert sorted(p.name for p in (tmp_path / "新").iterdir()) == [
            "README.md",
            "declaration.yaml",
        ]
        assert declaration.read(tmp_path / "新").originals == bureau.resolve().as_posix()


class TestWriting:
    def test_refuses_a_folder_in_use(self, folder, tmp_path):
        (tmp_path / "新").mkdir()
        (tmp_path / "新" / "a.txt").write_text("")
        with pytest.raises(PackError, match=r"must be empty, but holds a\.txt"):
            guessing.write_guess(folder, tmp_path / "新")

    def test_refuses_a_folder_inside_the_originals(self, folder):
        with pytest.raises(PackError, match="lies inside"):
            guessing.write_guess(folder, folder / "new")
        assert not (folder / "new").exists()

    def test_needs_a_folder(self, tmp_path):
        with pytest.raises(PackError, match="is no folder"):
            guessing.guess(tmp_path / "absent")

    def test_nothing_recognised(self, folder):
        (folder / "说明.docx").write_bytes(b"x")
        text, problems = guessing.guess(folder)
        assert yaml.safe_load(text)["files"] == []
        assert [p.file for p in problems] == ["说明.docx"]

    def test_a_name_cannot_leave_its_comment(self, folder, tmp_path):
        (folder / "a\nname: evil\n.docx").write_bytes(b"x")
        text, _ = guessing.guess(folder)
        assert yaml.safe_load(text)["name"] == "own_data"


class TestTables:
    def test_row_of_units_below_the_header(self, folder, tmp_path):
        write_sheet(
            folder / "发电量.xlsx",
            [
                ["行政区划代码", "年份", "水力发电量", "生物质发电量"],
                [None, None, "亿千瓦时", "万千瓦时"],
                [LONGQUAN, 2021, 1.5, 20],
                [LONGQUAN, 2022, 1.6, 30],
            ],
        )
        files, _, text = guessed(tmp_path, folder)
        file = files["发电量.xlsx"]
        assert file.header_rows == [1, 2]
        assert file.columns["hydropower_kwh"] == Column(
            header="水力发电量/亿千瓦时", unit="亿千瓦时"
        )
        assert yaml.safe_load(text)["years"] == [2021, 2022]
        frame = tables.read_table(folder, file).frame
        assert list(frame["hydropower_kwh"]) == [1.5e8, 1.6e8]  # 1 亿千瓦时 = 1e8 kWh

    def test_two_tables_on_one_sheet(self, folder, tmp_path):
        write_sheet(
            folder / "综合2022.xlsx",
            [
                ["县代码", "GDP(亿元)", "常住人口(万人)", "生活用水(亿方)", "工业用水量(亿立方米)"],
                [LONGQUAN, 150, 25, 0.1, 0.2],
            ],
        )
        found = declared(tmp_path, guessing.guess(folder)[0]).files
        assert {f.table: set(f.columns) - {"county_code"} for f in found} == {
            "economy": {"gdp_cny", "resident_population_person"},
            "water_use": {"domestic_m3", "industrial_m3"},
        }
        assert {f.year for f in found} == {2022}

    def test_the_unit_tells_tables_apart(self, folder, tmp_path):
        # 氨氮 and 总氮 are of emissions (t) and of river sections (mg/L)
        write_sheet(
            folder / "监测2022.xlsx",
            [
                [
                    "县代码",
                    "断面编号",
                    "断面名称",
                    "河流",
                    "氨氮(mg/L)",
                    "总氮(mg/L)",
                    "总磷(mg/L)",
                ],
                [LONGQUAN, "S1", "三溪口", "瓯江", 0.1, 1.2, 0.02],
            ],
        )
        file = guessed(tmp_path, folder)[0]["监测2022.xlsx"]
        assert file.table == "water_sections"
        assert file.columns["ammonia_nitrogen_mg_l"].unit == "mg/L"

    def test_words_and_truth_values(self, folder, tmp_path):
        write_sheet(
            folder / "环境质量2023.xlsx",
            [
                ["县代码", "空气质量优良天数比例(%)", "空气达到功能区标准", "水体达到功能区标准"],
                [LONGQUAN, 99.1, "达标", "未达标"],
            ],
        )
        file = guessed(tmp_path, folder)[0]["环境质量2023.xlsx"]
        assert file.columns["air_standard_met"].values == {"达标": "true"}
        assert file.columns["water_standard_met"].values == {"未达标": "false"}

    def test_unknown_unit_is_left_to_the_user(self, folder, tmp_path):
        write_sheet(
            folder / "旅游2022.xlsx",
            [["县代码", "旅游收入", "接待游客(万人次)"], [LONGQUAN, 1, 2]],
        )
        files, _, text = guessed(tmp_path, folder)
        assert files["旅游2022.xlsx"].columns["spending_cny"].unit == ""
        assert "单位未见于文件, 请在各列填写 unit: 旅游收入" in text

    def test_years_side_by_side(self, folder):
        write_sheet(
            folder / "GDP.xlsx",
            [["县代码", "2021年地区生产总值", "2022年地区生产总值"], [LONGQUAN, 1, 2]],
        )
        _, problems = guessing.guess(folder)
        assert [p.message for p in problems] == ["years stand side by side in the header"]
        assert problems[0].value == "2021, 2022"

    def test_a_sheet_without_year_is_named(self, folder):
        write_sheet(folder / "GDP.xlsx", [["县代码", "地区生产总值"], [LONGQUAN, 1]])
        _, problems = guessing.guess(folder)
        assert [p.message for p in problems] == [
            "looks like economy (国民经济基本情况), but has no 年份"
        ]

    @pytest.mark.parametrize(
        ("encoding", "found"),
        [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gbk", "gb18030"), ("utf-16", "utf-16")],
    )
    def test_encodings(self, folder, tmp_path, encoding, found):
        text = f"行政区划代码,年份,红线面积(平方公里)\n{LONGQUAN},2022,812.5\n"
        (folder / "红线.csv").write_text(text, encoding=encoding)
        file = guessed(tmp_path, folder)[0]["红线.csv"]
        assert (file.table, file.encoding) == ("redline", found)


class TestBadFiles:
    def test_are_named_and_never_raise(self, folder):
        (folder / "坏.xlsx").write_bytes(b"PK\x03\x04 cut off")
        (folder / "坏.csv").write_bytes(b"\xff\xff\x00\x01")
        (folder / "坏_dem.tif").write_bytes(b"II*\x00")
        (folder / "坏.shp").write_bytes(b"")
        (folder / "坏.zip").write_bytes(b"PK")
        (folder / "空.gdb").mkdir()
        (folder / "旧.xls").write_bytes(b"\xd0\xcf\x11\xe0")
        (folder / "空.csv").write_bytes(b"")
        _, problems = guessing.guess(folder)
        assert {p.file for p in problems} == {p.name for p in folder.iterdir()} - {"空.csv"}
        assert {(p.rule, p.severity) for p in problems} == {("guess", "note")}

    def test_a_workbook_that_unpacks_to_too_much_is_not_opened(self, folder, monkeypatch):
        path = write_sheet(folder / "炸弹.xlsx", [["县代码", "年份", "地区生产总值(亿元)"]])
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/media/x.bin", bytes(3_000_000))
        limits = templates.limits().model_copy(update={"workbook_size_mb": 2.0})
        monkeypatch.setattr(templates, "limits", lambda: limits)
        _, problems = guessing.guess(folder)
        assert len(problems) == 1
        assert "unpacks to 3 MB, more than 2 MB" in problems[0].message

    def test_hidden_and_lock_files_are_skipped(self, folder):
        for name in (".DS_Store", "~$表.xlsx", "._a.tif"):
            (folder / name).write_bytes(b"x")
        assert guessing.guess(folder)[1] == []


class TestRasters:
    @pytest.mark.parametrize(
        ("codes", "name", "found"),
        [
            ([10, 20, 30, 50, 60, 80], "lulc_2020", "globeland30"),  # 6 of 10 against 6 of 11 codes
            ([10, 20, 30, 50, 60, 80], "ESA_WorldCover_2020", "worldcover"),  # its name says so
            ([10, 20, 40, 95], "lulc_2020", "worldcover"),
            ([0, 1, 5, 8, 12, 14, 16], "土地利用2020", "igbp"),
            ([1, 2, 5, 7, 8], "土地利用2020", "clcd"),  # 5 of 9 against 5 of 17 codes
            ([101, 103, 301, 307, 1101], "三调2020", "survey3"),
        ],
    )
    def test_class_systems(self, folder, tmp_path, codes, name, found):
        values = np.resize(codes, 64).reshape(1, 8, 8).astype("int16")
        write_raster(folder / f"{name}.tif", values)
        file = guessed(tmp_path, folder)[0][f"{name}.tif"]
        assert (file.layer, file.year, file.classes) == ("land_cover", 2020, found)

    def test_unknown_codes_have_no_system(self, folder, tmp_path):
        write_raster(folder / "lulc2020.tif", np.full((1, 4, 4), 777, "int16"))
        files, _, text = guessed(tmp_path, folder)
        assert files["lulc2020.tif"].classes == ""
        assert "代码 777 与已有对照表都不相符" in text

    @pytest.mark.parametrize(
        ("name", "layer", "year"),
        [
            ("CHN_pre2021", "precipitation", 2021),
            ("2020年气温", "air_temperature", 2020),
            ("DEM_12.5m", "elevation", None),
            ("dem_slope_2019", "slope", None),  # a slope has no year
            ("npp-2018", "net_primary_productivity", 2018),
            ("植被覆盖度2022", "vegetation_cover", 2022),
            ("soil_clay", "soil_clay", None),
        ],
    )
    def test_names(self, folder, tmp_path, name, layer, year):
        bands = 12 if dictionary.layers()[layer].bands == "months" else 1
        write_raster(folder / f"{name}.tif", np.ones((bands, 4, 4), "float32"))
        file = guessed(tmp_path, folder)[0][f"{name}.tif"]
        assert (file.layer, file.year) == (layer, year)

    def test_the_folder_names_it_where_the_file_does_not(self, folder, tmp_path):
        write_raster(folder / "降水" / "2022.tif", np.ones((12, 4, 4), "float32"))
        file = guessed(tmp_path, folder)[0]["降水/2022.tif"]
        assert (file.layer, file.year) == ("precipitation", 2022)

    def test_unit_is_never_assumed(self, folder, tmp_path):
        write_raster(folder / "pre_2022.tif", np.ones((12, 4, 4), "float32"))
        files, _, text = guessed(tmp_path, folder)
        assert files["pre_2022.tif"].unit == ""
        assert "请填写 unit, 例如 mm 或 0.1 mm" in text

    def test_a_size_in_the_name_is_no_unit(self, folder, tmp_path):
        write_raster(folder / "dem_30m.tif", np.ones((1, 4, 4), "float32"))
        assert guessed(tmp_path, folder)[0]["dem_30m.tif"].unit == ""

    def test_fill_value_that_the_file_does_not_name(self, folder, tmp_path):
        values = np.array([[[-9999, 3, 800, 1900]]], "float32")
        write_raster(folder / "dem.tif", values)
        files, _, text = guessed(tmp_path, folder)
        assert files["dem.tif"].nodata == [-9999]
        assert "抽样数值 3 至 1900" in text

    def test_bands_and_doubles_are_named(self, folder):
        write_raster(folder / "pre_2022.tif", np.ones((1, 4, 4), "float32"))
        write_raster(folder / "pre_202207.tif", np.ones((1, 4, 4), "float32"))
        write_raster(folder / "dem.tif", np.ones((1, 4, 4), "float32"))
        write_raster(folder / "dem_new.tif", np.ones((1, 4, 4), "float32"))
        write_raster(folder / "x.tif", np.ones((1, 4, 4), "float32"))
        said = {p.file: p.message for p in guessing.guess(folder)[1]}
        assert said == {
            "pre_2022.tif": "may be precipitation, which has 12 bands",
            "pre_202207.tif": "may be precipitation of one month",
            "dem_new.tif": "may be elevation too, for which dem.tif was taken",
            "x.tif": "its name says of no layer what it is",
        }

    def test_large_rasters_are_read_in_part(self, folder, tmp_path, monkeypatch):
        side = words.thresholds().overview_side
        values = np.full((1, 4 * side, 4 * side), 2, "uint8")
        values[0, :, : 2 * side] = 1
        path = write_raster(folder / "clcd_2020.tif", values, tiled=True, compress="deflate")
        with rasterio.open(path) as source:
            seen = from_rasters.sample(source)
        assert set(seen) == {1, 2}
        assert len(seen) <= side * side  # of 16 times as many cells
        assert guessed(tmp_path, folder)[0]["clcd_2020.tif"].classes == "clcd"


class TestVectorsAndArchives:
    def test_geodatabase_and_cut_names(self, folder, tmp_path):
        # 10 bytes of GBK: 行政区划代码 is kept as 行政区划代
        frame = gpd.GeoDataFrame(
            {"登记单元号": ["A1"], "行政区划代": [LONGQUAN], "资源类型": ["森林"], "所有权": ["国有"],
             "登记状态": ["已登簿"], "MJ": [12.5]},
            geometry=[box(0, 0, 1, 1)], crs=CGCS2000_120,
        )  # fmt: skip
        frame.to_file(folder / "登记单元.shp", encoding="gb18030")
        frame.to_file(folder / "确权.gpkg", layer="登记单元")
        frame.to_file(folder / "确权.gdb", layer="登记单元", driver="OpenFileGDB")
        files, _, _ = guessed(tmp_path, folder)
        for name in ("登记单元.shp", "确权.gpkg", "确权.gdb"):
            assert files[name].table == "resource_units"
            assert files[name].columns["county_code"].header == "行政区划代"
            assert files[name].columns["resource"].values == {"森林": "forest"}
            assert files[name].columns["declared_area_ha"].header == "MJ"
        assert files["确权.gpkg"].layer_in_file == files["确权.gdb"].layer_in_file == "登记单元"

    def test_lines_are_no_table(self, folder):
        lines = gpd.GeoDataFrame(
            {"a": [1]}, geometry=[LineString([(0, 0), (1, 1)])], crs=CGCS2000_120
        )
        lines.to_file(folder / "县界.gpkg")
        _, problems = guessing.guess(folder)
        assert "LineString, not polygons" in problems[0].message

    def test_archives_by_name_alone(self, folder, tmp_path):
        with zipfile.ZipFile(folder / "数据.zip", "w") as archive:
            for name in (
                "气象/降水2022.tif",
                "县界.shp",
                "县界.dbf",
                "a.gdb/x.gdbtable",
                "表.xlsx",
            ):
                archive.writestr(name, b"")
        files, problems, _ = guessed(tmp_path, folder)
        assert files["数据.zip/气象/降水2022.tif"].year == 2022
        assert files["数据.zip/县界.shp"].table == "counties"
        said = {p.file: p.message for p in problems}
        assert said == {
            "数据.zip/a.gdb": "its name does not say what it is",
            "数据.zip/表.xlsx": "a table in an archive was not looked into",
        }


class TestWords:
    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("万元", "万元"), ("℃", "degC"), ("0.1℃", "0.1 degC"), ("mm/month", "mm"),
            ("gC/m2", "g m-2 a-1"), ("市、区", ""), ("2022", ""), ("合计", ""), ("%", "%"),
        ],
    )  # fmt: skip
    def test_units(self, text, unit):
        assert words.unit_of(text) == unit

    def test_every_word_is_of_the_dictionary(self):
        known = {n for t in dictionary.tables().values() for n in t.fields}
        full = {f"{t}.{n}" for t, e in dictionary.tables().items() for n in e.fields}
        known_words = words.synonyms()
        assert set(known_words.fields) <= known | full
        assert set(known_words.tables) <= set(dictionary.tables())
        assert set(known_words.layers) == set(dictionary.layers())
        assert set(known_words.crosswalks) == set(dictionary.crosswalks())

    def test_thresholds_carry_their_unit_and_source(self):
        assert 0 < words.thresholds().near_name < 1
