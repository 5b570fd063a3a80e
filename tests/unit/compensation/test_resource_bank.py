"""The resource bank: best matches against brute force, prices, and what is refused."""

import itertools
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import params
from gepbook.compensation import flows, resource_bank
from gepbook.compensation.resource_bank import ResourceBankParams, matching, settle
from gepbook.compensation.resource_bank.matching import TESTS, fitting_pairs, match, price, reasons
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Province, Registers

NODES = 2000
RULES = ResourceBankParams(demander_pays_share=0.5, platform_fee=0.02, search_nodes=NODES)
RULE_FILE = params.resolve(None, 2023, "db33-2020")
COUNTY, NEIGHBOUR, FAR = "330127", "330112", "331181"  # 淳安 and 临安 of one prefecture, 龙泉


def parcel(parcel_id, area=10.0, reserve=100.0, county=COUNTY, resource="forest", **more):
    return {
        "parcel_id": parcel_id, "county_code": county, "unit_id": f"{county}-01",
        "resource": resource, "area_ha": area, "tenure": "租赁", "term_year": 20.0,
        "collected_on": "2022-05-01", "cost_cny_ha": 90.0, "reserve_price_cny_ha": reserve,
        "status": "available", **more,
    }  # fmt: skip


def demand(demand_id, least=5.0, most=20.0, bid=200.0, county=COUNTY, resource="forest", **more):
    return {
        "demand_id": demand_id, "county_code": county, "year": 2023, "party": "林下种植",
        "resource": resource, "scope": "county", "least_ha": least, "most_ha": most,
        "least_term_year": 10.0, "price_cny_ha": bid, **more,
    }  # fmt: skip


def units(*rows):
    frame = pd.DataFrame(
        list(rows) or [(f"{COUNTY}-01", COUNTY, "forest", "已登簿", 100.0)],
        columns=["unit_id", "county_code", "resource", "status", "declared_area_ha"],
    )
    return gpd.GeoDataFrame(frame, geometry=[shapely.Point(0, 0).buffer(1)] * len(frame))


def registers(parcels, demands, land=None, disputes=None, year=2023):
    tables = {
        "resource_parcels": pd.DataFrame(parcels, columns=list(parcel(""))),
        "resource_demands": pd.DataFrame(demands, columns=list(demand(""))),
        "resource_disputes": pd.DataFrame(
            disputes or [], columns=["unit_id", "other_unit_id", "filed_on", "status"]
        ),
    }
    return Registers(FakePack(tables, {"resource_units": units() if land is None else land}), year)


def computed(parcels, demands, **more):
    pool = pd.DataFrame({"origin": ["modelled"]})
    given_registers = registers(parcels, demands, **more)
    return resource_bank.compute(Province(pool, given_registers, RULE_FILE))


def matched_of(parcels, demands):
    wanted = pd.DataFrame(demands)
    pairs = fitting_pairs(pd.DataFrame(parcels), wanted)
    fitting = pairs[pairs[list(TESTS)].all(axis=1)]
    bounds = wanted.set_index("demand_id")[["least_ha", "most_ha"]]
    found = match(fitting, bounds, NODES)
    assert found.slack_cny == 0.0
    return found.demands, pairs


# Matching


def test_parcels_go_where_the_surplus_is_greatest():
    """Both fit A (bid 200) and B (bid 150), each for one parcel: 10·(200−100) beats 10·(150−100)."""
    found, _ = matched_of([parcel("p")], [demand("A", most=10.0), demand("B", most=10.0, bid=150)])
    assert found.to_dict() == {"p": "A"}


def test_several_parcels_serve_one_demand():
    """At least 25 ha of 10, 10 and 8 ha: all three, 28 ha."""
    parcels = [parcel("a"), parcel("b"), parcel("c", area=8.0)]
    found, _ = matched_of(parcels, [demand("A", least=25.0, most=30.0)])
    assert sorted(found.index) == ["a", "b", "c"]


def test_a_demand_is_served_whole_or_not_at_all():
    """12 ha are asked for, 10 ha are there."""
    found, pairs = matched_of([parcel("p")], [demand("A", least=12.0)])
    assert found.empty
    assert reasons(pairs, pd.DataFrame([demand("A", least=12.0)]), found, NODES)["A"] == "size"


def test_two_small_demands_beat_one_large():
    """A takes both parcels for 2·10·(150−100) = 1000; B and C one each for 600 + 700 = 1300."""
    parcels = [parcel("p"), parcel("q")]
    demands = [
        demand("A", least=20.0, bid=150.0),
        demand("B", most=10.0, bid=160.0),
        demand("C", most=10.0, bid=170.0),
    ]
    found, _ = matched_of(parcels, demands)
    assert set(found) == {"B", "C"}


def test_of_equal_surpluses_more_area_is_served():
    """A bid at the reserve price gains nothing and is served nevertheless."""
    found, _ = matched_of([parcel("p"), parcel("q")], [demand("A", bid=100.0)])
    assert len(found) == 2


def test_nothing_to_match():
    found, _ = matched_of([parcel("p")], [demand("A", resource="sea")])
    assert found.empty


@pytest.mark.parametrize(
    ("scope", "county", "fits"),
    [
        ("county", COUNTY, True), ("county", NEIGHBOUR, False), ("prefecture", NEIGHBOUR, True),
        ("prefecture", FAR, False), ("province", FAR, True),
    ],
)  # fmt: skip
def test_place(scope, county, fits):
    found, _ = matched_of([parcel("p", county=county)], [demand("A", scope=scope)])
    assert bool(len(found)) == fits


quarters = st.integers(1, 60).map(lambda n: n / 4)
prices = st.integers(50, 150).map(float)
parcel_lists = st.lists(st.tuples(quarters, prices), min_size=1, max_size=5)
demand_lists = st.lists(
    st.tuples(quarters, st.integers(0, 60).map(lambda n: n / 4), prices), min_size=1, max_size=3
)


def made(parcel_list, demand_list):
    parcels = [parcel(f"p{n}", area=a, reserve=r) for n, (a, r) in enumerate(parcel_list)]
    demands = [
        demand(f"d{n}", least=least, most=least + more, bid=bid)
        for n, (least, more, bid) in enumerate(demand_list)
    ]
    return parcels, demands


def best_surplus(parcels, demands):
    """Return the greatest surplus by trying every way of giving parcels to demands."""
    best = 0.0
    for choice in itertools.product([None, *range(len(demands))], repeat=len(parcels)):
        area, total = np.zeros(len(demands)), 0.0
        for own, taken in zip(parcels, choice, strict=True):
            if taken is None:
                continue
            gain = demands[taken]["price_cny_ha"] - own["reserve_price_cny_ha"]
            total += own["area_ha"] * gain if gain >= 0 else -np.inf
            area[taken] += own["area_ha"]
        kept = all(
            a == 0 or d["least_ha"] <= a <= d["most_ha"] for a, d in zip(area, demands, strict=True)
        )
        best = max(best, total) if kept else best
    return best


def surplus_of(found, parcels, demands):
    bids = {d["demand_id"]: d["price_cny_ha"] for d in demands}
    return sum(
        p["area_ha"] * (bids[found[p["parcel_id"]]] - p["reserve_price_cny_ha"])
        for p in parcels
        if p["parcel_id"] in found.index
    )


@settings(max_examples=60, deadline=None)
@given(parcel_list=parcel_lists, demand_list=demand_lists)
def test_matches_are_lawful_and_best(parcel_list, demand_list):
    parcels, demands = made(parcel_list, demand_list)
    found, _ = matched_of(parcels, demands)
    assert found.index.is_unique
    areas = pd.Series({p["parcel_id"]: p["area_ha"] for p in parcels})
    served = areas[found.index].groupby(found).sum()
    for wanted in demands:
        if wanted["demand_id"] in served:
            assert wanted["least_ha"] <= served[wanted["demand_id"]] <= wanted["most_ha"]
    for row in settle(found, pd.DataFrame(parcels), pd.DataFrame(demands), RULES).itertuples():
        reserve = {p["parcel_id"]: p["reserve_price_cny_ha"] for p in parcels}[row.parcel_id]
        bid = {d["demand_id"]: d["price_cny_ha"] for d in demands}[row.demand_id]
        assert reserve <= row.price_cny_ha <= bid
    best = best_surplus(parcels, demands)
    assert surplus_of(found, parcels, demands) == pytest.approx(best, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(parcel_list=parcel_lists, demand_list=demand_lists, added=st.tuples(quarters, prices))
def test_another_parcel_never_lowers_the_surplus(parcel_list, demand_list, added):
    parcels, demands = made(parcel_list, demand_list)
    more, _ = made([*parcel_list, added], demand_list)
    few, _ = matched_of(parcels, demands)
    many, _ = matched_of(more, demands)
    assert surplus_of(many, more, demands) >= surplus_of(few, parcels, demands) - 0.01


@settings(max_examples=15, deadline=None)
@given(parcel_list=parcel_lists, demand_list=demand_lists, seed=st.randoms())
def test_the_order_of_the_registers_does_not_matter(parcel_list, demand_list, seed):
    parcels, demands = made(parcel_list, demand_list)
    first, _ = matched_of(parcels, demands)
    seed.shuffle(parcels)
    seed.shuffle(demands)
    second, _ = matched_of(parcels, demands)
    assert first.to_dict() == second.to_dict()


def test_a_search_that_ends_early_says_what_may_be_missing():
    """One node does not prove this group; with the slack, the surplus reaches the true best."""
    rng = np.random.default_rng(1)
    parcels = [
        parcel(f"p{n:02}", area=float(a), reserve=float(r))
        for n, (a, r) in enumerate(
            zip(rng.uniform(8, 90, 40).round(1), rng.integers(90, 290, 40) * 100, strict=True)
        )
    ]
    demands = [
        demand(f"d{n}", least=float(least), most=float(2 * least), bid=float(bid))
        for n, (least, bid) in enumerate(
            zip(rng.integers(12, 80, 6), rng.integers(100, 340, 6) * 100, strict=True)
        )
    ]
    wanted = pd.DataFrame(demands)
    pairs = fitting_pairs(pd.DataFrame(parcels), wanted)
    fitting = pairs[pairs[list(TESTS)].all(axis=1)]
    bounds = wanted.set_index("demand_id")[["least_ha", "most_ha"]]
    early, best = match(fitting, bounds, 1), match(fitting, bounds, 100_000)
    assert best.slack_cny == 0.0
    assert early.slack_cny > 0.0
    reached = surplus_of(early.demands, parcels, demands)
    assert reached <= surplus_of(best.demands, parcels, demands) <= reached + early.slack_cny + 0.01


def test_a_solver_that_fails_is_told(monkeypatch):
    failed = type("Result", (), {"x": None, "success": False, "message": "no way"})()
    monkeypatch.setattr(matching, "milp", lambda *_, **__: failed)
    with pytest.raises(ValueError, match="cannot be matched: no way"):
        matched_of([parcel("p")], [demand("A")])


# Prices and reasons


def test_price_and_fee_by_hand():
    """100 + 0.5·(200 − 100) = 150; 10 ha cost 1500.00, 2 % of it 30.00, the holders get 1470.00."""
    parcels, demands = [parcel("p")], [demand("A")]
    found, _ = matched_of(parcels, demands)
    row = settle(found, pd.DataFrame(parcels), pd.DataFrame(demands), RULES).iloc[0]
    assert row["price_cny_ha"] == 150.0
    assert (row["paid_cny"], row["fee_cny"], row["holders_cny"]) == (1500.0, 30.0, 1470.0)
    assert row["surplus_cny"] == 1000.0


def test_price_lies_between_its_ends():
    ends = (
        price(pd.Series([100.0]), pd.Series([200.0]), 0.0),
        price(pd.Series([100.0]), pd.Series([200.0]), 1.0),
    )
    assert [float(end.iloc[0]) for end in ends] == [100.0, 200.0]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (demand("A", resource="sea"), "type"),
        (demand("A", county=FAR), "place"),
        (demand("A", least_term_year=30.0), "term"),
        (demand("A", bid=99.0), "price"),
        (demand("A", least=1.0, most=9.0), "size"),
        (demand("A", bid=150.0, least=10.0, most=10.0), "outbid"),
    ],
)
def test_reasons(wanted, reason):
    parcels, demands = [parcel("p")], [wanted]
    if reason == "outbid":
        demands.append(demand("B"))
    found, pairs = matched_of(parcels, demands)
    assert reasons(pairs, pd.DataFrame(demands), found, NODES)["A"] == reason


# The scheme


def test_ledger_payments_and_figures():
    found = computed([parcel("p"), parcel("q", area=50.0)], [demand("A", county=COUNTY)])
    book = found.tables["parcels"].set_index("parcel_id")
    assert book["standing"].to_dict() == {"p": "matched", "q": "offered"}
    assert book.loc["p", "margin_cny"] == 1500.0 - 30.0 - 900.0
    paid = flows.build(found.flows, 2023).set_index(["payer", "payee"])["amount_cny"]
    assert paid[f"{COUNTY}/enterprises", f"{COUNTY}/holders"] == 1470.0
    assert paid[f"{COUNTY}/enterprises", f"{COUNTY}/bank"] == 30.0
    figures = {(row["item"], row["measure"]): row["value"] for _, row in found.figures}
    assert figures["resource_bank.matched", "area"] == 10.0
    assert figures["resource_bank.collected", "area"] == 60.0


@pytest.mark.parametrize(
    ("dispute", "standing"),
    [
        ((f"{COUNTY}-01", None, "2022-01-01", "受理"), "blocked"),
        (("x", f"{COUNTY}-01", "2022-01-01", "诉讼中"), "blocked"),
        ((f"{COUNTY}-01", None, "2022-01-01", "已裁决"), "matched"),
        ((f"{COUNTY}-01", None, "2024-01-01", "受理"), "matched"),
    ],
)
def test_disputes_block_parcels(dispute, standing):
    found = computed([parcel("p")], [demand("A")], disputes=[dispute])
    assert found.tables["parcels"]["standing"].tolist() == [standing]


def test_what_is_not_on_offer_is_not_matched():
    parcels = [
        parcel("a", status="contracted"),
        parcel("b", status="withdrawn"),
        parcel("c", collected_on="2024-01-01"),
    ]
    found = computed(parcels, [demand("A")])
    assert found.tables["parcels"]["standing"].tolist() == ["contracted", "withdrawn"]
    assert found.tables["demands"]["reason"].tolist() == ["type"]
    assert found.flows == []


def test_a_year_without_demands_is_lacking():
    assert computed([parcel("p")], [demand("A")], year=2022).lacking == ("resource_demands",)


def test_without_disputes_nothing_is_blocked_and_it_is_said():
    given_registers = registers([parcel("p")], [demand("A")])
    del given_registers.pack.tables["resource_disputes"]
    pool = pd.DataFrame({"origin": ["modelled"]})
    found = resource_bank.compute(Province(pool, given_registers, RULE_FILE))
    assert found.lacking == ("resource_disputes",)
    assert len(found.tables["matches"]) == 1


# Registers


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (parcel("p", unit_id="no"), "line 2: registration unit 'no' is not in resource_units"),
        (parcel("p", county=NEIGHBOUR, unit_id=f"{COUNTY}-01"), "lies in 330127, the parcel in"),
        (parcel("p", resource="water"), "is forest, the parcel water"),
        (parcel("p", unit_id=f"{COUNTY}-02"), "must be 已登簿, got 调查中"),
        (parcel("p", area=100.1), "hold 100.1 ha, the unit 100 ha"),
        (parcel("p", area=0.0), "area_ha must be above 0, got 0"),
        (parcel("p", status="free"), "status must be one of .* got 'free'"),
        (parcel("p", collected_on="2022-13-01"), "collected_on must be a date .* got '2022-13-01'"),
        (parcel("p", reserve=np.nan), "reserve_price_cny_ha is missing"),
        (parcel("p", county="331199"), "county '331199' is not in"),
    ],
)
def test_faulty_parcels_are_refused(row, message):
    land = units(
        (f"{COUNTY}-01", COUNTY, "forest", "已登簿", 100.0),
        (f"{COUNTY}-02", COUNTY, "forest", "调查中", 100.0),
    )
    problems = resource_bank.check(registers([row], [], land), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_parcels_of_a_unit_count_together():
    """60 + 50 ha exceed 100 ha; the withdrawn parcel does not count."""
    held = [parcel("a", area=60.0), parcel("b", area=50.0)]
    problems = resource_bank.check(registers(held, []), RULE_FILE)
    assert len(problems) == 1
    assert re.search(r"line 3: the parcels of .* hold 110 ha, the unit 100 ha", problems[0])
    held[1]["status"] = "withdrawn"
    assert resource_bank.check(registers(held, []), RULE_FILE) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (demand("A", scope="world"), "line 2: scope must be one of county, .* got 'world'"),
        (demand("A", least=9.0, most=8.0), "must not exceed most_ha.* got 9 and 8"),
        (demand("A", bid=np.nan), "price_cny_ha is missing"),
        (demand("A", county="331199"), "county '331199' is not in"),
    ],
)
def test_faulty_demands_are_refused(row, message):
    problems = resource_bank.check(registers([], [row]), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_ids_that_stand_twice_are_refused():
    problems = resource_bank.check(
        registers([parcel("p"), parcel("p", area=2.0)], [demand("A"), demand("A", bid=1.0)]),
        RULE_FILE,
    )
    assert [p.partition(": ")[2][:14] for p in problems] == ["parcel_id 'p' ", "demand_id 'A' "]


def test_wrong_rules_are_refused():
    with pytest.raises(ValueError, match="platform_fee"):
        ResourceBankParams(demander_pays_share=0.5, platform_fee=1.0, search_nodes=1)


def test_open_pack_shows_every_standing_and_reason():
    pack = Pack.open(OPEN_PACK)
    standings, why = set(), set()
    for year in pack.years:
        given_registers = Registers(pack, year)
        assert resource_bank.check(given_registers, RULE_FILE) == []
        pool = pd.DataFrame({"origin": ["modelled"]})
        found = resource_bank.compute(Province(pool, given_registers, RULE_FILE))
        standings |= set(found.tables["parcels"]["standing"])
        why |= set(found.tables["demands"]["reason"])
    assert standings == set(resource_bank.STANDING_ZH)
    assert why >= {resource_bank.SERVED, "place", "term", "price", "size", "outbid"}
