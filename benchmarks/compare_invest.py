"""How closely, and how fast, gepbook computes what InVEST computes: water yield, soil loss, LS.

    python benchmarks/compare_invest.py FOLDER --seasonality-constant Z

FOLDER holds what two InVEST runs on the same data left behind:

    biophysical.csv                        lucode, lulc_veg, root_depth, kc, usle_c, usle_p
    annual_water_yield/                    the model's workspace
        intermediate/                      its inputs on one grid, all .tif: clipped_lulc, precip,
                                           eto, pawc, depth_to_root_rest_layer
        output/per_pixel/                  aet, wyield
    sdr/                                   the workspace of the sediment delivery ratio
        intermediate_outputs/              ls; its inputs on one grid: masked_dem, masked_lulc,
                                           masked_erosivity, masked_erodibility (InVEST before
                                           3.16 names them aligned_*)
        rkls, usle, avoided_erosion        .tif

Both workspaces without a file suffix; flow directions MFD. InVEST 3.14 or later.

Each layer is computed with gepbook's functions and compared cell by cell, away from the edges. The
difference is relative to InVEST's value, or to a hundredth of the layer's mean where the value is
smaller: InVEST computes in single precision, and where nearly all rain evaporates its yield keeps few
digits. `beyond` counts the cells that differ by more than 1e-4 of their own value, however small.
Exit code 0 when no layer differs by more than 1e-4, 1 when one does or lacks a cell that InVEST has,
2 when FOLDER is incomplete. Potential and actual loss are compared where InVEST has them: not in streams.

The speed ratio needs InVEST's time: given as --invest-seconds, or measured when natcap.invest can be
imported. Both sides then read the same files and do the same steps, from the elevation to LS and from
climate to the evaporated share; InVEST writes its results to disk, gepbook keeps them in memory.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import rasterio
import typer
import xarray as xr
from scipy.ndimage import binary_erosion

from gepbook.accounting import terrain
from gepbook.accounting.factors import actual_evapotranspiration as fu
from gepbook.accounting.services import soil_retention
from gepbook.errors import GepbookError, GridMismatchError, PackError
from gepbook.units import with_units

TOLERANCE = 1e-4
SMALL = 1e-2  # of the layer's mean; differences of smaller values are relative to this
W_BASE, W_MOST = 1.25, 5.0  # InVEST: w = Z · AWC / P + 1.25, at most 5

TABLE = "biophysical.csv"
COLUMNS = ("lucode", "lulc_veg", "root_depth", "kc", "usle_c", "usle_p")
WATER = "annual_water_yield/intermediate"
WATER_INPUTS = ("clipped_lulc", "precip", "eto", "pawc", "depth_to_root_rest_layer")
WATER_RESULTS = ("aet", "wyield")
SDR = "sdr/intermediate_outputs"
SDR_INPUTS = ("dem", "lulc", "erosivity", "erodibility")
SDR_RESULTS = ("rkls", "usle", "avoided_erosion")
PREFIXES = ("masked", "aligned")

Arrays = dict[str, xr.DataArray]


def find_files(folder: Path) -> dict[str, Path]:
    """Return the files by short name; one error names all that are missing.

    Raises
    ------
    PackError
        When a file, or a column of the table, is missing.
    """
    wanted = {"table": [TABLE], "ls": [f"{SDR}/ls.tif"]}
    wanted |= {name: [f"{WATER}/{name}.tif"] for name in WATER_INPUTS}
    wanted |= {n: [f"annual_water_yield/output/per_pixel/{n}.tif"] for n in WATER_RESULTS}
    wanted |= {n: [f"{SDR}/{prefix}_{n}.tif" for prefix in PREFIXES] for n in SDR_INPUTS}
    wanted |= {n: [f"sdr/{n}.tif"] for n in SDR_RESULTS}
    found, missing = {}, []
    for name, choices in wanted.items():
        existing = [folder / choice for choice in choices if (folder / choice).is_file()]
        if existing:
            found[name] = existing[0]
        else:
            missing.append(" or ".join(choices))
    if "table" in found:
        columns = pd.read_csv(found["table"], nrows=0).columns.str.strip().str.lower()
        missing += [f"{TABLE}: column {c}" for c in COLUMNS if c not in columns]
    if missing:
        lines = "\n".join(f"  {line}" for line in missing)
        raise PackError(f"{folder} lacks\n{lines}\nRun both InVEST models into it first.")
    return found


def read(path: Path, units: str = "1") -> xr.DataArray:
    """Return a raster, dims (y, x), NaN where it has no data."""
    with rasterio.open(path) as raster:
        values = raster.read(1, masked=True).astype("float64").filled(np.nan)
        t = raster.transform
    rows, cols = (np.arange(n) + 0.5 for n in values.shape)
    coords = {"y": t.f + rows * t.e, "x": t.c + cols * t.a}
    return with_units(xr.DataArray(values, coords=coords, dims=("y", "x")), units)


def looked_up(codes: xr.DataArray, column: pd.Series, units: str = "1") -> xr.DataArray:
    """Return the values of a table's column on a map of land cover codes; NaN stays NaN."""
    known = codes.notnull()
    values = column.reindex(codes.where(known, column.index[0]).to_numpy().astype(int).ravel())
    return with_units(codes.copy(data=values.to_numpy().reshape(codes.shape)).where(known), units)


def water_yield(files: dict[str, Path], table: pd.DataFrame, seasonality: float) -> Arrays:
    """Return actual evapotranspiration and water yield, mm a-1, with InVEST's parameters.

    Fu's curve is gepbook's; InVEST's w stands for each cell in place of ω by ecosystem type. Where
    nothing grows InVEST lets the demand evaporate, at most the rain.
    """
    codes = read(files["clipped_lulc"])
    rain = read(files["precip"], "mm a-1")
    demand = with_units(read(files["eto"]) * looked_up(codes, table["kc"]), "mm a-1")
    depth = np.minimum(
        looked_up(codes, table["root_depth"]), read(files["depth_to_root_rest_layer"])
    )
    capacity = depth * read(files["pawc"])
    omega = (seasonality * capacity / rain + W_BASE).clip(max=W_MOST)
    growing = fu.fu(rain, demand, omega)
    bare = xr.where(demand < rain, demand, rain)
    evaporated = xr.where(looked_up(codes, table["lulc_veg"]) == 1, growing, bare)
    return {"aet": evaporated, "wyield": rain - evaporated}


def slope_length(files: dict[str, Path], length_limit: float) -> Arrays:
    """Return LS from the elevation."""
    params = terrain.DesmetGoversParams(length_factor_limit=length_limit)
    return {"ls": terrain.desmet_govers(elevation=read(files["dem"], "m"), params=params)}


def soil_loss(files: dict[str, Path], table: pd.DataFrame, ls: xr.DataArray) -> Arrays:
    """Return potential, actual and avoided loss, t ha-1 a-1, on the way of 土壤保持."""
    codes = read(files["lulc"])
    practice, cover = looked_up(codes, table["usle_p"]), looked_up(codes, table["usle_c"])
    potential = read(files["erosivity"]) * read(files["erodibility"]) * ls
    loss = {
        "rkls": potential,
        "avoided_erosion": soil_retention.soil_kept(potential, cover, practice),
    }
    loss["usle"] = loss["rkls"] - loss["avoided_erosion"]
    return loss


class Difference(NamedTuple):
    """How far two layers are apart."""

    cells: int
    missing: int
    beyond: int
    greatest: float

    @property
    def good(self) -> bool:
        """Whether they agree."""
        return self.greatest <= TOLERANCE and not self.missing


def compare(name: str, ours: xr.DataArray, theirs: xr.DataArray, margin: int) -> Difference:
    """Return how far a layer is from InVEST's, inside a margin of cells.

    Raises
    ------
    GridMismatchError
        When the grids differ or the margin leaves no cell.
    """
    if ours.shape != theirs.shape:
        raise GridMismatchError(f"{name}: {ours.shape} cells computed, InVEST has {theirs.shape}.")
    mine, given = ours.to_numpy(), theirs.to_numpy()
    inside = np.isfinite(mine)
    missing = np.isfinite(given) & ~inside
    if margin:
        inside = binary_erosion(inside, np.ones((3, 3)), iterations=margin)
    inside &= np.isfinite(given)
    if not inside.any():
        raise GridMismatchError(f"{name}: no cell is left inside a margin of {margin} cells.")
    mine, given = mine[inside], given[inside]
    apart, size = np.abs(mine - given), np.abs(given)
    scale = np.maximum(size, SMALL * size.mean())
    relative = np.divide(apart, scale, out=np.full_like(apart, np.inf), where=scale > 0)
    greatest = float(relative[apart > 0].max(initial=0.0))
    return Difference(
        mine.size, int(missing.sum()), int((apart > TOLERANCE * size).sum()), greatest
    )


def has_invest() -> bool:
    """Return whether natcap.invest can be imported."""
    return all(importlib.util.find_spec(name) for name in ("natcap", "pygeoprocessing"))


def time_invest(files: dict[str, Path], seasonality: float, length_limit: float) -> float:
    """Return the seconds that InVEST takes from elevation to LS and from climate to evaporation."""
    import pygeoprocessing as geo
    from natcap.invest.annual_water_yield.annual_water_yield import fractp_op
    from natcap.invest.sdr import sdr
    from osgeo import gdal
    from pygeoprocessing import routing

    made = files["precip"].parent
    names = ["kc_raster", "eto", "precip", "root_depth", "depth_to_root_rest_layer", "pawc", "veg"]
    rasters = [made / f"{name}.tif" for name in names]
    nodata = [geo.get_raster_info(str(path))["nodata"][0] for path in rasters]
    gaps = {"out_nodata": -1, "eto": nodata[1], "precip": nodata[2]}
    gaps |= {"depth_root": nodata[4], "pawc": nodata[5]}
    with tempfile.TemporaryDirectory() as scratch:
        made_here = {
            name: f"{scratch}/{name}.tif" for name in ("filled", "slope", "way", "sum", "ls", "aet")
        }
        started = time.perf_counter()
        routing.fill_pits((str(files["dem"]), 1), made_here["filled"], working_dir=scratch)
        geo.calculate_slope((made_here["filled"], 1), made_here["slope"])
        routing.flow_dir_mfd((made_here["filled"], 1), made_here["way"], working_dir=scratch)
        routing.flow_accumulation_mfd((made_here["way"], 1), made_here["sum"])
        sdr._calculate_ls_factor(
            made_here["sum"], made_here["slope"], length_limit, made_here["ls"]
        )
        geo.raster_calculator(
            [*((str(path), 1) for path in rasters), (gaps, "raw"), (seasonality, "raw")],
            fractp_op, made_here["aet"], gdal.GDT_Float32, -1,
        )  # fmt: skip
        return time.perf_counter() - started


def report(
    folder: Path,
    seasonality: float,
    length_limit: float,
    margin: int,
    invest_seconds: float | None,
) -> bool:
    """Print the comparison and the times; return whether all layers agree."""
    files = find_files(folder)
    table = pd.read_csv(files["table"])
    table.columns = table.columns.str.strip().str.lower()
    table = table.set_index("lucode")
    started = time.perf_counter()
    layers = water_yield(files, table, seasonality)
    layers |= slope_length(files, length_limit)
    seconds = time.perf_counter() - started
    layers |= soil_loss(files, table, layers["ls"])
    agree = True
    print(f"{'layer':<16}{'cells':>10}{'missing':>9}{'beyond':>9}  greatest relative difference")
    for name, ours in layers.items():
        found = compare(name, ours, read(files[name]), margin)
        agree &= found.good
        numbers = f"{found.cells:>10}{found.missing:>9}{found.beyond:>9}  {found.greatest:.1e}"
        print(f"{name:<16}{numbers}{'' if found.good else '  DISAGREES'}")
    if invest_seconds is None and has_invest():
        invest_seconds = time_invest(files, seasonality, length_limit)
    print(f"gepbook {seconds:.2f} s", end="")
    if invest_seconds is None:
        print("; no time of InVEST: give --invest-seconds or install natcap.invest")
    else:
        print(f", InVEST {invest_seconds:.2f} s, ratio {invest_seconds / seconds:.1f}")
    return agree


def main(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Both workspaces.")],
    seasonality_constant: Annotated[float, typer.Option(help="InVEST's Z.", min=0)],
    length_limit: Annotated[float, typer.Option(help="InVEST's l_max.", min=0)] = 122.0,
    margin: Annotated[int, typer.Option(help="Cells left out along the edges.", min=0)] = 2,
    invest_seconds: Annotated[
        float | None, typer.Option(help="Time of InVEST for the same layers; else measured.")
    ] = None,
) -> None:
    """Compare gepbook with InVEST and say how closely they agree and which is faster.

    FOLDER holds what both models left: biophysical.csv (lucode, lulc_veg, root_depth, kc, usle_c,
    usle_p);

    annual_water_yield/intermediate/ clipped_lulc, precip, eto, pawc, depth_to_root_rest_layer (.tif);

    annual_water_yield/output/per_pixel/ aet, wyield; sdr/ rkls, usle, avoided_erosion;

    sdr/intermediate_outputs/ ls and masked_ (or aligned_) dem, lulc, erosivity, erodibility.
    """
    try:
        agree = report(folder, seasonality_constant, length_limit, margin, invest_seconds)
    except GepbookError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from error
    if not agree:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
