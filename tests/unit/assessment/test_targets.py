"""Tracking targets: path, trend and state by hand, counties' parts, what is refused, a target added."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_pool
from scipy.stats import linregress, t

from gepbook import counties, params, paths
from gepbook.assessment import targets
from gepbook.assessment.targets import forecast, measures, mechanism, outlooks, reading
from gepbook.assessment.targets.rules import SECTION, STATES, Target, TargetParams
from gepbook.assessment.topic import Evidence
from gepbook.errors import ParameterError
from gepbook.province import Registers
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section(SECTION, TargetParams)
A, B = "330102", "331181"
SHARE = {
    "kind": "share", "table": "loans", "column": "green_loans_cny", "of": "loans_cny",
    "confidence": "published",
}  # fmt: skip


DATED = {
    "kind": "dated", "table": "resource_units", "date": "registered_on",
    "where": {"important": True}, "having": {"status": "已登簿"}, "confidence": "design",
}  # fmt: skip


def target(**changed):
    """Return a target, 20 in 2020 → 40 in 2030, that is no proportion."""
    given = {
        "name_zh": "甲", "name_en": "a", "short_zh": "甲", "direction": "up", "baseline_year": 2020,
        "value": 40.0, "due_year": 2030, "proportion": False, "card": False, "measure": SHARE,
    }  # fmt: skip
    return Target(**{**given, **changed})


def series(*values, first=2020):
    years = range(first, first + len(values))
    return pd.DataFrame([values], columns=list(years), dtype="float64")


def look(values, wanted, year):
    return forecast.look(values, wanted, year, RULES).iloc[0]


# Path, trend, state


def test_path_and_pace_by_hand():
    """20 → 40 in ten years: 26 after three. 23 leaves 17 for seven years; 3 in three is 1 a year."""
    found = look(series(20.0, 21.0, 22.0, 23.0), target(), 2023)
    assert found["path"] == pytest.approx(26.0)
    assert found["needed_per_year"] == pytest.approx(17 / 7)
    assert found["pace_per_year"] == pytest.approx(1.0)
    assert (found["baseline"], found["latest_year"], found["latest"]) == (20.0, 2023, 23.0)


def test_path_ends_at_the_target():
    wanted, base = target(), pd.Series([20.0, 20.0, 20.0])
    years = pd.Series([2030, 2034, 2019])
    assert forecast.path(base, wanted, years).tolist()[:2] == [40.0, 40.0]
    assert np.isnan(forecast.path(base, wanted, years)[2])


def test_trend_by_hand():
    """y = 1, 2, 4 in 2020–22: slope 1.5, mean 7/3; residuals 1/6, −1/3, 1/6, s² = 1/6 with 1 degree."""
    found = forecast.trend(np.array([[1.0, 2.0, 4.0]]), np.array([2020, 2021, 2022]), 2024, 0.9)[0]
    mid = 7 / 3 + 1.5 * 3
    half = t.ppf(0.95, 1) * (1 / 6) ** 0.5 * (1 + 1 / 3 + 9 / 2) ** 0.5
    assert found == pytest.approx([mid, mid - half, mid + half])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=8))
def test_trend_is_the_line_of_least_squares(values):
    years = np.arange(2020, 2020 + len(values))
    fit = linregress(years - 2020.0, values)
    found = forecast.trend(np.array([values]), years, 2035, 0.9)[0]
    assert found[0] == pytest.approx(fit.intercept + 15 * fit.slope, rel=1e-6, abs=1e-3)
    assert found[1] <= found[0] <= found[2]


def test_exact_line_has_no_width():
    found = look(series(20.0, 23.0, 26.0, 29.0), target(), 2023)
    assert found["forecast"] == pytest.approx(50.0)
    assert found["high"] - found["low"] == pytest.approx(0.0, abs=1e-6)
    assert found["state"] == "on_track"


def test_states_before_the_due_year():
    """The interval decides: all of it, none of it, or some of it reaches 40."""
    assert look(series(20.0, 41.0), target(), 2021)["state"] == "met"
    assert look(series(20.0, 21.0, 22.0), target(), 2022)["state"] == "off_track"
    assert look(series(20.0, 25.0, 22.0, 27.0), target(), 2023)["state"] == "open"
    assert look(series(20.0, 25.0), target(), 2021)["state"] == "too_short"


def test_states_from_the_due_year_on():
    wanted = target(due_year=2022)
    assert look(series(20.0, 30.0, 40.0), wanted, 2022)["state"] == "met"
    assert look(series(20.0, 30.0, 39.9), wanted, 2022)["state"] == "missed"
    assert look(series(20.0, 30.0, 39.0, 41.0), wanted, 2023)["state"] == "late"
    assert look(series(20.0, 30.0, 41.0, 39.0), wanted, 2023)["state"] == "missed"
    assert look(series(20.0, 30.0), wanted, 2022)["state"] == "unmeasured"
    assert look(series(45.0, np.nan, np.nan, np.nan), wanted, 2023)["state"] == "unmeasured"
    assert np.isnan(look(series(20.0, 30.0, 40.0), wanted, 2022)["forecast"])


def test_fewer_years_than_the_rule_give_no_forecast():
    found = look(series(20.0, 30.0), target(), 2021)
    assert np.isnan(found["forecast"])
    assert found["state"] == "too_short"


def test_proportions_stay_between_0_and_100():
    wanted = target(value=95.0, proportion=True)
    found = look(series(30.0, 55.0, 70.0, 90.0), wanted, 2023)
    assert 90.0 < found["low"] < found["forecast"] < found["high"] < 100.0
    straight = look(series(30.0, 55.0, 70.0, 90.0), target(value=95.0), 2023)
    assert straight["forecast"] > 100.0


def test_whole_proportions_have_log_odds():
    """0 and 100 count as the margin; a forecast within the margin of 100 reaches 100."""
    found = look(series(0.0, 50.0, 99.0), target(value=100.0, proportion=True), 2022)
    assert found["forecast"] > 99.5
    assert (
        look(series(0.0, 50.0, 100.0), target(value=100.0, proportion=True), 2022)["state"] == "met"
    )


def test_less_may_be_wanted():
    wanted = target(direction="down", value=10.0)
    found = look(series(20.0, 18.0, 16.0, 14.0), wanted, 2023)
    assert found["pace_per_year"] == pytest.approx(2.0)
    assert found["needed_per_year"] == pytest.approx(4 / 7)
    assert found["state"] == "on_track"
    assert look(series(20.0, 22.0, 24.0), wanted, 2022)["state"] == "off_track"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1, 99), min_size=3, max_size=6), st.floats(1, 99))
def test_mirrored_series_have_the_same_state(values, goal):
    """A share and its rest: more of one is less of the other."""
    up = target(value=goal, proportion=True)
    down = target(value=100 - goal, proportion=True, direction="down")
    year = 2019 + len(values)
    rest = [100 - value for value in values]
    assert look(series(*values), up, year)["state"] == look(series(*rest), down, year)["state"]


def test_holes_in_a_series_are_no_figures():
    found = look(series(20.0, np.nan, 26.0, 29.0), target(), 2023)
    assert found["forecast"] == pytest.approx(50.0)
    assert look(series(20.0, np.nan, np.nan), target(), 2022)["state"] == "too_short"
    assert look(series(np.nan, np.nan), target(), 2021)["state"] == "unmeasured"


# Measures


LOANS = pd.DataFrame(
    [
        (A, 2020, 10.0, 100.0),
        (B, 2020, 30.0, 100.0),
        (A, 2021, 20.0, 200.0),
        (B, 2021, 40.0, 100.0),
    ],
    columns=["county_code", "year", "green_loans_cny", "loans_cny"],
)


def test_share_is_of_sums():
    """2021: (20 + 40) / (200 + 100) = 20 %, not the mean of 10 % and 40 %."""
    wanted = target()
    parts = measures.of_share(LOANS, wanted.measure)
    assert measures.by_year(parts, wanted.measure).tolist() == [20.0, 20.0]


def test_mean_leaves_out_what_is_not_known():
    """(50·1 + 80·3) / 4 = 72.5; the product without a figure has no weight."""
    wanted = target(
        measure={
            "kind": "mean", "table": "agricultural_products", "column": "certified_percent",
            "weight": "output_value_cny", "confidence": "design",
        }
    )  # fmt: skip
    rows = pd.DataFrame(
        {
            "county_code": A, "year": 2021, "certified_percent": [50.0, 80.0, np.nan],
            "output_value_cny": [1.0, 3.0, 9.0],
        }
    )  # fmt: skip
    parts = measures.of_mean(rows, wanted.measure)
    assert measures.by_year(parts, wanted.measure).tolist() == [72.5]


def growth_target(**changed):
    measure = {
        "kind": "growth", "table": "eco_tourism", "column": "value_added_cny", "confidence": "design"
    }  # fmt: skip
    return target(value=25.0, due_year=2025, measure={**measure, **changed})


TOURISM = pd.DataFrame(
    [
        (A, 2020, 100.0),
        (B, 2020, 300.0),
        (A, 2021, 110.0),
        (B, 2021, 390.0),
        ("330105", 2021, 50.0),
    ],
    columns=["county_code", "year", "value_added_cny"],
)


def tourism_registers(rows=TOURISM, year=2021):
    return Registers(FakePack({"eco_tourism": rows.assign(income_cny=1e9)}, {}), year)


def test_growth_compares_the_same_counties():
    """500 of 400 is 25 %; the county that had no figure of 2020 is in neither."""
    wanted = growth_target()
    parts = reading.read_parts(tourism_registers(), wanted)
    assert measures.by_year(parts, wanted.measure).to_dict() == {2020: 0.0, 2021: 25.0}


def test_growth_at_comparable_prices():
    """Prices rose 4.86 % in 2021: 500 / 1.0486 of 400."""
    wanted = growth_target(price_index="gdp_deflator")
    parts = reading.read_parts(tourism_registers(), wanted)
    assert measures.by_year(parts, wanted.measure)[2021] == pytest.approx(
        100 * (500 / 1.0486 / 400 - 1)
    )


def dated_target():
    return target(measure=DATED)


def test_dates_give_the_history():
    """Of three important units one was registered by 2021, two by 2022; the undated one never."""
    rows = pd.DataFrame(
        [
            (A, "2021-12-31", True, "已登簿"),
            (A, "2022-01-01", True, "已登簿"),
            (A, None, True, "已登簿"),
            (A, "2020-05-01", False, "已登簿"),
        ],
        columns=["county_code", "registered_on", "important", "status"],
    )
    wanted = dated_target()
    parts = measures.of_dates(rows, wanted.measure, range(2021, 2023))
    assert parts["whole"].tolist() == [3.0, 3.0]
    assert measures.by_year(parts, wanted.measure).tolist() == pytest.approx([100 / 3, 200 / 3])


def test_registered_units_agree_with_the_inventory():
    """Counted as the inventory counts: important, 已登簿, with a date up to the year's end."""
    registers = Registers(open_pack(str(paths.OPEN_PACK)), 2023)
    rows = reading.read_rows(registers, "resource_units")
    wanted = RULES.targets["important_registration"]
    parts = reading.read_parts(registers, wanted)
    own = rows[(rows["county_code"] == B) & rows["important"]]
    counted = own["registered_on"].notna() & (own["status"] == "已登簿")
    now = parts[(parts["county_code"] == B) & (parts["year"] == 2023)].iloc[0]
    assert (now["part"], now["whole"]) == (counted.sum(), len(own))
    assert wanted.value == 100 * RULE_FILE.entries["registration.target_share"].value


# Counties


def test_counties_add_up_to_the_gap_of_the_province():
    """2021: A 20 of 200, B 40 of 100; the target 40 % lacks 20 points: A 30·2/3 = 20, B 0·1/3 = 0."""
    wanted = target()
    parts = measures.of_share(LOANS, wanted.measure)
    groups = pd.Series({A: "other", B: "other"})
    found = outlooks.of_counties(parts, wanted, groups, 2021, RULES)
    assert found["gap_points"].to_dict() == pytest.approx({A: 20.0, B: 0.0})
    assert found["gap_share"].to_dict() == pytest.approx({A: 1.0, B: 0.0})
    assert found["rank"].to_dict() == {A: 2, B: 1}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(60, 900)), min_size=2, max_size=9))
def test_gaps_sum_to_that_of_the_province(pairs):
    codes = list(counties.read().index[: len(pairs)])
    parts = pd.DataFrame(
        {
            "county_code": codes,
            "year": 2021,
            "part": [p for p, _ in pairs],
            "whole": [w for _, w in pairs],
        }
    )
    wanted = target()
    found = outlooks.of_counties(parts, wanted, pd.Series("other", index=codes), 2021, RULES)
    gap = wanted.value - measures.by_year(parts, wanted.measure)[2021]
    assert found["gap_points"].sum() == pytest.approx(gap)
    mixed = outlooks.of_counties(
        parts.sample(frac=1, random_state=1), wanted, pd.Series("other", index=codes), 2021, RULES
    )
    pd.testing.assert_frame_equal(found, mixed)


def test_percentages_that_look_alike_share_a_rank():
    parts = pd.DataFrame(
        {"county_code": [A, B], "year": 2021, "part": [10.0, 10.01], "whole": 100.0}
    )
    groups = pd.Series({A: "other", B: "other"})
    found = outlooks.of_counties(parts, target(), groups, 2021, RULES)
    assert found["rank"].tolist() == [1, 1]


def test_few_counties_are_no_province():
    parts = measures.of_share(LOANS, target().measure)
    _, found = outlooks.of_province(parts, target(), 2021, RULES)
    assert (found["state"], found["light"], found["reporting"]) == ("partial", "none", 2)


def test_years_of_few_counties_are_left_out():
    """2020 has one county of two: it is no figure beside 2021 and 2022."""
    later = LOANS[LOANS["year"] == 2021]
    rows = pd.concat([LOANS.iloc[:1], later, later.assign(year=2022)])
    parts = measures.of_share(rows, target().measure)
    found, _ = outlooks.of_province(parts, target(), 2022, RULES)
    assert found.to_dict() == {2021: 20.0, 2022: 20.0}


# What is refused


def with_target(name="new", unit="percent", **value):
    """Return the rules with one target more."""
    entry = RULE_FILE.entries["targets.green_loans"].model_copy(
        update={"value": {**RULE_FILE.entries["targets.green_loans"].value, **value}, "unit": unit}
    )
    return RULE_FILE.model_copy(update={"entries": {**RULE_FILE.entries, f"targets.{name}": entry}})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"due_year": 2020}, "due_year 2020 must be after baseline_year 2020"),
        ({"due_year": 2019}, r"targets\.new.*due_year 2019 must be after baseline_year 2020"),
        ({"value": 120.0}, "a proportion must lie between 0 and 100, value is 120"),
        ({"measure": {**SHARE, "table": "loan"}}, "'loan' is not in the data dictionary. Did you mean"),
        ({"measure": {**SHARE, "of": "loans"}}, "no column 'loans'. Did you mean 'loans_cny'"),
        ({"measure": {**SHARE, "of": "county_code"}}, "'county_code' of 'loans' holds no figures"),
        ({"measure": {**SHARE, "kind": "median"}}, "does not match any of the expected tags"),
        (
            {"measure": {**SHARE, "table": "resource_units", "column": "declared_area_ha",
                         "of": "declared_area_ha"}},
            "has no years; measure it by dates",
        ),
        ({"measure": {**DATED, "date": "status"}}, "'status' of .* holds neither dates nor years"),
        ({"measure": {**DATED, "date": "declared_area_ha"}}, "Its dates are registered_on"),
        ({"measure": {**DATED, "where": {"important": "true"}}},
         "'important' of 'resource_units' cannot be 'true': write true or false, without quotes"),
        ({"measure": {**DATED, "having": {"status": True}}}, "cannot be True: write a word"),
        ({"measure": {**SHARE, "kind": "ledger_sum"}}, "does not match any of the expected tags"),
        ({"card": True, "by_county": False}, "a scorecard shows counties"),
        ({"direction": "sideways"}, "Input should be 'up' or 'down'"),
        ({"baselin": 3}, "Extra inputs are not permitted"),
        ({"measure": {"kind": "growth", "table": "loans", "column": "loans_cny", "confidence": "design"}},
         "no proportion and starts from 0"),
    ],
)  # fmt: skip
def test_wrong_targets_are_refused(changed, message):
    with pytest.raises(ParameterError, match=message):
        with_target(**changed).section(SECTION, TargetParams)


def test_misspelt_rule_is_no_target():
    entries = dict(RULE_FILE.entries)
    entries["targets.interval_levl"] = entries.pop("targets.interval_level")
    with pytest.raises(ParameterError, match="interval_level"):
        RULE_FILE.model_copy(update={"entries": entries}).section(SECTION, TargetParams)


def test_every_state_has_a_light():
    given = {k.removeprefix("targets."): p.value for k, p in RULE_FILE.under(SECTION).items()}
    lights = dict(given["lights"])
    lights.pop("late")
    with pytest.raises(ValueError, match="must give a light to exactly"):
        TargetParams(**{**given, "lights": lights})
    assert set(RULES.lights) == set(STATES) == set(targets.STATE_ZH)


def test_more_cards_than_fit_are_refused():
    with pytest.raises(ParameterError, match="at most 2 targets may have card"):
        with_target(card=True).section(SECTION, TargetParams)


def problems(registers, rules):
    return targets.check(registers, rules)


def refused(registers, rules, message):
    found = problems(registers, rules)
    assert any(re.search(message, problem) for problem in found), found


def years(*given, value=100.0):
    rows = [(code, year, value) for code in (A, B) for year in given]
    return pd.DataFrame(rows, columns=["county_code", "year", "value_added_cny"])


def test_baseline_year_that_the_table_lacks_is_refused():
    registers = tourism_registers(years(2021, 2022, 2023), 2023)
    refused(
        registers,
        RULE_FILE,
        r"eco_tourism.csv: has no rows of 2020, the baseline year of targets.ecotourism_growth; it has "
        "2021–2023. Add them, or change baseline_year in params/policy/targets.yaml",
    )


def test_short_tables_are_not_tracked_and_not_refused():
    registers = tourism_registers(years(2022, 2023), 2023)
    assert problems(registers, RULE_FILE) == []


def test_zero_baseline_is_refused():
    refused(
        tourism_registers(years(2020, 2021, 2022, value=0.0), 2022),
        RULE_FILE,
        "eco_tourism.csv: value_added_cny comes to 0 .* targets.ecotourism_growth is divided by it",
    )


def test_zero_whole_is_refused():
    loans = LOANS.assign(loans_cny=[100.0, 100.0, 0.0, 0.0])
    refused(
        Registers(FakePack({"loans": loans}, {}), 2021),
        RULE_FILE,
        "loans.csv: loans_cny comes to 0 in 2021, and targets.green_loans is divided by it",
    )


def test_target_in_another_unit_is_refused():
    measure = {"kind": "sum", "table": "loans", "column": "loans_cny", "confidence": "design"}
    rules = with_target(measure=measure, proportion=False, value=1e9)
    refused(Registers(FakePack({}, {}), 2021), rules, "has the unit 'percent'.*gives 'CNY'")


def test_word_that_a_column_cannot_hold_is_refused():
    measure = {
        "kind": "dated", "table": "resource_units", "date": "registered_on", "where": {},
        "having": {"status": "登簿"}, "confidence": "design",
    }  # fmt: skip
    registers = Registers(open_pack(str(paths.OPEN_PACK)), 2023)
    refused(registers, with_target(measure=measure), "looks for '登簿' in resource_units.status")


def test_price_index_without_the_year_is_refused():
    refused(
        tourism_registers(years(2020, 2021, 2022, 2031), 2031),
        RULE_FILE,
        "index 'gdp_deflator' has no year 2031, which targets.ecotourism_growth needs",
    )


def test_unknown_price_index_is_told_with_its_rule():
    measure = {"kind": "sum", "table": "eco_tourism", "column": "value_added_cny",
               "price_index": "gdp_deflater", "confidence": "design"}  # fmt: skip
    rules = with_target(
        unit="CNY a-1", measure=measure, proportion=False, value=1e9, due_year=20255
    )
    registers = tourism_registers(years(2020, 2021, 2022, 2023), 2023)
    refused(
        registers, rules, "targets.new: no price index 'gdp_deflater' in .*'gdp_deflator'. Correct"
    )
    refused(
        registers, rules, "targets.yaml: targets.new has the due_year 20255. Give a year from 2000"
    )


def test_swapped_proportion_is_refused():
    swapped = {**SHARE, "column": "loans_cny", "of": "green_loans_cny"}
    refused(
        Registers(open_pack(str(paths.OPEN_PACK)), 2023),
        with_target(measure=swapped),
        r"loans.csv: targets.new comes to 8\S+ in 2023, a proportion lies between 0 and 100. Swap part",
    )


def components(**changed):
    names = list(mechanism.component_names())
    frame = pd.DataFrame({"county_code": A, "component": names, "since_year": 2021.0})
    frame.loc[0, list(changed)] = list(changed.values())
    return Registers(FakePack({"mechanism_components": frame}, {}), 2023)


def test_components_are_checked():
    assert problems(components(), RULE_FILE) == []
    assert problems(components(since_year=np.nan), RULE_FILE) == []
    refused(
        components(since_year=202.0),
        RULE_FILE,
        "line 2: since_year is 202. Give a year from 2000 to",
    )
    refused(components(since_year=20222.0), RULE_FILE, "line 2: since_year is 20222. Give a year")
    refused(components(component="brands"), RULE_FILE, "must be one of .*got 'brands'")
    refused(components(component="brands"), RULE_FILE, f"county {A} has no row of registration")
    refused(components(county_code="331199"), RULE_FILE, "county '331199' is not in")


# The topic


def evidence(year=2023, rules=RULE_FILE, pack=None):
    return Evidence(
        make_pool(year), Registers(pack or open_pack(str(paths.OPEN_PACK)), year), rules
    )


@pytest.fixture(scope="module")
def open_result():
    return targets.compute(evidence(), {})


def test_open_pack_is_sound_in_every_year():
    pack = open_pack(str(paths.OPEN_PACK))
    seen = set()
    for year in pack.years:
        assert problems(Registers(pack, year), RULE_FILE) == []
        seen |= set(targets.compute(evidence(year), {}).table("tracker")["state"])
    assert {"met", "missed", "on_track", "off_track", "open", "too_short"} <= seen


def test_open_pack_tracks_every_target(open_result):
    assert open_result.lacking == ()
    assert list(open_result.table("tracker").index) == list(RULES.targets)
    assert open_result.table("tracker")["reporting"].eq(90).all()
    owners = [code for code, _ in open_result.figures]
    assert owners.count(None) >= 3 * 5
    keys = [(o, r["item"], r["measure"]) for o, r in open_result.figures]
    assert len(keys) == len(set(keys))
    assert not any(np.isnan(row["value"]) for _, row in open_result.figures)
    assert len(open_result.cards) == 2 * 90


EARLY = {
    "share": SHARE,
    "dated": DATED,
    "sum": {"table": "loans", "column": "loans_cny", "price_index": "gdp_deflator"},
    "growth": {"table": "loans", "column": "loans_cny", "price_index": "gdp_deflator"},
    "mean": {
        "table": "agricultural_products", "column": "certified_percent", "weight": "output_value_cny",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", EARLY)
def test_years_before_the_baseline_measure_nothing(kind):
    measure = {"kind": kind, "confidence": "design", **EARLY[kind]}
    wanted = with_target(
        unit="CNY" if kind == "sum" else "percent", baseline_year=2030, due_year=2035,
        proportion=False, measure=measure,
    )  # fmt: skip
    assert problems(evidence().registers, wanted) == []
    found = targets.compute(evidence(rules=wanted), {}).table("tracker").loc["new"]
    assert (found["state"], found["missing"]) == ("unmeasured", "early")


def test_why_a_target_is_not_measured_is_told():
    tourism = tourism_registers(years(2022, 2023), 2023)
    found = targets.compute(evidence(pack=tourism.pack), {}).table("tracker")["missing"]
    assert found[["ecotourism_growth", "green_loans"]].tolist() == ["baseline", "register"]
    assert found["accounting_coverage"] == "register"
    assert set(found[found != ""]) <= set(targets.MISSING_ZH)


def test_lacking_registers_are_told_and_left_out():
    pack = FakePack({}, {})
    found = targets.compute(evidence(pack=pack), {})
    assert "loans" in found.lacking
    assert found.table("tracker").loc["green_loans", "state"] == "unmeasured"
    assert set(found.table("tracker")["state"]) == {"unmeasured"}
    assert found.figures == []


def test_accounting_coverage_is_measured_by_the_register(open_result):
    """By the years in which counties set accounting up, not by the ledgers of this release."""
    rows = open_pack(str(paths.OPEN_PACK)).table("mechanism_components")
    since = rows.loc[rows["component"] == "accounting", "since_year"]
    series_ = open_result.table("series")
    found = series_[series_["target"] == "accounting_coverage"].set_index("year")["value"]
    assert found[2020] == pytest.approx(100 * (since <= 2020).mean())
    assert found[2020] < found[2021] < found[2022]
    assert "accounting_coverage" not in set(open_result.table("counties")["target"])
    tracker = open_result.table("tracker").loc["accounting_coverage"]
    assert (tracker["table"], tracker["reporting"]) == ("mechanism_components", 90)


def test_targets_of_the_province_light_no_county(open_result):
    assert {card["light"] for card in open_result.cards} == {"none"}
    assert all(card["reason"].startswith("目标为全省的，不评") for card in open_result.cards)


@pytest.mark.parametrize(
    "text",
    ["a: [", "new: 3", "new: {value: 3}", "new: {value: {measure: table loans}}", "a: 1\na: 2"],
)
def test_broken_target_files_name_no_register_and_stop_no_import(tmp_path, text):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "targets.yaml").write_text(text, encoding="utf-8")
    assert targets.measured_tables(tmp_path) == ("mechanism_components",)


def test_a_target_is_added_by_yaml_alone(tmp_path):
    """Written into the file and nothing else, it is checked, tracked, and its register is watched."""
    for part in ("policy", "defaults", "standards"):
        shutil.copytree(paths.PARAMS / part, tmp_path / part)
    entry = {
        "hydropower": {
            "value": {
                "name_zh": "水力发电量", "name_en": "Hydropower", "short_zh": "水电", "direction": "up",
                "baseline_year": 2020, "value": 1e6, "due_year": 2025, "proportion": False,
                "card": False,
                "measure": {
                    "kind": "sum", "table": "energy", "column": "hydropower_kwh", "confidence": "design",
                },
            },
            "unit": "kWh a-1", "source": "test", "confidence": "design",
        }
    }  # fmt: skip
    path = tmp_path / "policy" / "targets.yaml"
    text = path.read_text(encoding="utf-8") + yaml.safe_dump(entry, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    rules = params.resolve(None, 2023, "db33-2020", tmp_path)
    given = evidence(rules=rules)
    assert targets.check(given.registers, rules) == []
    found = targets.compute(given, {}).table("tracker").loc["hydropower"]
    energy = given.registers.table("energy")
    assert found["latest"] == pytest.approx(energy["hydropower_kwh"].sum())
    assert (found["state"], found["quality"], found["source"]) == ("met", "design", "test")
    assert "energy" in targets.measured_tables(tmp_path)


def test_measured_tables_are_watched():
    assert {"loans", "eco_tourism", "resource_units"} <= set(targets.TOPIC.tables)
