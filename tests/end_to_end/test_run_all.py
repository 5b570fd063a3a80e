"""The program as a user runs it: one county of the open pack, then with her data broken and mended."""

import csv
import json
import re
import shutil

import pytest
from running import run_all

from gepbook import ledger
from gepbook.inputs.pack import content_hash
from gepbook.paths import OPEN_PACK

pytestmark = pytest.mark.slow
COUNTY, NAME = "330922", "嵊泗县"
BOTH = ("--standard", "db33-2020,gbt46869-2025")


def status(outputs, release):
    with (outputs / release / "status.csv").open(encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def states(outputs, release):
    rows = status(outputs, release)
    return {(r["county_code"], r["stage"]): r["status"] for r in rows}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("结果 results")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return shutil.copytree(OPEN_PACK, tmp_path_factory.mktemp("数据 pack") / "own")


@pytest.fixture(scope="module")
def first(outputs, pack):
    return run_all(
        outputs, "--counties", NAME, "--pack", pack, "--release", "t", *BOTH, "--workers", 2
    )


def edit_economy(pack, change):
    """Change the county's rows of a table as an analyst would, with its hash in the manifest."""
    path = pack / "tables" / "economy.csv"
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(r for row in rows for r in change(row)), encoding="utf-8")
    manifest = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    for resource in manifest["resources"]:
        if resource["layer"] == "economy":
            resource["hash"] = content_hash(path)
    (pack / "datapackage.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_one_county_from_an_empty_folder(first, outputs):
    assert first.returncode == 0, first.stderr
    found = states(outputs, "t")
    for stage in ("inventory", "accounting", "compensation", "assessment", "report"):
        assert found[COUNTY, stage] == "ok"
    assert not list((outputs / "t").rglob("*.part-*"))


def test_the_report_is_the_countys_own_and_carries_all_it_needs(first, outputs):
    page = next((outputs / "t" / "site").rglob(f"{COUNTY}*.html")).read_text(encoding="utf-8")
    assert f"{NAME}" in page
    assert "示例" in page
    assert 'src="http' not in page
    assert "injected-parameters" not in page
    assert "run_dir" not in page
    assert (outputs / "t" / "site" / "index.html").exists()


def test_two_standards_stand_side_by_side_and_the_seea_tables_beside(first, outputs):
    page = next((outputs / "t" / "site").rglob(f"{COUNTY}*.html")).read_text(encoding="utf-8")
    words = " ".join(re.sub(r"<[^>]*>", "", page).split())
    assert "transpiration_heat → evapotranspiration_energy" in words
    rows = ledger.query(
        outputs / "t", "SELECT item, value FROM ledger WHERE account = 'standards'"
    ).set_index("item")["value"]
    assert rows["gbt46869-2025"] != rows["db33-2020"]
    workbook = next((outputs / "t" / "site" / "counties").glob(f"{COUNTY}*.seea.xlsx"))
    assert workbook.stat().st_size > 5000


def test_gep_is_the_sum_of_its_services(first, outputs):
    rows = ledger.query(
        outputs / "t",
        "SELECT account, sum(value) AS total FROM ledger WHERE county_code = '330922' AND "
        "measure = 'value' AND price_basis = 'current' AND "
        "(account = 'services' OR (account = 'gep' AND item = 'gep')) GROUP BY account",
    ).set_index("account")["total"]
    assert rows["services"] == pytest.approx(rows["gep"], rel=1e-12)


def test_running_again_redoes_nothing(first, outputs, pack):
    again = run_all(outputs, "--counties", NAME, "--pack", pack, "--release", "t", *BOTH)
    assert again.returncode == 0, again.stderr
    done = {r["stage"] for r in status(outputs, "t") if r["status"] == "ok"}
    assert done <= {"report"}  # a report that is current stays; it is asked all the same


def test_broken_data_fail_their_county_and_leave_the_result(first, outputs, pack):
    ledger_file = outputs / "t" / "counties" / COUNTY / "2023" / "inventory" / "ledger.parquet"
    before = ledger_file.read_bytes()
    kept = (pack / "tables" / "economy.csv").read_text(encoding="utf-8")
    edit_economy(pack, lambda row: [] if row.startswith(f"{COUNTY},2023") else [row])
    broken = run_all(outputs, "--counties", NAME, "--pack", pack, "--release", "t", *BOTH)
    assert broken.returncode == 1
    bad = [r for r in status(outputs, "t") if r["status"] == "failed"]
    assert [(r["county_code"], r["stage"]) for r in bad] == [(COUNTY, "inventory")]
    assert ledger_file.read_bytes() == before
    # mended: only this county's work is redone
    (pack / "tables" / "economy.csv").write_text(kept, encoding="utf-8")
    edit_economy(pack, lambda row: [row])
    mended = run_all(outputs, "--counties", NAME, "--pack", pack, "--release", "t", *BOTH)
    assert mended.returncode == 0, mended.stderr
    assert not list((outputs / "t" / "failed").rglob("*.ipynb"))


def test_bad_input_names_everything_and_writes_nothing(outputs):
    before = sorted(outputs.rglob("*"))
    result = run_all(
        outputs, "--counties", "龙全市", "--years", "2035", "--stages", "acounting",
        "--renderer", "quatro", "--formats", "pfd", "--standard", "db33-2020,db33-2021",
        "--release", "t",
    )  # fmt: skip
    assert result.returncode == 2
    for expected in (
        "'龙泉市'",
        "no year 2035",
        "'accounting'",
        "'quarto'",
        "'pdf'",
        "'db33-2020'",
    ):
        assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(outputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p: (p / "tables" / "economy.csv").unlink(), "is missing"),
        (lambda p: (p / "rasters" / "slope.tif").write_bytes(b"x"), "differs from the manifest"),
        (lambda p: (p / "datapackage.json").write_text("{", encoding="utf-8"), "not valid JSON"),
        (lambda p: (p / "datapackage.json").unlink(), "cannot be read"),
    ],
)
def test_a_spoilt_pack_is_refused_before_anything_runs(tmp_path, spoil, expected):
    pack = shutil.copytree(OPEN_PACK, tmp_path / "pack")
    spoil(pack)
    result = run_all(tmp_path / "out", "--pack", pack)
    assert result.returncode == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_dry_run_writes_nothing(tmp_path):
    result = run_all(tmp_path / "out", "--counties", NAME, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "inventory (notebook): 1 would run" in result.stderr
    assert not (tmp_path / "out").exists()
