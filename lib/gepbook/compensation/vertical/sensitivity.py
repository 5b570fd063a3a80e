"""How much an allocation depends on its weights: draws over all weights there could be (权重敏感性)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from gepbook.compensation.vertical.allocation import bounded

LOW, HIGH = 0.05, 0.95


def draw_weights(factors: int, draws: int, alpha: float, seed: int) -> np.ndarray:
    """Return weights drawn from a symmetric Dirichlet distribution over the simplex.

    Parameters
    ----------
    factors, draws : int
    alpha : float, > 0
        1 draws evenly from all weights that sum to 1; larger values keep nearer to equal weights.
    seed : int

    Returns
    -------
    ndarray, (draws, factors)
        Every row sums to 1.
    """
    return np.random.default_rng(seed).dirichlet(np.full(factors, alpha), size=draws)


def allocations(
    factors: pd.DataFrame,
    multiplier: pd.Series,
    weights: np.ndarray,
    *,
    budget: float,
    last: pd.Series,
    fall: float,
    rise: float,
) -> np.ndarray:
    """Return the amounts by the whole rule, with effect and bounds, for each row of weights.

    Parameters
    ----------
    factors : DataFrame, counties × factors, ≥ 0
    multiplier : Series, counties
    weights : ndarray, (draws, factors)
    budget, last, fall, rise
        See `allocation.bounded`.

    Returns
    -------
    ndarray, (draws, counties), CNY
    """
    totals = factors.sum()
    usable = (totals > 0).to_numpy()
    part = (factors / totals.where(totals > 0, 1.0)).to_numpy()[:, usable]
    share = weights[:, usable] @ part.T * multiplier.reindex(factors.index).to_numpy()
    share = share / share.sum(axis=1, keepdims=True)
    known = last.reindex(factors.index).to_numpy(dtype="float64")
    return np.array([bounded(budget, row, known, fall, rise) for row in share])


def stability(drawn: np.ndarray, base: pd.Series, places: int) -> pd.DataFrame:
    """Return how amounts and ranks of the counties spread over the draws (排名稳定性).

    Parameters
    ----------
    drawn : ndarray, (draws, counties), CNY
    base : Series, counties, CNY
        Amounts by the rule's own weights.
    places : int
        How far a rank may move and still count as kept.

    Returns
    -------
    DataFrame indexed like `base`
        `low_cny`, `median_cny`, `high_cny` (5 %, 50 %, 95 %); `rank`, `rank_low`, `rank_high` (1 = most);
        `kept`, the share of draws whose rank is within some places of the base rank.
    """
    rank = base.rank(ascending=False, method="min")
    ranks = stats.rankdata(-drawn, method="min", axis=1)
    low, median, high = np.quantile(drawn, [LOW, 0.5, HIGH], axis=0)
    best, worst = np.quantile(ranks, [LOW, HIGH], axis=0)
    kept = (np.abs(ranks - rank.to_numpy()) <= places).mean(axis=0)
    return pd.DataFrame(
        {
            "low_cny": low,
            "median_cny": median,
            "high_cny": high,
            "rank": rank.astype("int64"),
            "rank_low": best,
            "rank_high": worst,
            "kept": kept,
        },
        index=base.index,
    )


def agreement(drawn: np.ndarray, base: pd.Series) -> float:
    """Return the mean Spearman rank correlation of the draws with the base; 1 where no rank moves."""
    ranks = stats.rankdata(np.vstack([base.to_numpy(), drawn]), axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    if not length.all():
        return 1.0  # all amounts alike: there are no ranks to move
    return float((centred[1:] @ centred[0] / length[1:] / length[0]).mean())
