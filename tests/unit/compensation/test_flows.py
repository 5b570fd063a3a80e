"""The flow ledger: what one pays another receives."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gepbook.compensation import flows, parties
from gepbook.errors import CodeError, CoverageError

LONGQUAN, YUNHE = "331181", "331125"
RULE = {"scheme": "vertical", "rule": "vertical_compensation/x", "origin": "illustrative"}
PARTIES = ["330000", "331100", LONGQUAN, f"{LONGQUAN}/households", YUNHE, "340000"]


def flow(payer, payee, amount, basis="b", **more):
    return flows.flow(
        payer=payer, payee=payee, amount_cny=amount, basis=basis, quality="design", **RULE | more
    )


def test_parties_have_names_and_places():
    assert parties.name_zh("331100") == "丽水市"
    assert parties.name_zh(f"{LONGQUAN}/households") == "龙泉市居民"
    assert parties.county_of(f"{LONGQUAN}/enterprises") == LONGQUAN
    assert parties.county_of("330000") == ""
    assert parties.prefecture_of(LONGQUAN) == "331100"
    with pytest.raises(CodeError, match=r"no kind of party\. Did you mean 'households'"):
        parties.private(LONGQUAN, "houshold")
    with pytest.raises(CodeError, match="'339999' is no county"):
        parties.check("339999")


def test_a_negative_amount_is_paid_the_other_way():
    row = flow("330000", LONGQUAN, -12.345)
    assert (row["payer"], row["payee"], row["amount_cny"]) == (LONGQUAN, "330000", 12.34)


@given(
    st.lists(
        st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES), st.floats(-1e10, 1e10)),
        max_size=30,
    )
)
def test_what_is_paid_is_received(rows):
    made = [flow(a, b, amount, basis=str(i)) for i, (a, b, amount) in enumerate(rows) if a != b]
    table = flows.build(made, 2023)
    assert (table["amount_cny"] > 0).all()
    position = flows.by_party(table)
    assert round(position["net_cny"].sum(), 2) == 0
    assert position["paid_cny"].sum() == pytest.approx(position["received_cny"].sum())


def test_positions_by_hand():
    table = flows.build(
        [
            flow("330000", LONGQUAN, 100),
            flow(LONGQUAN, f"{LONGQUAN}/households", 30),
            flow(YUNHE, LONGQUAN, 5.5, scheme="horizontal"),
        ],
        2023,
    )
    # the government gets 100 + 5.5 and pays 30; the county as a whole: received 135.5, paid 30
    assert flows.by_party(table).loc[LONGQUAN, "net_cny"] == 75.5
    assert flows.by_county(table).loc[LONGQUAN].to_list() == [30.0, 135.5, 105.5]
    assert flows.by_scheme(table, LONGQUAN).loc["horizontal"].to_list() == [0.0, 5.5, 5.5]
    assert len(flows.of_county(table, YUNHE)) == 1


def test_what_is_no_payment_is_refused_all_at_once():
    row = flow("330000", LONGQUAN, 1)
    bad = [row, row, row | {"payee": "330000", "basis": "c"}, row | {"payer": "331999"}]
    with pytest.raises(CoverageError) as error:
        flows.build(bad, 2023)
    text = str(error.value)
    assert "stands twice" in text
    assert "pays itself" in text
    assert "'331999' is no county" in text


def test_an_empty_ledger_has_its_columns():
    table = flows.build([], 2023)
    assert list(table) == list(flows.COLUMNS)
    assert flows.by_party(table).empty
    assert isinstance(flows.by_county(table), pd.DataFrame)
