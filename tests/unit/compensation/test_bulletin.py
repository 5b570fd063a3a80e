"""The bulletin on ledgers made up for tests: sums are whole or absent."""

import pytest
from provincial_pool import make_pool, make_run

from gepbook import bulletin, ledger
from gepbook.publish import accounting
from gepbook.publish.display import Prose


def extra(pool, codes, account="change"):
    """Return ledgers in which some counties have an account more, of 5 CNY each."""
    row = ledger.entry(
        account, "gep", "total", 5.0, "CNY", origin="illustrative", method_id="test",
        quality="design", price_basis="comparable", price_year=2020,
    )  # fmt: skip
    rows = [{"release": "t", "year": 2023, "county_code": code, **row} for code in codes]
    return (
        ledger.empty()
        .__class__([*pool.to_dict("records"), *rows], columns=list(ledger.COLUMNS))
        .astype(ledger.COLUMNS)
    )


@pytest.fixture
def compute(monkeypatch, tmp_path):
    def made(pool):
        monkeypatch.setattr(bulletin.province, "read", lambda run: pool)
        run = make_run(tmp_path, code=None)
        result = bulletin.compute(run)
        return result, run.build_ledger(result.entries)

    return made


def test_an_account_that_some_counties_lack_is_not_summed(compute):
    pool = make_pool()
    codes = sorted(pool["county_code"].unique())
    _, rows = compute(extra(pool, codes[:3]))
    assert not (rows["account"] == "change").any()
    _, rows = compute(extra(pool, codes))
    assert rows.loc[rows["account"] == "change", "value"].tolist() == [5.0 * 90]


def test_without_bands_the_bulletin_says_so_and_is_made(compute):
    result, rows = compute(make_pool())
    assert accounting.tornado_figure(rows) is None
    assert accounting.change_figure(rows) is None
    assert accounting.weak_parameters(rows) is None
    shown = accounting.sensitivity_table(rows)
    assert isinstance(shown, Prose)
    assert "简算" in shown.text
    assert len(result.counties) == 90


def test_compensation_stands_in_the_bulletin_s_ledger(compute):
    result, rows = compute(make_pool())
    paid = rows[(rows["account"] == "compensation") & (rows["measure"] == "paid")]
    assert paid["value"].sum() == pytest.approx(result.compensation.flows["amount_cny"].sum())
    assert set(paid["item"]) == set(result.compensation.schemes)
    assert "flows.parquet" in result.files
