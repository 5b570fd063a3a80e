"""Apportionment adds up exactly, whatever is shared."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gepbook.compensation.rounding import apportion, split_money, to_cents
from gepbook.errors import ParameterError

weights = st.lists(st.floats(0, 1e12), min_size=1, max_size=30)


def series(values):
    return pd.Series(values, index=[f"33{i:04d}" for i in range(len(values))], dtype=float)


def test_largest_remainders_by_hand():
    # 10 to 1 : 1 : 1 → 3.33 each; the one left goes to the first of equal remainders
    assert apportion(10, series([1, 1, 1])).tolist() == [4, 3, 3]
    # 7 to 5 : 3 : 2 → 3.5, 2.1, 1.4 → 3, 2, 1 and the one left to the remainder of 0.5
    assert apportion(7, series([5, 3, 2])).tolist() == [4, 2, 1]
    # order of the labels decides ties, not of the rows
    assert apportion(1, series([1, 1])[::-1]).to_dict() == {"330000": 1, "330001": 0}


@given(weights, st.integers(0, 10**15))
def test_parts_add_up_and_nothing_goes_to_no_weight(values, whole):
    given_weights = series(values)
    if given_weights.sum() == 0:
        given_weights += 1
    parts = apportion(whole, given_weights)
    assert parts.sum() == whole
    assert (parts >= 0).all()
    assert (parts[given_weights == 0] == 0).all()


@given(weights, st.floats(0, 1e11))
def test_money_adds_up_to_the_cent(values, amount):
    given_weights = series(values) + 1
    assert to_cents(split_money(amount, given_weights).sum()) == to_cents(amount)


def test_an_amount_is_read_as_it_is_written():
    assert to_cents(1.005) == 100  # halves to the even cent: 100.5 → 100
    assert to_cents(1.015) == 102
    assert to_cents(-0.125) == -12
    assert to_cents(12_988_000_000.01) == 1_298_800_000_001


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(ParameterError, match="must be ≥ 0, got -1"):
        apportion(-1, series([1]))
    with pytest.raises(ParameterError, match="every weight is 0"):
        apportion(5, series([0, 0]))
    with pytest.raises(ParameterError, match="330001 must be a number ≥ 0, got nan"):
        apportion(5, series([1, np.nan]))
    assert apportion(0, series([0, 0])).tolist() == [0, 0]
