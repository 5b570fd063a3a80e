"""Data packs (数据包): the folder that all inputs of an account come from.

A pack holds one equal-area grid, the county polygons and tables by county and year. Everything is read
through here: rasters become float64 arrays with NaN for missing and their unit in `attrs`, county codes
stay text.
"""

from __future__ import annotations

import functools
import hashlib
import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from pyproj import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from gepbook.errors import CodeError, GridMismatchError, NotInPackError, PackError, near
from gepbook.grid import GridSpec
from gepbook.inputs import manifest, ranges
from gepbook.inputs.manifest import Resource
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import Origin

HALO_CELLS = 2
#: How far formulas may look beyond a county, m; a change of `FAR_LAYERS` within it redoes the county.
REACH_M = 25_000.0
MONTHS = 12
BOUNDARIES = "counties"
LAND_COVER = "land_cover"
#: Layers that formulas look at within `REACH_M` of a county.
FAR_LAYERS = (LAND_COVER, "vegetation_cover", "net_primary_productivity")
PANDAS_TYPES = {
    "string": "str",
    "date": "str",
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
}


class Pack:
    """An opened data pack; open one with `Pack.open`."""

    def __init__(self, folder: Path, package: manifest.DataPackage) -> None:
        self.folder = folder
        self.package = package
        self._resources = {(r.layer, r.year): r for r in package.resources}

    @classmethod
    def open(cls, folder: Path) -> Pack:
        """Open a pack: its manifest is checked, files are read only when asked for.

        Raises
        ------
        PackError
            For an unreadable or wrong manifest.
        """
        return cls(folder, manifest.read(folder))

    def verify(self) -> None:
        """Check that every file stands as the manifest says and all rasters share one grid.

        Raises
        ------
        PackError
            One sentence per file that is missing, changed or unreadable.
        """
        problems = []
        for resource in self.package.resources:
            path = self.folder / resource.path
            if not path.exists():
                problems.append(f"{path}: is missing. Restore it or take it out of the manifest.")
            elif (got := content_hash(path)) != resource.hash:
                problems.append(
                    f"{path}: its content differs from the manifest (sha256 is {got[7:19]}…, "
                    f"manifest says {resource.hash[7:19]}…). Restore the file, or write the new "
                    "hash into datapackage.json if the change is meant."
                )
        if not problems:
            problems += self._grid_problems() + self._table_problems()
        if (BOUNDARIES, None) not in self._resources:
            problems.append(f"{self.folder}: has no layer {BOUNDARIES!r} with the county polygons.")
        if problems:
            raise PackError(problems)

    def _table_problems(self) -> list[str]:
        """Return what tables hold that does not fit their schema or cannot be."""
        problems = []
        for resource in self.package.resources:
            if resource.kind == "table":
                try:
                    self.table(resource.layer, year=resource.year)
                except PackError as error:
                    problems += error.problems
        return problems

    def _grid_problems(self) -> list[str]:
        """Return a sentence per raster that is not on the pack's grid."""
        problems = []
        for resource in self.package.resources:
            if resource.kind != "raster":
                continue
            try:
                grid = self._grid_of(resource)
            except (RasterioError, OSError, KeyError) as error:
                problems.append(f"{self.folder / resource.path}: cannot be read ({error}).")
                continue
            if grid != self.grid:
                problems.append(
                    f"{self.folder / resource.path}: grid is {grid.height} × {grid.width} cells at "
                    f"{tuple(grid.transform)[:6]}, expected that of the land cover, "
                    f"{self.grid.height} × {self.grid.width} at {tuple(self.grid.transform)[:6]}. "
                    "Bring it onto the pack's grid."
                )
        return problems

    @property
    def name(self) -> str:
        """Name of the pack."""
        return self.package.name

    @property
    def years(self) -> list[int]:
        """Accounting years the pack holds, rising."""
        return sorted(self.package.years)

    @functools.cached_property
    def grid(self) -> GridSpec:
        """The pack's grid: that of its land cover."""
        return self._grid_of(self.resource(LAND_COVER, self.years[-1]))

    def _grid_of(self, resource: Resource) -> GridSpec:
        """Return the grid of a raster file."""
        path = self.folder / resource.path
        if resource.format == "zarr":
            with xr.open_zarr(path, consolidated=False) as dataset:
                crs = CRS.from_wkt(dataset["spatial_ref"].attrs["crs_wkt"])
                x, y = dataset["x"].to_numpy(), dataset["y"].to_numpy()
            step_x, step_y = float(x[1] - x[0]), float(y[1] - y[0])
            transform = rasterio.Affine(
                step_x, 0, float(x[0]) - step_x / 2, 0, step_y, float(y[0]) - step_y / 2
            )
            return GridSpec(crs, transform, len(y), len(x))
        with rasterio.open(path) as source:
            if source.crs is None or not source.crs.is_projected:
                raise GridMismatchError(
                    f"{path}: must be on a projected equal-area grid, got {source.crs}."
                )
            return GridSpec(
                CRS.from_wkt(source.crs.to_wkt()), source.transform, source.height, source.width
            )

    def resource(self, layer: str, year: int | None = None) -> Resource:
        """Return the entry of a layer for a year; layers without years serve every year.

        Raises
        ------
        NotInPackError
            For a layer that the pack does not have, or not in that year.
        """
        found = self._resources.get((layer, year)) or self._resources.get((layer, None))
        if found:
            return found
        years = sorted(y for name, y in self._resources if name == layer and y is not None)
        if years:
            raise NotInPackError(
                f"pack {self.name}: layer {layer!r} has no year {year}; it has "
                f"{', '.join(map(str, years))}. Add the file or choose one of these."
            )
        names = {name for name, _ in self._resources}
        raise NotInPackError(
            f"pack {self.name}: has no layer {layer!r}.{near(layer, names)} "
            f"Add it to {self.folder / manifest.FILE_NAME}."
        )

    def has(self, layer: str, year: int | None = None) -> bool:
        """Tell whether the pack brings a layer for a year."""
        return (layer, year) in self._resources or (layer, None) in self._resources

    @functools.cached_property
    def boundaries(self) -> gpd.GeoDataFrame:
        """County polygons in the grid's coordinates, indexed by county code."""
        return self.vector(BOUNDARIES).set_index("county_code").sort_index()

    @functools.cache  # noqa: B019  a pack lives as long as its process
    def vector(self, layer: str) -> gpd.GeoDataFrame:
        """Return a vector layer of all counties in the grid's coordinates.

        Raises
        ------
        NotInPackError
            When the pack has no such layer.
        """
        path = self.folder / self.resource(layer).path
        frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
        if frame.crs is None:
            raise PackError(f"{path}: has no coordinate system. Write one into the file.")
        frame["county_code"] = frame["county_code"].astype("str")
        return frame.to_crs(self.grid.crs.to_wkt())

    def geometry(self, county_code: str) -> BaseGeometry:
        """Return a county's polygon in the grid's coordinates.

        Raises
        ------
        CodeError
            When the pack has no such county.
        """
        if county_code not in self.boundaries.index:
            raise CodeError(
                f"pack {self.name}: has no polygon of county {county_code}. Add it to "
                f"{self.resource(BOUNDARIES).path}."
            )
        return self.boundaries.geometry[county_code]

    def raster(self, layer: str, year: int | None, window: Window) -> xr.DataArray:
        """Return a window of a raster, float64, NaN = missing, unit in `attrs["units"]`.

        Monthly layers have the dims (month, y, x) with months 1–12, daily ones of a year (day, y, x)
        with dates, all others (y, x).

        Raises
        ------
        PackError
            For values that the layer or its unit cannot have.
        """
        resource = self.resource(layer, year)
        path = self.folder / resource.path
        if resource.format == "zarr":
            rows, cols = window.toslices()
            with xr.open_zarr(path, consolidated=False) as dataset:
                found = dataset[layer].isel(y=rows, x=cols).astype("float64").load()
            values = found.to_numpy().reshape(-1, *found.shape[-2:])
        else:
            with rasterio.open(path) as source:
                values = source.read(window=window, masked=True).astype("float64").filled(np.nan)
                scales = np.array(source.scales)[:, None, None]
                values = values * scales + np.array(source.offsets)[:, None, None]
        coords = self.grid.coordinates(window)
        attrs = {"units": resource.unit}
        if len(values) == 1:
            found = xr.DataArray(values[0], coords=coords, dims=("y", "x"), name=layer, attrs=attrs)
        else:
            bands = self._bands(resource, len(values))
            found = xr.DataArray(
                values,
                coords={**bands, **coords},
                dims=(*bands, "y", "x"),
                name=layer,
                attrs=attrs,
            )
        ranges.check_raster(str(path), layer, resource.unit, found)
        return found

    def _bands(self, resource: Resource, count: int) -> dict[str, Any]:
        """Return the dimension and coordinates of the bands of a raster: months, or days of a year."""
        if count == MONTHS:
            return {"month": np.arange(1, MONTHS + 1)}
        if resource.year is not None:
            days = pd.date_range(f"{resource.year}-01-01", f"{resource.year}-12-31")
            if count == len(days):
                return {"day": days}
        raise PackError(
            f"{self.folder / resource.path}: layer {resource.layer!r} has {count} bands; it must have "
            f"1, {MONTHS} (months), or one for each day of its year. Correct the raster."
        )

    @functools.cache  # noqa: B019  a pack lives as long as its process
    def _whole_table(self, layer: str, year: int | None) -> pd.DataFrame:
        """Read a table once, with the column types of its schema."""
        resource = self.resource(layer, year)
        path = self.folder / resource.path
        fields = resource.table_schema.fields if resource.table_schema else []
        types = {f.name: PANDAS_TYPES[f.type] for f in fields}
        known = dictionary.tables().get(layer)
        private = known is not None and known.private
        try:
            if resource.format == "parquet":
                frame = pd.read_parquet(path)[list(types)].astype(types)
            else:
                frame = pd.read_csv(path, dtype=types, encoding="utf-8", usecols=list(types))
                frame = frame[list(types)]
        except (ValueError, KeyError) as error:
            why = "" if private else f" ({error})"
            raise PackError(
                f"{path}: does not fit its schema{why}. Correct the table or its fields in "
                f"{manifest.FILE_NAME}."
            ) from error
        ranges.check_table(str(path), frame, fields, private=private)
        return frame

    def table(
        self, layer: str, county_code: str | None = None, year: int | None = None
    ) -> pd.DataFrame:
        """Return a table, cut to a county and, where it has a column `year`, to a year."""
        frame = self._whole_table(layer, year if (layer, year) in self._resources else None)
        if county_code is not None:
            frame = frame[frame["county_code"] == county_code]
        if year is not None and "year" in frame.columns:
            frame = frame[frame["year"] == year]
        return frame.reset_index(drop=True)

    def origin(self, layer: str, year: int | None = None) -> Origin:
        """Return whether a layer was observed, modelled or only illustrates."""
        return self.resource(layer, year).origin

    def fingerprint(self, county_code: str, year: int) -> dict[str, str]:
        """Return a hash per layer of just the content that a county's account of a year rests on.

        That is what the pack holds of the county for the year and all years before. Correcting the rows
        or cells of one county therefore changes that county's hashes only; provincial registers are in
        none of them, see `register_hash`.
        """
        return {
            f"{layer}@{own_year}": self._content_hash(layer, own_year, county_code, year)
            for layer, own_year in self._resources
            if (own_year is None or own_year <= year) and layer not in _provincial()
        }

    @functools.cache  # noqa: B019  a pack lives as long as its process
    def register_hash(self, layer: str, year: int) -> str:
        """Return the hash of a table or vector layer of all counties up to a year; empty if absent."""
        if not self.has(layer):
            return ""
        resource = self.resource(layer)
        frame = self.table(layer) if resource.kind == "table" else self.vector(layer).to_wkb()
        if "year" in frame.columns:
            frame = frame[frame["year"] <= year]
        return hashlib.sha256((frame.to_csv(index=False) + resource.origin).encode()).hexdigest()

    @functools.cache  # noqa: B019  a pack lives as long as its process
    def _content_hash(self, layer: str, own_year: int | None, county_code: str, year: int) -> str:
        """Return the hash of what a county uses of one resource up to a year."""
        resource = self._resources[layer, own_year]
        if resource.kind == "raster":
            halo = self.reach_cells(REACH_M) if layer in FAR_LAYERS else HALO_CELLS
            window = self.window(county_code, halo)
            array = self.raster(layer, own_year or self.years[-1], window)
            content = array.to_numpy().tobytes() + resource.unit.encode()
        elif layer == BOUNDARIES:
            content = self.geometry(county_code).wkb
        elif resource.kind == "vector":
            frame = self.vector(layer)
            content = frame[frame["county_code"] == county_code].to_wkb().to_csv().encode()
        else:
            frame = self._tables_by_county(layer, own_year).get(county_code, pd.DataFrame())
            if "year" in frame.columns:
                frame = frame[frame["year"] <= year]
            content = frame.to_csv(index=False).encode()
        return hashlib.sha256(content + resource.origin.encode()).hexdigest()

    @functools.cache  # noqa: B019  a pack lives as long as its process
    def _tables_by_county(self, layer: str, own_year: int | None) -> dict[str, pd.DataFrame]:
        """Return the rows of a table by county."""
        frame = self._whole_table(layer, own_year)
        return {str(code): rows for code, rows in frame.groupby("county_code")}

    def reach_cells(self, reach_m: float) -> int:
        """Return how many cells a distance is, at least the halo."""
        return max(HALO_CELLS, math.ceil(reach_m / abs(self.grid.transform.a)))

    def window(self, county_code: str, halo_cells: int = HALO_CELLS) -> Window:
        """Return a county's window on the grid, with a halo."""
        return self.grid.window(self.geometry(county_code).bounds, halo_cells)


@functools.cache
def _provincial() -> frozenset[str]:
    """Return the names of the tables and layers that are read for the whole province at once."""
    return frozenset(name for name, entry in dictionary.tables().items() if entry.provincial)


def content_hash(path: Path) -> str:
    """Return `sha256:…` of a file, or of a folder's files and their names (Zarr)."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    else:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    return f"sha256:{digest.hexdigest()}"
