"""Premium of brands, eco-tourism and certification: by hand, what is invariant, what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_pool
from scipy.stats import t

from gepbook import params, paths
from gepbook.assessment import brand
from gepbook.assessment.brand.industry import certification, deflated, with_ratios
from gepbook.assessment.brand.premium import extra_income, premium, premiums, read_pairs
from gepbook.assessment.brand.rules import FINDINGS, SECTION, BrandParams
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section(SECTION, BrandParams)
A, B = "330102", "331181"
COLUMNS = [
    "county_code", "year", "brand", "product", "branded_quantity_t", "branded_price_cny_t",
    "control_price_cny_t", "control",
]  # fmt: skip
CONTROL = "同县同等级未贴标"


def sold(*rows):
    """Return rows of the register: county, year, product, quantity, price, control price."""
    named = [
        (code, year, "丽水山耕", product, quantity, price, control, CONTROL if control else None)
        for code, year, product, quantity, price, control in rows
    ]
    return pd.DataFrame(named, columns=COLUMNS).astype({"control_price_cny_t": "float64"})


TWO = sold((B, 2023, "茶叶", 10, 120.0, 100.0), (B, 2023, "水果", 20, 60.0, 40.0))


# Premium


def test_premium_by_hand():
    """Sales 1200 each, so half and half: ln 1.2 and ln 1.5, mean ln √1.8; √1.8 − 1 = 0.3416."""
    found = premiums(read_pairs(TWO), "brand", RULES).loc["丽水山耕"]
    assert found["premium"] == pytest.approx(1.8**0.5 - 1)
    assert (found["products"], found["matched_sales_cny"]) == (2, 2400.0)


def test_interval_by_hand():
    """Equal weights: s = |ln 1.5 − ln 1.2| / 2, the standard error of two; t with one degree."""
    found = premiums(read_pairs(TWO), "brand", RULES).loc["丽水山耕"]
    mean, half = np.log(1.8) / 2, t.ppf(0.95, 1) * np.log(1.5 / 1.2) / 2
    assert found["low"] == pytest.approx(np.exp(mean - half) - 1)
    assert found["high"] == pytest.approx(np.exp(mean + half) - 1)
    assert found["finding"] == "unclear"


def test_equal_weights_give_the_usual_error_of_a_mean():
    ratios = np.log([1.1, 1.3, 1.25, 1.4])
    found = premium(ratios, np.full(4, 7.0), RULES)
    half = t.ppf(0.95, 3) * ratios.std(ddof=1) / 2
    assert found["high"] == pytest.approx(np.exp(ratios.mean() + half) - 1)


@pytest.mark.parametrize("sales", [(1, 1), (7, 3), (6, 2, 2), (70, *[30 / 9] * 9)])
def test_the_interval_holds_its_level_however_sales_are_spread(sales):
    """Of brands without a premium at most 10 % have an interval beside 0."""
    generator = np.random.default_rng(5)
    beside = 0
    for ratios in generator.standard_normal((2000, len(sales))):
        found = premium(0.1 * ratios, np.array(sales, dtype="float64"), RULES)
        beside += found["low"] > 0 or found["high"] < 0
    assert beside / 2000 < 0.115


def test_sales_of_one_product_have_no_interval():
    found = premium(np.log([1.2, 1.5]), np.array([98.0, 2.0]), RULES)
    assert np.isnan(found["low"])
    assert np.isnan(found["high"])


def test_sales_weigh():
    """Sales 3600 and 1200: (3·ln 1.2 + ln 1.5) / 4."""
    rows = TWO.assign(branded_quantity_t=[30, 20])
    found = premiums(read_pairs(rows), "brand", RULES).loc["丽水山耕"]
    assert found["premium"] == pytest.approx((1.2**3 * 1.5) ** 0.25 - 1)


def test_years_of_a_product_are_one_observation():
    """Three years of one product say nothing of how products differ: no interval."""
    rows = sold(*((B, year, "茶叶", 10, 120.0, 100.0) for year in (2021, 2022, 2023)))
    pairs = read_pairs(rows)
    assert pairs["years"].tolist() == [3]
    found = premiums(pairs, "county_code", RULES).loc[B]
    assert found["premium"] == pytest.approx(0.2)
    assert found["finding"] == "single"
    assert np.isnan(found["low"])


def test_brand_without_control_has_no_premium():
    rows = sold((B, 2023, "茶叶", 10, 120.0, None))
    assert premiums(read_pairs(rows), "brand", RULES).empty
    assert extra_income(rows).isna().all()


def test_findings_on_both_sides():
    dear = sold((B, 2023, "茶叶", 1, 130.0, 100.0), (B, 2023, "水果", 1, 131.0, 100.0))
    cheap = dear.assign(branded_price_cny_t=[90.0, 91.0])
    for rows, finding in ((dear, "above"), (cheap, "below")):
        assert premiums(read_pairs(rows), "brand", RULES)["finding"].tolist() == [finding]


prices = st.lists(
    st.tuples(st.floats(1, 1e4), st.floats(1, 1e5), st.floats(1, 1e5)), min_size=2, max_size=6
)


def register(given):
    return sold(*((B, 2023, f"产品{i}", q, p, c) for i, (q, p, c) in enumerate(given)))


@settings(max_examples=30, deadline=None)
@given(prices, st.floats(1e-3, 1e3))
def test_premium_knows_no_unit_of_money(given, factor):
    rows = register(given)
    scaled = rows.assign(
        branded_price_cny_t=rows["branded_price_cny_t"] * factor,
        control_price_cny_t=rows["control_price_cny_t"] * factor,
    )
    columns = ["premium", "low", "high", "products"]
    one, other = (premiums(read_pairs(frame), "brand", RULES)[columns] for frame in (rows, scaled))
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(prices, st.randoms(use_true_random=False))
def test_order_of_the_register_does_not_matter(given, random):
    rows = register(given)
    order = list(rows.index)
    random.shuffle(order)
    one, other = (premiums(read_pairs(f), "brand", RULES) for f in (rows, rows.loc[order]))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(prices)
def test_premium_lies_between_those_of_its_products(given):
    rows = register(given)
    ratio = rows["branded_price_cny_t"] / rows["control_price_cny_t"] - 1
    found = premiums(read_pairs(rows), "brand", RULES)["premium"].iloc[0]
    assert ratio.min() - 1e-9 <= found <= ratio.max() * (1 + 1e-9) + 1e-9


def test_extra_income_by_hand():
    """10·20 + 20·20 = 600."""
    assert extra_income(TWO).sum() == pytest.approx(600.0)


# Industry


def test_ratios_by_hand():
    table = pd.DataFrame(
        {"value_added_cny": [40.0, 5.0], "income_cny": [100.0, 0.0], "gdp_cny": [800.0, np.nan],
         "before_cny": [32.0, 0.0]}
    )  # fmt: skip
    found = with_ratios(table)
    assert found.loc[0, ["value_added_rate", "share_of_gdp", "growth"]].tolist() == pytest.approx(
        [0.4, 0.05, 0.25]
    )
    assert found.loc[1, ["value_added_rate", "share_of_gdp", "growth"]].isna().all()


def test_money_at_the_prices_of_the_year():
    """Prices 1 → 1.1: 100 of the year before are 110 now."""
    index = pd.Series({2022: 1.0, 2023: 1.1})
    found = deflated(pd.DataFrame({2022: [100.0], 2023: [121.0]}), index, 2023)
    assert found.loc[0].tolist() == pytest.approx([110.0, 121.0])


def test_certification_by_hand():
    """(50·1 + 80·3) / 4 = 72.5 of what is known, which is 4 of 5; 5 grew from 4: 25 %."""
    lines = pd.DataFrame(
        {
            "county_code": A, "output_value_cny": [1.0, 3.0, 1.0], "before_cny": [1.0, 2.0, 1.0],
            "value_added_cny": [0.6, 1.8, 0.6], "certified_percent": [50.0, 80.0, np.nan],
        }
    )  # fmt: skip
    found = certification(lines, "county_code").loc[A]
    assert found["certified_percent"] == pytest.approx(72.5)
    assert found["known_share"] == pytest.approx(0.8)
    assert found["growth"] == pytest.approx(0.25)
    none = certification(lines.assign(certified_percent=np.nan), "county_code").loc[A]
    assert np.isnan(none["certified_percent"])


# What is refused


def registers(rows=TWO, grown=None, tourism=None, year=2023):
    known = {"brand_products": rows}
    if grown is not None:
        known["agricultural_products"] = grown
    if tourism is not None:
        known["eco_tourism"] = tourism
    return Registers(FakePack(known, {}), year)


def refused(given, message):
    found = brand.check(given, RULE_FILE)
    assert any(re.search(message, problem) for problem in found), found


def test_sound_register_is_taken():
    assert brand.check(registers(), RULE_FILE) == []
    assert brand.check(Registers(FakePack({}, {}), 2023), RULE_FILE) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"control": None}, "line 2: control_price_cny_t has no control. Say which product"),
        (
            {"control_price_cny_t": np.nan},
            f"line 2: control '{CONTROL}' has no control_price_cny_t",
        ),
        ({"control_price_cny_t": 0.0}, "line 2: control_price_cny_t is 0, it must be above 0"),
        ({"branded_price_cny_t": -5.0}, "line 2: branded_price_cny_t is -5, it must be above 0"),
        ({"branded_quantity_t": 0}, "line 2: branded_quantity_t is 0"),
        ({"branded_price_cny_t": np.nan}, "line 2: branded_price_cny_t is missing"),
        (
            {"control_price_cny_t": 0.1},
            "line 2: the brand's price is 1.2e.03 times the control's, the rules allow 0.2 to 5",
        ),
        ({"county_code": "331199"}, "line 2: county '331199' is not in"),
        ({"product": "水果"}, "line 3: county_code, year, brand, product .* stands twice"),
    ],
)
def test_faulty_rows_are_refused(changed, message):
    rows = TWO.astype({"control": "object", "branded_quantity_t": "float64"})
    for column, value in changed.items():
        rows.loc[0, column] = value
    refused(registers(rows), message)


def test_more_sold_than_grown_is_refused():
    grown = pd.DataFrame(
        [(B, 2023, "茶叶", 9.0, 1e6, 50.0), (B, 2023, "水果", 20.0, 1e6, 50.0)],
        columns=["county_code", "year", "product", "quantity_t", "output_value_cny", "certified_percent"],
    ).assign(area_ha=1.0)  # fmt: skip
    refused(registers(grown=grown), "line 2: 10 t of '茶叶' were sold under brands, but .* has 9 t")
    assert len(brand.check(registers(grown=grown), RULE_FILE)) == 1


def test_value_added_beyond_the_income_is_refused():
    rows = pd.DataFrame(
        [(A, 2023, 3, 10.0, 5.0, 6.0)],
        columns=[
            "county_code",
            "year",
            "sites",
            "visitors_person",
            "income_cny",
            "value_added_cny",
        ],
    )
    refused(registers(tourism=rows), "line 2: value_added_cny 6 is more than income_cny 5")


def economy_and_tourism(change):
    """Return registers of three counties and two years, one county's eco-tourism changed in some."""
    key = [(code, year) for code in (A, B, "330105") for year in (2022, 2023)]
    tourism = pd.DataFrame(key, columns=["county_code", "year"]).assign(
        sites=3.0, visitors_person=1e5, income_cny=2e9, value_added_cny=8e8
    )
    for years, factor in change.items():
        own = (tourism["county_code"] == B) & tourism["year"].isin(years)
        tourism.loc[own, ["income_cny", "value_added_cny"]] *= factor
    economy = tourism[["county_code", "year"]].assign(
        resident_population_person=2.5e5, gdp_cny=2e10
    )
    return Registers(FakePack({"eco_tourism": tourism, "economy": economy}, {}), 2023)


def test_eco_tourism_in_the_wrong_unit_is_found():
    """By the county's GDP; by its jump and its peers; alike in both years by its peers alone."""
    assert brand.check(economy_and_tourism({}), RULE_FILE) == []
    assert brand.check(economy_and_tourism({(2022, 2023): 20.0}), RULE_FILE) == []
    refused(
        economy_and_tourism({(2023,): 1e4}), "value_added_cny 8e.12 is more than the county's GDP"
    )
    once = economy_and_tourism({(2023,): 1e-4})
    refused(
        once, "line 5: income_cny is 0.0001 times that of the year before: looks like 万元 for CNY"
    )
    refused(once, "line 5: value_added_cny per person is 0.0001 times the counties' median")
    always = brand.check(economy_and_tourism({(2022, 2023): 1e-4}), RULE_FILE)
    assert len(always) == 4
    assert all("per person is 0.0001 times" in problem for problem in always)


def test_prices_and_products_in_the_wrong_unit_are_found():
    rows = sold(
        *((code, 2023, "茶叶", 10, 1.2e6, 1e6) for code in (A, "330105")),
        (B, 2023, "茶叶", 10, 1200.0, 1000.0),
    )
    refused(registers(rows), "line 4: branded_price_cny_t is 0.001 times the counties' median")
    grown = pd.DataFrame(
        {
            "county_code": B, "year": [2022, 2023], "product": "茶叶", "quantity_t": 99.0,
            "area_ha": 1.0, "output_value_cny": [1e6, 1e10], "certified_percent": 50.0,
        }
    )  # fmt: skip
    refused(registers(grown=grown), "line 3: output_value_cny is 1e.04 times .*CNY for 万元")


def test_rules_that_name_nothing_are_refused_together():
    entries = dict(RULE_FILE.entries)
    for key, word in (("certification_target", "certificaton"), ("tourism_price_index", "gdp")):
        entries[f"brand.{key}"] = entries[f"brand.{key}"].model_copy(update={"value": word})
    wrong = RULE_FILE.model_copy(update={"entries": entries})
    target, index = brand.check(economy_and_tourism({}), wrong)
    assert (
        "brand.yaml: brand.certification_target is 'certificaton', no target of targets" in target
    )
    assert "Did you mean 'certification'" in target
    assert "brand.tourism_price_index: no price index 'gdp' in params/prices/price_indices" in index


def test_year_without_price_index_is_refused():
    rows = pd.DataFrame(
        [(A, 2031, 3, 10.0, 5.0, 4.0)],
        columns=[
            "county_code",
            "year",
            "sites",
            "visitors_person",
            "income_cny",
            "value_added_cny",
        ],
    )
    refused(registers(tourism=rows, year=2031), "index 'gdp_deflator' has no year 2031")


def test_wrong_rules_are_refused():
    with pytest.raises(ValueError, match="low between 0 and 1"):
        BrandParams(**{**RULES.model_dump(), "price_ratio_range": {"low": 2.0, "high": 5.0}})
    with pytest.raises(ValueError, match="must give a light to exactly"):
        BrandParams(**{**RULES.model_dump(), "lights": {"above": "good"}})
    assert set(RULES.lights) == set(FINDINGS)


# The topic


def evidence(year=2023, pack=None):
    return Evidence(
        make_pool(year), Registers(pack or open_pack(str(paths.OPEN_PACK)), year), RULE_FILE
    )


@pytest.fixture(scope="module")
def result():
    return brand.compute(evidence(), {})


def test_open_pack_is_sound_and_shows_most_findings(result):
    pack = open_pack(str(paths.OPEN_PACK))
    for year in pack.years:
        assert brand.check(Registers(pack, year), RULE_FILE) == []
    assert set(result.table("brands")["finding"]) == {"above", "unclear", "single"} < set(FINDINGS)
    assert result.table("brand_lines")["unmatched"].any()
    assert result.lacking == ()


def test_groups_and_the_province_agree_with_their_counties(result):
    tourism, sums = result.table("tourism"), result.table("tourism_groups")
    assert sums.loc["province", "value_added_cny"] == pytest.approx(
        tourism["value_added_cny"].sum()
    )
    assert sums.loc[["mountain26", "other"], "value_added_cny"].sum() == pytest.approx(
        sums.loc["province", "value_added_cny"]
    )
    lines, groups = result.table("products"), result.table("certification_groups")
    known = lines.dropna(subset=["certified_percent"])
    mean = np.average(known["certified_percent"], weights=known["output_value_cny"])
    assert groups.loc["province", "certified_percent"] == pytest.approx(mean)
    assert groups.loc["province", "gap_percent"] == pytest.approx(60 - mean)
    extra = result.table("brand_lines")["extra_cny"].sum()
    assert result.table("premium_groups").loc["province", "extra_cny"] == pytest.approx(extra)
    assert result.table("brands")["extra_cny"].sum() == pytest.approx(extra)


def test_the_province_has_no_sum_of_too_few_counties():
    """10 of 90 counties without a row leave 80, below nine tenths; 5 leave 85, which are enough."""
    whole = open_pack(str(paths.OPEN_PACK))
    tables = {name: whole.table(name) for name in ("eco_tourism", "agricultural_products")}
    codes = sorted(tables["eco_tourism"]["county_code"].unique())
    for without, known in ((10, False), (5, True)):
        kept = {
            n: frame[~frame["county_code"].isin(codes[:without])] for n, frame in tables.items()
        }
        found = brand.compute(evidence(pack=FakePack(kept, {})), {})
        for name in ("tourism_groups", "certification_groups"):
            row = found.table(name).loc["province"]
            assert row["counties"] == 90 - without
            assert row.drop(["counties", "target_percent"], errors="ignore").notna().any() == known
        assert (None in {owner for owner, _ in found.figures}) == known


def test_figures_and_cards(result):
    keys = [
        (owner, row["item"], row["measure"], row["price_basis"]) for owner, row in result.figures
    ]
    assert len(keys) == len(set(keys))
    assert not any(np.isnan(row["value"]) for _, row in result.figures)
    assert {None, B} <= {owner for owner, _ in result.figures}
    cards = pd.DataFrame(result.cards)
    assert cards.groupby("county_code").size().between(1, 2).all()
    growth = cards[cards["label_zh"].str.contains("增长")]
    assert len(growth) == 90
    assert set(growth["light"]) == {"none"}
    assert set(cards["light"]) == {"good", "watch", "none"}


def test_missing_registers_are_left_out():
    pack = FakePack({"brand_products": TWO}, {})
    found = brand.compute(evidence(pack=pack), {})
    assert found.lacking == ("agricultural_products", "eco_tourism")
    assert set(found.tables) == {"brand_lines", "brands", "premiums", "premium_groups"}
    assert found.table("premiums").loc[B, "premium"] == pytest.approx(1.8**0.5 - 1)
    assert brand.compute(evidence(pack=FakePack({}, {})), {}).cards == []


def test_first_year_has_no_growth():
    found = brand.compute(evidence(2020), {})
    assert found.table("tourism")["growth"].isna().all()
    assert not any("增长" in row["label_zh"] for row in found.cards)


def test_brand_that_sold_nothing_this_year_is_kept():
    rows = pd.concat([TWO.assign(brand="旧牌", year=2022), TWO], ignore_index=True)
    found = brand.compute(evidence(pack=FakePack({"brand_products": rows}, {})), {})
    row = found.table("brands").loc["旧牌"]
    assert (row["sales_cny"], row["lines"]) == (0.0, 0)
    assert row["premium"] == pytest.approx(1.8**0.5 - 1)


def test_all_rows_without_control_are_told_and_no_premium_is_given():
    rows = TWO.assign(control_price_cny_t=np.nan, control=None)
    found = brand.compute(evidence(pack=FakePack({"brand_products": rows}, {})), {})
    assert found.table("brands").loc["丽水山耕", "unmatched"] == 2
    assert found.table("brands")["premium"].isna().all()
    assert found.cards == []
