"""Accounting (生态产品价值核算): the gross ecosystem product of a county, by a standard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gepbook import ledger
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
    prices = PriceBook.read()
    year = run.params.section("comparable_prices", ComparablePrices).year
    inputs = run.inputs()
    services = county_account.account(inputs, run.params, standard, prices, year)
    rows = county_account.entries(services, standard, run.year, year)
    if run.previous_year is not None:
        before = county_account.account(
            run.inputs(run.previous_year), run.params, standard, prices, year
        )
        basis = {"comparable": year}
        rows += county_account.total_entries(before, standard, basis, "value_previous_year")
        rows += county_account.growth_entries(services, before, standard, year)
        rows += [
            ledger.entry(
                "services",
                result.spec.id,
                "value_previous_year",
                sum(result.comparable_cny.values()),
                "CNY",
                origin=result.origin,
                quality=result.quality,
                method_id=f"{standard.id}/{result.spec.id}/{result.spec.method}",
                price_basis="comparable",
                price_year=year,
            )
            for result in before
            if not result.not_applicable
        ]
    return Account(rows, services, standard, prices, inputs, year)
