"""The initial carbon quota: adds up, follows product value, keeps its shares."""

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gepbook.compensation.trading import carbon_quota
from gepbook.compensation.trading.carbon_quota import CarbonQuotaParams
from gepbook.errors import ParameterError

CODES = ["330102", "330105", "330106"]


def rules(**changes):
    values = {
        "total_t": 100,
        "emission_factor": 2.0,
        "emissions_weight": 0.8,
        "carbon_price": {2023: 60.0},
    }
    return CarbonQuotaParams(**{**values, **changes})


def series(*values):
    return pd.Series(values, index=CODES[: len(values)], dtype="float64")


def test_by_hand():
    table = carbon_quota.allocate(series(30, 10, 10), series(1e8, 3e8, 0), rules(), 2023)
    # emissions 60, 20, 20 t: 0.6, 0.2, 0.2; product value 0.25, 0.75, 0
    # shares 0.8 × 0.6 + 0.2 × 0.25 = 0.53; 0.8 × 0.2 + 0.2 × 0.75 = 0.31; 0.8 × 0.2 = 0.16
    assert table["emissions_t"].tolist() == [60, 20, 20]
    assert table["quota_t"].tolist() == [53, 31, 16]
    assert table["unlinked_quota_t"].tolist() == [60, 20, 20]
    assert table["link_t"].tolist() == [-7, 11, -4]
    assert table["link_value_cny"].tolist() == [-420.0, 660.0, -240.0]


def test_year_without_a_price_is_not_valued():
    table = carbon_quota.allocate(series(30, 10), series(1e8, 3e8), rules(), 2020)
    assert table["link_value_cny"].isna().all()
    assert table["quota_t"].sum() == 100


def test_factor_that_nobody_has_gives_its_weight_to_the_other():
    emissions, none = series(3, 1), series(0, 0)
    assert carbon_quota.shares(emissions, none, 0.8).tolist() == [0.75, 0.25]
    assert carbon_quota.shares(none, emissions, 0.8).tolist() == [0.75, 0.25]
    assert carbon_quota.shares(none, none, 0.8).tolist() == [0, 0]


def test_negative_product_value_counts_as_none():
    table = carbon_quota.allocate(series(10, 10), series(-5e6, 5e6), rules(), 2023)
    assert table["quota_t"].tolist() == [40, 60]  # 0.8 × 0.5 each, and 0.2 for the second
    assert table["product_value_cny"].tolist() == [0, 5e6]


def test_nothing_to_share_it_by_is_refused():
    with pytest.raises(ParameterError, match="every weight is 0"):
        carbon_quota.allocate(series(0, 0), series(1, 1), rules(), 2023)


amounts = st.lists(st.integers(0, 1000), min_size=2, max_size=8)
weights = st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0])


def counties(values):
    return pd.Series(values, index=[f"33{n:04d}" for n in range(len(values))], dtype="float64")


@settings(max_examples=50, deadline=None)
@given(amounts, st.data(), weights, st.integers(0, 10_000))
def test_adds_up_follows_product_value_and_keeps_its_shares(energy, data, weight, total):
    assume(sum(energy) > 0)
    value = data.draw(st.lists(st.integers(0, 1000), min_size=len(energy), max_size=len(energy)))
    number = data.draw(st.integers(0, len(energy) - 1))
    rule = rules(total_t=total, emissions_weight=weight)

    def share(energy, value):
        return carbon_quota.allocate(counties(energy), counties(value), rule, 2023)

    first = share(energy, value)
    assert first["quota_t"].sum() == first["unlinked_quota_t"].sum() == total
    assert first["link_t"].sum() == 0
    scaled = share([4 * e for e in energy], [7 * v for v in value])
    assert scaled["quota_t"].tolist() == first["quota_t"].tolist()
    if sum(value):
        value[number] += data.draw(st.integers(1, 500))
        assert share(energy, value)["quota_t"].iloc[number] >= first["quota_t"].iloc[number]
