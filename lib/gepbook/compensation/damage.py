"""Compensation for damage to ecosystems and the environment (生态环境损害赔偿).

A liable party pays what restoration, response and assessment cost, and what services were lost until the
baseline is reached again and for good: the heads of loss of Civil Code art. 1235. Yearly losses come from
the account of the case's site. The reference day is that of the damage.

Restoration goes before virtual treatment (虚拟治理成本): a case with a restoration cost pays that, and
its discharges are shown but not counted; only where nothing can be restored, because what was discharged
has dissipated, does the virtual treatment cost stand in its place. So no discharge is paid for twice. By
the same token a site belongs to one case.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import model_validator

from gepbook import ledger
from gepbook.accounting import sites
from gepbook.compensation import flows, parties
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.errors import GepbookError
from gepbook.params import Confidence, ParameterSet, Params, parameter, worst
from gepbook.province import Province, Registers

ID = "damage"
SECTION = "environmental_damage"
METHOD = "design/damage"
CASES, DISCHARGES = "damage_cases", "damage_discharges"
PERCENT = 100.0
DAYS_PER_YEAR = 365.25
#: Heads of loss (赔偿项目) in the order that they are shown in.
HEADS = {
    "restoration": "修复费用",
    "virtual_treatment": "虚拟治理成本",
    "cleanup": "应急处置费用",
    "assessment": "鉴定评估费用",
    "interim": "期间服务功能损失",
    "permanent": "永久性损害",
    "punitive": "惩罚性赔偿",
}
#: The rules that each head rests on besides what was spent, which art. 1235 names.
RULES = {
    "virtual_treatment": ("multiple",),
    "interim": ("recovery", "discount_rate_percent"),
    "permanent": ("permanent_capitalisation", "permanent_years", "discount_rate_percent"),
    "punitive": ("recovery", "discount_rate_percent", "permanent_years", "punitive_cap"),
}
FROM_ACCOUNT = ("interim", "permanent", "punitive")
CONDITIONS = {"unlawful": "违反法律规定", "intentional": "故意", "serious": "造成严重后果"}
COSTS = ("restoration_cost_cny", "cleanup_cost_cny", "assessment_cost_cny")
CASE = [
    "case_id", "county_code", "name", "site_id", "liable_party", "claimant", "path", "event_date",
    "restored_on", "permanent_percent", *CONDITIONS, "punitive_multiple",
]  # fmt: skip
RESULT = [
    *CASE, "years", "yearly_loss_cny", *(f"{name}_cny" for name in HEADS), "total_cny", "note",
]  # fmt: skip
PROGRESS = [
    "case_id", "county_code", "year", "name", "liable_party", "claimant", "path",
    "restored_percent", "permanent_percent", "restored_on",
]  # fmt: skip
Table = dict[str, dict[str, float]]


class DamageParams(Params):
    """Rules of compensation for damage (生态环境损害赔偿)."""

    provincial = True

    recovery: Literal["linear"] = parameter("1", "服务功能恢复过程")
    discount_rate_percent: float = parameter("percent", "现值系数 r", ge=0, lt=100)
    permanent_capitalisation: Literal["perpetuity", "years"] = parameter("1", "永久性损害资本化")
    permanent_years: int = parameter("a", "永久性损害计算年数", ge=1)
    multiple_low: Table = parameter("1", "敏感系数 γ 下限, 按受纳环境与功能区")
    multiple_high: Table = parameter("1", "敏感系数 γ 上限, 按受纳环境与功能区")
    multiple: Table = parameter("1", "敏感系数 γ 取值, 按受纳环境与功能区")
    punitive_cap: float = parameter("1", "惩罚性赔偿倍数上限", ge=0)

    @model_validator(mode="after")
    def _within(self) -> DamageParams:
        if self.permanent_capitalisation == "perpetuity" and not self.discount_rate_percent:
            raise ValueError("discount_rate_percent must be above 0 where losses are perpetual")
        for medium, lows in self.multiple_low.items():
            chosen, highs = self.multiple.get(medium, {}), self.multiple_high.get(medium, {})
            if set(chosen) != set(lows):
                raise ValueError(f"multiple.{medium} must list exactly {', '.join(lows)}")
            for name, low in lows.items():
                if not low <= chosen[name] <= highs.get(name, math.inf):
                    raise ValueError(
                        f"multiple.{medium}.{name} must lie from {low:g} to "
                        f"{highs.get(name, math.inf):g}, is {chosen[name]:g}"
                    )
        if set(self.multiple) != set(self.multiple_low):
            raise ValueError(f"multiple must list exactly {', '.join(self.multiple_low)}")
        return self


def remaining_by_year(years: float) -> np.ndarray:
    r"""Return the part of a loss that is left in each year while it recovers evenly (线性恢复).

    Parameters
    ----------
    years : float, ≥ 0
        From the damage to the baseline; the last year may be a part.

    Returns
    -------
    ndarray, year 0 first; sums to half of `years`

    Notes
    -----
    .. math:: f_t = \int_t^{\min(t+1, D)} \left(1 - \frac{s}{D}\right) ds
    """
    if years <= 0:
        return np.zeros(0)
    start = np.arange(math.ceil(years), dtype="float64")
    end = np.minimum(start + 1, years)
    return (end - start) - (end**2 - start**2) / (2 * years)


def discounted(losses: np.ndarray, rate_percent: float) -> float:
    r"""Return the present value of losses by year, the first one whole.

    Notes
    -----
    .. math:: \sum_t \frac{L_t}{(1+r)^t}
    """
    return float((losses * (1 + rate_percent / PERCENT) ** -np.arange(len(losses))).sum())


def interim_loss(
    yearly_cny: float, years: float, permanent_percent: float, rate_percent: float
) -> float:
    r"""Return what services are worth that are lost until the baseline is reached, CNY (期间损失).

    Parameters
    ----------
    yearly_cny : float, CNY a-1
        Yearly value of what is lost at first.
    years : float
        From the damage to the baseline.
    permanent_percent : float, 0–100
        Of it, what never comes back and is counted as permanent loss.
    rate_percent : float

    Notes
    -----
    .. math:: L = Y \, (1 - q) \sum_t \frac{f_t}{(1+r)^t}

    Source: Civil Code art. 1235; proposal of this workbook for how services come back.
    """
    temporary = yearly_cny * (1 - permanent_percent / PERCENT)
    return temporary * discounted(remaining_by_year(years), rate_percent)


def permanent_loss(
    yearly_cny: float, permanent_percent: float, rate_percent: float, years: int | None
) -> float:
    r"""Return what services are worth that are lost for good, CNY (永久性损害).

    Parameters
    ----------
    yearly_cny : float, CNY a-1
    permanent_percent : float, 0–100
    rate_percent : float
    years : int or None
        Years that count; None for ever, which needs a rate above 0.

    Notes
    -----
    .. math:: L = Y q \sum_{t=0}^{N-1} (1+r)^{-t}, \quad N \to \infty: Y q \frac{1+r}{r}
    """
    lost = yearly_cny * permanent_percent / PERCENT
    rate = rate_percent / PERCENT
    if years is None:
        return lost * (1 + rate) / rate
    return lost * discounted(np.ones(years), rate_percent)


def virtual_treatment(quantity_t: float, unit_cost_cny_t: float, multiple: float) -> float:
    r"""Return the virtual treatment cost of a discharge, CNY (虚拟治理成本).

    Notes
    -----
    .. math:: D = E \, C \, \gamma

    Source: 环境损害鉴定评估推荐方法（第Ⅱ版）2014. GB/T 39793.2-2020 has :math:`E C \alpha \tau \omega`
    instead; it needs hazard and exceedance of each discharge, which the register does not hold.
    """
    return quantity_t * unit_cost_cny_t * multiple


def punitive(
    base_cny: float, asked: float, conditions: Mapping[str, bool], cap: float
) -> tuple[float, str]:
    """Return the punitive part in CNY, and why it is not what was asked (惩罚性赔偿).

    Parameters
    ----------
    base_cny : float
        Interim and permanent loss.
    asked : float
        Multiple that was asked for, 0 for none.
    conditions : mapping
        `unlawful`, `intentional`, `serious`: Civil Code art. 1232 asks for all three.
    cap : float
        Multiple that is not gone beyond: 法释〔2022〕1号.
    """
    if not asked:
        return 0.0, ""
    lacking = [name for key, name in CONDITIONS.items() if not conditions[key]]
    if lacking:
        return 0.0, f"请求惩罚性赔偿，但不具备：{'、'.join(lacking)}"
    note = f"请求 {asked:g} 倍，按上限 {cap:g} 倍计" if asked > cap else ""
    return base_cny * min(asked, cap), note


def years_between(first: str, last: str) -> float:
    """Return the time between two dates in years."""
    return (pd.Timestamp(last) - pd.Timestamp(first)).days / DAYS_PER_YEAR


def yearly_losses(pool: pd.DataFrame) -> pd.Series:
    """Return what each site yields less after its change than before, CNY a-1, by site; 0 or more."""
    accounts = sites.read(pool)
    lost = accounts["value_before"] - accounts["value_after"]
    return lost.groupby(level="site_id").sum().clip(lower=0.0)


def heads_of(
    case: pd.Series, yearly_cny: float | None, virtual_cny: float, rules: DamageParams
) -> tuple[dict[str, float], list[str]]:
    """Return a case's heads of loss in CNY, each to the cent, and notes on them.

    Parameters
    ----------
    case : Series
        A row of `damage_cases`.
    yearly_cny : float or None
        Yearly loss of its site; None for a case without a site, or a site without an account.
    virtual_cny : float
        Virtual treatment cost of its discharges.
    rules : DamageParams
    """
    notes = []
    restored = float(case["restoration_cost_cny"])
    if virtual_cny and restored:
        notes.append("有修复费用，虚拟治理成本只列示、不重复计入")
    interim = permanent = 0.0
    if yearly_cny is None:
        notes.append("无地块核算，期间损失与永久性损害计 0")
    else:
        share, rate = float(case["permanent_percent"]), rules.discount_rate_percent
        forever = rules.permanent_capitalisation == "perpetuity"
        if share < PERCENT:
            years = years_between(case["event_date"], case["restored_on"])
            interim = interim_loss(yearly_cny, years, share, rate)
        permanent = permanent_loss(
            yearly_cny, share, rate, None if forever else rules.permanent_years
        )
        if not yearly_cny:
            notes.append("地块的服务价值没有减少")
    conditions = {key: bool(case[key]) for key in CONDITIONS}
    extra, note = punitive(
        interim + permanent, float(case["punitive_multiple"]), conditions, rules.punitive_cap
    )
    found = {
        "restoration": restored,
        "virtual_treatment": 0.0 if restored else virtual_cny,
        "cleanup": float(case["cleanup_cost_cny"]),
        "assessment": float(case["assessment_cost_cny"]),
        "interim": interim,
        "permanent": permanent,
        "punitive": extra,
    }
    return {name: round(v, 2) for name, v in found.items()}, [*notes, *([note] if note else [])]


def discharged(frame: pd.DataFrame, multiples: Table) -> pd.DataFrame:
    """Return the discharges with their multiple γ and virtual treatment cost."""
    gamma = [
        multiples[medium][name]
        for medium, name in zip(frame["medium"], frame["function_class"], strict=True)
    ]
    table = frame.assign(multiple=gamma)
    table["virtual_cny"] = virtual_treatment(
        table["quantity_t"], table["unit_cost_cny_t"], table["multiple"]
    )
    return table


def compute(province: Province) -> SchemeResult:
    """Return the compensation of the cases of the year, and how far all cases are restored."""
    pack = province.registers.pack
    lacking = tuple(n for n in (CASES, DISCHARGES, sites.LAYER) if not pack.has(n))
    if CASES in lacking:
        return SchemeResult(lacking=lacking)
    rules = province.rules(SECTION, DamageParams)
    cases = province.registers.history(CASES)
    pool = province.pool[province.pool["account"] == sites.ACCOUNT]
    yearly = yearly_losses(pool)
    shown = pd.DataFrame()
    virtual = pd.Series(dtype="float64")
    if DISCHARGES not in lacking:
        shown = discharged(province.registers.history(DISCHARGES), rules.multiple)
        virtual = shown.groupby("case_id")["virtual_cny"].sum()
        shown = shown[shown["case_id"].isin(cases["case_id"])].reset_index(drop=True)
    rows = []
    for _, case in cases[cases["year"] == province.year].iterrows():
        known = pd.notna(case["site_id"]) and case["site_id"] in yearly.index
        lost = float(yearly[case["site_id"]]) if known else None
        heads, notes = heads_of(case, lost, float(virtual.get(case["case_id"], 0.0)), rules)
        rows.append(
            {
                **case[CASE].to_dict(),
                "years": _years(case),
                "yearly_loss_cny": 0.0 if lost is None else lost,
                **{f"{name}_cny": amount for name, amount in heads.items()},
                "total_cny": round(sum(heads.values()), 2),
                "note": "；".join(notes),
            }
        )
    table = pd.DataFrame(rows, columns=RESULT)
    marks = _Marks(province, pool)
    return SchemeResult(
        flows=[f for case in table.itertuples() for f in _flows(case, marks)],
        tables={
            "cases": table,
            "discharges": shown,
            "progress": cases[PROGRESS].sort_values("case_id", ignore_index=True),
        },
        figures=[f for case in table.itertuples() for f in _figures(case, province.year, marks)],
        lacking=lacking,
    )


def _years(case: pd.Series) -> float:
    """Return a case's years until the baseline; NaN where there is none."""
    if pd.isna(case["restored_on"]):
        return float("nan")
    return years_between(case["event_date"], case["restored_on"])


class _Marks:
    """Origin and quality of the heads of loss."""

    def __init__(self, province: Province, accounts: pd.DataFrame) -> None:
        self.entries = province.params.under(SECTION)
        self.register = province.origin(CASES, DISCHARGES)
        self.account = ledger.weakest([self.register, *accounts["origin"].unique()])
        self.quality: Confidence = worst(q for q in accounts["quality"].unique() if q)

    def of(self, head: str) -> dict[str, Any]:
        """Return origin and quality of one head."""
        rules = [self.entries[f"{SECTION}.{name}"].confidence for name in RULES.get(head, ())]
        if head in FROM_ACCOUNT:
            return {"origin": self.account, "quality": worst([*rules, self.quality])}
        return {"origin": self.register, "quality": worst(rules)}


def _flows(case: Any, marks: _Marks) -> list[dict[str, Any]]:
    """Return what the liable party of a case pays, by head."""
    payee = (
        parties.PROVINCE if case.claimant == "省政府" else parties.prefecture_of(case.county_code)
    )
    return [
        flows.flow(
            scheme=ID,
            rule=f"{SECTION}/{head}",
            payer=parties.private(case.county_code, "liable"),
            payee=payee,
            basis=f"{case.case_id} {case.name}：{name}",
            amount_cny=getattr(case, f"{head}_cny"),
            **marks.of(head),
        )
        for head, name in HEADS.items()
        if getattr(case, f"{head}_cny")
    ]


def _figures(case: Any, year: int, marks: _Marks) -> list[tuple[str, dict[str, Any]]]:
    """Return the ledger rows of a case."""
    entry = functools.partial(
        ledger.entry, "compensation", f"{ID}.{case.case_id}", method_id=METHOD,
        price_basis="current", price_year=year,
    )  # fmt: skip
    rows = [
        entry(head, getattr(case, f"{head}_cny"), "CNY", **marks.of(head), note=name)
        for head, name in HEADS.items()
    ]
    rows.append(
        entry("yearly_loss", case.yearly_loss_cny, "CNY a-1", **marks.of("interim"), note=case.note)
    )
    rows.append(entry("total", case.total_cny, "CNY", **marks.of("punitive")))
    return [(case.county_code, row) for row in rows]


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules, the cases and their discharges, a sentence each."""
    try:
        rules = params.section(SECTION, DamageParams)
    except GepbookError as error:
        return error.problems
    problems: list[str] = []
    if not registers.pack.has(CASES):
        return problems
    cases = registers.history(CASES)
    damaged = pd.DataFrame(columns=["site_id", "county_code"])
    if registers.has(sites.LAYER):
        frame = registers.vector(sites.LAYER)
        damaged = pd.DataFrame(frame[frame["kind"] == "damage"].drop(columns="geometry"))
    county = damaged.drop_duplicates("site_id").set_index("site_id")["county_code"]
    for case in cases.itertuples():
        where = registers.place(CASES, case.Index)
        problems += [f"{where}: {case.case_id} {p}" for p in _case_problems(case, registers.year)]
        if pd.notna(case.site_id) and registers.has(sites.LAYER):
            problems += [f"{where}: {case.case_id} {p}" for p in _site_problems(case, county)]
    claimed = cases["site_id"].dropna()
    problems += [
        f"{registers.place(CASES, line)}: site {site!r} is claimed by another case as well. "
        "A loss is made good once; keep the site in one case."
        for line, site in claimed[claimed.duplicated()].items()
    ]
    if registers.pack.has(DISCHARGES):
        problems += _discharge_problems(registers, rules)
    return problems


def _site_problems(case: Any, county: pd.Series) -> list[str]:
    """Return what is wrong with the site that a case names."""
    if case.site_id not in county.index:
        return [
            f"names site {case.site_id!r}, which {sites.LAYER} does not hold as damage until that "
            "year. Draw the site, or leave site_id empty."
        ]
    if county[case.site_id] != case.county_code:
        return [
            f"names site {case.site_id!r} of {county[case.site_id]}. Name one of its own county."
        ]
    return []


def _case_problems(case: Any, year: int) -> list[str]:
    """Return what is wrong in one row of `damage_cases`."""
    found = [
        f"has {name} {getattr(case, name)}. Write an amount of 0 or more."
        for name in (*COSTS, "punitive_multiple")
        if not getattr(case, name) >= 0
    ]
    shares = {name: getattr(case, name) for name in ("permanent_percent", "restored_percent")}
    found += [
        f"has {name} {share}. Write a percentage from 0 to 100."
        for name, share in shares.items()
        if not 0 <= share <= PERCENT
    ]
    if sum(shares.values()) > PERCENT:
        found.append(
            f"is restored by {shares['restored_percent']:g} % and lost for good by "
            f"{shares['permanent_percent']:g} %, more than all together. Correct one of them."
        )
    dates = {name: getattr(case, name) for name in ("event_date", "restored_on")}
    parsed = {n: pd.to_datetime(d, format="%Y-%m-%d", errors="coerce") for n, d in dates.items()}
    found += [
        f"has {name} {text!r}. Write a date as 2023-06-30."
        for name, text in dates.items()
        if pd.isna(parsed[name]) and (pd.notna(text) or name == "event_date")
    ]
    event, restored = parsed["event_date"], parsed["restored_on"]
    if pd.notna(event) and event.year > case.year:
        found.append(f"was closed in {case.year} before its event_date {case.event_date}.")
    if pd.notna(event) and pd.notna(restored) and restored < event:
        found.append(
            f"has restored_on {case.restored_on} before its event_date {case.event_date}. "
            "Correct one of them."
        )
    temporary = pd.notna(case.site_id) and shares["permanent_percent"] < PERCENT
    if temporary and pd.isna(case.restored_on):
        found.append(
            "has a site that is not lost for good, but no restored_on. Write the day, or the planned "
            "day, on which the baseline is reached; or set permanent_percent to 100."
        )
    return found


def _discharge_problems(registers: Registers, rules: DamageParams) -> list[str]:
    """Return what is wrong in `damage_discharges`."""
    frame = registers.history(DISCHARGES)
    county = (
        registers.pack.table(CASES).drop_duplicates("case_id").set_index("case_id")["county_code"]
    )
    problems = []
    for row in frame.itertuples():
        where = f"{registers.place(DISCHARGES, row.Index)}: {row.pollutant} of {row.case_id}"
        if row.case_id not in county.index:
            problems.append(f"{where} has no case in {CASES}. Add the case or take the line out.")
        elif county[row.case_id] != row.county_code:
            problems.append(
                f"{where} stands in {row.county_code}, its case in {county[row.case_id]}. "
                "Correct one of them."
            )
        classes = rules.multiple.get(row.medium, {})
        if row.function_class not in classes:
            problems.append(
                f"{where} went to {row.medium} of class {row.function_class}, which has no multiple "
                f"(there are {', '.join(classes) or 'none'}). Correct the class, or add it to "
                f"params/policy/{SECTION}.yaml."
            )
        problems += [
            f"{where} has {name} {getattr(row, name)}. Write an amount of 0 or more."
            for name in ("quantity_t", "unit_cost_cny_t")
            if not getattr(row, name) >= 0
        ]
    return problems


SCHEME = Scheme(
    id=ID,
    name_zh="生态环境损害赔偿",
    name_en="Compensation for environmental damage",
    source="浙委办发〔2021〕82号 五(三)；民法典第1232、1235条；法释〔2022〕1号",
    sections={SECTION: DamageParams},
    tables=(CASES, DISCHARGES, sites.LAYER),
    compute=compute,
    check=check,
)
