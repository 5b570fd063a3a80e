r"""Pools of ecological income rights and their tranches (生态产品资产证券化).

What a pool of water fees, power, tickets or carbon sinks earns is passed on year by year: servicing
first, then interest of the senior and the mezzanine tranche, then their principal in that order; what is
left is the equity's. Amounts are whole cents, so that cash in is cash out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, field_validator
from scipy.optimize import brentq

from gepbook import ledger
from gepbook.assessment.topic import ACCOUNT, Evidence, TopicResult
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents
from gepbook.errors import CoverageError
from gepbook.inputs.own_data import dictionary
from gepbook.params import Params, parameter
from gepbook.province import Registers

SECTION = "asset_pool"
FLOWS, TRANCHES = "income_pools", "pool_tranches"
METHOD = "design/finance"
SENIOR, MEZZANINE, EQUITY = "senior", "mezzanine", "equity"
#: In the order that they are paid.
ORDER = (SENIOR, MEZZANINE, EQUITY)
FEE = "fee"
EXPECTED = "expected"
PERCENT = 100.0
COVERED, THIN, OVER = "覆盖充分", "覆盖不足", "规模超过现值"
LOWEST_YIELD = -1 + 1e-9
Share = Annotated[float, Field(ge=0, le=1)]


class AssetPoolParams(Params):
    """Rules of pools of income rights (资产池规则)."""

    provincial = True

    loss_rate: dict[str, Share] = parameter("1", "违约与稀释率，按收益权")
    service_fee_share: float = parameter("1", "服务费占回款比例", ge=0, lt=1)
    discount_rate: float = parameter("a-1", "资产池现金流折现率", ge=0, lt=1)
    least_coverage: dict[str, Annotated[float, Field(gt=0)]] = parameter("1", "各层级最低覆盖倍数")
    stress_haircut: dict[str, Share] = parameter("1", "压力情景下各年回款减少的比例")

    @field_validator("loss_rate")
    @classmethod
    def _all_rights(cls, value: dict[str, float]) -> dict[str, float]:
        rights = dictionary.words(FLOWS, "income")
        if set(value) != set(rights):
            raise ValueError(f"must list exactly {', '.join(rights)}")
        return value

    @field_validator("stress_haircut")
    @classmethod
    def _beside_expected(cls, value: dict[str, float]) -> dict[str, float]:
        if EXPECTED in value:
            raise ValueError(
                f"must not name a scenario {EXPECTED!r}: that is the one without stress"
            )
        return value

    @field_validator("least_coverage")
    @classmethod
    def _all_debts(cls, value: dict[str, float]) -> dict[str, float]:
        if set(value) != {SENIOR, MEZZANINE}:
            raise ValueError(f"must list exactly {SENIOR}, {MEZZANINE}")
        return value


def collections(flows: pd.DataFrame, loss_rate: Mapping[str, float], since: int) -> pd.Series:
    """Return what a pool is taken to collect, CNY to the cent, by year from the one after `since` on.

    Parameters
    ----------
    flows : DataFrame
        Rows of one pool: `income`, `due_year`, `expected_cny`.
    loss_rate : mapping
        Part that does not come in, by right.
    since : int
        Year that the pool is set up in; years without a flow collect nothing.
    """
    net = flows["expected_cny"] * (1 - flows["income"].map(loss_rate))
    years = range(since + 1, int(flows["due_year"].max()) + 1)
    return net.groupby(flows["due_year"]).sum().reindex(years, fill_value=0.0).round(2)


def present_value(cash: pd.Series, rate: float, since: int) -> float:
    r"""Return the present value of yearly cash at the end of a year, CNY.

    Notes
    -----
    .. math:: V = \sum_t C_t (1 + r)^{-(t - t_0)}
    """
    return sum(amount * (1 + rate) ** -(year - since) for year, amount in cash.items())


def net_value(cash: pd.Series, rules: AssetPoolParams, since: int) -> float:
    """Return the present value of a pool's cash after servicing, CNY."""
    return present_value(cash, rules.discount_rate, since) * (1 - rules.service_fee_share)


def waterfall(cash: pd.Series, tranches: pd.DataFrame, fee_share: float) -> pd.DataFrame:
    """Return who gets what of a pool's cash, year by year (现金流分配).

    Interest that the cash does not reach is added to the balance. Equity has no claim but what is left.

    Parameters
    ----------
    cash : Series, CNY, by year
    tranches : DataFrame indexed by tranche
        `size_cny` and `coupon_percent`.
    fee_share : float
        Part of the cash that servicing takes first.

    Returns
    -------
    DataFrame, columns `due_year`, `tranche` (FEE for servicing), `interest_cny`, `principal_cny`,
    `paid_cny`, `balance_cny` (owed after the payment)
        `paid_cny` of a year sums to its cash, to the cent. A pool without equity gives back what is left
        to its originator, as EQUITY of size 0.
    """
    debts = [name for name in ORDER[:-1] if name in tranches.index]
    owed = {name: to_cents(tranches.loc[name, "size_cny"]) for name in debts}
    rows: list[dict[str, Any]] = []
    for year, amount in cash.items():
        left = to_cents(amount)
        fee = round(left * fee_share)
        left -= fee
        interest, principal = {}, {}
        for name in debts:
            due = round(owed[name] * tranches.loc[name, "coupon_percent"] / PERCENT)
            interest[name] = min(left, due)
            left -= interest[name]
            owed[name] += due - interest[name]
        for name in debts:
            principal[name] = min(left, owed[name])
            left -= principal[name]
            owed[name] -= principal[name]
        rows.append(_paid(year, FEE, 0, fee, 0))
        rows += [_paid(year, n, interest[n], principal[n], owed[n]) for n in debts]
        rows.append(_paid(year, EQUITY, 0, left, 0))
    return pd.DataFrame(rows)


def _paid(year: Any, tranche: str, interest: int, principal: int, owed: int) -> dict[str, Any]:
    """Return one payment, cents as CNY."""
    return {
        "due_year": int(year),
        "tranche": tranche,
        "interest_cny": interest / CENTS_PER_YUAN,
        "principal_cny": principal / CENTS_PER_YUAN,
        "paid_cny": (interest + principal) / CENTS_PER_YUAN,
        "balance_cny": owed / CENTS_PER_YUAN,
    }


def internal_rate(outlay: float, cash: list[float]) -> float:
    r"""Return the yearly yield of what is paid today for cash at the end of each year, a-1 (收益率).

    Parameters
    ----------
    outlay : float, CNY, > 0
    cash : list of float, CNY, ≥ 0
        From the first year on.

    Returns
    -------
    float
        −1 where nothing comes back.

    Raises
    ------
    CoverageError
        When nothing is paid, or the cash is negative.

    Notes
    -----
    .. math:: \sum_t C_t (1 + y)^{-t} = I

    The root is unique, as the left side falls in y; it lies below ΣC / I − 1 where that is positive.
    """
    if outlay <= 0 or min(cash, default=0.0) < 0:
        raise CoverageError(
            f"yield: needs a price above 0 and no negative cash, got {outlay:g} and {cash}."
        )
    whole = sum(cash) / outlay
    if whole == 0:
        return -1.0

    def gap(rate: float) -> float:
        return sum(c / outlay * (1 + rate) ** -t for t, c in enumerate(cash, start=1)) - 1

    if whole == 1:
        return 0.0
    low, high = (0.0, whole - 1) if whole > 1 else (LOWEST_YIELD, 0.0)
    return low if gap(low) <= 0 else high if gap(high) >= 0 else float(brentq(gap, low, high))


def assess(
    cash: pd.Series, paid: pd.DataFrame, tranches: pd.DataFrame, rules: AssetPoolParams, since: int
) -> pd.DataFrame:
    r"""Return coverage, yield and shortfall of each tranche (分层测算).

    Parameters
    ----------
    cash : Series, CNY, by year
    paid : DataFrame
        Its `waterfall`.
    tranches : DataFrame indexed by tranche
        `size_cny` and `coupon_percent`.
    rules : AssetPoolParams
    since : int
        Year that the pool was set up in.

    Returns
    -------
    DataFrame, one row a tranche in the order of payment
        `tranche`, `size_cny`, `coupon_percent`; `coverage`, the present value after servicing over the
        tranche and those before it; `paid_cny`; `unpaid_cny`, owed after the last year (NaN for equity);
        `yield`.

    Notes
    -----
    .. math:: κ_k = \frac{V}{\sum_{j \le k} S_j}
    """
    worth = net_value(cash, rules, since)
    received = dict(tuple(paid.groupby("tranche")))
    rows, before = [], 0.0
    for name in (n for n in ORDER if n in tranches.index):
        size, own = float(tranches.loc[name, "size_cny"]), received[name]
        before += size
        rows.append(
            {
                "tranche": name,
                "size_cny": size,
                "coupon_percent": float(tranches.loc[name, "coupon_percent"]),
                "coverage": worth / before,
                "paid_cny": round(float(own["paid_cny"].sum()), 2),
                "unpaid_cny": float("nan") if name == EQUITY else own["balance_cny"].iloc[-1],
                "yield": internal_rate(size, own["paid_cny"].tolist()),
            }
        )
    return pd.DataFrame(rows)


def judge(assessed: pd.DataFrame, worth: float, least: Mapping[str, float]) -> str:
    """Return how a pool stands: sizes over its present value, a tranche thinly covered, or covered."""
    if assessed["size_cny"].sum() > worth:
        return OVER
    coverage = assessed.set_index("tranche")["coverage"]
    return THIN if (coverage < pd.Series(least).reindex(coverage.index)).any() else COVERED


def check(registers: Registers) -> list[str]:
    """Return all that is wrong in the registers of pools and tranches."""
    if not all(registers.pack.has(name) for name in (FLOWS, TRANCHES)):
        return []
    flows, tranches = registers.history(FLOWS), registers.history(TRANCHES)
    problems = [
        *registers.row_problems(FLOWS, flows),
        *registers.row_problems(TRANCHES, tranches),
    ]
    for row in flows.itertuples():
        where = f"{registers.place(FLOWS, row.Index)}: pool {row.pool_id!r}"
        if row.expected_cny < 0:
            problems.append(
                f"{where}: expected_cny is {row.expected_cny:g}. A right earns 0 or more; correct it."
            )
        if row.due_year <= row.year:
            problems.append(
                f"{where}: cash is due in {row.due_year}, but the pool is set up in {row.year}. Give "
                "cash of later years only."
            )
    for row in tranches.itertuples():
        where = f"{registers.place(TRANCHES, row.Index)}: tranche {row.tranche} of {row.pool_id!r}"
        problems += [f"{where}: {said}" for said in _tranche_problems(row)]
    for pool in sorted({*flows["pool_id"].dropna(), *tranches["pool_id"].dropna()}):
        own, parts = flows[flows["pool_id"] == pool], tranches[tranches["pool_id"] == pool]
        problems += _pool_problems(registers, str(pool), own, parts)
    return problems


def _tranche_problems(row: Any) -> Iterator[str]:
    """Give what cannot be in one tranche."""
    if row.size_cny <= 0:
        yield f"size_cny is {row.size_cny:g}. Write what was raised, above 0, or take the row out."
    if not 0 <= row.coupon_percent < PERCENT:
        yield f"coupon_percent is {row.coupon_percent:g}. Write a yearly rate from 0 to below 100."
    if row.tranche == EQUITY and row.coupon_percent != 0:
        yield f"coupon_percent is {row.coupon_percent:g}. Equity gets what is left; write 0."


def _pool_problems(
    registers: Registers, pool: str, flows: pd.DataFrame, tranches: pd.DataFrame
) -> Iterator[str]:
    """Give what is wrong with flows and tranches of one pool together."""
    if flows.empty:
        where = registers.place(TRANCHES, tranches.index[0])
        yield f"{where}: pool {pool!r} has tranches but no cash. Add it to {FLOWS}, or correct the id."
        return
    where = registers.place(FLOWS, flows.index[0])
    if tranches.empty:
        yield f"{where}: pool {pool!r} has cash but no tranches. Add them to {TRANCHES}."
        return
    both = pd.concat([flows, tranches])
    for column in ("county_code", "year"):
        said = sorted(set(map(str, both[column])))
        if len(said) > 1:
            yield (
                f"{where}: pool {pool!r} has {column} {', '.join(said)}. A pool has one; "
                f"correct its rows here and in {TRANCHES}."
            )
    whole, sizes = flows["expected_cny"].sum(), tranches["size_cny"].sum()
    if sizes > whole:
        yield (
            f"{registers.place(TRANCHES, tranches.index[0])}: the tranches of pool {pool!r} are "
            f"{sizes:,.2f} CNY, more than 100 % of all its expected cash, {whole:,.2f} CNY. Lower "
            f"them, or correct {FLOWS}."
        )


def compute(evidence: Evidence) -> TopicResult:
    """Return the cash of all pools set up until the year, as expected and under stress."""
    lacking = tuple(n for n in (FLOWS, TRANCHES) if not evidence.registers.pack.has(n))
    if lacking:
        return TopicResult(lacking=lacking)
    rules = evidence.rules(SECTION, AssetPoolParams)
    flows, tranches = evidence.registers.history(FLOWS), evidence.registers.history(TRANCHES)
    pools, parts, payments = [], [], []
    for pool, own in flows.groupby("pool_id"):
        first = own.iloc[0]
        since = int(first["year"])
        layers = tranches[tranches["pool_id"] == pool].set_index("tranche")
        expected = collections(own, rules.loss_rate, since)
        marks = {"pool_id": pool, "county_code": first["county_code"], "name": first["name"]}
        found = {}
        for scenario, haircut in {EXPECTED: 0.0, **rules.stress_haircut}.items():
            cash = (expected * (1 - haircut)).round(2)
            paid = waterfall(cash, layers, rules.service_fee_share).assign(**marks)
            found[scenario] = assess(cash, paid, layers, rules, since)
            parts.append(found[scenario].assign(scenario=scenario, **marks))
            if scenario == EXPECTED:
                payments.append(paid)
        worth = net_value(expected, rules, since)
        pools.append(
            {
                **marks,
                "year": since,
                "incomes": sorted(own["income"].unique()),
                "expected_cny": float(own["expected_cny"].sum()),
                "present_value_cny": worth,
                "size_cny": float(layers["size_cny"].sum()),
                "state": judge(found[EXPECTED], worth, rules.least_coverage),
            }
        )
    if not pools:
        return TopicResult()
    tables = {
        "pools": pd.DataFrame(pools),
        "tranches": pd.concat(parts, ignore_index=True),
        "payments": pd.concat(payments, ignore_index=True),
    }
    return TopicResult(tables=tables, figures=list(_figures(evidence, tables)))


def _figures(
    evidence: Evidence, tables: dict[str, pd.DataFrame]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows: present value of each pool, coverage and yield of its tranches."""
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": evidence.origin(FLOWS, TRANCHES),
        "quality": evidence.quality(SECTION),
    }
    for pool in tables["pools"].itertuples():
        item = f"finance.pool.{pool.pool_id}"
        value = pool.present_value_cny
        yield (
            pool.county_code,
            ledger.entry(
                ACCOUNT, item, "value", value, "CNY", price_basis="current",
                price_year=pool.year, **common,
            ),
        )  # fmt: skip
    parts = tables["tranches"]
    for _, row in parts[parts["scenario"] == EXPECTED].iterrows():
        item = f"finance.pool.{row['pool_id']}.{row['tranche']}"
        for measure, unit in (("coverage", "1"), ("yield", "a-1")):
            entry = ledger.entry(ACCOUNT, item, measure, row[measure], unit, **common)
            yield row["county_code"], entry
