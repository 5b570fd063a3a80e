"""Loans on ecological income, green loans, guarantees: by hand, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import counties, ledger, params
from gepbook.assessment import finance
from gepbook.assessment.finance import loans
from gepbook.assessment.finance.guarantee import guarantees
from gepbook.assessment.finance.loans import (
    GreenFinanceParams,
    annuity_factor,
    green_shares,
    judge_use,
    loan_capacity,
    pledgeable_income,
    summarise,
)
from gepbook.assessment.topic import Evidence
from gepbook.errors import CoverageError
from gepbook.province import Registers

RULE_FILE = params.resolve(None, 2023, "db33-2020")
GIVEN = RULE_FILE.section(loans.SECTION, GreenFinanceParams).model_dump()
RULES = GreenFinanceParams(
    **{
        **GIVEN,
        "realised_share": {"fresh_water": 0.2, "tourism": 0.02},
        "income_quantile": 0.1,
        "lending_rate": 0.05,
        "term_year": 2,
        "debt_service_coverage": 1.25,
        "loan_to_value": 0.7,
        "use_watch": 0.7,
        "use_most": 1.0,
        "leverage_most": 10.0,
        "leverage_most_small": 15.0,
        "guarantee_loss_most": 0.03,
        "least_counties_share": 0.9,
    }
)
#: One county is enough for the province.
FEW = RULES.model_copy(update={"least_counties_share": 0.01})
A, B, C = "331181", "330102", "330802"
COLUMNS = ["county_code", "year", *loans.AMOUNTS]


def register(*rows):
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(loans.AMOUNTS, "float64"))


GOOD = register(
    (A, 2022, 800.0, 40.0, 4.0, 20.0, 10.0, 0.2),
    (A, 2023, 1000.0, 150.0, 5.0, 50.0, 10.0, 1.0),
    (B, 2023, 3000.0, 210.0, 9.0, 0.0, 0.0, 0.0),
)


def registers(frame=GOOD, year=2023):
    return Registers(FakePack({} if frame is None else {"loans": frame}, {}), year)


def evidence(frame=GOOD, drawn=None, codes=(A, B, C), year=2023):
    pool = pd.DataFrame({"county_code": list(codes), "origin": "modelled", "account": "gep"})
    return Evidence(pool, registers(frame, year), RULE_FILE, drawn or {})


# Capacity


def test_annuity_by_hand():
    """1/1.05 + 1/1.05² = 0.952381 + 0.907029 = 1.859410; without interest the years themselves."""
    assert annuity_factor(0.05, 2) == pytest.approx(1.8594104)
    assert annuity_factor(0.0, 7) == 7.0
    assert annuity_factor(0.05, 0) == 0.0


@pytest.mark.parametrize(("rate", "years"), [(-0.01, 2), (0.05, -1)])
def test_negative_terms_are_refused(rate, years):
    with pytest.raises(CoverageError, match="rate and term must be ≥ 0"):
        annuity_factor(rate, years)


def test_income_counts_only_services_that_bring_cash():
    """0.2·100 + 0.02·500 = 30; 0.2·200 + 0.02·0 = 40. Climate brings none."""
    drawn = pd.DataFrame(
        {"fresh_water": [100.0, 200.0], "tourism": [500.0, 0.0], "climate_regulation": 1e9}
    )
    assert pledgeable_income(drawn, RULES.realised_share).tolist() == [30.0, 40.0]
    assert pledgeable_income(drawn[["tourism"]], RULES.realised_share).tolist() == [10.0, 0.0]


def test_capacity_bound_by_cash_flow_by_hand():
    """Draws 0, 10 … 100: mean 50, 10 % quantile 10, haircut 0.8. A = 1.85941.

    By cash 10·1.85941/1.5 = 12.3961; by value 10·1.85941·0.7 = 13.0159; the smaller holds.
    """
    rules = RULES.model_copy(update={"debt_service_coverage": 1.5})
    found = loan_capacity(np.arange(0.0, 101.0, 10.0), rules)
    assert found["income_cny"] == 50.0
    assert found["income_low_cny"] == pytest.approx(10.0)
    assert found["haircut"] == pytest.approx(0.8)
    assert found["cash_flow_limit_cny"] == pytest.approx(12.3960695)
    assert found["value_limit_cny"] == pytest.approx(13.0158730)
    assert found["capacity_cny"] == found["cash_flow_limit_cny"]


def test_capacity_bound_by_value_by_hand():
    """No spread: 100·1.85941/1.25 = 148.753 by cash, 100·1.85941·0.7 = 130.159 by value."""
    found = loan_capacity(np.full(5, 100.0), RULES)
    assert found["haircut"] == pytest.approx(0.0)
    assert found["capacity_cny"] == pytest.approx(130.1587302)


def test_income_that_may_fail_carries_no_loan():
    found = loan_capacity(np.array([-5.0, -1.0, 9.0, 9.0]), RULES)
    assert found["capacity_cny"] == 0.0
    assert np.isnan(loan_capacity(np.zeros(3), RULES)["haircut"])


@given(
    st.floats(1e3, 1e9), st.floats(0, 0.5), st.floats(0.01, 0.4),
    st.floats(1, 3), st.floats(0.05, 1),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_capacity_falls_strictly_as_the_spread_grows(mean, spread, more, cover, to_value):
    """Whichever limit binds: with the same mean, wider draws carry a smaller loan."""
    rules = RULES.model_copy(update={"debt_service_coverage": cover, "loan_to_value": to_value})
    draws = np.linspace(-1, 1, 21)
    sure, unsure = (loan_capacity(mean * (1 + s * draws), rules) for s in (spread, spread + more))
    assert unsure["income_cny"] == pytest.approx(sure["income_cny"])
    assert unsure["capacity_cny"] < sure["capacity_cny"]


@given(
    st.lists(st.floats(0, 1e9), min_size=3, max_size=20), st.floats(0.1, 10), st.floats(0.01, 0.9)
)
@settings(max_examples=40, deadline=None)
def test_capacity_scales_with_income_and_falls_with_uncertainty(draws, factor, spread):
    income = np.array(draws)
    base = loan_capacity(income, RULES)["capacity_cny"]
    assert loan_capacity(factor * income, RULES)["capacity_cny"] == pytest.approx(factor * base)
    wider = income.mean() + (income - income.mean()) * (1 + spread)
    assert loan_capacity(wider, RULES)["capacity_cny"] <= base * (1 + 1e-9) + 1e-6
    assert base <= loan_capacity(income, RULES)["value_limit_cny"]


@pytest.mark.parametrize(
    ("capacity", "lent", "light"),
    [
        (100.0, 70.0, "good"),
        (100.0, 71.0, "watch"),
        (100.0, 100.0, "watch"),
        (100.0, 101.0, "poor"),
        (0.0, 1.0, "poor"),
        (0.0, 0.0, "none"),
        (np.nan, 5.0, "none"),
        (100.0, np.nan, "none"),
    ],
)
def test_light_of_use(capacity, lent, light):
    assert judge_use(capacity, lent, RULES)[0] == light


def test_county_without_draws_has_no_capacity_and_no_card():
    drawn = {A: pd.DataFrame({"fresh_water": [100.0, 120.0]})}
    found = loans.compute(evidence(drawn=drawn))
    capacity = found.tables["capacity"]
    assert capacity.loc[A, "capacity_cny"] > 0
    assert capacity.loc[B, ["capacity_cny", "used"]].isna().all()
    assert capacity.loc[B, "reason"] == loans.NO_DRAWS
    assert capacity.loc[C, "light"] == "none"
    used = [line for line in found.cards if line["label_zh"] == "GEP贷额度使用率"]
    assert [line["county_code"] for line in used] == [A]
    assert used[0]["value"] == pytest.approx(capacity.loc[A, "used"] * 100)


def test_headroom_is_never_negative():
    drawn = {A: pd.DataFrame({"fresh_water": [1.0, 1.0]})}
    row = loans.compute(evidence(drawn=drawn)).tables["capacity"].loc[A]
    # 0.2 CNY a year: at most 0.2·a₁₀·0.7 ≈ 1.1 CNY, of which 5 are lent
    assert row["capacity_cny"] < 5 == row["gep_loans_cny"]
    assert row["headroom_cny"] == 0.0
    assert row["light"] == "poor"


# Green loans


def test_green_shares_by_hand():
    """A 150/1000 = 15 %, B 210/3000 = 7 %, province 360/4000 = 9 %; in 2022 A alone, 40/800 = 5 %."""
    whole = green_shares(GOOD, FEW).set_index(["county_code", "year"])
    table = whole["share"]
    assert table[A, 2023] == pytest.approx(0.15)
    assert whole.loc[(ledger.PROVINCE, 2023), "counties"] == 2
    # A alone reports in both years: 150/1000
    assert whole.loc[(ledger.PROVINCE, 2023), "trend"] == pytest.approx(0.15)
    assert table[ledger.PROVINCE, 2023] == pytest.approx(0.09)
    assert table[ledger.PROVINCE, 2022] == table[A, 2022] == pytest.approx(0.05)


def test_too_few_counties_give_no_share_of_the_province():
    """81 of 90 counties are nine tenths, 80 are not; a year of 80 is left out of the trend too."""
    codes = list(counties.read().index)
    rows = [(code, 2022, 100.0, 10.0, 0.0, 0.0, 0.0, 0.0) for code in codes[:80]]
    rows += [(code, 2023, 100.0, 20.0, 0.0, 0.0, 0.0, 0.0) for code in codes[:81]]
    own = green_shares(register(*rows), RULES).set_index("county_code").loc[[ledger.PROVINCE]]
    assert own[["year", "counties", "share", "trend"]].to_numpy().tolist() == [[2023, 81, 0.2, 0.2]]
    found = loans.compute(evidence(register(*rows[:80]), year=2022))
    assert not any(
        row["item"] == "finance.green_loans" and code is None for code, row in found.figures
    )
    summary = found.tables["summary"].set_index("label")
    assert summary.loc[ledger.PROVINCE, "reporting"] == 80
    assert np.isnan(summary.loc[ledger.PROVINCE, "share"])
    assert {line["peer"] for line in found.cards} == {None}
    enough = loans.compute(evidence(register(*rows)))
    assert [line["peer"] for line in enough.cards] == pytest.approx([20.0] * len(enough.cards))
    figures = {row["measure"]: row["value"] for code, row in enough.figures if code is None}
    assert figures == {"share": pytest.approx(0.2), "counties": 81}


def test_share_cards_rank_within_the_group():
    """龙泉 and 柯城 belong to the 26 mountain counties, 上城 does not."""
    frame = pd.concat([GOOD, register((C, 2023, 100.0, 20.0, 0.0, 0.0, 0.0, 0.0))])
    found = loans.compute(evidence(frame))
    lines = {line["county_code"]: line for line in found.cards}
    assert (lines[A]["rank"], lines[A]["of"]) == (2, 2)
    assert (lines[C]["rank"], lines[B]["rank"], lines[B]["of"]) == (1, 1, 1)
    assert lines[B]["peer"] is None  # three counties are not the province
    assert {line["light"] for line in found.cards} == {"none"}


def test_register_counts_counties_without_ledger_in_the_province_only():
    found = loans.compute(evidence(codes=(A,)))
    assert [line["county_code"] for line in found.cards] == [A]
    assert (found.tables["shares"]["county_code"] == B).any()


def test_summary_by_hand():
    """A uses 5 of 10, B 9 of 6: 14/16 used, one over; C has no capacity but counts for its loans."""
    capacity = pd.DataFrame(
        {"capacity_cny": [10.0, 6.0, np.nan], "gep_loans_cny": [5.0, 9.0, 1.0]}, index=[A, B, C]
    )
    shares = pd.DataFrame(
        {"loans_cny": [100.0, 100.0, 200.0], "green_loans_cny": [10.0, 20.0, 10.0]},
        index=[A, B, C],
    )
    labels = pd.Series("all", index=[A, B, C])
    row = summarise(capacity, shares, labels, RULES).loc["all"]
    assert (row["counties"], row["over"], row["reporting"]) == (2, 1, 3)
    assert np.isnan(summarise(capacity, shares[:2], labels, RULES).loc["all", "share"])
    assert row["used"] == pytest.approx(14 / 16)
    assert row["share"] == pytest.approx(40 / 400)


# Guarantees


@pytest.mark.parametrize(
    ("amounts", "leverage", "loss", "light"),
    [
        ((50.0, 10.0, 1.0), 5.0, 0.02, "none"),
        ((100.0, 10.0, 1.0), 10.0, 0.01, "none"),
        ((120.0, 10.0, 1.0), 12.0, 1 / 120, "watch"),
        ((151.0, 10.0, 1.0), 15.1, 1 / 151, "poor"),
        ((50.0, 10.0, 2.0), 5.0, 0.04, "watch"),
        ((0.0, 10.0, 0.0), 0.0, np.nan, "none"),
        ((0.0, 0.0, 0.0), np.nan, np.nan, "none"),
    ],
)
def test_guarantees_by_hand(amounts, leverage, loss, light):
    row = guarantees(register((A, 2023, 100.0, 10.0, 1.0, *amounts)), RULES).iloc[0]
    assert row["leverage"] == pytest.approx(leverage, nan_ok=True)
    assert row["loss_rate"] == pytest.approx(loss, nan_ok=True)
    assert row["light"] == light


# What is refused


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((A, 2023, 100.0, 120.0, 0, 0, 0, 0), "line 2: green_loans_cny 120 is more than loans_cny"),
        ((A, 2023, 100.0, 10.0, 101.0, 0, 0, 0), "gep_loans_cny 101 is more than loans_cny 100"),
        ((A, 2023, 0.0, 0.0, 0, 0, 0, 0), "loans_cny is 0, so that no share can be taken"),
        ((A, 2023, 100.0, -1.0, 0, 0, 0, 0), "green_loans_cny is -1"),
        ((A, 2023, 100.0, 1.0, 0, 5.0, 0, 0), "guarantee_capital_cny is 0. Give the net assets"),
        ((A, 2023, 100.0, 1.0, 0, 0, 5.0, 1.0), "guaranteed_cny is 0. Give the balance"),
        ((A, 2023, np.nan, 1.0, 0, 0, 0, 0), "line 2: loans_cny is missing"),
        (("339999", 2023, 100.0, 1.0, 0, 0, 0, 0), "county '339999' is not in"),
        ((A, 2022, 100.0, 120.0, 0, 0, 0, 0), "green_loans_cny 120"),
    ],
)
def test_faulty_rows_are_refused(row, message):
    problems = finance.check(registers(register(row)), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_later_years_are_not_looked_at():
    assert loans.check(registers(register((A, 2024, 0, 9, 0, 0, 0, 0)))) == []


def test_all_faults_are_told_at_once():
    rows = register((A, 2023, 0, 9, 0, 5, 0, 0), (A, 2023, 10, -1, 0, 0, 0, 3))
    assert len(loans.check(registers(rows))) >= 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"realised_share": {"fresh_watr": 0.1}}, "is no service.*fresh_water"),
        ({"realised_share": {"fresh_water": 1.1}}, "less than or equal to 1"),
        ({"use_watch": 1.2}, "use_watch must not lie above"),
        ({"leverage_most": 16.0}, "leverage_most must not lie above"),
        ({"income_quantile": 0.6}, "less than or equal to 0.5"),
        ({"debt_service_coverage": 0.9}, "greater than or equal to 1"),
    ],
)
def test_wrong_rules_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GreenFinanceParams(**{**GIVEN, **change})


def test_wrong_rules_are_told_with_the_registers():
    name = f"{loans.SECTION}.debt_service_coverage"
    bad = RULE_FILE.entries[name].model_copy(update={"value": 0.5})
    rules = RULE_FILE.model_copy(update={"entries": {**RULE_FILE.entries, name: bad}})
    found = finance.check(registers(register((A, 2023, 0, 0, 0, 0, 0, 0))), rules)
    assert any("debt_service_coverage" in problem for problem in found)
    assert any("loans_cny is 0" in problem for problem in found)


def test_pack_without_register():
    found = loans.compute(evidence(None, {A: pd.DataFrame({"fresh_water": [9.0, 9.0]})}))
    assert found.lacking == ("loans",)
    assert found.tables["capacity"].loc[A, "capacity_cny"] > 0
    assert found.cards == []
    assert loans.check(registers(None)) == []
