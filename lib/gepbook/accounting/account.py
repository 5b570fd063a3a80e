"""One county's account of a year: every service of the standard, physical and in money (核算)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from gepbook import counties, ledger, zonal
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import CATEGORY_ZH, NotApplicable, ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.errors import CoverageError, GepbookError, ParameterError
from gepbook.inputs.county import CountyInputs
from gepbook.ledger import Origin
from gepbook.params import CONFIDENCES, Confidence, ParameterSet, worst
from gepbook.prices import PriceBook

BASES = ("current", "comparable")


@dataclass(frozen=True)
class Measured:
    """The physical side of a service (实物量): quantities by component, or why it does not apply."""

    spec: ServiceSpec
    quantities: Mapping[str, float]
    density: Mapping[str, xr.DataArray]
    not_applicable: str = ""


@dataclass(frozen=True)
class ServiceResult:
    """One service of one county and year (单项服务核算结果).

    `quantities` and the values are by component; both are empty where the service does not apply, and
    `not_applicable` then gives the reason. `excluded` gives the rule by which components are computed
    but not counted, `negative_ha` the area where a component's density is below 0. `density` is what
    maps are drawn from.
    """

    spec: ServiceSpec
    quantities: Mapping[str, float]
    current_cny: Mapping[str, float]
    comparable_cny: Mapping[str, float]
    density: Mapping[str, xr.DataArray]
    origin: Origin
    quality: Confidence
    not_applicable: str = ""
    excluded: Mapping[str, str] = field(default_factory=dict)
    negative_ha: Mapping[str, float] = field(default_factory=dict)

    def values(self, basis: str) -> Mapping[str, float]:
        """Return the values of all components on a price basis, CNY a-1."""
        return self.current_cny if basis == "current" else self.comparable_cny

    def counted(self, basis: str) -> float:
        """Return the value that counts in GEP on a price basis, CNY a-1."""
        return sum(v for name, v in self.values(basis).items() if name not in self.excluded)

    @property
    def counts(self) -> bool:
        """Whether any component counts in GEP."""
        return any(name not in self.excluded for name in self.quantities)


def applies(spec: ServiceSpec, inputs: CountyInputs) -> bool:
    """Tell whether a service concerns a county at all."""
    return not spec.only_group or inputs.county_code in counties.group(spec.only_group, inputs.year)


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


def measure(spec: ServiceSpec, layers: Layers) -> Measured:
    """Return a service's densities and county quantities.

    Raises
    ------
    GepbookError
        For input that is missing or in another unit.
    """
    inputs = layers.inputs
    if not applies(spec, inputs):
        return Measured(spec, {}, {}, f"不在县组 {spec.only_group} / not in that county group")
    params = layers.params.section(spec.parameters, spec.params)
    tables = tables_of(spec, inputs)
    density: dict[str, xr.DataArray] = {}
    if spec.density is not None:
        arrays = {layer.name: layers.get(layer.name, layer.units) for layer in spec.layers}
        density = spec.density(**arrays, params=params)
    try:
        totals = {n: inputs.total(array, f"{spec.id}.{n}") for n, array in density.items()}
    except CoverageError as error:
        raise CoverageError([f"{p} {_gaps(spec, layers)}" for p in error.problems]) from error
    found = spec.quantity(totals, tables, params) if spec.quantity else totals
    if isinstance(found, NotApplicable):
        return Measured(spec, {}, density, found.reason)
    return Measured(spec, found, density)


def _gaps(spec: ServiceSpec, layers: Layers) -> str:
    """Say which of a service's layers have gaps inside the county."""
    inside = layers.inputs.coverage > 0
    names = [
        wanted.name
        for wanted in spec.layers
        if not bool((layers.get(wanted.name, wanted.units).notnull() | ~inside).all())
    ]
    return f"Layers with gaps: {', '.join(names) or 'none; the formula is not defined there'}."


def account(
    inputs: CountyInputs,
    params: ParameterSet,
    standard: Standard,
    prices: PriceBook,
    comparable_year: int,
    layers: Layers | None = None,
) -> list[ServiceResult]:
    """Return the result of every service that the standard includes.

    Parameters
    ----------
    inputs, params, standard, prices
    comparable_year : int
        Year of the comparable prices.
    layers : Layers, optional
        Layers of the same inputs, parameters and factors, when several standards are computed on them.

    Raises
    ------
    GepbookError
        All services' problems at once: missing input, wrong unit, missing price.
    """
    layers = layers or Layers(inputs, params, standard.factors)
    current = prices.at(inputs.year, inputs.tables_year)
    comparable = prices.at(comparable_year, inputs.tables_year)
    results, problems = [], []
    for spec in standard.specs():
        try:
            check_prices(spec, prices)
            reason = standard.services[spec.id].not_applicable
            measured = Measured(spec, {}, {}, reason) if reason else measure(spec, layers)
            section = params.section(spec.parameters, spec.params)
        except GepbookError as error:
            problems += [f"{spec.id}: {problem}" for problem in error.problems]
            continue
        applies = not measured.not_applicable
        results.append(
            ServiceResult(
                spec=spec,
                quantities=measured.quantities,
                current_cny=spec.value(measured.quantities, current, section) if applies else {},
                comparable_cny=spec.value(measured.quantities, comparable, section)
                if applies
                else {},
                density=measured.density,
                origin=_origin(spec, layers),
                quality=_quality(spec, layers, params, prices),
                not_applicable=measured.not_applicable,
                excluded=standard.excluded(spec.id, measured.quantities),
                negative_ha={
                    name: zonal.negative_area(array, inputs.coverage, inputs.cell_area_ha)
                    for name, array in measured.density.items()
                    if name in measured.quantities
                },
            )
        )
    if problems:
        raise GepbookError(problems)
    return results


def _origin(spec: ServiceSpec, layers: Layers) -> Origin:
    """Return the weakest origin of what a service was computed from."""
    names = [layer.name for layer in spec.layers if layers.knows(layer.name)]
    tables = [table.name for table in spec.tables if layers.inputs.has(table.name)]
    return ledger.weakest([layers.origin(*names), *map(layers.inputs.origin, tables)])


def _quality(
    spec: ServiceSpec, layers: Layers, params: ParameterSet, book: PriceBook
) -> Confidence:
    """Return the lowest confidence of the parameters and prices behind a service."""
    names = [layer.name for layer in spec.layers if layers.knows(layer.name)]
    own = params.worst_confidence(spec.parameters, *layers.sections(*names))
    return worst([own, *(book.prices[price].confidence for price in spec.prices)])


def check_prices(spec: ServiceSpec, book: PriceBook) -> None:
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
    """Return the value of each category and of GEP, CNY, of what counts."""
    by_category = dict.fromkeys(CATEGORY_ZH, 0.0)
    for result in results:
        by_category[result.spec.category] += result.counted(basis)
    return {**by_category, "gep": sum(by_category.values())}


def entries(
    results: list[ServiceResult], standard: Standard, year: int, comparable_year: int
) -> list[dict[str, Any]]:
    """Return the ledger rows of an account (核算台账).

    Accounts: `gep` (total and categories), `services`, `components`. What is computed but not counted
    stands under the measure `value_excluded` with the rule as its note.
    """
    years = {"current": year, "comparable": comparable_year}
    rows = [row for result in results for row in _service_rows(result, standard, years)]
    gep = totals(results, "current")["gep"]
    rows += [
        ledger.entry(
            "services",
            result.spec.id,
            "share",
            result.counted("current") / gep,
            "1",
            origin=result.origin,
            quality=result.quality,
            method_id=standard.id,
        )
        for result in results
        if gep and result.counts
    ]
    return rows + total_entries(results, standard, years, "value")


def _service_rows(
    result: ServiceResult, standard: Standard, years: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return the rows of one service and its components."""
    spec = result.spec
    common: dict[str, Any] = {
        "origin": result.origin,
        "quality": result.quality,
        "method_id": method_id(standard, spec),
    }
    if result.not_applicable:
        note = result.not_applicable
        return [ledger.entry("services", spec.id, "not_applicable", 1, "1", **common, note=note)]
    units = {component.id: component.units for component in spec.components}
    rows = [
        ledger.entry("components", f"{spec.id}.{name}", "physical", amount, units[name], **common)
        for name, amount in result.quantities.items()
    ]
    rows += [
        ledger.entry("components", f"{spec.id}.{name}", "negative_area", area, "ha", **common)
        for name, area in result.negative_ha.items()
        if area
    ]
    for basis, price_year in years.items():
        money: dict[str, Any] = {"price_basis": basis, "price_year": price_year, **common}
        for name, amount in result.values(basis).items():
            rule = result.excluded.get(name, "")
            measure = "value_excluded" if rule else "value"
            rows.append(
                ledger.entry(
                    "components", f"{spec.id}.{name}", measure, amount, "CNY", **money, note=rule
                )
            )
        if result.counts:
            counted = result.counted(basis)
            rows.append(ledger.entry("services", spec.id, "value", counted, "CNY", **money))
        if result.excluded:
            rest = sum(result.values(basis).values()) - result.counted(basis)
            rules = "；".join(dict.fromkeys(result.excluded.values()))
            rows.append(
                ledger.entry(
                    "services", spec.id, "value_excluded", rest, "CNY", **money, note=rules
                )
            )
    return rows


def method_id(standard: Standard, spec: ServiceSpec) -> str:
    """Return the id of a service's method in a standard, `standard/service/method`."""
    return f"{standard.id}/{spec.id}/{spec.method}"


def total_entries(
    results: list[ServiceResult], standard: Standard, years: Mapping[str, int], measure: str
) -> list[dict[str, Any]]:
    """Return the ledger rows of GEP and its categories on some price bases."""
    rows = []
    for basis, price_year in years.items():
        for item, amount in totals(results, basis).items():
            behind = [r for r in results if r.counts and item in ("gep", r.spec.category)]
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
    """Return the ledger rows of the year before and of growth, at comparable prices (可比价增长)."""
    common: dict[str, Any] = {"price_basis": "comparable", "price_year": comparable_year}
    rows = total_entries(before, standard, {"comparable": comparable_year}, "value_previous_year")
    former = totals(before, "comparable")
    rows += [
        ledger.entry(
            "gep",
            item,
            "growth",
            amount / former[item] - 1,
            "1",
            origin=ledger.weakest(r.origin for r in [*now, *before] if r.counts),
            quality=max((r.quality for r in now), key=CONFIDENCES.index, default=""),
            method_id=standard.id,
            **common,
        )
        for item, amount in totals(now, "comparable").items()
        if former[item]
    ]
    rows += [
        ledger.entry(
            "services",
            result.spec.id,
            "value_previous_year",
            result.counted("comparable"),
            "CNY",
            origin=result.origin,
            quality=result.quality,
            method_id=method_id(standard, result.spec),
            **common,
        )
        for result in before
        if result.counts
    ]
    return rows
