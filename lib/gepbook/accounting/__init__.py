"""Accounting (生态产品价值核算): the gross ecosystem product of a county, by a standard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gepbook.accounting import account as county_account
from gepbook.accounting import standards
from gepbook.accounting.account import ServiceResult
from gepbook.accounting.prices import ComparablePrices, PriceBook
from gepbook.accounting.standards import Standard
from gepbook.inputs.county import CountyInputs
from gepbook.run import Run


@dataclass(frozen=True)
class Account:
    """The account of one county and year (县域 GEP 账户)."""

    entries: list[dict[str, Any]]
    services: list[ServiceResult]
    standard: Standard
    prices: PriceBook
    inputs: CountyInputs
    comparable_year: int


def compute(run: Run) -> Account:
    """Return the account of the run's county and year.

    The year before, when the pack holds it, is valued at the same comparable prices, so that growth is
    free of prices.
    """
    standard = standards.read(run.task.standard)
    prices = PriceBook.read().choosing(standard.prices)
    year = run.params.section("comparable_prices", ComparablePrices).year
    inputs = run.inputs()
    services = county_account.account(inputs, run.params, standard, prices, year)
    rows = county_account.entries(services, standard, run.year, year)
    if run.previous_year is not None:
        before = county_account.account(
            run.inputs(run.previous_year), run.params, standard, prices, year
        )
        rows += county_account.growth_entries(services, before, standard, year)
    return Account(rows, services, standard, prices, inputs, year)
