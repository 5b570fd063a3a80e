"""Matching parcels with demands: which fit, which go together best, why some do not (供需撮合)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from gepbook.errors import CoverageError

#: How many leading digits of its county code a parcel must share with the demand's.
SCOPE_DIGITS = {"county": 6, "prefecture": 4, "province": 2}
TESTS = ("place", "term", "price", "size")
ROUNDING = 1e-6  # of sums of areas, ha
CENT = 0.01  # CNY


def fitting_pairs(parcels: pd.DataFrame, demands: pd.DataFrame) -> pd.DataFrame:
    """Return which parcels fit which demands, test by test (供需匹配条件).

    Parameters
    ----------
    parcels : DataFrame
        `parcel_id`, `county_code`, `resource`, `area_ha`, `term_year`, `reserve_price_cny_ha`.
    demands : DataFrame
        `demand_id`, `county_code`, `resource`, `scope`, `most_ha`, `least_term_year`, `price_cny_ha`.

    Returns
    -------
    DataFrame, a row a pair of one resource, in the order of ids
        `parcel_id`, `demand_id`, `area_ha`, `surplus_cny` = area · (bid − reserve), and the tests
        `place`, `term`, `price`, `size` (no larger than the most area).
    """
    pairs = parcels.merge(demands, on="resource", suffixes=("", "_wanted"))
    pairs = pairs.sort_values(["demand_id", "parcel_id"], ignore_index=True)
    place = np.zeros(len(pairs), dtype=bool)
    for scope, digits in SCOPE_DIGITS.items():
        here = pairs["county_code"].str[:digits] == pairs["county_code_wanted"].str[:digits]
        place |= ((pairs["scope"] == scope) & here).to_numpy(dtype=bool)
    gain = pairs["price_cny_ha"] - pairs["reserve_price_cny_ha"]
    tests = {
        "place": place,
        "term": pairs["term_year"] >= pairs["least_term_year"],
        "price": gain >= 0,
        "size": pairs["area_ha"] <= pairs["most_ha"] + ROUNDING,
    }
    columns = ["parcel_id", "demand_id", "area_ha"]
    return pairs[columns].assign(surplus_cny=pairs["area_ha"] * gain, **tests)


class Match(NamedTuple):
    """What goes where (撮合结果): demand id by parcel id, and what may be missing to the best, CNY.

    `slack_cny` is 0 where the match is proven to be the best.
    """

    demands: pd.Series
    slack_cny: float


def match(pairs: pd.DataFrame, bounds: pd.DataFrame, search_nodes: int) -> Match:
    r"""Return which demand each parcel goes to, so that the surplus is greatest (供需撮合).

    Parameters
    ----------
    pairs : DataFrame
        `parcel_id`, `demand_id`, `area_ha` > 0, `surplus_cny` ≥ 0; each pair once.
    bounds : DataFrame indexed by demand id
        `least_ha`, `most_ha` of a demand that is served.
    search_nodes : int
        Nodes of the search tree after which a group of parcels and demands is taken as it is.

    Returns
    -------
    Match
        Parcels that stay unmatched are left out.

    Raises
    ------
    CoverageError
        When the solver finds no match.

    Notes
    -----
    .. math:: \max \sum a_p (b_d - r_p) x_{pd}, \quad \sum_d x_{pd} \le 1, \quad
        l_d y_d \le \sum_p a_p x_{pd} \le u_d y_d, \quad x, y \in \{0, 1\}

    Solved to the cent, for each group of parcels and demands that hang together by itself. Of equal
    surpluses the one that serves more area is taken: all area of a group counts as one cent. Rows are
    put in order of their ids first, so that the order of the registers does not matter. The search
    ends after a number of nodes, not of seconds, so that every machine comes to the same match.
    """
    pairs = pairs.sort_values(["demand_id", "parcel_id"], ignore_index=True)
    if pairs.empty:
        return Match(pd.Series(dtype="str", name="demand_id").rename_axis("parcel_id"), 0.0)
    parcel, parcels = pd.factorize(pairs["parcel_id"], sort=True)
    demand, _ = pd.factorize(pairs["demand_id"], sort=True)
    nodes = len(parcels) + demand.max() + 1
    links = csr_array((np.ones(len(pairs)), (parcel, len(parcels) + demand)), shape=(nodes, nodes))
    _, group = connected_components(links, directed=False)
    solved = [_solve(own, bounds, search_nodes) for _, own in pairs.groupby(group[parcel])]
    chosen = pd.concat([own for own, _ in solved]).set_index("parcel_id")["demand_id"]
    return Match(chosen.sort_index(), sum(slack for _, slack in solved))


def _solve(
    pairs: pd.DataFrame, bounds: pd.DataFrame, search_nodes: int
) -> tuple[pd.DataFrame, float]:
    """Return the pairs of the best match of one group, and what may be missing to it, CNY."""
    parcel, parcels = pd.factorize(pairs["parcel_id"])
    demand, demands = pd.factorize(pairs["demand_id"])
    area, surplus = pairs["area_ha"].to_numpy(), pairs["surplus_cny"].to_numpy()
    taken, served = np.arange(len(pairs)), len(pairs) + np.arange(len(demands))
    width = len(pairs) + len(demands)
    rows = np.arange(len(demands))
    once = coo_array((np.ones(len(pairs)), (parcel, taken)), shape=(len(parcels), width))
    into = coo_array((area, (demand, taken)), shape=(len(demands), width))
    least, most = (
        coo_array((bounds.loc[demands, name], (rows, served)), shape=(len(demands), width))
        for name in ("least_ha", "most_ha")
    )
    worth = surplus + CENT * area / area.sum()
    found = milp(
        -np.concatenate([worth, np.zeros(len(demands))]),
        integrality=np.ones(width),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(once, ub=1),
            LinearConstraint(into - least, lb=-ROUNDING),
            LinearConstraint(into - most, ub=ROUNDING),
        ],
        options={"mip_rel_gap": 0.0, "node_limit": search_nodes},
    )
    if found.x is None:
        raise CoverageError(
            f"resource bank: parcels and demands cannot be matched: {found.message}"
        )
    slack = 0.0 if found.success else max(0.0, found.fun - found.mip_dual_bound)
    return pairs[np.round(found.x[: len(pairs)]) > 0], slack


def price(
    reserve_cny_ha: pd.Series, bid_cny_ha: pd.Series, demander_pays_share: float
) -> pd.Series:
    """Return the price, CNY ha-1: the reserve price and a share of what the bid is above it."""
    return reserve_cny_ha + demander_pays_share * (bid_cny_ha - reserve_cny_ha)


def reasons(
    pairs: pd.DataFrame, demands: pd.DataFrame, matched: pd.Series, search_nodes: int
) -> pd.Series:
    """Return why each demand that is not served is not (未满足原因).

    Parameters
    ----------
    pairs : DataFrame
        From `fitting_pairs`.
    demands : DataFrame
        `demand_id`, `least_ha`, `most_ha`.
    matched : Series
        Demand ids by parcel id.
    search_nodes : int
        See `match`.

    Returns
    -------
    Series, indexed by demand id
        The first test that leaves it nothing: `type`, one of `TESTS`, or `outbid`.
    """
    bounds = demands.set_index("demand_id")[["least_ha", "most_ha"]]
    unserved = bounds.index.difference(matched.unique())
    return pd.Series(
        {
            name: _reason(pairs[pairs["demand_id"] == name], bounds, search_nodes)
            for name in unserved
        },
        dtype="str",
        name="reason",
    )


def _reason(pairs: pd.DataFrame, bounds: pd.DataFrame, search_nodes: int) -> str:
    """Return the first test that leaves a demand no parcel; `outbid` where alone it would be served."""
    if pairs.empty:
        return "type"
    for test in TESTS:
        pairs = pairs[pairs[test]]
        if pairs.empty:
            return test
    return "outbid" if len(match(pairs, bounds, search_nodes).demands) else "size"
