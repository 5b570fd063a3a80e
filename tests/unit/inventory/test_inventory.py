"""The whole inventory of a county: on the open pack, and on one without registers."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from gepbook import bulletin, inventory
from gepbook.accounting import density
from gepbook.inventory import asset_account
from gepbook.paths import OPEN_PACK
from gepbook.publish import inventory as show
from gepbook.publish import registers
from gepbook.run import Run, Task

COUNTY = "331125"
REGISTERS = (
    "resource_units", "resource_rights", "resource_disputes", "resource_stocks", "water_sections",
    "product_catalogue", "agricultural_products", "eco_tourism",
)  # fmt: skip


def run_of(pack, folder, year=2023):
    task = Task(
        stage="inventory", county_code=COUNTY, year=year, release="t", standard="db33-2020",
        pack=str(pack), release_dir=str(folder),
    )  # fmt: skip
    return Run.prepare(task, task.final_dir)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(OPEN_PACK, tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def result(run):
    return inventory.compute(run, density.of_run(run))


@pytest.fixture(scope="module")
def ledger(run, result):
    return run.build_ledger(result.entries)


def value(ledger, account, item, measure):
    rows = ledger[(ledger["account"] == account) & (ledger["item"] == item)]
    return rows.loc[rows["measure"] == measure, "value"].item()


def test_every_part_stands_in_the_ledger(ledger):
    assert set(ledger["account"]) == {
        "assets", "catalogue", "condition", "condition_history", "extent", "grading", "monitoring",
        "registration", "statistics",
    }  # fmt: skip


def test_the_value_of_the_cells_is_the_gep_of_the_county(run):
    cells = density.of_run(run)
    inputs = run.inputs()
    whole = float((cells.fillna(0.0) * inputs.coverage).sum()) * inputs.cell_area_ha
    account = density.this_year(run)
    counted = sum(r.counted("comparable") for r in account.services)
    assert whole == pytest.approx(counted, rel=1e-9)
    assert cells.attrs["price_year"] == account.comparable_year


def test_areas_agree_between_the_parts(result, ledger):
    """Extent, registration, owners, grades and assets all speak of one county."""
    extent = result.extent.account["closing_ha"].sum()
    balance = result.registers.registration.balance
    assert balance.county_ha == pytest.approx(extent, rel=1e-6)
    parts = balance.one_unit_ha + balance.several_units_ha + balance.gap_ha
    assert parts == pytest.approx(balance.county_ha, rel=1e-9)
    assert result.registers.owners["area_ha"].sum() == pytest.approx(extent, rel=1e-5)
    assert result.grading.units["area_ha"].sum() == pytest.approx(extent, rel=1e-9)
    forest = result.assets.table.set_index(["asset", "stock"]).loc[("forest", "area"), "closing"]
    types = [t for t in result.extent.account.index if "forest" in t or t == "shrubland"]
    assert forest == pytest.approx(result.extent.account.loc[types, "closing_ha"].sum())


def test_assets_open_and_close_in_quantity_and_money(result):
    table = result.assets.table.dropna(subset=["opening"])
    moves = table["natural_addition"] + table["managed_addition"]
    moves -= table["natural_reduction"] + table["managed_reduction"]
    assert (table["opening"] + moves).to_list() == pytest.approx(table["closing"].to_list())
    priced = table.dropna(subset=["value_closing"])
    added = priced[["value_natural_addition", "value_managed_addition"]].sum(axis=1)
    lost = priced[["value_natural_reduction", "value_managed_reduction"]].sum(axis=1)
    end = priced["value_opening"] + added - lost + priced["value_revaluation"]
    assert end.to_list() == pytest.approx(priced["value_closing"].to_list(), rel=1e-9)
    assert (priced["value_revaluation"] != 0).any()  # prices of the two years differ


def test_products_have_owners_by_overlay(result):
    shares = ["state_share", "collective_share", "overlap_share", "unregistered_share"]
    known = result.products.dropna(subset=shares)
    assert len(known)
    assert known[shares].sum(axis=1).to_list() == pytest.approx([1.0] * len(known), abs=1e-6)
    assert set(result.products["owner_check"]) <= {"一致", "不一致", "无法判断"}


def test_the_register_of_the_open_pack_has_the_errors_of_real_ones(result, ledger):
    state = result.registers.registration
    assert state.balance.gap_ha > 0
    assert value(ledger, "registration", "important", "number") >= value(
        ledger, "registration", "important_registered", "number"
    )


def test_every_table_and_figure_of_the_chapter_can_be_drawn(run, result, ledger):
    shown = [
        show.headline(ledger, run), show.extent_table(ledger), show.extent_map(result, run),
        show.change_table(result), show.change_figure(result), show.condition_sentence(result),
        show.condition_index_table(result), show.condition_table(result),
        show.condition_map(result, run), show.statistics_table(ledger), show.asset_table(result),
        show.asset_value_table(result), show.grading_table(result), show.grading_map(result, run),
        registers.catalogue_table(result, run), registers.standing_table(result),
        registers.gaps_table(result), registers.agricultural_table(result),
        registers.eco_tourism_table(result), registers.registration_headline(result),
        registers.registration_table(result), registers.registration_map(result, run),
        registers.conflicts_table(result), registers.defects_table(result),
        registers.rights_table(result), registers.disputes_table(result),
        registers.alerts_table(result), registers.changes_table(result),
        registers.series_figure(result),
    ]  # fmt: skip
    for part in shown:
        text = part._repr_png_() if hasattr(part, "_repr_png_") else part._repr_mimebundle_()
        assert text


def test_the_lists_are_kept_beside_the_ledger(tmp_path, result, ledger):
    run = run_of(OPEN_PACK, tmp_path)
    folder = run.write(ledger, result.files)
    series = pd.read_parquet(folder / "product_series.parquet")
    assert sorted(series["year"].unique()) == [2020, 2021, 2022, 2023]
    assert len(pd.read_parquet(folder / "products.parquet")) == len(result.products)


def test_without_registers_each_part_says_what_is_missing(tmp_path):
    pack = shutil.copytree(OPEN_PACK, tmp_path / "pack")
    manifest = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    kept = [r for r in manifest["resources"] if r["layer"] not in REGISTERS]
    assert len(manifest["resources"]) - len(kept) == len(REGISTERS)
    manifest["resources"] = kept
    (pack / "datapackage.json").write_text(json.dumps(manifest), encoding="utf-8")
    run = run_of(pack, tmp_path / "out")
    result = inventory.compute(run)
    ledger = run.build_ledger(result.entries)
    assert result.grading is None
    assert result.registers.registration.balance is None
    assert value(ledger, "registration", "units", "number") == 0
    assert set(ledger.loc[ledger["account"] == "assets", "item"]) == {
        f"{asset}.area" for asset in result.assets.table["asset"]
    }
    for part in (
        registers.registration_headline(result), registers.registration_map(result, run),
        registers.alerts_table(result), registers.catalogue_table(result, run),
        registers.agricultural_table(result), registers.disputes_table(result),
        show.grading_table(result),
    ):  # fmt: skip
        assert "text/markdown" in part._repr_mimebundle_()
    missing = result.condition.indicators[result.condition.indicators["score"].isna()]
    assert set(missing["indicator"]) <= {"water_quality"}


def test_the_first_year_has_no_change(tmp_path):
    run = run_of(OPEN_PACK, tmp_path, year=2020)
    result = inventory.compute(run)
    assert result.extent.changes is None
    assert result.former is None
    areas = result.assets.table[result.assets.table["stock"] == asset_account.AREA]
    assert areas.loc[areas["asset"] != "sea", "opening"].isna().all()
    assert "没有上一年" in show.change_figure(result).text


def test_the_brief_has_what_provincial_tables_are_made_from(run, ledger):
    brief = run.build_ledger(inventory.compute_brief(run).entries)
    assert set(brief["account"]) == {"extent", "statistics", "registration", "condition_history"}
    key = ["account", "item", "measure", "value"]
    whole = ledger[ledger["account"].isin(set(brief["account"]))]
    assert brief[key].to_numpy().tolist() == whole[key].to_numpy().tolist()


def test_the_province_sums_its_registers(run):
    frame = run.build_ledger(inventory.compute_brief(run).entries)
    other = frame.assign(county_code="331181")
    table = bulletin._registration(pd.concat([frame, other]))
    own = value(frame, "registration", "important", "number")
    assert table.loc[bulletin.WHOLE, "important"] == 2 * own
    assert table.loc["丽水市", "important"] == 2 * own
    assert np.isclose(
        table.loc[bulletin.WHOLE, "share"],
        value(frame, "registration", "important_registered", "number") / own,
    )
