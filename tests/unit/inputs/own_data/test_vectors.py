"""Vector files: each way in which they go wrong, by files made for it."""

import datetime as dt
import shutil
import sqlite3
import struct
import warnings
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gepbook.errors import PackError
from gepbook.inputs.own_data.declaration import Column, FileEntry
from gepbook.inputs.own_data.vectors import SHOWN, first, layers_in, read_vector
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

#: South-west corner near 诸暨, in EPSG:4549 (central meridian 120° E): about 120.2° E, 29.7° N.
EAST, NORTH = 520_000, 3_290_000
COLUMNS = {"county_code": Column(header="县代码"), "name_zh": Column(header="县名")}


@pytest.fixture(scope="module")
def crs():
    return Pack.open(OPEN_PACK).grid.crs


def square(x=0, y=0, side=1_000):
    return box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)


def two(crs=4549, **columns):
    """Return two squares of 1 km, side by side: 100 ha each."""
    given = {"县代码": ["330681", "330106"], "县名": ["诸暨市", "西湖区"], **columns}
    return gpd.GeoDataFrame(given, geometry=[square(), square(1_000)], crs=crs)


def write(frame, path, **options):
    with warnings.catch_warnings():  # of names cut to ten bytes
        warnings.simplefilter("ignore")
        frame.to_file(path, **options)
    return path


def read(folder, path, target, **declared):
    file = FileEntry(path=path, table="counties", **{"columns": COLUMNS, **declared})
    return read_vector(folder, file, target)


def rules(found):
    """Return rule and severity of what was found, notes on left-out columns aside."""
    return {p.rule: p.severity for p in found.problems if p.rule != "unread_columns"}


def only(found, rule):
    (problem,) = [p for p in found.problems if p.rule == rule]
    return problem


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.gdb", "a.shp", "a.SHP", "a.parquet"])
def test_every_format_gives_the_same_polygons_in_the_packs_coordinates(tmp_path, crs, name):
    frame = two().to_crs(4490) if name.endswith("json") else two()
    if name.endswith("parquet"):
        frame.to_parquet(tmp_path / name)
    else:
        write(frame, tmp_path / name.lower(), driver={"a.gdb": "OpenFileGDB"}.get(name))
    if name == "a.SHP":
        for path in list(tmp_path.iterdir()):
            path.rename(tmp_path / path.name.upper().replace("A.", "a."))
    found = read(tmp_path, name, crs)
    assert rules(found) == {}
    assert list(found.frame.columns) == ["county_code", "name_zh", "geometry"]
    assert found.frame["county_code"].tolist() == ["330681", "330106"]
    assert found.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]
    assert found.places.tolist() == ["feature 1 (330681)", "feature 2 (330106)"]
    assert found.frame.crs == crs
    # 20 km off the central meridian Gauss–Krüger enlarges areas by (20 / 6371)² = 0.001 %
    assert found.frame.area.to_numpy() / 1e4 == pytest.approx([100, 100], rel=1e-4)


def test_a_zipped_shapefile_is_read_and_the_folder_left_alone(tmp_path, crs):
    inner = tmp_path / "made"
    inner.mkdir()
    write(two(), inner / "县.shp", encoding="GBK")
    folder = tmp_path / "own"
    folder.mkdir()
    with zipfile.ZipFile(folder / "县.zip", "w") as archive:
        for path in inner.iterdir():
            archive.write(path, f"数据/{path.name}")
    found = read(folder, "县.zip/数据/县.shp", crs)
    assert rules(found) == {}
    assert found.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]
    assert [p.name for p in folder.iterdir()] == ["县.zip"]
    missing = read(folder, "县.zip/none.shp", crs)
    assert (missing.frame, rules(missing)) == (None, {"missing_file": "error"})


# Encoding -----------------------------------------------------------------------------------------


def test_gbk_with_its_cpg_needs_nothing(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="GBK")
    assert (tmp_path / "a.cpg").read_text() == "GBK"
    found = read(tmp_path, "a.shp", crs)
    assert rules(found) == {}
    assert found.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]


@pytest.mark.parametrize(("encoding", "said"), [("GBK", "GB18030"), ("UTF-8", "UTF-8")])
def test_without_cpg_the_texts_themselves_tell(tmp_path, crs, encoding, said):
    write(two(), tmp_path / "a.shp", encoding=encoding)
    (tmp_path / "a.cpg").unlink()
    found = read(tmp_path, "a.shp", crs)
    assert rules(found) == {"encoding": "note"}
    assert f"read as {said}" in only(found, "encoding").message
    assert found.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]
    assert rules(read(tmp_path, "a.shp", crs, encoding=encoding.lower())) == {}


def test_the_language_byte_of_the_dbf_is_a_statement_too(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="GBK")
    (tmp_path / "a.cpg").unlink()
    content = bytearray((tmp_path / "a.dbf").read_bytes())
    content[29] = 0x4D  # code page 936
    (tmp_path / "a.dbf").write_bytes(content)
    assert rules(read(tmp_path, "a.shp", crs)) == {}


@pytest.mark.parametrize("wrong", ["UTF-8", "ISO-8859-1", "1252"])
def test_a_wrong_cpg_is_found_by_the_texts(tmp_path, crs, wrong):
    write(two(), tmp_path / "a.shp", encoding="GBK")
    (tmp_path / "a.cpg").write_text(wrong)
    found = read(tmp_path, "a.shp", crs)
    assert rules(found) == {"wrong_encoding": "error"}
    problem = only(found, "wrong_encoding")
    assert f"texts are GB18030, not {wrong} as its .cpg says" in problem.message
    assert problem.value == "texts such as 县代码"
    declared = read(tmp_path, "a.shp", crs, encoding="GBK")
    assert rules(declared) == {"encoding": "note"}
    assert declared.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]


def test_a_wrong_declaration_is_found_by_the_texts(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="UTF-8")
    found = read(tmp_path, "a.shp", crs, encoding="GBK")
    assert rules(found) == {"wrong_encoding": "error"}
    assert "not GBK as the declaration says" in only(found, "wrong_encoding").message


def test_texts_in_no_encoding_are_not_read(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="GBK")
    content = (tmp_path / "a.dbf").read_bytes()
    (tmp_path / "a.dbf").write_bytes(content.replace("诸".encode("gbk"), b"\xff\xff"))
    found = read(tmp_path, "a.shp", crs)
    assert (found.frame, rules(found)) == (None, {"wrong_encoding": "error"})


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_texts_cut_at_the_width_of_their_column_are_named(tmp_path, crs, encoding):
    write(two(), tmp_path / "a.shp", encoding=encoding)
    content = (tmp_path / "a.dbf").read_bytes()
    at = content.index("诸暨市".encode(encoding))  # a text column is 80 bytes wide
    cell = ("a" + "诸" * 80).encode(encoding)[:80]
    (tmp_path / "a.dbf").write_bytes(content[:at] + cell + content[at + 80 :])
    found = read(tmp_path, "a.shp", crs)
    # 79 bytes after the a: 39 characters of two bytes, or 26 of three, and a rest
    assert only(found, "cut_text").value == "a" + "诸" * (39 if encoding == "GBK" else 26)
    assert rules(found)["cut_text"] == "error"


def test_a_geojson_in_gbk_is_unreadable(tmp_path, crs):
    write(two().to_crs(4490), tmp_path / "a.geojson")
    text = (tmp_path / "a.geojson").read_text(encoding="utf-8")
    (tmp_path / "a.geojson").write_text(text, encoding="gbk")
    found = read(tmp_path, "a.geojson", crs)
    assert (found.frame, rules(found)) == (None, {"unreadable": "error"})


# Parts, layers, attributes ------------------------------------------------------------------------


@pytest.mark.parametrize("part", [".dbf", ".shx"])
def test_missing_parts_of_a_shapefile_are_named(tmp_path, crs, part):
    write(two(), tmp_path / "a[1].shp")
    (tmp_path / f"a[1]{part}").unlink()
    found = read(tmp_path, "a[1].shp", crs)
    assert (found.frame, rules(found)) == (None, {"missing_part": "error"})
    assert only(found, "missing_part").value == f"a[1]{part}"


@pytest.mark.parametrize("name", ["a.gpkg", "a.gdb"])
def test_one_of_several_layers_must_be_declared(tmp_path, crs, name):
    driver = "GPKG" if name.endswith("gpkg") else "OpenFileGDB"
    for layer in ("县界", "地块"):
        write(two(), tmp_path / name, layer=layer, driver=driver, mode="a")
    assert layers_in(tmp_path / name) == ["县界", "地块"]
    found = read(tmp_path, name, crs)
    assert (found.frame, rules(found)) == (None, {"layer_in_file": "error"})
    assert "县界, 地块" in only(found, "layer_in_file").remedy
    assert rules(read(tmp_path, name, crs, layer_in_file="县界")) == {}
    assert rules(read(tmp_path, name, crs, layer_in_file="县")) == {"layer_in_file": "error"}


def test_names_cut_to_ten_bytes_are_matched_when_only_one_fits(tmp_path, crs):
    long = {"county_code": "administrative_code", "name_zh": "行政区划的名称"}
    frame = two().rename(columns={"县代码": long["county_code"], "县名": long["name_zh"]})
    write(frame, tmp_path / "a.shp", encoding="GBK")
    columns = {name: Column(header=header) for name, header in long.items()}
    found = read(tmp_path, "a.shp", crs, columns=columns)
    assert rules(found) == {"cut_name": "note"}
    assert {p.value for p in found.problems} == {"administra", "行政区划的"}
    assert found.frame["name_zh"].tolist() == ["诸暨市", "西湖区"]
    columns["name_zh"] = Column(header="administrative_name")
    assert rules(read(tmp_path, "a.shp", crs, columns=columns))["header_not_found"] == "error"


def units(**columns):
    """Return two registration units as a bureau keeps them."""
    given = {
        "单元号": ["U1", "U2"],
        "县代码": [330681, 330106],
        "名称": ["甲", "乙"],
        "类型": ["森林", "湿地"],
        "所有权": ["国有", "集体"],
        "主体": ["省", "村"],
        "状态": ["已登簿", "公告中"],
        "日期": [dt.date(2023, 6, 30), None],
        "重要": ["是", "否"],
        "面积": [1_500.0, 3_000.0],
        **columns,
    }
    return gpd.GeoDataFrame(given, geometry=[square(), square(1_000)], crs=4549)


UNIT_FIELDS = dict(
    zip(
        ["unit_id", "county_code", "name", "resource", "owner_type", "owner", "status"],
        ["单元号", "县代码", "名称", "类型", "所有权", "主体", "状态"],
        strict=True,
    )
)


def read_units(folder, path, crs, accept=(), unit="亩"):
    columns = {name: Column(header=header) for name, header in UNIT_FIELDS.items()}
    columns["registered_on"] = Column(header="日期")
    columns["important"] = Column(header="重要")
    columns["declared_area_ha"] = Column(header="面积", unit=unit)
    file = FileEntry(path=path, table="resource_units", columns=columns, accept=list(accept))
    return read_vector(folder, file, crs)


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.gdb"])
def test_attributes_come_in_the_packs_units_and_words(tmp_path, crs, name):
    driver = {"a.gdb": "OpenFileGDB"}.get(name)
    write(units(), tmp_path / name, driver=driver)
    found = read_units(tmp_path, name, crs)
    assert rules(found) == {}
    frame = found.frame
    assert frame["county_code"].tolist() == ["330681", "330106"]  # from a column of numbers
    assert frame["resource"].tolist() == ["forest", "wetland"]
    assert frame["registered_on"].tolist()[0] == "2023-06-30"
    assert frame["registered_on"].isna().tolist() == [False, True]
    assert frame["important"].tolist() == [True, False]
    # 1 亩 = 1/15 ha: 1 500 亩 = 100 ha, 3 000 亩 = 200 ha
    assert frame["declared_area_ha"].to_numpy() == pytest.approx([100, 200])


def test_defects_of_attributes_are_named_with_their_feature(tmp_path, crs):
    defects = {
        "类型": ["森林", "树林"],
        "重要": ["是", "也许"],
        "名称": [None, " 乙"],
        "县代码": ["330681", "\uff13\uff13\uff10\uff11\uff10\uff16"],
        "面积": ["1500", "很多"],
    }
    write(units(**defects), tmp_path / "a.gpkg")
    found = read_units(tmp_path, "a.gpkg", crs)
    assert {(p.rule, p.place) for p in found.problems if p.severity == "error"} == {
        ("unknown_value", "feature 2"),
        ("not_a_boolean", "feature 2"),
        ("missing_value", "feature 1"),
        ("spaces", "feature 2"),
        ("full_width", "feature 2"),
        ("text_number", "feature 1"),
        ("not_a_number", "feature 2"),
    }
    words = ["spaces", "full_width", "text_numbers"]
    accepted = read_units(tmp_path, "a.gpkg", crs, accept=words)
    assert {k for k, v in rules(accepted).items() if v == "note"} == {
        "spaces",
        "full_width",
        "text_number",
    }
    assert accepted.frame["county_code"].tolist() == ["330681", "330106"]
    assert accepted.frame["declared_area_ha"][0] == pytest.approx(100)


def test_a_unit_that_is_not_declared_or_no_area_is_named(tmp_path, crs):
    write(units(), tmp_path / "a.gpkg")
    for unit in ("", "吨"):
        assert rules(read_units(tmp_path, "a.gpkg", crs, unit=unit)) == {"unknown_unit": "error"}


def test_old_county_codes_become_new_ones_when_accepted(tmp_path, crs):
    # 临安市 330185 became 临安区 330112 in 2017; 江干区 330104 was split, so that it stays
    write(two(县代码=["330185", "330104"]), tmp_path / "a.gpkg")
    plain = read(tmp_path, "a.gpkg", crs)
    assert plain.frame["county_code"].tolist() == ["330185", "330104"]
    mended = read(tmp_path, "a.gpkg", crs, accept=["renamed_codes"])
    assert mended.frame["county_code"].tolist() == ["330112", "330104"]
    assert rules(mended) == {"renamed_code": "note"}


# Coordinate systems -------------------------------------------------------------------------------


def test_without_coordinate_system_the_likely_one_is_named(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="UTF-8")
    (tmp_path / "a.prj").unlink()
    found = read(tmp_path, "a.shp", crs)
    assert rules(found) == {"no_crs": "error"}
    assert "looks like EPSG:4549" in only(found, "no_crs").message
    declared = read(tmp_path, "a.shp", crs, crs="EPSG:4549")
    assert rules(declared) == {}
    assert declared.frame.total_bounds == pytest.approx(found.frame.total_bounds)


def test_a_declared_coordinate_system_overrides_the_files_and_says_so(tmp_path, crs):
    write(two(), tmp_path / "right.gpkg")
    write(two(crs=4547), tmp_path / "wrong.gpkg")  # the same coordinates, called CM 114° E
    found = read(tmp_path, "wrong.gpkg", crs, crs="EPSG:4549")
    assert rules(found) == {"crs_override": "note"}
    right = read(tmp_path, "right.gpkg", crs, crs="EPSG:4549")
    assert rules(right) == {}
    assert found.frame.total_bounds == pytest.approx(right.frame.total_bounds)


def test_a_coordinate_system_that_is_not_understood_is_an_error(tmp_path, crs):
    write(two(), tmp_path / "a.gpkg")
    assert rules(read(tmp_path, "a.gpkg", crs, crs="CGCS3000")) == {"crs_unknown": "error"}
    local = pyproj.CRS.from_wkt('LOCAL_CS["plan",UNIT["metre",1]]')
    write(two(crs=local), tmp_path / "b.gpkg")
    assert "error" in rules(read(tmp_path, "b.gpkg", crs)).values()


def test_the_wrong_zone_is_found_and_the_right_one_named(tmp_path, crs):
    write(two(crs=4547), tmp_path / "a.gpkg")  # CM 114° E: 114.2° E lies in 江西
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"wrong_zone": "error"}
    problem = only(found, "wrong_zone")
    assert "CM 114E; looks like EPSG:4549" in problem.message
    assert problem.value == "bounds 520000, 3.29e+06, 522000, 3.291e+06"
    zoned = two().set_geometry(two().translate(40_000_000), crs=4549)
    write(zoned, tmp_path / "b.gpkg")  # eastings with the zone's number 40 in front
    assert "looks like EPSG:4528" in only(read(tmp_path, "b.gpkg", crs), "wrong_zone").message


def test_land_that_lies_at_sea_is_asked_about(tmp_path, crs):
    write(two(crs=4550), tmp_path / "a.gpkg")  # CM 123° E: 123.2° E is open sea
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"wrong_zone": "warning"}
    assert "EPSG:4549" in only(found, "wrong_zone").message


@pytest.mark.parametrize("code", [4490, 4549])
def test_swapped_axes_are_found_and_turned_for_the_other_checks(tmp_path, crs, code):
    right = two().to_crs(code)
    turned = shapely.transform(right.geometry.array, lambda xy: xy[:, ::-1])
    write(right.set_geometry(gpd.GeoSeries(turned, crs=code)), tmp_path / "a.gpkg")
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"swapped_axes": "error"}
    assert found.frame.total_bounds == pytest.approx(two().to_crs(crs).total_bounds, abs=1e-3)


def test_metres_called_degrees_are_found(tmp_path, crs):
    write(two(crs=4490), tmp_path / "a.gpkg")
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"not_degrees": "error"}
    assert "EPSG:4549" in only(found, "not_degrees").message


def test_another_provinces_data_lie_outside(tmp_path, crs):
    beijing = gpd.GeoDataFrame(two().drop(columns="geometry"), geometry=[box(116, 39, 117, 40)] * 2)
    write(beijing.set_crs(4490), tmp_path / "a.gpkg")
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"outside": "error"}
    assert only(found, "outside").value == "bounds 116, 39, 117, 40"


def test_a_single_feature_far_off_is_named_alone(tmp_path, crs):
    frame = gpd.GeoDataFrame(
        {"县代码": ["330681", "330106", "330108"], "县名": ["甲", "乙", "丙"]},
        geometry=[square(), square(900_000), square(2_000)],
        crs=4549,
    )
    write(frame, tmp_path / "a.gpkg")
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"outside": "error"}
    assert only(found, "outside").place == "feature 2 (330106)"


def test_older_datums_are_warned_of(tmp_path, crs):
    write(two(crs=2385), tmp_path / "a.gpkg")  # Xian 1980, CM 120° E
    assert rules(read(tmp_path, "a.gpkg", crs)) == {"datum": "warning"}


# Geometry -----------------------------------------------------------------------------------------


def test_features_without_polygon_are_named(tmp_path, crs):
    frame = gpd.GeoDataFrame(
        {"县代码": list("abcde"), "县名": list("abcde")},
        geometry=[
            square(),
            None,
            Polygon(),
            Point(EAST, NORTH),
            LineString([(EAST, NORTH), (EAST + 9, NORTH)]),
        ],
        crs=4549,
    )
    frame.to_parquet(tmp_path / "a.parquet")
    found = read(tmp_path, "a.parquet", crs)
    named = {(p.rule, p.place, p.value) for p in found.problems}
    assert named == {
        ("empty_geometry", "feature 2 (b)", ""),
        ("empty_geometry", "feature 3 (c)", ""),
        ("geometry_type", "feature 4 (d)", "Point"),
        ("geometry_type", "feature 5 (e)", "LineString"),
    }
    assert len(found.frame) == 5


def test_heights_are_left_out_with_a_note(tmp_path, crs):
    frame = two()
    frame.geometry = shapely.force_3d(frame.geometry.array, 12.0)
    write(frame, tmp_path / "a.gpkg")
    found = read(tmp_path, "a.gpkg", crs)
    assert rules(found) == {"dropped_height": "note"}
    assert not found.frame.has_z.any()


def test_curves_become_lines(tmp_path, crs):
    write(two(), tmp_path / "a.gpkg")
    # WKB: curve polygon (10) of one circular string (8), a circle of 1 km radius
    points = [(-1_000, 0), (0, 1_000), (1_000, 0), (0, -1_000), (-1_000, 0)]
    wkb = struct.pack("<BIIBII", 1, 10, 1, 1, 8, len(points)) + b"".join(
        struct.pack("<dd", EAST + x, NORTH + y) for x, y in points
    )
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        header, *_ = database.execute("select substr(geom, 1, 8) from a").fetchone()
        header = header[:3] + b"\x01" + header[4:]  # little-endian, without envelope
        triggers = database.execute("select name from sqlite_master where type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"drop trigger {name}")
        database.execute("update a set geom = ? where fid = 1", (header + wkb,))
    database.close()
    found = read(tmp_path, "a.gpkg", crs)
    assert "error" not in rules(found).values()
    # a circle of 1 km radius: π km² = 314.16 ha
    assert found.frame.area[0] / 1e4 == pytest.approx(np.pi * 100, rel=1e-3)


def bow_tie():
    """Return a ring that crosses itself: two triangles of 1 km base and 500 m height, 25 ha each."""
    corners = [(0, 0), (1_000, 1_000), (1_000, 0), (0, 1_000)]
    return Polygon([(EAST + x, NORTH + y) for x, y in corners])


def test_invalid_polygons_are_mended_only_when_accepted(tmp_path, crs):
    frame = two()
    frame.loc[0, "geometry"] = bow_tie()
    write(frame, tmp_path / "a.gpkg")
    plain = read(tmp_path, "a.gpkg", crs)
    assert plain.frame.is_valid.tolist() == [False, True]
    mended = read(tmp_path, "a.gpkg", crs, accept=["invalid_geometry"])
    assert mended.frame.is_valid.all()
    assert mended.frame.area[0] / 1e4 == pytest.approx(50, rel=1e-4)  # both triangles
    assert isinstance(mended.frame.geometry[0], MultiPolygon)
    note = only(mended, "invalid_geometry")
    assert (note.severity, note.place) == ("note", "feature 1 (330681)")
    assert note.message.endswith("to 49.9995 ha") or " to 50.0" in note.message


# Files that are none ------------------------------------------------------------------------------


def test_files_that_cannot_be_read_are_problems_not_errors(tmp_path, crs):
    assert rules(read(tmp_path, "none.gpkg", crs)) == {"missing_file": "error"}
    assert rules(read(tmp_path, "a.dwg", crs)) == {"vector_kind": "error"}
    (tmp_path / "a.gdb").mkdir()
    for name in ("a.gpkg", "a.geojson", "a.parquet", "a.kml"):
        (tmp_path / name).write_bytes(b"\x00no such thing")
    for name in ("a.gpkg", "a.geojson", "a.parquet", "a.kml", "a.gdb"):
        assert (read(tmp_path, name, crs).frame, rules(read(tmp_path, name, crs))) == (
            None,
            {"unreadable": "error"},
        )
    with pytest.raises(PackError, match=r"a\.gpkg"):
        layers_in(tmp_path / "a.gpkg")


def test_a_cut_shapefile_is_a_problem(tmp_path, crs):
    for part in (".shp", ".dbf", ".shx"):
        write(two(), tmp_path / "a.shp")
        content = (tmp_path / f"a{part}").read_bytes()
        for size in (0, 20, 60, len(content) - 7):
            (tmp_path / f"a{part}").write_bytes(content[:size])
            found = read(tmp_path, "a.shp", crs)
            assert found.frame is None or found.problems, (part, size)


def test_damaged_files_are_problems_not_errors(tmp_path, crs):
    write(two(), tmp_path / "a.shp", encoding="GBK")
    random = np.random.default_rng(3)
    for part in (".dbf", ".shx", ".shp", ".prj") * 10:
        path = tmp_path / f"a{part}"
        whole = path.read_bytes()
        broken = np.frombuffer(whole, "u1").copy()
        broken[random.integers(0, len(broken), 3)] = random.integers(0, 256, 3)
        path.write_bytes(broken.tobytes())
        found = read(tmp_path, "a.shp", crs)
        assert found.frame is not None or found.problems
        path.write_bytes(whole)


def test_a_file_is_what_its_ending_says(tmp_path, crs):
    write(two(), tmp_path / "a.gpkg")
    shutil.move(tmp_path / "a.gpkg", tmp_path / "a.geojson")
    assert rules(read(tmp_path, "a.geojson", crs))["vector_kind"] == "error"
    two().drop(columns="geometry").to_parquet(tmp_path / "a.parquet")
    assert rules(read(tmp_path, "a.parquet", crs)) == {"unreadable": "error"}
    pyogrio.write_dataframe(pd.DataFrame({"县代码": ["a"]}), tmp_path / "t.gpkg", layer="表")
    assert rules(read(tmp_path, "t.gpkg", crs)) == {"layer_in_file": "error"}
    assert rules(read(tmp_path, "t.gpkg", crs, layer_in_file="表")) == {"geometry_type": "error"}


def test_an_empty_layer_is_named(tmp_path, crs):
    write(two().iloc[:0], tmp_path / "a.gpkg")
    assert rules(read(tmp_path, "a.gpkg", crs)) == {"no_rows": "error"}


def test_long_lists_end_with_how_many_there_are(tmp_path, crs):
    count = SHOWN + 5
    frame = gpd.GeoDataFrame(
        {"县代码": ["330681"] * count, "县名": ["甲"] * count},
        geometry=[square(), *[None] * (count - 1)],
        crs=4549,
    )
    frame.to_parquet(tmp_path / "a.parquet")
    found = [p for p in read(tmp_path, "a.parquet", crs).problems if p.rule == "empty_geometry"]
    assert len(found) == SHOWN
    assert found[-1].message.endswith("and 4 more like it")  # 24 empty, 20 listed
    assert first(found) == found
