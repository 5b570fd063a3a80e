r"""Loans on what ecosystems earn, and green loans in all loans (GEP贷、生态贷、绿色贷款).

What may be lent rests on the income that can be pledged, taken where nine of ten draws of the county's
account lie above it: who knows his GEP badly can borrow less on it. Counties without draws get no
capacity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from gepbook import counties, ledger
from gepbook.accounting.registry import services
from gepbook.assessment.topic import ACCOUNT, Evidence, Light, TopicResult, card
from gepbook.errors import CoverageError, near
from gepbook.params import Params, parameter
from gepbook.province import Registers

SECTION = "green_finance"
REGISTER = "loans"
METHOD = "design/finance"
PERCENT = 100.0
NO_DRAWS = "账户没有抽样，不测算额度"
NO_INCOME = "没有可质押收益"
#: Kinds of the sets of counties that are summed up.
GROUP, PREFECTURE, PROVINCE = "group", "prefecture", "province"
AMOUNTS = (
    "loans_cny", "green_loans_cny", "gep_loans_cny", "guaranteed_cny", "guarantee_capital_cny",
    "guarantee_losses_cny",
)  # fmt: skip


class GreenFinanceParams(Params):
    """Rules of loans on ecological income and of guarantees (绿色金融规则)."""

    provincial = True

    realised_share: dict[str, Annotated[float, Field(ge=0, le=1)]] = parameter(
        "1", "各项服务价值中可质押的年现金收益比例；未列者为 0"
    )
    income_quantile: float = parameter("1", "收益取值的分位数", gt=0, le=0.5)
    lending_rate: float = parameter("a-1", "贷款年利率", ge=0, lt=1)
    term_year: int = parameter("a", "贷款期限", gt=0, le=50)
    debt_service_coverage: float = parameter("1", "偿债备付率下限", ge=1)
    loan_to_value: float = parameter("1", "贷款与收益现值之比上限", gt=0, le=1)
    use_watch: float = parameter("1", "额度使用率关注线", gt=0)
    use_most: float = parameter("1", "额度使用率上限", gt=0)
    leverage_most: float = parameter("1", "担保放大倍数上限", gt=0)
    leverage_most_small: float = parameter("1", "主要服务小微、三农的担保放大倍数上限", gt=0)
    least_counties_share: float = parameter("1", "给出全省与分组占比所需的填报县比例", gt=0, le=1)
    guarantee_loss_most: float = parameter("1", "当年代偿占在保余额的关注线", ge=0, le=1)

    @field_validator("realised_share")
    @classmethod
    def _names_services(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if name not in services():
                raise ValueError(f"{name!r} is no service.{near(name, services())}")
        return value

    @model_validator(mode="after")
    def _rises(self) -> GreenFinanceParams:
        if self.use_watch > self.use_most:
            raise ValueError("use_watch must not lie above use_most")
        if self.leverage_most > self.leverage_most_small:
            raise ValueError("leverage_most must not lie above leverage_most_small")
        return self


def annuity_factor(rate: float, years: float) -> float:
    r"""Return what a yearly CNY over some years is worth today, a (年金现值系数).

    Parameters
    ----------
    rate : float, a-1, ≥ 0
    years : float, a, ≥ 0

    Raises
    ------
    CoverageError
        For a negative rate or term.

    Notes
    -----
    .. math:: A = \frac{1 - (1 + r)^{-n}}{r}, \quad A = n \; (r = 0)
    """
    if rate < 0 or years < 0:
        raise CoverageError(
            f"annuity: rate and term must be ≥ 0, got {rate:g} and {years:g}. Correct them in "
            f"params/policy/{SECTION}.yaml."
        )
    return float(years) if rate == 0 else float((1 - (1 + rate) ** -years) / rate)


def pledgeable_income(drawn: pd.DataFrame, realised_share: Mapping[str, float]) -> np.ndarray:
    """Return draws of the yearly income that can be pledged, CNY a-1 (可质押年收益).

    Parameters
    ----------
    drawn : DataFrame, draws × services, CNY a-1
    realised_share : mapping
        Share of each service's value that comes in as net cash; services not named have none.
    """
    income = np.zeros(len(drawn))
    for service, share in realised_share.items():
        if service in drawn.columns:
            income += share * drawn[service].to_numpy()
    return income


def loan_capacity(income: np.ndarray, rules: GreenFinanceParams) -> dict[str, float]:
    r"""Return how much may be lent on an uncertain yearly income (GEP贷额度).

    Parameters
    ----------
    income : ndarray, draws, CNY a-1

    Returns
    -------
    dict
        `income_cny` (mean) and `income_low_cny` (quantile), CNY a-1; `haircut`, 1 − low / mean, NaN
        where the mean is not above 0; `cash_flow_limit_cny`, `value_limit_cny` and their smaller,
        `capacity_cny`, CNY.

    Notes
    -----
    .. math:: L = R_q \, A(r, n) \, \min\left(\frac{1}{d}, λ\right)

    R income, q its quantile: both limits fall as the draws spread. A annuity factor, d debt-service
    coverage, λ loan to value.
    Source: proposal of this workbook after 浙委办发〔2021〕82号 六(三).
    """
    mean, low = float(income.mean()), float(np.quantile(income, rules.income_quantile))
    worth = max(low, 0.0) * annuity_factor(rules.lending_rate, rules.term_year)
    by_cash = worth / rules.debt_service_coverage
    by_value = worth * rules.loan_to_value
    return {
        "income_cny": mean,
        "income_low_cny": low,
        "haircut": 1 - low / mean if mean > 0 else float("nan"),
        "cash_flow_limit_cny": by_cash,
        "value_limit_cny": by_value,
        "capacity_cny": min(by_cash, by_value),
    }


def judge_use(capacity_cny: float, lent_cny: float, rules: GreenFinanceParams) -> tuple[Light, str]:
    """Return the light of loans outstanding against the capacity, and why."""
    if pd.isna(capacity_cny):
        return "none", NO_DRAWS
    if pd.isna(lent_cny):
        return "none", "没有贷款数据"
    if capacity_cny <= 0:
        return ("poor", f"{NO_INCOME}却有余额") if lent_cny > 0 else ("none", NO_INCOME)
    used = lent_cny / capacity_cny
    if used > rules.use_most:
        return "poor", f"使用率超过 {rules.use_most:.0%}"
    if used > rules.use_watch:
        return "watch", f"使用率超过 {rules.use_watch:.0%}"
    return "good", f"使用率不超过 {rules.use_watch:.0%}"


def capacities(evidence: Evidence, rules: GreenFinanceParams) -> pd.DataFrame:
    """Return capacity and use of loans of every county of the ledgers, indexed by county code.

    Columns as `loan_capacity` and `gep_loans_cny`, `headroom_cny` (what may still be lent), `used`,
    `light`, `reason`; NaN where a county has no draws or no loans are known.
    """
    rows = {
        code: loan_capacity(pledgeable_income(drawn, rules.realised_share), rules)
        for code, drawn in evidence.drawn.items()
    }
    columns = list(loan_capacity(np.zeros(1), rules))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype="float64")
    table = table.reindex(evidence.county_codes).rename_axis("county_code")
    lent = _known(evidence.registers).set_index("county_code")["gep_loans_cny"]
    table["gep_loans_cny"] = lent.reindex(table.index)
    left = table["capacity_cny"] - table["gep_loans_cny"]
    table["headroom_cny"] = left.clip(lower=0)
    positive = table["capacity_cny"].where(table["capacity_cny"] > 0)
    table["used"] = table["gep_loans_cny"] / positive
    judged = [
        judge_use(capacity, lent, rules)
        for capacity, lent in table[["capacity_cny", "gep_loans_cny"]].itertuples(index=False)
    ]
    table[["light", "reason"]] = judged
    return table


def _known(registers: Registers) -> pd.DataFrame:
    """Return the year's loans; no rows where the pack has none."""
    if not registers.has(REGISTER):
        return pd.DataFrame(columns=["county_code", *AMOUNTS])
    return registers.table(REGISTER)


def green_shares(loans: pd.DataFrame, rules: GreenFinanceParams) -> pd.DataFrame:
    """Return the share of green loans in all loans by county and year (绿色贷款占比).

    Parameters
    ----------
    loans : DataFrame
        Rows of the register, `loans_cny` > 0.
    rules : GreenFinanceParams

    Returns
    -------
    DataFrame, columns `county_code`, `year`, `loans_cny`, `green_loans_cny`, `share`, `counties`, `trend`
        The province's rows have its code and are those of years in which enough counties reported, the
        `counties`; `trend` is their share among the counties that reported in all of these years.
    """
    parts = loans[["county_code", "year", "loans_cny", "green_loans_cny"]]
    known = parts.groupby("year")["county_code"].transform("nunique")
    enough = parts[known >= rules.least_counties_share * len(counties.read())]
    years = enough.groupby("county_code")["year"].transform("nunique")
    steady = enough[years == enough["year"].nunique()].groupby("year")[
        ["loans_cny", "green_loans_cny"]
    ]
    whole = enough.groupby("year").agg(
        loans_cny=("loans_cny", "sum"),
        green_loans_cny=("green_loans_cny", "sum"),
        counties=("county_code", "nunique"),
    )
    common = steady.sum()
    whole["trend"] = common["green_loans_cny"] / common["loans_cny"]
    own = whole.reset_index().assign(county_code=ledger.PROVINCE)
    table = pd.concat([parts, own], ignore_index=True)
    table["share"] = table["green_loans_cny"] / table["loans_cny"]
    return table.sort_values(["county_code", "year"], ignore_index=True)


def summarise(
    capacity: pd.DataFrame, shares: pd.DataFrame, labels: pd.Series, rules: GreenFinanceParams
) -> pd.DataFrame:
    """Return loans, capacity and green-loan share of some sets of counties (分组汇总).

    Parameters
    ----------
    capacity : DataFrame
        Of `capacities`.
    shares : DataFrame indexed by county code
        `loans_cny` and `green_loans_cny` of the year; may lack counties.
    labels : Series, by county code
        The set that each county belongs to.
    rules : GreenFinanceParams

    Returns
    -------
    DataFrame indexed by label, in the order of `labels`
        `counties`, how many have both a capacity and known loans; their `capacity_cny`,
        `gep_loans_cny` and `used`, and how many of them are `over` it; `reporting`, how many reported
        their loans, and their `share` of green loans, NaN where they are too few of the set.
    """
    known = capacity[capacity["capacity_cny"].notna() & capacity["gep_loans_cny"].notna()]
    over = known["gep_loans_cny"] > known["capacity_cny"]
    table = known[["capacity_cny", "gep_loans_cny"]].assign(counties=1, over=over.astype("int64"))
    reported = shares[["loans_cny", "green_loans_cny"]].assign(reporting=1)
    table = table.join(reported, how="outer")
    sums = table.groupby(labels.reindex(table.index)).sum()
    sums["used"] = sums["gep_loans_cny"] / sums["capacity_cny"].where(sums["capacity_cny"] > 0)
    enough = sums["reporting"] >= rules.least_counties_share * labels.value_counts()[sums.index]
    sums["share"] = (sums["green_loans_cny"] / sums["loans_cny"]).where(enough)
    columns = ["counties", "capacity_cny", "gep_loans_cny", "used", "over", "reporting", "share"]
    order = [label for label in labels.unique() if label in sums.index]
    whole = dict.fromkeys(("counties", "over", "reporting"), "int64")
    return sums.loc[order, columns].astype(whole)


def check(registers: Registers) -> list[str]:
    """Return all that is wrong in the register of loans."""
    if not registers.pack.has(REGISTER):
        return []
    rows = registers.history(REGISTER)
    problems = [*registers.row_problems(REGISTER, rows)]
    for row in rows.itertuples():
        where = registers.place(REGISTER, row.Index)
        problems += [f"{where}: {said}" for said in _row_problems(row)]
    return problems


def _row_problems(row: Any) -> Iterator[str]:
    """Give what cannot be in one row of the register."""
    for name in AMOUNTS:
        if getattr(row, name) < 0:
            yield f"{name} is {getattr(row, name):g}. A balance is not negative; correct it."
    if row.loans_cny == 0:
        yield "loans_cny is 0, so that no share can be taken. Give the county's loans."
    for part in ("green_loans_cny", "gep_loans_cny"):
        if getattr(row, part) > row.loans_cny:
            yield (
                f"{part} {getattr(row, part):g} is more than loans_cny {row.loans_cny:g}. A part is no "
                "larger than the whole; correct one of the two."
            )
    if row.guaranteed_cny > 0 and row.guarantee_capital_cny == 0:
        yield (
            f"guaranteed_cny is {row.guaranteed_cny:g} but guarantee_capital_cny is 0. Give the net "
            "assets of the guarantor, or write 0 guaranteed."
        )
    if row.guarantee_losses_cny > 0 and row.guaranteed_cny == 0:
        yield (
            f"guarantee_losses_cny is {row.guarantee_losses_cny:g} but guaranteed_cny is 0. Give the "
            "balance that the losses arose from, or write 0 losses."
        )


def compute(evidence: Evidence) -> TopicResult:
    """Return loan capacity and green-loan shares of all counties."""
    rules = evidence.rules(SECTION, GreenFinanceParams)
    capacity = capacities(evidence, rules)
    tables = {"capacity": capacity}
    lacking = tuple(evidence.registers.lacking(REGISTER))
    if not lacking:
        loans = evidence.registers.history(REGISTER)
        tables["shares"] = _ranked(green_shares(loans, rules), evidence)
        tables["summary"] = _summary(evidence, capacity, tables["shares"], rules)
    return TopicResult(
        tables=tables,
        figures=list(_figures(evidence, tables)),
        cards=list(_cards(evidence, tables)),
        lacking=lacking,
    )


def _summary(
    evidence: Evidence, capacity: pd.DataFrame, shares: pd.DataFrame, rules: GreenFinanceParams
) -> pd.DataFrame:
    """Return the summaries by group, by prefecture and of the province; column `kind` tells which."""
    own = shares[(shares["year"] == evidence.year) & (shares["county_code"] != ledger.PROVINCE)]
    own = own.set_index("county_code")
    prefectures = counties.read()["prefecture"]
    labels = {
        GROUP: evidence.groups.sort_values(),
        PREFECTURE: prefectures,
        PROVINCE: pd.Series(ledger.PROVINCE, index=prefectures.index),
    }
    parts = [
        summarise(capacity, own, of, rules).rename_axis("label").reset_index().assign(kind=kind)
        for kind, of in labels.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _ranked(shares: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return shares with each county's `group`, and its `rank` `of` all in it in the year."""
    table = shares.assign(group=shares["county_code"].map(evidence.groups))
    within = table.groupby(["year", "group"])["share"]
    return table.assign(
        rank=within.rank(ascending=False, method="min"), of=within.transform("count")
    )


def marks(evidence: Evidence, accounts: bool) -> dict[str, Any]:
    """Return origin and quality of what follows from the register, and from accounts if they count."""
    return {
        "origin": evidence.origin(REGISTER, accounts=accounts),
        "quality": evidence.quality(SECTION),
    }


def _figures(
    evidence: Evidence, tables: dict[str, pd.DataFrame]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of loans."""
    money: dict[str, Any] = {"price_basis": "current", "price_year": evidence.year}
    common: dict[str, Any] = {"method_id": METHOD, **marks(evidence, accounts=True)}
    capacity = tables["capacity"]
    for item, measure, column, unit in (
        ("gep_loan_income", "value", "income_cny", "CNY a-1"),
        ("gep_loan_income", "value_low", "income_low_cny", "CNY a-1"),
        ("gep_loan_capacity", "value", "capacity_cny", "CNY"),
        ("gep_loan_capacity", "used", "used", "1"),
    ):
        basis = money if unit != "1" else {}
        for code, value in capacity[column].dropna().items():
            yield (
                str(code),
                ledger.entry(ACCOUNT, f"finance.{item}", measure, value, unit, **common, **basis),
            )
    own: dict[str, Any] = {"method_id": METHOD, **marks(evidence, accounts=False)}
    if "shares" in tables:
        shares = tables["shares"]
        for row in shares[shares["year"] == evidence.year].itertuples():
            code = None if row.county_code == ledger.PROVINCE else row.county_code
            item = "finance.green_loans"
            yield code, ledger.entry(ACCOUNT, item, "share", row.share, "1", **own)
            if code is None:
                yield code, ledger.entry(ACCOUNT, item, "counties", row.counties, "1", **own)


def _cards(evidence: Evidence, tables: dict[str, pd.DataFrame]) -> Iterator[dict[str, Any]]:
    """Give the scorecards' lines: use of the loan capacity, share of green loans."""
    capacity = tables["capacity"]
    middle = capacity["used"].groupby(evidence.groups).median() * PERCENT
    for code, row in capacity[capacity["used"].notna()].iterrows():
        yield card(
            str(code),
            "GEP贷额度使用率",
            row["used"] * PERCENT,
            "percent",
            peer=float(middle[evidence.groups[code]]),
            peer_zh="同组中位数",
            light=row["light"],
            reason=row["reason"],
            **marks(evidence, accounts=True),
        )
    if "shares" not in tables:
        return
    shares = tables["shares"]
    now = shares[shares["year"] == evidence.year].set_index("county_code")
    whole = now["share"].get(ledger.PROVINCE)
    for code, row in now[now["group"].notna()].iterrows():
        yield card(
            str(code),
            "绿色贷款占比",
            row["share"] * PERCENT,
            "percent",
            peer=None if whole is None else float(whole) * PERCENT,
            peer_zh="全省",
            rank=int(row["rank"]),
            of=int(row["of"]),
            reason="目标为全省的，见目标跟踪",
            **marks(evidence, accounts=False),
        )
