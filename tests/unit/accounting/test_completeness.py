"""A table, a layer or a year that nobody delivered: said plainly, and the rest is computed."""

import json
import shutil

import pandas as pd
import pytest

from gepbook import accounting, inventory
from gepbook.accounting import completeness, pool, standards
from gepbook.accounting.layers import Layers
from gepbook.errors import CoverageError
from gepbook.inputs.pack import content_hash
from gepbook.paths import OPEN_PACK
from gepbook.publish import accounting as show
from gepbook.run import Run, Task

COUNTY = "330922"


def altered(folder, drop=(), drop_years=()):
    """Copy the open pack without some layers, and without some years of a table."""
    pack = shutil.copytree(OPEN_PACK, folder / "pack")
    manifest = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    manifest["resources"] = [r for r in manifest["resources"] if r["layer"] not in drop]
    for resource in manifest["resources"]:
        for table, year in drop_years:
            if resource["layer"] == table:
                path = pack / resource["path"]
                frame = pd.read_csv(path, dtype=str)
                frame[frame["year"] != str(year)].to_csv(path, index=False)
                resource["hash"] = content_hash(path)
    (pack / "datapackage.json").write_text(json.dumps(manifest), encoding="utf-8")
    return pack


def run_of(pack, tmp_path, stage="accounting", year=2023):
    task = Task(
        stage=stage, county_code=COUNTY, year=year, release="t", standard="db33-2020",
        pack=str(pack), release_dir=str(tmp_path / "out"),
    )  # fmt: skip
    return Run.prepare(task, task.final_dir)


def ledger_of(run, compute=accounting.compute_brief):
    return run.build_ledger(compute(run).entries)


def value(ledger, account, item, measure="value"):
    rows = ledger[(ledger["account"] == account) & (ledger["item"] == item)]
    rows = rows[(rows["measure"] == measure) & rows["price_basis"].isin(["", "current"])]
    return rows["value"].item()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return ledger_of(run_of(OPEN_PACK, tmp_path_factory.mktemp("whole")))


def test_a_missing_table_leaves_out_its_service_and_marks_the_total(tmp_path, whole):
    pack = altered(tmp_path, drop=["tourism"])
    ledger = ledger_of(run_of(pack, tmp_path))
    row = ledger[(ledger["item"] == "tourism") & (ledger["measure"] == "missing")].iloc[0]
    assert "has no layer 'tourism'" in row["note"]
    # the rest is the same: GEP without tourism = GEP − tourism
    rest = value(whole, "gep", "gep") - value(whole, "services", "tourism")
    assert value(ledger, "gep", "gep") == pytest.approx(rest, rel=1e-12)
    totals = ledger[(ledger["account"] == "gep") & (ledger["measure"] == "value")]
    assert totals["note"].str.startswith("不完整：缺 旅游康养").all()
    assert (whole.loc[whole["account"] == "gep", "note"] == "").all()


def test_a_missing_raster_leaves_out_what_is_computed_from_it(tmp_path, whole):
    pack = altered(tmp_path, drop=["soil_sand"])
    ledger = ledger_of(run_of(pack, tmp_path))
    missing = ledger[ledger["measure"] == "missing"]
    assert missing["item"].to_list() == ["soil_retention"]
    assert value(ledger, "services", "water_conservation") == pytest.approx(
        value(whole, "services", "water_conservation"), rel=1e-12
    )


def test_a_year_that_is_missing_before_leaves_no_growth_of_a_part(tmp_path):
    pack = altered(tmp_path, drop_years=[("tourism", 2022)])
    run = run_of(pack, tmp_path)
    result = accounting.compute_brief(run)
    assert result.former is None
    ledger = run.build_ledger(result.entries)
    assert "growth" not in set(ledger["measure"])
    assert "missing" not in set(ledger["measure"])  # this year is whole


def test_a_table_without_the_year_is_missing_and_one_without_the_county_is_an_error(tmp_path):
    pack = altered(tmp_path, drop_years=[("economy", 2023)])
    rows = ledger_of(run_of(pack, tmp_path, "inventory"), inventory.compute)
    missing = rows[(rows["account"] == "statistics") & (rows["measure"] == "missing")]
    assert set(missing["item"]) == {
        "resident_population", "gdp", "budget_revenue", "budget_expenditure"
    }  # fmt: skip
    assert missing["note"].str.contains("has no rows of 2023").all()


def test_the_full_account_of_an_incomplete_pack_can_be_shown(tmp_path):
    pack = altered(tmp_path, drop=["tourism"])
    run = run_of(pack, tmp_path)
    result = accounting.compute(run)
    ledger = run.build_ledger(result.entries)
    assert "不完整，缺 1 项服务" in show.headline(ledger, run).text
    assert "旅游康养" in show.missing_table(ledger).markdown()
    assert "has no layer 'tourism'" in show.rules_table(result).markdown()
    assert "tourism" not in set(result.standard.included)


def test_the_province_refuses_incomplete_accounts():
    rows = pd.DataFrame(
        [
            {"county_code": COUNTY, "account": "services", "item": "tourism", "measure": "missing"},
            {"county_code": "330102", "account": "services", "item": "tourism", "measure": "value"},
        ]
    )
    assert pool.incomplete(rows).to_dict() == {COUNTY: "tourism"}
    with pytest.raises(
        CoverageError, match=r"1 accounts are incomplete: 嵊泗县 \(330922\) lacks tou"
    ):
        pool._refuse_incomplete(rows, 2023)


@pytest.mark.parametrize(("county", "expected"), [("331181", False), (COUNTY, True)])
def test_only_coastal_pilots_lack_the_table_of_the_coast(tmp_path, county, expected):
    pack = altered(tmp_path, drop=["coast"])
    task = run_of(pack, tmp_path).task.model_copy(update={"county_code": county})
    run = Run.prepare(task, task.final_dir)
    standard = standards.read("db33-2020")
    found = completeness.absent(standard, Layers(run.inputs(), run.params, standard.factors))
    assert bool(found) == expected
