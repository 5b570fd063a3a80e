"""Condition: scores by hand, what is missing is said, the index rests on the rest."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook import ledger
from gepbook.errors import CodeError, CoverageError, ParameterError, UnitError
from gepbook.inventory import condition
from gepbook.inventory.condition import ConditionParams, Reference
from gepbook.params import Parameter, resolve
from gepbook.run import Run

SET = resolve(None, 2023, "db33-2020")
PARAMS = SET.section(condition.SECTION, ConditionParams)
FOREST, PADDY, WATER, URBAN, BARE = 11, 41, 52, 61, 71
CELL_HA = 100.0
RULES = PARAMS.model_copy(
    update={
        "vegetation_cover": {
            "evergreen_broadleaf_forest": Reference(low=20.0, high=90.0),
            "paddy": Reference(low=0.0, high=80.0),
        },
        "net_primary_productivity": {
            "evergreen_broadleaf_forest": Reference(low=200.0, high=1000.0)
        },
        "effective_mesh_size": {
            "forest": Reference(low=0.0, high=400.0),
            "wetland": Reference(low=0.0, high=400.0),
        },
        "good_air_days": Reference(low=60.0, high=100.0),
        "weights": {
            "forest": {
                "vegetation_cover": 0.4,
                "net_primary_productivity": 0.3,
                "effective_mesh_size": 0.2,
                "good_air_days": 0.1,
            },
            "cropland": {"vegetation_cover": 0.5, "good_air_days": 0.5},
            "wetland": {"effective_mesh_size": 0.3, "water_quality": 0.7},
        },
    }
)


def grid(values, units="1"):
    values = np.asarray(values, dtype="float64")
    coords = {"y": -1000.0 * np.arange(len(values)), "x": 1000.0 * np.arange(values.shape[1])}
    return xr.DataArray(values, coords=coords, dims=("y", "x"), attrs={"units": units})


class Inputs(SimpleNamespace):
    """A county of a few cells with what it is given."""

    cell_area_ha, county_code = CELL_HA, "330000"

    def has(self, name):
        return name in self.layers or name in self.tables or name == "land_cover"

    def layer(self, name):
        return self.layers[name]

    def table(self, name):
        return self.tables[name]

    def origin(self, name):
        return self.origins.get(name, "observed")

    change_origin = origin


def county(land_cover, *, layers=None, tables=None, coverage=None, origins=None, year=2023):
    land_cover = grid(land_cover)
    return Inputs(
        land_cover=land_cover,
        coverage=xr.ones_like(land_cover) if coverage is None else grid(coverage),
        layers=layers or {},
        tables={name: pd.DataFrame(columns) for name, columns in (tables or {}).items()},
        origins=origins or {},
        year=year,
    )


def full(**more):
    """Three cells of forest (one apart), a paddy, a water; one row, so that patches are plain."""
    given = {
        "land_cover": [[FOREST, FOREST, PADDY, FOREST, WATER]],
        "layers": {
            "vegetation_cover": grid([[90.0, 55.0, 40.0, 95.0, 0.0]], "percent"),
            "net_primary_productivity": grid([[600.0, 600.0, 500.0, 1200.0, 0.0]], "g m-2 a-1"),
        },
        "tables": {
            "environment": {"good_air_days_percent": [90.0]},
            "water_sections": {"water_class": ["Ⅱ", "Ⅲ"]},
        },
    }
    return county(**{**given, **more})


def scores(account):
    return account.indicators.set_index(["group", "indicator"])["score"]


def test_the_defaults_are_a_valid_section():
    assert SET.worst_confidence(condition.SECTION) == "design"
    assert set(PARAMS.weights) == {"forest", "shrub", "grassland", "cropland", "wetland", "urban"}


@pytest.mark.parametrize(
    ("value", "expected"), [(20, 0.0), (55, 0.5), (90, 1.0), (95, 1.0), (0, 0.0)]
)
def test_relative_by_hand(value, expected):
    assert condition.relative(value, 20.0, 90.0) == pytest.approx(expected)  # 35 / 70 = 0.5


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_scores_lie_between_0_and_1_and_do_not_depend_on_the_unit(value, low, span):
    score = condition.relative(value, low, low + span)
    assert 0 <= score <= 1
    assert condition.relative(value * 4, low * 4, (low + span) * 4) == pytest.approx(score)


def test_missing_stays_missing():
    assert np.isnan(condition.relative(np.nan, 0.0, 1.0))


def test_account_by_hand():
    account = condition.compute(full(), RULES)
    got = scores(account)
    # cover: (90 − 20)/70 = 1, (55 − 20)/70 = 0.5, 95 → 1; mean 2.5/3
    assert got["forest", "vegetation_cover"] == pytest.approx(2.5 / 3)
    # production: (600 − 200)/800 = 0.5 twice, 1200 → 1; mean 2/3
    assert got["forest", "net_primary_productivity"] == pytest.approx(2 / 3)
    # patches of 200 and 100 ha: (4 + 1)·10⁴ / 300 = 166.67 of 400 ha
    assert got["forest", "effective_mesh_size"] == pytest.approx(500 / 3 / 400)
    assert got["forest", "good_air_days"] == pytest.approx(0.75)  # (90 − 60) / 40
    assert got["cropland", "vegetation_cover"] == pytest.approx(0.5)  # 40 / 80
    assert got["wetland", "water_quality"] == pytest.approx(0.7)  # (0.8 + 0.6) / 2
    assert got["wetland", "effective_mesh_size"] == pytest.approx(0.25)  # 100 / 400
    forest = 0.4 * 2.5 / 3 + 0.3 * 2 / 3 + 0.2 * 500 / 1200 + 0.1 * 0.75
    cropland, wetland = 0.5 * 0.5 + 0.5 * 0.75, 0.7 * 0.7 + 0.3 * 0.25
    index = account.index["score"]
    assert index["forest"] == pytest.approx(forest)
    assert index["cropland"] == pytest.approx(cropland)
    assert index["wetland"] == pytest.approx(wetland)
    assert index["county"] == pytest.approx((3 * forest + cropland + wetland) / 5)
    assert (account.index["weight_covered"] == 1).all()
    assert account.indicators["note"].eq("").all()
    values = account.indicators.set_index(["group", "indicator"])["value"]
    assert values["forest", "vegetation_cover"] == pytest.approx(80.0)  # (90 + 55 + 95) / 3


def test_the_map_averages_to_the_index():
    inputs = full(coverage=[[1.0, 0.5, 1.0, 0.25, 1.0]])
    account = condition.compute(inputs, RULES)
    mean = float((account.score * inputs.coverage).sum() / inputs.coverage.sum())
    assert mean == pytest.approx(account.index.loc["county", "score"])


def test_coverage_weighs_the_cells():
    account = condition.compute(full(coverage=[[1.0, 0.5, 1.0, 0.0, 1.0]]), RULES)
    # forest cells of 100 and 50 ha score 1 and 0.5: 1.25 / 1.5
    assert scores(account)["forest", "vegetation_cover"] == pytest.approx(1.25 / 1.5)
    assert np.isnan(account.score[0, 3])


def test_without_any_layer_or_table_all_is_declared_missing():
    account = condition.compute(full(layers={}, tables={}), RULES)
    table = account.indicators.set_index(["group", "indicator"])
    missing = table[table["score"].isna()]
    assert set(missing.index.get_level_values("indicator")) == {
        "vegetation_cover",
        "net_primary_productivity",
        "water_quality",
        "good_air_days",
    }
    assert missing["note"].str.contains("/ no such").all()
    assert (missing["covered_share"] == 0).all()
    # forest keeps the mesh alone: 0.4167, weight 0.2; cropland nothing at all
    assert account.index.loc["forest", "score"] == pytest.approx(500 / 1200)
    assert account.index.loc["forest", "weight_covered"] == pytest.approx(0.2)
    assert np.isnan(account.index.loc["cropland", "score"])
    assert account.index.loc["cropland", "weight_covered"] == 0
    # county: (3 · 0.2 + 0 + 0.3) / 5 of the weight
    assert account.index.loc["county", "weight_covered"] == pytest.approx(0.18)
    assert "缺 植被覆盖度" in account.index.loc["cropland", "note"]


def test_a_missing_indicator_leaves_its_weight_to_the_others():
    inputs = full()
    del inputs.tables["water_sections"]
    account = condition.compute(inputs, RULES)
    assert account.index.loc["wetland", "score"] == pytest.approx(0.25)
    assert account.index.loc["wetland", "weight_covered"] == pytest.approx(0.3)
    assert account.score[0, 4] == pytest.approx(0.25)


def test_gaps_in_a_layer_are_left_out_and_said():
    inputs = full()
    inputs.layers["vegetation_cover"] = grid([[90.0, np.nan, np.nan, 55.0, 0.0]], "percent")
    account = condition.compute(inputs, RULES)
    table = account.indicators.set_index(["group", "indicator"])
    row = table.loc["forest", "vegetation_cover"]
    assert row["score"] == pytest.approx(0.75)  # (1 + 0.5) / 2
    assert row["covered_share"] == pytest.approx(2 / 3)
    assert "5 个格网中 2 个无值" in row["note"]
    assert np.isnan(table.loc[("cropland", "vegetation_cover"), "score"])
    assert account.index.loc["cropland", "score"] == pytest.approx(0.75)  # air alone
    # cell 1 has no cover: (0.3 · 0.5 + 0.2 · 5/12 + 0.1 · 0.75) / 0.6
    assert account.score[0, 1] == pytest.approx((0.15 + 0.2 * 5 / 12 + 0.075) / 0.6)


def test_groups_without_indicators_have_no_index():
    account = condition.compute(full(land_cover=[[FOREST, FOREST, BARE, FOREST, WATER]]), RULES)
    row = account.index.loc["other"]
    assert np.isnan(row["score"])
    assert "no indicators" in row["note"]
    assert account.index.loc["county", "weight_covered"] == pytest.approx(0.8)  # 4 of 5 cells


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"good_air_days_percent": []}, "no row"),
        ({"good_air_days_percent": [np.nan]}, "not filled in"),
        ({"other": [1.0]}, "no such column"),
    ],
)
def test_a_figure_that_is_not_there_is_declared_missing(table, reason):
    inputs = full()
    inputs.tables["environment"] = pd.DataFrame(table)
    table = condition.compute(inputs, RULES).indicators
    row = table[table["indicator"] == "good_air_days"].iloc[0]
    assert np.isnan(row["score"])
    assert reason in row["note"]


def test_water_classes():
    table = PARAMS.water_class_score
    assert condition.water_quality(pd.Series(["Ⅰ", "劣Ⅴ"]), table) == (0.5, "")
    value, note = condition.water_quality(pd.Series(["Ⅰ", None, "Ⅳ"]), table)
    assert value == pytest.approx(0.7)  # (1 + 0.4) / 2
    assert "3 个断面中 1 个" in note
    value, note = condition.water_quality(pd.Series([None], dtype="str"), table)
    assert np.isnan(value)
    assert "no section has a class" in note
    with pytest.raises(CodeError, match="water_class 'Ⅵ' is no class"):
        condition.water_quality(pd.Series(["Ⅰ", "Ⅵ"]), table)


def test_wrong_inputs_are_refused():
    inputs = full()
    inputs.layers["vegetation_cover"].attrs["units"] = "1"
    with pytest.raises(UnitError, match="vegetation_cover: must be in 'percent'"):
        condition.compute(inputs, RULES)
    with pytest.raises(CoverageError, match="have no ecosystem type"):
        condition.compute(county([[FOREST, np.nan]]), RULES)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.lists(st.floats(0, 100), min_size=6, max_size=6))
def test_the_order_of_cells_does_not_matter_without_neighbours(order, cover):
    def index(places):
        cells = [[PADDY], [BARE]] * 3
        values = [[cover[i]] if row % 2 == 0 else [0.0] for row, i in enumerate(places)]
        layers = {"vegetation_cover": grid(values, "percent")}
        return condition.compute(county(cells, layers=layers), RULES).index.loc["cropland", "score"]

    # three paddies apart: any order of the same three covers gives the same index
    paddies = [order[0], order[2], order[4]]
    other = [paddies[2], order[1], paddies[0], order[3], paddies[1], order[5]]
    first = index(order)
    assert 0 <= first <= 1
    assert index(other) == pytest.approx(first)


def test_change_by_hand():
    opening = condition.compute(full(year=2022), RULES)
    inputs = full()
    inputs.layers["vegetation_cover"] = grid([[90.0, 90.0, 40.0, 95.0, 0.0]], "percent")
    table = condition.change(opening, condition.compute(inputs, RULES))
    table = table.set_index(["group", "indicator"])
    # the second cell's score goes from 0.5 to 1: 0.5 / 3, in the index 0.4 of it, in the county 3 / 5
    assert table.loc[("forest", "vegetation_cover"), "score_change"] == pytest.approx(0.5 / 3)
    assert table.loc[("forest", "index"), "score_change"] == pytest.approx(0.2 / 3)
    assert table.loc[("county", "index"), "score_change"] == pytest.approx(0.04)
    assert table.loc[("cropland", "index"), "score_change"] == pytest.approx(0.0)
    closed = table["score_opening"] + table["score_change"]
    pd.testing.assert_series_equal(closed, table["score_closing"], check_names=False)


def test_indices_of_different_indicators_are_not_compared():
    opening = condition.compute(full(year=2022, tables={}), RULES)
    table = condition.change(opening, condition.compute(full(), RULES))
    table = table.set_index(["group", "indicator"])
    for group in ("forest", "cropland", "wetland", "county"):
        assert np.isnan(table.loc[(group, "index"), "score_change"])
        assert "不可比" in table.loc[(group, "index"), "note"]
    assert table.loc[("forest", "vegetation_cover"), "score_change"] == pytest.approx(0.0)


def test_ledger_rows():
    inputs = full(origins={"vegetation_cover": "modelled", "environment": "illustrative"})
    del inputs.tables["water_sections"]
    opening = condition.compute(inputs, RULES)
    rows = condition.entries(condition.compute(inputs, RULES), inputs, opening, "design")
    frame = ledger.build(rows, release="r", year=2023, county_code="330106")
    assert frame["account"].eq("condition").all()
    assert frame["quality"].eq("design").all()
    table = frame.set_index(["item", "measure"])
    assert table.loc[("forest.vegetation_cover", "value"), "unit"] == "percent"
    assert table.loc[("forest.vegetation_cover", "value"), "value"] == pytest.approx(80.0)
    assert table.loc[("forest.vegetation_cover", "reference_high"), "value"] == 90.0
    assert table.loc[("forest.vegetation_cover", "score_change"), "value"] == 0.0
    assert table.loc[("forest.vegetation_cover", "score"), "origin"] == "modelled"
    assert table.loc[("forest.effective_mesh_size", "score"), "origin"] == "observed"
    assert table.loc[("index", "score"), "origin"] == "illustrative"
    assert table.loc[("index", "score"), "method_id"] == "seea-ea/condition/index"
    missing = table.loc[("wetland.water_quality", "missing")]
    assert (missing["value"], missing["unit"]) == (1.0, "1")
    assert "no such table" in missing["note"]
    assert ("wetland.water_quality", "score") not in table.index


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weights", {"forest": {"vegetation_cover": 0.9}}, "forest: weights must sum to 1"),
        ("weights", {"forest": {"colour": 1.0}}, r"forest: unknown indicators \['colour'\]"),
        ("weights", {"woods": {"vegetation_cover": 1.0}}, "unknown ecosystem groups"),
        ("vegetation_cover", {"oak": {"low": 0, "high": 1}}, r"unknown ecosystem types \['oak'\]"),
        ("good_air_days", {"low": 90, "high": 60}, "low must be below high"),
        ("water_class_score", {"Ⅰ": 1.0}, "must score exactly the classes"),
        (
            "water_class_score",
            {"Ⅰ": 0.5, "Ⅱ": 0.8, "Ⅲ": 0.6, "Ⅳ": 0.4, "Ⅴ": 0.2, "劣Ⅴ": 0.0},
            "must not score higher",
        ),
    ],
)
def test_bad_parameters_are_refused_by_name(field, value, message):
    with pytest.raises(ValidationError, match=message):
        ConditionParams(**{**PARAMS.model_dump(), field: value})


def test_a_bad_weight_in_a_layer_becomes_a_parameter_error():
    key = "condition.weights"
    bad = {**SET.entries[key].model_dump(), "value": {"forest": {"good_air_days": 0.5}}}
    broken = SET.model_copy(update={"entries": {**SET.entries, key: Parameter(**bad)}})
    with pytest.raises(ParameterError, match=r"condition.weights: .*weights must sum to 1"):
        broken.section(condition.SECTION, ConditionParams)


@pytest.mark.parametrize("code", ["331181", "330106", "330903"])
def test_laws_on_the_open_pack(code):
    run = Run.open("inventory", code, 2023)
    inputs = run.inputs()
    account = condition.compute(inputs, PARAMS)
    rows = condition.entries(account, inputs, condition.compute(run.inputs(2022), PARAMS))
    assert len(run.build_ledger(rows)) == len(rows)
    known = account.score.notnull()
    assert account.score.where(known, 0.0).to_numpy().min() >= 0
    assert account.score.max() <= 1
    weight = (inputs.coverage * known).sum()
    mean = float((account.score.fillna(0.0) * inputs.coverage).sum() / weight)
    assert mean == pytest.approx(account.index.loc["county", "score"])
    areas = account.index["area_ha"]
    assert areas.drop("county").sum() == pytest.approx(areas["county"])


def test_history_of_the_index_is_that_of_each_year():
    """The same figures as each year's own account, whatever was computed already."""
    inputs = Run.open("inventory", "330903", 2023).inputs()
    own = [
        condition.compute(Run.open("inventory", "330903", year).inputs(), PARAMS)
        for year in (2020, 2021, 2022, 2023)
    ]
    for known in ((), own[2:]):
        rows = condition.history_entries(inputs, PARAMS, known, "design")
        assert {row["measure"]: row["value"] for row in rows} == {
            f"value_{state.year}": state.index.loc["county", "score"] for state in own
        }
        assert {(row["account"], row["item"]) for row in rows} == {("condition_history", "index")}


def test_years_of_other_indicators_are_no_history():
    """2022 lacks the days of good air: it cannot stand beside 2023."""
    inputs = Run.open("inventory", "330903", 2023).inputs()
    states = [
        condition.compute(Run.open("inventory", "330903", year).inputs(), PARAMS)
        for year in (2022, 2023)
    ]
    table = states[0].indicators
    table.loc[table["indicator"] == "good_air_days", "score"] = np.nan
    rows = condition.history_entries(inputs, PARAMS, states, "design")
    assert [row["measure"] for row in rows] == ["value_2020", "value_2021", "value_2023"]


def test_a_group_that_came_is_a_change_that_history_tells():
    """Wetland is there from 2023 on; 2022 rests on the same indicators all the same."""
    inputs = Run.open("inventory", "330903", 2023).inputs()
    before, now = (
        condition.compute(Run.open("inventory", "330903", year).inputs(), PARAMS)
        for year in (2022, 2023)
    )
    dry = replace(before, indicators=before.indicators[before.indicators["group"] != "wetland"])
    rows = condition.history_entries(inputs, PARAMS, (dry, now), "design")
    assert "value_2022" in {row["measure"] for row in rows}
