"""The balance of occupations and offsets as linear programs (占补平衡求解)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from gepbook.errors import GepbookError
from gepbook.grid import HECTARE_M2

#: What the solver may leave of a quantity, as a share of it, and still count as nothing.
TOLERANCE = 1e-6
NAME = "quantity"


def wide(values: pd.Series) -> pd.DataFrame:
    """Return values by two labels as a matrix, NaN where there is none (宽表)."""
    rows, row_names = pd.factorize(values.index.get_level_values(0))
    columns, column_names = pd.factorize(values.index.get_level_values(1))
    matrix = np.full((len(row_names), len(column_names)), np.nan)
    matrix[rows, columns] = values.to_numpy()
    return pd.DataFrame(matrix, index=row_names, columns=column_names)


def long(matrix: pd.DataFrame) -> pd.Series:
    """Return the values of a matrix by row and column label, row by row (长表)."""
    index = pd.MultiIndex.from_product([matrix.index, matrix.columns])
    return pd.Series(matrix.to_numpy().ravel(), index=index)


@dataclass(frozen=True)
class Supply:
    """What offset sites can give (补偿供给).

    Parameters
    ----------
    gain : DataFrame, sites × quantities, units of the quantity a-1 per ha
        Discounted for the time until it comes; below 0 where restoration costs another service.
    value : Series by site, CNY a-1 per ha
        The same in money, of all services together.
    free_ha : Series by site, ha
    cost : Series by site, CNY ha-1
    """

    gain: pd.DataFrame
    value: pd.Series
    free_ha: pd.Series
    cost: pd.Series


@dataclass(frozen=True)
class Demand:
    """What occupations have to be offset by (补偿需求).

    Parameters
    ----------
    required : DataFrame, projects × quantities, units of the quantity a-1
        NaN or 0 where a project takes nothing.
    price : DataFrame, projects × quantities, CNY per unit
    ratio : DataFrame, projects × sites, ≥ 1
        Hectares that count as one: the location ratio.
    tier : DataFrame of int, projects × sites
        0 nearest, each further tier one more.
    """

    required: pd.DataFrame
    price: pd.DataFrame
    ratio: pd.DataFrame
    tier: pd.DataFrame


def assign(demand: Demand, supply: Supply, years: float, least_ha: float) -> pd.DataFrame:
    r"""Return how many hectares of each site offset each project (补偿分配).

    First the sites of the nearest tier are shared among all projects, then, for what is still short,
    those of the next. In each tier what all projects pay is least: the cost of the hectares, and money
    for what is short. So a hectare is used where what it makes good is worth more than it costs.

    Parameters
    ----------
    demand : Demand
    supply : Supply
    years : float
        Years of service that money has to make good.
    least_ha : float
        Smaller parcels are not assigned.

    Returns
    -------
    DataFrame, projects × sites, ha in whole square metres

    Raises
    ------
    GepbookError
        When the solver fails.

    Notes
    -----
    .. math:: \min \sum c_s x_{ps} + T \left(\sum p_q u_{pq} + \sum v_p\right), \quad
        \sum_s \frac{g_{sq}}{\lambda_{ps}} x_{ps} + u_{pq} \ge R_{pq}, \quad
        \sum_s \frac{w_s}{\lambda_{ps}} x_{ps} + \sum_q p_q u_{pq} + v_p \ge \sum_q p_q R_{pq}, \quad
        \sum_p x_{ps} \le A_s

    g gain and w value of a hectare, λ location ratio, R required, u short, v value still short when
    every quantity is balanced: what restoration costs other services. Source: proposal of this workbook
    for 浙委办发〔2021〕82号 三(三).
    """
    hectares = pd.DataFrame(0.0, index=demand.required.index, columns=supply.gain.index)
    if hectares.empty or not (demand.required > 0).any(axis=None):
        return hectares
    for tier in range(int(demand.tier.max(axis=None)) + 1):
        allowed = (demand.tier == tier).to_numpy()
        if allowed.any():
            hectares += _of_tier(demand, supply, hectares, allowed, years, least_ha)
    return hectares


def _of_tier(
    demand: Demand,
    supply: Supply,
    given: pd.DataFrame,
    allowed: np.ndarray,
    years: float,
    least_ha: float,
) -> np.ndarray:
    """Return the hectares that one tier adds to what nearer ones gave, projects × sites."""
    projects, sites = given.shape
    required = demand.required.fillna(0.0).to_numpy()
    price = demand.price.fillna(0.0).to_numpy()
    weight = 1.0 / demand.ratio.to_numpy()
    before = given.to_numpy()
    short = required - (before * weight) @ supply.gain.to_numpy()
    value_short = (price * required).sum(axis=1) - (before * weight) @ supply.value.to_numpy()
    rows, quantities = np.nonzero(required > 0)
    scale = required[rows, quantities]  # quantities differ by many orders of magnitude
    worth = price[rows, quantities] * scale
    n, m = projects * sites, len(rows)
    physical = np.zeros((m, n + m + projects))
    value = np.zeros((projects, n + m + projects))
    land = np.zeros((sites, n + m + projects))
    land[:, :n] = np.tile(np.eye(sites), projects)
    for p in range(projects):
        own, here = slice(p * sites, (p + 1) * sites), rows == p
        gain = supply.gain.to_numpy()[:, quantities[here]] * weight[p][:, None]
        physical[here, own] = gain.T / scale[here][:, None]
        whole = worth[here].sum() or 1.0
        value[p, own] = supply.value.to_numpy() * weight[p] / whole
        value[p, n : n + m][here] = worth[here] / whole
        value[p, n + m + p] = 1.0
    physical[:, n : n + m] = np.eye(m)
    whole = np.array([worth[rows == p].sum() or 1.0 for p in range(projects)])
    cost = np.tile(supply.cost.to_numpy(), projects)
    paid = np.concatenate([cost, years * worth, years * whole])
    free_ha = (supply.free_ha.to_numpy() - before.sum(axis=0)).clip(min=0.0)
    limits = np.where(allowed, free_ha, 0.0).ravel()
    result = linprog(
        paid / paid.max(),
        A_ub=np.vstack([-physical, -value, land]),
        b_ub=np.concatenate([-short[rows, quantities] / scale, -value_short / whole, free_ha]),
        bounds=[*((0.0, most) for most in limits), *[(0.0, None)] * (m + projects)],
        method="highs",
    )
    if result.status != 0:
        raise GepbookError(f"offset: the balance cannot be solved ({result.message})")
    return _to_m2(result.x[:n].reshape(projects, sites), free_ha, least_ha)


def _to_m2(hectares: np.ndarray, free_ha: np.ndarray, least_ha: float) -> np.ndarray:
    """Return hectares rounded up to whole square metres, except of sites that have no more."""
    kept = np.where(hectares >= least_ha, hectares, 0.0)
    up = np.ceil((kept - TOLERANCE) * HECTARE_M2).clip(min=0.0) / HECTARE_M2
    return np.where(up.sum(axis=0) <= free_ha, up, kept)


def credit(hectares: pd.DataFrame, demand: Demand, supply: Supply) -> pd.DataFrame:
    """Return what each site's hectares count for, (project, site) × quantities, in their units a-1."""
    used = long(hectares)
    used = used[used > 0]
    per_ha = supply.gain.loc[used.index.get_level_values(1)].set_axis(used.index)
    ratio = long(demand.ratio).reindex(used.index)
    return per_ha.mul(used / ratio, axis=0)


def shortfall(required: pd.DataFrame, credited: pd.DataFrame) -> pd.DataFrame:
    """Return what is left of what is required; what the solver leaves of it by rounding is nothing."""
    left = (required.fillna(0.0) - credited.reindex_like(required).fillna(0.0)).clip(lower=0.0)
    return left.where(left > TOLERANCE * required.fillna(0.0), 0.0)
