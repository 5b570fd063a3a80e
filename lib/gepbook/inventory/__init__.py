"""Inventory (生态产品调查): what ecosystems and products there are, whose they are, how they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from gepbook import ledger, zonal
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.own_data import dictionary
from gepbook.inventory import (
    asset_account,
    catalogue,
    condition,
    extent,
    grading,
    monitoring,
    registration,
    statistics,
)
from gepbook.inventory.asset_account import AssetAccount
from gepbook.inventory.catalogue import Catalogue
from gepbook.inventory.condition import ConditionAccount
from gepbook.inventory.grading import Grading
from gepbook.inventory.monitoring import Monitoring
from gepbook.inventory.registration import Disputes, Registration, Rights
from gepbook.prices import PriceBook
from gepbook.run import Run

METHOD = "seea-ea/extent"


@dataclass(frozen=True)
class Extent:
    """Ecosystem extent of one county and year (生态系统范围).

    `account` is the extent account in ha, `changes` the change matrix, None in a pack's first year.
    """

    account: pd.DataFrame
    changes: pd.DataFrame | None
    land_cover: xr.DataArray
    coverage: xr.DataArray


@dataclass(frozen=True)
class Registers:
    """What the registers of one county say (登记簿): units, rights, disputes, owners of ecosystems."""

    registration: Registration
    rights: Rights
    disputes: Disputes
    owners: pd.DataFrame
    units: gpd.GeoDataFrame | None


@dataclass(frozen=True)
class Inventory:
    """The inventory of one county and year (生态产品调查结果).

    `former` is the condition of the year before. `series` holds every product's surveys so far,
    `products` the catalogue's with their owners. `grading` is None without a map of GEP. `agricultural`
    and `eco_tourism` are the statistics' own tables, None where the pack lacks them.
    """

    entries: list[dict[str, Any]]
    extent: Extent
    condition: ConditionAccount
    former: ConditionAccount | None
    catalogue: Catalogue
    products: pd.DataFrame
    registers: Registers
    monitoring: Monitoring
    series: pd.DataFrame
    assets: AssetAccount
    grading: Grading | None
    agricultural: pd.DataFrame | None
    eco_tourism: pd.DataFrame | None

    @property
    def files(self) -> dict[str, pd.DataFrame]:
        """The lists that are kept beside the ledger, by file name."""
        lists = {
            "products.parquet": self.products,
            "catalogue_gaps.parquet": self.catalogue.gaps,
            "product_series.parquet": self.series,
            "alerts.parquet": self.monitoring.alerts,
            "owners.parquet": self.registers.owners,
        }
        if self.grading is not None:
            lists["grading_units.parquet"] = self.grading.units
        return lists


@dataclass(frozen=True)
class Brief:
    """What other counties and the province need of an inventory: its ledger rows."""

    entries: list[dict[str, Any]]


def compute(run: Run, gep_density: xr.DataArray | None = None) -> Inventory:
    """Return the inventory of the run's county and year.

    Parameters
    ----------
    run : Run
    gep_density : DataArray, dims (y, x), CNY ha-1 a-1, optional
        Where the county's GEP arises, with its `origin` and `price_year` in `attrs`, as
        `accounting.density` returns it; land and water are graded by it, and not without it.

    Registers and statistics that the pack does not hold are declared missing in each part.
    """
    inputs = run.inputs()
    before = run.inputs(run.previous_year) if run.previous_year is not None else None
    found = extent_of(inputs, before)
    rows = _extent_rows(inputs, before, found)
    rules = run.params.section(condition.SECTION, condition.ConditionParams)
    state = condition.compute(inputs, rules)
    former = condition.compute(before, rules) if before is not None else None
    sure = run.params.worst_confidence(condition.SECTION)
    rows += condition.entries(state, inputs, former, sure)
    rows += condition.history_entries(inputs, rules, filter(None, (state, former)), sure)
    registers, register_rows = _registers(run, inputs)
    surveys = _surveys(inputs)
    agricultural = inputs.delivered("agricultural_products")
    eco_tourism = inputs.delivered("eco_tourism")
    watched = run.params.section(monitoring.SECTION, monitoring.MonitoringParams)
    listed = catalogue.build(
        surveys,
        agricultural,
        eco_tourism,
        registers.units,
        found.account["closing_ha"],
        run.year,
        watched,
    )
    changes = monitoring.compare(*monitoring.latest_two(surveys, run.year), watched)
    owned = run.params.section(registration.SECTION, registration.RegistrationParams)
    origin = _origin(inputs, "product_catalogue")
    quality = run.params.worst_confidence(monitoring.SECTION)
    rows += register_rows
    rows += catalogue.entries(listed, origin=origin, quality=quality)
    rows += monitoring.entries(changes, origin=origin, quality=quality)
    stocks = assets(run, inputs, found)
    rows += asset_account.entries(
        stocks,
        year=run.year,
        extent_origin=inputs.change_origin("land_cover"),
        stocks_origin=_origin(inputs, "resource_stocks"),
        quality=run.params.worst_confidence(asset_account.SECTION),
    )
    graded = None
    if gep_density is not None:
        graded, graded_rows = _graded(run, inputs, state, gep_density)
        rows += graded_rows
    return Inventory(
        entries=rows,
        extent=found,
        condition=state,
        former=former,
        catalogue=listed,
        products=registration.attach_to_products(listed.products, registers.owners, owned),
        registers=registers,
        monitoring=changes,
        series=monitoring.series(surveys),
        assets=stocks,
        grading=graded,
        agricultural=agricultural,
        eco_tourism=eco_tourism,
    )


def compute_brief(run: Run) -> Brief:
    """Return extent, basic figures, registration and the history of condition alone.

    Provincial tables and assessments are made from them.
    """
    inputs = run.inputs()
    before = run.inputs(run.previous_year) if run.previous_year is not None else None
    rows = _extent_rows(inputs, before, extent_of(inputs, before))
    rules = run.params.section(condition.SECTION, condition.ConditionParams)
    sure = run.params.worst_confidence(condition.SECTION)
    rows += condition.history_entries(inputs, rules, (), sure)
    return Brief(rows + _registers(run, inputs)[1])


def assets(run: Run, inputs: CountyInputs, found: Extent) -> AssetAccount:
    """Return the account of resource assets at the prices of the year's start and end."""
    rules = run.params.section(asset_account.SECTION, asset_account.AssetAccountParams)
    level = PriceBook.read().index(rules.price_index)
    base = float(level[rules.price_base_year])
    stocks = inputs.delivered("resource_stocks")
    if stocks is None:
        stocks = pd.DataFrame(columns=list(dictionary.tables()["resource_stocks"].fields))
    return asset_account.compute(
        found.changes,
        found.account["closing_ha"],
        stocks,
        rules,
        (float(level[run.year - 1]) / base, float(level[run.year]) / base),
    )


def _surveys(inputs: CountyInputs) -> pd.DataFrame | None:
    """Return the county's surveys of products up to the accounting year, None without any."""
    if not inputs.has("product_catalogue"):
        return None
    rows = inputs.pack.table("product_catalogue", inputs.county_code)
    return rows[rows["year"] <= inputs.year]


def _origin(inputs: CountyInputs, name: str) -> ledger.Origin:
    """Return the origin of a table; of what the pack lacks nothing is told, and nothing rests on it."""
    return inputs.origin(name) if inputs.has(name) else "observed"


def extent_of(inputs: CountyInputs, before: CountyInputs | None) -> Extent:
    """Return the extent account and, where there is a year before, the change matrix."""
    closing = zonal.area_by_type(inputs.land_cover, inputs.coverage, inputs.cell_area_ha)
    opening, changes = None, None
    if before is not None:
        opening = zonal.area_by_type(before.land_cover, before.coverage, before.cell_area_ha)
        changes = extent.change_matrix(
            before.land_cover, inputs.land_cover, inputs.coverage, inputs.cell_area_ha
        )
    account = extent.extent_account(opening, closing)
    return Extent(account, changes, inputs.land_cover, inputs.coverage)


def _extent_rows(
    inputs: CountyInputs, before: CountyInputs | None, found: Extent
) -> list[dict[str, Any]]:
    """Return the ledger rows of the extent account and of the basic figures of both years."""
    origin = {"closing_ha": inputs.origin("land_cover"), "opening_ha": inputs.origin("land_cover")}
    origin["change_ha"] = inputs.change_origin("land_cover")
    rows = statistics.entries(inputs)
    if before is not None:
        rows += statistics.entries(before, measure="value_previous_year")
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
        for column, values in found.account.items()
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
    return rows


def _registers(run: Run, inputs: CountyInputs) -> tuple[Registers, list[dict[str, Any]]]:
    """Return what the registers say and their ledger rows."""
    rules = run.params.section(registration.SECTION, registration.RegistrationParams)
    units = _units(inputs)
    rights = inputs.delivered("resource_rights")
    disputes = inputs.delivered("resource_disputes")
    state = registration.analyse(units, inputs.geometry, run.year, rules)
    held = registration.rights_summary(rights, units, run.year, rules)
    disputed = registration.disputes(disputes, state.overlaps, run.year)
    owners = registration.attach_owners(
        inputs.land_cover, inputs.coverage, state.parts, inputs.cell_area_ha
    )
    rows = registration.entries(
        state,
        held,
        disputed,
        origin=_origin(inputs, "resource_units"),
        quality=run.params.worst_confidence(registration.SECTION),
    )
    return Registers(state, held, disputed, owners, units), rows


def _units(inputs: CountyInputs) -> gpd.GeoDataFrame | None:
    """Return the county's registration units, None where the pack has none."""
    if not inputs.has("resource_units"):
        return None
    units = inputs.pack.vector("resource_units")
    return units[units["county_code"] == inputs.county_code].reset_index(drop=True)


def _graded(
    run: Run, inputs: CountyInputs, state: ConditionAccount, gep_density: xr.DataArray
) -> tuple[Grading, list[dict[str, Any]]]:
    """Return land and water graded, and the ledger rows."""
    rules = run.params.section(grading.SECTION, grading.GradingParams)
    result = grading.compute(
        land_cover=inputs.land_cover,
        coverage=inputs.coverage,
        gep_density=gep_density,
        condition=state.score,
        accessibility=grading.county_accessibility(inputs, rules),
        cell_area_ha=inputs.cell_area_ha,
        params=rules,
    )
    rows = grading.entries(
        result,
        origin=gep_density.attrs["origin"],
        price_year=gep_density.attrs["price_year"],
        price_basis="comparable",
        quality=run.params.worst_confidence(grading.SECTION),
    )
    return result, rows
