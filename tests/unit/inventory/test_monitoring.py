"""Monitoring: each rule fires on its change and on no other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook import ledger, params
from gepbook.errors import PackError
from gepbook.inventory import monitoring
from gepbook.inventory.monitoring import MonitoringParams

DEFAULTS = params.ParameterSet(
    county_code=None, year=None, standard="", entries=params.read_defaults()
)
PARAMS = DEFAULTS.section("monitoring", MonitoringParams)
ROW = {
    "county_code": "330102",
    "product_id": "P1",
    "product": "茶叶",
    "product_class": "物质供给",
    "subject": "农产品",
    "origin": "managed",
    "ecosystem_type": "shrub_orchard",
    "unit": "t",
    "quantity": 100.0,
    "quality_grade": "二级",
    "function": "富硒",
    "owner_type": "集体",
    "rights_status": "已确权",
    "protection_status": "红线内",
    "development_status": "未开发",
    "data_source": "实地调查",
    "confidence": "高",
}


def survey(year, *changes):
    """A survey of products that differ from ROW as given."""
    rows = [ROW | {"year": year, "survey_date": f"{year}-06-30"} | c for c in changes]
    return pd.DataFrame(rows)


def compared(before, after, **rules):
    chosen = PARAMS.model_copy(
        update={"rules": PARAMS.rules | {n: monitoring.Rule(**r) for n, r in rules.items()}}
    )
    return monitoring.compare(survey(2021, before), survey(2023, after), chosen)


def test_no_change_no_alert():
    got = compared({}, {})
    assert got.changes.empty
    assert got.alerts.empty
    assert got.years == (2021, 2023)
    assert got.missing == ()


CASES = [
    ({}, {"quantity": 89.0}, {"quantity_fall"}),  # −11 %
    ({}, {"quantity": 90.0}, set()),  # −10 %, the threshold
    ({}, {"quantity": 131.0}, {"quantity_rise"}),  # +31 %
    ({}, {"quantity": 130.0}, set()),
    ({}, {"quantity": 1.0, "unit": "万吨"}, {"unit_change"}),
    ({}, {"quality_grade": "三级"}, {"grade_drop"}),
    ({}, {"quality_grade": "一级"}, set()),
    ({"quality_grade": None}, {}, set()),
    ({}, {"rights_status": "已抵押"}, {"rights_change"}),
    ({}, {"owner_type": "国有"}, {"owner_change"}),
    ({}, {"owner_type": None}, set()),
    ({}, {"protection_status": "红线外"}, {"redline_left"}),
    ({}, {"protection_status": "自然保护地"}, {"redline_left"}),
    ({"protection_status": "红线外"}, {"protection_status": "自然保护地"}, set()),
    ({}, {"development_status": "已开发"}, {"development_in_redline"}),
    (
        {},
        {"development_status": "已开发", "protection_status": "红线外"},
        {"development_in_redline", "redline_left"},
    ),
    (
        {"protection_status": "红线外"},
        {"protection_status": "红线外", "development_status": "已开发"},
        set(),
    ),
    ({"development_status": "已开发"}, {}, set()),
    ({"survey_date": "2020-06-29"}, {}, {"survey_gap"}),  # 3 years and a day
    ({"survey_date": "2020-07-01"}, {}, set()),
    ({"survey_date": None}, {}, set()),  # then the surveys' years, 2
    ({}, {"function": "有机"}, set()),
    ({}, {"quantity": None}, set()),
]


@pytest.mark.parametrize(("before", "after", "rules"), CASES)
def test_each_rule_fires_on_its_change(before, after, rules):
    got = compared(before, after)
    assert set(got.alerts["rule"]) == rules
    assert len(got.alerts) == len(rules)
    for alert in got.alerts.itertuples():
        assert alert.level == PARAMS.rules[alert.rule].level
        assert alert.product_id == "P1"
        assert f"{alert.level}色预警：茶叶（P1）" in alert.text
        assert alert.evidence in alert.text


def test_every_rule_has_a_case():
    fired = set().union(*(rules for *_, rules in CASES))
    assert fired | {"vanished", "new"} == set(monitoring.CHECKS) == set(PARAMS.rules)


def test_products_that_vanish_and_appear():
    got = monitoring.compare(
        survey(2021, {}, {"product_id": "P2", "product": "毛竹", "quantity": 7.0}),
        survey(2023, {}, {"product_id": "P3", "product": "香榧", "quantity": 5.0}),
        PARAMS,
    )
    assert got.alerts[["product", "rule", "evidence"]].to_numpy().tolist() == [
        ["毛竹", "vanished", "7 t → 无"],
        ["香榧", "new", "无 → 5 t"],
    ]
    assert got.changes.empty


def test_changes_by_hand():
    got = compared(
        {"quality_grade": "一级", "function": None},
        {"quantity": 75.0, "quality_grade": "三级", "development_status": "已开发"},
    )
    table = got.changes.set_index("aspect")
    assert table[["before", "after"]].to_numpy().tolist() == [
        ["100 t", "75 t"],
        ["一级", "三级"],
        ["", "富硒"],
        ["未开发", "已开发"],
    ]
    # (75 − 100) / 100 = −0.25; from first to third grade −2
    assert table["change"].tolist() == pytest.approx([-0.25, -2, np.nan, np.nan], nan_ok=True)
    fall = got.alerts.set_index("rule")["evidence"]
    assert fall["quantity_fall"] == "100 t → 75 t（-25.0%）"
    assert got.alerts["level"].tolist() == ["红", "黄", "黄"]


def test_quantities_from_zero_and_across_units():
    got = compared({"quantity": 0.0}, {})
    assert got.changes["change"].tolist() == [np.inf]
    assert got.alerts["evidence"].tolist() == ["0 t → 100 t"]
    other = compared({}, {"unit": "万吨"})
    assert other.changes[["before", "after"]].to_numpy().tolist() == [["100 t", "100 万吨"]]
    assert other.changes["change"].isna().all()


@settings(deadline=None, max_examples=10)
@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(0.01, 0.9))
def test_falls_are_rises_seen_backward(before, after, threshold):
    rule = {"threshold": threshold, "level": "红"}
    back = {"threshold": 1 / (1 - threshold) - 1, "level": "红"}
    if abs(after / before - 1 + threshold) < 1e-9:  # at the threshold rounding decides
        return
    fall = compared({"quantity": before}, {"quantity": after}, quantity_fall=rule)
    rise = compared({"quantity": after}, {"quantity": before}, quantity_rise=back)
    assert ("quantity_fall" in set(fall.alerts["rule"])) == (
        "quantity_rise" in set(rise.alerts["rule"])
    )


def test_thresholds_and_levels_are_the_county_s():
    worse = {"quantity": 60.0, "quality_grade": "三级"}
    strict = compared(
        {},
        worse,
        quantity_fall={"threshold": 0.5, "level": "红"},
        grade_drop={"threshold": 2, "level": "红"},
    )
    assert strict.alerts.empty
    off = compared({}, worse, quantity_fall={"threshold": None, "level": None})
    assert off.alerts["rule"].tolist() == ["grade_drop"]
    assert "quantity_fall" not in off.rules


def test_rules_that_cannot_be_are_refused():
    given_rules = PARAMS.model_dump()
    with pytest.raises(ValidationError, match="no such alert rules: quantity_drop"):
        MonitoringParams(
            **given_rules | {"rules": {"quantity_drop": {"threshold": 1, "level": "红"}}}
        )
    with pytest.raises(ValidationError, match="greater than 0"):
        monitoring.Rule(threshold=0.0, level="红")
    with pytest.raises(ValidationError, match="quantity_fall needs a threshold"):
        MonitoringParams(
            **given_rules | {"rules": {"quantity_fall": {"threshold": None, "level": "红"}}}
        )


ALL = pd.concat([survey(2021, {}), survey(2023, {"quantity": 80.0}), survey(2025, {})])


def test_the_last_two_surveys_up_to_a_year():
    def years(year):
        return [sorted(part["year"].unique()) for part in monitoring.latest_two(ALL, year)]

    assert years(2024) == [[2021], [2023]]
    assert years(2025) == [[2023], [2025]]
    assert years(2022) == [[], [2021]]
    assert years(2020) == [[], []]


@pytest.mark.parametrize(("catalogue", "surveys"), [(None, 0), (ALL.iloc[:0], 0), (ALL[:1], 1)])
def test_with_fewer_than_two_surveys_nothing_is_compared(catalogue, surveys):
    got = monitoring.compare(*monitoring.latest_two(catalogue, 2025), PARAMS)
    assert got.missing == (monitoring.ONE_SURVEY,)
    assert got.alerts.empty
    assert got.changes.empty
    rows = monitoring.entries(got, origin="observed")
    assert [(r["item"], r["value"], r["note"]) for r in rows] == [
        ("surveys", surveys, monitoring.ONE_SURVEY)
    ]


def test_series_of_each_product():
    got = monitoring.series(ALL.assign(quality_grade=["二级", None, "一级"]))
    assert got["year"].tolist() == [2021, 2023, 2025]
    assert got["quantity"].tolist() == [100, 80, 100]
    assert got["grade"].tolist() == [2, pd.NA, 1]
    assert monitoring.series(None).empty


def test_a_product_twice_in_a_survey_is_refused():
    with pytest.raises(PackError, match="P1 stands twice in the survey of 2021"):
        monitoring.latest_two(survey(2021, {}, {}), 2021)
    with pytest.raises(PackError, match="without year or product_id"):
        monitoring.series(survey(2021, {}).drop(columns="year"))


def test_entries_fit_the_ledger():
    got = compared({}, {"quantity": 50.0, "protection_status": "红线外"})
    frame = ledger.build(
        monitoring.entries(got, origin="observed"), release="t", year=2023, county_code="330102"
    )
    values = frame.set_index(["item", "measure"])["value"]
    assert values["quantity_fall", "alerts"] == 1
    assert values["redline_left", "alerts"] == 1
    assert values["survey_gap", "alerts"] == 0
    assert values["surveys", "number"] == 2
    assert len(values) == len(PARAMS.rules) + 1
    assert set(frame["unit"]) == {"1"}
