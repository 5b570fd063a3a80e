"""How many cells a second each factor and service takes on a synthetic county at 30 m.

    python benchmarks/fine_grid.py --area-km2 4400 --cell-m 30

The county is a square of random but plausible rasters; nothing is read from disk, so the figures are of
the formulas and the zonal totals alone. The ratio is to summing the land cover once: the least that
looking at every cell can take.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from gepbook import ecosystems
from gepbook.accounting import registry
from gepbook.accounting.account import measure
from gepbook.accounting.layers import Layers
from gepbook.inputs.county import CountyInputs
from gepbook.params import resolve
from gepbook.run import Run

MONTHLY = {"precipitation": (60.0, 220.0, "mm"), "air_temperature": (2.0, 30.0, "degC")}
SINGLE = {
    "slope": (0.0, 45.0, "degree"),
    "elevation": (0.0, 1500.0, "m"),
    "soil_sand": (20.0, 50.0, "percent"),
    "soil_silt": (20.0, 40.0, "percent"),
    "soil_clay": (10.0, 30.0, "percent"),
    "soil_organic_carbon": (0.5, 4.0, "percent"),
    "vegetation_cover": (20.0, 100.0, "percent"),
    "net_primary_productivity": (200.0, 1000.0, "g m-2 a-1"),
    "temperature_difference": (0.0, 4.0, "K"),
    "wind_erosion_prevented": (0.0, 5.0, "t ha-1 a-1"),
}


class Synthetic(CountyInputs):
    """A county whose rasters are made up; its tables are those of the county it stands for."""

    def __init__(self, like: CountyInputs, area_km2: float, cell_m: float) -> None:
        super().__init__(like.pack, like.county_code, like.year)
        side = round((area_km2 * 1e6) ** 0.5 / cell_m)
        steps = (np.arange(side) + 0.5) * cell_m
        self.coordinates = {"y": steps[::-1], "x": steps}
        self.cell_area_ha = cell_m**2 / 1e4
        self.coverage = xr.DataArray(
            np.ones((side, side)), coords=self.coordinates, dims=("y", "x"), attrs={"units": "1"}
        )
        codes = ecosystems.read()["code"].to_numpy()
        drawn = np.random.default_rng(0).choice(codes, (side, side)).astype("float64")
        self.land_cover = self.coverage.copy(data=drawn)

    def has(self, layer: str) -> bool:
        """Tell whether the layer is made up here."""
        return layer in {*MONTHLY, *SINGLE, "land_cover"}

    def layer(self, name: str) -> xr.DataArray:
        """Return a random raster of a layer."""
        rng = np.random.default_rng(sum(name.encode()))
        shape = self.coverage.shape
        if name in MONTHLY:
            low, high, units = MONTHLY[name]
            months = {"month": np.arange(1, 13), **self.coordinates}
            data = rng.uniform(low, high, (12, *shape))
            dims = ("month", "y", "x")
            return xr.DataArray(data, coords=months, dims=dims, attrs={"units": units})
        low, high, units = SINGLE[name]
        return self.coverage.copy(data=rng.uniform(low, high, shape)).assign_attrs(units=units)

    def origin(self, name: str) -> Any:
        """Return that all is made up."""
        return "illustrative"


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Time every factor and every service with a map, each on layers that are there already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--area-km2", type=float, default=4400.0)
    parser.add_argument("--cell-m", type=float, default=30.0)
    args = parser.parse_args()
    like = Run.open("accounting", "330127", 2023).inputs()
    inputs = Synthetic(like, args.area_km2, args.cell_m)
    params = resolve("330127", 2023, "db33-2020")
    cells = inputs.coverage.size
    least = min(timed(lambda: inputs.land_cover.sum()) for _ in range(5))
    print(f"{cells:,} cells; summing one raster takes {least * 1e3:.1f} ms")
    layers = Layers(inputs, params)
    for name in (*MONTHLY, *SINGLE):
        unit = (MONTHLY.get(name) or SINGLE[name])[2]
        layers.get(name, unit)

    def report(kind: str, name: str, seconds: float) -> None:
        rate = cells / seconds / 1e6
        print(f"{kind:8} {name:55} {rate:9.1f} M cells/s {seconds / least:8.0f} × one sum")

    for methods in registry.factor_methods().values():
        for factor in methods.values():
            if any(wanted.name == "daily_precipitation" for wanted in factor.layers):
                continue
            given = {w.name: layers.get(w.name, w.units) for w in factor.layers}
            section = params.section(factor.parameters, factor.params)
            seconds = timed(lambda f=factor, g=given, s=section: f.compute(**g, params=s))  # type: ignore[misc]
            report("factor", f"{factor.id}.{factor.method}", seconds)
    for methods in registry.service_methods().values():
        for spec in methods.values():
            if spec.density is None:
                continue
            for wanted in spec.layers:
                layers.get(wanted.name, wanted.units)
            seconds = timed(lambda s=spec: measure(s, layers))  # type: ignore[misc]
            report("service", f"{spec.id}.{spec.method}", seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"largest memory {peak:.1f} GB")


if __name__ == "__main__":
    main()
