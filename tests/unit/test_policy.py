"""Compensation and assessment: closure to the cent, fairness, numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook.assessment import dual, targets
from gepbook.compensation import vertical
from gepbook.errors import CoverageError, ParameterError

WEIGHTS = dict.fromkeys(vertical.FACTORS, 0.2)
figures = st.lists(st.floats(0, 1e12), min_size=2, max_size=30)


def factors(*rows):
    index = [f"33{i:04d}" for i in range(len(rows))]
    return pd.DataFrame(list(rows), columns=list(vertical.FACTORS), index=index, dtype=float)


def test_shares_by_hand():
    table = factors([1, 1, 0, 1, 3], [3, 1, 0, 1, 1])
    got = vertical.shares(table, WEIGHTS).sum(axis=1)
    # gep_improvement is zero everywhere: 4 factors of 1/4; (1/4 + 1/2 + 1/2 + 3/4) / 4 = 0.5
    assert got.tolist() == pytest.approx([0.5, 0.5])


@given(figures, st.integers(0, 10**12))
def test_allocation_closes_to_the_cent(values, cents):
    share = pd.Series(values, index=[f"{i:06d}" for i in range(len(values))])
    if share.sum() == 0:
        share += 1
    got = vertical.allocate(cents / 100, share / share.sum())
    assert round(got.sum() * 100) == cents
    assert (got >= 0).all()


def test_no_factor_no_money_and_more_is_more():
    table = factors([5, 5, 5, 5, 5], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1])
    before = vertical.shares(table, WEIGHTS).sum(axis=1)
    assert before.iloc[1] == 0
    table.loc["330002", "redline_area"] = 2
    assert vertical.shares(table, WEIGHTS).sum(axis=1).iloc[2] > before.iloc[2]
    scaled = vertical.shares(table * 1000, WEIGHTS)
    pd.testing.assert_frame_equal(scaled, vertical.shares(table, WEIGHTS))


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_a_bad_factor_is_named_with_its_county(bad):
    table = factors([1, 1, 1, 1, 1], [1, bad, 1, 1, 1])
    with pytest.raises(CoverageError, match="330001: redline_area is"):
        vertical.shares(table, WEIGHTS)


def test_bad_rules_are_refused():
    with pytest.raises(ParameterError, match="budget must be ≥ 0"):
        vertical.allocate(-1.0, pd.Series([1.0], index=["330102"]))
    with pytest.raises(ValidationError, match=r"must sum to 1, sum is 1\.2"):
        vertical.VerticalParams(budget_cny=1, weights=WEIGHTS | {"redline_area": 0.4})


def test_growth_and_rank_by_hand():
    now, before = pd.Series({"a": 110.0, "b": 90.0, "c": 5.0}), pd.Series({"a": 100.0, "b": 100.0})
    assert dual.growth(now, before).to_dict() == pytest.approx({"a": 0.1, "b": -0.1})
    assert dual.rank(pd.Series([3.0, 5.0, 5.0])).tolist() == [3, 1, 1]
    assert dual.standardise(pd.Series([2.0, 2.0])).tolist() == [0, 0]


def test_dual_index_by_hand():
    gdp, gep = pd.Series({"a": 0.1, "b": -0.1}), pd.Series({"a": -0.2, "b": 0.2})
    got = dual.compare(gdp, gep, pd.Series({"a": 0.6, "b": 0.4}))
    # z = ±1: a 0.6·1 + 0.4·(−1) = 0.2; b 0.4·(−1) + 0.6·1 = 0.2
    assert got["index"].tolist() == pytest.approx([0.2, 0.2])
    assert got["rank"].tolist() == [1, 1]
    assert got["quadrant"].tolist() == ["gdp_rises_gep_falls", "gdp_falls_gep_rises"]


def test_targets_say_what_is_not_measured():
    wanted = targets.TargetParams(
        accounting_coverage_percent=100,
        ecotourism_growth_percent=25,
        certification_percent=60,
        green_loan_percent=12,
        target_year=2025,
    )
    states = targets.track(wanted, {"accounting_coverage_percent": 100.0})["state"]
    assert states["accounting_coverage_percent"] == "met"
    assert states["green_loan_percent"] == "unmeasured"
