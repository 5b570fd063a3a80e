r"""Green options on villages' trees (一村万树绿色期权).

A village plants trees; an investor pays a premium for the right, at maturity, to a share of what the
trees are worth, or to a guaranteed least. The right is valued as a European option. What the trees do
for water, soil and climate stands beside the price and is never part of it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from pydantic import field_validator
from scipy.stats import norm

from gepbook import ledger
from gepbook.accounting.registry import services
from gepbook.assessment.topic import ACCOUNT, Evidence, TopicResult
from gepbook.errors import CoverageError, near
from gepbook.params import Params, parameter
from gepbook.province import Registers

SECTION = "green_option"
REGISTER = "green_options"
METHOD = "design/finance"
RUNNING, EXPIRED = "存续", "已到期"
LOW, FAIR, HIGH = "低于估值", "与估值相当", "高于估值"
DAYS_PER_YEAR = 365.25
HECTARES_PER_KM2 = 100.0
PERCENT = 100.0
#: What `value_options` adds to the register's columns.
VALUED = [
    "state", "remaining_year", "share_cny", "fair_cny", "premium_judged", "value_cny",
    "co_benefit_cny",
]  # fmt: skip
#: Figures of a contract that are above 0, and those that may be 0.
ABOVE_ZERO = ("trees", "area_ha", "tree_value_cny")
NOT_BELOW_ZERO = ("tree_age_year", "exercise_cny", "guaranteed_cny", "premium_cny")


class GreenOptionParams(Params):
    """What green options are valued with (绿色期权估值参数)."""

    provincial = True

    survival_share: float = parameter("1", "到期保存率", gt=0, le=1)
    volatility: float = parameter("a-1/2", "树木价格年波动率 σ", ge=0, lt=3)
    rate: float = parameter("a-1", "无风险年利率 r", ge=0, lt=1)
    longest_term_year: float = parameter("a", "合同最长期限", gt=0)
    premium_tolerance: float = parameter("1", "期权费偏离估值的容差", ge=0, lt=1)
    co_benefit_services: list[str] = parameter("1", "并列展示的森林生态效益")

    @field_validator("co_benefit_services")
    @classmethod
    def _names_services(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in services():
                raise ValueError(f"{name!r} is no service.{near(name, services())}")
        return value


def call(forward: float, strike: float, volatility: float, years: float, discount: float) -> float:
    r"""Return the value of a European call on what is expected at maturity, CNY (Black–Scholes).

    Parameters
    ----------
    forward, strike : float, CNY, ≥ 0
        Expected value at maturity; what is paid for it then.
    volatility : float, a-1/2, ≥ 0
    years : float, a, ≥ 0
        0 at maturity: then the value is what is paid out.
    discount : float
        Today's worth of a CNY at maturity.

    Raises
    ------
    CoverageError
        When any of them is negative.

    Notes
    -----
    .. math:: C = D [F N(d_1) - K N(d_2)], \quad
        d_{1,2} = \frac{\ln(F/K)}{σ\sqrt{T}} \pm \frac{σ\sqrt{T}}{2}

    Source: Black and Scholes (1973), J. Polit. Econ. 81: 637, in forward terms (Black 1976).
    """
    if min(forward, strike, volatility, years, discount) < 0:
        raise CoverageError(
            "green option: value, strike, volatility, term and discount must be ≥ 0, got "
            f"{forward:g}, {strike:g}, {volatility:g}, {years:g}, {discount:g}. Correct the contract."
        )
    spread = volatility * math.sqrt(years)
    if spread == 0 or forward == 0 or strike == 0:
        return discount * max(forward - strike, 0.0)
    d1 = (math.log(forward) - math.log(strike)) / spread + spread / 2
    return float(discount * (forward * norm.cdf(d1) - strike * norm.cdf(d1 - spread)))


def put(forward: float, strike: float, volatility: float, years: float, discount: float) -> float:
    """Return the value of a European put, CNY: the call's, as `call` has it, by put–call parity."""
    return call(forward, strike, volatility, years, discount) - discount * (forward - strike)


def option_value(
    worth: float, exercise: float, guaranteed: float, years: float, rules: GreenOptionParams
) -> float:
    r"""Return the value of a right to trees less the exercise price, or to a guaranteed least, CNY.

    Notes
    -----
    .. math:: V = D \, G + C(F, K + G), \quad F = S / D, \quad D = (1 + r)^{-T}

    because max(S − K, G) = G + max(S − K − G, 0). S today's value of the investor's share of the trees
    that survive, K exercise price, G guaranteed least. The price of standing trees holds their growth:
    the forward that fits it is risk-neutral, and V ≤ S + D G.
    """
    discount = (1 + rules.rate) ** -years
    right = call(worth / discount, exercise + guaranteed, rules.volatility, years, discount)
    return discount * guaranteed + right


def judge_premium(premium: float, fair: float, tolerance: float) -> str:
    """Return whether a premium lies below, at or above the value of the right when it was signed."""
    if premium < fair * (1 - tolerance):
        return LOW
    return HIGH if premium > fair * (1 + tolerance) else FAIR


def value_options(
    options: pd.DataFrame, rules: GreenOptionParams, on: dt.date, benefit_cny_ha: pd.Series
) -> pd.DataFrame:
    """Return what every contract is worth, at signing and on a day.

    Parameters
    ----------
    options : DataFrame
        Rows of the register.
    on : date
        Day of the valuation; contracts that matured before it have expired and have no value. Trees keep
        the price of the signing, as the register holds no later one.
    benefit_cny_ha : Series, CNY ha-1 a-1, by county code
        What forest services are worth there; counties not in it have no co-benefit.

    Returns
    -------
    DataFrame, the register's columns and `state`, `remaining_year`, `share_cny` (value of the investor's
    share of the trees that survive), `fair_cny` (at signing), `premium_judged`, `value_cny` (on the day,
    NaN when expired), `co_benefit_cny` (CNY a-1, NaN when expired or unknown)
    """
    rows = []
    for row in options.itertuples():
        signed, matures = _day(row.signed_on), _day(row.matures_on)
        term = (matures - signed).days / DAYS_PER_YEAR
        left = (matures - on).days / DAYS_PER_YEAR
        trees = row.trees * row.tree_value_cny * rules.survival_share
        worth = trees * row.share_percent / PERCENT
        terms = (worth, row.exercise_cny, row.guaranteed_cny)
        fair = option_value(*terms, term, rules)
        alive = left >= 0
        rows.append(
            {
                "state": RUNNING if alive else EXPIRED,
                "remaining_year": max(left, 0.0),
                "share_cny": worth,
                "fair_cny": fair,
                "premium_judged": judge_premium(row.premium_cny, fair, rules.premium_tolerance),
                "value_cny": option_value(*terms, left, rules) if alive else float("nan"),
                "co_benefit_cny": benefit_cny_ha.get(row.county_code, float("nan")) * row.area_ha
                if alive
                else float("nan"),
            }
        )
    return options.join(pd.DataFrame(rows, index=options.index, columns=VALUED))


def _day(value: Any) -> dt.date:
    """Return a date of the register."""
    return pd.Timestamp(value).date()


def co_benefit(evidence: Evidence, rules: GreenOptionParams) -> pd.Series:
    """Return what forest services are worth on a hectare of each county, CNY ha-1 a-1.

    The mean over all land of the county: a forest gives more than that. Counties whose account lacks
    one of the services count the others.
    """
    parts = [
        evidence.values("services", name, "value", "current") for name in rules.co_benefit_services
    ]
    area = evidence.values("statistics", "land_area", "value") * HECTARES_PER_KM2
    whole = pd.concat(parts, axis=1).sum(axis=1, min_count=1) if parts else area * float("nan")
    return (whole / area).dropna()


def check(registers: Registers, longest_term_year: float = math.inf) -> list[str]:
    """Return all that is wrong in the register of green options."""
    if not registers.pack.has(REGISTER):
        return []
    rows = registers.history(REGISTER)
    problems = [*registers.row_problems(REGISTER, rows)]
    for row in rows.itertuples():
        where = registers.place(REGISTER, row.Index)
        problems += [
            f"{where}: option {row.option_id!r}: {said}"
            for said in _row_problems(row, longest_term_year)
        ]
    return problems


def _row_problems(row: Any, longest_term_year: float) -> Iterator[str]:
    """Give what cannot be in one contract."""
    for name in ABOVE_ZERO:
        if getattr(row, name) <= 0:
            yield f"{name} is {getattr(row, name):g}. Write a figure above 0."
    for name in NOT_BELOW_ZERO:
        if getattr(row, name) < 0:
            yield f"{name} is {getattr(row, name):g}. Write 0 or more."
    if not 1 <= row.share_percent <= PERCENT:
        yield (
            f"share_percent is {row.share_percent:g}. Write the investor's part in percent, 1 to 100: "
            "70 for 70 %."
        )
    signed, matures = (
        pd.to_datetime(day, errors="coerce", format="%Y-%m-%d")
        for day in (row.signed_on, row.matures_on)
    )
    if pd.isna(signed) or pd.isna(matures):
        yield (
            f"signed_on {row.signed_on!r} or matures_on {row.matures_on!r} is no date. Write "
            "YYYY-MM-DD."
        )
    elif matures <= signed:
        yield (
            f"matures on {matures:%Y-%m-%d} but was signed on {signed:%Y-%m-%d}. A right matures after "
            "it is signed; correct one of the dates."
        )
    elif (matures - signed).days > longest_term_year * DAYS_PER_YEAR:
        yield (
            f"matures on {matures:%Y-%m-%d}, more than {longest_term_year:g} years after it was signed "
            f"on {signed:%Y-%m-%d}. Correct one of the dates, or {SECTION}.longest_term_year."
        )
    elif signed.year != row.year:
        yield (
            f"year is {row.year} but it was signed on {signed:%Y-%m-%d}. Correct one of the two."
        )


def compute(evidence: Evidence) -> TopicResult:
    """Return the valuation of all contracts signed until the year, at its end."""
    if not evidence.registers.pack.has(REGISTER):
        return TopicResult(lacking=(REGISTER,))
    rules = evidence.rules(SECTION, GreenOptionParams)
    table = value_options(
        evidence.registers.history(REGISTER),
        rules,
        dt.date(evidence.year, 12, 31),
        co_benefit(evidence, rules),
    )
    return TopicResult(
        tables={"options": table.reset_index(drop=True)}, figures=list(_figures(evidence, table))
    )


def _figures(
    evidence: Evidence, table: pd.DataFrame
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of the contracts that run, by county and of the province."""
    common: dict[str, Any] = {
        "method_id": METHOD,
        "quality": evidence.quality(SECTION),
        "price_basis": "current",
        "price_year": evidence.year,
    }
    running = table[table["state"] == RUNNING]
    for measure, column, unit, accounts in (
        ("value", "value_cny", "CNY", False),
        ("co_benefit", "co_benefit_cny", "CNY a-1", True),
    ):
        origin = evidence.origin(REGISTER, accounts=accounts)
        known = running[running[column].notna()]
        sums: dict[str | None, float] = known.groupby("county_code")[column].sum().to_dict()
        if len(known):
            sums[None] = float(known[column].sum())
        for code, value in sums.items():
            item = ledger.entry(
                ACCOUNT, "finance.green_options", measure, value, unit, origin=origin, **common
            )
            yield code, item
