"""The flow ledger: who pays whom, by which rule, on which basis (补偿资金流水).

Every scheme gives its payments as rows of this one table; whatever a payer pays, a payee receives, so
that the sum over all parties is 0 to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from gepbook.compensation import parties
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents
from gepbook.errors import CoverageError, GepbookError

#: `rule` is the section of params/policy/ that the amount follows, with the case after a slash; `basis`
#: says in words what it was worked out from; `quality` is `design` where no rule was published.
COLUMNS = {
    "year": "int64",
    "scheme": "str",
    "rule": "str",
    "payer": "str",
    "payee": "str",
    "basis": "str",
    "amount_cny": "float64",
    "origin": "str",
    "quality": "str",
}
KEY = ["scheme", "rule", "payer", "payee", "basis"]


def flow(
    *, scheme: str, rule: str, payer: str, payee: str, basis: str, amount_cny: float, origin: str,
    quality: str,
) -> dict[str, Any]:  # fmt: skip
    """Return one payment in whole cents; below 0 the payee pays the payer.

    Parameters
    ----------
    scheme : str
        Id of the scheme.
    rule : str
        Section of `params/policy/`, with the case after a slash: `horizontal_compensation/basin`.
    payer, payee : str
        See `parties`.
    basis : str
        What the amount was worked out from, in Chinese.
    amount_cny : float, CNY a-1
    origin, quality : str
        As in the results ledger.
    """
    cents = to_cents(amount_cny)
    if cents < 0:
        payer, payee, cents = payee, payer, -cents
    return {
        "scheme": scheme,
        "rule": rule,
        "payer": payer,
        "payee": payee,
        "basis": basis,
        "amount_cny": cents / CENTS_PER_YUAN,
        "origin": origin,
        "quality": quality,
    }


def build(rows: Iterable[Mapping[str, Any]], year: int) -> pd.DataFrame:
    """Return the flow ledger of a year from its rows, in canonical order; payments of 0 are left out.

    Raises
    ------
    GepbookError
        For unknown parties, payments to oneself, missing or negative amounts, keys that stand twice.
    """
    frame = pd.DataFrame([{"year": year, **row} for row in rows], columns=list(COLUMNS))
    frame = frame.astype(COLUMNS)
    problems = []
    for party in sorted({*frame["payer"], *frame["payee"]}):
        try:
            parties.check(party)
        except GepbookError as error:
            problems += error.problems
    for row in frame.itertuples():
        where = f"flow {row.scheme} {row.rule} {row.payer} → {row.payee} ({row.basis})"
        if row.payer == row.payee:
            problems.append(f"{where}: pays itself.")
        if not row.amount_cny >= 0:
            problems.append(f"{where}: amount must be ≥ 0, got {row.amount_cny}.")
    problems += [
        f"flow {' / '.join(map(str, key))}: stands twice."
        for key in frame.loc[frame.duplicated(KEY), KEY].itertuples(index=False, name=None)
    ]
    if problems:
        raise CoverageError(problems)
    return frame[frame["amount_cny"] > 0].sort_values(KEY, kind="stable", ignore_index=True)


def of_county(frame: pd.DataFrame, county_code: str) -> pd.DataFrame:
    """Return the payments that a county's government or anybody in the county makes or receives."""
    payer = frame["payer"].map(parties.county_of)
    payee = frame["payee"].map(parties.county_of)
    return frame[(payer == county_code) | (payee == county_code)].reset_index(drop=True)


def by_party(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what each party paid and received, and the difference, CNY; `net_cny` sums to 0.

    Returns
    -------
    DataFrame indexed by party, columns `paid_cny`, `received_cny`, `net_cny`
    """
    return _position(frame, frame["payer"], frame["payee"])


def by_county(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same by county: its government and everybody in it; others are left out.

    Payments between parties of one county are inside it and count on both sides.
    """
    found = _position(
        frame, frame["payer"].map(parties.county_of), frame["payee"].map(parties.county_of)
    )
    return found[found.index != ""]


def by_scheme(frame: pd.DataFrame, county_code: str) -> pd.DataFrame:
    """Return what a county, all its parties together, paid and received by scheme, CNY."""
    own = of_county(frame, county_code)
    table = pd.DataFrame(
        {
            "paid_cny": own[own["payer"].map(parties.county_of) == county_code]
            .groupby("scheme")["amount_cny"]
            .sum(),
            "received_cny": own[own["payee"].map(parties.county_of) == county_code]
            .groupby("scheme")["amount_cny"]
            .sum(),
        }
    )
    table = table.astype("float64").fillna(0.0).round(2)
    return table.assign(net_cny=(table["received_cny"] - table["paid_cny"]).round(2))


def _position(frame: pd.DataFrame, payer: pd.Series, payee: pd.Series) -> pd.DataFrame:
    """Return paid, received and net by whoever the payments are booked to."""
    table = pd.DataFrame(
        {
            "paid_cny": frame["amount_cny"].groupby(payer).sum(),
            "received_cny": frame["amount_cny"].groupby(payee).sum(),
        }
    )
    table = table.astype("float64").fillna(0.0).round(2)
    return table.assign(net_cny=(table["received_cny"] - table["paid_cny"]).round(2)).sort_index()
