"""Ecological accounts and carbon accounts: by hand, to the cent, and what is refused or withheld."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st
from provincial_pool import make_pool

from gepbook import params, paths
from gepbook.accounting import sites
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import carbon_account, ecological_account
from gepbook.assessment.finance.carbon_account import CarbonAccountParams, classify, colours
from gepbook.assessment.finance.ecological_account import balance, movements
from gepbook.assessment.privacy import TOTAL
from gepbook.assessment.topic import Evidence
from gepbook.compensation.rounding import to_cents
from gepbook.province import Registers
from gepbook.publish.assessment.finance import account_table
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
CARBON = CarbonAccountParams(
    upper_ratio={"dark_green": 0.5, "light_green": 1.0, "yellow": 1.5},
    benchmark_kg_cny={
        "chemicals": 0.3, "building_materials": 0.6, "paper": 0.4, "metals": 0.4, "textiles": 0.2,
        "machinery": 0.05,
    },
    least_cell=3,
)  # fmt: skip
YEARS = [2020, 2021, 2022, 2023]
CODE, OTHER = "330803", "331181"


# Ecological account


def features(*rows):
    columns = ["site_id", "county_code", "year", "kind", "maturity_year"]
    return pd.DataFrame(rows, columns=columns).set_index("site_id")


def test_account_by_hand():
    """An offset gains 100, mature after two years, 4 %; an occupation takes 30 in 2021.

    2020: 100/1.04² = 92.46 in. 2021: 100/1.04 − 92.46 = 3.69 more, 30 out. 2022: 100 − 96.15 = 3.85.
    """
    sited = features(("B1", CODE, 2020, "offset", 2.0), ("Z1", CODE, 2021, "occupation", 0.0))
    moved = movements(sited, pd.Series({"B1": 100.0, "Z1": -30.0}), YEARS, 4.0)
    table = balance(moved, YEARS).set_index("year")
    assert table["credit_cny"].tolist() == [92.46, 0.0, 0.0, 0.0]
    assert table["matured_cny"].tolist() == [0.0, 3.69, 3.85, 0.0]
    assert table["debit_cny"].tolist() == [0.0, 30.0, 0.0, 0.0]
    assert table["opening_cny"].tolist() == [0.0, 92.46, 66.15, 70.0]
    assert table["closing_cny"].tolist() == [92.46, 66.15, 70.0, 70.0]


def test_occupation_that_raises_value_is_a_credit():
    sited = features(("Z1", CODE, 2022, "occupation", 5.0), ("B1", CODE, 2023, "offset", 5.0))
    moved = movements(sited, pd.Series({"Z1": 10.0, "B1": -7.0}), YEARS, 4.0)
    table = balance(moved, YEARS).set_index("year")
    assert table.loc[2022, ["credit_cny", "debit_cny"]].tolist() == [10.0, 0.0]
    assert table.loc[2023, ["credit_cny", "debit_cny"]].tolist() == [0.0, 7.0]  # not discounted
    assert table.loc[2023, "closing_cny"] == 3.0


def test_sites_without_account_have_no_movement():
    sited = features(("B1", CODE, 2020, "offset", 2.0))
    assert movements(sited, pd.Series(dtype="float64"), YEARS, 4.0).empty


changes = st.lists(
    st.tuples(
        st.sampled_from([CODE, OTHER]), st.sampled_from(YEARS),
        st.sampled_from(["offset", "occupation"]), st.floats(0, 12), st.floats(-1e8, 1e8),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@given(changes, st.floats(0, 12))
@settings(max_examples=30, deadline=None)
def test_balances_add_up_to_the_cent(rows, rate):
    sited = features(*((f"S{n}", *row[:4]) for n, row in enumerate(rows)))
    moved = movements(
        sited, pd.Series({f"S{n}": row[4] for n, row in enumerate(rows)}), YEARS, rate
    )
    for _, own in balance(moved, YEARS).groupby("county_code"):
        standing = 0
        for row in own.itertuples():
            assert to_cents(row.opening_cny) == standing
            standing += to_cents(row.credit_cny) + to_cents(row.matured_cny)
            standing -= to_cents(row.debit_cny)
            assert to_cents(row.closing_cny) == standing
        assert (own[["credit_cny", "matured_cny", "debit_cny"]] >= 0).all(axis=None)


def test_accounts_of_the_open_pack():
    """The made-up ledgers: every ha of a site is worth 1e4 CNY before (occupation) or after (offset)."""
    pack = open_pack(str(paths.OPEN_PACK))
    evidence = Evidence(make_pool(2023), Registers(pack, 2023), RULE_FILE)
    found = ecological_account.compute(evidence)
    listed = found.tables["account_sites"].set_index("site_id")
    layer = pack.vector(sites.LAYER).set_index("site_id")
    area = layer.loc[listed.index].geometry.area / 1e4
    sign = np.where(listed["kind"] == "offset", 1.0, -1.0)
    assert listed["change_cny"].tolist() == pytest.approx((1e4 * area * sign).tolist())
    assert set(listed["kind"]) == {"offset", "occupation"}
    table = found.tables["accounts"]
    assert sorted(table["year"].unique()) == YEARS
    closing = table[table["year"] == 2023].set_index("county_code")["closing_cny"]
    figures = {code: row["value"] for code, row in found.figures if row["measure"] == "closing"}
    assert figures == closing.to_dict()


def of_sites(*rows):
    """Return the topic of (site, year, kind) in CODE, each ha worth 1 before or after, by year."""
    pool = pd.DataFrame(
        [
            {
                "account": "sites", "county_code": CODE, "item": f"{site}.soil.x",
                "measure": f"{face}_{state}{suffix}", "origin": "modelled", "unit": "CNY", "quality": "",
                "value": worth if state == "after" else 0.0,
            }
            for site, _, _, accounts in rows
            for suffix, worth in accounts.items()
            for face in ("physical", "value")
            for state in ("before", "after")
        ],
        columns=["account", "county_code", "item", "measure", "origin", "unit", "quality", "value"],
    )  # fmt: skip
    layer = pd.DataFrame(
        [
            {
                "site_id": site, "county_code": CODE, "year": year, "kind": kind, "name": f"{site}地",
                "maturity_year": 0.0, "geometry": None,
            }
            for site, year, kind, _ in rows
        ]
    )  # fmt: skip
    own = Evidence(pool, Registers(FakePack({}, {sites.LAYER: layer}), 2023), RULE_FILE)
    return own, ecological_account.compute(own)


def test_sites_older_than_the_pack_take_the_first_account_after_them():
    """A of 2018 is accounted for in 2020 (−5) and now (−9): −5 counts. C has no account at all."""
    own, found = of_sites(
        ("A", 2018, "occupation", {"_2020": -5.0, "": -9.0}),
        ("B", 2021, "offset", {"_2021": 3.0, "": 4.0}),
        ("C", 2019, "occupation", {}),
    )
    table = found.tables["accounts"].set_index("year")
    assert table["closing_cny"].to_dict() == {
        2018: -5.0, 2019: -5.0, 2020: -5.0, 2021: -2.0, 2022: -2.0, 2023: -2.0,
    }  # fmt: skip
    page = Assessment([], CODE, {finance.ID: found}, pd.DataFrame(), own)
    run = type("R", (), {"county_code": CODE, "year": 2023})()
    note = account_table(page, run).note
    assert "未入账：C地。" in note
    assert ecological_account.SEVERAL_YEARS in note


def test_sums_of_several_years_have_no_price_year():
    _, found = of_sites(("B", 2023, "offset", {"": 4.0}))
    rows = {row["measure"]: row for _, row in found.figures}
    assert {name: row["price_year"] for name, row in rows.items()} == {
        "opening": None, "matured": None, "closing": None, "credit": 2023, "debit": 2023,
    }  # fmt: skip
    assert rows["closing"]["note"] == ecological_account.SEVERAL_YEARS


def test_earlier_years_of_an_account_do_not_change_later():
    """The account as of 2022 is the beginning of that as of 2023."""
    pack = open_pack(str(paths.OPEN_PACK))
    tables = [
        ecological_account.compute(
            Evidence(make_pool(year), Registers(pack, year), RULE_FILE)
        ).tables["accounts"].set_index(["county_code", "year"])
        for year in (2022, 2023)
    ]  # fmt: skip
    pd.testing.assert_frame_equal(tables[0], tables[1].loc[tables[0].index])


def test_no_sites_no_accounts():
    nothing = Evidence(make_pool(2023), Registers(FakePack({}, {}), 2023), RULE_FILE)
    assert ecological_account.compute(nothing).lacking == (sites.LAYER,)
    pack = open_pack(str(paths.OPEN_PACK))
    pool = make_pool(2023)
    bare = Evidence(pool[pool["account"] != "sites"], Registers(pack, 2023), RULE_FILE)
    assert ecological_account.compute(bare).tables == {}


# Carbon accounts


def enterprises(*rows):
    columns = ["enterprise_id", "county_code", "year", "sector", "emission_t", "value_added_cny"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"emission_t": "float64", "value_added_cny": "float64"}
    )


def many(code, emissions, year=2023):
    """Return paper mills with 1e6 CNY value added: benchmark 400 t, bounds at 200, 400, 600 t."""
    return [(f"{code}-E{n}", code, year, "paper", t, 1e6) for n, t in enumerate(emissions)]


def test_colours_by_hand():
    """200 t / 1e6 CNY = 0.2 kg/CNY = half of the benchmark 0.4; a bound belongs to the better colour."""
    rows = enterprises(*many(CODE, [0, 200, 201, 400, 401, 600, 601]))
    assert classify(rows, CARBON).tolist() == [
        "dark_green", "dark_green", "light_green", "light_green", "yellow", "yellow", "red",
    ]  # fmt: skip
    steel = enterprises(("E", CODE, 2023, "building_materials", 601.0, 1e6))
    assert classify(steel, CARBON).tolist() == ["yellow"]  # 0.601 / 0.6


def test_counts_by_place():
    rows = enterprises(
        *many(CODE, [100] * 4 + [300] * 5), *many(OTHER, [700] * 3 + [500] * 6 + [100] * 3)
    )
    table = colours(rows, CARBON).set_index(["prefecture", "county_code"])
    assert table.loc[("衢州市", CODE), ["dark_green", "light_green", TOTAL]].tolist() == [4, 5, 9]
    assert table.loc[("丽水市", TOTAL), ["yellow", "red", "light_green"]].tolist() == [6, 3, 0]
    assert table.loc[(TOTAL, TOTAL), TOTAL] == 21


def test_unknown_intensity_has_no_colour():
    rows = enterprises(*many(CODE, [np.nan, 700]))
    assert classify(rows, CARBON).isna().tolist() == [True, False]


def test_a_county_all_red_is_withheld_whole():
    """Four mills, all red: neither a count nor a 0 tells it of each."""
    rows = enterprises(*many(CODE, [700] * 4), *many(OTHER, [700] * 8 + [100] * 9))
    table = colours(rows, CARBON).set_index(["prefecture", "county_code"])
    assert table.loc[("衢州市", CODE)].isna().all()
    assert table.loc[("衢州市", TOTAL)].isna().all()


def test_small_cells_are_withheld_and_cannot_be_told():
    """Two red mills of nine are hidden, and with them others, so that the sums do not tell them."""
    rows = enterprises(*many(CODE, [700] * 2 + [300] * 7), *many(OTHER, [700] * 8 + [300] * 9))
    table = colours(rows, CARBON).set_index(["prefecture", "county_code"])
    own = table.loc[("衢州市", CODE)]
    assert np.isnan(own["red"])
    assert np.isnan(own[["light_green", TOTAL]]).any()
    given = Evidence(
        pd.DataFrame({"county_code": [CODE, OTHER], "origin": "modelled"}),
        registers(rows), RULE_FILE,
    )  # fmt: skip
    found = carbon_account.compute(given)
    assert not any(code == CODE and row["measure"] == "red" for code, row in found.figures)
    assert all(np.isfinite(row["value"]) for _, row in found.figures)
    shown = found.tables["colours"].astype("str").to_string()
    assert "-E0" not in shown  # no enterprise is named


def registers(frame, year=2023):
    return Registers(FakePack({"carbon_accounts": frame}, {}), year)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("E1", CODE, 2023, "paper", 10.0, 0.0), "line 2: value_added_cny is 0"),
        (("E1", CODE, 2023, "paper", -10.0, 1.0), "emission_t is -10"),
        (("E1", CODE, 2023, "papr", 10.0, 1.0), "sector must be one of"),
        (("E1", "330000", 2023, "paper", 10.0, 1.0), "county '330000' is not in"),
        ((None, CODE, 2023, "paper", 10.0, 1.0), "enterprise_id is missing"),
    ],
)
def test_faulty_accounts_are_refused(row, message):
    problems = finance.check(registers(enterprises(row)), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


@pytest.mark.parametrize("name", ["示例造纸有限公司", "91330100MA2ABCDE1X", "330802001"])
def test_the_name_of_an_enterprise_is_refused_and_not_repeated(name):
    found = carbon_account.check(registers(enterprises((name, CODE, 2023, "paper", -1.0, 0.0))))
    assert len(found) == 3
    assert "enterprise_id must be a pseudonym" in found[0]
    assert not any(name in problem for problem in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"upper_ratio": {"dark_green": 1.0, "light_green": 0.5, "yellow": 2.0}}, "rising bounds"),
        ({"upper_ratio": {"dark_green": 1.0}}, "rising bounds"),
        ({"benchmark_kg_cny": {"paper": 0.4}}, "must list exactly"),
        ({"least_cell": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_rules_of_carbon_accounts_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        CarbonAccountParams(**{**CARBON.model_dump(), **change})


def test_years_without_carbon_accounts_are_lacking():
    given = registers(enterprises(("E1", CODE, 2022, "paper", 10.0, 1.0)))
    nothing = Evidence(pd.DataFrame({"county_code": [CODE]}), given, RULE_FILE)
    assert carbon_account.compute(nothing).lacking == ("carbon_accounts",)
