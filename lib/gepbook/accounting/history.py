"""Earlier years of an account, by this year's parameters, standard and prices (历年可比账户).

An account of an earlier year, as published then, follows the parameters of its time. What is compared
over years is therefore computed anew beside the year's account, from the pack's data of those years, and
rests on no other run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook.accounting import account as county_account
from gepbook.accounting import change as change_between
from gepbook.accounting import completeness
from gepbook.accounting.account import ServiceResult
from gepbook.accounting.change import Change
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.accounting.standards import Standard
from gepbook.accounting.uncertainty import Uncertainty
from gepbook.inputs.county import CountyInputs
from gepbook.ledger import entry
from gepbook.params import ParameterSet
from gepbook.prices import PriceBook

ACCOUNT = "history"
CHANGES = "change_history"


@dataclass(frozen=True)
class PastYear:
    """An earlier year of a county's account (往年账户).

    `normal` is GEP and its categories under long-term weather by price basis, CNY a-1; None where the
    pack has no climatology.
    """

    inputs: CountyInputs
    services: list[ServiceResult]
    normal: dict[str, dict[str, float]] | None

    @property
    def year(self) -> int:
        """The year of the account."""
        return self.inputs.year


def past_years(
    layers: Layers,
    params: ParameterSet,
    standard: Standard,
    prices: PriceBook,
    comparable_year: int,
) -> list[PastYear]:
    """Return the account of every earlier year of the pack that is as whole as this year's, rising.

    A year in which a service lacks its data is left out: growth of a part would pass for that of all.

    Parameters
    ----------
    layers : Layers
        Those of the year, after its account; what does not differ by year is taken from them.
    params, standard, prices, comparable_year
    """
    found = []
    inputs = layers.inputs
    yearly = {r.layer for r in inputs.pack.package.resources if r.year is not None}
    for year in (y for y in inputs.pack.years if y < inputs.year):
        past = CountyInputs(inputs.pack, inputs.county_code, year)
        then = layers.like(past, yearly)
        if completeness.absent(standard, then):
            continue
        services = county_account.account(past, params, standard, prices, comparable_year, then)
        normal = change_between.normalised(then, params, standard, prices, comparable_year)
        found.append(PastYear(past, services, normal))
    return found


def entries(past: list[PastYear], standard: Standard, comparable_year: int) -> list[dict[str, Any]]:
    """Return the ledger rows of earlier years: account `history`, measures ending in the year.

    `value_<year>` of services at comparable prices, of GEP and its categories on both price bases;
    `value_normal_weather_<year>` of the latter at comparable prices.
    """
    rows: list[dict[str, Any]] = []
    for then in past:
        years = {"current": then.year, "comparable": comparable_year}
        found = county_account.total_entries(then.services, standard, years, "value")
        found += [
            entry(
                "services", result.spec.id, "value", result.counted("comparable"), "CNY",
                origin=result.origin, quality=result.quality,
                method_id=county_account.method_id(standard, result.spec),
                price_basis="comparable", price_year=comparable_year,
            )
            for result in then.services
            if result.counts
        ]  # fmt: skip
        found += change_between.normalised_entries(
            then.normal, then.services, standard, then.year, comparable_year
        )
        rows += [
            {**row, "account": ACCOUNT, "measure": f"{row['measure']}_{then.year}"}
            for row in found
            if row["measure"] == "value" or row["price_basis"] == "comparable"
        ]
    return rows


def level_draws(
    now: CountyInputs,
    years: Iterable[int],
    params: ParameterSet,
    standard: Standard,
    prices: PriceBook,
    comparable_year: int,
) -> pd.DataFrame:
    """Return the categories of GEP of every year in every draw of the same parameters (各年同参数抽样).

    Draw k is one state of all parameters, prices and layers' biases, the same in all years: what it
    moves alike in two years is no change between them, what it moves in one of them more is.

    Parameters
    ----------
    now : CountyInputs
        Of the year.
    years : iterable of int
        Years wanted, the year among them.
    params, standard, prices, comparable_year

    Returns
    -------
    DataFrame, draws × `<year>/<category>`
        CNY a-1 at comparable prices; under long-term weather where the pack has it for all years.
    """
    held = [CountyInputs(now.pack, now.county_code, year) for year in years]
    normal = [change_between.normal_weather(inputs, params) for inputs in held]
    views = [view for view in normal if view is not None]
    found = {}
    for inputs in views if len(views) == len(held) else held:
        sure = Uncertainty(inputs, params, standard, prices, price_year=comparable_year)
        values, _ = sure.draws()
        for category in CATEGORY_ZH:
            mine = [spec.id for spec in sure.specs if spec.category == category]
            whole = values.reindex(columns=mine, fill_value=0.0).sum(axis=1)
            found[f"{inputs.year}/{category}"] = whole
    return pd.DataFrame(found)


def change_entries(changes: list[Change], services: list[ServiceResult]) -> list[dict[str, Any]]:
    """Return the ledger rows of what changed GEP in earlier years: account `change_history`.

    By service and for GEP; measures are the parts and `total` with the later of the two years. With the
    account `change` they form a chain from the first year of the history, whose parts add up without a
    residual.
    """
    return [
        {**row, "account": CHANGES, "measure": f"{row['measure']}_{change.now}"}
        for change in changes
        for row in change_between.entries(change, services)
        if row["value"] or row["item"] == "gep"
    ]
