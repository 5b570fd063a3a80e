"""The comprehensive evaluation: by hand, invariances, missing indicators, sensitivity, refusals."""

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_pool
from pymcdm.methods import WSM

from gepbook import counties, ledger, params
from gepbook.assessment import evaluation
from gepbook.assessment.evaluation import scores, sources
from gepbook.assessment.evaluation.rules import EvaluationParams
from gepbook.assessment.evaluation.scores import Tree
from gepbook.assessment.topic import Evidence, TopicResult
from gepbook.errors import GepbookError, ParameterError
from gepbook.inputs.pack import Pack
from gepbook.params import SUM_ROUNDING
from gepbook.paths import OPEN_PACK
from gepbook.province import Registers

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section("performance_evaluation", EvaluationParams)
SOURCE = {"source": "register", "unit": "1"}
LEAF = {"name_zh": "生态", "unit": "1"}
FUNDS = "compensation_funds"
SMALL = {
    "dimensions": {"growth": "增长", "nature": "生态"},
    "dimension_weights": {
        "mountain26": {"growth": 0.4, "nature": 0.6}, "other": {"growth": 0.5, "nature": 0.5},
    },
    "weights": {"growth": {"gdp": 1.0}, "nature": {"gep": 0.75, "dust": 0.25}},
    "indicators": {name: {"name_zh": name, **SOURCE} for name in ("gdp", "gep", "dust")},
    "goalposts": {"gdp": (0.0, 10.0), "gep": (0.0, 200.0), "dust": (50.0, 0.0)},
    "normalisation": "goalposts", "least_covered_indicators": 0.7, "least_covered_dimensions": 0.5,
    "cross_checks": [("topsis", "goalposts"), ("wsm", "minmax")], "draws": 200, "seed": 1,
    "concentration": 30.0, "interval_probability": 0.9, "leading_share": 1 / 3,
    "sure_share": 0.9, "weight_step": 0.5,
}  # fmt: skip


def make_rules(**changes):
    return EvaluationParams(**(SMALL | changes))


def table(rows, codes=None):
    index = codes or [f"c{number}" for number in range(len(rows))]
    return pd.DataFrame(rows, columns=["gdp", "gep", "dust"], index=index, dtype="float64")


def scored(values, rules=None, group="mountain26"):
    rules = rules or make_rules()
    return pd.Series(evaluation.grow(values, group, rules).score(), values.index)


def evaluated(values, rules=None, group="mountain26"):
    groups = pd.Series(group, values.index)
    return evaluation.evaluate(values.rename_axis("county_code"), groups, rules or make_rules())


# By hand


def test_score_by_hand():
    """gdp 5 of 10: 50; gep 150 of 200: 75; dust 10, less is better: 80.

    nature 0.75·75 + 0.25·80 = 76.25; 0.4·50 + 0.6·76.25 = 65.75; the other group 0.5 and 0.5.
    """
    values = table([(5, 150, 10)])
    assert scored(values)["c0"] == pytest.approx(65.75)
    assert scored(values, group="other")["c0"] == pytest.approx(63.125)
    found = evaluated(values)
    leaves = found["leaves"].set_index("indicator")
    assert leaves["weight"].to_dict() == pytest.approx({"gdp": 0.4, "gep": 0.45, "dust": 0.15})
    assert leaves["contribution"].sum() == pytest.approx(65.75)


def test_points_end_at_the_goalposts():
    assert scored(table([(99, 999, -5)]))["c0"] == 100
    assert scored(table([(-1, -1, 80)]))["c0"] == 0


def test_whole_counties_are_scored_as_by_pymcdm():
    generator = np.random.default_rng(3)
    values = table(generator.uniform(0, 10, (6, 3)))
    tree = evaluation.grow(values, "mountain26", make_rules())
    weights = tree.weights * tree.dimension_weights[tree.dimension_of]
    body = WSM(normalization_function=lambda x, cost=False: x)
    theirs = body(tree.points, weights, np.ones(3, dtype=int), validation=False)
    assert scored(values).to_numpy() == pytest.approx(theirs)


def test_normalisations_by_hand():
    x = np.array([1.0, 3.0, np.nan, 5.0])
    assert scores.normalise(x, (0, 10), "minmax")[[0, 1, 3]].tolist() == [0, 0.5, 1]
    assert scores.normalise(x, (10, 0), "minmax")[[0, 1, 3]].tolist() == [1, 0.5, 0]
    # √(1 + 9 + 25) = 5.916; z: mean 3, deviation √(8/3) = 1.633
    assert scores.normalise(x, (0, 10), "vector")[1] == pytest.approx(3 / 35**0.5)
    assert scores.normalise(x, (10, 0), "zscore")[0] == pytest.approx(2 / (8 / 3) ** 0.5)
    for method in ("goalposts", "minmax", "vector", "zscore"):
        assert np.isnan(scores.normalise(x, (0, 10), method)[2])
    assert scores.normalise(np.zeros(3), (0, 10), "vector").tolist() == [1, 1, 1]
    assert np.isnan(scores.normalise(np.full(2, np.nan), (0, 10), "minmax")).all()


# Missing indicators


def test_missing_indicator_gives_its_weight_to_its_dimension():
    """Without dust nature is gep's 75 alone (0.75 known ≥ 0.7): 0.4·50 + 0.6·75 = 65; not 53.75."""
    found = evaluated(table([(5, 150, np.nan), (5, 150, 10)]))
    own = found["ranking"].loc["c0"]
    assert own["points"] == pytest.approx(65.0)
    assert own["missing"] == "dust"
    # if dust had 0 points: 0.4·50 + 0.6·0.75·75 = 53.75; with 100 another 0.6·0.25·100 = 15
    assert (own["bound_low"], own["bound_high"]) == pytest.approx((53.75, 68.75))
    leaves = found["leaves"].set_index(["county_code", "indicator"])
    assert leaves.loc[("c0", "gep"), "weight"] == pytest.approx(0.6)
    assert leaves.loc[("c0", "dust"), "weight"] == 0


def test_too_little_known_of_a_dimension():
    """Without gep 0.25 of nature is known: growth alone has 0.4, below 0.5: no score and no rank."""
    found = evaluated(table([(5, np.nan, 10), (5, 150, 10), (6, 150, 10)]))
    own = found["ranking"].loc["c0"]
    assert np.isnan(own["points"])
    assert np.isnan(own["rank"])
    assert own["unscored"] == "nature"
    assert found["ranking"]["of"].tolist() == [2, 2, 2]
    assert found["ranking"].loc["c2", "rank"] == 1
    assert scored(table([(5, np.nan, 10)]), group="other")["c0"] == 50  # 0.5 known is enough


def test_group_without_any_score():
    found = evaluated(table([(np.nan, np.nan, 10)]))
    assert found["ranking"]["points"].isna().all()
    assert found["cross_checks"].empty


# Properties


numbers = st.lists(
    st.tuples(st.floats(0, 12), st.floats(0, 250), st.floats(0, 60)), min_size=3, max_size=7
)
gaps = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=4)


def with_gaps(rows, missing):
    values = table(rows)
    for row, column in missing:
        if row < len(values):
            values.iloc[row, column] = np.nan
    return values


@settings(max_examples=30, deadline=None)
@given(rows=numbers, missing=gaps, seed=st.integers(0, 99))
def test_order_of_the_counties_does_not_matter(rows, missing, seed):
    values = with_gaps(rows, missing)
    mixed = values.sample(frac=1, random_state=seed)
    pd.testing.assert_series_equal(scored(mixed)[values.index], scored(values))


@settings(max_examples=30, deadline=None)
@given(rows=numbers, missing=gaps, factor=st.floats(0.01, 1000), shift=st.floats(-5, 5))
def test_unit_of_an_indicator_does_not_matter(rows, missing, factor, shift):
    """An indicator in another unit, with its goalposts, leaves all scores as they are."""
    values = with_gaps(rows, missing)
    moved = values.assign(gep=values["gep"] * factor + shift)
    posts = SMALL["goalposts"] | {"gep": (shift, 200.0 * factor + shift)}
    again = scored(moved, make_rules(goalposts=posts))
    assert again.to_numpy() == pytest.approx(scored(values).to_numpy(), abs=1e-6, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(rows=numbers, missing=gaps)
def test_no_county_changes_the_order_of_two_others(rows, missing):
    values = with_gaps(rows, missing)
    every = scored(values)
    for out in values.index:
        rest = values.drop(index=out)
        assert scored(rest).equals(every.drop(out))


def test_relative_normalisations_do_not_keep_the_order():
    """Why goalposts are the rule: by minmax a third county turns the order of two others.

    a (4, 100), b (5, 60) of gdp and gep; a far leader in gep shrinks a's lead there.
    """
    rules = make_rules(normalisation="minmax", weights=SMALL["weights"])
    two = table([(4, 100, 10), (5, 60, 10)])
    three = table([(4, 100, 10), (5, 60, 10), (4, 2000, 10)])
    assert scored(two, rules)["c0"] > scored(two, rules)["c1"]
    assert scored(three, rules)["c0"] < scored(three, rules)["c1"]


@settings(max_examples=30, deadline=None)
@given(rows=numbers, missing=gaps, more=st.floats(0, 50))
def test_more_of_a_good_thing_never_lowers_a_score(rows, missing, more):
    values = with_gaps(rows, missing)
    better = values.copy()
    better.loc["c0", "gep"] += more
    less = values.copy()
    less.loc["c0", "dust"] += more
    known = scored(values)["c0"]
    if not np.isnan(known):
        assert scored(better)["c0"] >= known - SUM_ROUNDING
        assert scored(less)["c0"] <= known + SUM_ROUNDING


# Sensitivity


def test_drawn_weights_sum_to_one_around_the_rules():
    weights = np.array([0.5, 0.3, 0.2, 0.0])
    drawn = scores.draw_weights(weights, 4000, 30.0, np.random.default_rng(2))
    assert drawn.sum(axis=1) == pytest.approx(1)
    assert (drawn[:, 3] == 0).all()
    assert drawn.mean(axis=0) == pytest.approx(weights, abs=0.01)
    # variance of a share of Dirichlet(30·w): w(1 − w)/31 = 0.5·0.5/31
    assert drawn[:, 0].var() == pytest.approx(0.25 / 31, rel=0.1)


def test_batches_of_weights_are_scored_like_single_ones():
    values = table([(5, 150, np.nan), (2, 80, 30), (9, 20, 0)])
    tree = evaluation.grow(values, "mountain26", make_rules())
    own, whole = np.array([[1, 0.5, 0.5], [1, 0.9, 0.1]]), np.array([[0.3, 0.7], [0.8, 0.2]])
    batch = tree.score(own, whole)
    for number in range(2):
        alone = Tree(tree.points, tree.dimension_of, own[number], whole[number], 0.0, 0.0)
        # c0 lacks dust: its gep counts for all of nature in both
        assert batch[number] == pytest.approx(alone.score())


def test_dominating_county_is_first_under_all_weights():
    found = evaluated(table([(9, 190, 1), (5, 100, 20), (4, 110, 30), (1, 10, 49)]))["ranking"]
    assert found.loc["c0", ["rank", "rank_low", "rank_high"]].tolist() == [1, 1, 1]
    assert found.loc["c0", ["stays", "leads", "trails"]].tolist() == [1, 1, 0]
    assert found.loc["c3", "trails"] == 1
    assert evaluation.light(found.loc["c0"], make_rules())[0] == "good"
    assert evaluation.light(found.loc["c3"], make_rules())[0] == "poor"
    assert evaluation.light(found.loc["c1"], make_rules())[0] == "none"


def test_county_without_a_dimension_is_not_lit():
    rules = make_rules(least_covered_dimensions=0.4)
    found = evaluated(table([(9, np.nan, np.nan), (5, 100, 20), (4, 110, 30)]), rules)["ranking"]
    assert found.loc["c0", "leads"] == 1
    shown, reason = evaluation.light(found.loc["c0"], rules)
    assert shown == "none"
    assert "生态数据不足" in reason


def test_figures_that_are_not_delivered_do_not_light_a_county():
    """Its other indicator of the dimension lends its points; with 0 for what is missing it is last."""
    rules = make_rules()
    rows = [(9, 190, np.nan), (9, 150, 20), (8, 150, 30), (7, 120, 40), (6, 110, 50), (5, 100, 60)]
    found = evaluated(table(rows), rules)["ranking"]
    whole = evaluated(table([(9, 190, 20), *rows[1:]]), rules)["ranking"]
    assert (whole["rank_at_low"] == whole["rank"]).all()
    own = found.loc["c0"]
    assert own["rank_at_low"] >= own["rank"]
    lit = own.copy()
    lit["leads"], lit["rank_at_low"] = 1.0, 3.0
    assert evaluation.light(lit, rules)[0] == "none"
    lit["rank_at_low"] = 1.0
    assert evaluation.light(lit, rules)[0] == "good"


def test_stepped_weight_by_hand():
    """growth 0.4·1.5 = 0.6 beside 0.6: half each; 0.4·0.5 = 0.2 beside 0.6: a quarter."""
    values = table([(10, 0, 50), (0, 200, 0)])
    tree = evaluation.grow(values, "mountain26", make_rules())
    lowered, raised = scores.one_at_a_time(tree, 0.5)
    assert lowered.shape == (2 + 3, 2)
    assert (lowered[0, 0], raised[0, 0]) == pytest.approx((25.0, 50.0))
    # dust within nature cannot matter where both indicators have the same points
    assert raised[4] == pytest.approx(tree.score())


def test_weight_that_moves_a_county_most_is_named():
    found = evaluated(table([(10, 0, 50), (0, 190, 0), (3, 100, 25)]))["ranking"]
    assert found.loc["c0", "mover"] in {"growth", "nature"}
    assert found.loc["c0", "mover_points"] != 0


def test_draws_are_the_same_each_time():
    values = table([(5, 150, 10), (6, 120, 5), (7, 60, 30)])
    again = evaluated(values)["ranking"]
    pd.testing.assert_frame_equal(evaluated(values)["ranking"], again)
    other = evaluated(values, make_rules(seed=2))["ranking"]
    assert not other["points_low"].equals(again["points_low"])


def test_cross_check_agrees_where_there_is_no_doubt():
    values = table([(9, 190, 1), (5, 100, 20), (1, 10, 49), (np.nan, 120, 3)])
    found = evaluated(values)["cross_checks"]
    assert found["counties"].tolist() == [3, 3]
    assert found[["spearman", "weighted_spearman", "ws"]].to_numpy() == pytest.approx(1)
    assert (found["moved_most"] == 0).all()
    same = table([(5, 100, 20)] * 4)
    assert evaluated(same)["cross_checks"].empty


def test_equal_scores_share_the_better_rank():
    found = evaluated(table([(5, 100, 20), (5, 100, 20), (1, 10, 40)]))["ranking"]
    assert found["rank"].tolist() == [1, 1, 3]


# Rules


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"weights": {"growth": {"gdp": 1.0}, "nature": {"gep": 0.75, "dust": 0.2}}},
            r"nature: must sum to 1, sum is 0\.95",
        ),
        (
            {"dimension_weights": SMALL["dimension_weights"] | {"other": {"growth": 1.0}}},
            "other: must weigh exactly growth, nature",
        ),
        ({"dimension_weights": {"other": {"growth": 0.5, "nature": 0.5}}}, "mountain26 and other"),
        (
            {"goalposts": SMALL["goalposts"] | {"gep": (5.0, 5.0)}},
            "gep has 0 and 100 points both at 5",
        ),
        ({"goalposts": {"gdp": (0.0, 1.0)}}, "dust, gep in one alone"),
        ({"indicators": {"gdp": {"name_zh": "g", **SOURCE}}}, "dust, gep in one alone"),
        ({"weights": {"growth": {"gdp": 1.0}}}, "must name exactly growth, nature"),
        (
            {"weights": {"growth": {"gdp": 1.0}, "nature": {"gdp": 0.75, "dust": 0.25}}},
            "weighs gdp in two dimensions",
        ),
        (
            {
                "indicators": SMALL["indicators"]
                | {"gep": {**SOURCE, "name_zh": "", "source": "gep"}}
            },
            "must be 'register', account/item/measure",
        ),
        (
            {"indicators": SMALL["indicators"] | {"gep": {**LEAF, "source": "table/redline/area"}}},
            "must name one of the tables compensation_funds",
        ),
        (
            {
                "indicators": SMALL["indicators"]
                | {"gep": {**LEAF, "source": f"table/{FUNDS}/points"}}
            },
            "compensation_funds has no column 'points'",
        ),
        ({"normalisation": "log"}, "goalposts"),
    ],
)
def test_wrong_rules_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        make_rules(**changes)


def changed(name, value):
    key = f"performance_evaluation.{name}"
    entry = RULE_FILE.entries[key].model_copy(update={"value": value})
    return RULE_FILE.model_copy(update={"entries": {**RULE_FILE.entries, key: entry}})


def test_weights_that_are_off_name_file_key_and_sum():
    weights = {**RULES.weights, "innovation": {"rnd": 0.6, "high_tech": 0.6}}
    with pytest.raises(
        ParameterError, match=r"performance_evaluation\.weights: .*sum is 1\.2.*policy/performance_"
    ):
        changed("weights", weights).section("performance_evaluation", EvaluationParams)
    registers = Registers(FakePack({}, {}), 2023)
    assert "sum is 1.2" in evaluation.check(registers, changed("weights", weights))[0]


# The topic


def register(rows=None, indicators=("rnd", "high_tech", "income", "income_gap", "security")):
    codes = counties.read().index
    found = [
        (code, 2023, name, 10.0 + number)
        for number, code in enumerate(codes)
        for name in indicators
    ]
    columns = ["county_code", "year", "indicator", "value"]
    frame = pd.DataFrame(found if rows is None else rows, columns=columns)
    return FakePack({"performance_indicators": frame}, {})


@pytest.fixture(scope="module")
def pool():
    return make_pool(2023)


def earlier(unit="1"):
    """Results of earlier topics: what of their figures the tree names."""
    figures = [
        (
            code,
            ledger.entry("assessment", item, measure, value, of, origin="modelled", method_id="t"),
        )
        for code in counties.read().index
        for item, measure, value, of in (
            ("gdp", "growth", 0.05, "1"),
            ("protection.composite", "score", 70.0, unit),
            ("brand.agricultural_products", "certified", 55.0, "percent"),
            ("finance.green_loans", "share", 0.1, "1"),
        )
    ]
    return {"topics": TopicResult(figures=figures)}


def test_topic_reads_ledgers_topics_and_register(pool):
    pack = register()
    rows = [(code, 2023, "a", 80.0) for code in counties.read().index]
    pack.tables[FUNDS] = pd.DataFrame(rows, columns=["county_code", "year", "fund", "effect_score"])
    evidence = Evidence(pool, Registers(pack, 2023), RULE_FILE)
    found = sources.read(evidence, earlier(), RULES)
    first = counties.read().index[0]
    # the first county: GDP 30·2e8 CNY, 400 001 people
    assert found.table.loc[first, "gdp_per_person"] == pytest.approx(60e8 / 400_001)
    assert found.table.loc[first, "protection"] == 70
    assert found.table.loc[first, "rnd"] == 10
    assert found.table["gep_growth"].isna().all()  # may lack, and no county has it
    assert found.origins["protection"] == "modelled"
    result = evaluation.compute(evidence, earlier())
    assert len(result.table("ranking")) == 90
    assert "gep_growth" in result.table("ranking")["missing"].iloc[0]
    assert {row["label_zh"] for row in result.cards} == {"综合绩效评价"}
    keys = [(c, r["item"], r["measure"]) for c, r in result.figures]
    assert len(keys) == len(set(keys))
    assert not any(np.isnan(row["value"]) for _, row in result.figures)


def test_column_of_a_register_is_the_mean_of_a_countys_rows(pool):
    """Two funds of 80 and 90 points: 85; the year before does not count."""
    pack = register()
    rows = [("330127", 2022, "a", 10.0), ("330127", 2023, "a", 80.0), ("330127", 2023, "b", 90.0)]
    columns = ["county_code", "year", "fund", "effect_score"]
    pack.tables[FUNDS] = pd.DataFrame(rows, columns=columns)
    found = sources.read(Evidence(pool, Registers(pack, 2023), RULE_FILE), {}, RULES)
    assert found.table.loc["330127", "compensation_effect"] == 85
    assert found.table["compensation_effect"].notna().sum() == 1


def test_pack_without_register_declares_it(pool):
    evidence = Evidence(pool, Registers(FakePack({}, {}), 2023), RULE_FILE)
    assert evaluation.check(evidence.registers, RULE_FILE) == []
    result = evaluation.compute(evidence, {})
    assert result.lacking == ("performance_indicators", "compensation_funds")
    # economy lacks growth: half known; innovation, common prosperity, safety, ecology as well
    assert result.table("ranking")["points"].isna().all()
    assert result.cards == []


def leaf_of(name, **changes):
    return changed("indicators", RULE_FILE.entries["performance_evaluation.indicators"].value | {
        name: RULE_FILE.entries["performance_evaluation.indicators"].value[name] | changes
    })  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            leaf_of("gdp_per_person", source="statistics/gpd/value/current"),
            r"indicators\.gdp_per_person: no county has a row 'statistics/gpd/value/current'.*"
            r"Did you mean 'statistics/gdp/value/current'",
        ),
        (
            leaf_of("gep_per_km2", unit="CNY ha-1"),
            r"gep_per_km2: unit must be that of its figures, 'CNY km2-1', got 'CNY ha-1'",
        ),
        (
            leaf_of("protection", may_lack=False, source="assessment/protection.whole/score"),
            r"no county has a row 'assessment/protection.whole/score'. Correct the source",
        ),
    ],
)
def test_sources_that_do_not_fit_are_refused(pool, rules, said):
    evidence = Evidence(pool, Registers(register(), 2023), rules)
    with pytest.raises(GepbookError, match=said):
        evaluation.compute(evidence, earlier())


def test_unit_of_a_topics_figure_is_checked(pool):
    evidence = Evidence(pool, Registers(register(), 2023), RULE_FILE)
    with pytest.raises(
        GepbookError, match="protection: unit must be that of its figures, 'percent'"
    ):
        evaluation.compute(evidence, earlier("percent"))


def test_faulty_register_is_refused():
    rows = [
        ("330127", 2023, "rnd", 2.0), ("330127", 2023, "rnd", 3.0), ("339999", 2023, "income", 1.0),
        ("330127", 2023, "high_tec", 4.0), ("330127", 2023, "income_gap", np.nan),
        ("330127", 2023, "high_tech", 4.0),
    ]  # fmt: skip
    problems = "\n".join(evaluation.check(Registers(register(rows), 2023), RULE_FILE))
    for said in (
        "performance_indicators.csv, line 3: county_code, year, indicator '330127 2023 rnd' stands twice",
        "line 4: county '339999' is not in",
        "line 5: indicator 'high_tec' is none that",
        "Did you mean 'high_tech'?",
        "line 6: value is missing",
        "indicators.security: the register performance_indicators has no row of 'security'",
    ):
        assert said in problems


def test_open_pack_is_sound_and_shows_both_sides_of_missing(pool):
    pack = Pack.open(OPEN_PACK)
    for year in pack.years:
        assert evaluation.check(Registers(pack, year), RULE_FILE) == []
    rows = Registers(pack, 2023).table("performance_indicators")
    lacking = 5 - rows.groupby("county_code").size()
    assert lacking.max() >= 4
    assert (lacking == 0).sum() > 60
