"""The account of resource assets: figures by hand, identities, the bridge, the register's errors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gepbook import ecosystems, ledger, params
from gepbook.accounting.change import groups
from gepbook.errors import CodeError, CoverageError, ParameterError
from gepbook.inventory import asset_account
from gepbook.inventory.asset_account import MOVES, PHYSICAL, VALUES, compute

RULES = params.resolve(None, None, "db33-2025").section(
    asset_account.SECTION, asset_account.AssetAccountParams
)
TYPES = ["mixed_forest", "open_forest", "grassland", "paddy", "water", "urban"]
#: Rows: from; columns: to. ha.
MATRIX = pd.DataFrame(
    [
        [90.0, 5.0, 3.0, 2.0, 0.0, 0.0],  # mixed forest 100 → 90 + 5 open + 3 grass + 2 paddy
        [0.0, 10.0, 0.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 6.0, 0.0, 0.0, 0.0],
        [4.0, 0.0, 0.0, 40.0, 0.0, 6.0],
        [0.0, 0.0, 0.0, 0.0, 8.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 20.0],
    ],
    index=TYPES,
    columns=TYPES,
)
NONE = pd.DataFrame(columns=["county_code", "year", "asset", *PHYSICAL])


def register(**figures):
    """Return rows of the register: asset → opening, moves in order, closing."""
    rows = [
        {"county_code": "331181", "year": 2021, "asset": asset}
        | dict(zip(PHYSICAL, values, strict=True))
        for asset, values in figures.items()
    ]
    return pd.DataFrame(rows, columns=NONE.columns)


TIMBER = register(timber_m3=(1000.0, 60.0, 5.0, 10.0, 15.0, 1040.0))


def row(account, asset, stock="area"):
    table = account.table.set_index(["asset", "stock"])
    return table.loc[(asset, stock)]


def test_area_moves_between_assets_by_hand():
    account = compute(MATRIX, MATRIX.sum(), NONE, RULES)
    # opening 100 + 10; + 1 from grass (natural) + 4 from paddy (managed); − 3 to grass (natural)
    # − 2 to paddy (managed); the 5 from mixed to open forest stay forest: 110 + 5 − 5 = 110
    assert row(account, "forest")[list(PHYSICAL)].tolist() == [110, 1, 4, 3, 2, 110]
    # paddy 50: + 2 from forest, − 4 to forest − 6 to urban, all managed: 42
    assert row(account, "farmland")[list(PHYSICAL)].tolist() == [50, 0, 2, 0, 10, 42]
    assert row(account, "grassland")[list(PHYSICAL)].tolist() == [7, 3, 0, 1, 0, 9]
    assert row(account, "water")[list(PHYSICAL)].tolist() == [8, 0, 0, 0, 0, 8]
    assert set(account.table["asset"]) == {"forest", "farmland", "grassland", "water"}


def test_values_at_two_price_levels_by_hand():
    rules = RULES.model_copy(update={"forest_timber_price": 800.0})
    account = compute(None, pd.Series(dtype=float), TIMBER, rules, (1.0, 1.1))
    got = row(account, "forest", "timber")[list(VALUES)].tolist()
    # opening 1000 × 800; moves × 840 (mean of 800 and 880): 60, 5, 10, 15;
    # revaluation 1020 × 80; closing 1040 × 880
    wanted = [800_000, 50_400, 4_200, 8_400, 12_600, 81_600, 915_200]
    assert got == pytest.approx(wanted)
    assert wanted[0] + 50_400 + 4_200 - 8_400 - 12_600 + 81_600 == wanted[-1]


def test_the_first_year_has_a_closing_only():
    account = compute(None, pd.Series({"mixed_forest": 100.0, "urban": 5.0}), TIMBER, RULES)
    area = row(account, "forest")
    assert area["closing"] == 100
    assert area[["opening", *MOVES, "value_opening", "value_revaluation"]].isna().all()
    assert area["value_closing"] == pytest.approx(100 * 29_400)
    measures = {(e["item"], e["measure"]) for e in rows_of(account)}
    assert ("forest.area", "closing") in measures
    assert ("forest.area", "opening") not in measures
    assert ("forest.timber", "opening") in measures


def test_what_has_no_price_has_no_value():
    stocks = register(wetland_ha=(9, 0, 0, 0, 0, 9), sea_ha=(5, 0, 0, 0, 0, 5))
    account = compute(MATRIX, MATRIX.sum(), stocks, RULES)
    assert row(account, "wetland", "registered")[list(VALUES)].isna().all()
    assert row(account, "water")[list(VALUES)].isna().all()  # priced by volume, not by area
    assert row(account, "sea")["value_closing"] == pytest.approx(5 * 10_000)


def test_nothing_at_all_is_an_empty_account():
    account = compute(None, pd.Series({"urban": 5.0}), NONE, RULES)
    assert account.table.empty
    assert rows_of(account) == []
    assert asset_account.bridge(account, None).loc["total", "market_value_cny"] == 0


areas = st.floats(0, 1e6, allow_nan=False)
stocks_in = st.tuples(*[st.floats(0, 1e9)] * 3, st.floats(0, 1), st.floats(0, 1))
levels = st.tuples(st.floats(0.2, 5), st.floats(0.2, 5))


@given(st.lists(areas, min_size=256, max_size=256), stocks_in, levels)
def test_opening_and_all_changes_are_the_closing(cells, figures, index):
    ids = ecosystems.read()["id"]
    matrix = pd.DataFrame(np.array(cells).reshape(16, 16), index=ids, columns=ids)
    opening, natural, managed, lost, taken = figures
    there = opening + natural + managed
    lost, taken = lost * there / 2, taken * there / 2
    stocks = register(water_m3=(opening, natural, managed, lost, taken, there - lost - taken))
    table = compute(matrix, matrix.sum(), stocks, RULES, index).table
    for prefix in ("", "value_"):
        if prefix:
            table = table[table["value_closing"].notna()]
        sides = table[f"{prefix}opening"] + sum(
            (1 if "addition" in m else -1) * table[f"{prefix}{m}"] for m in MOVES
        )
        sides += table["value_revaluation"] if prefix else 0
        scale = table[[c for c in table if c.startswith(prefix) and c in (*PHYSICAL, *VALUES)]]
        wanted = table[f"{prefix}closing"]
        assert (abs(sides - wanted) <= 1e-9 * (scale.abs().max(axis=1) + 1)).all()


@given(levels)
def test_prices_that_stay_revalue_nothing(index):
    account = compute(MATRIX, MATRIX.sum(), TIMBER, RULES, (index[0], index[0]))
    priced = account.table.dropna(subset=["value_closing"])
    assert (priced["value_revaluation"] == 0).all()


def test_a_register_that_does_not_add_up_is_refused():
    wrong = register(timber_m3=(1000, 60, 5, 10, 15, 1041), water_m3=(5, 1, 0, 0, 0, 7))
    with pytest.raises(CoverageError) as caught:
        compute(None, pd.Series(dtype=float), wrong, RULES)
    assert len(caught.value.problems) == 2
    assert (
        "timber_m3 of 331181 in 2021 does not add up: opening + additions − reductions is 1,040, "
        "closing is 1,041, difference 1." in caught.value.problems[0]
    )


@pytest.mark.parametrize(
    ("stocks", "match"),
    [
        (register(timber_m3=(10, 0, 0, 0, 0, np.nan)), "has no closing"),
        (register(timber_m3=(10, 0, -1, 0, 0, 9)), "managed_addition must not be below 0"),
        (pd.concat([TIMBER, TIMBER]), "timber_m3 stands twice"),
    ],
)
def test_a_register_with_gaps_is_refused(stocks, match):
    with pytest.raises(CoverageError, match=match):
        compute(None, pd.Series(dtype=float), stocks, RULES)


def test_unknown_stocks_and_prices_are_refused():
    with pytest.raises(CodeError, match=r"'timber'.*timber_m3"):
        compute(None, pd.Series(dtype=float), TIMBER.assign(asset="timber"), RULES)
    with pytest.raises(ParameterError, match="above 0"):
        compute(None, pd.Series(dtype=float), TIMBER, RULES, (1.0, 0.0))


def test_changes_that_lead_elsewhere_are_refused():
    closing = MATRIX.sum() + pd.Series({"paddy": 1.0}).reindex(TYPES, fill_value=0.0)
    with pytest.raises(CoverageError, match=r"farmland.area.*42 ha.*43 ha, difference 1 ha"):
        compute(MATRIX, closing, NONE, RULES)


def test_the_bridge_adds_no_value_twice():
    account = compute(MATRIX, MATRIX.sum(), TIMBER, RULES)
    services = pd.Series(
        {"forest": 5e6, "shrub": 1e6, "cropland": 1e6, "wetland": 2e6, "urban": 3e5, "sea": 0.0}
    )
    table = asset_account.bridge(account, services)
    # forest: 110 ha × 29 400 + 1040 m3 × 839 = 3 234 000 + 872 560 = 4 106 560; services 5e6 + 1e6
    assert table.loc["forest", "market_value_cny"] == pytest.approx(4_106_560)
    assert table.loc["forest", "difference_cny"] == pytest.approx(6e6 - 4_106_560)
    assert table["cause"].to_dict() == {
        "forest": "services_without_market",
        "farmland": "market_above_services",  # 42 ha × 300 000 = 12.6e6 over 1e6
        "grassland": "different_boundary",  # 9 ha × 14 700, no services given
        "wetland": "different_boundary",  # its water is not priced by area
        "sea": "equal",
        "urban": "different_boundary",
        "other": "equal",
        "total": "",
    }
    lines = table.drop("total")
    market = account.table["value_closing"].sum()
    assert lines["market_value_cny"].sum() == pytest.approx(market)
    assert lines["capitalised_value_cny"].sum() == pytest.approx(services.sum())
    both = table["market_value_cny"] + table["difference_cny"]
    assert both.tolist() == pytest.approx(table["capitalised_value_cny"].tolist())
    total = table.loc["total"]
    assert total["market_value_cny"] == pytest.approx(market)
    assert total["capitalised_value_cny"] == pytest.approx(services.sum())


def test_the_bridge_without_services_and_with_an_unknown_group():
    account = compute(MATRIX, MATRIX.sum(), TIMBER, RULES)
    table = asset_account.bridge(account, None)
    assert set(table.drop("total")["cause"]) == {"not_computed"}
    assert table["capitalised_value_cny"].isna().all()
    assert np.isnan(table.loc["total", "difference_cny"])
    with pytest.raises(CodeError, match="tundra"):
        asset_account.bridge(account, pd.Series({"tundra": 1.0}))


def rows_of(account):
    return asset_account.entries(
        account, year=2021, extent_origin="observed", stocks_origin="illustrative", quality="design"
    )


def test_ledger_rows_by_hand():
    account = compute(MATRIX, MATRIX.sum(), TIMBER, RULES)
    frame = ledger.build(rows_of(account), release="r", year=2021, county_code="331181")
    assert set(frame["account"]) == {"assets"}
    found = frame.set_index(["item", "measure"])
    assert found.loc[("forest.area", "addition"), "value"] == 5  # 1 natural + 4 managed
    assert found.loc[("forest.area", "managed_reduction"), "value"] == 2
    assert found.loc[("forest.timber", "reduction"), "value"] == 25
    assert found.loc[("forest.timber", "value_closing"), "value"] == pytest.approx(1040 * 839)
    assert found.loc[("forest.timber", "value_closing"), "price_year"] == 2021
    assert found.loc[("forest.timber", "closing"), "unit"] == "m3"
    assert found.loc[("forest.timber", "closing"), "origin"] == "illustrative"
    assert found.loc[("forest.area", "closing"), "origin"] == "observed"
    assert ("water.area", "value_closing") not in found.index


def test_the_rules_cover_every_type_group_and_stock():
    known = set(ecosystems.read()["id"])
    assert known - set(RULES.asset_of_type) == {"urban", "bare"}
    assert set(RULES.managed_types) <= known
    assert {g for line in RULES.bridge.values() for g in line.groups} == set(groups())
    allowed = params.read_yaml(params.paths.PARAMS / "pack" / "tables.yaml")["resource_stocks"]
    assert set(RULES.registers) == set(allowed["fields"]["asset"]["values"])
    assert {r.asset for r in RULES.registers.values()} <= set(asset_account.ASSETS)
    assert {r.stock for r in RULES.registers.values()} <= set(asset_account.STOCK_ZH)
    priced = {f.removesuffix("_price") for f in type(RULES).model_fields if f.endswith("_price")}
    stocks = {f"{r.asset}_{r.stock}" for r in RULES.registers.values()}
    assert priced <= stocks | {f"{a}_area" for a in asset_account.ASSETS}


def test_a_bridge_with_an_asset_twice_is_refused():
    lines = {key: line.model_dump() for key, line in RULES.bridge.items()}
    lines["urban"]["assets"] = ["forest"]
    with pytest.raises(ValueError, match="each must stand in one line"):
        asset_account.AssetAccountParams(**{**RULES.model_dump(), "bridge": lines})
    with pytest.raises(ValueError, match="unknown assets wood"):
        asset_account.AssetAccountParams(**{**RULES.model_dump(), "asset_of_type": {"x": "wood"}})
