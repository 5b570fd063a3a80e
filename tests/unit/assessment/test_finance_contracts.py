"""Green options and pools of income rights: textbook values, laws, and what is refused."""

import datetime as dt
import math
import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import ledger, params
from gepbook.assessment import finance
from gepbook.assessment.finance import asset_pool, green_option
from gepbook.assessment.finance.asset_pool import (
    AssetPoolParams,
    assess,
    collections,
    internal_rate,
    judge,
    present_value,
    waterfall,
)
from gepbook.assessment.finance.green_option import (
    EXPIRED,
    RUNNING,
    GreenOptionParams,
    call,
    judge_premium,
    option_value,
    put,
    value_options,
)
from gepbook.assessment.topic import Evidence
from gepbook.compensation.rounding import to_cents
from gepbook.errors import CoverageError
from gepbook.province import Registers

RULE_FILE = params.resolve(None, 2023, "db33-2020")
OPTION = GreenOptionParams(
    survival_share=0.9,
    volatility=0.25,
    rate=0.03,
    longest_term_year=30.0,
    premium_tolerance=0.2,
    co_benefit_services=["soil_retention", "carbon_sequestration"],
)
POOL = AssetPoolParams(
    loss_rate={
        "water_fee": 0.1, "hydropower": 0.0, "scenic_tickets": 0.5, "carbon_sink": 0.2,
        "forest_products": 0.2,
    },
    service_fee_share=0.01,
    discount_rate=0.05,
    least_coverage={"senior": 1.3, "mezzanine": 1.1},
    stress_haircut={"mild": 0.1, "severe": 0.5},
)  # fmt: skip
CODE, OTHER = "330802", "331181"
money = st.floats(0.0, 1e6)


def registers(year=2023, **tables):
    return Registers(FakePack(tables, {}), year)


def evidence(given, rows=(), codes=(CODE, OTHER)):
    pool = pd.DataFrame(
        [{"account": "x", "county_code": c, "item": "", "measure": "", "value": 0.0} for c in codes]
    )
    pool = pd.concat([pool, pd.DataFrame(rows)]).assign(origin="modelled")
    pool["price_basis"] = pool["price_basis"].fillna("") if "price_basis" in pool else ""
    return Evidence(pool, given, RULE_FILE)


# Options


def test_textbook_option():
    """Hull, ch. 15: S 42, K 40, r 10 %, σ 20 %, half a year: call 4.76, put 0.81."""
    forward, discount = 42 * math.exp(0.05), math.exp(-0.05)
    assert call(forward, 40, 0.2, 0.5, discount) == pytest.approx(4.76, abs=0.005)
    assert put(forward, 40, 0.2, 0.5, discount) == pytest.approx(0.81, abs=0.005)


@given(money, money, st.floats(0, 1), st.floats(0, 30), st.floats(0.1, 1))
@settings(max_examples=60, deadline=None)
def test_laws_of_options(forward, strike, volatility, years, discount):
    value = call(forward, strike, volatility, years, discount)
    other = put(forward, strike, volatility, years, discount)
    near = {"rel": 1e-9, "abs": 1e-3}
    assert value - other == pytest.approx(discount * (forward - strike), **near)
    assert value >= discount * max(forward - strike, 0.0) - 1e-3
    assert value <= discount * forward + 1e-3
    assert other >= -1e-3
    assert call(forward * 1.1, strike, volatility, years, discount) >= value - 1e-3
    assert call(forward, strike * 1.1, volatility, years, discount) <= value + 1e-3
    assert call(forward, strike, volatility + 0.1, years, discount) >= value - 1e-3


def test_limits_of_options():
    assert call(90, 40, 0.0, 5, 0.8) == pytest.approx(0.8 * 50)
    assert call(30, 40, 0.0, 5, 0.8) == 0.0
    assert call(90, 40, 0.3, 0.0, 1.0) == 50.0
    assert call(90, 40, 1e-9, 5, 0.8) == pytest.approx(0.8 * 50)
    assert call(90, 0, 0.3, 5, 0.8) == pytest.approx(0.8 * 90)
    assert call(0, 40, 0.3, 5, 0.8) == 0.0
    assert call(5e-324, 40, 0.3, 5, 0.8) == 0.0  # next to nothing


@pytest.mark.parametrize("place", range(5))
def test_negative_terms_are_refused(place):
    terms = [90.0, 40.0, 0.2, 5.0, 0.8]
    terms[place] = -1.0
    with pytest.raises(CoverageError, match="must be ≥ 0"):
        call(*terms)


def test_guaranteed_least_bounds_the_value():
    """Worthless trees: only the guaranteed 100 in ten years, 100 / 1.03¹⁰ = 74.41."""
    assert option_value(0, 0, 100, 10, OPTION) == pytest.approx(74.4093915)
    # without guarantee and exercise price the share of the trees itself
    assert option_value(500, 0, 0, 10, OPTION) == pytest.approx(500)
    assert option_value(500, 200, 100, 0, OPTION) == 300.0  # max(500 − 200, 100)
    assert option_value(250, 200, 100, 0, OPTION) == 100.0


@given(money, money, money, st.floats(0, 30), st.integers(0, 90))
@settings(max_examples=60, deadline=None)
def test_no_right_is_worth_more_than_the_trees_and_the_guarantee(
    trees, exercise, guaranteed, years, age
):
    """V ≤ S + D·G, however long the term and however young the trees; and no less than either."""
    discount = (1 + OPTION.rate) ** -years
    value = option_value(trees, exercise, guaranteed, years, OPTION)
    assert value <= trees + discount * guaranteed + 1e-3
    assert value >= max(trees - discount * exercise, discount * guaranteed) - 1e-3
    contract = {
        "trees": 1000, "tree_value_cny": 1 + trees / 1000, "tree_age_year": float(age),
        "exercise_cny": exercise, "guaranteed_cny": guaranteed,
    }  # fmt: skip
    row = value_options(
        options(contract), OPTION, dt.date(2023, 12, 31), pd.Series(dtype="float64")
    )
    share = (1000 + trees) * 0.9 * 0.8
    assert row["fair_cny"].iloc[0] <= share + guaranteed * 1.03 ** -(1461 / 365.25) + 1e-3


@pytest.mark.parametrize(
    ("premium", "said"),
    [(79.0, "低于估值"), (80.0, "与估值相当"), (120.0, "与估值相当"), (121.0, "高于估值")],
)
def test_premium_beside_the_valuation(premium, said):
    assert judge_premium(premium, 100.0, 0.2) == said


OPTIONS = [
    "option_id", "county_code", "year", "name", "investor", "trees", "area_ha", "tree_age_year",
    "tree_value_cny", "share_percent", "signed_on", "matures_on", "exercise_cny", "guaranteed_cny",
    "premium_cny",
]  # fmt: skip
CONTRACT = {
    "option_id": "K1", "county_code": CODE, "year": 2020, "name": "示例村", "investor": "示例企业",
    "trees": 1000, "area_ha": 2.0, "tree_age_year": 5.0, "tree_value_cny": 50.0,
    "share_percent": 80.0, "signed_on": "2020-12-31", "matures_on": "2024-12-31",
    "exercise_cny": 0.0, "guaranteed_cny": 0.0, "premium_cny": 30_000.0,
}  # fmt: skip


def options(*changes):
    return pd.DataFrame([{**CONTRACT, **change} for change in changes], columns=OPTIONS)


def test_contract_by_hand():
    """1000·50·0.9·0.8 = 36 000, whatever the age; without a strike the right is worth the share."""
    row = value_options(options({}), OPTION, dt.date(2023, 12, 31), pd.Series({CODE: 300.0})).iloc[
        0
    ]
    assert row["share_cny"] == pytest.approx(36_000)
    assert row["value_cny"] == pytest.approx(36_000)
    assert row["fair_cny"] == pytest.approx(36_000)
    assert row["co_benefit_cny"] == 600.0
    assert row["premium_judged"] == "与估值相当"


def test_expired_and_maturing_contracts():
    """On its last day a right is worth what it pays; afterwards it has no value."""
    table = value_options(
        options({"matures_on": "2023-12-31"}, {"matures_on": "2023-12-30", "option_id": "K2"}),
        OPTION, dt.date(2023, 12, 31), pd.Series(dtype="float64"),
    )  # fmt: skip
    assert table["state"].tolist() == [RUNNING, EXPIRED]
    assert table["value_cny"].iloc[0] == pytest.approx(36_000)
    assert np.isnan(table["value_cny"].iloc[1])
    assert table["co_benefit_cny"].isna().all()
    assert (table["fair_cny"] > 0).all()


def test_co_benefit_stands_beside_the_price():
    """1e6 + 5e5 CNY on 10 km² = 1500 CNY/ha; the value is the same without any ledger."""
    rules = RULE_FILE.section("green_option", GreenOptionParams)
    facts = [("services", name, 1e6, "current") for name in rules.co_benefit_services]
    facts.append(("statistics", "land_area", 10.0, ""))
    rows = [
        {
            "account": account, "item": item, "measure": "value", "value": value,
            "county_code": CODE, "price_basis": basis,
        }
        for account, item, value, basis in facts
    ]  # fmt: skip
    given = registers(green_options=options({}, {"option_id": "K2", "county_code": OTHER}))
    bare = green_option.compute(evidence(given)).tables["options"]
    found = green_option.compute(evidence(given, rows))
    table = found.tables["options"]
    assert table["value_cny"].tolist() == bare["value_cny"].tolist()
    assert bare["co_benefit_cny"].isna().all()
    # 1e6 of each of the services on 1000 ha, contract of 2 ha
    assert table["co_benefit_cny"].iloc[0] == pytest.approx(2 * 1e3 * len(facts[:-1]))
    sums = {(code, row["measure"]): row["value"] for code, row in found.figures}
    assert sums[None, "value"] == pytest.approx(table["value_cny"].sum())
    assert (OTHER, "co_benefit") not in sums


def test_pack_without_options_or_without_any_yet():
    assert green_option.compute(evidence(registers())).lacking == ("green_options",)
    early = registers(2019, green_options=options({}))
    assert green_option.compute(evidence(early)).figures == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matures_on": "2020-06-30"}, "matures on 2020-06-30 but was signed on 2020-12-31"),
        ({"matures_on": "2020-12-31"}, "A right matures after it is signed"),
        ({"matures_on": "soon"}, "is no date"),
        ({"matures_on": "31/12/2030"}, "is no date"),
        ({"share_percent": 0.7}, "share_percent is 0.7. Write the investor's part in percent"),
        ({"year": 2021}, "year is 2021 but it was signed on 2020-12-31"),
        ({"trees": 0}, "trees is 0"),
        ({"area_ha": -1.0}, "area_ha is -1"),
        ({"tree_age_year": -1.0}, "tree_age_year is -1"),
        ({"guaranteed_cny": -5.0}, "guaranteed_cny is -5"),
        ({"share_percent": 120.0}, "share_percent is 120"),
        ({"share_percent": 0.0}, "share_percent is 0"),
        ({"premium_cny": np.nan}, "premium_cny is missing"),
    ],
)
def test_faulty_contracts_are_refused(change, message):
    problems = green_option.check(registers(green_options=options(change)))
    assert any(re.search(f"line 2.*{message}", problem) for problem in problems), problems


def test_contracts_that_run_too_long_are_refused():
    """30 years from 2020-12-31 end on 2050-12-31; 2230 is a slip."""
    given = [{"matures_on": "2050-12-31"}, {"option_id": "K2", "matures_on": "2230-12-31"}]
    found = finance.check(registers(green_options=options(*given)), RULE_FILE)
    assert len(found) == 1
    assert "line 3: option 'K2': matures on 2230-12-31, more than 30 years after" in found[0]


def test_good_contract_is_accepted():
    assert green_option.check(registers(green_options=options({}))) == []
    assert green_option.check(registers()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"longest_term_year": 0.0}, "greater than 0"),
        ({"co_benefit_services": ["forest"]}, "is no service"),
        ({"volatility": -0.1}, "greater than or equal to 0"),
    ],
)
def test_wrong_rules_of_options_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GreenOptionParams(**{**OPTION.model_dump(), **change})


# Pools


def tranches(**sizes):
    coupons = {"senior": 4.0, "mezzanine": 10.0, "equity": 0.0}
    return pd.DataFrame(
        {"size_cny": sizes, "coupon_percent": {n: coupons[n] for n in sizes}}, dtype="float64"
    ).rename_axis("tranche")


def cash(*amounts):
    return pd.Series(amounts, index=range(2024, 2024 + len(amounts)), dtype="float64")


def test_collections_by_hand():
    """Water 100·0.9 + power 50 = 140 in 2024; nothing due in 2025; 90 in 2026."""
    flows = pd.DataFrame(
        {
            "income": ["water_fee", "hydropower", "water_fee"],
            "due_year": [2024, 2024, 2026],
            "expected_cny": [100.0, 50.0, 100.0],
        }
    )
    found = collections(flows, POOL.loss_rate, 2023)
    assert found.to_dict() == {2024: 140.0, 2025: 0.0, 2026: 90.0}
    # 140/1.05 + 90/1.05³ = 133.333 + 77.745
    assert present_value(found, 0.05, 2023) == pytest.approx(211.0787172)


def test_waterfall_by_hand():
    """Senior 100 at 4 %, mezzanine 20 at 10 %, no fee.

    2024, cash 60: interest 4 + 2, principal 54 to the senior: 46 left.
    2025, cash 60: interest 1.84 + 2, principal 46 senior, 10.16 mezzanine: 9.84 left.
    2026, cash 20: interest 0.98, principal 9.84, the rest 9.18 is the equity's.
    """
    paid = waterfall(cash(60, 60, 20), tranches(senior=100, mezzanine=20, equity=5), 0.0)
    by = paid.set_index(["due_year", "tranche"])
    assert by.loc[(2024, "senior"), "principal_cny"] == 54.0
    assert by.loc[(2025, "senior"), ["interest_cny", "balance_cny"]].tolist() == [1.84, 0.0]
    assert by.loc[(2025, "mezzanine"), ["principal_cny", "balance_cny"]].tolist() == [10.16, 9.84]
    assert by.loc[(2026, "mezzanine"), "interest_cny"] == 0.98
    assert by.loc[(2026, "equity"), "paid_cny"] == 9.18


def test_unpaid_interest_is_owed():
    """Cash 1 of 4 interest: 3 are added to the senior's 100; the mezzanine gets nothing of its 2."""
    by = waterfall(cash(1), tranches(senior=100, mezzanine=20), 0.0).set_index("tranche")
    assert by.loc["senior", ["paid_cny", "balance_cny"]].tolist() == [1.0, 103.0]
    assert by.loc["mezzanine", ["paid_cny", "balance_cny"]].tolist() == [0.0, 22.0]


def test_seniority_of_payment():
    """As long as the senior is owed principal, neither mezzanine principal nor equity is paid."""
    paid = waterfall(cash(30, 30, 30, 30, 30), tranches(senior=60, mezzanine=20, equity=9), 0.01)
    wide = paid.pivot_table(index="due_year", columns="tranche", values="balance_cny")
    amounts = paid.pivot_table(index="due_year", columns="tranche", values="principal_cny")
    assert (amounts.loc[wide["senior"] > 0, ["mezzanine", "equity"]] == 0).all(axis=None)
    assert (amounts.loc[wide["mezzanine"] > 0, "equity"] == 0).all()


@given(
    st.lists(st.floats(0, 1e7), min_size=1, max_size=6),
    st.floats(0.01, 3e7),
    st.floats(0.01, 1e7),
    st.floats(0, 0.2),
)
@settings(max_examples=40, deadline=None)
def test_cash_in_is_cash_out_to_the_cent(amounts, senior, mezzanine, fee):
    given = cash(*amounts).round(2)
    paid = waterfall(given, tranches(senior=senior, mezzanine=mezzanine, equity=1.0), fee)
    out = paid["paid_cny"].map(to_cents).groupby(paid["due_year"]).sum()
    assert out.to_dict() == given.map(to_cents).to_dict()
    assert (paid[["interest_cny", "principal_cny", "balance_cny"]] >= 0).all(axis=None)


def test_yields_by_hand():
    """121 in year two for 100: 1.1² = 1.21; 81 next year for 100: −19 %."""
    assert internal_rate(100.0, [0.0, 121.0]) == pytest.approx(0.1)
    assert internal_rate(100.0, [110.0]) == pytest.approx(0.1)
    assert internal_rate(100.0, [50.0, 50.0]) == 0.0
    assert internal_rate(100.0, [81.0]) == pytest.approx(-0.19)
    assert internal_rate(100.0, [0.0, 0.0]) == -1.0
    assert internal_rate(100.0, []) == -1.0


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=12), st.floats(-0.5, 0.8))
@settings(max_examples=40, deadline=None)
def test_yield_returns_the_price(flows, rate):
    price = sum(c * (1 + rate) ** -t for t, c in enumerate(flows, start=1))
    assert internal_rate(price, flows) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(("price", "flows"), [(0.0, [1.0]), (-5.0, [1.0]), (5.0, [-1.0])])
def test_yield_of_nothing_is_refused(price, flows):
    with pytest.raises(CoverageError, match="needs a price above 0"):
        internal_rate(price, flows)


def test_coverage_and_yield_by_hand():
    """One year, cash 126, no loss: PV after servicing 126/1.05·0.99 = 118.8.

    Senior 100: 1.188; with mezzanine 10: 1.08; with equity 5: 118.8/115. Servicing 1.26, senior 104,
    mezzanine 11, equity 9.74: yields 4 %, 10 %, 94.8 %.
    """
    layers = tranches(senior=100, mezzanine=10, equity=5)
    paid = waterfall(cash(126), layers, POOL.service_fee_share)
    table = assess(cash(126), paid, layers, POOL, 2023).set_index("tranche")
    assert table["coverage"].tolist() == pytest.approx([1.188, 1.08, 118.8 / 115])
    assert table["yield"].tolist() == pytest.approx([0.04, 0.1, 0.948])
    assert table.loc["senior", "unpaid_cny"] == 0.0
    assert np.isnan(table.loc["equity", "unpaid_cny"])
    assert judge(table.reset_index(), 118.8, POOL.least_coverage) == asset_pool.THIN
    assert judge(table.reset_index(), 114.9, POOL.least_coverage) == asset_pool.OVER
    easy = {"senior": 1.1, "mezzanine": 1.05}
    assert judge(table.reset_index(), 118.8, easy) == asset_pool.COVERED


FLOWS = ["pool_id", "county_code", "year", "name", "income", "due_year", "expected_cny"]
TRANCHES = ["pool_id", "county_code", "year", "tranche", "size_cny", "coupon_percent"]
GOOD_FLOWS = [
    ("Z1", CODE, 2022, "示例", "hydropower", 2023, 60.0),
    ("Z1", CODE, 2022, "示例", "hydropower", 2024, 60.0),
]
GOOD_TRANCHES = [("Z1", CODE, 2022, "senior", 80.0, 4.0), ("Z1", CODE, 2022, "equity", 20.0, 0.0)]


def pools(flows=GOOD_FLOWS, layers=GOOD_TRANCHES, year=2023):
    return registers(
        year,
        income_pools=pd.DataFrame(flows, columns=FLOWS).astype({"expected_cny": "float64"}),
        pool_tranches=pd.DataFrame(layers, columns=TRANCHES).astype(
            {"size_cny": "float64", "coupon_percent": "float64"}
        ),
    )


def test_pool_under_stress():
    """Half the cash: less for everybody, never more; the tranches are paid in their order."""
    found = asset_pool.compute(evidence(pools()))
    table = found.tables["tranches"].set_index(["scenario", "tranche"])
    assert asset_pool.check(pools()) == []
    for tranche in ("senior", "equity"):
        yields = [table.loc[(s, tranche), "yield"] for s in (asset_pool.EXPECTED, "mild", "severe")]
        assert yields[0] >= yields[1] - 1e-4
        assert yields[1] >= yields[2] - 1e-4  # cents are rounded
    assert table.loc[("severe", "senior"), "coverage"] < table.loc[("mild", "senior"), "coverage"]
    figures = {(row["item"], row["measure"]): row for _, row in found.figures}
    assert figures["finance.pool.Z1", "value"]["price_year"] == 2022
    assert ("finance.pool.Z1.senior", "yield") in figures
    ledger.build(
        [row for code, row in found.figures if code == CODE],
        release="t", year=2023, county_code=CODE,
    )  # fmt: skip


def test_pools_of_later_years_and_packs_without_pools():
    assert asset_pool.compute(evidence(pools(year=2021))).tables == {}
    assert asset_pool.compute(evidence(registers())).lacking == ("income_pools", "pool_tranches")
    assert asset_pool.check(registers()) == []


@pytest.mark.parametrize(
    ("flows", "layers", "message"),
    [
        (
            GOOD_FLOWS, [("Z1", CODE, 2022, "senior", 120.01, 4.0)],
            r"line 2: the tranches of pool 'Z1' are 120.01 CNY, more than 100 % .* 120.00 CNY",
        ),
        (
            [("Z1", CODE, 2022, "示例", "hydropower", 2022, 500.0)], GOOD_TRANCHES,
            "line 2: pool 'Z1': cash is due in 2022, but the pool is set up in 2022",
        ),
        (
            [("Z1", CODE, 2022, "示例", "hydropower", 2024, -5.0)], GOOD_TRANCHES,
            "expected_cny is -5",
        ),
        (GOOD_FLOWS, [("Z1", CODE, 2022, "senior", 0.0, 4.0)], "size_cny is 0"),
        (GOOD_FLOWS, [("Z1", CODE, 2022, "senior", 9.0, -4.0)], "coupon_percent is -4"),
        (GOOD_FLOWS, [("Z1", CODE, 2022, "equity", 9.0, 4.0)], "Equity gets what is left"),
        (GOOD_FLOWS, [("Z1", CODE, 2022, "junior", 9.0, 4.0)], "tranche must be one of"),
        (GOOD_FLOWS, [("Z1", OTHER, 2022, "senior", 9.0, 4.0)], "has county_code 330802, 331181"),
        (GOOD_FLOWS, [("Z1", CODE, 2023, "senior", 9.0, 4.0)], "has year 2022, 2023"),
        (GOOD_FLOWS, [("Z2", CODE, 2022, "senior", 9.0, 4.0)], "'Z2' has tranches but no cash"),
        (GOOD_FLOWS, [], "line 2: pool 'Z1' has cash but no tranches"),
        (GOOD_FLOWS, [(None, CODE, 2022, "senior", 9.0, 4.0)], "line 2: pool_id is missing"),
        (GOOD_FLOWS, GOOD_TRANCHES[:1] * 2, "line 3: pool_id, tranche 'Z1 senior' stands twice"),
    ],
)  # fmt: skip
def test_faulty_pools_are_refused(flows, layers, message):
    problems = asset_pool.check(pools(flows, layers))
    assert any(re.search(message, problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss_rate": {"water_fee": 0.1}}, "must list exactly"),
        ({"least_coverage": {"senior": 1.0}}, "must list exactly senior, mezzanine"),
        ({"stress_haircut": {"expected": 0.1}}, "must not name a scenario"),
        ({"stress_haircut": {"severe": 1.5}}, "less than or equal to 1"),
    ],
)
def test_wrong_rules_of_pools_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        AssetPoolParams(**{**POOL.model_dump(), **change})
