"""Departure audit: windows, accounts, scores and verdicts by hand; back-casts on made-up histories."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from audit_history import (
    FALL,
    FLAT,
    HEAD,
    RISE,
    RULE_FILE,
    YEARS,
    A,
    B,
    YearlyPack,
    change_rows,
    evidence,
    history,
    registers,
    statistics,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import ledger
from gepbook.accounting import change, standards
from gepbook.accounting.account import account, totals
from gepbook.accounting.change import PARTS
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment import audit, growth_draws
from gepbook.assessment.audit import decline, scheme, terms
from gepbook.assessment.topic import Evidence
from gepbook.errors import ParameterError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack
from gepbook.params import resolve
from gepbook.paths import OPEN_PACK
from gepbook.prices import PriceBook
from gepbook.province import Registers

RULES = RULE_FILE.section(audit.SECTION, audit.AuditParams)
DRAWS = RULE_FILE.section(growth_draws.SECTION, growth_draws.GrowthDrawsParams)

C = "330782"


def verdicts(found):
    return found.tables["terms"].set_index("term_id")["verdict"].to_dict()


# Windows


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # 1 January: 2021 counts whole, it opens with the account of 2020
        ((2021, 1, 1), None, ("audited", 2020, 2023)),
        # 1 July 2021: 184/365 = 0.504 of the year counts; 2 July: 183/365 = 0.501; 3 July: 182/365
        ((2021, 7, 1), None, ("audited", 2020, 2023)),
        ((2021, 7, 3), None, ("audited", 2021, 2023)),
        # until 2 July 2022 183/365 of that year are held, until 1 July 182/365
        ((2021, 1, 1), (2022, 7, 2), ("audited", 2020, 2022)),
        ((2021, 1, 1), (2022, 7, 1), ("audited", 2020, 2021)),
        # began before the history: audited from its first year
        ((2017, 3, 1), (2021, 12, 31), ("audited", 2020, 2021)),
        # only the first year of the history: nothing to compare with
        ((2017, 3, 1), (2020, 12, 31), ("one_year", 2020, 2020)),
        ((2023, 9, 1), None, ("not_yet", None, None)),
        ((2025, 1, 1), None, ("not_yet", None, None)),
        ((2021, 9, 1), (2022, 3, 1), ("too_short", None, None)),
        # a day of leaving that is still to come is none yet
        ((2021, 1, 1), (2026, 6, 30), ("audited", 2020, 2023)),
    ],
)
def test_window(start, end, expected):
    found = terms.window(date(*start), date(*end) if end else None, YEARS, 2023, 0.5)
    assert (found.state, found.opening, found.closing) == expected


def test_window_tells_what_was_wanted():
    found = terms.window(date(2017, 3, 1), None, YEARS, 2023, 0.5)
    assert (found.wanted_opening, found.opening) == (2016, 2020)


@given(st.dates(date(2018, 1, 1), date(2026, 12, 31)))
def test_no_year_is_charged_twice(day):
    """Whenever the post changes hands, no year counts for both, and at most one for neither."""
    before = terms.counting_years(date(2017, 1, 1), day - pd.Timedelta(days=1), 0.5)
    after = terms.counting_years(day, date(2027, 12, 31), 0.5)
    assert not set(before) & set(after)
    assert len(before) + len(after) >= 10


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        # wanted 2021–2022: what lies before is the predecessor's, what lies after the successor's
        ([2020, 2023], ("not_held", None, None)),
        ([2020, 2022, 2023], ("one_year", 2022, 2022)),
        ([2020, 2021, 2023], ("one_year", 2021, 2021)),
        ([2021, 2022], ("audited", 2021, 2022)),
        ([], ("not_held", None, None)),
    ],
)
def test_no_year_beyond_the_term_is_taken_for_a_missing_one(held, expected):
    found = terms.window(date(2022, 1, 1), date(2022, 12, 31), held, 2023, 0.5)
    assert (found.wanted_opening, found.wanted_closing) == (2021, 2022)
    assert (found.state, found.opening, found.closing) == expected


@given(
    st.dates(date(2018, 1, 1), date(2023, 12, 31)),
    st.integers(0, 2000),
    st.sets(st.sampled_from(YEARS)),
)
def test_windows_lie_within_what_the_term_answers_for(start, days, held):
    end = (pd.Timestamp(start) + pd.Timedelta(days=days)).date()
    found = terms.window(start, end, sorted(held), 2023, 0.5)
    if found.opening is not None:
        assert found.wanted_opening <= found.opening <= found.closing <= found.wanted_closing
        assert {found.opening, found.closing} <= held


def test_another_countys_gap_changes_nothing():
    """A holds all years, B lacks 2021, C has no account at all: A's audit is as if it were alone."""
    held = [
        ("T1", A, "county_head", "示例甲", "2021-01-01", "2021-12-31"),
        ("T2", A, "county_head", "示例乙", "2022-01-01", None),
        ("T3", B, "county_head", "示例丙", "2021-01-01", "2021-12-31"),
        ("T4", C, "county_head", "示例丁", "2021-01-01", None),
    ]
    fell = {2020: 100.0, 2021: 85.0, 2022: 85.0, 2023: 85.0}
    rows = history(A, fell) + change_rows(
        A, {year: {**dict.fromkeys(PARTS, 0.0), "area": min(0, 2020.5 - year) if year == 2021 else 0.0}
            for year in (2021, 2022, 2023)},
    )  # fmt: skip
    gap = {year: level for year, level in FLAT.items() if year != 2021}
    bare = [{**row, "county_code": C, "account": "extent", "item": "cropland"} for row in rows[:1]]
    alone = audit.compute(evidence(rows, registers(held)), {})
    found = audit.compute(evidence(rows + history(B, gap) + bare, registers(held)), {})
    for name in ("terms", "accounts", "decomposition", "decline", "items"):
        own = found.tables[name]
        pd.testing.assert_frame_equal(
            own[own["county_code"] == A].reset_index(drop=True), alone.tables[name]
        )
    assert verdicts(found) == {
        "T1": "serious_decline", "T2": "no_serious_decline", "T3": "not_assessed",
    }  # fmt: skip
    third = found.tables["terms"].set_index("term_id").loc["T3"]
    assert (third["state"], third["opening"], third["wanted_closing"]) == ("one_year", 2020, 2021)


def test_county_without_long_term_weather_is_its_own_matter():
    """B lacks one year of it: B is not assessed and not scored by its account, A is."""
    lacking = [row for row in history(B, FLAT) if row["measure"] != "value_normal_weather_2021"]
    held = [
        (f"T{n}", code, "county_head", "示例甲", "2021-01-01", None)
        for n, code in enumerate((A, B))
    ]
    found = audit.compute(evidence(history(A, FALL) + lacking, registers(held)), {})
    assert verdicts(found) == {"T0": "serious_decline", "T1": "not_assessed"}
    items = found.tables["items"].set_index(["term_id", "item"])
    assert items.loc[("T1", "gep_change"), ["low", "high"]].tolist() == [0.0, 8.0]


def test_category_that_a_year_lacks_is_not_taken_for_nothing():
    rows = [
        row
        for row in history(A, FLAT)
        if (row["item"], row["measure"]) != ("regulating", "value_normal_weather")
    ]
    given = evidence(rows)
    found = decline.assess(given, terms.table(given, 0.5), DRAWS, {"regulating": 0.05}, 0.95)
    assert found["verdict"].tolist() == ["not_assessed"]


# Accounts and decomposition


def test_opening_and_closing_account_by_hand():
    """100 → 90 at comparable prices is −10, −10 %; under long-term weather 100 → 96."""
    rows = history(
        A, {**FLAT, 2023: 90.0}, normal={**FLAT, 2023: 96.0}, current={**FLAT, 2023: 99.0}
    )
    rows += [
        {
            **row,
            "account": "history" if row["account"] == "history" else "services",
            "item": "tourism",
        }
        for row in history(A, {**FLAT, 2020: 40.0, 2023: 50.0})
        if row["item"] == "gep"
        and row["price_basis"] == "comparable"
        and "normal" not in row["measure"]
    ]
    given = evidence(rows)
    found = terms.accounts(given, terms.table(given, 0.5)).set_index("item")
    gep = found.loc["gep"]
    assert (gep["opening_cny"], gep["closing_cny"], gep["change_cny"]) == (100.0, 90.0, -10.0)
    assert gep["change_share"] == pytest.approx(-0.1)
    assert (gep["normal_closing_cny"], gep["current_closing_cny"]) == (96.0, 99.0)
    assert found.loc["tourism", "change_share"] == pytest.approx(0.25)
    assert list(found.index[:2]) == ["gep", "provisioning"]
    assert np.isnan(found.loc["cultural", "change_share"])


def test_rate_of_change_needs_a_level_above_nothing():
    """From −10 to 5 is a rise; as a share of −10 it would be told as −150 %."""
    given = evidence(history(A, {**FLAT, 2020: -10.0, 2023: 5.0}))
    gep = terms.accounts(given, terms.table(given, 0.5)).set_index("item").loc["gep"]
    assert gep["change_cny"] == 15.0
    assert np.isnan(gep["change_share"])


def test_decomposition_adds_up_exactly():
    """2020 → 2022: parts of 2021 and 2022 summed; −3 +1 +2 = 0 and −6 +4 −2 = −4: 100 → 96."""
    parts = {
        2021: {"area": -3.0, "condition": 1.0, "weather": 2.0, "activity": 0.0, "price": 0.0},
        2022: {"area": -6.0, "condition": 0.0, "weather": 0.0, "activity": 4.0, "price": -2.0},
        2023: {"area": 9.0, "condition": 0.0, "weather": 0.0, "activity": 0.0, "price": 0.0},
    }
    current = {2020: 100.0, 2021: 100.0, 2022: 96.0, 2023: 105.0}
    held = [
        ("T1", A, "county_head", "示例甲", "2019-01-01", "2022-12-31"),
        ("T2", A, "county_head", "示例乙", "2023-01-01", None),
    ]
    given = evidence(history(A, FLAT, current=current) + change_rows(A, parts), registers(held))
    found = terms.decomposition(given, terms.table(given, 0.5)).set_index("term_id")
    assert found.loc["T1", list(PARTS)].tolist() == [-9.0, 1.0, 2.0, 4.0, -2.0]
    assert found.loc["T2", list(PARTS)].tolist() == [9.0, 0.0, 0.0, 0.0, 0.0]
    summed = found["opening_cny"] + found[list(PARTS)].sum(axis=1)
    assert summed.tolist() == found["closing_cny"].tolist() == [96.0, 105.0]


def test_parts_of_a_category_are_those_of_its_services():
    """Of GEP −15 a year; of regulating services −10 (soil) + 4 (flood) and none of tourism."""
    moves = {"gep": -15.0, "soil_retention": -10.0, "flood_mitigation": 4.0, "tourism": -9.0}
    rows = history(A, {2020: 100.0, 2021: 94.0, 2022: 88.0, 2023: 82.0}) + [
        row
        for item, move in moves.items()
        for row in change_rows(
            A, {year: {**dict.fromkeys(PARTS, 0.0), "area": move} for year in YEARS[1:]}, item=item
        )
    ]
    given = evidence(rows)
    found = terms.decomposition(given, terms.table(given, 0.5), ["gep", "regulating"])
    found = found.set_index("item")
    assert found["area"].to_dict() == {"gep": -45.0, "regulating": -18.0}
    own = found.loc["regulating"]
    assert own["opening_cny"] + own[list(PARTS)].sum() == own["closing_cny"] == 82.0
    gep_only = evidence([row for row in rows if row["item"] in ("gep", "regulating")])
    left = terms.decomposition(gep_only, terms.table(gep_only, 0.5), ["gep", "regulating"])
    assert left["item"].tolist() == ["gep"]


@given(st.sets(st.sampled_from(YEARS), min_size=2))
def test_decomposition_has_no_residual_where_years_are_missing(held):
    """Of 2020–2023 some years are held: parts exist for years whose former year is held too."""
    levels = {year: FALL[year] for year in held}
    parts = {
        year: {**dict.fromkeys(PARTS, 0.0), "area": FALL[year] - FALL[year - 1]}
        for year in held
        if year - 1 in held
    }
    levels.setdefault(2023, FALL[2023])
    given = evidence(history(A, levels) + change_rows(A, parts))
    found = terms.decomposition(given, terms.table(given, 0.5))
    whole = set(range(min(levels), 2024)) == set(levels) and len(parts) == len(levels) - 1
    assert len(found) == int(whole)
    summed = found["opening_cny"] + found[list(PARTS)].sum(axis=1)
    assert summed.tolist() == found["closing_cny"].tolist()


def test_decomposition_is_left_out_where_a_year_has_none():
    parts = {2023: dict.fromkeys(PARTS, 0.0)}
    given = evidence(history(A, FLAT) + change_rows(A, parts))
    assert terms.decomposition(given, terms.table(given, 0.5)).empty
    found = audit.compute(given, {})
    assert found.tables["terms"]["verdict"].tolist() == ["no_serious_decline"]


# The scheme


ITEMS = pd.DataFrame(
    [
        ("a", "", 60.0, "section", np.nan),
        ("a", "told", 40.0, "findings", 15.0),
        ("a", "fund_use", 20.0, "account", np.nan),
        ("b", "", 40.0, "section", np.nan),
        ("b", "other", 40.0, "findings", 2.0),
    ],
    columns=["section", "item", "points", "rule", "deduction_points"],
)
POSTS = {"fund_use": scheme.Goalposts(good=0.9, poor=0.5)}


def points_of(told=0.0, other=0.0, fund_use=0.9):
    own = ITEMS[ITEMS["rule"] != "section"].assign(
        term_id="T1",
        count=[told, np.nan, other],
        value_low=[np.nan, fund_use, np.nan],
        value_high=[np.nan, fund_use, np.nan],
    )
    found = scheme.score_items(own, POSTS)
    return found, scheme.total(found, ITEMS).loc["T1"].tolist()


def test_scores_by_hand():
    """40 − 15·2 = 10; 20·(0.8 − 0.5)/0.4 = 15; 40 − 2·3 = 34; together 59."""
    found, whole = points_of(told=2, other=3, fund_use=0.8)
    assert found["low"].tolist() == pytest.approx([10.0, 15.0, 34.0])
    assert whole == [59.0, 59.0]


def test_deductions_are_capped_by_the_item():
    """40 − 15·3 < 0: nothing is left of the item, and nothing is taken from others: 0 + 20 + 40."""
    assert points_of(told=3)[1] == points_of(told=300)[1] == [60.0, 60.0]


def test_goalposts_cap_both_sides():
    assert points_of(fund_use=1.2)[1] == [100.0, 100.0]
    assert points_of(fund_use=0.1)[1] == [80.0, 80.0]


def test_sections_are_capped():
    found, _ = points_of()
    more = found.assign(high=found["high"] + 50)
    assert scheme.total(more, ITEMS).loc["T1", "high"] == 100.0


def test_what_the_accounts_do_not_know_for_sure_makes_an_interval():
    """20·(0.6 − 0.5)/0.4 = 5 to 20·(0.8 − 0.5)/0.4 = 15."""
    own = ITEMS[ITEMS["item"] == "fund_use"].assign(count=np.nan, value_low=0.6, value_high=0.8)
    found = scheme.score_items(own, POSTS).iloc[0]
    assert found[["low", "high"]].tolist() == pytest.approx([5.0, 15.0])


def test_what_is_not_known_makes_an_interval():
    found, whole = points_of(told=np.nan, fund_use=np.nan)
    assert found.loc[found["item"] != "other", "low"].tolist() == [0.0, 0.0]
    assert whole == [40.0, 100.0]


@pytest.mark.parametrize(
    ("score", "expected"),
    [(100, "好"), (90, "好"), (89.996, "好"), (89.99, "较好"), (80, "较好"), (79.99, "一般"),
     (70, "一般"), (69.99, "较差"), (60, "较差"), (59.99, "差"), (0, "差")],
)  # fmt: skip
def test_grades(score, expected):
    assert scheme.grade(score, RULES.grades) == expected


def test_no_grade_where_the_interval_spans_two():
    assert scheme.grade_between(90.0, 97.0, RULES.grades) == "好"
    assert scheme.grade_between(89.0, 97.0, RULES.grades) == ""


@settings(max_examples=40, deadline=None)
@given(
    told=st.integers(0, 6), other=st.integers(0, 30), more=st.integers(0, 9),
    value=st.floats(0, 1.5),
)  # fmt: skip
def test_more_findings_never_raise_the_score(told, other, more, value):
    fewer, most = points_of(told, other, value)[1], points_of(told + more, other + more, value)[1]
    assert most[0] <= fewer[0] + 1e-9
    assert 0 <= most[0] <= 100


def test_published_part_of_the_scheme():
    """25 points for decisions and supervision, 13 of them for reform tasks, 2 off for each undone."""
    found = scheme.read().set_index(["section", "item"])
    assert found.loc[("decisions", ""), "points"] == 25
    assert found.loc[("decisions", "reform_tasks"), ["points", "deduction_points"]].tolist() == [
        13,
        2,
    ]
    assert (found.loc[("decisions", "reform_tasks"), "confidence"]) == "published"
    assert scheme.full_problem(scheme.read(), 100.0) == []


def test_dictionary_lists_the_items_that_lose_points_by_findings():
    listed = scheme.read()
    field = dictionary.tables()[audit.RECORDS].fields["item"]
    assert (
        field.labels == listed[listed["rule"] == "findings"].set_index("item")["name_zh"].to_dict()
    )


def scheme_file(tmp_path, **changes):
    """Return the scheme's file with some cells changed: item → (column, text)."""
    raw = pd.read_csv(scheme.PATH, dtype="str", keep_default_na=False)
    for item, (column, text) in changes.items():
        raw.loc[raw["item"] == item, column] = text
    path = tmp_path / "departure_audit_scheme.csv"
    raw.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"reform_tasks": ("points", "12")},
            "items of section 'decisions' have 24 points together",
        ),
        (
            {"reform_tasks": ("points", "lots")},
            "line 3: points must be a number above 0, got 'lots'",
        ),
        ({"reform_tasks": ("deduction_points", "0")}, "line 3: deduction_points must be above 0"),
        ({"reform_tasks": ("rule", "guess")}, "rule must be section, findings or account"),
        (
            {"fund_use": ("item", "profit")},
            "item 'profit' is no indicator. Take one of stock_change",
        ),
        ({"fund_use": ("section", "money")}, "items name section 'money', which has no row"),
        ({"illegal_use": ("item", "supervision")}, "item 'supervision' stands twice"),
        ({"fund_use": ("confidence", "sure")}, "confidence must be one of published"),
        ({"fund_use": ("source", " ")}, "source is empty"),
        ({"fund_use": ("item", "")}, "item is ''. Name it"),
    ],
)
def test_faulty_schemes_are_refused(tmp_path, changes, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        scheme.read(scheme_file(tmp_path, **changes))


def test_sections_must_add_up_to_the_full_points():
    found = scheme.full_problem(scheme.read(), 120.0)
    assert "the sections have 100 points together, departure_audit.full_points is 120" in found[0]


def test_scheme_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "scheme.csv"
    path.write_text("item,points\na,100\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="columns must be section, item"):
        scheme.read(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("grades", {"好": 90.0, "差": 95.0}, "falling to 0"),
        ("grades", {"好": 110.0, "差": 0.0}, "lights must name the grades"),
        ("lights", {"好": "good"}, "lights must name the grades"),
        ("verdict_lights", {"undecided": "watch"}, "verdict_lights must name serious_decline"),
        ("full_points", 80.0, "no grade may ask for more"),
        ("goalposts", {"gep_change": {"good": 0.0, "poor": -1.0}}, "must list exactly"),
        (
            "goalposts",
            {key: {"good": 0.0, "poor": 0.0} for key in scheme.INDICATORS},
            "must differ",
        ),
        ("serious_fall", {"gdp": 0.05}, "unknown indicators: gdp"),
        ("serious_fall", {"gep": 1.5}, "less than 1"),
        ("least_share_of_year", 0.4, "greater than or equal to 0.5"),
        ("least_confidence", 0.5, "greater than 0.5"),
    ],
)
def test_faulty_rules_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        audit.AuditParams(**{**RULES.model_dump(), name: value})


# Indicators


def levels_of(*rows):
    return pd.DataFrame(
        [row[1:] for row in rows],
        index=pd.Index([row[0] for row in rows]),
        columns=[2020, 2021, 2022],
    )


@pytest.mark.parametrize(
    ("how", "row", "expected"),
    [
        ("relative", (A, 10.0, 0.0, 8.0), -0.2),
        ("difference", (A, 0.9, 0.0, 0.85), -0.05),
        ("closing", (A, 0.9, 0.0, 0.85), 0.85),
        ("mean", (A, 9.0, 0.6, 0.8), 0.7),
        # nothing held, nothing lost
        ("relative", (A, 0.0, 0.0, 0.0), 0.0),
        ("relative", (A, np.nan, 1.0, 1.0), np.nan),
        ("relative", (A, 0.0, 1.0, 1.0), np.nan),
        ("mean", (A, 1.0, np.nan, 1.0), np.nan),
    ],
)
def test_reading_off_an_indicator(how, row, expected):
    found = scheme.read_off(levels_of(row), how, 2020, 2022)
    assert found[A] == pytest.approx(expected, nan_ok=True)


def test_worst_stock_counts():
    """Timber +10 %, wetland −2 %: −2 %; a county with a stock that is not known has no figure."""
    index = pd.MultiIndex.from_tuples(
        [(A, "timber_m3"), (A, "wetland_ha"), (B, "timber_m3"), (B, "wetland_ha")]
    )
    levels = pd.DataFrame({2020: [100.0, 50.0, 1.0, 1.0], 2023: [110.0, 49.0, 1.0, np.nan]}, index)
    found = scheme.read_off(levels, "relative", 2020, 2023)
    assert found[A] == pytest.approx(-0.02)
    assert np.isnan(found[B])


def test_years_outside_of_the_table_are_not_known():
    assert np.isnan(scheme.read_off(levels_of((A, 1.0, 1.0, 1.0)), "closing", 2020, 2023)[A])


def test_spotless_term_scores_all_points():
    found = audit.compute(evidence(history(A, RISE), registers(records=[], **statistics())), {})
    term = found.tables["terms"].loc[0]
    assert (term["score_low"], term["score_high"], term["grade"]) == (100.0, 100.0, "好")
    assert term["unscored"] == ""


def test_term_with_findings_by_hand():
    """100 − 2·3 of 13 reform tasks − 4·2 of 8 for land (capped at 8) − 12 for regulating and − 8 for
    GEP that fell by 15 %, where 5 cost all: 100 − 6 − 8 − 20 = 66."""
    records = [
        ("F1", "T1", A, "reform_tasks", 3, "2022-05-01", "示例"),
        ("F2", "T1", A, "illegal_use", 5, "2022-06-01", "示例"),
    ]
    given = evidence(history(A, FALL), registers(records=records, **statistics()))
    found = audit.compute(given, {})
    term = found.tables["terms"].loc[0]
    assert (term["score_low"], term["score_high"]) == (66.0, 66.0)
    assert term["grade"] == "较差"
    items = found.tables["items"].set_index("item")
    assert items.loc["reform_tasks", ["count", "low", "evidence"]].tolist() == [3, 7.0, "示例"]
    assert items.loc["gep_change", "value"] == pytest.approx(-0.15)
    again = registers(records=records[::-1], **statistics())
    other = audit.compute(evidence(history(A, FALL), again), {})
    pd.testing.assert_frame_equal(other.tables["items"], found.tables["items"])


def test_findings_of_later_years_wait():
    records = [("F1", "T1", A, "reform_tasks", 3, "2023-05-01", "示例")]
    given = registers(records=records, year=2022, **statistics())
    levels = {year: RISE[year] for year in YEARS[:-1]}
    found = audit.compute(evidence(history(A, levels, year=2022), given), {})
    assert found.tables["terms"].loc[0, "score_low"] == 100.0


def test_missing_registers_leave_an_interval_and_say_so():
    """Without findings (47 points) and statistics (33) only GEP's 20 points are sure: 20–100."""
    found = audit.compute(evidence(history(A, RISE)), {})
    term = found.tables["terms"].loc[0]
    assert (term["score_low"], term["score_high"], term["grade"]) == (20.0, 100.0, "")
    assert "红线面积变化" in term["unscored"]
    assert "audit_findings" in found.lacking
    card = next(c for c in found.cards if c["unit"] == "points")
    assert (card["light"], card["low"], card["high"]) == ("none", 20.0, 100.0)


def test_fall_within_its_own_error_costs_no_grade():
    """−1 % ± 1.4 %: all 20 points are possible, 10 are sure; with 3 off elsewhere 87–97, no grade."""
    records = [("F1", "T1", A, "supervision", 3, "2022-05-01", "示例")]
    given = registers(records=records, **statistics())
    found = audit.compute(evidence(history(A, {**FLAT, 2023: 99.0}), given), {})
    items = found.tables["items"].set_index("item")
    fall = found.tables["decline"].set_index("indicator").loc["regulating"]
    own = items.loc["regulating_change"]
    assert fall["low"] < -0.01 < 0 < fall["high"]
    assert own["low"] == pytest.approx(12 * (fall["low"] + 0.05) / 0.05)
    assert own["high"] == 12.0
    term = found.tables["terms"].loc[0]
    assert term["score_low"] < 90 <= term["score_high"] == 97.0
    assert (term["grade"], term["unscored"]) == ("", "")
    card = next(c for c in found.cards if c["unit"] == "points")
    assert (card["low"], card["high"], card["light"]) == (term["score_low"], 97.0, "none")


@pytest.mark.parametrize("day", [None, "2024-02-01"])
def test_term_that_nobody_audited_has_no_clean_record(day):
    """No finding in the register is none only after an audit: the 47 points are open, 53–100."""
    held = [("T1", *HEAD, "2021-01-01", None, day)]
    found = audit.compute(evidence(history(A, RISE), registers(held, [], **statistics())), {})
    term = found.tables["terms"].loc[0]
    assert (term["score_low"], term["score_high"], term["grade"]) == (53.0, 100.0, "")
    assert not term["audited"]
    assert term["unscored"] == ""


def test_older_register_without_days_of_audit_is_read():
    """A register without the column: nothing was audited."""
    given = registers(records=[], **statistics())
    older = given.pack.tables["official_terms"].drop(columns="audited_on")
    given = Registers(YearlyPack({**given.pack.tables, "official_terms": older}, {}), 2023)
    assert audit.check(given, RULE_FILE) == []
    found = audit.compute(evidence(history(A, RISE), given), {})
    assert not found.tables["terms"]["audited"].any()


def test_section_without_a_water_class_is_not_known():
    """One section of each year has no class: nothing is known of the closing year's targets."""
    tables = statistics()
    tables["water_sections"].loc[3, "water_class"] = None
    found = audit.compute(evidence(history(A, FLAT), registers(records=[], **tables)), {})
    own = found.tables["items"].set_index("item").loc["water_targets"]
    assert np.isnan(own["value"])
    assert own[["low", "high"]].tolist() == [0.0, 6.0]


def test_approved_adjustment_of_the_redline_is_no_loss():
    tables = statistics()
    tables["redline"].loc[2:, "redline_area_km2"] = 57.0
    lost = audit.compute(evidence(history(A, FLAT), registers(**tables)), {})
    tables["redline"]["approved_change_km2"] = [np.nan, 0.0, -3.0, np.nan]
    kept = audit.compute(evidence(history(A, FLAT), registers(**tables)), {})
    values = [
        found.tables["items"].set_index("item").loc["redline_change", "value"]
        for found in (lost, kept)
    ]
    assert values == pytest.approx([-0.05, 0.0])


def test_registers_without_rows_are_sound():
    given = registers(records=[], **statistics())
    none = given.pack.tables["official_terms"].iloc[:0]
    empty = Registers(YearlyPack({**given.pack.tables, "official_terms": none}, {}), 2023)
    assert audit.check(empty, RULE_FILE) == []
    found = audit.compute(evidence(history(A, FLAT), empty), {})
    assert found.tables["terms"].empty
    assert found.cards == []


def test_pack_without_terms_lacks_the_topic():
    given = Registers(YearlyPack({}, {}), 2023)
    assert audit.compute(evidence(history(A, FLAT), given), {}).lacking == ("official_terms",)
    assert audit.check(given, RULE_FILE) == []


def test_term_that_is_not_audited_yet_is_no_error():
    held = [("T1", A, "county_head", "示例甲", "2024-03-01", None)]
    given = registers(held, [], **statistics())
    assert audit.check(given, RULE_FILE) == []
    found = audit.compute(evidence(history(A, FLAT), given), {})
    term = found.tables["terms"].loc[0]
    assert (term["state"], term["verdict"], term["grade"]) == ("not_yet", "not_assessed", "")
    assert np.isnan(term["score_low"])
    assert found.figures == []
    assert found.cards == []


# Serious decline: back-casts on made-up histories


def test_known_decline_is_found():
    """−15 % over the term, threshold −5 %, yearly errors of 1 %: no doubt."""
    found = audit.compute(evidence(history(A, FALL)), {})
    assert verdicts(found) == {"T1": "serious_decline"}
    row = found.tables["decline"].set_index("indicator").loc["gep"]
    assert row["change_share"] == pytest.approx(-0.15)
    assert row["low"] < -0.15 < row["high"] < -0.05
    assert row["probability"] > 0.999
    card = next(c for c in found.cards if c["unit"] == "percent")
    assert card["light"] == "poor"


def test_history_of_weather_alone_has_no_decline():
    """The year's values fall by 15 %, those under long-term weather not at all."""
    found = audit.compute(evidence(history(A, FALL, normal=FLAT, current=FALL)), {})
    assert verdicts(found) == {"T1": "no_serious_decline"}
    items = found.tables["items"].set_index("item")
    assert items.loc["gep_change", "value"] == 0.0


class DryYear(CountyInputs):
    """A county in a year with half of its rain."""

    def layer(self, name):
        found = super().layer(name)
        year_of_weather = self.layer_year(name) is not None
        return found.copy(data=found / 2) if name == "precipitation" and year_of_weather else found


def test_dry_year_through_the_accounts_is_no_decline():
    """Half the rain takes the year's regulating services down, those of long-term weather not."""
    standard = standards.read("db33-2020")
    prices, rules = PriceBook.read().choosing(standard.prices), resolve("330903", 2022, "db33-2020")
    levels = {}
    for year, kind in ((2022, CountyInputs), (2023, DryYear)):
        layers = Layers(kind(Pack.open(OPEN_PACK), "330903", 2022), rules, standard.factors)
        now = account(layers.inputs, rules, standard, prices, 2020, layers)
        normal = change.normalised(layers, rules, standard, prices, 2020)
        levels[year] = (totals(now, "comparable"), normal["comparable"])
    (wet, wet_normal), (dry, dry_normal) = levels.values()
    assert dry["regulating"] < 0.9 * wet["regulating"]
    assert dry_normal == pytest.approx(wet_normal)
    fell = {2022: wet["regulating"], 2023: dry["regulating"]}
    level = {2022: wet_normal["regulating"], 2023: dry_normal["regulating"]}
    held = [("T1", *HEAD, "2023-01-01", None)]
    found = audit.compute(evidence(history(A, fell, normal=level), registers(held)), {})
    assert verdicts(found) == {"T1": "no_serious_decline"}
    assert verdicts(audit.compute(evidence(history(A, fell), registers(held)), {})) == {
        "T1": "serious_decline"
    }


def test_history_of_prices_alone_has_no_decline():
    found = audit.compute(evidence(history(A, FLAT, current=FALL)), {})
    assert verdicts(found) == {"T1": "no_serious_decline"}
    gep = found.tables["accounts"].set_index("item").loc["gep"]
    assert gep["current_closing_cny"] == 85.0
    assert gep["change_cny"] == 0.0


def test_decline_before_the_term_is_not_charged_to_it():
    """Down to 85 by 2021, level since: the holder until 2021 is told, the one after is not."""
    levels = {2020: 100.0, 2021: 85.0, 2022: 85.0, 2023: 85.0}
    held = [
        ("T1", A, "county_head", "示例甲", "2020-01-01", "2021-12-31"),
        ("T2", A, "county_head", "示例乙", "2022-01-01", None),
    ]
    found = audit.compute(evidence(history(A, levels), registers(held)), {})
    assert verdicts(found) == {"T1": "serious_decline", "T2": "no_serious_decline"}


def test_fall_at_the_threshold_is_undecided():
    """A fall of exactly the threshold is as likely more as less: 0.5, no verdict."""
    found = audit.compute(evidence(history(A, {**FLAT, 2023: 95.0})), {})
    assert verdicts(found) == {"T1": "undecided"}
    assert found.tables["decline"]["probability"].iloc[0] == pytest.approx(0.5, abs=0.03)


def test_errors_decide_whether_a_fall_is_found():
    """−8 %: found with yearly errors of 1 % (0.08 − 0.05 = 3.5 sd), not with 3 % (1.3 sd)."""
    levels = {**FLAT, 2023: 92.0}
    sure = audit.compute(evidence(history(A, levels)), {})
    vague = audit.compute(evidence(history(A, levels, origin="illustrative")), {})
    assert (verdicts(sure)["T1"], verdicts(vague)["T1"]) == ("serious_decline", "undecided")


def test_without_long_term_weather_nothing_is_assessed():
    """A dry year could pass for a decline: no verdict, and GEP is not scored."""
    rows = [row for row in history(A, FALL) if "normal" not in row["measure"]]
    found = audit.compute(evidence(rows), {})
    assert verdicts(found) == {"T1": "not_assessed"}
    items = found.tables["items"].set_index("item")
    assert items.loc["gep_change", ["low", "high"]].tolist() == [0.0, 8.0]


def test_account_draws_are_used_where_they_are():
    """Errors that move all years alike cancel; where the service that fell is unsure, so is its fall."""
    unsure = np.linspace(0.2, 1.8, 200)

    def drawn(levels):
        columns = {
            f"{year}/{name}": (level if name == "regulating" else 0.0 * level)
            for year, level in levels.items()
            for name in CATEGORY_ZH
        }
        return {A: pd.DataFrame(columns)}

    alike = {year: level * unsure for year, level in FALL.items()}
    mixed = {year: 50.0 + (level - 50.0) * unsure for year, level in FALL.items()}
    without = audit.compute(evidence(history(A, FALL)), {})
    same, wider = (
        audit.compute(evidence(history(A, FALL), drawn=drawn(levels)), {})
        for levels in (alike, mixed)
    )
    assert same.tables["decline"]["account_draws"].all()
    assert not without.tables["decline"]["account_draws"].any()
    low = [found.tables["decline"]["low"].iloc[0] for found in (without, same, wider)]
    assert low[1] == pytest.approx(low[0], abs=1e-3)
    assert low[2] < low[0] - 0.02


def test_county_without_an_indicator_is_judged_by_the_others():
    assert decline.overall(["no_serious_decline", "not_assessed"]) == "no_serious_decline"
    assert decline.overall(["no_serious_decline", "undecided"]) == "undecided"
    assert decline.overall(["undecided", "serious_decline"]) == "serious_decline"
    assert decline.overall([]) == decline.overall(["not_assessed"]) == "not_assessed"


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.95, "serious_decline"), (0.949, "undecided"), (0.051, "undecided"),
     (0.05, "no_serious_decline"), (np.nan, "not_assessed")],
)  # fmt: skip
def test_verdict_by_probability(probability, expected):
    assert decline.verdict(probability, 0.95) == expected


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(60, 140), min_size=4, max_size=4))
def test_probability_follows_the_fall(levels):
    """A larger fall is never less likely to be serious, with the same errors."""
    held = dict(zip(YEARS, levels, strict=True))
    less, more = (
        decline.assess(given, terms.table(given, 0.5), DRAWS, {"gep": 0.05}, 0.95)
        for given in map(
            evidence, (history(A, held), history(A, {**held, 2023: held[2023] * 0.98}))
        )
    )
    assert (more["probability"] >= less["probability"]).all()


# Registers


def test_sound_registers_are_taken():
    records = [("F1", "T1", A, "supervision", 1, "2022-05-01", "示例")]
    assert audit.check(registers(records=records), RULE_FILE) == []


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([("T1", *HEAD, "2022-05-01", "2021-05-01")], "'T1' ends on 2021-05-01, before it begins"),
        (
            [("T1", *HEAD, "2015-05-01", "2019-12-31")],
            "ended on 2019-12-31, before 2020, the first",
        ),
        ([("T1", *HEAD, "last May", None)], "line 2: start_date 'last May' is no day"),
        ([("T1", *HEAD, "2021-05-01", "2022-13-01")], "end_date '2022-13-01' is no day"),
        ([("T1", A, "mayor", "示例甲", "2021-05-01", None)], "post must be one of party_secretary"),
        ([("T1", "331199", "county_head", "示例甲", "2021-05-01", None)], "county '331199' is not"),
        ([("T1", *HEAD, None, None)], "start_date None is no day"),
        ([("T1", *HEAD, "2021-05-01", None, "soon")], "line 2: audited_on 'soon' must be a day"),
        ([("T1", *HEAD, "2021-05-01", None, "2020-05-01")], "not before the term began"),
        (
            [("T1", *HEAD, "2018-05-01", "2021-05-01"), ("T2", *HEAD, "2021-05-01", None)],
            "line 3: term 'T2' begins on 2021-05-01, while 'T1' still holds the post",
        ),
        (
            [("T1", *HEAD, "2018-05-01", None), ("T2", *HEAD, "2021-05-01", None)],
            "line 3: term 'T2' begins on 2021-05-01, while 'T1' still holds",
        ),
        (
            [("T1", *HEAD, "2018-05-01", "2020-05-01"), ("T1", *HEAD, "2021-05-01", None)],
            "line 3: term_id 'T1' stands twice",
        ),
    ],
)
def test_faulty_terms_are_refused(held, message):
    problems = audit.check(registers(held), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_two_posts_may_be_held_at_once():
    held = [
        ("T1", A, "county_head", "示例甲", "2018-05-01", None),
        ("T2", A, "party_secretary", "示例乙", "2019-05-01", None),
    ]
    assert audit.check(registers(held), RULE_FILE) == []


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            ("F1", "T9", A, "supervision", 1, "2022-05-01", ""),
            "names term 'T9', which official_terms",
        ),
        (("F1", "T1", B, "supervision", 1, "2022-05-01", ""), f"stands in {B}, its term in {A}"),
        (("F1", "T1", A, "supervison", 1, "2022-05-01", ""), "Did you mean 'supervision'"),
        (
            ("F1", "T1", A, "gep_change", 1, "2022-05-01", ""),
            "'gep_change', which is not scored by",
        ),
        (("F1", "T1", A, "supervision", 0, "2022-05-01", ""), "has count 0"),
        (("F1", "T1", A, "supervision", 1.5, "2022-05-01", ""), "has count 1.5"),
        (("F1", "T1", A, "supervision", np.nan, "2022-05-01", ""), "count is missing"),
        (
            ("F1", "T1", A, "supervision", 1, "2020-05-01", ""),
            "outside of its term from 2021-01-01",
        ),
        (("F1", "T1", A, "supervision", 1, "May", ""), "has occurred_on 'May'"),
        (("F1", "T2", A, "supervision", 1, "2022-05-01", ""), "line 2.*'T2', which .* not audited"),
        (("F1", "T3", A, "supervision", 1, "2022-05-01", ""), "after the audit of its term"),
    ],
)
def test_faulty_findings_are_refused(record, message):
    held = [
        ("T1", *HEAD, "2021-01-01", None),
        ("T2", A, "party_secretary", "示例乙", "2021-01-01", "2022-12-31", None),
        ("T3", A, "party_secretary", "示例丙", "2023-01-01", None, "2022-01-01"),
    ]
    problems = audit.check(registers(held, [record]), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_all_faults_are_told_at_once():
    held = [("T1", A, "mayor", "示例甲", "2022-05-01", "2021-05-01")]
    record = ("F1", "T9", A, "nothing", 0, "May", "")
    assert len(audit.check(registers(held, [record]), RULE_FILE)) >= 6


def test_faulty_rules_are_told_by_the_check():
    bad = RULE_FILE.entries["departure_audit.full_points"].model_copy(update={"value": 120.0})
    entries = {**RULE_FILE.entries, "departure_audit.full_points": bad}
    found = audit.check(registers(), RULE_FILE.model_copy(update={"entries": entries}))
    assert "full_points is 120" in found[0]


# The open pack


def test_open_pack_shows_every_state_and_is_sound():
    pack = Pack.open(OPEN_PACK)
    for year in pack.years:
        assert audit.check(Registers(pack, year), RULE_FILE) == []
    register = pack.table("official_terms")
    assert register["official"].str.startswith("示例").all()
    rows = [row for code in sorted(set(register["county_code"])) for row in history(code, FALL)]
    given = Evidence(
        pd.DataFrame(rows).astype(ledger.COLUMNS), Registers(pack, 2023), RULE_FILE, {}
    )
    found = audit.compute(given, {}).tables["terms"]
    assert set(found["state"]) >= {"audited", "not_yet", "one_year"}
    assert set(found["audited"]) == {True, False}
    assert (found["wanted_opening"] < found["opening"]).any()
    assert set(found["grade"]) >= {"好", "较好", "一般", "较差", "差"} - {"好"}


def test_figures_can_be_put_into_a_ledger():
    found = audit.compute(evidence(history(A, FALL), registers(records=[], **statistics())), {})
    own = [row for code, row in found.figures if code == A]
    built = ledger.build(own, release="t", year=2023, county_code=A)
    assert set(built["measure"]) == {
        "score_low", "score_high", "gep_change", "gep_serious_fall_probability",
        "regulating_change", "regulating_serious_fall_probability",
    }  # fmt: skip
    assert growth_draws.SECTION in audit.TOPIC.sections
