"""What changed GEP between two years: area, condition, weather, activity and prices (变化分解).

The parts are Shapley values: each is the mean effect of changing that group of inputs over all orders
in which the groups can change, so they add up to the change without a residual. Services are decomposed
by ecosystem group, as the asset account needs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gepbook import ecosystems, ledger, zonal
from gepbook.accounting.account import BASES, Measured, ServiceResult, account, measure, totals
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import LAND_COVER
from gepbook.params import CONFIDENCES, ParameterSet, Params, parameter
from gepbook.prices import PriceBook

SECTION = "change"
METHOD = "change/shapley"
PARTS = ("area", "condition", "weather", "activity", "price")
PART_ZH = {
    "area": "面积",
    "condition": "质量",
    "weather": "气象",
    "activity": "产出与活动",
    "price": "价格",
}
SEA = "sea"


class ChangeParams(Params):
    """Which layers are weather."""

    weather_layers: list[str] = parameter("1", "气象图层")


@dataclass(frozen=True)
class Change:
    """The change of an account from one year to another.

    `parts` has one row per service and ecosystem group, columns `opening`, the parts and `closing`, CNY
    at the prices of either year.
    """

    before: int
    now: int
    parts: pd.DataFrame

    def by(self, level: str) -> pd.DataFrame:
        """Return the parts summed by `service` or by `group`."""
        return self.parts.groupby(level, sort=False).sum()


def groups() -> list[str]:
    """Return the ecosystem groups of the accounts, the sea last."""
    return [*dict.fromkeys(ecosystems.read()["group"]), SEA]


def shapley(players: tuple[str, ...], worth: Callable[[frozenset[str]], Any]) -> dict[str, Any]:
    r"""Return each player's Shapley value; together they are worth all less worth none.

    Parameters
    ----------
    players : tuple of str
    worth : function of a set of players, to a number or array

    Notes
    -----
    .. math:: \phi_i = \sum_{S \subseteq N \setminus i} \frac{|S|!\,(n - |S| - 1)!}{n!}
        \,[v(S \cup i) - v(S)]

    Source: Shapley 1953; as an additive decomposition Ang, Liu & Chew 2003, Energy Policy 31: 1561.
    """
    n = len(players)
    known: dict[frozenset[str], Any] = {}
    for size in range(n + 1):
        for chosen in itertools.combinations(players, size):
            known[frozenset(chosen)] = worth(frozenset(chosen))
    values = {}
    for player in players:
        rest = [p for p in players if p != player]
        value = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for chosen in itertools.combinations(rest, size):
                without = frozenset(chosen)
                value = value + weight * (known[without | {player}] - known[without])
        values[player] = value
    return values


def group_shares(
    measured: Measured, inputs: CountyInputs, supplied_by: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Return how each component of a service is shared among the ecosystem groups.

    Components with a map of their own go by that map, others of the same service by its first map;
    those known from statistics alone by `supplied_by`, keyed by service or `service.component`.

    Returns
    -------
    dict of ndarray of shape (groups,), each summing to 1
    """
    spec, names = measured.spec, groups()
    types = ecosystems.read().set_index("id")["group"]
    shares = {}
    for component in measured.quantities:
        told = supplied_by.get(f"{spec.id}.{component}", supplied_by.get(spec.id))
        density = measured.density.get(component)
        if density is None and told is None and measured.density:
            density = next(iter(measured.density.values()))
        share = np.zeros(len(names))
        if density is not None:
            found = zonal.total_by_type(
                density, inputs.land_cover, inputs.coverage, inputs.cell_area_ha
            )
            by_group = found.groupby(types).sum().reindex(names, fill_value=0.0).to_numpy()
            whole = by_group.sum()
            if whole:
                shares[component] = by_group / whole
                continue
        share[names.index(told or names[0])] = 1.0
        shares[component] = share
    return shares


class Decomposition:
    """Decomposes the change of a county's account, current prices, from one year to another."""

    def __init__(
        self,
        inputs: CountyInputs,
        before: int,
        params: ParameterSet,
        standard: Standard,
        prices: PriceBook,
        supplied_by: Mapping[str, str],
    ) -> None:
        self.inputs = inputs
        self.years = {False: before, True: inputs.year}
        self.params = params
        self.standard = standard
        self.prices = prices
        self.supplied_by = supplied_by
        self.weather = set(params.section(SECTION, ChangeParams).weather_layers)
        self._layers: dict[frozenset[str], Layers] = {}

    def part_of(self, layer: str) -> str:
        """Return the part that a layer's change belongs to."""
        if layer == LAND_COVER:
            return "area"
        return "weather" if layer in self.weather else "condition"

    def layers(self, changed: frozenset[str]) -> Layers:
        """Return the layers of the county with some parts of this year, the others of the former."""
        if changed not in self._layers:
            resources = self.inputs.pack.package.resources
            layer_years: dict[str, int | None] = {
                r.layer: self.years[self.part_of(r.layer) in changed]
                for r in resources
                if r.kind == "raster" and r.year is not None
            }
            view = self.inputs.at(layer_years, self.years["activity" in changed])
            self._layers[changed] = Layers(view, self.params, self.standard.factors)
        return self._layers[changed]

    def service(self, spec: ServiceSpec) -> pd.DataFrame | None:
        """Return one service's opening, parts and closing by ecosystem group; None where absent."""
        nothing: frozenset[str] = frozenset()
        layers = self.layers(frozenset(PARTS[:-1]))
        for wanted in spec.layers:
            layers.get(wanted.name, wanted.units)
        read = layers.read(*(wanted.name for wanted in spec.layers))
        touched = {self.part_of(layer) for layer in read} | ({"activity"} if spec.tables else set())
        players = (*(p for p in PARTS[:-1] if p in touched), "price")
        section = self.params.section(spec.parameters, spec.params)
        physical: dict[frozenset[str], tuple[Measured, dict[str, np.ndarray]]] = {}

        def worth(changed: frozenset[str]) -> np.ndarray:
            inside = changed - {"price"}
            if inside not in physical:
                view = self.layers(inside)
                measured = measure(spec, view)
                shares = group_shares(measured, view.inputs, self.supplied_by)
                physical[inside] = (measured, shares)
            measured, shares = physical[inside]
            if measured.not_applicable:
                return np.zeros(len(groups()))
            prices = self.prices.at(
                self.years["price" in changed], self.years["activity" in changed]
            )
            values = spec.value(measured.quantities, prices, section)
            excluded = self.standard.excluded(spec.id, values)
            counted = [values[c] * shares[c] for c in values if c not in excluded]
            return np.sum(counted, axis=0) if counted else np.zeros(len(groups()))

        parts = shapley(players, worth)
        opening, closing = worth(nothing), worth(frozenset(players))
        if not opening.any() and not closing.any():
            return None
        zero = np.zeros(len(groups()))
        columns = {"opening": opening, **{p: parts.get(p, zero) for p in PARTS}, "closing": closing}
        return pd.DataFrame(columns, index=pd.Index(groups(), name="group"))

    def compute(self) -> Change:
        """Return the change of all services that count."""
        found = {}
        for spec in self.standard.specs():
            if self.standard.services[spec.id].not_applicable:
                continue
            frame = self.service(spec)
            if frame is not None:
                found[spec.id] = frame
        return Change(self.years[False], self.years[True], pd.concat(found, names=["service"]))


def entries(change: Change, results: list[ServiceResult]) -> list[dict[str, Any]]:
    """Return the ledger rows of a change: account `change`, by service and for GEP.

    Measures are the parts and `total`; their sum is the total.
    """
    origin, quality = _behind(results)
    table = change.by("service").drop(columns=["opening", "closing"])
    table.loc["gep"] = table.sum()
    table["total"] = table.sum(axis=1)
    return [
        ledger.entry(
            "change",
            str(item),
            str(part),
            amount,
            "CNY",
            origin=origin,
            quality=quality,
            method_id=METHOD,
            price_basis="current",
            price_year=change.now,
            note=f"{change.before} → {change.now}",
        )
        for item, row in table.iterrows()
        for part, amount in row.items()
    ]


def normal_weather(inputs: CountyInputs, params: ParameterSet) -> CountyInputs | None:
    """Return the inputs with long-term weather in place of the year's; None where the pack has none.

    Of the layers that are weather themselves: productivity, vegetation cover and statistics such as
    hydropower keep what the year's weather did to them.
    """
    weather = set(params.section(SECTION, ChangeParams).weather_layers)
    own = {
        r.layer
        for r in inputs.pack.package.resources
        if r.kind == "raster" and r.year is not None and r.layer in weather
    }
    if not own or not all(inputs.pack.has(layer, None) for layer in own):
        return None
    return inputs.at({**inputs.layer_years, **dict.fromkeys(own)}, inputs.tables_year)


def normalised(
    layers: Layers,
    params: ParameterSet,
    standard: Standard,
    prices: PriceBook,
    comparable_year: int,
) -> dict[str, dict[str, float]] | None:
    """Return GEP and its categories under long-term weather by price basis, CNY a-1 (气象正常化 GEP).

    Parameters
    ----------
    layers : Layers
        Those of the year as it was, after its account; what no weather is in is taken from them.
    params, standard, prices, comparable_year
    """
    view = normal_weather(layers.inputs, params)
    if view is None:
        return None
    normal = layers.like(view, params.section(SECTION, ChangeParams).weather_layers)
    results = account(view, params, standard, prices, comparable_year, normal)
    return {basis: totals(results, basis) for basis in BASES}


def _behind(results: list[ServiceResult]) -> tuple[str, str]:
    """Return the weakest origin and the lowest confidence of the services that count."""
    counting = [r for r in results if r.counts]
    quality = max((r.quality for r in counting), key=CONFIDENCES.index, default="")
    return ledger.weakest(r.origin for r in counting), quality


def normalised_entries(
    normal: Mapping[str, Mapping[str, float]] | None,
    results: list[ServiceResult],
    standard: Standard,
    year: int,
    comparable_year: int,
) -> list[dict[str, Any]]:
    """Return the ledger rows of GEP and its categories under long-term weather.

    None where the pack has no climatology.
    """
    if normal is None:
        return []
    origin, quality = _behind(results)
    years = {"current": year, "comparable": comparable_year}
    return [
        ledger.entry(
            "gep",
            item,
            "value_normal_weather",
            amount,
            "CNY",
            origin=origin,
            quality=quality,
            method_id=standard.id,
            price_basis=basis,
            price_year=price_year,
        )
        for basis, price_year in years.items()
        for item, amount in normal[basis].items()
    ]


def normalised_growth(
    now: Mapping[str, Mapping[str, float]] | None,
    before: Mapping[str, Mapping[str, float]] | None,
    results: list[ServiceResult],
    standard: Standard,
    comparable_year: int,
) -> list[dict[str, Any]]:
    """Return the ledger rows of former GEP and growth, at comparable prices and long-term weather."""
    if now is None or before is None or not before["comparable"]["gep"]:
        return []
    origin, quality = _behind(results)
    former = before["comparable"]["gep"]
    growth = now["comparable"]["gep"] / former - 1
    figures = {
        "value_previous_year_normal_weather": (former, "CNY"),
        "growth_normal_weather": (growth, "1"),
    }
    return [
        ledger.entry(
            "gep",
            "gep",
            measure_name,
            value,
            unit,
            origin=origin,
            quality=quality,
            method_id=standard.id,
            price_basis="comparable",
            price_year=comparable_year,
        )
        for measure_name, (value, unit) in figures.items()
    ]
