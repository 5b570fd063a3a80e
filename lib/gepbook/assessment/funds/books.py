"""Books of welfare funds: entries twice, in whole cents; statements, limits of spending (基金账簿)."""

from __future__ import annotations

import pandas as pd

from gepbook.assessment.funds.rules import (
    ADMINISTRATION,
    CARRIED_OVER,
    CASH,
    DIRECTION,
    DRAWN,
    EXPENSE,
    INCOME,
    PROJECT,
    SEED,
    WelfareFundsParams,
)
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents


def cents(amounts: pd.Series) -> pd.Series:
    """Return amounts in CNY as whole cents."""
    return amounts.map(to_cents).astype("int64")


def postings(entries: pd.DataFrame) -> pd.DataFrame:
    """Return both sides of every entry (复式记账).

    Parameters
    ----------
    entries : DataFrame
        `county_code`, `fund`, `year`, `direction`, `kind`, `amount_cny` ≥ 0.

    Returns
    -------
    DataFrame, two rows an entry
        `county_code`, `fund`, `year`, `account` (CASH or the kind), `cents`; the two sum to 0. Cash
        rises by income.
    """
    sign = entries["direction"].map({INCOME: 1, EXPENSE: -1})
    moved = cents(entries["amount_cny"]) * sign
    keys = entries[["county_code", "fund", "year"]]
    return pd.concat(
        [
            keys.assign(account=CASH, cents=moved),
            keys.assign(account=entries["kind"], cents=-moved),
        ],
        ignore_index=True,
    )


def statements(entries: pd.DataFrame, until: int) -> pd.DataFrame:
    """Return the yearly statement of every fund, CNY to the cent (收支结存表).

    Parameters
    ----------
    entries : DataFrame
        See `postings`.
    until : int
        Last year.

    Returns
    -------
    DataFrame, a row a fund and year from its first entry on
        `county_code`, `fund`, `year`, `opening_cny`, a column `<kind>_cny` for each kind, `income_cny`
        (without what was carried over), `expense_cny`, `closing_cny` = opening + income − expense. What
        was carried over when the books began is the first opening.
    """
    keys = ["county_code", "fund"]
    booked = postings(entries).pivot_table("cents", [*keys, "year"], "account", "sum", fill_value=0)
    every = [
        (*fund, year)
        for fund, first in entries.groupby(keys)["year"].min().items()
        for year in range(first, until + 1)
    ]
    sums = booked.reindex(
        index=pd.MultiIndex.from_tuples(every, names=[*keys, "year"]),
        columns=[CASH, *DIRECTION],
        fill_value=0,
    )
    closing = sums[CASH].groupby(level=keys).cumsum()
    carried = -sums[CARRIED_OVER]
    kinds = {
        kind: -sums[kind] if way == INCOME else sums[kind]
        for kind, way in DIRECTION.items()
        if kind != CARRIED_OVER
    }
    income = sum(kinds[kind] for kind in kinds if DIRECTION[kind] == INCOME)
    expense = sum(kinds[kind] for kind in kinds if DIRECTION[kind] == EXPENSE)
    columns = {
        "opening": closing - sums[CASH] + carried,
        **kinds,
        "income": income,
        "expense": expense,
        "closing": closing,
    }
    table = pd.DataFrame(columns) / CENTS_PER_YUAN
    return table.add_suffix("_cny").reset_index()


def ratios(table: pd.DataFrame, rules: WelfareFundsParams) -> pd.DataFrame:
    r"""Return how each fund spends in each year (支出结构与杠杆).

    Parameters
    ----------
    table : DataFrame
        From `statements`.

    Returns
    -------
    DataFrame, same rows
        `administration_share` of the year's expense; `spending_share`, project expense by the income of
        the year before, and `spending_share_mean`, by the mean of the years before it; `leverage`, what
        society gave per yuan of the government's seed, all years; NaN where there is nothing to divide
        by. `administration_kept`, `spending_kept`: whether the limits are kept, None where not known.

    Notes
    -----
    .. math:: a = \frac{M}{E}, \quad s = \frac{P}{I_{-1}}, \quad l = \frac{\sum D}{\sum G}

    The limit of spending is kept when either of the two shares reaches it.
    Source: 慈善法 (2016) 第六十条, recalled.
    """
    by_fund = table.groupby(["county_code", "fund"], sort=False)
    before = by_fund["income_cny"].shift(1)
    mean_before = by_fund["income_cny"].transform(
        lambda own: own.shift(1).rolling(rules.mean_income_years).mean()
    )
    expense, project = table["expense_cny"], table[f"{PROJECT}_cny"]
    seed = by_fund[f"{SEED}_cny"].cumsum()
    drawn = sum(by_fund[f"{kind}_cny"].cumsum() for kind in DRAWN)
    found = pd.DataFrame(
        {
            "administration_share": table[f"{ADMINISTRATION}_cny"] / expense.where(expense > 0),
            "spending_share": project / before.where(before > 0),
            "spending_share_mean": project / mean_before.where(mean_before > 0),
            "leverage": drawn / seed.where(seed > 0),
        }
    )
    best = found[["spending_share", "spending_share_mean"]].max(axis=1)
    return found.assign(
        administration_kept=_kept(
            found["administration_share"] <= rules.administration_share_most,
            found["administration_share"],
        ),
        spending_kept=_kept(best >= rules.spending_share_least, best),
    )


def _kept(verdict: pd.Series, of: pd.Series) -> pd.Series:
    """Return a verdict as booleans, None where what it rests on is not known."""
    return verdict.astype("object").where(of.notna(), None)


def balances(entries: pd.DataFrame) -> pd.Series:
    """Return a fund's balance after each entry, whole cents, by line (逐笔余额).

    On one day, income is booked before expense.
    """
    sign = entries["direction"].map({INCOME: 1, EXPENSE: -1})
    moved = (cents(entries["amount_cny"]) * sign).rename("cents")
    ordered = entries.assign(moved=moved, income=sign < 0).sort_values(
        ["fund", "booked_on", "income"], kind="stable"
    )
    return ordered.groupby("fund")["moved"].cumsum()
