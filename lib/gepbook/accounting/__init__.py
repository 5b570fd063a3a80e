"""Accounting (生态产品价值核算): the gross ecosystem product of a county, by a standard."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from gepbook import inventory, ledger
from gepbook import params as parameters
from gepbook.accounting import account as county_account
from gepbook.accounting import change as change_between
from gepbook.accounting import (
    comparison,
    completeness,
    history,
    seea,
    sites,
    standards,
    uncertainty,
)
from gepbook.accounting.account import ServiceResult
from gepbook.accounting.change import Change
from gepbook.accounting.layers import Layers
from gepbook.accounting.seea import SeeaParams
from gepbook.accounting.standards import Standard
from gepbook.inputs.county import CountyInputs
from gepbook.inventory import asset_account, condition
from gepbook.params import ParameterSet
from gepbook.prices import ComparablePrices, PriceBook
from gepbook.run import Run

DRAWS_FILE = "draws.parquet"
LEVEL_DRAWS_FILE = "level_draws.parquet"
SOBOL_FILE = "sobol.parquet"


@dataclass(frozen=True)
class Account:
    """The account of one county and year (县域 GEP 账户).

    `files` are kept beside the ledger, by name: the draws of the services' values and GEP for Sobol's
    sample, which the province's bands are summed from, and the draws of the categories of every year,
    which assessments of growth rest on. `sections` are those of the parameters that were
    read, `layers` what the year was computed from. `former` is the year before, None where the pack does
    not hold all of it that this year's services need; `history` are all earlier years it holds so.
    `absent` names the services that could not be
    computed and what lacks; `standard` is then the profile without them.
    """

    entries: list[dict[str, Any]]
    services: list[ServiceResult]
    standard: Standard
    prices: PriceBook
    inputs: CountyInputs
    comparable_year: int
    layers: Layers
    former: CountyInputs | None = None
    history: tuple[int, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    sections: set[str] = field(default_factory=set)
    files: dict[str, pd.DataFrame] = field(default_factory=dict)


def compute(run: Run) -> Account:
    """Return the account of the run's county and year.

    Earlier years, when the pack holds them, are valued at the same comparable prices, so that growth is
    free of prices; with the year before come the explanation of change and the SEEA tables.
    """
    core = _core(run)
    sure = uncertainty.Uncertainty(core.inputs, run.params, core.standard, core.prices, core.layers)
    values, amounts = sure.draws()
    sobol = sure.sobol_draws()
    rows = uncertainty.with_bands(
        core.entries, uncertainty.bands(values), uncertainty.quantiles(amounts)
    )
    rows += uncertainty.entries(sure, sobol, core.services)
    change = None
    if core.former is not None:
        tables = run.params.section(seea.SECTION, seea.SeeaParams)
        *earlier, change = _changes(run, core, tables)
        rows += change_between.entries(change, core.services)
        rows += history.change_entries(earlier, core.services)
        rules = run.params.section(condition.SECTION, condition.ConditionParams)
        states = (condition.compute(core.former, rules), condition.compute(core.inputs, rules))
        rows += seea.entries(core.inputs, core.former, core.services, change, tables, states)
        rows += _bridge(run, core, change, tables)
    rows += comparison.entries(
        core.layers, core.standard, core.services, _others(run), run.params, core.comparable_year
    )
    levels = history.level_draws(
        core.inputs, (*core.history, run.year), run.params, core.standard, core.prices,
        core.comparable_year,
    )  # fmt: skip
    return replace(
        core,
        entries=completeness.marked(rows, core.absent),
        change=change,
        sections=sure.sections,
        files={
            DRAWS_FILE: values.astype("float32"),
            SOBOL_FILE: sobol,
            LEVEL_DRAWS_FILE: levels.astype("float32"),
        },
    )


def compute_brief(run: Run) -> Account:
    """Return the same account with what other counties need of it: values, growth and history.

    Bands, the explanation of change, SEEA tables and other standards are left out; they are nobody
    else's basis, and take most of the time.
    """
    core = _core(run)
    return replace(core, entries=completeness.marked(core.entries, core.absent))


def this_year(run: Run) -> Account:
    """Return the values of the year alone: what maps of value are drawn from."""
    profile = standards.read(run.task.standard)
    prices = PriceBook.read().choosing(profile.prices)
    year = run.params.section("comparable_prices", ComparablePrices).year
    inputs = run.inputs()
    layers = Layers(inputs, run.params, profile.factors)
    absent = completeness.absent(profile, layers)
    standard = profile.without(absent)
    services = county_account.account(inputs, run.params, standard, prices, year, layers)
    rows = county_account.entries(services, standard, run.year, year)
    rows += completeness.entries(absent, standard)
    return Account(rows, services, standard, prices, inputs, year, layers, absent=absent)


def _core(run: Run) -> Account:
    """Return the values of the year and of the years before, and the account of project sites."""
    now = this_year(run)
    given = (run.params, now.standard, now.prices, now.comparable_year)
    past = history.past_years(now.layers, *given)
    rows = now.entries + sites.entries(run, now.standard, now.prices)
    rows += history.entries(past, now.standard, now.comparable_year)
    normal = change_between.normalised(now.layers, *given)
    rows += change_between.normalised_entries(
        normal, now.services, now.standard, run.year, now.comparable_year
    )
    former = next((then for then in past if then.year == run.previous_year), None)
    if former is not None:
        rows += county_account.growth_entries(
            now.services, former.services, now.standard, now.comparable_year
        )
        rows += change_between.normalised_growth(
            normal, former.normal, now.services, now.standard, now.comparable_year
        )
    return replace(
        now,
        entries=rows,
        former=None if former is None else former.inputs,
        history=tuple(then.year for then in past),
    )


def _changes(run: Run, core: Account, tables: SeeaParams) -> list[Change]:
    """Return what changed GEP from each year to the next, of consecutive years up to this one."""
    chain = [(y, y + 1) for y in core.history if y + 1 in (*core.history, run.year)]
    return [
        change_between.Decomposition(
            run.inputs(now), before, run.params, core.standard, core.prices, tables.supplied_by
        ).compute()
        for before, now in chain
    ]


def _bridge(run: Run, core: Account, change: Change, tables: SeeaParams) -> list[dict[str, Any]]:
    """Return the bridge from the inventory's resource assets to the SEEA asset account (衔接表)."""
    found = inventory.extent_of(core.inputs, core.former)
    stocks = inventory.assets(run, core.inputs, found)
    table = asset_account.bridge(stocks, seea.asset_account(change, tables)["closing"])
    return asset_account.bridge_entries(
        table,
        year=run.year,
        origin=ledger.weakest(r.origin for r in core.services if r.counts),
        quality=run.params.worst_confidence(asset_account.SECTION),
    )


def _others(run: Run) -> dict[str, tuple[Standard, ParameterSet]]:
    """Return the standards that the run compares with its own, with their parameters."""
    if not run.task.compared:
        return {}
    defaults = parameters.read_defaults()
    code, year = run.task.county_code, run.year
    return {
        name: (standards.read(name), parameters.resolve(code, year, name, defaults=defaults))
        for name in run.task.compared
    }
