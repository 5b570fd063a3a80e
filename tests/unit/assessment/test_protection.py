"""The effect of protection: points by hand, noise, what is missing, what is refused."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gepbook import ledger, params
from gepbook.assessment import protection
from gepbook.assessment.protection import scores, series
from gepbook.assessment.protection.rules import INDICATORS, ChangeMarks, ProtectionParams
from gepbook.assessment.topic import Evidence
from gepbook.errors import ParameterError
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Registers

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section("protection", ProtectionParams)
A, B, C = "330127", "331127", "330212"  # two of 山区26县, one other
YEARS = (2020, 2021, 2022, 2023)
MARKS = ChangeMarks(noise=0.5, full=2.0)


def environment(good_air=lambda code, year: 90.0, years=YEARS, codes=(A, B, C)):
    return pd.DataFrame(
        [
            {
                "county_code": code, "year": year, "good_air_days_percent": good_air(code, year),
                "class_1_to_3_water_percent": 80.0, "air_standard_met": True,
                "water_standard_met": False,
            }
            for code in codes
            for year in years
        ]
    )  # fmt: skip


def sections(cod=lambda code, year: 3.0, codes=(A, B, C), water_class="Ⅲ"):
    return pd.DataFrame(
        [
            {
                "county_code": code, "year": year, "section_id": f"{code}S{n}", "section": "断面",
                "river": "江", "outflow": False, "water_class": "Ⅱ" if n else water_class,
                "target_class": "Ⅱ", "permanganate_mg_l": cod(code, year),
                "ammonia_nitrogen_mg_l": 0.5, "total_nitrogen_mg_l": 2.0,
                "total_phosphorus_mg_l": 0.1,
            }
            for code in codes
            for year in YEARS
            for n in (0, 1)
        ]
    )  # fmt: skip


def redline(area=lambda code, year: 100.0):
    return pd.DataFrame(
        [
            {"county_code": code, "year": year, "redline_area_km2": area(code, year)}
            for code in (A, B, C)
            for year in YEARS
        ]
    )


def layers(kind="damage", shift=0.0):
    """A zone of 100 ha in A, and a site of 4 ha that is inside it unless shifted away."""
    site = box(shift, 0, shift + 200, 200)
    frame = {"site_id": ["P1"], "county_code": [A], "year": [2022], "kind": [kind]}
    zone = {"zone_id": ["H1"], "county_code": [A], "name": ["区"]}
    return {
        "project_sites": gpd.GeoDataFrame(frame, geometry=[site], crs="EPSG:32651"),
        "redline_zones": gpd.GeoDataFrame(zone, geometry=[box(0, 0, 1000, 1000)], crs="EPSG:32651"),
    }


def pool(score=lambda code: (0.8, 0.8, 0.8, 0.8), alerts=None, codes=(A, B, C)):
    """Return ledger rows: the condition of the last years, an account, alerts where they are given."""
    rows = []
    for code in codes:
        index = score(code)
        faces = [
            ("condition_history", "index", f"value_{year}", value)
            for year, value in zip(YEARS[-len(index) :], index, strict=True)
        ]
        if alerts is not None:
            faces.append(("monitoring", "development_in_redline", "alerts", alerts(code)))
            faces.append(("monitoring", "grade_drop", "alerts", 9.0))
        for account, item, measure, value in faces:
            row = ledger.entry(account, item, measure, value, "1", origin="modelled", method_id="t")
            rows.append({"release": "t", "year": 2023, "county_code": code, **row})
        gep = ledger.entry(
            "gep", "gep", "value", 1.0, "CNY", origin="modelled", method_id="t",
            price_basis="current", price_year=2023,
        )  # fmt: skip
        rows.append({"release": "t", "year": 2023, "county_code": code, **gep})
    return pd.DataFrame(rows)


def evidence(tables=None, vectors=None, rows=None, year=2023):
    known = {"environment": environment(), "water_sections": sections(), "redline": redline()}
    pack = FakePack(known if tables is None else tables, vectors or {})
    return Evidence(pool() if rows is None else rows, Registers(pack, year), RULE_FILE)


def indicator(result, name, code=A):
    table = result.table("indicators").set_index(["county_code", "indicator"])
    return table.loc[(code, name)]


def part(result, name, code=A):
    return result.table("parts").set_index(["county_code", "part"]).loc[(code, name)]


# Pure functions


def test_level_points_by_hand():
    """Between 70 and 100: 85 has 50; beyond the marks 0 and 100; less may be better."""
    value = pd.Series([85.0, 60.0, 120.0, np.nan])
    assert scores.level_points(value, (70.0, 100.0)).tolist()[:3] == [50.0, 0.0, 100.0]
    assert np.isnan(scores.level_points(value, (70.0, 100.0))[3])
    assert scores.level_points(pd.Series([0.4]), (1.0, 0.2)).tolist() == pytest.approx([75.0])


def test_slope_is_the_median_of_pairs():
    """1, 2, 3, 10: pairs 1, 1, 7, 1, 4, 3 → median 2; one wild year does not carry it."""
    slope, low, high = scores.slopes(np.array(YEARS), np.array([1.0, 2.0, 3.0, 10.0]), 0.9)
    assert slope == 2.0
    assert low <= slope <= high


def test_two_years_have_a_difference_and_no_interval():
    table = pd.DataFrame({2021: [3.0], 2023: [5.0]})
    found = scores.trends(table, 3, 0.9).iloc[0]
    assert (found["slope"], found["first"], found["previous"], found["years"]) == (1.0, 3.0, 3.0, 2)
    assert np.isnan(found["low"])


def test_unknown_last_year_tells_nothing():
    table = pd.DataFrame({2021: [3.0, 1.0], 2022: [4.0, np.nan], 2023: [np.nan, 2.0]})
    found = scores.trends(table, 3, 0.9)
    assert found.iloc[0].isna().all()
    assert found.iloc[1]["years"] == 2
    assert scores.trends(pd.DataFrame(index=[A]), 3, 0.9).isna().all(axis=None)


def trend_of(slope, low=np.nan, high=np.nan):
    return pd.DataFrame({"slope": [slope], "low": [low], "high": [high]})


@pytest.mark.parametrize(
    ("found", "sign", "word"),
    [
        (trend_of(1.0, 0.2, 1.4), 1, "improved"),
        (trend_of(1.0, 0.2, 1.4), -1, "declined"),
        (trend_of(1.0, -0.2, 1.4), 1, "noise"),  # the interval holds 0
        (trend_of(0.4, 0.3, 0.5), 1, "noise"),  # below the noise of 0.5
        (trend_of(-1.0), 1, "unknown"),  # too few years for an interval
        (trend_of(np.nan), 1, "unknown"),
    ],
)
def test_verdicts(found, sign, word):
    assert scores.verdict(found, MARKS, sign).tolist() == [word]
    assert scores.verdict(found, None, sign).tolist() == ["state"]


def test_trendless_noise_is_rarely_called_a_change():
    """Of normal noise with a 90 % interval at most a tenth: 8 % with four years, none with fewer."""
    noise = np.random.default_rng(3).normal(85, 5, (2000, 4))
    for years in (2, 3, 4):
        table = pd.DataFrame(noise[:, :years], columns=YEARS[:years])
        found = scores.trends(table, RULES.least_years, RULES.trend_probability)
        word = scores.verdict(found, MARKS, 1)
        assert word.isin(["improved", "declined"]).mean() <= 0.1
        assert word.eq("unknown").all() == (years < 4)
        assert scores.change_points(found["slope"], word, MARKS, 1, 15.0).abs().mean() < 1.5


def test_change_points_by_hand():
    """Half of the full change of 2 a year: 15·1/2 = 7.5; more than full 15; noise none."""
    slope = pd.Series([1.0, -9.0, 1.0])
    words = pd.Series(["improved", "declined", "noise"])
    assert scores.change_points(slope, words, MARKS, 1, 15.0).tolist() == [7.5, -15.0, 0.0]


def test_percentile_counts_equals_half():
    value = pd.Series([1.0, 2.0, 2.0, 9.0], list("abcd"))
    groups = pd.Series(["x", "x", "x", "y"], list("abcd"))
    found = scores.percentile(value, groups)
    assert found.tolist()[:3] == [0.0, 0.75, 0.75]  # b is above a and level with c: (1 + 0.5) / 2
    assert np.isnan(found["d"])


def test_weights_of_what_is_missing_go_to_the_rest():
    """(0.3·80 + 0.2·40) / 0.5 = 64, never (24 + 8 + 0) / 1; below the least weight none."""
    points = pd.DataFrame({"a": [80.0], "b": [40.0], "c": [np.nan]})
    weights = {"a": 0.3, "b": 0.2, "c": 0.5}
    found = scores.weighted(points, weights, 0.5).iloc[0]
    assert (found["points"], found["covered_weight"]) == pytest.approx((64.0, 0.5))
    assert np.isnan(scores.weighted(points, weights, 0.6)["points"][0])


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(0, 100), min_size=4, max_size=4),
    better=st.floats(0.1, 30),
)
def test_a_better_last_year_never_costs_points(values, better):
    """Level and slope both rise with the last year's figure."""
    table = pd.DataFrame([values, [*values[:3], values[3] + better]], columns=YEARS)
    found = scores.trends(table, 3, 0.9)
    word = scores.verdict(found, MARKS, 1)
    change = scores.change_points(found["slope"], word, MARKS, 1, 15.0)
    total = scores.level_points(found["value"], (0.0, 100.0)) + change
    assert total[1] >= total[0] - 1e-9


# The topic


def test_parts_by_hand():
    result = protection.compute(
        evidence(vectors=layers(shift=5000), rows=pool(alerts=lambda _: 0.0)), {}
    )
    # air: good days (90 − 70)/30 = 66.67, standard met 100: 0.8·66.67 + 0.2·100 = 73.33
    assert part(result, "air")["points"] == pytest.approx(0.8 * 200 / 3 + 20)
    # water: share (80 − 60)/40 = 50; one of two sections on target: (50 − 50)/50 = 0; index
    # (3/6 + 0.5/1 + 0.1/0.2)/3 = 0.5 → (1 − 0.5)/0.8 = 62.5; standard not met 0: 0.3·50 + 0.3·62.5
    assert indicator(result, "pollution_index")["value"] == pytest.approx(0.5)
    assert part(result, "water")["points"] == pytest.approx(15 + 18.75)
    # condition: (0.8 − 0.4)/0.5 = 80
    assert part(result, "condition")["points"] == pytest.approx(80)
    assert part(result, "redline")["points"] == 100
    # 0.3·80 + 0.25·100 + 0.25·33.75 + 0.2·73.33
    whole = result.table("composite").loc[A]
    assert whole["points"] == pytest.approx(24 + 25 + 8.4375 + 0.2 * (160 / 3 + 20))
    assert whole["light"] == "watch"
    assert whole["reason"] == "水环境不佳"
    assert (part(result, "water")["light"], part(result, "condition")["light"]) == ("poor", "good")
    cards = {(row["county_code"], row["label_zh"]): row for row in result.cards}
    assert cards[A, "红线完整性"]["light"] == "good"
    assert cards[A, "生态保护成效"]["value"] == whole["points"]


def test_own_history_counts_only_where_it_is_sure():
    """A gains 2 points a year in a line: +15; B wavers about 90: nothing."""
    air = {A: [84.0, 86.0, 88.0, 90.0], B: [93.0, 88.0, 93.0, 90.0], C: [90.0] * 4}
    tables = {"environment": environment(lambda code, year: air[code][year - 2020])}
    result = protection.compute(evidence(tables), {})
    assert indicator(result, "good_air_days")["change_points"] == 15.0
    assert indicator(result, "good_air_days")["verdict"] == "improved"
    assert indicator(result, "good_air_days", B)["verdict"] == "noise"
    assert indicator(result, "good_air_days", B)["change_points"] == 0.0
    assert (part(result, "air")["verdict"], part(result, "air", C)["verdict"]) == (
        "improved",
        "noise",
    )
    figures = {(code, row["item"], row["measure"]): row for code, row in result.figures}
    slope = figures[A, "protection.good_air_days", "slope"]
    assert (slope["value"], slope["low"], slope["high"], slope["unit"]) == (2, 2, 2, "percent a-1")
    assert slope["note"] == "improved"


def test_falling_water_is_declined():
    rising = sections(lambda code, year: 3.0 + (year - 2020) * 0.9 if code == A else 3.0)
    result = protection.compute(evidence({"water_sections": rising}), {})
    # 0.9 mg/L of 6 in one of three pollutants: +0.05 a year, above the full change of 0.04
    assert indicator(result, "pollution_index")["slope"] == pytest.approx(0.05)
    assert indicator(result, "pollution_index")["change_points"] == -15.0
    assert part(result, "water")["verdict"] == "declined"


def test_condition_is_judged_by_its_years():
    """+0.03 a year over four years counts; the same step over two says nothing."""
    steps = {A: (0.7, 0.73, 0.76, 0.79), B: (0.76, 0.79), C: (0.8, 0.7, 0.8, 0.75)}
    result = protection.compute(evidence(rows=pool(steps.get)), {})
    words = [indicator(result, "condition_index", code)["verdict"] for code in (A, B, C)]
    assert words == ["improved", "unknown", "noise"]
    assert indicator(result, "condition_index")["change_points"] == pytest.approx(15 * 0.03 / 0.04)
    assert indicator(result, "condition_index", B)["change_points"] == 0
    assert indicator(result, "condition_index", B)["first_year"] == 2022
    assert part(result, "condition", B)["verdict"] == "unknown"


def test_closed_sections_are_no_change_of_water():
    """A dirty section that is measured in the first year alone leaves the index as it is."""
    rows = sections()
    dirty = rows[(rows["county_code"] == A) & (rows["year"] == 2020)].iloc[[0]]
    dirty = dirty.assign(section_id="closed", permanganate_mg_l=60.0)
    found = series.concentrations(evidence({"water_sections": pd.concat([rows, dirty])}))
    assert (found.loc[("permanganate_mg_l", A)] == 3.0).all()


@pytest.mark.parametrize(
    ("area", "vectors", "alerts", "light", "said"),
    [
        (lambda c, y: 100.0, layers(shift=5000), 0.0, "good", "面积未减少，无占用与预警"),
        (lambda c, y: 100.0 - 0.04 * (y == 2023), layers(shift=5000), 0.0, "good",
         "面积减少 0.04%，在绘制误差内，无占用与预警"),
        (lambda c, y: 100.0 - (y == 2023), layers(shift=5000), 0.0, "poor", "少 1.00%"),
        (lambda c, y: 100.0, layers(), 0.0, "poor", "1 处占用或损害"),
        (lambda c, y: 100.0, layers("offset"), 0.0, "good", "面积未减少"),
        (lambda c, y: 100.0, layers(shift=5000), 2.0, "watch", "2 条红线预警"),
        (lambda c, y: 100.0, {}, 0.0, "good", "地块无数据"),
        (lambda c, y: 100.0 if y == 2023 else np.nan, {}, 0.0, "none", "没有更早的面积"),
    ],
)  # fmt: skip
def test_redline_lights(area, vectors, alerts, light, said):
    tables = {"redline": redline(area)}
    result = protection.compute(evidence(tables, vectors, pool(alerts=lambda _: alerts)), {})
    own = part(result, "redline")
    assert own["light"] == light
    assert said in own["reason"]


def test_first_area_of_a_redline_is_no_proof_that_none_was_lost():
    """Known of 2023 alone: nothing is known of what was lost, and the composite says so."""
    only = redline(lambda code, year: 100.0 if year == 2023 or code != A else np.nan)
    result = protection.compute(evidence({"redline": only}, layers(shift=5000)), {})
    assert np.isnan(indicator(result, "redline_kept")["value"])
    assert indicator(result, "redline_kept", B)["value"] == 1.0
    state = result.table("redline").loc[A]
    assert (state["area_km2"], state["first_year"]) == (100.0, 2023)
    assert np.isnan(state["kept"])


def test_approved_adjustment_is_told_from_loss():
    """100 → 96 → 95: 4 of them were approved in 2022, 1 % is lost; what 2020 approved is in its area."""
    area = redline(lambda code, year: {2020: 100.0, 2021: 100.0, 2022: 96.0, 2023: 95.0}[year])
    area["approved_change_km2"] = area["year"].map({2020: -7.0, 2022: -4.0})
    result = protection.compute(evidence({"redline": area}, layers(shift=5000)), {})
    assert result.table("redline").loc[A, "kept"] == pytest.approx(0.99)
    assert result.table("redline").loc[A, "area_km2"] == 95.0
    assert "少 1.00%" in part(result, "redline")["reason"]


def test_occupied_redline_is_measured_once():
    """Two sites on the same 4 ha of a redline of 100 km2: 4 ha, 0.04 %, two sites."""
    both = layers()
    second = both["project_sites"].assign(site_id="P2")
    both["project_sites"] = pd.concat([both["project_sites"], second], ignore_index=True)
    given_ = evidence({"redline": redline()}, both)
    found = series.occupied(given_, RULES)
    assert found.loc[A].tolist() == pytest.approx([2, 4.0])
    assert found.loc[C].tolist() == [0, 0]
    assert series.redline_occupied(given_, RULES).loc[A, 2023] == pytest.approx(0.04)


def test_what_the_pack_lacks_is_declared_and_takes_no_points():
    """Water and redline are lacking: weight 0.5 is known, too little for a whole."""
    result = protection.compute(evidence({"environment": environment()}), {})
    assert set(result.lacking) == {"water_sections", "redline", "redline_zones", "project_sites"}
    whole = result.table("composite").loc[A]
    assert whole["missing"] == "redline, water"
    assert np.isnan(whole["points"])
    assert whole["light"] == "none"
    assert [row["label_zh"] for row in result.cards] == []
    assert not any(row["item"] == "protection.composite" for _, row in result.figures)
    assert not any(np.isnan(row["value"]) for _, row in result.figures)


def test_missing_part_gives_its_weight_away():
    """Without condition 0.7 is known: 0.25, 0.25 and 0.2 of 0.7."""
    nothing = pool()
    nothing = nothing[nothing["account"] != "condition_history"]
    found = protection.compute(evidence(vectors=layers(shift=5000), rows=nothing), {})
    whole = found.table("composite").loc[A]
    parts = [0.25 * 100, 0.25 * 33.75, 0.2 * part(found, "air")["points"]]
    assert whole["points"] == pytest.approx(sum(parts) / 0.7)
    assert whole["missing"] == "condition"
    assert "缺生态系统状况" in next(
        c["reason"] for c in found.cards if c["label_zh"] == "生态保护成效"
    )


def test_one_county_lacks_a_figure():
    tables = {"environment": environment(codes=(A, B))}
    result = protection.compute(evidence(tables), {})
    assert np.isnan(indicator(result, "good_air_days", C)["points"])
    assert part(result, "air", C)["missing"] == "good_air_days, air_standard"
    assert part(result, "air", C)["light"] == "none"
    assert part(result, "air", B)["of"] == 2


def test_points_do_not_depend_on_other_counties():
    def found(codes):
        tables = {"environment": environment(codes=codes), "water_sections": sections(codes=codes)}
        return protection.compute(evidence(tables, rows=pool(codes=codes)), {}).table("parts")

    some, all_ = found((A,)), found((A, B, C))
    assert some["points"].tolist() == pytest.approx(
        all_[all_["county_code"] == A]["points"].tolist(), nan_ok=True
    )


def test_first_year_has_no_verdict():
    tables = {"environment": environment(years=(2020,)), "redline": redline()}
    result = protection.compute(evidence(tables, year=2020), {})
    assert part(result, "air")["verdict"] == "unknown"
    assert np.isnan(part(result, "redline")["points"])
    assert part(result, "air")["points"] > 0


# What is refused


def test_faulty_tables_are_refused_together():
    air = environment()
    air.loc[0, "good_air_days_percent"] = 130.0
    air.loc[1, "county_code"] = "339999"
    water = sections(water_class="Ⅸ")
    water.loc[3, "ammonia_nitrogen_mg_l"] = -1.0
    area = redline(lambda code, year: -5.0 if (code, year) == (A, 2021) else 100.0)
    tables = {"environment": air, "water_sections": water, "redline": area}
    problems = "\n".join(protection.check(Registers(FakePack(tables, {}), 2023), RULE_FILE))
    for said in (
        "environment.csv, line 2: good_air_days_percent must be between 0 and 100, got 130",
        "line 3: county '339999' is not in",
        "water_class must be one of",
        "line 5: ammonia_nitrogen_mg_l must be 0 or more, got -1",
        "redline.csv, line 3: redline_area_km2 must be 0 or more, got -5",
    ):
        assert said in problems


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "part_weights",
            {"condition": 0.3, "redline": 0.25, "water": 0.25, "air": 0.3},
            "sum to 1",
        ),
        ("part_weights", {"condition": 1.0}, "must weigh exactly"),
        ("indicator_weights", {"air": {"good_air_days": 1.0}}, "must name exactly"),
        ("goalposts", {**RULES.goalposts, "good_air_days": (90.0, 90.0)}, "both goalposts at 90"),
        ("change_marks", {"good_air_days": {"noise": 2.0, "full": 1.0}}, "full above noise"),
        ("change_marks", {"good_days": {"noise": 0.0, "full": 1.0}}, "good_days is no indicator"),
        ("redline_site_kinds", ["mine"], "knows no kind mine"),
        ("redline_alert_rules", ["fire"], "knows no alert fire"),
        ("poor_points", 80.0, "must lie below good_points"),
        ("least_years", 3, "greater than or equal to 4"),
        ("class_3_limits_mg_l", {"lead_mg_l": 1.0}, "must name some of"),
    ],
)
def test_wrong_rules_are_refused(name, value, said):
    with pytest.raises(ValueError, match=said):
        ProtectionParams(**{**RULES.model_dump(), name: value})


def test_wrong_weights_name_file_and_sum():
    weights = {**RULE_FILE.entries["protection.indicator_weights"].value}
    weights["air"] = {"good_air_days": 0.8, "air_standard": 0.3}
    bad = RULE_FILE.entries["protection.indicator_weights"].model_copy(update={"value": weights})
    rules = RULE_FILE.model_copy(
        update={"entries": {**RULE_FILE.entries, "protection.indicator_weights": bad}}
    )
    with pytest.raises(ParameterError, match=r"air must sum to 1, sum is 1\.1.*policy/protection"):
        rules.section("protection", ProtectionParams)
    assert "sum is 1.1" in protection.check(Registers(FakePack({}, {}), 2023), rules)[0]


def test_open_pack_is_sound_in_every_year():
    pack = Pack.open(OPEN_PACK)
    rows = pool(codes=tuple(pack.boundaries.index), alerts=lambda _: 0.0)
    for year in pack.years:
        given_ = Registers(pack, year)
        assert protection.check(given_, RULE_FILE) == []
        result = protection.compute(Evidence(rows.assign(year=year), given_, RULE_FILE), {})
        assert set(result.table("indicators")["indicator"]) == set(INDICATORS)
        assert result.lacking == ()
    keys = [(c, r["item"], r["measure"], r["price_basis"]) for c, r in result.figures]
    assert len(keys) == len(set(keys))
    assert {"improved", "noise"} <= set(result.table("parts")["verdict"])
