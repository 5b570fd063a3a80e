r"""Points, ranks, and how far they depend on weights (综合得分、位次与权重敏感性).

All functions are of one group of counties, n counties × L indicators in D dimensions. Weights may be one
set, or a batch of B sets: their last axis is that of indicators or dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pymcdm import correlations, normalizations
from pymcdm.methods import TOPSIS, WSM
from scipy import stats

from gepbook.assessment.evaluation.rules import EvaluationParams
from gepbook.params import SUM_ROUNDING

FULL = 100.0
LEAST_COMPARED = 3
STABILITY = [
    "points_low", "points_high", "rank_low", "rank_high", "stays", "leads", "trails",
]  # fmt: skip
METHODS = {"wsm": WSM, "topsis": TOPSIS}
RELATIVE = {
    "minmax": normalizations.minmax_normalization,
    "vector": normalizations.vector_normalization,
}


def normalise(values: np.ndarray, goalposts: tuple[float, float], method: str) -> np.ndarray:
    r"""Return an indicator of all counties without its unit; more is better (标准化).

    Parameters
    ----------
    values : ndarray, (counties,)
        NaN = missing and stays missing.
    goalposts : (float, float)
        Where there are 0 and 100 points; less is better where the first is the larger.
    method : {"goalposts", "minmax", "vector", "zscore"}

    Returns
    -------
    ndarray, (counties,)
        By goalposts 0–1. All others depend on which counties take part; 1 where they do not differ.

    Notes
    -----
    .. math:: x' = \mathrm{clip}\left(\frac{x - g_0}{g_1 - g_0}, 0, 1\right)
    """
    none, full = goalposts
    if method == "goalposts":
        return np.clip((values - none) / (full - none), 0, 1)
    found, known = np.full(values.shape, np.nan), ~np.isnan(values)
    own, cost = values[known], full < none
    if own.size == 0:
        return found
    if np.ptp(own) == 0:
        found[known] = 1.0
    elif method == "zscore":
        found[known] = stats.zscore(own) * (-1 if cost else 1)
    else:
        found[known] = RELATIVE[method](own, cost=cost)
    return found


def points(values: pd.DataFrame, rules: EvaluationParams, method: str) -> np.ndarray:
    """Return the points of all indicators in the order of the tree, n × L; by goalposts 0–100."""
    columns = [
        normalise(values[name].to_numpy(dtype="float64"), rules.goalposts[name], method) * FULL
        for name in rules.leaves
    ]
    return np.column_stack(columns)


@dataclass(frozen=True)
class Tree:
    """The points of a group of counties, ready to be weighed (待加权的指标树).

    Parameters
    ----------
    points : ndarray, (n, L)
        NaN = missing.
    dimension_of : ndarray of int, (L,)
    weights : ndarray, (L,)
        Within the dimensions: what is missing gives its weight to the rest of its dimension.
    dimension_weights : ndarray, (D,)
    least_indicators, least_dimensions : float
        A dimension has points where at least this weight of its indicators is known, a county where
        dimensions of at least this weight have points.
    """

    points: np.ndarray
    dimension_of: np.ndarray
    weights: np.ndarray
    dimension_weights: np.ndarray
    least_indicators: float
    least_dimensions: float

    @property
    def membership(self) -> np.ndarray:
        """Return 1 where an indicator belongs to a dimension, (L, D)."""
        return np.equal.outer(self.dimension_of, np.arange(len(self.dimension_weights))) * 1.0

    def covered(self) -> np.ndarray:
        """Return the weight of each dimension's indicators that is known, (n, D)."""
        return (~np.isnan(self.points) * self.weights) @ self.membership

    def counted(self) -> np.ndarray:
        """Tell which dimensions have points, (n, D)."""
        return self.covered() >= self.least_indicators - SUM_ROUNDING

    def covered_dimensions(self) -> np.ndarray:
        """Return the weight of the dimensions that have points, (n,)."""
        return self.counted() @ self.dimension_weights

    def scored(self) -> np.ndarray:
        """Tell which counties have a score, (n,)."""
        return self.covered_dimensions() >= self.least_dimensions - SUM_ROUNDING

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores if all that is missing had 0 points, and if it had 100, each (n,)."""
        weights = self.weights * self.dimension_weights[self.dimension_of]
        known = np.nan_to_num(self.points) @ weights
        return known, known + FULL * (np.isnan(self.points) @ weights)

    def effective(self) -> np.ndarray:
        """Return the weight that each indicator has in a county's score, (n, L); rows sum to 1 or 0."""
        counted = self.counted()
        known = ~np.isnan(self.points) * self.weights
        within = known / _one_where_zero((known @ self.membership) @ self.membership.T)
        shares = counted * self.dimension_weights
        shares = shares / _one_where_zero(shares.sum(axis=1, keepdims=True))
        return within * (shares @ self.membership.T) * self.scored()[:, None]

    def dimension_points(self, weights: np.ndarray | None = None) -> np.ndarray:
        r"""Return the points of the dimensions, (…, n, D); NaN where too little is known.

        Notes
        -----
        .. math:: s_d = \frac{\sum_{k \in d} w_k x_k}{\sum_{k \in d} w_k} \; \text{over known } k
        """
        own = self.weights if weights is None else weights
        known = ~np.isnan(self.points)
        spread = own[..., None, :] * self.membership.T  # (…, D, L)
        total = np.nan_to_num(self.points) @ np.swapaxes(spread, -1, -2)
        weight = known @ np.swapaxes(spread, -1, -2)
        return np.where(self.counted(), total / _one_where_zero(weight), np.nan)

    def score(
        self, weights: np.ndarray | None = None, dimension_weights: np.ndarray | None = None
    ) -> np.ndarray:
        r"""Return the scores, (…, n); NaN where too little is known (综合得分).

        Notes
        -----
        .. math:: S = \frac{\sum_d W_d s_d}{\sum_d W_d} \; \text{over } d \text{ that have points}
        """
        own = self.dimension_weights if dimension_weights is None else dimension_weights
        parts = self.dimension_points(weights)
        share = ~np.isnan(parts) * own[..., None, :]
        total = (np.nan_to_num(parts) * share).sum(axis=-1)
        return np.where(self.scored(), total / _one_where_zero(share.sum(axis=-1)), np.nan)


def _one_where_zero(values: np.ndarray) -> np.ndarray:
    """Return values to divide by: where there is no weight, nothing is divided."""
    return np.where(values > 0, values, 1.0)


def rank(scores: np.ndarray) -> np.ndarray:
    """Return ranks over the last axis, 1 = largest; equal scores share the better, NaN has none."""
    return stats.rankdata(-scores, method="min", axis=-1, nan_policy="omit")


def draw_weights(
    weights: np.ndarray, number: int, concentration: float, generator: np.random.Generator
) -> np.ndarray:
    """Return draws of weights around given ones, (number, …), each summing to 1 (权重抽样).

    Parameters
    ----------
    weights : ndarray
        Sums to 1; a weight of 0 stays 0.
    concentration : float
        Of the Dirichlet distribution: the larger, the closer to the given weights.
    """
    found = np.zeros((number, weights.size))
    found[:, weights > 0] = generator.dirichlet(concentration * weights[weights > 0], number)
    return found


def draw_scores(tree: Tree, rules: EvaluationParams) -> np.ndarray:
    """Return the scores under drawn weights of both levels, (draws, n)."""
    generator = np.random.default_rng(rules.seed)
    own = np.empty((rules.draws, len(tree.weights)))
    for number in range(len(tree.dimension_weights)):
        leaves = tree.dimension_of == number
        own[:, leaves] = draw_weights(
            tree.weights[leaves], rules.draws, rules.concentration, generator
        )
    whole = draw_weights(tree.dimension_weights, rules.draws, rules.concentration, generator)
    return tree.score(own, whole)


def leading_part(number: int, rules: EvaluationParams) -> int:
    """Return how many places of a group of some counties are its leading, and its last, part."""
    return int(np.floor(number * rules.leading_share + SUM_ROUNDING))


def stability(drawn: np.ndarray, ranks: np.ndarray, rules: EvaluationParams) -> pd.DataFrame:
    """Return how far the ranks of a group depend on the weights (位次稳健性).

    Parameters
    ----------
    drawn : ndarray, (draws, n)
        Without missing scores.
    ranks : ndarray, (n,)
        Under the weights of the rules.

    Returns
    -------
    DataFrame, n rows
        `points_low`, `points_high`, `rank_low`, `rank_high` (interval over the draws); shares of the
        draws: `stays` in the same place, `leads` in the leading part, `trails` in the last.
    """
    tail = (1 - rules.interval_probability) / 2
    drawn_ranks = rank(drawn)
    number = ranks.size
    part = leading_part(number, rules)
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    best, worst = np.quantile(drawn_ranks, [tail, 1 - tail], axis=0, method="nearest")
    return pd.DataFrame(
        {
            "points_low": low, "points_high": high, "rank_low": best, "rank_high": worst,
            "stays": (drawn_ranks == ranks).mean(axis=0),
            "leads": (drawn_ranks <= part).mean(axis=0),
            "trails": (drawn_ranks > number - part).mean(axis=0),
        }
    )  # fmt: skip


def one_at_a_time(tree: Tree, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores when one weight is lowered or raised (逐个权重增减).

    The other weights of its level share the difference in proportion.

    Returns
    -------
    (lowered, raised), each (D + L, n)
        First the dimensions, then the indicators.
    """
    lowered, raised = (
        np.concatenate(
            [
                tree.score(dimension_weights=_stepped(tree.dimension_weights, factor)),
                tree.score(_stepped(tree.weights, factor)),
            ]
        )
        for factor in (1 - step, 1 + step)
    )
    return lowered, raised


def _stepped(weights: np.ndarray, factor: float) -> np.ndarray:
    """Return weights with one of them multiplied in each row."""
    return weights * (1 + (factor - 1) * np.eye(weights.size))


def cross_check(
    values: pd.DataFrame, tree: Tree, rules: EvaluationParams, method: str, normalisation: str
) -> dict[str, float] | None:
    """Return how the ranks of a group agree with those of another method (位次核对).

    Only counties that have all indicators are compared, ranked anew among themselves; indicators that no
    county has are left out.

    Returns
    -------
    dict or None
        `counties`, `indicators`, rank correlations `spearman`, `weighted_spearman`, `ws` (Sałabun and
        Urbaniak 2020, weighs the leading places most), `moved_most` (places). None where fewer than three
        counties can be compared, or they do not differ.

    Notes
    -----
    Source: pymcdm (Kizielewicz, Shekhovtsov and Sałabun 2023, SoftwareX 22).
    """
    matrix = points(values, rules, normalisation)
    anyone = ~np.isnan(tree.points).all(axis=0)
    complete = ~np.isnan(tree.points[:, anyone]).any(axis=1) & tree.scored()
    weights = (tree.weights * tree.dimension_weights[tree.dimension_of])[anyone]
    matrix, scores = matrix[complete][:, anyone], tree.score()[complete]
    if complete.sum() < LEAST_COMPARED or weights.sum() == 0 or np.ptp(scores) == 0:
        return None
    body = METHODS[method](normalization_function=lambda x, cost=False: x)
    types = np.ones(weights.size, dtype=int)
    if np.ptp(matrix, axis=0).max() == 0:
        return None
    theirs = rank(body(matrix, weights / weights.sum(), types, validation=False))
    ours = rank(scores)
    return {
        "counties": float(complete.sum()),
        "indicators": float(anyone.sum()),
        "spearman": float(correlations.spearman(ours, theirs)),
        "weighted_spearman": float(correlations.weighted_spearman(ours, theirs)),
        "ws": float(correlations.ws(ours, theirs)),
        "moved_most": float(np.abs(ours - theirs).max()),
    }
