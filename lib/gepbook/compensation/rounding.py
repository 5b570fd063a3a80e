"""Money to the cent and quantities to the lot, so that parts add up to the whole exactly (最大余额法)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd

from gepbook.errors import ParameterError

CENTS_PER_YUAN = 100


def to_cents(amount_cny: float) -> int:
    """Return an amount in whole cents, halves to the even cent; the amount is read as it is written."""
    exact = Decimal(repr(float(amount_cny))) * CENTS_PER_YUAN
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def apportion(whole: int, weights: pd.Series) -> pd.Series:
    """Return whole numbers in proportion to weights that sum to `whole` exactly.

    Parameters
    ----------
    whole : int
        What is shared: cents, lots, tonnes; 0 or more.
    weights : Series, ≥ 0
        At least one above 0 unless `whole` is 0.

    Returns
    -------
    Series of int64, same index
        What is left after rounding down goes to the largest remainders, ties to the earlier label.

    Raises
    ------
    ParameterError
        For a negative whole, a negative or missing weight, or something to share and no weight.
    """
    if whole < 0:
        raise ParameterError(f"apportionment: what is shared must be ≥ 0, got {whole}.")
    wrong = weights[~(weights >= 0) | np.isinf(weights)]
    if len(wrong):
        raise ParameterError(
            [
                f"apportionment: weight of {k} must be a number ≥ 0, got {v}."
                for k, v in wrong.items()
            ]
        )
    total = float(weights.sum())
    if total == 0:
        if whole:
            raise ParameterError(f"apportionment: {whole} to share, but every weight is 0.")
        return pd.Series(0, index=weights.index, dtype="int64")
    exact = weights.sort_index() / total * whole
    parts = np.floor(exact).astype("int64")
    parts = parts.where(weights.sort_index() > 0, 0)
    left = whole - int(parts.sum())
    remainders = (exact - parts)[weights.sort_index() > 0]
    order = remainders.sort_values(ascending=False, kind="stable").index
    for start in range(0, left, len(order)):  # more than once round only by rounding of huge wholes
        parts[order[: min(left - start, len(order))]] += 1
    return parts.reindex(weights.index)


def split_money(amount_cny: float, weights: pd.Series) -> pd.Series:
    """Return an amount shared in proportion to weights, in CNY to the cent; it adds up exactly."""
    return apportion(to_cents(amount_cny), weights) / CENTS_PER_YUAN
