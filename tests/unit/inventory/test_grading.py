"""Grading: scores and prices by hand, areas that close, prices that never rise with worse grades."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook import ledger
from gepbook.errors import CoverageError, GridMismatchError, ParameterError, UnitError
from gepbook.inventory import condition, grading
from gepbook.inventory.condition import Reference
from gepbook.inventory.grading import GradingParams
from gepbook.params import Parameter, resolve
from gepbook.run import Run

SET = resolve(None, 2023, "db33-2020")
PARAMS = SET.section(grading.SECTION, GradingParams)
FOREST, PADDY, WATER, URBAN = 11, 41, 52, 61
CELL_HA = 100.0
RULES = PARAMS.model_copy(
    update={
        "weights": {"gep_density": 0.5, "condition": 0.3, "accessibility": 0.2},
        "density_range": {
            "land": Reference(low=0.0, high=500_000.0),
            "water": Reference(low=0.0, high=1_000_000.0),
        },
        "least_unit_ha": 150.0,
        "net_width_m": 1e9,
        "class_limits": {"land": [0.8, 0.6, 0.4, 0.2], "water": [0.9, 0.7, 0.5, 0.3]},
        "grade_multipliers": [1.2, 1.1, 1.0, 0.9, 0.8],
        "net_income_share": {"forest": 0.01, "wetland": 0.02},
        "capitalisation_rate": 0.05,
    }
)
factor = st.one_of(st.floats(0, 1), st.just(float("nan")))


def grid(values, units="1", step=1000.0):
    values = np.asarray(values, dtype="float64")
    coords = {
        "y": 10_000.0 - step * np.arange(len(values)),
        "x": 500.0 + step * np.arange(values.shape[1]),
    }
    return xr.DataArray(values, coords=coords, dims=("y", "x"), attrs={"units": units})


def grade_of(land_cover, density, cond, access, coverage=None, params=RULES):
    land_cover = grid(land_cover)
    return grading.compute(
        land_cover=land_cover,
        coverage=xr.ones_like(land_cover) if coverage is None else grid(coverage),
        gep_density=grid(density, "CNY ha-1 a-1"),
        condition=grid(cond),
        accessibility=grid(access),
        cell_area_ha=CELL_HA,
        params=params,
    )


def example(**changed):
    """Two forests of two cells, one of one cell, a water of two: the single cell is a remainder."""
    given = {
        "land_cover": [[FOREST, FOREST, PADDY, FOREST, WATER, WATER, FOREST, FOREST]],
        "density": [[4e5, 4e5, 2e5, 3e5, 8e5, 4e5, 1e5, 3e5]],
        "cond": [[1.0, 0.8, 0.5, 0.4, 0.5, 0.5, 0.4, 0.6]],
        "access": [[0.5, 0.5, 1.0, 0.0, 0.25, 0.75, 0.0, 0.0]],
    }
    return grade_of(**{**given, **changed})


def test_the_defaults_are_a_valid_section():
    assert SET.worst_confidence(grading.SECTION) == "design"
    assert len(PARAMS.grade_multipliers) == 5


def test_units_by_hand():
    units = example().units.set_index("id")
    # forests: 0.5 · 4e5/5e5 + 0.3 · 0.9 + 0.2 · 0.5 = 0.77; 0.5 · 0.4 + 0.3 · 0.5 + 0 = 0.35
    assert units.loc["forest-0001", "score"] == pytest.approx(0.77)
    assert units.loc["forest-0002", "score"] == pytest.approx(0.35)
    # single cells below 150 ha: 0.5 · 0.6 + 0.3 · 0.4 = 0.42; 0.5 · 0.4 + 0.3 · 0.5 + 0.2 = 0.55
    assert units.loc["forest-rest", "score"] == pytest.approx(0.42)
    assert units.loc["cropland-rest", "score"] == pytest.approx(0.55)
    # water: mean density 6e5 of 1e6: 0.5 · 0.6 + 0.3 · 0.5 + 0.2 · 0.5 = 0.55
    assert units.loc["wetland-0001", "score"] == pytest.approx(0.55)
    assert units["grade"].to_dict() == {
        "forest-0001": 2,
        "forest-0002": 4,
        "forest-rest": 3,
        "cropland-rest": 3,
        "wetland-0001": 3,
    }
    assert units.loc["wetland-0001", "kind"] == "water"
    assert units["area_ha"].to_dict()["forest-0001"] == 200.0


def test_the_map_shows_the_grade_of_the_unit():
    np.testing.assert_array_equal(example().grades, [[2, 2, 3, 3, 3, 3, 4, 4]])


def test_prices_by_hand():
    prices = example().prices.set_index(["group", "grade"])
    # forest grade 2: 400 000 · 0.01 · 1.1 / 0.05 = 88 000; 3: 300 000 · 0.01 / 0.05 = 60 000
    # forest grade 4: 200 000 · 0.01 · 0.9 / 0.05 = 36 000; water 3: 600 000 · 0.02 / 0.05 = 240 000
    assert prices["price_cny_ha"].dropna().to_dict() == pytest.approx(
        {
            ("forest", 2): 88_000.0,
            ("forest", 3): 60_000.0,
            ("forest", 4): 36_000.0,
            ("wetland", 3): 240_000.0,
        }
    )
    assert np.isnan(prices.loc[("cropland", 3), "price_cny_ha"])  # has no share: not appraised


def test_a_worse_grade_that_yields_more_is_pooled():
    units = pd.DataFrame(
        {
            "group": "forest",
            "grade": pd.array([1, 2, 3], dtype="Int64"),
            "area_ha": [100.0, 300.0, 100.0],
            "gep_density_cny_ha": [2e5, 3e5, 1e5],
        }
    )
    table = grading.benchmark_prices(units, RULES)
    # 2e5 · 0.01 · 1.2 / 0.05 = 48 000; 3e5 · 0.01 · 1.1 / 0.05 = 66 000; 1e5 · 0.01 / 0.05 = 20 000
    assert table["capitalised_cny_ha"].tolist() == pytest.approx([48e3, 66e3, 20e3])
    # grades 1 and 2 pooled by area: (100 · 48 + 300 · 66) / 400 = 61.5 thousand
    assert table["price_cny_ha"].tolist() == pytest.approx([61.5e3, 61.5e3, 20e3])


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(1, 1e5)), min_size=1, max_size=5))
def test_pooled_prices_fall_and_keep_the_weighted_sum(pairs):
    values, weights = (pd.Series(column) for column in zip(*pairs, strict=True))
    pooled = grading.falling(values, weights)
    assert (np.diff(pooled) <= 1e-6).all()
    assert (pooled * weights).sum() == pytest.approx((values * weights).sum(), abs=1e-3)


def test_a_negative_yield_has_no_price_below_nothing():
    result = example(density=[[-1e5] * 8])
    assert (result.prices["price_cny_ha"].dropna() == 0).all()
    assert result.units["score"].ge(0).all()


@given(factor, factor, factor)
def test_scores_lie_between_0_and_1_and_rest_on_what_is_known(density, cond, access):
    frame = pd.DataFrame({"gep_density": [density], "condition": [cond], "accessibility": [access]})
    value, covered = grading.score(frame, RULES.weights)
    if frame.isna().all(axis=None):
        assert np.isnan(value[0])
        assert covered[0] == 0
        return
    known = frame.loc[0].dropna()
    assert known.min() - 1e-9 <= value[0] <= known.max() + 1e-9
    assert covered[0] == pytest.approx(sum(RULES.weights[name] for name in known.index))


def test_grades_at_their_limits():
    got = grading.grade(
        pd.Series([1.0, 0.8, 0.1 + 0.7, 0.79, 0.2, 0.0, np.nan]), [0.8, 0.6, 0.4, 0.2]
    )
    # 0.1 + 0.7 is a rounding error below 0.8 and still grade 1
    assert got.tolist()[:6] == [1, 1, 1, 2, 4, 5]
    assert got.isna().tolist()[6]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_areas_of_grades_close_and_the_map_agrees(data):
    shape = data.draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    size = shape[0] * shape[1]

    def draw(of):
        return np.array(data.draw(st.lists(of, min_size=size, max_size=size))).reshape(shape)

    land_cover = draw(st.sampled_from([FOREST, PADDY, WATER, URBAN]))
    coverage = draw(st.sampled_from([0.0, 0.5, 1.0]))
    coverage[0, 0] = 1.0
    density = draw(st.one_of(st.floats(0, 2e6), st.just(np.nan)))
    result = grade_of(land_cover, density, draw(factor), draw(factor), coverage)
    whole = coverage.sum() * CELL_HA
    graded = result.prices["area_ha"].sum()
    assert result.units["area_ha"].sum() == pytest.approx(whole)
    assert graded + result.ungraded_ha == pytest.approx(whole)
    by_grade = result.prices.groupby("grade")["area_ha"].sum()
    for number, area in by_grade.items():
        cells = (result.grades == number).to_numpy()
        assert coverage[cells].sum() * CELL_HA == pytest.approx(area)
    assert np.isnan(result.grades.to_numpy()[coverage == 0]).all()
    assert result.units["score"].dropna().between(0, 1).all()
    for _, own in result.prices.groupby("group"):
        assert not (own["price_cny_ha"].diff() > 1e-6).any()


def test_cells_without_a_density_do_not_count_and_units_without_any_have_no_grade():
    nan = np.nan
    result = example(density=[[4e5, nan, nan, 3e5, 8e5, 4e5, nan, nan]])
    units = result.units.set_index("id")
    assert units.loc["forest-0001", "score"] == pytest.approx(0.77)  # as with both cells at 4e5
    assert units["grade"].isna().to_dict() == {
        "forest-0001": False,
        "forest-0002": True,
        "forest-rest": False,
        "cropland-rest": True,
        "wetland-0001": False,
    }
    assert result.ungraded_ha == 300.0
    np.testing.assert_array_equal(np.isnan(result.grades[0]), [0, 0, 1, 0, 0, 0, 1, 1])


def test_a_missing_condition_leaves_its_weight_to_the_others():
    units = example(cond=[[np.nan] * 8]).units.set_index("id")
    # (0.5 · 0.8 + 0.2 · 0.5) / 0.7
    assert units.loc["forest-0001", "score"] == pytest.approx(0.5 / 0.7)
    assert units.loc["forest-0001", "weight_covered"] == pytest.approx(0.7)


def test_units_do_not_turn_with_the_map():
    def mirrored(values):
        return [row[::-1] for row in values]

    given = {
        "land_cover": [[FOREST, FOREST, FOREST, PADDY, WATER, WATER, FOREST, FOREST]],
        "density": [[4e5, 4e5, 2e5, 3e5, 8e5, 4e5, 1e5, 3e5]],
        "cond": [[1.0, 0.8, 0.5, 0.4, 0.5, 0.5, 0.4, 0.6]],
        "access": [[0.5, 0.5, 1.0, 0.0, 0.25, 0.75, 0.0, 0.0]],
    }
    first = grade_of(**given)
    second = grade_of(**{name: mirrored(values) for name, values in given.items()})
    pd.testing.assert_frame_equal(first.units, second.units)
    pd.testing.assert_frame_equal(first.prices, second.prices)
    np.testing.assert_array_equal(first.grades, second.grades[:, ::-1])


@pytest.mark.parametrize("factor_of_money", [0.1, 7.0])
def test_grades_do_not_depend_on_the_currency_and_prices_follow_it(factor_of_money):
    ranges = {
        kind: Reference(low=r.low * factor_of_money, high=r.high * factor_of_money)
        for kind, r in RULES.density_range.items()
    }
    density = np.array([[4e5, 4e5, 2e5, 3e5, 8e5, 4e5, 1e5, 3e5]]) * factor_of_money
    scaled = example(density=density, params=RULES.model_copy(update={"density_range": ranges}))
    plain = example()
    pd.testing.assert_series_equal(scaled.units["score"], plain.units["score"])
    np.testing.assert_array_equal(scaled.grades, plain.grades)
    np.testing.assert_allclose(
        scaled.prices["price_cny_ha"], plain.prices["price_cny_ha"] * factor_of_money
    )


def test_a_large_patch_is_cut_along_the_net():
    land_cover = [[FOREST] * 6]
    values = [[1e5] * 6], [[0.5] * 6], [[0.5] * 6]
    cut = RULES.model_copy(update={"net_width_m": 4000.0})
    units = grade_of(land_cover, *values, params=cut).units.set_index("id")
    # centres at 500, 1500 … 5500 m: four cells in the first square of 4 km, two in the second
    assert units["area_ha"].to_dict() == {"forest-0001": 400.0, "forest-0002": 200.0}
    assert len(grade_of(land_cover, *values).units) == 1


def test_density_from_values_and_maps():
    coverage = grid([[1.0, 0.5, 0.0]])
    parts = [(600.0, grid([[1.0, 4.0, 9.0]])), (150.0, grid([[0.0, 0.0, 1.0]]))]
    density = grading.gep_density(parts, coverage, CELL_HA)
    # 600 by 1·1 + 4·0.5 = 3 of 100 ha: 2 and 8 a ha; 150 evenly on 150 ha: 1
    np.testing.assert_allclose(density, [[3.0, 9.0, np.nan]])
    total = float((density * coverage).sum()) * CELL_HA
    assert total == pytest.approx(750.0)  # 3 · 100 + 9 · 50
    assert density.attrs["units"] == "CNY ha-1 a-1"


def test_ledger_rows():
    nan = np.nan
    result = example(density=[[4e5, 4e5, nan, 3e5, 8e5, 4e5, 1e5, 3e5]])
    rows = grading.entries(
        result, origin="modelled", price_year=2020, price_basis="comparable", quality="design"
    )
    frame = ledger.build(rows, release="r", year=2023, county_code="330106")
    table = frame.set_index(["item", "measure"])
    assert frame["account"].eq("grading").all()
    assert table.loc[("forest.grade_2", "price"), "value"] == pytest.approx(88_000.0)
    assert table.loc[("forest.grade_2", "price"), "unit"] == "CNY ha-1"
    assert table.loc[("forest.grade_2", "price"), "price_year"] == 2020
    assert table.loc[("forest.grade_2", "area"), "price_basis"] == ""
    assert table.loc[("cropland.ungraded", "area"), "value"] == 100.0
    assert table.xs("area", level="measure")["value"].sum() == pytest.approx(800.0)


def test_wrong_inputs_are_refused():
    land_cover = grid([[FOREST, FOREST]])
    given = {
        "land_cover": land_cover,
        "coverage": xr.ones_like(land_cover),
        "gep_density": grid([[1.0, 1.0]], "CNY ha-1 a-1"),
        "condition": grid([[1.0, 1.0]]),
        "accessibility": grid([[1.0, 1.0]]),
        "cell_area_ha": CELL_HA,
        "params": RULES,
    }
    with pytest.raises(UnitError, match="'gep_density' must be in 'CNY ha-1 a-1'"):
        grading.compute(**{**given, "gep_density": grid([[1.0, 1.0]], "CNY")})
    with pytest.raises(GridMismatchError):
        grading.compute(**{**given, "condition": grid([[1.0, 1.0]], step=500.0)})
    with pytest.raises(CoverageError, match="have no ecosystem type"):
        grading.compute(**{**given, "land_cover": grid([[FOREST, np.nan]])})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "weights",
            {"gep_density": 0.5, "condition": 0.5, "accessibility": 0.1},
            r"must sum to 1, sum is 1\.1",
        ),
        ("weights", {"gep_density": 1.0}, "must weigh exactly gep_density, condition"),
        ("class_limits", {"land": [0.8, 0.6, 0.4, 0.2]}, "exactly the rows land, water"),
        (
            "class_limits",
            {"land": [0.8, 0.8, 0.4, 0.2], "water": [0.8, 0.6, 0.4, 0.2]},
            "land: limits must fall",
        ),
        ("grade_multipliers", [1.1, 1.0], "2 grade_multipliers need 1 limits, got 4"),
        ("net_income_share", {"woods": 0.1}, r"unknown ecosystem groups \['woods'\]"),
        ("capitalisation_rate", 0.0, "greater than 0"),
    ],
)
def test_bad_rules_are_refused_by_name(field, value, message):
    with pytest.raises(ValidationError, match=message):
        GradingParams(**{**PARAMS.model_dump(), field: value})


def test_a_bad_weight_in_a_layer_becomes_a_parameter_error():
    key = "grading.weights"
    weights = {"gep_density": 0.9, "condition": 0.3, "accessibility": 0.2}
    bad = {**SET.entries[key].model_dump(), "value": weights}
    broken = SET.model_copy(update={"entries": {**SET.entries, key: Parameter(**bad)}})
    with pytest.raises(ParameterError, match=r"grading.weights: .*must sum to 1, sum is 1\.4"):
        broken.section(grading.SECTION, GradingParams)


@pytest.mark.parametrize("code", ["331181", "330106"])
def test_laws_on_the_open_pack(code):
    inputs = Run.open("inventory", code, 2023).inputs()
    state = condition.compute(inputs, SET.section(condition.SECTION, condition.ConditionParams))
    access = grading.county_accessibility(inputs, PARAMS)
    built_up = (inputs.land_cover == URBAN).to_numpy()
    assert (access.to_numpy()[built_up] == 1).all()
    assert access.to_numpy()[~built_up].max() < 1
    density = grading.gep_density([(1e10, state.score.fillna(0.0))], inputs.coverage, 100.0)
    result = grading.compute(
        land_cover=inputs.land_cover,
        coverage=inputs.coverage,
        gep_density=density,
        condition=state.score,
        accessibility=access,
        cell_area_ha=inputs.cell_area_ha,
        params=PARAMS,
    )
    whole = float(inputs.coverage.sum()) * inputs.cell_area_ha
    assert result.units["area_ha"].sum() == pytest.approx(whole)
    assert result.ungraded_ha == 0
    assert result.units["id"].is_unique


def test_neighbours_beyond_the_border_are_reached():
    # 淳安 lies at the edge of towns of its neighbours: a wider search never makes it less accessible
    inputs = Run.open("inventory", "330127", 2023).inputs()
    near = grading.county_accessibility(
        inputs, PARAMS.model_copy(update={"search_distance_m": 0.0})
    )
    far = grading.county_accessibility(inputs, PARAMS)
    assert (far >= near).all()
    assert float((far - near).max()) > 0
