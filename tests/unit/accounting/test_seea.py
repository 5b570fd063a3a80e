"""SEEA EA tables: identities that hold for every county and service."""

import numpy as np
import openpyxl
import pandas as pd
import pytest
from pydantic import ValidationError

from gepbook import accounting
from gepbook.accounting import seea
from gepbook.accounting.change import PARTS, Change
from gepbook.params import resolve
from gepbook.run import Run

CODES = ["330903", "331181", "330402"]  # an island, a mountain county, a plain
PARAMS = resolve(None, 2023, "db33-2020").section(seea.SECTION, seea.SeeaParams)


@pytest.fixture(scope="module", params=CODES)
def ledger(request):
    run = Run.open("accounting", request.param, 2023)
    return run.build_ledger(accounting.compute(run).entries)


def test_supply_equals_use_of_every_service_in_quantity_and_money(ledger):
    sides = {
        name: ledger[ledger["account"] == name]
        .groupby(["item", "unit", "price_basis"])["value"]
        .sum()
        for name in ("seea_supply", "seea_use")
    }
    pd.testing.assert_series_equal(*sides.values(), check_names=False, rtol=1e-9)
    assert len(sides["seea_use"]) > 20


def test_supply_in_money_is_gep(ledger):
    money = ledger[(ledger["account"] == "seea_supply") & (ledger["price_basis"] == "current")]
    gep = ledger[(ledger["account"] == "gep") & (ledger["item"] == "gep")]
    gep = gep[(gep["measure"] == "value") & (gep["price_basis"] == "current")]["value"].item()
    assert money["value"].sum() == pytest.approx(gep, rel=1e-9)


def test_extent_opens_and_closes(ledger):
    table = seea.tables(ledger)["seea_extent"]
    closing = table["opening"] + table["additions"] - table["reductions"]
    assert closing.tolist() == pytest.approx(table["closing"].tolist())
    matrix = ledger[ledger["account"] == "seea_matrix"]
    assert matrix["value"].sum() == pytest.approx(table["closing"].sum())
    assert table["additions"].sum() == pytest.approx(table["reductions"].sum(), abs=1e-6)


def test_assets_open_and_close(ledger):
    table = seea.tables(ledger)["seea_asset"].set_index("item")
    changes = [c for c in seea.ASSET if c not in ("opening", "closing")]
    closing = table["opening"] + table[changes].sum(axis=1)
    assert closing.tolist() == pytest.approx(table["closing"].tolist(), rel=1e-9)
    assert (table["enhancement"] >= 0).all()
    assert (table["degradation"] <= 0).all()


def test_condition_indicators_lie_between_0_and_1(ledger):
    rows = ledger[ledger["account"] == "seea_condition"]
    indicators = rows[rows["measure"].str.startswith("indicator")]["value"]
    assert len(indicators)
    assert indicators.between(0, 1).all()


def test_annuity_by_hand():
    # 1/1.1 + 1/1.21 = 0.90909 + 0.82645
    assert seea.annuity(0.1, 2) == pytest.approx(1.735537, rel=1e-6)


def test_asset_account_by_hand():
    parts = pd.DataFrame(
        {"opening": [100.0], **{part: [0.0] for part in PARTS}, "closing": [112.0]},
        index=pd.MultiIndex.from_tuples([("x", "forest")], names=["service", "group"]),
    )
    parts["area"], parts["condition"], parts["weather"], parts["price"] = -3.0, 10.0, -4.0, 9.0
    rule = PARAMS.model_copy(update={"discount_rate": 0.1, "asset_life_years": 2})
    row = seea.asset_account(Change(2022, 2023, parts), rule).loc["forest"]
    # times 1.735537: quality 10 − 4 = 6 up, area 3 down, prices 9 up; 100 + 6 − 3 + 9 = 112
    expected = {
        "opening": 100,
        "enhancement": 6,
        "reductions": -3,
        "revaluation": 9,
        "closing": 112,
    }
    for name, amount in expected.items():
        assert row[name] == pytest.approx(1.735537 * amount, rel=1e-6)


def test_users_that_do_not_share_the_whole_are_refused():
    values = PARAMS.model_dump()
    values["used_by"] = {**values["used_by"], "tourism": dict.fromkeys(seea.USERS, 0.3)}
    with pytest.raises(ValidationError, match=r"tourism: shares must add up to 1, got 1\.2"):
        seea.SeeaParams(**values)


def test_the_workbook_has_a_sheet_a_table(ledger, tmp_path):
    seea.write_workbook(ledger, tmp_path / "seea.xlsx")
    book = openpyxl.load_workbook(tmp_path / "seea.xlsx")
    assert book.sheetnames == list(seea.SHEETS.values())
    sheet = book["资产账户 assets"]
    header = [cell.value for cell in sheet[1]]
    closing = [row[header.index("closing")].value for row in sheet.iter_rows(min_row=2)]
    table = seea.tables(ledger)["seea_asset"]
    assert np.allclose(closing, table["closing"])
