"""Offsets make good what is occupied, service by service; no hectare serves twice."""

import dataclasses

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
from gepbook.accounting import sites
from gepbook.compensation import flows, offset
from gepbook.compensation.offset import balance, registers
from gepbook.compensation.offset.balance import Demand, Supply
from gepbook.compensation.offset.rules import SECTION, OffsetParams, time_discount
from gepbook.compensation.offset.year import (
    by_quantity,
    losses,
    memberships,
    tier,
)
from gepbook.inputs.pack import Pack
from gepbook.province import Province, Registers

PARAMS = params.resolve(None, 2023, "db33-2020")
RULES = PARAMS.section(SECTION, OffsetParams)
CRS = "EPSG:32651"
ANJI, DEQING, LISHUI = "330523", "330521", "331102"
BASINS = {ANJI: {"苕溪"}, DEQING: {"苕溪", "运河"}, LISHUI: {"瓯江"}}


class Pack2023(FakePack):
    """A fake pack of 2023 whose counties are everywhere."""

    def geometry(self, code):
        return shapely.box(-1e6, -1e6, 1e6, 1e6)


def site(name, kind, x=0.0, *, county=ANJI, year=2023, ha=10.0, maturity=0.0, cost=100.0):
    """Return a row of `project_sites`: a square of some hectares at a place."""
    side = (ha * 10_000) ** 0.5
    return {
        "site_id": name, "county_code": county, "year": year, "name": f"{name}项目", "kind": kind,
        "after_type": "urban" if kind == "occupation" else "mixed_forest", "party": "某单位",
        "maturity_year": maturity, "unit_cost_cny_ha": cost if kind == "offset" else 0.0,
        "geometry": shapely.box(x, 0, x + side, side),
    }  # fmt: skip


def account(name, before, after, *, price=2.0, suffix="", item="carbon_sequestration.co2"):
    """Return the ledger rows of one component of a site."""
    rows = {"physical_before": before, "physical_after": after}
    money = {"value_before": before * price, "value_after": after * price}
    return [
        ledger.entry("sites", f"{name}.{item}", f"{face}{suffix}", v, unit, origin="modelled",
                     method_id="x", quality="low")
        for part, unit in ((rows, "t a-1"), (money, "CNY")) for face, v in part.items()
    ]  # fmt: skip


def province(features, rows, year=2023, zones=()):
    frame = gpd.GeoDataFrame(features, geometry="geometry", crs=CRS)
    vectors = {"project_sites": frame}
    if zones:
        vectors["redline_zones"] = gpd.GeoDataFrame(list(zones), geometry="geometry", crs=CRS)
    pool = pd.DataFrame(rows).assign(county_code=ANJI)
    return Province(pool, Registers(Pack2023({}, vectors), year), PARAMS)


def one(required, gains, *, price=2.0, free=100.0, cost=1.0, tiers=(0,), ratios=(1.0,)):
    """Return demand of one project for one quantity, and supply of some sites."""
    projects, names = ["P"], [f"S{n}" for n in range(len(gains))]
    gain = pd.DataFrame({"q": gains}, index=names, dtype="float64")
    cells = {"index": projects, "columns": names}
    tiers, ratios = tiers[: len(names)], ratios[: len(names)]
    demand = Demand(
        pd.DataFrame({"q": [required]}, index=projects),
        pd.DataFrame({"q": [price]}, index=projects),
        pd.DataFrame([ratios], **cells),
        pd.DataFrame([tiers], **cells),
    )
    supply = Supply(
        gain,
        gain["q"] * price,
        pd.Series(np.broadcast_to(free, len(names)).astype(float), names),
        pd.Series(np.broadcast_to(cost, len(names)).astype(float), names),
    )
    return demand, supply


# Rules


def test_discount_by_hand():
    assert time_discount(2, 4.0) == pytest.approx(1 / (1.04 * 1.04))  # 1.04² = 1.0816
    assert time_discount(0, 4.0) == 1.0


@given(st.floats(0, 40), st.floats(0.1, 40), st.floats(0.1, 12))
@settings(max_examples=50, deadline=None)
def test_what_comes_later_or_is_discounted_more_counts_for_less(years, later, rate):
    assert time_discount(years + later, rate) < time_discount(years, rate) <= 1
    assert time_discount(years + later, rate + 1) < time_discount(years + later, rate)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ({"county": 1.0, "basin": 1.5, "province": 1.2}, "must not fall with distance"),
        ({"county": 1.0, "province": 1.2}, "must list exactly county, basin, province"),
        ({"county": 0.9, "basin": 1.2, "province": 1.5}, "greater than or equal to 1"),
    ],
)
def test_location_ratios_that_do_not_rise_are_refused(ratios, said):
    with pytest.raises(ValidationError, match=said):
        OffsetParams(**{**RULES.model_dump(), "location_ratio": ratios})


def test_sensitivity_below_one_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        OffsetParams(**{**RULES.model_dump(), "other_sensitivity_ratio": 0.8})


def test_tiers():
    links = pd.DataFrame(
        {"basin": ["苕溪", "瓯江"], "upstream": [ANJI, "331181"], "downstream": [DEQING, LISHUI]}
    )
    found = memberships(links)
    assert found[DEQING] == {"苕溪"}
    assert [tier(ANJI, code, found) for code in (ANJI, DEQING, LISHUI, "330902")] == [0, 1, 2, 2]


def test_losses_by_hand():
    frame = pd.DataFrame(
        account("Z", 30, 10, item="water_conservation.water")
        + account("Z", 5, 9, item="carbon_sequestration.co2")
    )
    found = losses(by_quantity(sites.read(frame), []), RULES)
    row = found.loc["Z", "water_conservation.water"]
    # 30 − 10 = 20 lost, worth 40 CNY, 2 CNY each; water counts 1.2 times: 24
    assert row[["loss", "loss_cny", "price_cny"]].tolist() == [20, 40, 2]
    assert row["required"] == pytest.approx(24)
    assert len(found) == 1  # carbon grows: nothing to be offset


def test_components_of_one_quantity_add_up():
    frame = pd.DataFrame(
        account("Z", 30, 0, item="flood_mitigation.vegetation")
        + account("Z", 0, 10, item="flood_mitigation.marsh")
        + account("Z", 3, 0, item="soil_retention.nitrogen")
    )
    found = by_quantity(sites.read(frame), ["flood_mitigation"])
    assert found.loc["Z", "flood_mitigation"]["physical_before"] == 30
    assert found.loc["Z", "flood_mitigation"]["physical_after"] == 10
    assert ("Z", "soil_retention.nitrogen") in found.index


# The linear programs


def test_a_project_takes_just_the_hectares_it_needs():
    hectares = balance.assign(*one(12.0, [3.0]), years=20, least_ha=0.01)
    assert hectares.loc["P", "S0"] == pytest.approx(4.0)  # 12 ÷ 3 a hectare


def test_the_nearest_tier_is_used_first_even_if_dearer():
    demand, supply = one(
        12.0, [3.0, 3.0, 3.0], tiers=(2, 1, 0), ratios=(1.5, 1.2, 1.0), free=[99, 99, 2.5],
        cost=[1.0, 1.0, 9.0],
    )  # fmt: skip
    hectares = balance.assign(demand, supply, years=20, least_ha=0.01).loc["P"]
    # 2.5 ha at home give 7.5; the 4.5 left need 4.5 × 1.2 ÷ 3 = 1.8 ha of the basin
    assert hectares.tolist() == pytest.approx([0.0, 1.8, 2.5])


def test_hectares_that_cost_more_than_they_make_good_are_not_bought():
    # a hectare makes good 3 × 2 CNY × 20 years = 120 CNY
    assert balance.assign(*one(12.0, [3.0], cost=121.0), years=20, least_ha=0.01).to_numpy() == 0
    assert balance.assign(*one(12.0, [3.0], cost=119.0), years=20, least_ha=0.01).to_numpy() > 0


def test_services_are_not_netted():
    demand, supply = one(12.0, [3.0])
    demand = dataclasses.replace(
        demand,
        required=pd.DataFrame({"q": [12.0], "r": [5.0]}, index=["P"]),
        price=pd.DataFrame({"q": [2.0], "r": [2.0]}, index=["P"]),
    )
    gain = supply.gain.assign(r=0.0)
    supply = dataclasses.replace(supply, gain=gain, value=supply.value * 10)
    hectares = balance.assign(demand, supply, years=20, least_ha=0.01)
    credited = balance.credit(hectares, demand, supply).groupby(level=0).sum()
    short = balance.shortfall(demand.required, credited)
    assert hectares.loc["P", "S0"] == pytest.approx(4.0)
    assert short.loc["P"].tolist() == pytest.approx([0.0, 5.0])  # much value, but nothing of r


def test_restoration_that_costs_more_value_than_it_gives_is_not_used():
    demand, supply = one(12.0, [3.0])
    supply = dataclasses.replace(supply, value=pd.Series([-50.0], ["S0"]))
    assert balance.assign(demand, supply, years=20, least_ha=0.01).to_numpy() == 0


def test_without_sites_all_is_short():
    demand, supply = one(12.0, [])
    hectares = balance.assign(demand, supply, years=20, least_ha=0.01)
    assert hectares.shape == (1, 0)
    credited = balance.credit(hectares, demand, supply).groupby(level=0).sum()
    assert balance.shortfall(demand.required, credited).loc["P", "q"] == 12.0


numbers = st.floats(0.5, 50)


@given(
    required=st.lists(numbers, min_size=2, max_size=3),
    gains=st.lists(st.floats(-1, 5), min_size=2, max_size=4),
    free=st.floats(0.5, 20),
    cost=st.floats(1, 300),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_the_balance_holds_and_hectares_are_conserved(required, gains, free, cost, seed):
    rng = np.random.default_rng(seed)
    projects = [f"P{n}" for n in range(len(required))]
    names = [f"S{n}" for n in range(len(gains))]
    far = pd.DataFrame(rng.integers(0, 3, (len(projects), len(names))), projects, names)
    ratio = far.replace({0: 1.0, 1: 1.2, 2: 1.5}).astype("float64")
    wanted = pd.DataFrame({"q": required, "r": required[::-1]}, index=projects)
    gain = pd.DataFrame({"q": gains, "r": gains[::-1]}, index=names)
    demand = Demand(wanted, wanted * 0 + 3.0, ratio, far)
    supply = Supply(gain, gain.sum(axis=1) * 3, pd.Series(free, names), pd.Series(cost, names))
    hectares = balance.assign(demand, supply, years=20, least_ha=0.01)
    assert (hectares.to_numpy() >= 0).all()
    assert (hectares.sum() <= free + 1e-9).all()
    credited = balance.credit(hectares, demand, supply).groupby(level=0).sum()
    credited = credited.reindex(projects, fill_value=0.0)
    short = balance.shortfall(wanted, credited)
    assert (credited + short >= wanted * (1 - 1e-5)).all(axis=None)
    assert (short >= 0).all(axis=None)


@given(st.floats(1.0, 2.0), st.floats(0.0, 1.0))
@settings(max_examples=25, deadline=None)
def test_a_higher_location_ratio_takes_more_hectares(ratio, more):
    near = balance.assign(*one(12.0, [3.0], ratios=(ratio,)), years=20, least_ha=0.01)
    far = balance.assign(*one(12.0, [3.0], ratios=(ratio + more,)), years=20, least_ha=0.01)
    assert far.to_numpy() >= near.to_numpy() - 1e-3


# The scheme


def test_one_project_is_balanced_at_home():
    found = offset.compute(
        province(
            [site("Z1", "occupation"), site("B1", "offset", 1000, ha=50)],
            account("Z1", 100, 0) + account("B1", 0, 1000),
        )
    )
    # 100 t lost; a hectare of B1 gives 1000 ÷ 50 = 20 t, so 5 ha at 100 CNY
    (row,) = found.tables["registry"].to_dict("records")
    assert (row["tier"], row["area_ha"], row["cost_cny"]) == ("county", pytest.approx(5), 500)
    paid = flows.build(found.flows, 2023)
    (payment,) = paid.to_dict("records")
    assert payment["payer"] == f"{ANJI}/enterprises"
    assert payment["payee"] == f"{ANJI}/collectives"
    assert (payment["amount_cny"], payment["quality"]) == (500.0, "design")
    assert found.tables["supply"].iloc[0]["free_ha"] == pytest.approx(45)
    own = {(r["item"], r["measure"]): r["value"] for _, r in found.figures}
    assert own["offset.Z1.carbon_sequestration.co2", "required"] == pytest.approx(100)
    assert own["offset.Z1", "money"] == 0


def test_what_no_site_makes_good_is_paid_to_the_county():
    found = offset.compute(
        province(
            [site("Z1", "occupation"), site("B1", "offset", 1000, ha=2)],
            account("Z1", 100, 0) + account("B1", 0, 40),
        )
    )
    # 2 ha give 40 t; the 60 t short at 2 CNY for 20 years: 60 × 2 × 20 = 2 400 CNY
    paid = flows.build(found.flows, 2023).set_index("rule")
    assert paid.loc[f"{SECTION}/money", "amount_cny"] == pytest.approx(2400, abs=0.1)
    assert paid.loc[f"{SECTION}/money", "payee"] == ANJI
    assert paid.loc[f"{SECTION}/site", "amount_cny"] == pytest.approx(200, abs=0.01)
    assert found.tables["balance"].iloc[0]["shortfall"] == pytest.approx(60)


def test_maturity_counts_from_the_sites_year():
    rows = account("Z1", 100, 0) + account("B1", 0, 1000)
    features = [
        site("Z1", "occupation"),
        site("B1", "offset", 1000, ha=50, year=2021, maturity=5),
    ]
    found = offset.compute(province(features, rows))
    (row,) = found.tables["registry"].to_dict("records")
    # restored in 2021, mature after 5 years: 3 are left in 2023
    assert row["discount"] == pytest.approx(1.04**-3)
    assert row["area_ha"] == pytest.approx(5 * 1.04**3, abs=1e-4)


def test_another_county_of_the_basin_needs_more_hectares(monkeypatch):
    monkeypatch.setattr(offset, "memberships", lambda links: BASINS)
    rows = account("Z1", 100, 0) + account("B1", 0, 1000) + account("B2", 0, 1000)
    features = [
        site("Z1", "occupation"),
        site("B1", "offset", 1000, ha=50, county=DEQING),
        site("B2", "offset", 3000, ha=50, county=LISHUI),
    ]
    (row,) = offset.compute(province(features, rows)).tables["registry"].to_dict("records")
    assert (row["offset_id"], row["tier"]) == ("B1", "basin")
    assert row["area_ha"] == pytest.approx(6.0)  # 5 ha × 1.2


def test_hectares_of_earlier_years_are_gone():
    features = [
        site("Z1", "occupation", year=2022),
        site("Z2", "occupation", 2000, year=2023),
        site("B1", "offset", 1000, ha=8, year=2022),
    ]
    earlier = account("Z1", 100, 0, suffix="_2022") + account("B1", 0, 160, suffix="_2022")
    now = account("Z2", 100, 0) + account("B1", 0, 160)
    found = offset.compute(province(features, earlier + now))
    used = found.tables["registry"].set_index("project_id")["area_ha"]
    assert used.to_dict() == pytest.approx({"Z1": 5.0, "Z2": 3.0})  # of 8 ha
    paid = flows.build(found.flows, 2023)
    assert not paid["basis"].str.startswith("Z1").any()  # paid in its own year
    assert found.tables["supply"].iloc[0]["free_ha"] == pytest.approx(0, abs=1e-6)


def test_a_project_without_an_account_is_named():
    found = offset.compute(
        province([site("Z1", "occupation"), site("B1", "offset", 1000)], account("B1", 0, 160))
    )
    assert found.tables["unaccounted"]["site_id"].tolist() == ["Z1"]
    assert found.flows == []


def test_a_pack_without_sites_lacks_them():
    bare = Province(pd.DataFrame(), Registers(FakePack({}, {}), 2023), PARAMS)
    assert offset.compute(bare).lacking == ("project_sites",)
    assert registers.check(bare.registers, PARAMS) == []


def test_a_higher_sensitivity_asks_for_more():
    rows = pd.DataFrame(account("Z1", 100, 0, item="soil_retention.sediment"))
    accounts = by_quantity(sites.read(rows), [])
    assert losses(accounts, RULES)["required"].iloc[0] == pytest.approx(120)
    plain = RULES.model_copy(update={"sensitivity_ratio": {}})
    assert losses(accounts, plain)["required"].iloc[0] == pytest.approx(100)


def test_a_province_without_projects_has_supply_alone():
    found = offset.compute(province([site("B1", "offset", ha=5)], account("B1", 0, 100)))
    assert found.tables["supply"]["free_ha"].tolist() == [pytest.approx(5)]
    for name in ("registry", "credits", "balance", "projects", "unaccounted"):
        assert found.tables[name].empty
    assert found.flows == []


def test_a_project_that_takes_nothing_pays_nothing():
    rows = account("Z1", 5, 9) + account("B1", 0, 100)
    found = offset.compute(province([site("Z1", "occupation"), site("B1", "offset", 999)], rows))
    assert found.flows == []
    assert found.tables["projects"].iloc[0][["offset_ha", "loss_cny", "money_cny"]].tolist() == [
        0, 0, 0,
    ]  # fmt: skip


# Registers


def _checked(features, zones=()):
    return registers.check(province(features, account("Z1", 1, 0), zones=zones).registers, PARAMS)


def _zone(x, side=1000):
    return {"zone_id": "H1", "county_code": ANJI, "name": "安吉红线区",
            "geometry": shapely.box(x, 0, x + side, side)}  # fmt: skip


def test_occupation_of_the_redline_is_refused_with_site_zone_and_hectares():
    # the square of 10 ha reaches from 0 to 316.2 m; the zone begins at 216.2 m: 100 × 316.2 m
    (problem,) = _checked([site("Z1", "occupation")], [_zone(216.227766)])
    assert "feature Z1: occupies 3.16 ha of redline zone H1 (安吉红线区)" in problem
    assert "move the project" in problem


def test_touching_the_redline_within_the_tolerance_and_offsets_in_it_are_allowed():
    touching = site("Z1", "occupation")
    assert _checked([touching], [_zone(315.0)]) == []  # 1.2 m × 316 m = 0.04 ha
    assert _checked([site("B1", "offset")], [_zone(0)]) == []


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            [site("B1", "offset"), site("B2", "offset", 216.227766)],
            "feature B1: shares 3.16 ha with B2 (补偿 and 补偿)",
        ),
        (
            [site("B1", "offset", 50, ha=1), site("Z1", "occupation")],
            "feature B1: shares 1.00 ha with Z1 (补偿 and 占用)",
        ),
        ([site("B1", "offset", cost=0.0)], "feature B1: unit_cost_cny_ha is 0. An offset costs"),
        ([site("B1", "offset", maturity=-1.0)], "feature B1: maturity_year is -1"),
        (
            [{**site("B1", "offset"), "after_type": "forrest"}],
            "after_type 'forrest' is no ecosystem",
        ),
    ],
)
def test_registers_that_cannot_be_are_refused(features, said):
    (problem,) = _checked(features)
    assert said in problem
    assert "project_sites.csv, feature" in problem


def test_a_service_that_is_none_is_refused():
    entry = PARAMS.entries[f"{SECTION}.one_quantity"]
    wrong = {
        **PARAMS.entries,
        f"{SECTION}.one_quantity": entry.model_copy(update={"value": ["floods"]}),
    }
    found = registers.check(
        province([site("B1", "offset")], account("B1", 1, 0)).registers,
        PARAMS.model_copy(update={"entries": wrong}),
    )
    assert found == [
        "occupation_offset: 'floods' is no service. "
        "Correct it in params/policy/occupation_offset.yaml."
    ]


def test_the_open_pack_can_be_balanced():
    open_pack = Registers(Pack.open(paths.OPEN_PACK), 2023)
    assert registers.check(open_pack, PARAMS) == []
