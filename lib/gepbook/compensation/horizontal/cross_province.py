r"""What Zhejiang and Anhui pay each other by the water of the 新安江 (新安江跨省流域补偿).

.. math:: P = k_0 \sum_i k_i \frac{C_i}{C_{i0}}

C are the yearly means of permanganate index, ammonia nitrogen, total nitrogen and total phosphorus at
the section 街口, C0 their means over the baseline years. Three rounds went by P alone. In the
cooperation area the two provinces give an agreed total; a composite index of water and cooperation
decides how much each. What Zhejiang gives goes to Anhui; what Anhui gives stays in Anhui.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gepbook import ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.horizontal.data import path_of
from gepbook.compensation.scheme import SchemeResult
from gepbook.params import Confidence, Params, check_sum, parameter, worst
from gepbook.province import Province, Registers

SECTION = "horizontal_cross_province"
SCHEME = "horizontal"
TABLE = "boundary_sections"
COOPERATION = "合作区"
METHOD = "xinanjiang/p_index"
PAYMENT = ["rule", "payer", "payee", "basis", "amount_cny", "quality"]

Year = Annotated[int, Field(ge=2000, le=2100)]


class Closed(BaseModel):
    """A part of a parameter: frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Index(Closed):
    """How P is worked out: coefficient, weights, baseline years (P 值的系数)."""

    baseline_first_year: Year
    baseline_last_year: Year
    k0: Annotated[float, Field(gt=0)]
    weights: dict[str, Annotated[float, Field(ge=0)]]

    @field_validator("weights")
    @classmethod
    def _add_up(cls, weights: dict[str, float]) -> dict[str, float]:
        check_sum(weights, "weights ")
        return weights

    @property
    def baseline_years(self) -> range:
        """Years whose mean is the baseline."""
        return range(self.baseline_first_year, self.baseline_last_year + 1)


class Round(Index):
    """A round of the agreement: its index and the years it was in force (一轮协议)."""

    first_year: Year
    last_year: Year

    def in_force(self, year: int) -> bool:
        """Tell whether a year is one of the round's."""
        return self.first_year <= year <= self.last_year


class Tier(Closed):
    """What Zhejiang pays up to a P; below 0 Anhui pays (分档)."""

    p_at_most: float | None
    zhejiang_pays_cny: float


class Term(Closed):
    """First and last year of an agreement (协议期)."""

    first_year: Year
    last_year: Year


class Bounds(Closed):
    """What each province gives at least and at most (每省出资范围)."""

    least: Annotated[float, Field(ge=0)]
    most: Annotated[float, Field(ge=0)]


class CrossProvinceParams(Params):
    """Rules of the 新安江 agreement, round by round (新安江流域补偿协议)."""

    provincial = True

    section: str = parameter("1", "考核断面名称")
    index_items: list[str] = parameter("1", "P 值的水质指标", min_length=1)
    round_1: Round = parameter("1", "第一轮: 协议期、基准年、稳定系数与权重")
    tiers_1: list[Tier] = parameter("CNY a-1", "第一轮: 按 P 值的补偿金额")
    central_1_cny: float = parameter("CNY a-1", "第一轮: 中央财政每年给安徽的资金", ge=0)
    round_2: Round = parameter("1", "第二轮: 协议期、基准年、稳定系数与权重")
    tiers_2: list[Tier] = parameter("CNY a-1", "第二轮: 按 P 值的补偿金额")
    round_3: Round = parameter("1", "第三轮: 协议期、基准年、稳定系数与权重")
    tiers_3: list[Tier] = parameter("CNY a-1", "第三轮: 按 P 值的补偿金额")
    cooperation_years: Term = parameter("a", "共同保护合作区协议期")
    cooperation_total_cny: float = parameter("CNY a-1", "合作区: 两省每年出资合计", gt=0)
    cooperation_bounds_cny: Bounds = parameter("CNY a-1", "合作区: 每省每年出资范围")
    cooperation_growth_percent: list[float] = parameter(
        "percent", "合作区: 自第二年起各年两省生产总值合计增长率"
    )
    cooperation_index: Index = parameter("1", "合作区: P 值的基准年、稳定系数与权重")
    cooperation_p_full: float = parameter("1", "合作区: 水质得满分的 P 值", gt=0)
    cooperation_p_none: float = parameter("1", "合作区: 水质得零分的 P 值", gt=0)
    cooperation_water_weight: float = parameter("1", "合作区: 水质占综合指数的权重", ge=0, le=1)
    cooperation_score: float = parameter("1", "合作区: 产业与人才合作得分", ge=0, le=1)

    @field_validator("tiers_1", "tiers_2", "tiers_3")
    @classmethod
    def _rising(cls, tiers: list[Tier]) -> list[Tier]:
        limits = [t.p_at_most for t in tiers]
        if not limits or limits[-1] is not None or None in limits[:-1]:
            raise ValueError("the last tier, and no other, must have p_at_most null")
        known = [limit for limit in limits if limit is not None]
        if known != sorted(set(known)):
            raise ValueError("p_at_most must rise from tier to tier")
        return tiers

    @model_validator(mode="after")
    def _agree(self) -> CrossProvinceParams:
        for name, index in self.indices().items():
            if set(index.weights) != set(self.index_items):
                raise ValueError(
                    f"{name}: weights must be of exactly {', '.join(self.index_items)}"
                )
        bounds = self.cooperation_bounds_cny
        if bounds.least > bounds.most or bounds.least + bounds.most != self.cooperation_total_cny:
            raise ValueError("cooperation_bounds_cny: least and most must add up to the total")
        if self.cooperation_p_full >= self.cooperation_p_none:
            raise ValueError("cooperation_p_full must be below cooperation_p_none")
        terms: list[Round | Term] = [*self.rounds().values(), self.cooperation_years]
        if any(a.last_year >= b.first_year for a, b in itertools.pairwise(terms)):
            raise ValueError("rounds must follow each other without sharing a year")
        return self

    def rounds(self) -> dict[str, Round]:
        """Return the rounds that went by P alone, by name."""
        return {"第一轮": self.round_1, "第二轮": self.round_2, "第三轮": self.round_3}

    def indices(self) -> dict[str, Index]:
        """Return how P is worked out in each round and in the cooperation area."""
        return {**self.rounds(), COOPERATION: self.cooperation_index}

    def number(self, year: int) -> int | None:
        """Return the number of the round by P alone that is in force in a year."""
        found = (n for n, r in enumerate(self.rounds().values(), start=1) if r.in_force(year))
        return next(found, None)

    def name(self, year: int) -> str:
        """Return the name of what is in force in a year; empty where nothing is."""
        term = self.cooperation_years
        if term.first_year <= year <= term.last_year:
            return COOPERATION
        return next((name for name, r in self.rounds().items() if r.in_force(year)), "")


def p_index(
    concentrations: Mapping[str, float], baseline: Mapping[str, float], k0: float,
    weights: Mapping[str, float],
) -> float:  # fmt: skip
    r"""Return the index of compensation P (补偿指数 P).

    Parameters
    ----------
    concentrations, baseline : mapping, mg L-1
        Mean of the year, and mean of the baseline years, by item.
    k0 : float
        Coefficient of stability (水质稳定系数).
    weights : mapping
        Weight of each item; sum to 1.

    Notes
    -----
    .. math:: P = k_0 \sum_i k_i C_i / C_{i0}

    Source: 新安江 agreement, form recalled.  At the baseline P = k0; P is linear in every C.
    """
    return k0 * sum(k * concentrations[item] / baseline[item] for item, k in weights.items())


def tier_amount(p: float, tiers: list[Tier]) -> float:
    """Return what Zhejiang pays at a P, CNY a-1; below 0 Anhui pays."""
    return next(t.zhejiang_pays_cny for t in tiers if t.p_at_most is None or p <= t.p_at_most)


def cooperation_index(p: float, rules: CrossProvinceParams) -> float:
    """Return the composite index of the cooperation area, 0–1: water by P, and cooperation."""
    full, none = rules.cooperation_p_full, rules.cooperation_p_none
    water = float(np.clip((none - p) / (none - full), 0.0, 1.0))
    weight = rules.cooperation_water_weight
    return weight * water + (1 - weight) * rules.cooperation_score


def cooperation_shares(index: float, growth: list[float], rules: CrossProvinceParams) -> pd.Series:
    r"""Return what each province gives to the cooperation area in a year.

    Parameters
    ----------
    index : float, 0–1
        The composite index: the better, the more Zhejiang gives and the less Anhui.
    growth : list of float, percent
        Growth of both provinces' GDP in each year since the first.

    Returns
    -------
    Series, CNY a-1, index `zhejiang`, `anhui`
        Together the total of the year, each within its bounds grown alike.

    Notes
    -----
    .. math:: Z = (Z_{min} + I (Z_{max} - Z_{min})) \prod_t (1 + g_t / 100)

    Source: total, bounds and growth 人民网 2023-06; the index is a proposal of this workbook.
    """
    factor = float(np.prod([1 + g / 100 for g in growth])) if growth else 1.0
    bounds = rules.cooperation_bounds_cny
    zhejiang = bounds.least + index * (bounds.most - bounds.least)
    anhui = rules.cooperation_total_cny - zhejiang
    return pd.Series({"zhejiang": zhejiang * factor, "anhui": anhui * factor})


def concentrations(registers: Registers, rules: CrossProvinceParams) -> pd.DataFrame:
    """Return the yearly means at the section, mg L-1, years × items; 0 or missing becomes NaN."""
    frame = registers.history(TABLE)
    frame = frame[frame["section"] == rules.section].set_index("year").sort_index()
    items = frame[rules.index_items]
    return items.where(items > 0)


def index_table(found: pd.DataFrame, rules: CrossProvinceParams) -> pd.DataFrame:
    """Return P of every year that has concentrations, by every round whose baseline is known.

    Returns
    -------
    DataFrame, one row a year, columns `year`, `in_force`, one of each round; NaN where P is unknown
    """
    table = pd.DataFrame({"year": found.index, "in_force": [rules.name(y) for y in found.index]})
    for name, index in rules.indices().items():
        base = found.reindex(index.baseline_years).mean(skipna=False)
        table[name] = [
            p_index(row.to_dict(), base.to_dict(), index.k0, index.weights)
            for _, row in found.iterrows()
        ]
    return table


def check(registers: Registers, rules: CrossProvinceParams) -> list[str]:
    """Return what is missing to settle the year."""
    year = registers.year
    name = rules.name(year)
    problems = []
    needed = year - rules.cooperation_years.first_year
    if name == COOPERATION and len(rules.cooperation_growth_percent) < needed:
        problems.append(
            f"{SECTION}.cooperation_growth_percent: {year} needs the GDP growth of {needed} years from "
            f"{rules.cooperation_years.first_year + 1} on, got "
            f"{len(rules.cooperation_growth_percent)}. Set the list in params/year/{year}.yaml."
        )
    if not name or registers.lacking(TABLE):
        return problems
    frame = registers.history(TABLE)
    own = frame[frame["section"] == rules.section]
    path = path_of(registers, TABLE)
    for wanted in [*rules.indices()[name].baseline_years, year]:
        rows = own[own["year"] == wanted]
        if len(rows) != 1:
            what = "no row" if rows.empty else f"{len(rows)} rows"
            problems.append(
                f"{path}: section {rules.section} has {what} of {wanted}, which P of {year} rests on "
                f"({name}). Give one row with its yearly means."
            )
            continue
        line, row = next(rows.iterrows())
        problems += [
            f"{registers.place(TABLE, line)}: section {rules.section}, {wanted}: {item} must be a "
            f"concentration above 0, got {row[item]}. Enter the yearly mean."
            for item in rules.index_items
            if not row[item] > 0
        ]
    return problems


def compute(province: Province, rules: CrossProvinceParams) -> SchemeResult:
    """Return P by year and round, and what the year's round makes the provinces pay."""
    if lacking := province.registers.lacking(TABLE):
        return SchemeResult(lacking=tuple(lacking))
    table = index_table(concentrations(province.registers, rules), rules)
    name = rules.name(province.year)
    if not name:
        none = pd.DataFrame(columns=PAYMENT)
        return SchemeResult(tables={"p_index": table, "cross_province": none})
    p = float(table.set_index("year").loc[province.year, name])
    rows, shares = _payments(province, rules, p)
    tables = {"p_index": table, "cross_province": pd.DataFrame(rows)[PAYMENT]}
    if shares is not None:
        tables["cooperation"] = shares
    own = province.registers.table(TABLE)
    county = str(own.loc[own["section"] == rules.section, "county_code"].iloc[0])
    figure = ledger.entry(
        "compensation", "horizontal.cross_province", "p_index", p, "1",
        origin=province.origin(TABLE), method_id=METHOD, quality=rows[0]["quality"],
    )  # fmt: skip
    return SchemeResult(flows=rows, tables=tables, figures=[(county, figure)])


def _payments(
    province: Province, rules: CrossProvinceParams, p: float
) -> tuple[list[dict[str, Any]], pd.DataFrame | None]:
    """Return the year's payments, and in the cooperation area what each province gives."""

    def pay(case: str, payer: str, basis: str, amount: float, *keys: str) -> dict[str, Any]:
        return flows.flow(
            scheme=SCHEME, rule=f"{SECTION}/{case}", payer=payer, payee=parties.ANHUI, basis=basis,
            amount_cny=amount, origin=province.origin(TABLE), quality=_confidence(province, *keys),
        )  # fmt: skip

    number = rules.number(province.year)
    if number is not None:
        tiers = (rules.tiers_1, rules.tiers_2, rules.tiers_3)[number - 1]
        keys = (f"round_{number}", f"tiers_{number}")
        basis = f"{rules.section}断面 P = {p:.3f}"
        rows = [pay(f"round_{number}", parties.PROVINCE, basis, tier_amount(p, tiers), *keys)]
        if number == 1:
            rows.append(
                pay(
                    "central", parties.CENTRAL, "中央财政出资", rules.central_1_cny, "central_1_cny"
                )
            )
        return rows, None
    years = province.year - rules.cooperation_years.first_year
    index = cooperation_index(p, rules)
    shares = cooperation_shares(index, rules.cooperation_growth_percent[:years], rules)
    basis = f"综合指数 {index:.3f}（{rules.section}断面 P = {p:.3f}）"
    rests_on = ("cooperation_bounds_cny", "cooperation_index", "cooperation_score")
    row = pay("cooperation", parties.PROVINCE, basis, float(shares["zhejiang"]), *rests_on)
    given = pd.DataFrame(
        {"party": [parties.PROVINCE, parties.ANHUI], "given_cny": shares.to_numpy()}
    ).assign(index=index, p=p)
    return [row], given


def _confidence(province: Province, *keys: str) -> Confidence:
    """Return the lowest confidence of some of the section's parameters."""
    known = province.params.entries
    return worst(known[f"{SECTION}.{key}"].confidence for key in keys)
