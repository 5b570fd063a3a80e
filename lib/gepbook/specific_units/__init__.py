"""Specific units (特定地域单元): the account and the market-oriented value (VEP) of any piece of land.

A unit gets the same GEP account as a county; beside it stand what its rights earn, what comparable
deals say and what its protection costs. Units never enter the accounts of counties or the province.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gepbook import ledger, paths
from gepbook.accounting import account as county_account
from gepbook.accounting import standards
from gepbook.accounting.account import ServiceResult
from gepbook.accounting.standards import Standard
from gepbook.ledger import Origin
from gepbook.params import Confidence, ParameterSet, worst
from gepbook.prices import ComparablePrices, PriceBook
from gepbook.run import DEFAULT_STANDARD, DRAFT, Run, Task, default_pack
from gepbook.specific_units import valuation
from gepbook.specific_units.definition import Right, Unit, read, read_definition
from gepbook.specific_units.inputs import UnitInputs, standard_for
from gepbook.specific_units.valuation import SECTION, CostValue, MarketValue, SpecificUnitParams

STAGE = "specific_unit"
SERVICE_ACCOUNTS = ("gep", "services", "components")


@dataclass(frozen=True)
class RightValue:
    """One right with its share of all income and its capitalised value (权属收益).

    `years` is the term that counts, at most the longest of the parameters; `value_cny` in CNY.
    """

    right: Right
    share: float
    years: int
    value_cny: float


@dataclass(frozen=True)
class Method:
    """One way to value the unit, with what its result stands for (估价方法).

    `per_year` tells a yearly flow from the value of an asset; the two are never added.
    """

    id: str
    name_zh: str
    name_en: str
    stands_for_zh: str
    stands_for_en: str
    formula: str
    source: str
    value_cny: float
    origin: Origin
    quality: Confidence
    lowest_cny: float = float("nan")
    highest_cny: float = float("nan")
    per_year: bool = False
    not_applicable: str = ""


@dataclass(frozen=True)
class UnitAccount:
    """The account and the values of one unit and year (特定地域单元账户)."""

    entries: list[dict[str, Any]]
    unit: Unit
    inputs: UnitInputs
    services: list[ServiceResult]
    standard: Standard
    prices: PriceBook
    comparable_year: int
    params: SpecificUnitParams
    rights: list[RightValue]
    market: MarketValue
    cost: CostValue | None
    methods: list[Method]


def stage_name(unit_id: str) -> str:
    """Return the stage of a unit's run, which names the unit."""
    return f"{STAGE}:{unit_id}"


def result_dir(release_dir: Path, unit_id: str, year: int) -> Path:
    """Return where a release keeps the result of a unit."""
    return release_dir / "units" / unit_id / str(year)


def task(unit_id: str, year: int, pack: str, release_dir: Path, release: str) -> Task:
    """Return the task of a unit; its parameters are those of its first county."""
    return Task(
        stage=stage_name(unit_id),
        county_code=read_definition(unit_id).county_codes[0],
        year=year,
        release=release,
        standard=DEFAULT_STANDARD,
        pack=pack,
        release_dir=str(release_dir),
    )


def open_run(unit_id: str, year: int, run_dir: str = "") -> Run:
    """Open the run of a unit and year, prepared in `run_dir` or by hand where that is empty.

    Raises
    ------
    CodeError, ParameterError, StageError
        For an unknown unit or year, or a folder that was prepared for another.
    """
    if run_dir:
        code = read_definition(unit_id).county_codes[0]
        return Run.open(stage_name(unit_id), code, year, run_dir)
    folder = paths.OUTPUTS / DRAFT
    drafted = task(unit_id, year, default_pack(), folder, DRAFT)
    return Run.prepare(drafted, result_dir(folder, unit_id, year))


def compute(run: Run, unit_id: str) -> UnitAccount:
    """Return the account and the values of a unit in the run's year.

    Raises
    ------
    GepbookError
        All that is wrong with the unit's files, or all services' problems.
    """
    params = run.params.section(SECTION, SpecificUnitParams)
    return account_of(UnitInputs(run.pack, read(unit_id, run.pack, params), run.year), run)


def account_of(inputs: UnitInputs, run: Run) -> UnitAccount:
    """Return the account and the values of a unit whose inputs are at hand."""
    unit = inputs.unit
    params = run.params.section(SECTION, SpecificUnitParams)
    year = run.params.section("comparable_prices", ComparablePrices).year
    standard = standard_for(standards.read(run.task.standard), inputs)
    prices = PriceBook.read().choosing(standard.prices)
    services = [
        replace(
            result,
            quality=worst([result.quality, inputs.confidence(result.spec)]),
            origin=ledger.weakest([unit.definition.boundary.origin, result.origin]),
        )
        for result in county_account.account(inputs, run.params, standard, prices, year)
    ]
    rights = right_values(unit.definition.rights, params)
    market = valuation.compared(unit.comparables_table(), unit.area_ha, params)
    cost = _cost(unit, params)
    methods = _methods(unit, services, rights, market, cost, run.params)
    rows = [
        *_account_entries(services, standard, run.year, year),
        *_right_entries(rights, run),
        *_method_entries(methods, run),
        *_cost_entries(unit, cost, run),
    ]
    return UnitAccount(
        rows, unit, inputs, services, standard, prices, year, params, rights, market, cost, methods
    )


def build_ledger(run: Run, result: UnitAccount) -> pd.DataFrame:
    """Return the ledger of a unit; the unit's id stands where a county's code would.

    So no sum over counties can take a unit in.
    """
    return ledger.build(
        result.entries, release=run.task.release, year=run.year, county_code=result.unit.id
    )


def right_values(rights: list[Right], params: SpecificUnitParams) -> list[RightValue]:
    """Return each right with its share of the income of all and its capitalised value."""
    total = sum(right.income_cny_a for right in rights)
    found = []
    for right in rights:
        years = min(right.term_year, params.longest_term_year)
        incomes = valuation.net_incomes(
            right.income_cny_a,
            params.operating_cost_share[right.right],
            params.income_growth,
            years,
        )
        value = valuation.capitalised(
            incomes, params.contribution_rate[right.right], params.discount_rate
        )
        found.append(RightValue(right, right.income_cny_a / total if total else 0.0, years, value))
    return found


def _account_entries(
    services: list[ServiceResult], standard: Standard, year: int, comparable_year: int
) -> list[dict[str, Any]]:
    """Return the ledger rows of the account; a category without any service is absent, not 0."""
    present = {"gep", *(result.spec.category for result in services if result.counts)}
    return [
        row
        for row in county_account.entries(services, standard, year, comparable_year)
        if row["account"] != "gep" or row["item"] in present
    ]


def _cost(unit: Unit, params: SpecificUnitParams) -> CostValue | None:
    """Return the value by cost; None where the unit lists no costs."""
    costs = unit.definition.costs
    if costs is None:
        return None
    amounts = dict.fromkeys(("protection", "development"), 0.0)
    for item in costs.items:
        amounts[item.kind] += item.amount_cny
    return valuation.by_cost(amounts, costs.period_year, params)


def _methods(
    unit: Unit,
    services: list[ServiceResult],
    rights: list[RightValue],
    market: MarketValue,
    cost: CostValue | None,
    params: ParameterSet,
) -> list[Method]:
    """Return the GEP of the unit and its values by three methods, each with what it stands for."""
    boundary = unit.definition.boundary
    counted = [result for result in services if result.counts]
    earning = [r.right for r in rights if r.right.kind != "mortgage"]
    items = unit.definition.costs.items if unit.definition.costs else []
    used = [
        comparable
        for comparable, reason in zip(
            unit.comparables, market.table.get("left_out", []), strict=True
        )
        if not reason
    ]
    rate_quality = params.worst_confidence(SECTION)
    return [
        Method(
            id="gep",
            name_zh="生态系统生产总值 GEP",
            name_en="Gross ecosystem product",
            stands_for_zh="生态系统一年给全社会的产品与服务，多数没有买主；是年流量，不是价格",
            stands_for_en="what the ecosystem gives all people in a year; a flow, no price",
            formula=r"GEP = \sum_s Q_s P_s",
            source="profile of the standard",
            value_cny=county_account.totals(services, "current")["gep"],
            origin=ledger.weakest(r.origin for r in counted),
            quality=worst(r.quality for r in counted),
            per_year=True,
        ),
        Method(
            id="income",
            name_zh="收益还原法",
            name_en="Income capitalisation",
            stands_for_zh="各项权属在期限内净收益中归于生态的部分的现值；经营、授信时看它",
            stands_for_en="present value of the part of the rights' income due to the ecosystem",
            formula=r"V = \sum_{t=1}^{n} c\,E(1-k)(1+g)^{t-1}/(1+r)^t",
            source="GB/T 50291-2015 (recalled); 北京市 VEP 指南 (second-hand)",
            value_cny=sum(r.value_cny for r in rights) if earning else float("nan"),
            origin=ledger.weakest([boundary.origin, *(r.origin for r in earning)]),
            quality=worst([rate_quality, *(r.confidence for r in earning)]),
            not_applicable="" if earning else "单元未列权属 / the unit lists no rights",
        ),
        Method(
            id="market",
            name_zh="市场比较法",
            name_en="Market comparison",
            stands_for_zh="相似地块成交价修正后推得的流转价及其范围；交易定价时看它",
            stands_for_en="price and its range by the deals over comparable areas",
            formula=r"V = \frac{A}{m}\sum_{j=1}^{m} P_j\,k_t\,k_l\,k_c",
            source="GB/T 50291-2015 (recalled)",
            value_cny=market.mean_cny,
            lowest_cny=market.lowest_cny,
            highest_cny=market.highest_cny,
            origin=ledger.weakest([boundary.origin, *(c.origin for c in used)]),
            quality=worst([rate_quality, boundary.confidence, *(c.confidence for c in used)]),
            not_applicable=market.not_applicable,
        ),
        Method(
            id="cost",
            name_zh="成本法",
            name_en="Cost",
            stands_for_zh="保护与开发投入连同利息、利润；收储、补偿的下限",
            stands_for_en="outlays for protection and development with interest and profit; a floor",
            formula=r"V = E_p(1+i)^n + E_d(1+i)^{n/2} + p(E_p + E_d)",
            source="GB/T 18508; GB/T 28406 (recalled)",
            value_cny=cost.total_cny if cost else float("nan"),
            origin=ledger.weakest(item.origin for item in items),
            quality=worst([rate_quality, *(item.confidence for item in items)]),
            not_applicable="" if cost else "单元未列成本 / the unit lists no costs",
        ),
    ]


def _money(run: Run) -> dict[str, Any]:
    """Return what all ledger rows in money of the accounting year share."""
    return {"price_basis": "current", "price_year": run.year}


def _right_entries(rights: list[RightValue], run: Run) -> list[dict[str, Any]]:
    """Return the ledger rows of the rights: income, its share, capitalised value."""
    rows = []
    for number, found in enumerate(rights, 1):
        right = found.right
        item = f"{number:02d}.{right.right}.{right.kind}"
        common: dict[str, Any] = {"origin": right.origin, "note": right.holder}
        given: dict[str, Any] = {"method_id": "given", "quality": right.confidence, **common}
        lowest = worst([right.confidence, run.params.worst_confidence(SECTION)])
        computed: dict[str, Any] = {
            "method_id": f"{SECTION}/income",
            "quality": lowest,
            **common,
            **_money(run),
        }
        rows += [
            ledger.entry(
                "rights", item, "income", right.income_cny_a, "CNY a-1", **given, **_money(run)
            ),
            ledger.entry("rights", item, "share", found.share, "1", **given),
            ledger.entry("rights", item, "value", found.value_cny, "CNY", **computed),
        ]
    return rows


def _method_entries(methods: list[Method], run: Run) -> list[dict[str, Any]]:
    """Return the ledger rows of the values by each method; GEP stands in the account's own rows."""
    rows = []
    for method in methods:
        if method.id == "gep":
            continue
        common: dict[str, Any] = {
            "origin": method.origin,
            "quality": method.quality,
            "method_id": f"{SECTION}/{method.id}",
        }
        if method.not_applicable:
            rows.append(
                ledger.entry(
                    "valuation",
                    method.id,
                    "not_applicable",
                    1,
                    "1",
                    **common,
                    note=method.not_applicable,
                )
            )
            continue
        values = {
            "value": method.value_cny,
            "value_lowest": method.lowest_cny,
            "value_highest": method.highest_cny,
        }
        rows += [
            ledger.entry("valuation", method.id, measure, value, "CNY", **common, **_money(run))
            for measure, value in values.items()
            if not np.isnan(value)
        ]
    return rows


def _cost_entries(unit: Unit, cost: CostValue | None, run: Run) -> list[dict[str, Any]]:
    """Return the ledger rows of the parts of the cost."""
    if cost is None or unit.definition.costs is None:
        return []
    items = unit.definition.costs.items
    parts = {
        "protection": cost.protection_cny,
        "development": cost.development_cny,
        "interest": cost.interest_cny,
        "profit": cost.profit_cny,
    }
    lowest = worst([*(i.confidence for i in items), run.params.worst_confidence(SECTION)])
    return [
        ledger.entry(
            "valuation",
            f"cost.{name}",
            "value",
            amount,
            "CNY",
            origin=ledger.weakest(i.origin for i in items),
            quality=lowest,
            method_id=f"{SECTION}/cost",
            **_money(run),
        )
        for name, amount in parts.items()
    ]
