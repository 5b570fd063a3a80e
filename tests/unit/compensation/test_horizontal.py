"""The 新安江, agreements between neighbours, purchases; and all parts of horizontal compensation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_pool

from gepbook import ledger, paths
from gepbook.compensation import flows, horizontal
from gepbook.compensation.horizontal import agreements, basin, cross_province, data, purchase
from gepbook.compensation.horizontal.agreements import AgreementParams
from gepbook.compensation.horizontal.cross_province import CrossProvinceParams
from gepbook.errors import CoverageError, NotInPackError, ParameterError
from gepbook.inputs.pack import Pack
from gepbook.params import resolve
from gepbook.province import Province, Registers

OPEN = Pack.open(paths.OPEN_PACK)
PARAMS = resolve(None, 2023, "db33-2020")
CROSS = PARAMS.section(cross_province.SECTION, CrossProvinceParams)
PAIRS = PARAMS.section(agreements.SECTION, AgreementParams)
LIST = agreements.read()
ITEMS = CROSS.index_items
BASE = dict(zip(ITEMS, (2.0, 0.15, 1.2, 0.03), strict=True))


class Pack2:
    """The open pack with some tables changed, or taken away where None is given."""

    folder = OPEN.folder
    boundaries = OPEN.boundaries

    def __init__(self, **tables):
        self.tables = tables

    def has(self, name):
        return self.tables.get(name, OPEN.table(name)) is not None

    def table(self, name):
        found = self.tables.get(name, OPEN.table(name)) if self.has(name) else None
        if found is None:
            raise NotInPackError(name)
        return found.reset_index(drop=True)

    def resource(self, name):
        return OPEN.resource(name)

    def origin(self, name):
        return OPEN.origin(name)


def registers(year=2023, **tables):
    return Registers(Pack2(**tables), year)


def with_previous(pool):
    """Add what services were worth in the year before."""
    rows = pool[(pool["account"] == "services") & (pool["price_basis"] == "comparable")]
    return pd.concat([pool, rows.assign(measure="value_previous_year")], ignore_index=True)


POOL = with_previous(make_pool())


def province(year=2023, pool=POOL, params=PARAMS, **tables):
    return Province(pool, registers(year, **tables), params)


def override(section, **values):
    """Return the parameters with some values of a section replaced."""
    entries = dict(PARAMS.entries)
    for key, value in values.items():
        name = f"{section}.{key}"
        entries[name] = entries[name].model_copy(update={"value": value})
    return PARAMS.model_copy(update={"entries": entries})


# P


def test_p_by_hand():
    index = CROSS.round_3
    now = {**BASE, "total_nitrogen_mg_l": 1.5, "ammonia_nitrogen_mg_l": 0.12}
    # 0.90 × (0.22 × 1 + 0.22 × 0.8 + 0.28 × 1.25 + 0.28 × 1) = 0.90 × 1.026 = 0.9234
    assert cross_province.p_index(now, BASE, index.k0, index.weights) == pytest.approx(0.9234)


@pytest.mark.parametrize("name", list(CROSS.indices()))
def test_p_at_the_baseline_is_k0(name):
    index = CROSS.indices()[name]
    assert sum(index.weights.values()) == pytest.approx(1)
    assert cross_province.p_index(BASE, BASE, index.k0, index.weights) == pytest.approx(index.k0)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ITEMS), st.floats(0.01, 10), st.floats(0.01, 10), st.floats(0, 1))
def test_p_is_linear_in_every_concentration(item, a, b, part):
    index = CROSS.round_3

    def p(concentration):
        return cross_province.p_index({**BASE, item: concentration}, BASE, index.k0, index.weights)

    mixed = part * a + (1 - part) * b
    assert p(mixed) == pytest.approx(part * p(a) + (1 - part) * p(b))


@pytest.mark.parametrize(
    ("tiers", "p", "paid"),
    [
        (CROSS.tiers_1, 1.0, 1e8), (CROSS.tiers_1, 1.0001, -1e8),
        (CROSS.tiers_2, 0.95, 2e8), (CROSS.tiers_2, 0.96, 1e8), (CROSS.tiers_2, 1.2, -1e8),
        (CROSS.tiers_3, 0.9, 2e8),
    ],
)  # fmt: skip
def test_tiers(tiers, p, paid):
    assert cross_province.tier_amount(p, tiers) == paid


def test_cooperation_by_hand():
    # P 0.91: water (1 − 0.91) / (1 − 0.85) = 0.6; index 0.7 × 0.6 + 0.3 × 0.8 = 0.66
    index = cross_province.cooperation_index(0.91, CROSS)
    assert index == pytest.approx(0.66)
    # Zhejiang 4 + 0.66 × 2 = 5.32; both 10; in 2025, after 5 % and 4 %, 1.092 times as much
    assert cross_province.cooperation_shares(index, [], CROSS)["zhejiang"] == pytest.approx(5.32e8)
    grown = cross_province.cooperation_shares(index, [5.0, 4.0], CROSS)
    assert grown["zhejiang"] == pytest.approx(5.32e8 * 1.092)
    assert grown.sum() == pytest.approx(10.92e8)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 2.0))
def test_each_province_gives_within_the_bounds(p):
    index = cross_province.cooperation_index(p, CROSS)
    given_cny = cross_province.cooperation_shares(index, [], CROSS)
    assert given_cny.sum() == pytest.approx(10e8)
    assert given_cny.between(4e8 * (1 - 1e-12), 6e8 * (1 + 1e-12)).all()


def test_p_table_holds_every_year_and_round():
    result = cross_province.compute(province(), CROSS)
    table = result.tables["p_index"].set_index("year")
    assert list(table.index) == list(range(2008, 2024))
    assert table[list(CROSS.indices())].notna().all(axis=None)
    assert table.loc[2008:2010, "第一轮"].mean() == pytest.approx(0.85)  # linear, so k0 on average
    assert table.loc[2012:2014, "第二轮"].mean() == pytest.approx(0.89)
    assert table.loc[2021, "in_force"] == ""


def paid(year, **tables):
    rows = cross_province.compute(province(year, **tables), CROSS).flows
    return [(r["payer"], r["payee"], r["amount_cny"], r["quality"]) for r in rows]


def test_payments_by_year():
    assert paid(2012) == [
        ("330000", "340000", 1e8, "high"),
        ("100000", "340000", 3e8, "published"),
    ]
    assert paid(2016) == [("330000", "340000", 2e8, "medium")]
    assert paid(2020) == [("330000", "340000", 2e8, "low")]
    assert paid(2021) == paid(2022) == []
    ((payer, payee, amount, quality),) = paid(2023)
    assert (payer, payee, quality) == ("330000", "340000", "design")
    assert 4e8 <= amount <= 6e8


def test_bad_water_makes_anhui_pay():
    water = OPEN.table("boundary_sections").copy()
    water.loc[water["year"] == 2020, ITEMS] *= 2
    assert paid(2020, boundary_sections=water) == [("340000", "330000", 1e8, "low")]


def test_baseline_outside_the_register_is_unknown_not_nothing():
    water = OPEN.table("boundary_sections")
    water = water[water["year"] != 2009]
    table = cross_province.compute(province(boundary_sections=water), CROSS).tables["p_index"]
    assert table["第一轮"].isna().all()
    assert table["第二轮"].notna().all()


def problems(year=2023, params=PARAMS, **tables):
    return horizontal.check(registers(year, **tables), params)


@pytest.mark.parametrize("missing", [2013, 2023])
def test_missing_years_of_water_are_refused(missing):
    water = OPEN.table("boundary_sections")
    (problem,) = problems(boundary_sections=water[water["year"] != missing]) or [""]
    if missing == 2023:  # then the register has no such year, and the part is left out
        assert problem == ""
    else:
        assert f"section 街口 has no row of {missing}, which P of 2023 rests on" in problem


def test_a_section_missing_beside_others_is_refused():
    water = OPEN.table("boundary_sections").copy()
    water.loc[water["year"] == 2023, "section"] = "别处"
    (problem,) = problems(boundary_sections=water)
    assert "section 街口 has no row of 2023" in problem
    assert "boundary_sections.csv" in problem


def test_missing_concentrations_are_refused_by_line():
    water = OPEN.table("boundary_sections").copy()
    water.loc[water["year"] == 2012, "total_nitrogen_mg_l"] = np.nan
    water.loc[water["year"] == 2023, "permanganate_mg_l"] = 0.0
    first, second = problems(boundary_sections=water)
    assert "line 6: section 街口, 2012: total_nitrogen_mg_l must be" in first  # header, 2008 … 2012
    assert "line 17: section 街口, 2023: permanganate_mg_l must be" in second
    assert "got 0.0" in second


def test_nothing_is_asked_of_years_without_a_round():
    water = OPEN.table("boundary_sections")
    assert problems(2021, boundary_sections=water[water["year"] == 2021]) == []


def test_growth_must_reach_the_year():
    assert "needs the GDP growth of 2 years from 2024 on, got 0" in problems(2025)[0]
    grown = override(cross_province.SECTION, cooperation_growth_percent=[5.0, 4.0])
    assert problems(2025, grown) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tiers_1", [{"p_at_most": 1.0, "zhejiang_pays_cny": 1.0}], "last tier"),
        (
            "tiers_2",
            [
                {"p_at_most": 1.0, "zhejiang_pays_cny": 1.0},
                {"p_at_most": 0.9, "zhejiang_pays_cny": 1.0},
                {"p_at_most": None, "zhejiang_pays_cny": 1.0},
            ],
            "must rise",
        ),
        ("cooperation_bounds_cny", {"least": 5e8, "most": 6e8}, "add up to the total"),
        ("cooperation_p_full", 1.0, "below cooperation_p_none"),
        ("cooperation_years", {"first_year": 2020, "last_year": 2027}, "without sharing a year"),
        ("index_items", ["total_nitrogen_mg_l"], "weights must be of exactly"),
        ("cooperation_score", 1.2, "less than or equal to 1"),
    ],
)
def test_wrong_rules_of_rounds_are_refused(key, value, message):
    changed = override(cross_province.SECTION, **{key: value})
    assert any(message in problem for problem in problems(params=changed))


def test_weights_of_p_must_sum_to_one():
    value = {**PARAMS.entries[f"{cross_province.SECTION}.round_1"].value}
    value["weights"] = {**value["weights"], "total_nitrogen_mg_l": 0.3}
    changed = override(cross_province.SECTION, round_1=value)
    assert "weights must sum to 1, sum is 1.05" in problems(params=changed)[0]


# Agreements


def test_transfer_by_hand():
    scores = {"quality": 0.5, "use": -0.25, "efficiency": 1.0}
    # 8e6 × (0.6 × 0.5 − 0.2 × 0.25 + 0.2 × 1) = 8e6 × 0.45
    assert agreements.transfer(8e6, scores, PAIRS.weights) == pytest.approx(3.6e6)


def test_scores_by_hand():
    assert agreements.change_score(100.0, 98.0, 5.0) == pytest.approx(-0.4)  # −2 % of 5 %
    assert agreements.change_score(100.0, 120.0, 10.0) == 1.0
    # 0.7 × 0.6 + 0.3 × (3 − 2) / 2
    assert agreements.quality_score(0.6, 3.0, 2.0, PAIRS) == pytest.approx(0.57)


SCORE = st.floats(-1, 1)


@settings(max_examples=30, deadline=None)
@given(SCORE, SCORE, SCORE, st.floats(5e6, 1e7))
def test_transfers_stay_within_the_agreed_amount(quality, use, efficiency, budget):
    scores = {"quality": quality, "use": use, "efficiency": efficiency}
    assert abs(agreements.transfer(budget, scores, PAIRS.weights)) <= budget


def test_agreements_settle_down_the_river():
    result = horizontal.compute(province())
    table = result.tables["agreements"]
    assert table[["upstream", "downstream"]].to_numpy().tolist() == [
        ["330824", "330822"], ["330822", "330800"], ["330800", "330825"],
    ]  # fmt: skip
    rows = [r for r in result.flows if r["rule"] == "horizontal_agreements/pair"]
    assert sum(r["amount_cny"] for r in rows) == pytest.approx(
        table["amount_cny"].abs().sum(), abs=0.03
    )
    assert {r["payer"] for r in rows} == {"330822", "330800", "330825"}  # downstream pays


def test_foul_water_makes_the_upstream_side_pay():
    sections = OPEN.table("water_sections").copy()
    foul = sections["year"].eq(2023) & sections["county_code"].eq("330824")
    sections.loc[foul, "water_class"] = "劣Ⅴ"
    result = horizontal.compute(province(water_sections=sections))
    row = next(r for r in result.flows if r["basis"] == "开化县—常山县协议")
    assert (row["payer"], row["payee"]) == ("330824", "330822")


def test_without_a_year_before_agreements_are_not_settled():
    assert problems(2020) == []
    result = horizontal.compute(province(2020))
    assert set(result.tables["agreements"]["status"]) == {"缺上年数据，本年不结算"}
    assert not [r for r in result.flows if r["rule"].startswith(agreements.SECTION)]


def test_data_that_agreements_lack_are_refused():
    use, sections = OPEN.table("water_use").copy(), OPEN.table("water_sections")
    economy = OPEN.table("economy")
    use.loc[use["county_code"].eq("330824") & use["year"].eq(2022), "industrial_m3"] = np.nan
    lines = problems(
        water_use=use,
        water_sections=sections[
            ~(sections["county_code"].eq("330803") & sections["year"].eq(2022))
        ],
        economy=economy[~(economy["county_code"].eq("330802") & economy["year"].eq(2023))],
    )
    assert len(lines) == 3
    assert "衢江区 (330803) has no outflow section in 2022" in lines[0]
    assert (
        "开化县 (330824), 2022: domestic_m3 + industrial_m3 + agricultural_m3 must be" in lines[1]
    )
    assert "柯城区 (330802) has no row of 2023" in lines[2]


def test_ledgers_without_gdp_are_refused():
    pool = POOL[~((POOL["county_code"] == "330824") & (POOL["item"] == "gdp"))]
    with pytest.raises(CoverageError, match="开化县 have no GDP"):
        horizontal.compute(province(pool=pool))


def test_agreements_of_counties_without_account_are_left_out():
    pool = POOL[POOL["county_code"] != "330803"]
    result = horizontal.compute(province(pool=pool))
    table = result.tables["agreements"].set_index("upstream")
    assert table["status"].to_dict() == {
        "330824": "已结算", "330822": "已结算", "330800": "缺上游县账户，不结算",
    }  # fmt: skip
    assert np.isnan(table.loc["330800", "amount_cny"])
    assert result.tables["basins"].set_index("basin").loc["钱塘江", "unknown"] == "衢江区"


def test_a_pack_of_one_county_has_no_problems():
    sections, one = OPEN.table("water_sections"), registers()
    one.pack.boundaries = OPEN.boundaries.loc[["331125"]]
    one.pack.tables["water_sections"] = sections[sections["county_code"] == "331125"]
    assert horizontal.check(one, PARAMS) == []


HEAD = ",".join(agreements.COLUMNS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("339999,330822,330824,330822,330824,2018,,8e6,s,high,s,design", "line 2: party '339999'"),
        ("330824,330824,330824,330824,330824,2018,,8e6,s,high,s,design", "agreement with itself"),
        ("330824,330822,330824,330822,330899,2018,,8e6,s,high,s,design", "'330899' is no county"),
        ("330824,330822,330824,330822,330824,2018,2017,8e6,s,high,s,design", "not after last_year"),
        (
            "330824,330822,330824,330822,330824,2018,,-1,s,high,s,design",
            "above 0, got '-1'",
        ),
        (
            "330824,330822,330824,330822,330824,2018,,8e6,s,sure,s,design",
            "must be .* got 'sure'",
        ),
    ],
)
def test_bad_agreements_are_refused(tmp_path, row, message):
    path = tmp_path / "agreements.csv"
    path.write_text(f"{HEAD}\n{row}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        agreements.read(path)


def test_a_pair_given_twice_is_refused(tmp_path):
    path = tmp_path / "agreements.csv"
    row = "330824,330822,330824,330822,330824,2018,,8e6,s,high,s,design"
    path.write_text(f"{HEAD}\n{row}\n{row}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="line 3: 330824–330822 stands already in line 2"):
        agreements.read(path)


def test_a_list_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "agreements.csv"
    path.write_text("upstream\n330824\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"columns must be .* got upstream\."):
        agreements.read(path)


def test_amounts_out_of_bounds_are_refused():
    changed = override(agreements.SECTION, budget_bounds_cny={"least": 5e6, "most": 9e6})
    (problem,) = problems(params=changed)
    assert "line 4: budget_cny must be within 5,000,000–9,000,000, got 10,000,000" in problem


# Purchases


def test_price_and_instalments_by_hand():
    # 0.2 % of 1e9 CNY × 2 000 ha / 10 000 ha = 4e5; 70 % first; 30 % × 0.9 then
    cny = purchase.price(pd.Series([1e9]), pd.Series([2e3]), pd.Series([1e4]), 0.002)[0]
    assert cny == pytest.approx(4e5)
    assert purchase.instalment(cny, 0.7, None) == pytest.approx(2.8e5)
    assert purchase.instalment(cny, 0.7, 0.9) == pytest.approx(1.08e5)


def test_purchases_pay_in_two_years():
    result = horizontal.compute(province())
    table = result.tables["purchases"].set_index("purchase_id")
    assert set(table["year"]) == {2022, 2023}
    # 云和: size 1e8 × (1 + n % 7); four services; area of the county 1 500 km²
    row = table.loc["CG331125-03"]
    four = data.service_value(province(), ["soil_retention"], "value", "comparable")["331125"] * 4
    assert row["price_cny"] == pytest.approx(0.002 * four * row["area_ha"] / 150_000)
    assert row["amount_cny"] == pytest.approx(0.3 * row["quality_score"] * row["price_cny"])
    flow = next(r for r in result.flows if "CG331125-03" in r["basis"])
    assert (flow["payer"], flow["payee"]) == ("331125", "331125/collectives")
    assert flow["amount_cny"] == pytest.approx(row["amount_cny"], abs=0.005)


def test_wrong_purchases_are_refused():
    bought = OPEN.table("gep_purchases").set_index("purchase_id").copy()
    bought.loc["CG331125-03", "quality_score"] = np.nan  # its second instalment is due in 2023
    bought.loc["CG331024-01", "quality_score"] = 1.2
    bought.loc["CG330523-01", "area_ha"] = 2e6
    bought.loc["CG331125-04", "county_code"] = "331199"
    found = problems(gep_purchases=bought.reset_index())
    assert len(found) == 4
    text = "\n".join(found)
    assert "CG331024-01: quality_score must be within 0–1, got 1.2" in text
    assert "second instalment of 崇头镇 is due in 2023, but quality_score is empty" in text
    assert "CG330523-01: area_ha must be above 0 and at most the county's 188,600" in text
    assert "'331199' is no county" in text


def test_a_second_instalment_needs_no_new_contract():
    bought = OPEN.table("gep_purchases")
    result = horizontal.compute(province(gep_purchases=bought[bought["year"] == 2022]))
    assert set(result.tables["purchases"]["instalment"]) == {2}
    assert "gep_purchases" not in result.lacking


# All parts


def test_service_values_know_what_does_not_apply_from_what_is_missing():
    def row(code, item, measure, value, basis=""):
        entry = ledger.entry(
            "services", item, measure, value, "CNY", origin="modelled", method_id="t",
            price_basis=basis,
        )  # fmt: skip
        return {"county_code": code, **entry}

    pool = pd.DataFrame(
        [
            row("a", "soil", "value", 5.0, "current"), row("a", "flood", "not_applicable", 1.0),
            row("b", "soil", "value", 5.0, "current"),
            row("c", "soil", "value", -5.0, "current"), row("c", "flood", "value", 2.0, "current"),
        ]
    )  # fmt: skip
    found = data.service_value(
        Province(pool, registers(), PARAMS), ["soil", "flood"], "value", "current"
    )
    assert found["a"] == 5.0
    assert np.isnan(found["b"])
    assert found["c"] == 0.0


def test_the_open_pack_has_no_problems():
    for year in OPEN.years:
        assert problems(year) == []


def test_all_parts_balance_and_are_traced():
    result = horizontal.compute(province())
    book = flows.build(result.flows, 2023)
    assert flows.by_party(book)["net_cny"].sum() == pytest.approx(0, abs=0.01)
    assert set(book["rule"].str.split("/").str[0]) == {
        cross_province.SECTION, agreements.SECTION, basin.SECTION, purchase.SECTION,
    }  # fmt: skip
    river = book[book["rule"] == "horizontal_basin/瓯江"]
    chain = result.tables["basin_counties"]
    nets = chain[chain["basin"] == "瓯江"].set_index("county_code")["net_cny"]
    np.testing.assert_allclose(
        flows.by_county(river)["net_cny"].reindex(nets.index), nets, atol=0.05
    )
    keys = [(code, f["item"], f["measure"]) for code, f in result.figures]
    assert len(set(keys)) == len(keys)
    assert set(book["origin"]) == {"illustrative"}


def test_only_settled_basins_pay():
    none = override(basin.SECTION, settled=[])
    result = horizontal.compute(province(params=none))
    assert not [r for r in result.flows if r["rule"].startswith(basin.SECTION)]
    assert not result.tables["basins"]["settled"].any()
    assert set(result.tables["basin_counties"]["basin"]) == set(basin.BASINS)


def test_a_basin_with_an_unknown_county_is_not_worked_out():
    pool = POOL[~((POOL["county_code"] == "331125") & (POOL["item"] == "soil_retention"))]
    states = horizontal.compute(province(pool=pool)).tables["basins"].set_index("basin")
    assert states.loc["瓯江", "unknown"] == "云和县"
    assert not states.loc["瓯江", "settled"]
    assert states.loc["钱塘江", "unknown"] == ""


def test_what_the_pack_lacks_is_left_out_and_named():
    gone = dict.fromkeys(horizontal.SCHEME.tables)
    result = horizontal.compute(province(**gone))
    assert result.flows == []
    assert set(result.lacking) == set(gone)
    assert problems(**gone) == []


def test_all_problems_of_rules_and_registers_are_told_at_once():
    changed = override(purchase.SECTION, pay_rate=-1.0)
    water = OPEN.table("boundary_sections")
    found = problems(params=changed, boundary_sections=water[water["year"] != 2012])
    assert len(found) == 2
