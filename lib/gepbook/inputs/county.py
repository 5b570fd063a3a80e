"""All inputs of one county and year, cut to its window."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Self

import pandas as pd
import xarray as xr
from shapely.geometry.base import BaseGeometry

from gepbook import counties, zonal
from gepbook.errors import CodeError, CoverageError, NotInPackError
from gepbook.inputs.pack import LAND_COVER, REACH_M, Pack
from gepbook.ledger import Origin


class CountyInputs:
    """The inputs of one county and year (县域输入); rasters and tables are read when asked for.

    `layer_years` names layers that are read from another year than the accounting year, or from none
    (None): what a layer without a year holds, such as a climatology. `tables_year` is the year of the
    statistics. Both are changed by `at` alone.
    """

    def __init__(self, pack: Pack, county_code: str, year: int) -> None:
        if year not in pack.years:
            raise CodeError(
                f"pack {pack.name}: has no year {year}; it holds "
                f"{', '.join(map(str, pack.years))}. Choose one of these or add the year's data."
            )
        self.pack = pack
        self.county_code = county_code
        self.year = year
        self.name_zh = counties.name_zh(county_code)
        self.window = pack.window(county_code)
        self.cell_area_ha = pack.grid.cell_area_ha
        self.layer_years: dict[str, int | None] = {}
        self.tables_year = year

    def at(self, layer_years: Mapping[str, int | None], tables_year: int | None = None) -> Self:
        """Return the same place and year with some layers, or the tables, of another year."""
        view = copy.copy(self)  # what is known of the place, such as its coverage, stays known
        view.__dict__.pop(LAND_COVER, None)
        view.layer_years = dict(layer_years)
        view.tables_year = tables_year or self.year
        return view

    def layer_year(self, name: str) -> int | None:
        """Return the year that a layer is read from; None for what has no year."""
        return self.layer_years.get(name, self.year)

    @property
    def geometry(self) -> BaseGeometry:
        """The county's polygon in the grid's coordinates."""
        return self.pack.geometry(self.county_code)

    @functools.cached_property
    def coverage(self) -> xr.DataArray:
        """Fraction of each cell of the window inside the county, dims (y, x)."""
        coords = self.pack.grid.coordinates(self.window)
        return zonal.coverage(self.geometry, coords["y"], coords["x"])

    @functools.cached_property
    def land_cover(self) -> xr.DataArray:
        """Ecosystem type codes, dims (y, x), NaN = missing."""
        return self.layer(LAND_COVER)

    def has(self, layer: str) -> bool:
        """Tell whether the pack brings a layer for this year."""
        return self.pack.has(layer, self.layer_year(layer))

    def layer(self, name: str) -> xr.DataArray:
        """Return a raster of the pack in the county's window."""
        return self.pack.raster(name, self.layer_year(name), self.window)

    def around(self, reach_m: float) -> xr.DataArray:
        """Return land cover of the county's window and some distance around it.

        Raises
        ------
        CodeError
            When the distance is more than packs are watched for changes in.
        """
        if reach_m > REACH_M:
            raise CodeError(
                f"land_cover: {reach_m:g} m beyond the county is asked for, {REACH_M:g} m is the most. "
                "Lower the distance in params/."
            )
        window = self.pack.window(self.county_code, self.pack.reach_cells(reach_m))
        return self.pack.raster(LAND_COVER, self.layer_year(LAND_COVER), window)

    def whole(self, make: Callable[[CountyInputs], xr.DataArray]) -> xr.DataArray:
        """Return a raster made of the county's rasters as a whole, not cell by cell."""
        return make(self)

    def total(self, density: xr.DataArray, name: str) -> float:
        """Return the county total of a raster per hectare; see `zonal.total`."""
        return zonal.total(density, self.coverage, self.cell_area_ha, name)

    def table(self, name: str) -> pd.DataFrame:
        """Return the county's rows of a table (of its year, where the table has years)."""
        return self.pack.table(name, self.county_code, self.tables_year)

    def figures(self, name: str, *columns: str) -> pd.DataFrame:
        """Return the county's rows of a table with some columns, none of them missing.

        Raises
        ------
        CoverageError
            When the county's row or a figure in it is missing; missing is never taken for 0.
        NotInPackError
            When the pack does not hold the table, or not for this year.
        """
        frame = self.table(name)
        whole = self.whole_year(name)
        lacking = [column for column in columns if column not in whole.columns]
        if lacking:
            raise CoverageError(
                f"table {name}: has no column {', '.join(lacking)}. Add it to the pack."
            )
        where = f"{self.county_code} {self.name_zh}"
        if frame.empty and "year" in whole.columns:
            raise CoverageError(
                f"table {name}: has no row of {where} for {self.tables_year}. Add the row."
            )
        empty = [column for column in columns if frame[column].isna().any()]
        if empty:
            raise CoverageError(
                f"table {name}: {where} {self.tables_year} has no {', '.join(empty)}. "
                "Fill it in, with 0 where there is none."
            )
        return frame

    def whole_year(self, name: str) -> pd.DataFrame:
        """Return a table's rows of all counties for the year of the statistics.

        Raises
        ------
        NotInPackError
            When the pack does not hold the table, or not for this year.
        """
        found = self.pack.table(name, year=self.tables_year)
        if found.empty and "year" in found.columns:
            raise NotInPackError(
                f"table {name}: has no rows of {self.tables_year}. Add the year's rows."
            )
        return found

    def delivered(self, name: str) -> pd.DataFrame | None:
        """Return the county's rows of a table, None where the pack has neither it nor this year."""
        try:
            self.whole_year(name)
        except NotInPackError:
            return None
        return self.table(name)

    def origin(self, name: str) -> Origin:
        """Return whether a layer was observed, modelled or only illustrates."""
        return self.pack.origin(name, self.layer_year(name))

    def change_origin(self, name: str) -> Origin:
        """Return the same of a layer's change from year to year."""
        resource = self.pack.resource(name, self.year)
        return resource.change_origin or resource.origin
