"""One county's account of a year: every service of the standard, physical and in money (核算)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from gepbook import ledger, zonal
from gepbook.accounting import registry
from gepbook.accounting.layers import Layers
from gepbook.accounting.prices import PriceBook
from gepbook.accounting.spec import CATEGORY_ZH, NotApplicable, ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.errors import CoverageError, GepbookError, ParameterError
from gepbook.inputs.county import CountyInputs
from gepbook.ledger import Origin
from gepbook.params import CONFIDENCES, Confidence, ParameterSet


@dataclass(frozen=True)
class ServiceResult:
    """One service of one county and year (单项服务核算结果).

    `quantities` and the values are by component; both are empty where the service does not apply, and
    `not_applicable` then gives the reason. `density` is what maps are drawn from.
    """

    spec: ServiceSpec
    quantities: Mapping[str, float]
    current_cny: Mapping[str, float]
    comparable_cny: Mapping[str, float]
    density: Mapping[str, xr.DataArray]
    origin: Origin
    quality: Confidence
    not_applicable: str = ""


def tables_of(spec: ServiceSpec, inputs: CountyInputs) -> dict[str, pd.DataFrame]:
    """Return the tables a service needs, cut to the county and year.

    Raises
    ------
    CoverageError
        When the county's row or a figure in it is missing; missing is never taken for 0.
    """
    tables, problems = {}, []
    for wanted in spec.tables:
        try:
            tables[wanted.name] = inputs.figures(wanted.name, *wanted.columns)
        except CoverageError as error:
            problems += error.problems
    if problems:
        raise CoverageError(problems)
    return tables


def account(
    inputs: CountyInputs,
    params: ParameterSet,
    standard: Standard,
    prices: PriceBook,
    comparable_year: int,
) -> list[ServiceResult]:
    """Return the result of every service that the standard includes.

    Raises
    ------
    GepbookError
        All services' problems at once: missing input, wrong unit, missing price.
    """
    layers = Layers(inputs, params)
    current = prices.at(inputs.year, inputs.year)
    comparable = prices.at(comparable_year, inputs.year)
    results, problems = [], []
    for service in standard.included:
        spec = registry.services()[service]
        try:
            results.append(_service(spec, layers, prices, current, comparable))
        except GepbookError as error:
            problems += [f"{service}: {problem}" for problem in error.problems]
    if problems:
        raise GepbookError(problems)
    return results


def _service(
    spec: ServiceSpec,
    layers: Layers,
    book: PriceBook,
    current: dict[str, float],
    comparable: dict[str, float],
) -> ServiceResult:
    """Return one service's result: densities, zonal totals, quantities, values."""
    inputs = layers.inputs
    _check_prices(spec, book)
    params = layers.params.section(spec.parameters, spec.params)
    tables = tables_of(spec, inputs)
    density: dict[str, xr.DataArray] = {}
    if spec.density is not None:
        arrays = {layer.name: layers.get(layer.name, layer.units) for layer in spec.layers}
        density = spec.density(**arrays, params=params)
    totals = {
        name: zonal.total(array, inputs.coverage, inputs.cell_area_ha, f"{spec.id}.{name}")
        for name, array in density.items()
    }
    names = [layer.name for layer in spec.layers]
    origin = ledger.weakest(
        [layers.origin(*names), *(inputs.origin(table.name) for table in spec.tables)]
    )
    quality: Confidence = max(
        layers.params.worst_confidence(spec.parameters, *layers.sections(*names)),
        *(book.prices[price].confidence for price in spec.prices),
        key=CONFIDENCES.index,
    )
    found = spec.quantity(totals, tables, params) if spec.quantity else totals
    if isinstance(found, NotApplicable):
        return ServiceResult(spec, {}, {}, {}, density, origin, quality, found.reason)
    return ServiceResult(
        spec=spec,
        quantities=found,
        current_cny=spec.value(found, current, params),
        comparable_cny=spec.value(found, comparable, params),
        density=density,
        origin=origin,
        quality=quality,
    )


def _check_prices(spec: ServiceSpec, book: PriceBook) -> None:
    """Refuse a price that is not in the book or is in another unit."""
    problems = []
    for name, unit in spec.prices.items():
        got = book.prices[name].unit if name in book.prices else None
        if got != unit:
            problems.append(
                f"price {name!r}: must be in {unit!r}, got {got!r}. "
                "Correct it in params/prices/prices.yaml."
            )
    if problems:
        raise ParameterError(problems)


def totals(results: list[ServiceResult], basis: str) -> dict[str, float]:
    """Return the value of each category and of GEP, CNY, from services' `{basis}_cny`."""
    by_category = dict.fromkeys(CATEGORY_ZH, 0.0)
    for result in results:
        by_category[result.spec.category] += sum(getattr(result, f"{basis}_cny").values())
    return {**by_category, "gep": sum(by_category.values())}


def entries(
    results: list[ServiceResult], standard: Standard, year: int, comparable_year: int
) -> list[dict[str, Any]]:
    """Return the ledger rows of an account (核算台账).

    Accounts: `gep` (total and categories), `services`, `components`.
    """
    rows = []
    years = {"current": year, "comparable": comparable_year}
    for result in results:
        spec = result.spec
        common: dict[str, Any] = {
            "origin": result.origin,
            "quality": result.quality,
            "method_id": f"{standard.id}/{spec.id}/{spec.method}",
        }
        if result.not_applicable:
            rows.append(
                ledger.entry(
                    "services",
                    spec.id,
                    "not_applicable",
                    1,
                    "1",
                    **common,
                    note=result.not_applicable,
                )
            )
            continue
        units = {component.id: component.units for component in spec.components}
        rows += [
            ledger.entry(
                "components", f"{spec.id}.{name}", "physical", amount, units[name], **common
            )
            for name, amount in result.quantities.items()
        ]
        for basis, price_year in years.items():
            money: dict[str, Any] = {"price_basis": basis, "price_year": price_year, **common}
            values = getattr(result, f"{basis}_cny")
            rows += [
                ledger.entry("components", f"{spec.id}.{name}", "value", amount, "CNY", **money)
                for name, amount in values.items()
            ]
            rows.append(
                ledger.entry("services", spec.id, "value", sum(values.values()), "CNY", **money)
            )
    gep = totals(results, "current")["gep"]
    rows += [
        ledger.entry(
            "services",
            result.spec.id,
            "share",
            sum(result.current_cny.values()) / gep,
            "1",
            origin=result.origin,
            quality=result.quality,
            method_id=standard.id,
        )
        for result in results
        if gep and not result.not_applicable
    ]
    return rows + total_entries(results, standard, years, "value")


def total_entries(
    results: list[ServiceResult], standard: Standard, years: Mapping[str, int], measure: str
) -> list[dict[str, Any]]:
    """Return the ledger rows of GEP and its categories on some price bases."""
    rows = []
    for basis, price_year in years.items():
        for item, amount in totals(results, basis).items():
            behind = [r for r in results if item in ("gep", r.spec.category)]
            rows.append(
                ledger.entry(
                    "gep",
                    item,
                    measure,
                    amount,
                    "CNY",
                    origin=ledger.weakest(r.origin for r in behind),
                    quality=max((r.quality for r in behind), key=CONFIDENCES.index, default=""),
                    method_id=standard.id,
                    price_basis=basis,
                    price_year=price_year,
                )
            )
    return rows


def growth_entries(
    now: list[ServiceResult], before: list[ServiceResult], standard: Standard, comparable_year: int
) -> list[dict[str, Any]]:
    """Return the ledger rows of growth on the year before, at comparable prices (可比价增长)."""
    former = totals(before, "comparable")
    return [
        ledger.entry(
            "gep",
            item,
            "growth",
            amount / former[item] - 1,
            "1",
            origin=ledger.weakest(r.origin for r in [*now, *before]),
            quality=max((r.quality for r in now), key=CONFIDENCES.index, default=""),
            method_id=standard.id,
            price_basis="comparable",
            price_year=comparable_year,
        )
        for item, amount in totals(now, "comparable").items()
        if former[item]
    ]
