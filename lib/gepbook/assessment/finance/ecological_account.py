r"""The ecological account of a county: what was occupied and what was restored (生态账户).

After the pilot of 衢州, which is guided by 生态占用补偿. The account is kept in the yearly value of
ecosystem services on sites: an occupation is a debit, an offset a credit, each by the account and the
prices of the year that it came in, or of the first year with an account where it is older. An offset
that is yet to mature counts for less, by the rule of 占补平衡, and gains what it lacked as the years
pass. Damage is settled as such and has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.accounting import sites
from gepbook.assessment.topic import ACCOUNT, Evidence, TopicResult
from gepbook.compensation.offset.rules import SECTION, OffsetParams, time_discount
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents

METHOD = "design/finance"
PILOT = "衢州市"
#: What sums of several years are in.
SEVERAL_YEARS = "按各发生年价格与气象"
MOVES = ("credit_cny", "matured_cny", "debit_cny")


def movements(
    features: pd.DataFrame, changes: pd.Series, years: list[int], rate_percent: float
) -> pd.DataFrame:
    r"""Return what the sites put on and took from their counties' accounts, year by year.

    Parameters
    ----------
    features : DataFrame indexed by site_id
        `county_code`, `year`, `kind` (occupation or offset), `maturity_year`.
    changes : Series, CNY a-1, by site_id
        Value after less before, of `changes_of`; sites that are not in it are left out.
    years : list of int
        Of the account, rising.
    rate_percent : float, percent
        By which a unit that comes later counts for less.

    Returns
    -------
    DataFrame, columns `county_code`, `site_id`, `year`, MOVES, CNY a-1
        Credits and debits ≥ 0: an occupation that raises the value is a credit, an offset that lowers it
        a debit.

    Notes
    -----
    .. math:: c = δ(m) g, \quad m_t = g [δ(m - t) - δ(m - t + 1)], \quad δ(m) = (1 + r)^{-m}

    g gain of an offset, m years to maturity, t years since; a loss is not discounted.
    """
    rows = []
    for site in features[features.index.isin(changes.index)].itertuples():
        gain = float(changes[site.Index])
        waits = site.maturity_year if site.kind == "offset" and gain > 0 else 0.0
        booked = 0.0
        for year in (y for y in years if y >= site.year):
            left = max(waits - (year - site.year), 0.0)
            counted = round(gain * time_discount(left, rate_percent), 2)
            first = year == site.year
            rows.append(
                {
                    "county_code": site.county_code,
                    "site_id": site.Index,
                    "year": year,
                    "credit_cny": max(counted, 0.0) if first else 0.0,
                    "matured_cny": 0.0 if first else round(counted - booked, 2),
                    "debit_cny": max(-counted, 0.0) if first else 0.0,
                }
            )
            booked = counted
    return pd.DataFrame(rows, columns=["county_code", "site_id", "year", *MOVES])


def balance(moved: pd.DataFrame, years: list[int]) -> pd.DataFrame:
    """Return the accounts of counties with opening and closing balances that add up to the cent.

    Parameters
    ----------
    moved : DataFrame
        As `movements` gives it.
    years : list of int
        Rising; every county has a row in each.

    Returns
    -------
    DataFrame, columns `county_code`, `year`, `opening_cny`, MOVES, `closing_cny`, CNY a-1
        closing = opening + credit + matured − debit; opening is the closing of the year before.
    """
    cents = moved.assign(**{name: moved[name].map(to_cents) for name in MOVES})
    sums = cents.groupby(["county_code", "year"])[list(MOVES)].sum().to_dict("index")
    rows = []
    for code in sorted(moved["county_code"].unique()):
        standing = 0
        for year in years:
            moves = sums.get((code, year), dict.fromkeys(MOVES, 0))
            opening = standing
            standing += moves["credit_cny"] + moves["matured_cny"] - moves["debit_cny"]
            rows.append(
                {
                    "county_code": code,
                    "year": year,
                    "opening_cny": opening / CENTS_PER_YUAN,
                    **{name: value / CENTS_PER_YUAN for name, value in moves.items()},
                    "closing_cny": standing / CENTS_PER_YUAN,
                }
            )
    columns = ["county_code", "year", "opening_cny", *MOVES, "closing_cny"]
    return pd.DataFrame(rows, columns=columns)


def changes_of(evidence: Evidence, features: pd.DataFrame) -> pd.Series:
    """Return by how much each site changed the yearly value of its services.

    Of its own year, or of the first year after it that it has an account of: sites may be older than
    the pack. Sites without any account are not in it.
    """
    pool = evidence.pool[evidence.pool["account"] == sites.ACCOUNT]
    open_sites, found = features["year"], [pd.Series(dtype="float64")]
    for year in _years(features, evidence.year):
        read = sites.read(pool, None if year == evidence.year else year)
        worth = read[["value_before", "value_after"]].groupby(level="site_id").sum()
        change = worth["value_after"] - worth["value_before"]
        found.append(change[change.index.isin(open_sites.index[open_sites <= year])])
        open_sites = open_sites.drop(found[-1].index)
    return pd.concat(found)


def _years(features: pd.DataFrame, last: int) -> list[int]:
    """Return the years of the account, from the oldest site's on."""
    return list(range(int(features["year"].min()), last + 1)) if len(features) else []


def compute(evidence: Evidence) -> TopicResult:
    """Return the ecological accounts of all counties that have sites."""
    lacking = tuple(evidence.registers.lacking(sites.LAYER))
    if lacking:
        return TopicResult(lacking=lacking)
    frame = evidence.registers.vector(sites.LAYER)
    own = frame[frame["kind"].isin(("occupation", "offset"))]
    features = pd.DataFrame(own.drop(columns="geometry")).set_index("site_id").sort_index()
    changes = changes_of(evidence, features)
    if changes.empty:
        return TopicResult()
    years = _years(features, evidence.year)
    rules = evidence.rules(SECTION, OffsetParams)
    moved = movements(features, changes, years, rules.discount_rate_percent)
    listed = features.assign(change_cny=changes.reindex(features.index)).reset_index()
    tables = {
        "accounts": balance(moved, years),
        "account_sites": listed[
            ["county_code", "site_id", "name", "kind", "year", "maturity_year", "change_cny"]
        ],
    }
    return TopicResult(tables=tables, figures=list(_figures(evidence, tables["accounts"])))


def _figures(evidence: Evidence, accounts: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the ledger rows of the year's account."""
    rows = evidence.pool[evidence.pool["account"] == sites.ACCOUNT]
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": ledger.weakest([evidence.origin(sites.LAYER), *rows["origin"].unique()]),
        "quality": evidence.quality(SECTION),
        "price_basis": "current",
    }
    now = accounts[accounts["year"] == evidence.year]
    for row in now.itertuples():
        for name in ("opening", "credit", "matured", "debit", "closing"):
            own_year = name in ("credit", "debit")
            entry = ledger.entry(
                ACCOUNT, "finance.ecological_account", name, getattr(row, f"{name}_cny"), "CNY a-1",
                price_year=evidence.year if own_year else None,
                note="" if own_year else SEVERAL_YEARS,
                **common,
            )  # fmt: skip
            yield row.county_code, entry
