"""Vertical compensation: closure to the cent, fairness, bounds, incentives by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook import counties, params
from gepbook.compensation import vertical
from gepbook.compensation.vertical import allocation, incentives, sensitivity
from gepbook.errors import CodeError, CoverageError, ParameterError

RULES = params.resolve(None, None, "db33-2020")
VERTICAL = RULES.section("vertical_compensation", vertical.VerticalParams)
INCENTIVES = RULES.section("green_incentives", incentives.IncentiveParams)
WEIGHTS = dict.fromkeys(allocation.FACTORS, 0.2)


def of(most):
    return st.just(0.0) | st.floats(1e-9 * most, most)


figure = of(1e9)
rows = st.lists(st.tuples(*[figure] * 5), min_size=2, max_size=12)


def factors(*given_rows):
    index = [f"33{i:04d}" for i in range(len(given_rows))]
    return pd.DataFrame(
        list(given_rows), columns=list(allocation.FACTORS), index=index, dtype=float
    )


def share_out(table, budget=1000.0, last=None, score=None):
    nothing = pd.Series(dtype=float)
    return vertical.share_out(
        "330000",
        budget,
        table,
        nothing if score is None else score,
        nothing if last is None else last,
        VERTICAL,
    )


# ------------------------------------------------------------------ shares


def test_shares_by_hand():
    table = factors([1, 1, 0, 1, 3], [3, 1, 0, 1, 1])
    got = allocation.shares(table, WEIGHTS).sum(axis=1)
    # gep_improvement is zero everywhere: 4 factors of 1/4; (1/4 + 1/2 + 1/2 + 3/4) / 4 = 0.5
    assert got.tolist() == pytest.approx([0.5, 0.5])


def test_no_factor_no_money_and_scale_does_not_matter():
    table = factors([5, 5, 5, 5, 5], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1])
    before = allocation.shares(table, WEIGHTS)
    assert before.sum(axis=1).iloc[1] == 0
    pd.testing.assert_frame_equal(allocation.shares(table * 1000, WEIGHTS), before)
    last = pd.Series({"330000": 10.0, "330001": 900.0, "330002": 90.0})
    assert share_out(table, last=last).amounts["330001"] == 0  # nor does last year's money


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_a_bad_factor_is_named_with_its_county(bad):
    table = factors([1, 1, 1, 1, 1], [1, bad, 1, 1, 1])
    with pytest.raises(CoverageError, match="330001: redline_area is"):
        allocation.shares(table, WEIGHTS)
    with pytest.raises(CoverageError, match="every factor is zero"):
        allocation.shares(factors([0] * 5, [0] * 5), WEIGHTS)


def test_bad_rules_are_refused():
    raw = VERTICAL.model_dump()
    weights = VERTICAL.weights | {"redline_area": 0.65}
    with pytest.raises(ValidationError, match=r"must sum to 1, sum is 1\.4"):
        vertical.VerticalParams(**raw | {"weights": weights})
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        vertical.VerticalParams(**raw | {"budget_cny": -1.0})
    with pytest.raises(ValidationError, match="must have a row 'other'"):
        vertical.VerticalParams(**raw | {"fiscal_coefficient": {"mountain26": 1.0}})


def test_a_county_may_not_have_its_own_rule(tmp_path):
    for name in ("defaults", "policy", "standards"):
        (tmp_path / name).symlink_to(params.paths.PARAMS / name)
    (tmp_path / "county").mkdir()
    (tmp_path / "county" / "331181.yaml").write_text(
        "vertical_compensation:\n  fall_limit: {value: 0, source: x, confidence: design}\n",
        encoding="utf-8",
    )
    found = params.resolve("331181", 2023, "db33-2020", tmp_path)
    with pytest.raises(ParameterError, match=r"fall_limit: is one rule for all counties, but .*"):
        found.section("vertical_compensation", vertical.VerticalParams)


def test_a_county_in_two_groups_of_a_rule_is_refused():
    with pytest.raises(CodeError, match="331126 庆元县 is in mountain26 and mountain26_eco"):
        counties.classes(["mountain26", "mountain26_ecological"], 2023, "other")
    found = counties.classes(["mountain26", "island"], 2023, "other")
    assert found["331181"] == "mountain26"
    assert found["330922"] == "island"
    assert found["330102"] == "other"


# ------------------------------------------------------------------ bounds and effect


def test_bounds_by_hand():
    # last year 50 and 50 of 100; now 100 again, shares 0.9 and 0.1: the first may rise to
    # 1.3 · 50 = 65 only, the second keeps the rest, 35 (its floor would be 42.5): no — the floor
    # binds first: 42.5 for the second, 57.5 for the first
    got = allocation.bounded(100.0, np.array([0.9, 0.1]), np.array([50.0, 50.0]), 0.15, 0.30)
    assert got == pytest.approx([57.5, 42.5])
    # a wider floor lets the cap bind: 65 and 35
    got = allocation.bounded(100.0, np.array([0.9, 0.1]), np.array([50.0, 50.0]), 0.5, 0.30)
    assert got == pytest.approx([65, 35])
    # a newcomer is unbounded; the other keeps its floor, 0.85 · 100 / 80 · 80 = 85
    got = allocation.bounded(100.0, np.array([0.5, 0.5]), np.array([80.0, 0.0]), 0.15, 0.30)
    assert got == pytest.approx([85.0, 15.0])


@settings(max_examples=150)
@given(
    st.lists(st.tuples(of(1.0), of(1e6)), min_size=1, max_size=20),
    st.floats(0, 1e9),
    st.floats(0, 1),
    st.floats(0, 2),
)
def test_bounded_amounts_close_and_stay_in_their_bounds(pairs, budget, fall, rise):
    share, last = np.array(pairs).T
    assume(share.sum() > 1e-6)
    got = allocation.bounded(budget, share, last, fall, rise)
    assert got.sum() == pytest.approx(budget, rel=1e-9, abs=1e-6)
    assert (got[share == 0] == 0).all()
    known = np.where(share > 0, last, 0)
    if known.sum() > 0:
        growth = budget / known.sum()
        inside = known > 0
        slack = 1e-6 * max(budget, 1)
        assert (got[inside] >= (1 - fall) * growth * known[inside] - slack).all()
        assert (got[inside] <= (1 + rise) * growth * known[inside] + slack).all()


@settings(max_examples=100)
@given(rows, st.integers(0, 4), st.floats(1.01, 10))
def test_more_of_a_factor_never_brings_less(values, column, more):
    table = factors(*values)
    assume(table.to_numpy().sum() > 0)
    last = pd.Series(np.arange(1, len(table) + 1) * 10.0, index=table.index)
    before = share_out(table, last=last).amounts
    raised = table.copy()
    raised.iloc[0, column] = raised.iloc[0, column] * more + 1
    after = share_out(raised, last=last).amounts
    assert after.iloc[0] >= before.iloc[0] - 0.0101  # a cent of rounding
    assert round(after.sum(), 2) == 1000


@given(rows, st.integers(0, 10**13))
def test_allocation_closes_to_the_cent(values, cents):
    table = factors(*values)
    assume(table.to_numpy().sum() > 0)
    fund = share_out(table, budget=cents / 100)
    assert round(fund.amounts.sum() * 100) == cents
    if cents:
        parts = fund.parts().sum(axis=1)
        assert parts.to_list() == pytest.approx(fund.amounts.to_list(), abs=1e-6 * cents)


def test_effect_by_hand():
    score = pd.Series({"a": 90.0, "b": 60.0, "c": np.nan})
    # mean 75; a: 1 + 0.5 · (90/75 − 1) = 1.1; b: 1 + 0.5 · (60/75 − 1) = 0.9; c: not appraised
    got = allocation.effect_multiplier(score, 0.5, (0.8, 1.2))
    assert got.to_dict() == pytest.approx({"a": 1.1, "b": 0.9, "c": 1.0})
    assert allocation.effect_multiplier(score, 5.0, (0.9, 1.1))["a"] == 1.1
    table = factors([1] * 5, [1] * 5)
    better = share_out(table, score=pd.Series({"330000": 95.0, "330001": 70.0})).amounts
    assert better["330000"] > better["330001"]


# ------------------------------------------------------------------ incentives


def test_energy_by_hand():
    before = pd.Series({"a": 1.0, "b": 1.0, "c": 1.0})
    now = pd.Series({"a": 0.96, "b": 0.99, "c": 1.02})
    # mean fall 2: a 4 points: 50·4 + 100·(4 − 2) = 400 万元; b 1 point: 50; c rises 2: −200
    got = incentives.energy(now, before, 2.0, INCENTIVES) / 1e4
    assert got.to_dict() == pytest.approx({"a": 400.0, "b": 50.0, "c": -200.0})


def test_water_by_hand():
    sections = pd.DataFrame({"county_code": ["a", "a", "b"], "water_class": ["Ⅰ", "Ⅲ", "劣Ⅴ"]})
    # a: 50 points of class Ⅰ at 120 and 50 of Ⅲ at 30 = 7 500 万元; b: −120 · 100
    got = incentives.water(sections, INCENTIVES) / 1e4
    assert got.to_dict() == pytest.approx({"a": 7500.0, "b": -12000.0})


def test_forest_and_air_by_hand():
    cover, before = pd.Series({"a": 80.0, "b": 50.0}), pd.Series({"a": 79.0, "b": 51.0})
    stock = pd.Series({"a": 20_000.0})
    # a: 20 points above the mean · 200 + 2 · 50 = 4 100 万元; b lost one point: −200
    got = incentives.forest(cover, before, 60.0, stock, INCENTIVES) / 1e4
    assert got.to_dict() == pytest.approx({"a": 4100.0, "b": -200.0})
    air = incentives.air(pd.Series({"a": 96.0}), pd.Series({"a": 94.0}), INCENTIVES)
    assert air["a"] == pytest.approx(1e6)  # 2 points · 50 万元


def test_emission_charge_by_hand():
    emitted = pd.DataFrame(
        {"cod_t": [100.0, 100.0], "ammonia_nitrogen_t": 0.0, "so2_t": 0.0, "nox_t": 100.0},
        index=["a", "b"],
    )
    # 200 t · 3 000 = 600 000; a scores 96: all comes back; b 70: a fifth comes back
    got = incentives.emission_charge(emitted, pd.Series({"a": 96.0, "b": 70.0}), INCENTIVES)
    assert got.to_dict() == pytest.approx({"a": 0.0, "b": -480_000.0})


# ------------------------------------------------------------------ sensitivity


def test_weights_are_drawn_over_the_simplex_and_repeat():
    drawn = sensitivity.draw_weights(5, 2000, 1.0, 7)
    assert drawn.sum(axis=1) == pytest.approx(np.ones(2000))
    assert drawn.mean(axis=0) == pytest.approx(np.full(5, 0.2), abs=0.02)
    assert (drawn == sensitivity.draw_weights(5, 2000, 1.0, 7)).all()


def test_stability_by_hand():
    base = pd.Series({"a": 3.0, "b": 2.0, "c": 1.0})
    drawn = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    got = sensitivity.stability(drawn, base, 1)
    assert got["rank"].tolist() == [1, 2, 3]
    assert got["kept"].tolist() == [0.5, 1.0, 0.5]  # a and c move by two places in the second draw
    assert sensitivity.agreement(drawn, base) == pytest.approx(0.0)  # 1 and −1
    assert sensitivity.agreement(drawn[:1], base) == pytest.approx(1.0)


def test_counties_alike_in_all_factors_do_not_depend_on_weights():
    table = factors([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    weights = sensitivity.draw_weights(5, 50, 1.0, 1)
    nothing = pd.Series(np.nan, index=table.index)
    drawn = sensitivity.allocations(
        table, nothing.fillna(1.0), weights, budget=300.0, last=nothing, fall=0.1, rise=0.1
    )
    assert drawn == pytest.approx(np.tile([100.0, 200.0], (50, 1)))
