"""Checks of users' rasters: each fault is named, and what is right passes."""

import warnings
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from gepbook.grid import GridSpec
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.raster_checks import check_raster
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

ZONE = "EPSG:4549"
CELL = 100.0
SHAPE = (120, 140)
CORNER = (590_000.0, 3_150_000.0)  # inside Zhejiang, in the zone of 120° E


@pytest.fixture(scope="module")
def crs():
    return Pack.open(OPEN_PACK).grid.crs


@pytest.fixture(scope="module")
def counties():
    """Two counties of 3 × 6 km in the middle of the raster."""
    left, top = CORNER[0] + 3000, CORNER[1] - 3000
    boxes = [shapely.box(left + i * 3000, top - 6000, left + (i + 1) * 3000, top) for i in (0, 1)]
    codes = {"county_code": ["331102", "331121"], "name_zh": ["莲都区", "青田县"]}
    return gpd.GeoDataFrame(codes, geometry=boxes, crs=ZONE)


@pytest.fixture(scope="module")
def grid(crs, counties):
    left, bottom, right, top = counties.to_crs(crs).total_bounds
    left, top = left // CELL * CELL, -(-top // CELL) * CELL
    return GridSpec(
        crs, Affine(CELL, 0, left, 0, -CELL, top), int((top - bottom) / CELL) + 1,
        int((right - left) / CELL) + 1,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path, grid, counties):
    """Write an array as a raster and check it as declared; returns the problems by rule."""

    def check(values, written=None, **declared):
        write(tmp_path / "图.tif", values, **(written or {}))
        entry = {"path": "图.tif", "layer": "vegetation_cover", "unit": "percent", "year": 2023}
        file = FileEntry(**{**entry, **declared})
        found = check_raster(tmp_path, file, grid, counties, limits())
        assert all(p.file == file.path and p.message and p.remedy for p in found)
        assert len({p.rule for p in found}) == len(found)
        return {p.rule: p for p in found}

    return check


def write(path, values, **changes):
    values = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff", "count": len(values), "height": values.shape[1], "width": values.shape[2],
        "dtype": values.dtype.name, "crs": ZONE, "tiled": True, "blockxsize": 64, "blockysize": 64,
        "transform": Affine(CELL, 0, CORNER[0], 0, -CELL, CORNER[1]), **changes,
    }  # fmt: skip
    tags = profile.pop("tags", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some fixtures have no georeference
        with rasterio.open(path, "w", **profile) as target:
            target.write(values)
            for name, value in tags.items():
                setattr(target, name, value)


def field(low=20.0, high=80.0, kind="float32", shape=SHAPE):
    return np.random.default_rng(0).uniform(low, high, shape).astype(kind)


def codes(*known):
    return np.random.default_rng(0).choice(known, SHAPE).astype("uint8")


def test_a_sound_raster_has_no_problems(run):
    assert run(field()) == {}
    assert run(field(shape=(12, *SHAPE)), layer="precipitation", unit="mm") == {}
    own = run(codes(11, 41, 61), layer="land_cover", unit="")
    assert own == {}
    igbp = run(codes(0, 1, 16), layer="land_cover", classes="igbp", unit="")
    assert igbp == {}
    palette = {"photometric": "palette"}
    assert run(codes(11, 41), palette, layer="land_cover", unit="") == {}


def test_south_up_and_slightly_turned_rasters_are_read(run):
    y = CORNER[1] - SHAPE[0] * CELL
    assert run(field(), {"transform": Affine(CELL, 0, CORNER[0], 0, CELL, y)}) == {}
    middle = (SHAPE[1] / 2, SHAPE[0] / 2)
    turned = Affine(CELL, 0, CORNER[0], 0, -CELL, CORNER[1])
    assert run(field(), {"transform": turned @ Affine.rotation(5, middle)}) == {}
    found = run(field(), {"transform": turned @ Affine.rotation(50, middle)})
    assert "turned by 5" in found["placement"].message


def test_files_that_are_missing_or_broken_are_named(run, tmp_path, grid, counties):
    file = FileEntry(path="none.tif", layer="slope", unit="degree")
    assert check_raster(tmp_path, file, grid, counties, limits())[0].rule == "missing_file"
    (tmp_path / "text.tif").write_text("not a raster", encoding="utf-8")
    file = FileEntry(path="text.tif", layer="slope", unit="degree")
    assert check_raster(tmp_path, file, grid, counties, limits())[0].rule == "unreadable"
    write(tmp_path / "cut.tif", field())
    whole = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    file = FileEntry(path="cut.tif", layer="slope", unit="degree")
    found = check_raster(tmp_path, file, grid, counties, limits())
    assert [p.rule for p in found] == ["unreadable"]
    assert "rows" in found[0].place


def test_a_raster_inside_an_archive_is_read(tmp_path, grid, counties):
    write(tmp_path / "a.tif", field(120, 130))
    with zipfile.ZipFile(tmp_path / "数据.zip", "w") as archive:
        archive.write(tmp_path / "a.tif", "inner/a.tif")
    file = FileEntry(path="数据.zip/inner/a.tif", layer="vegetation_cover", unit="percent")
    found = check_raster(tmp_path, file, grid, counties, limits())
    assert [p.rule for p in found] == ["range"]
    file = FileEntry(path="数据.zip/b.tif", layer="vegetation_cover", unit="percent")
    assert [p.rule for p in check_raster(tmp_path, file, grid, counties, limits())] == [
        "missing_file"
    ]


def test_without_a_coordinate_system_the_likely_ones_are_named(run):
    found = run(field(), {"crs": None})
    assert "EPSG:4549" in found["no_crs"].message
    assert run(field(), {"crs": None}, crs="EPSG:4549") == {}
    found = run(field(), {"crs": "EPSG:4550"}, crs="EPSG:4549")
    assert found["crs_override"].severity == "note"
    assert len(found) == 1
    assert "crs_unknown" in run(field(), crs="EPSG:nonsense")
    assert "no_georeference" in run(field(), {"transform": Affine.identity()})


def test_a_wrong_zone_is_named_with_the_right_one(run):
    # declared at 102° E the raster lies in Yunnan; at 120° E it lies in Zhejiang
    found = run(field(), {"crs": "EPSG:4543"})
    assert "EPSG:4549" in found["wrong_zone"].message
    assert set(found) == {"wrong_zone"}
    # one zone off, 294 km to the west, is still beyond these two counties
    assert "EPSG:4549" in run(field(), {"crs": "EPSG:4548"})["wrong_zone"].message
    found = run(field(), {"crs": "EPSG:4490"})
    assert "metres" in found["not_degrees"].message


def test_swapped_axes_are_named(run):
    transform = Affine(0.001, 0, 28.4, 0, -0.001, 120.0)
    lon, lat = Transformer.from_crs(ZONE, 4490, always_xy=True).transform(*CORNER)
    transform = Affine(0.001, 0, lat - 0.14, 0, -0.001, lon + 0.12)
    found = run(field(), {"crs": "EPSG:4490", "transform": transform})
    assert set(found) == {"swapped_axes"}


def test_counties_that_it_does_not_reach_are_named_with_their_share(run):
    # cut 4500 m east of its corner: the first county (3000–6000 m) is half outside, the second whole
    found = run(field(shape=(120, 45)))["extent"]
    assert "331121 青田县 100.0%" in found.message
    assert "331102 莲都区 50.0%" in found.message
    assert found.severity == "error"
    assert run(field(shape=(120, 45)), accept=["gaps"])["extent"].severity == "note"


def test_gaps_inside_counties_are_counted(run):
    values = field()
    # county 1 is columns 30–60 and rows 30–90: 3 × 6 of its 30 × 60 cells = 1 %
    values[40:46, 40:43] = -9999
    found = run(values, {"nodata": -9999})
    assert set(found) == {"gaps"}
    assert "331102 莲都区 1.0%" in found["gaps"].message
    assert "青田" not in found["gaps"].message
    assert found["gaps"].value == "18 cells"
    assert run(values, {"nodata": -9999}, accept=["gaps"])["gaps"].severity == "note"
    values[values == -9999] = np.nan
    assert "gaps" in run(values)
    assert set(run(np.full(SHAPE, np.nan, "float32"))) == {"no_values"}


def test_a_mask_band_counts_as_missing(tmp_path, grid, counties):
    write(tmp_path / "m.tif", field())
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(tmp_path / "m.tif", "r+") as open_file,
    ):
        mask = np.full(SHAPE, 255, "uint8")
        mask[40:46, 40:43] = 0
        open_file.write_mask(mask)
    file = FileEntry(path="m.tif", layer="vegetation_cover", unit="percent")
    found = check_raster(tmp_path, file, grid, counties, limits())
    assert [(p.rule, p.value) for p in found] == [("gaps", "18 cells")]


@pytest.mark.parametrize("fill", [-9999.0, -3.4028234663852886e38, 255.0, 32767.0])
def test_fill_values_that_are_not_marked_are_named(run, fill):
    values = field()
    values[50, 50:53] = fill
    found = run(values)
    assert set(found) == {"nodata_unmarked"}
    assert f"{fill:.10g} (3 cells)" in found["nodata_unmarked"].message
    number = found["nodata_unmarked"].remedy.partition("[")[2].rstrip("]`")
    # declared as the remedy says, they are missing: 3 of the county's 1800 cells
    assert set(run(values, nodata=[float(number)])) == {"gaps"}


def test_the_largest_number_of_a_type_is_suspected(run):
    values = field(1000, 9000, "int16")
    values[50, 50] = 32767  # 3276.7 g, which a layer up to 5000 g can have
    found = run(values, layer="net_primary_productivity", unit="0.1 g m-2 a-1")
    assert set(found) == {"nodata_suspected"}
    assert found["nodata_suspected"].severity == "warning"


def test_values_that_cannot_be_are_named_with_their_place(run):
    values = field()
    values[50, 60] = 100.5
    values[51, 60] = -2.0
    found = run(values)
    assert set(found) == {"range"}
    assert found["range"].place == "band 1, row 51, column 61"
    assert found["range"].value == "100.5 percent"
    assert " in 2 of" in found["range"].message
    kelvin = field(270, 300, shape=(12, *SHAPE))
    assert "kelvin" in run(kelvin, layer="air_temperature", unit="degC")["range"].remedy
    assert run(kelvin, layer="air_temperature", unit="K") == {}
    # beyond the grid nothing is read
    values = field()
    values[0, 0] = 1e6
    assert run(values) == {}


def test_units_and_scales(run):
    assert run(field(), unit="")["unit"].severity == "error"
    assert "not known" in run(field(), unit="glorb")["unit"].message
    assert "kg" in run(field(), {"tags": {"units": ("kg",)}}, unit="")["unit"].remedy
    assert "unit" in run(field(), unit="mm")
    assert set(run(field(0.2, 0.8))) == {"scale"}
    assert run(field(0.2, 0.8), unit="1") == {}
    # the file's own scale: 200–800 × 0.1 = 20–80 %
    scaled = run(field(200, 800, "int16"), {"tags": {"scales": (0.1,)}})
    assert scaled == {}


def test_bands_and_number_types(run):
    assert run(field(), layer="precipitation", unit="mm")["bands"].value == "1 bands"
    picture = codes(1, 2)[None].repeat(3, axis=0)
    found = run(picture, {"photometric": "rgb"}, layer="land_cover", unit="")
    assert "picture" in found["bands"].message
    assert "number_type" in run(field().astype("complex64"))


def test_classes(run):
    def land(values, **declared):
        return run(values, layer="land_cover", unit="", **declared)

    assert "77 (" in land(codes(11, 77))["classes_missing"].value
    assert "77 (" in land(codes(1, 77), classes="igbp")["unknown_class"].value
    # 255 is what programs write for missing
    found = land(codes(1, 255), classes="igbp")
    assert set(found) == {"nodata_unmarked"}
    assert "11.5" in land(field().astype("float32") * 0 + 11.5)["fraction_code"].value
    many = np.arange(SHAPE[0] * SHAPE[1], dtype="int32").reshape(SHAPE)
    assert "fraction_code" in land(many)


def test_a_value_marked_as_missing_that_the_layer_has_is_asked_about(run):
    # in IGBP 0 is water
    found = run(codes(0, 1), {"nodata": 0}, layer="land_cover", classes="igbp", unit="")
    assert found["nodata_is_value"].severity == "warning"
    values = field()
    values[50, 50] = 0
    assert "nodata_is_value" in run(values, {"nodata": 0})
    values[50, 50] = -9999
    assert set(run(values, {"nodata": 1e20}, nodata=[-9999.0])) == {"nodata_differs"}


def test_coarse_cells_are_asked_about(run):
    # 1 km on a grid of 100 m
    found = run(
        field(shape=(12, 14)), {"transform": Affine(1000, 0, CORNER[0], 0, -1000, CORNER[1])}
    )
    assert set(found) == {"resolution"}
    assert "10.0 times" in found["resolution"].message


def test_an_older_datum_is_asked_about(run):
    # Xi'an 1980, 3-degree zone of 120° E
    found = run(field(), {"crs": "EPSG:2385"})
    assert "datum" in found
    assert found["datum"].severity == "warning"


def test_how_many_codes_and_which_fill_values_are_as_the_limits_say(tmp_path, grid, counties):
    write(tmp_path / "a.tif", codes(1, 2, 3))
    file = FileEntry(path="a.tif", layer="land_cover", classes="igbp")

    def rules(**changed):
        limit = limits().model_copy(update=changed)
        return [p.rule for p in check_raster(tmp_path, file, grid, counties, limit)]

    assert rules() == []
    assert rules(class_codes=2) == ["fraction_code"]
    write(tmp_path / "a.tif", codes(1, 77))
    assert rules() == ["unknown_class"]
    assert rules(fill_values=(77.0,)) == ["nodata_unmarked"]
    assert rules(fill_from=70.0) == ["nodata_unmarked"]
