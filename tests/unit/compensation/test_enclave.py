"""Sharing the gains and losses of enclaves: by hand, to the cent, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import params
from gepbook.compensation import enclave, flows
from gepbook.compensation.enclave import EnclaveParams, guaranteed, settle, share_parts, share_tax
from gepbook.compensation.rounding import to_cents
from gepbook.errors import CoverageError, ParameterError
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Province, Registers

HOST, ECOLOGICAL = "330212", "331127"
RULES = EnclaveParams(
    weights={"capital": 0.5, "land_quota": 0.2, "ecological_supply": 0.3},
    guaranteed_return_on_capital=0.05,
    guaranteed_return_on_quota_cny_ha=1000.0,
    guarantee_in_loss_years=True,
    tax_return={"330112": 1.0},
)


def partners(*rows):
    columns = ["county_code", "role", "capital_cny", "land_quota_ha", "ecological_supply_cny"]
    return pd.DataFrame(rows, columns=columns).set_index("county_code")


TWO = partners((HOST, "host", 600.0, 10.0, 0.0), (ECOLOGICAL, "ecological", 400.0, 30.0, 5e9))


def registers(results=None, held=None, year=2023):
    known = {}
    known["enclaves"] = pd.DataFrame(
        results if results is not None else [("FD01", HOST, 2023, "景鄞飞地", 1000.0, 500.0)],
        columns=["enclave_id", "county_code", "year", "name", "net_profit_cny", "local_tax_cny"],
    ).astype({"net_profit_cny": "float64", "local_tax_cny": "float64"})
    known["enclave_partners"] = pd.DataFrame(
        held
        if held is not None
        else [("FD01", HOST, "host", 600.0, 10.0), ("FD01", ECOLOGICAL, "ecological", 400.0, 30.0)],
        columns=["enclave_id", "county_code", "role", "capital_cny", "land_quota_ha"],
    ).astype({"capital_cny": "float64", "land_quota_ha": "float64"})
    return Registers(FakePack(known, {}), year)


RULE_FILE = params.resolve(None, 2023, "db33-2020")


def province(given, supply):
    pool = pd.DataFrame(
        [
            {
                "county_code": code, "account": "gep", "item": "regulating", "measure": "value",
                "price_basis": "current", "value": value, "origin": "modelled",
            }
            for code, value in supply.items()
        ]
    )  # fmt: skip
    return Province(pool, given, RULE_FILE)


# Shares


def test_shares_by_hand():
    """0.5·400/1000 + 0.2·30/40 + 0.3·1 = 0.2 + 0.15 + 0.3 = 0.65; the host 0.3 + 0.05 = 0.35."""
    parts = share_parts(TWO.iloc[:, 1:].set_axis(list(RULES.weights), axis=1), RULES.weights)
    assert parts.loc[ECOLOGICAL].tolist() == pytest.approx([0.2, 0.15, 0.3])
    assert parts.sum(axis=1)[HOST] == pytest.approx(0.35)


def test_what_nobody_brings_has_no_weight():
    """Without quota 0.5 : 0.3 remain, 5/8 and 3/8: 5/8·0.4 + 3/8 = 0.625."""
    brought = pd.DataFrame(
        {"capital": [600.0, 400.0], "land_quota": 0.0, "ecological_supply": [0.0, 7.0]}
    )
    assert share_parts(brought, RULES.weights).sum(axis=1)[1] == pytest.approx(0.625)


def test_nothing_that_has_a_weight_is_refused():
    brought = pd.DataFrame({"capital": [1.0], "land_quota": [0.0], "ecological_supply": [0.0]})
    with pytest.raises(CoverageError, match="no partner brings anything"):
        share_parts(brought, {"capital": 0.0, "land_quota": 0.5, "ecological_supply": 0.5})


# Settlement


def test_profit_above_the_guarantee():
    """The guarantee is 0.05·400 + 1000·30 = 30 020; 0.65·100 000 = 65 000 is more: no top-up."""
    found = settle(100_000.0, 1000.0, TWO, RULES)
    assert found.loc[ECOLOGICAL, "profit_cny"] == 65_000.0
    assert found.loc[ECOLOGICAL, "guaranteed_cny"] == 30_020.0
    assert found["top_up_cny"].tolist() == [0.0, 0.0]
    assert found.loc[ECOLOGICAL, "tax_cny"] == 650.0
    assert found.loc[HOST, "net_cny"] == 35_000.0 + 350.0


def test_host_tops_up_to_the_guarantee():
    """0.65·10 000 = 6500 of profit; the host adds 30 020 − 6500 = 23 520 and ends at 3500 − 23 520."""
    found = settle(10_000.0, 0.0, TWO, RULES)
    assert found["top_up_cny"].to_dict() == {HOST: -23_520.0, ECOLOGICAL: 23_520.0}
    assert found.loc[HOST, "net_cny"] == 3500.0 - 23_520.0


def test_loss_is_borne_by_capital():
    """A loss of 1000: 600 and 400 by capital, whatever else was brought; the guarantee holds."""
    found = settle(-1000.0, 0.0, TWO, RULES)
    assert found["loss_cny"].to_dict() == {HOST: 600.0, ECOLOGICAL: 400.0}
    assert found["profit_cny"].sum() == 0.0
    assert found.loc[ECOLOGICAL, "net_cny"] == 30_020.0 - 400.0


def test_guarantee_may_rest_in_loss_years():
    rules = RULES.model_copy(update={"guarantee_in_loss_years": False})
    assert settle(-1000.0, 0.0, TWO, rules)["top_up_cny"].tolist() == [0.0, 0.0]
    assert settle(0.0, 0.0, TWO, rules).loc[ECOLOGICAL, "top_up_cny"] == 30_020.0


def test_hosts_are_guaranteed_nothing():
    assert guaranteed(TWO, RULES)[HOST] == 0.0


def test_tax_is_returned_where_agreed():
    """80 % of 1000.00 go to two ecological partners as 1 : 3, the host keeps 200."""
    share = pd.Series({"a": 0.2, "b": 0.6, "h": 0.2})
    parts = share_tax(1000.0, share, pd.Series({"a": True, "b": True, "h": False}), 0.8)
    assert parts.to_dict() == {"a": 200.0, "b": 600.0, "h": 200.0}


def test_hosts_with_a_published_return_give_all_tax():
    held = partners(("330112", "host", 1.0, 0.0, 0.0), ("330127", "ecological", 1.0, 0.0, 3.0))
    assert settle(0.0, 99.99, held, RULES)["tax_cny"].to_dict() == {"330112": 0.0, "330127": 99.99}


money = st.integers(0, 10**10).map(lambda cents: cents / 100)


@settings(max_examples=60, deadline=None)
@given(
    profit=st.integers(-(10**10), 10**10).map(lambda cents: cents / 100),
    tax=money,
    capital=st.lists(st.integers(0, 10**8), min_size=3, max_size=3).filter(lambda c: sum(c) > 0),
    quota=st.lists(st.integers(0, 500), min_size=3, max_size=3),
    supply=st.integers(0, 10**11),
    host=st.sampled_from(["330112", "330212"]),
)
def test_everything_closes_to_the_cent(profit, tax, capital, quota, supply, host):
    held = partners(
        (host, "host", float(capital[0]), float(quota[0]), 0.0),
        ("331127", "ecological", float(capital[1]), float(quota[1]), float(supply)),
        ("331181", "ecological", float(capital[2]), float(quota[2]), float(supply)),
    )
    found = settle(profit, tax, held, RULES)

    def cents(column):
        return found[column].map(to_cents)

    assert found["share"].sum() == pytest.approx(1.0)
    assert cents("profit_cny").sum() == to_cents(max(profit, 0.0))
    assert cents("loss_cny").sum() == to_cents(max(-profit, 0.0))
    assert cents("tax_cny").sum() == to_cents(tax)
    assert cents("top_up_cny").sum() == 0
    ecological = found[held["role"] == "ecological"]
    least = ecological["guaranteed_cny"] - 0.005
    assert (ecological["profit_cny"] + ecological["top_up_cny"] >= least).all()


# Registers


def test_sound_registers_are_taken():
    assert enclave.check(registers(), RULE_FILE) == []


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([("FD01", ECOLOGICAL, "ecological", 1, 1)], "must have one host, got 0"),
        ([("FD01", HOST, "host", 1, 1)], "has no ecological partner"),
        (
            [("FD01", HOST, "host", 0, 1), ("FD01", ECOLOGICAL, "ecological", 0, 1)],
            r"line 2: the partners of enclave 'FD01' hold no capital, got 0",
        ),
        (
            [("FD01", "330702", "host", 1, 1), ("FD01", ECOLOGICAL, "ecological", 1, 1)],
            "lies in 330212, but its host in enclave_partners is 330702",
        ),
        (
            [("FD01", HOST, "host", 1, 1), ("FD01", ECOLOGICAL, "donor", 1, 1)],
            "line 3: role must be one of ecological, host, got 'donor'",
        ),
        (
            [("FD01", HOST, "host", 1, 1), ("FD01", "331199", "ecological", 1, 1)],
            "line 3: county '331199' is not in",
        ),
        (
            [("FD01", HOST, "host", np.nan, 1), ("FD01", ECOLOGICAL, "ecological", 1, 1)],
            "line 2: capital_cny is missing",
        ),
        (
            [
                ("FD01", HOST, "host", 1, 1),
                ("FD01", ECOLOGICAL, "ecological", 1, 1),
                ("FD01", ECOLOGICAL, "ecological", 1, 2),
            ],
            "line 4: enclave_id, county_code 'FD01 331127' stands twice",
        ),
        (
            [
                ("FD01", HOST, "host", 1, 1),
                ("FD01", ECOLOGICAL, "ecological", 1, 1),
                ("FD09", HOST, "host", 1, 1),
                ("FD09", ECOLOGICAL, "ecological", 1, 1),
            ],
            "line 4: enclave 'FD09' has partners but no result in any year",
        ),
        ([], "enclave 'FD01' has results but no partners"),
    ],
)
def test_faulty_partners_are_refused(held, message):
    problems = enclave.check(registers(held=held), RULE_FILE)
    assert any(re.search(message, problem) for problem in problems), problems


def test_all_faults_are_told_at_once():
    held = [("FD01", HOST, "guest", 0, 1), ("FD02", "331199", "ecological", 0, 1)]
    assert len(enclave.check(registers(held=held), RULE_FILE)) >= 6


def test_partners_of_a_later_enclave_are_no_fault():
    """An enclave that has results from 2023 on is known in 2022."""
    assert enclave.check(registers(year=2022), RULE_FILE) == []


def test_wrong_rules_are_refused():
    with pytest.raises(ValueError, match="must sum to 1"):
        EnclaveParams(**{**RULES.model_dump(), "weights": dict.fromkeys(RULES.weights, 0.5)})
    with pytest.raises(ValueError, match="names no county"):
        EnclaveParams(**{**RULES.model_dump(), "tax_return": {"340100": 1.0}})
    with pytest.raises(ValueError, match="between 0 and 1"):
        EnclaveParams(**{**RULES.model_dump(), "tax_return": {"330112": 1.5}})
    bad = RULE_FILE.entries["enclave.weights"].model_copy(update={"value": {"capital": 1.0}})
    rules = RULE_FILE.model_copy(update={"entries": {**RULE_FILE.entries, "enclave.weights": bad}})
    with pytest.raises(ParameterError, match=r"enclave\.weights"):
        rules.section("enclave", EnclaveParams)


# The scheme


def test_payments_and_figures():
    found = enclave.compute(province(registers(), {HOST: 9e9, ECOLOGICAL: 5e9}))
    paid = flows.build(found.flows, 2023).set_index(["rule", "payer", "payee"])["amount_cny"]
    assert paid["enclave/profit", f"{HOST}/enclave", ECOLOGICAL] == 650.0
    assert paid["enclave/tax", f"{HOST}/enclave", HOST] == 175.0
    figures = {(code, row["item"], row["measure"]): row["value"] for code, row in found.figures}
    assert figures[ECOLOGICAL, "enclave.FD01", "share"] == pytest.approx(0.65)


def test_partner_without_account_is_not_settled():
    """What an ecological partner supplies is not known: nobody is paid, and the table says so."""
    found = enclave.compute(province(registers(), {HOST: 9e9}))
    assert found.flows == []
    assert found.tables["enclaves"]["state"].tolist() == [enclave.NO_ACCOUNT]


def test_years_without_results_are_lacking():
    assert enclave.compute(province(registers(year=2022), {})).lacking == ("enclaves",)


def test_open_pack_shows_losses_and_guarantees():
    pack = Pack.open(OPEN_PACK)
    supply = {code: 1e9 for code in pack.boundaries.index}
    cases = set()
    for year in pack.years:
        given = Registers(pack, year)
        assert enclave.check(given, RULE_FILE) == []
        found = enclave.compute(province(given, supply))
        cases |= {row["rule"] for row in found.flows}
    assert cases == {
        f"enclave/{case}" for case in ("profit", "tax", "tax_return", "loss", "guarantee")
    }
