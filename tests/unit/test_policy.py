"""Assessment: numbers by hand."""

import pandas as pd
import pytest

from gepbook.assessment import dual, targets


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
