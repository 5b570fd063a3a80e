"""What a liable party pays for damage, head by head, and what the registers must not hold."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook import ledger, params, paths
from gepbook.compensation import damage, flows
from gepbook.compensation.damage import DamageParams
from gepbook.inputs.pack import Pack
from gepbook.province import Province, Registers

PARAMS = params.resolve(None, 2023, "db33-2020")
RULES = PARAMS.section(damage.SECTION, DamageParams)
COUNTY = "330122"
ALL = dict.fromkeys(damage.CONDITIONS, True)
CASE = {
    "case_id": "A1", "county_code": COUNTY, "year": 2023, "name": "违法采石案", "site_id": "S1",
    "liable_party": "某企业", "claimant": "市政府", "path": "诉讼", "event_date": "2020-01-01",
    "restored_on": "2024-01-01", "restoration_cost_cny": 1000.0, "cleanup_cost_cny": 200.0,
    "assessment_cost_cny": 50.0, "permanent_percent": 25.0, **ALL, "punitive_multiple": 1.0,
    "restored_percent": 40.0,
}  # fmt: skip
DISCHARGE = {
    "case_id": "A1", "county_code": COUNTY, "pollutant": "化学需氧量", "medium": "surface_water",
    "function_class": "Ⅲ", "quantity_t": 10.0, "unit_cost_cny_t": 100.0,
}  # fmt: skip
SITE = {
    "site_id": "S1", "county_code": COUNTY, "year": 2020, "name": "采石场", "kind": "damage",
    "after_type": "urban", "geometry": shapely.box(0, 0, 300, 300),
}  # fmt: skip


def account(before, after, site="S1"):
    """Return the ledger rows of a site that is worth something before and after."""
    item = f"{site}.carbon_sequestration.co2"
    figures = {"physical_before": before, "physical_after": after}
    figures |= {"value_before": before, "value_after": after}
    return [
        ledger.entry("sites", item, name, v, "CNY", origin="modelled", method_id="x", quality="low")
        for name, v in figures.items()
    ]


def province(*cases, discharges=(), rows=None, sites=(SITE,), year=2023, rules=None):
    tables = {"damage_cases": pd.DataFrame([{**CASE, **case} for case in cases])}
    if discharges:
        tables["damage_discharges"] = pd.DataFrame([{**DISCHARGE, **d} for d in discharges])
    vectors = {
        "project_sites": gpd.GeoDataFrame(list(sites), geometry="geometry", crs="EPSG:32651")
    }
    pool = pd.DataFrame(account(1000, 200) if rows is None else rows).assign(county_code=COUNTY)
    entries = dict(PARAMS.entries)
    for name, value in (rules or {}).items():
        key = f"{damage.SECTION}.{name}"
        entries[key] = entries[key].model_copy(update={"value": value})
    ruled = PARAMS.model_copy(update={"entries": entries})
    return Province(pool, Registers(FakePack(tables, vectors), year), ruled)


def checked(*cases, **given_):
    made = province(*cases, **given_)
    return damage.check(made.registers, made.params)


# The maths


def test_a_loss_that_recovers_evenly_by_hand():
    # over 4 years what is left is 7/8, 5/8, 3/8, 1/8: together 2, half of 4
    assert damage.remaining_by_year(4).tolist() == pytest.approx([7 / 8, 5 / 8, 3 / 8, 1 / 8])
    # over 1.5 years: ∫0..1 (1 − s/1.5) = 1 − 1/3 = 2/3; ∫1..1.5 = 0.5 − (2.25 − 1)/3 = 1/12
    assert damage.remaining_by_year(1.5).tolist() == pytest.approx([2 / 3, 1 / 12])
    assert damage.remaining_by_year(0).tolist() == []


@given(st.floats(0.01, 60))
@settings(max_examples=60, deadline=None)
def test_half_of_the_time_is_lost(years):
    left = damage.remaining_by_year(years)
    assert left.sum() == pytest.approx(years / 2)
    assert (np.diff(left) < 0).all()


def test_interim_loss_by_hand():
    # 800 a year, a quarter of it for good: 600 × (0.875 + 0.625/1.1 + 0.375/1.21 + 0.125/1.331)
    # = 600 × (0.875 + 0.568182 + 0.309917 + 0.093914) = 600 × 1.847013 = 1108.208
    assert damage.interim_loss(800, 4, 25, 10) == pytest.approx(1108.208, abs=1e-3)


def test_permanent_loss_by_hand():
    # 800 × 0.25 = 200 a year; 2 years at 10 %: 200 × (1 + 1/1.1) = 381.818; for ever: 200 × 1.1/0.1
    assert damage.permanent_loss(800, 25, 10, 2) == pytest.approx(381.818, abs=1e-3)
    assert damage.permanent_loss(800, 25, 10, None) == pytest.approx(2200)
    assert damage.permanent_loss(800, 25, 10, 400) == pytest.approx(2200)  # many years are for ever


def test_virtual_treatment_by_hand():
    assert damage.virtual_treatment(10, 100, 5.25) == 5250  # 10 t × 100 CNY/t × 5.25


@given(
    base=st.floats(0, 1e9),
    asked=st.floats(0, 10),
    conditions=st.fixed_dictionaries({key: st.booleans() for key in damage.CONDITIONS}),
)
@settings(max_examples=80, deadline=None)
def test_the_punitive_part_needs_all_three_and_has_a_cap(base, asked, conditions):
    amount, note = damage.punitive(base, asked, conditions, 2.0)
    assert 0 <= amount <= 2 * base
    if not all(conditions.values()):
        assert amount == 0
    if asked and not all(conditions.values()):
        for key, name in damage.CONDITIONS.items():
            assert (name in note) == (not conditions[key])


def test_a_multiple_above_the_cap_is_cut_with_a_note():
    assert damage.punitive(100, 3, ALL, 2) == (200, "请求 3 倍，按上限 2 倍计")
    assert damage.punitive(100, 1.5, ALL, 2) == (150, "")
    assert damage.punitive(100, 0, ALL, 2) == (0, "")


@given(
    yearly=st.floats(0, 1e7),
    years=st.integers(1, 30),
    share=st.floats(0, 100),
    costs=st.tuples(*[st.floats(0, 1e7)] * 3),
    virtual=st.floats(0, 1e6),
    asked=st.floats(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_heads_add_up(yearly, years, share, costs, virtual, asked):
    case = pd.Series(
        {
            **CASE,
            **dict(zip(damage.COSTS, costs, strict=True)),
            "restored_on": f"{2020 + years}-01-01",
            "permanent_percent": share,
            "punitive_multiple": asked,
        }
    )
    heads, _ = damage.heads_of(case, yearly, virtual, RULES)
    assert list(heads) == list(damage.HEADS)
    assert min(heads.values()) >= 0
    assert not (heads["restoration"] and heads["virtual_treatment"])  # nothing is paid for twice
    assert heads["punitive"] <= 2 * (heads["interim"] + heads["permanent"]) + 0.05
    none, _ = damage.heads_of(case, 0.0, virtual, RULES)
    assert none["interim"] == none["permanent"] == none["punitive"] == 0


# A case worked through


def test_one_case_by_hand():
    rules = {
        "discount_rate_percent": 10.0,
        "permanent_capitalisation": "years",
        "permanent_years": 2,
    }
    found = damage.compute(province({"restored_on": "2023-12-31"}, rules=rules))
    (case,) = found.tables["cases"].to_dict("records")
    # The site gave 1000 CNY a year and gives 200: Y = 800. 2020-01-01 to 2023-12-31 are 1460 days
    # = 3.9973 years, so that what is left differs from that of 4 years in the third digit.
    assert case["yearly_loss_cny"] == 800
    assert case["years"] == pytest.approx(1460 / 365.25)
    left = [0.874914, 0.624743, 0.374572, 0.124402]  # ∫ (1 − s/3.9973) ds over each year
    interim = 600 * (left[0] + left[1] / 1.1 + left[2] / 1.21 + left[3] / 1.331)
    assert case["interim_cny"] == pytest.approx(interim, abs=0.01)  # = 1107.53
    assert case["permanent_cny"] == pytest.approx(381.82)  # 200 × (1 + 1/1.1)
    assert case["punitive_cny"] == pytest.approx(interim + 381.82, abs=0.02)  # once
    heads = [case[f"{name}_cny"] for name in damage.HEADS]
    assert case["total_cny"] == pytest.approx(sum(heads), abs=0.005)
    # 1000 + 200 + 50 + 1107.53 + 381.82 + 1489.35 = 4228.70
    assert case["total_cny"] == pytest.approx(4228.70, abs=0.02)
    paid = flows.build(found.flows, 2023)
    assert set(paid["payer"]) == {f"{COUNTY}/liable"}
    assert set(paid["payee"]) == {"330100"}  # the city's government claims
    assert paid["amount_cny"].sum() == pytest.approx(case["total_cny"], abs=1e-6)
    quality = paid.set_index("rule")["quality"]
    assert quality[f"{damage.SECTION}/restoration"] == "published"
    assert quality[f"{damage.SECTION}/interim"] == "design"
    own = {row["measure"]: row["value"] for _, row in found.figures}
    assert own["total"] == case["total_cny"]


def test_the_provinces_claims_are_paid_to_it():
    found = damage.compute(province({"claimant": "省政府"}))
    assert {f["payee"] for f in found.flows} == {"330000"}


def test_virtual_treatment_stands_in_where_nothing_is_restored():
    dissipated = {"restoration_cost_cny": 0.0, "site_id": None, "restored_on": None}
    (row,) = (
        damage.compute(province(dissipated, discharges=[{}])).tables["cases"].to_dict("records")
    )
    assert row["virtual_treatment_cny"] == pytest.approx(5250)  # 10 × 100 × 5.25 (class Ⅲ)
    assert row["interim_cny"] == row["permanent_cny"] == 0
    assert "无地块核算" in row["note"]
    (row,) = damage.compute(province({}, discharges=[{}])).tables["cases"].to_dict("records")
    assert (row["restoration_cny"], row["virtual_treatment_cny"]) == (1000, 0)
    assert "不重复计入" in row["note"]


def test_conditions_not_met_are_no_error_but_named():
    found = damage.compute(province({"intentional": False, "serious": False}))
    (row,) = found.tables["cases"].to_dict("records")
    assert row["punitive_cny"] == 0
    assert row["note"] == "请求惩罚性赔偿，但不具备：故意、造成严重后果"


def test_a_site_that_lost_nothing_has_no_interim_loss():
    found = damage.compute(province({}, rows=account(200, 1000)))
    (row,) = found.tables["cases"].to_dict("records")
    assert row["interim_cny"] == row["permanent_cny"] == row["punitive_cny"] == 0
    assert "没有减少" in row["note"]


def test_what_is_lost_for_good_needs_no_day_of_restoration():
    case = {"permanent_percent": 100.0, "restored_on": None, "restored_percent": 0.0}
    assert checked(case) == []
    (row,) = damage.compute(province(case)).tables["cases"].to_dict("records")
    assert row["interim_cny"] == 0
    assert row["permanent_cny"] > 0


def test_earlier_cases_show_their_progress_and_are_not_paid_again():
    found = damage.compute(province({"year": 2022}))
    assert found.flows == []
    assert found.tables["cases"].empty
    assert found.tables["progress"]["restored_percent"].tolist() == [40]


def test_a_pack_without_cases_lacks_them():
    bare = Province(pd.DataFrame(), Registers(FakePack({}, {}), 2023), PARAMS)
    assert damage.compute(bare).lacking == ("damage_cases", "damage_discharges", "project_sites")
    assert damage.check(bare.registers, PARAMS) == []


def test_a_pack_without_sites_leaves_service_losses_out():
    made = province({}, rows=[], sites=[SITE])
    pool = pd.DataFrame(columns=[*ledger.COLUMNS])
    found = damage.compute(Province(pool, made.registers, made.params))
    (row,) = found.tables["cases"].to_dict("records")
    assert row["total_cny"] == 1250  # 1000 + 200 + 50
    assert found.lacking == ("damage_discharges",)


# Registers


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            {"restored_on": "2019-12-31"},
            "has restored_on 2019-12-31 before its event_date 2020-01-01",
        ),
        ({"restored_on": None}, "has a site that is not lost for good, but no restored_on"),
        ({"restored_on": "2024-1x"}, "has restored_on '2024-1x'. Write a date"),
        ({"event_date": None}, "has event_date None. Write a date"),
        ({"event_date": "2023-12-31", "year": 2022}, "was closed in 2022 before its event_date"),
        ({"site_id": "S9"}, "names site 'S9', which project_sites does not hold as damage"),
        ({"county_code": "330127"}, "names site 'S1' of 330122. Name one of its own county"),
        ({"restored_percent": 80.0}, "restored by 80 % and lost for good by 25 %, more than all"),
        ({"permanent_percent": -1.0}, "has permanent_percent -1.0. Write a percentage"),
        ({"cleanup_cost_cny": -5.0}, "has cleanup_cost_cny -5.0. Write an amount of 0 or more"),
        ({"restoration_cost_cny": np.nan}, "has restoration_cost_cny nan. Write an amount"),
        ({"punitive_multiple": -1.0}, "has punitive_multiple -1.0"),
    ],
)
def test_cases_that_cannot_be_are_refused(case, said):
    (problem,) = checked(case)
    assert said in problem
    assert "damage_cases.csv, line 2: A1 " in problem


def test_a_site_in_two_cases_is_refused():
    (problem,) = checked({}, {"case_id": "A2"})
    assert "line 3: site 'S1' is claimed by another case as well" in problem


@pytest.mark.parametrize(
    ("discharge", "said"),
    [
        ({"case_id": "A9"}, "of A9 has no case in damage_cases"),
        ({"county_code": "330127"}, "stands in 330127, its case in 330122"),
        ({"medium": "air", "function_class": "Ⅳ"}, "went to air of class Ⅳ, which has no multiple"),
        ({"quantity_t": -1.0}, "has quantity_t -1.0. Write an amount of 0 or more"),
        ({"unit_cost_cny_t": np.nan}, "has unit_cost_cny_t nan"),
    ],
)
def test_discharges_that_cannot_be_are_refused(discharge, said):
    (problem,) = checked({}, discharges=[discharge])
    assert said in problem
    assert "damage_discharges.csv, line 2: 化学需氧量" in problem


def test_all_problems_come_at_once():
    assert (
        len(checked({"restored_on": None, "cleanup_cost_cny": -1.0, "restored_percent": 90.0})) == 3
    )


def test_a_multiple_outside_its_range_is_refused():
    chosen = {**RULES.multiple, "air": {"Ⅰ": 6.0, "Ⅱ": 2.0, "Ⅲ": 2.25}}
    with pytest.raises(ValidationError, match=r"multiple\.air\.Ⅱ must lie from 3 to 5, is 2"):
        DamageParams(**{**RULES.model_dump(), "multiple": chosen})
    (problem,) = checked({}, rules={"multiple": chosen})
    assert "multiple.air.Ⅱ must lie from 3 to 5" in problem


def test_a_class_without_its_multiple_is_refused():
    chosen = {**RULES.multiple, "air": {"Ⅰ": 6.0}}
    with pytest.raises(ValidationError, match=r"multiple\.air must list exactly Ⅰ, Ⅱ, Ⅲ"):
        DamageParams(**{**RULES.model_dump(), "multiple": chosen})


def test_perpetual_losses_need_a_rate():
    wrong = {"permanent_capitalisation": "perpetuity", "discount_rate_percent": 0.0}
    with pytest.raises(ValidationError, match="must be above 0 where losses are perpetual"):
        DamageParams(**{**RULES.model_dump(), **wrong})


def test_the_open_pack_has_no_wrong_case():
    open_pack = Registers(Pack.open(paths.OPEN_PACK), 2023)
    assert damage.check(open_pack, PARAMS) == []
    assert len(open_pack.history("damage_cases")) == 8
