"""The dual assessment: by hand, invariances, how sure ranks are, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_province

from gepbook import params
from gepbook.accounting import uncertainty
from gepbook.assessment import dual, growth_draws
from gepbook.assessment.dual import DualParams
from gepbook.assessment.growth_draws import GrowthDrawsParams
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers

WIDTHS = {"observed": 0.01, "modelled": 0.02, "illustrative": 0.03}
SETTINGS = GrowthDrawsParams(seed=1, draws=2000, yearly_half_width=WIDTHS)


def make_rules(**changes):
    values = {
        "gdp_weight": {"other": 0.6},
        "assessed_from": {"mountain26": 2021, "other": 2025},
        "normalisation": "z",
        "gdp_goalposts": {"low": 0.0, "high": 0.1},
        "gep_goalposts": {"low": -0.1, "high": 0.1},
        "ahead_probability": 0.9,
        "peer_factor": 50.0,
    }
    return DualParams(**(values | changes))


@pytest.fixture(scope="module")
def evidence():
    p = make_province()
    return Evidence(p.pool, p.registers, p.params)


@pytest.fixture(scope="module")
def result(evidence):
    return dual.compute(evidence, {})


def test_growth_and_rank_by_hand():
    now, before = pd.Series({"a": 110.0, "b": 90.0, "c": 5.0}), pd.Series({"a": 100.0, "b": 100.0})
    assert dual.growth(now, before).to_dict() == pytest.approx({"a": 0.1, "b": -0.1})
    assert dual.growth(pd.Series({"a": 1.0}), pd.Series({"a": 0.0})).isna().all()
    assert dual.rank(pd.Series([3.0, 5.0, 5.0])).tolist() == [3, 1, 1]
    assert dual.standardise(*[np.array([2.0, 2.0])] * 2).tolist() == [0, 0]
    # the mean of three times 0.094 is not 0.094 to the last bit
    assert dual.standardise(*[np.full(3, 0.094)] * 2).tolist() == [0, 0, 0]


def test_index_by_hand():
    gdp, gep, weight = np.array([0.1, -0.1]), np.array([-0.2, 0.2]), np.array([0.6, 0.4])
    # z = ±1: a 0.6·1 + 0.4·(−1) = 0.2; b 0.4·(−1) + 0.6·1 = 0.2
    assert dual.index(gdp, gep, weight, make_rules()).tolist() == pytest.approx([0.2, 0.2])
    # marks: gdp (0.1 − 0)/0.1 = 1, (−0.1)/0.1 = −1; gep (−0.2 + 0.1)/0.2 = −0.5, (0.2 + 0.1)/0.2 = 1.5
    fixed = make_rules(normalisation="goalposts")
    # a 0.6·1 + 0.4·(−0.5) = 0.4; b 0.4·(−1) + 0.6·1.5 = 0.5
    assert dual.index(gdp, gep, weight, fixed).tolist() == pytest.approx([0.4, 0.5])


def test_quadrants_standing_still_is_no_fall():
    assert dual.quadrant(0.0, 0.0) == "both_rise"
    assert dual.quadrant(0.1, -0.1) == "gdp_rises_gep_falls"
    assert dual.quadrant(-0.1, 0.1) == "gdp_falls_gep_rises"
    assert dual.quadrant(-0.1, -0.1) == "both_fall"


GROWTH = st.lists(
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0, 1)), min_size=3, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(GROWTH, st.sampled_from(["z", "goalposts"]), st.randoms())
def test_order_of_counties_in_the_table_does_not_matter(rows, normalisation, random):
    rules, table = make_rules(normalisation=normalisation), np.array(rows)
    order = random.sample(range(len(rows)), len(rows))
    whole = dual.index(*table.T, rules)
    assert dual.index(*table[order].T, rules) == pytest.approx(whole[order], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(GROWTH)
def test_with_goalposts_no_third_county_changes_the_index_of_two(rows):
    rules, table = make_rules(normalisation="goalposts"), np.array(rows)
    whole = dual.index(*table.T, rules)
    assert dual.index(*table[:2].T, rules) == pytest.approx(whole[:2])


@settings(max_examples=60, deadline=None)
@given(GROWTH, st.floats(0.1, 10), st.floats(-1, 1))
def test_z_scores_do_not_know_the_scale_of_growth(rows, scale, shift):
    table = np.round(np.array(rows), 3)
    gdp, gep, weight = table.T
    whole = dual.index(gdp, gep, weight, make_rules())
    moved = dual.index(gdp * scale + shift, gep * scale + shift, weight, make_rules())
    assert moved == pytest.approx(whole, abs=1e-6)


def test_probability_of_being_ahead_by_hand():
    drawn = np.array([[1.0, 2.0], [3.0, 2.0], [3.0, 2.0], [2.0, 2.0]])
    # a above b in 2 of 4 draws, equal in 1: 0.5 + 0.25/2
    sure = dual.ahead(drawn)
    assert sure[0, 1] == pytest.approx(0.625)
    assert sure + sure.T == pytest.approx(np.ones((2, 2)))


def test_certainty_states_ties():
    generator = np.random.default_rng(0)
    drawn = generator.standard_normal((4000, 3)) + np.array([10.0, 0.0, 0.1])
    table = dual.certainty(drawn, ["a", "b", "c"], 0.9)
    assert table.loc["a", ["rank_low", "rank_high", "ahead_of", "tied"]].tolist() == [1, 1, 2, 0]
    assert table.loc["b", ["rank_low", "rank_high", "behind", "tied"]].tolist() == [2, 3, 1, 1]
    assert (table[["ahead_of", "behind", "tied"]].sum(axis=1) == 2).all()


def test_errors_of_draws_do_not_shrink_the_index(result):
    """Whoever ranks better is ahead in at least about half of the draws, whatever their errors."""
    rank = result.tables["dual"]["rank"]
    pairs = result.tables["pairs"]
    better = pairs[pairs["county_code"].map(rank) < pairs["other_code"].map(rank)]
    assert better["probability"].min() > 0.47
    same = dual.rank_draws(np.array([[1.0, 1.0, 0.0]]))
    assert same.tolist() == [[1, 1, 3]]


def test_a_gap_of_one_county_is_no_gap_of_others(evidence, result):
    """Growth over two years is no year's; a county without the year before is left out alone."""
    pool = evidence.pool
    gap = (pool["county_code"] == "331181") & pool["measure"].str.endswith("_2022")
    found = dual.compute(Evidence(pool[~gap], evidence.registers, evidence.params), {})
    table = found.tables["dual"]
    assert "331181" not in table.index
    assert len(table) == 89
    before = result.tables["dual"].loc["330102", ["gdp_growth", "gep_growth_normal"]]
    assert table.loc["330102", before.index].tolist() == pytest.approx(before.tolist())
    cold = (pool["county_code"] == "331181") & pool["measure"].str.contains("normal_weather")
    found = dual.compute(Evidence(pool[~cold], evidence.registers, evidence.params), {})
    assert "331181" not in found.tables["dual"].index
    assert len(found.tables["dual"]) == 89


def test_a_gdp_given_twice_is_refused():
    problems = check([("330102", 2023, 1e11, 1e6), ("330102", 2023, 0.8e11, 1e6)])
    assert any("'330102 2023' stands twice" in problem for problem in problems)


def test_every_county_and_year_has_its_place(result):
    path = result.tables["path"]
    assert path.groupby("year")["county_code"].nunique().to_dict() == {2021: 90, 2022: 90, 2023: 90}
    year = result.tables["dual"]
    assert year.groupby("group")["rank"].min().eq(1).all()
    assert year.loc[year["group"] == "mountain26", "assessed"].all()
    assert not year.loc[year["group"] == "other", "assessed"].any()
    # GEP of the made-up ledgers grows by 1/0.97 − 1
    assert year["gep_growth_normal"].to_numpy() == pytest.approx(1 / 0.97 - 1)
    inside = year["gep_growth_normal"].between(
        year["gep_growth_normal_low"], year["gep_growth_normal_high"]
    )
    assert inside.all()
    assert (year[["ahead_of", "behind", "tied"]].sum(axis=1) == year["of"] - 1).all()


def test_ledger_rows_name_the_interval(result):
    rows = pd.DataFrame([{"county_code": code, **row} for code, row in result.figures])
    ranks = rows[(rows["item"] == "dual") & (rows["measure"] == "rank")]
    assert len(ranks) == 90
    assert (ranks["low"] <= ranks["high"]).all()
    assert ranks["note"].str.contains("tied").all()
    assert not rows.duplicated(["county_code", "item", "measure", "price_basis"]).any()


def test_a_county_s_draws_do_not_depend_on_the_others(evidence):
    some = growth_draws.levels(evidence, SETTINGS, codes=["331181", "330102"], years=[2022, 2023])
    one = growth_draws.levels(evidence, SETTINGS, codes=["331181"], years=[2022, 2023])
    assert np.array_equal(some["331181"], one["331181"])


def test_yearly_errors_have_their_quantiles():
    drawn = growth_draws.yearly_factors("331181/2023/gep", 0.03, SETTINGS)
    low, high = np.quantile(drawn, [0.05, 0.95])
    assert (low, high) == pytest.approx((1 / 1.03, 1.03), rel=5e-3)
    assert growth_draws.yearly_factors("x", 0.0, SETTINGS) == pytest.approx(np.ones(2000))
    wide = uncertainty.quantile(uncertainty.spread(0.03), np.array([0.05, 0.95]))
    assert wide == pytest.approx([1 / 1.03, 1.03])


def drawn_growth(evidence, before, now):
    """Return draws of growth of regulating services that follow from draws of both years alone."""
    drawn = {"331181": pd.DataFrame({"2022/regulating": before, "2023/regulating": now})}
    rules = (evidence.pool, evidence.registers, evidence.params, {})
    quiet = SETTINGS.model_copy(update={"yearly_half_width": dict.fromkeys(WIDTHS, 0.0)})
    whole = growth_draws.levels(
        Evidence(*rules, drawn), quiet, "regulating", codes=["331181"], years=[2022, 2023]
    )["331181"]
    assert whole[:100, 0] == pytest.approx(before)
    return whole[:, 1] / whole[:, 0]


def test_errors_cancel_in_growth_only_as_far_as_they_move_both_years(evidence):
    """A factor of both years is no change; one that moves a part more in one year is."""
    sure, unsure = np.full(100, 50.0), np.linspace(10.0, 90.0, 100)
    assert drawn_growth(evidence, unsure, 0.9 * unsure) == pytest.approx(np.full(2000, 0.9))
    growth = drawn_growth(evidence, sure + unsure, sure + 0.8 * unsure)
    assert growth.min() == pytest.approx((50 + 0.8 * 90) / 140)
    assert growth.max() == pytest.approx((50 + 0.8 * 10) / 60)


def check(rows):
    table = pd.DataFrame(
        rows, columns=["county_code", "year", "gdp_cny", "resident_population_person"]
    )
    table = table.assign(general_budget_revenue_cny=1e9, general_budget_expenditure_cny=2e9)
    registers = Registers(FakePack({"economy": table}, {}), 2023)
    return dual.check(registers, params.resolve(None, 2023, "db33-2020"))


def test_gdp_in_the_wrong_unit_is_found_by_its_jump():
    rows = [
        ("330102", 2022, 1e11, 1e6), ("330102", 2023, 1.05e11, 1e6), ("330105", 2022, 9e10, 1e6),
        ("330105", 2023, 9.5e6, 1e6), ("330106", 2022, 9e10, 1e6), ("330106", 2023, 9.1e10, 1e6),
    ]  # fmt: skip
    jump, peer = check(rows)
    assert "economy.csv, line 5" in jump
    assert "times that of the year before: looks like 万元 for CNY. Give it in CNY" in jump
    assert "line 5: gdp_cny per person" in peer


def test_gdp_in_the_wrong_unit_in_every_year_is_found_by_its_peers():
    rows = [(f"3301{n:02d}", y, 1e11, 1e6) for n in (2, 5, 6) for y in (2022, 2023)]
    rows += [("330108", y, 1e15, 1e6) for y in (2022, 2023)]
    problems = check(rows)
    assert len(problems) == 2
    assert all("looks like CNY for 万元" in p for p in problems)


def test_gdp_in_the_wrong_unit_is_found_without_other_counties():
    """The median of a pack of one county is the county's own."""
    problems = check([("331181", y, 2e14, 2.5e5) for y in (2022, 2023)])
    assert len(problems) == 2
    assert (
        "line 2: gdp_cny per person is 8e+08 CNY, it must lie between 2000 and 1e+06" in problems[0]
    )


@pytest.mark.parametrize("people", [float("nan"), 0.0])
def test_gdp_without_residents_is_refused(people):
    (problem,) = check([("331181", 2023, 2e14, people)])
    assert "line 2: resident_population_person is" in problem


def test_gdp_of_nothing_is_refused():
    assert "gdp_cny is 0. Growth needs a GDP above 0" in check([("330102", 2023, 0.0, 1e6)])[0]


def test_sound_gdp_passes(evidence):
    assert dual.check(evidence.registers, evidence.params) == []


def test_a_year_without_a_price_index_is_refused():
    assert "has no year 2051" in dual.check(
        Registers(FakePack({"economy": pd.DataFrame(
            {"county_code": ["330102"], "year": [2051], "gdp_cny": [1e11],
             "resident_population_person": [1e6], "general_budget_revenue_cny": [1e9],
             "general_budget_expenditure_cny": [2e9]})}, {}), 2051),
        params.resolve(None, 2023, "db33-2020"),
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gdp_weight": {"mountain26_leapfrog": 0.6}}, "must list other"),
        ({"gdp_weight": {"other": 1.2}}, "less than or equal to 1"),
        ({"assessed_from": {"mountain26": 2021}}, "must list mountain26, other"),
        ({"gdp_goalposts": {"low": 0.1, "high": 0.1}}, "low below high"),
    ],
)
def test_rules_that_are_off_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make_rules(**changes)


def test_the_pack_s_first_year_has_no_growth():
    p = make_province(2020)
    first = dual.compute(Evidence(p.pool, p.registers, p.params), {})
    assert first.tables["path"].empty
    assert first.tables["dual"].empty
    assert first.cards == []
    assert len(first.tables["levels"]) == 90
