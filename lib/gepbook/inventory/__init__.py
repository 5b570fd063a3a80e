"""Inventory (生态产品调查): what ecosystems there are, how they change, what they offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from gepbook import ledger, zonal
from gepbook.inventory import extent, statistics
from gepbook.run import Run

METHOD = "seea-ea/extent"


@dataclass(frozen=True)
class Inventory:
    """The inventory of one county and year (生态产品调查结果).

    `extent` is the extent account in ha, `changes` the change matrix or None in a pack's first year,
    `catalogue` the product list 目录清单.
    """

    entries: list[dict[str, Any]]
    extent: pd.DataFrame
    changes: pd.DataFrame | None
    catalogue: pd.DataFrame
    catalogue_origin: ledger.Origin
    land_cover: xr.DataArray
    coverage: xr.DataArray


def compute(run: Run) -> Inventory:
    """Return the inventory of the run's county and year."""
    inputs = run.inputs()
    closing = zonal.area_by_type(inputs.land_cover, inputs.coverage, inputs.cell_area_ha)
    opening, changes = None, None
    rows = statistics.entries(inputs)
    if run.previous_year is not None:
        before = run.inputs(run.previous_year)
        opening = zonal.area_by_type(before.land_cover, before.coverage, before.cell_area_ha)
        changes = extent.change_matrix(
            before.land_cover, inputs.land_cover, inputs.coverage, inputs.cell_area_ha
        )
        rows += statistics.entries(before, measure="value_previous_year")
    account = extent.extent_account(opening, closing)
    origin = {"closing_ha": inputs.origin("land_cover"), "opening_ha": inputs.origin("land_cover")}
    origin["change_ha"] = inputs.change_origin("land_cover")
    rows += [
        ledger.entry(
            "extent",
            str(kind),
            str(column).removesuffix("_ha"),
            value,
            "ha",
            origin=origin[str(column)],
            method_id=METHOD,
        )
        for column, values in account.items()
        for kind, value in values.items()
    ]
    rows.append(
        ledger.entry(
            "statistics",
            "land_area",
            "value",
            float(inputs.coverage.sum()) * inputs.cell_area_ha / 100,
            "km2",
            origin=inputs.origin("counties"),
            method_id="zonal/coverage",
        )
    )
    return Inventory(
        entries=rows,
        extent=account,
        changes=changes,
        catalogue=inputs.table("product_catalogue"),
        catalogue_origin=inputs.origin("product_catalogue"),
        land_cover=inputs.land_cover,
        coverage=inputs.coverage,
    )
