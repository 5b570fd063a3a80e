"""What a run consists of, and what is checked before it starts."""

import json
import shutil

import pytest

from gepbook import accounting, inventory, rule_table
from gepbook.batch import options, plan
from gepbook.batch.plan import Planner
from gepbook.errors import GepbookError
from gepbook.inputs.pack import content_hash
from gepbook.paths import OPEN_PACK
from gepbook.run import Run, open_pack
from gepbook.stages import STAGES

COUNTY = "331181"


@pytest.fixture
def pack(tmp_path):
    return shutil.copytree(OPEN_PACK, tmp_path / "包 pack")


def planner(pack, out, **words):
    open_pack.cache_clear()
    request = options.Request(counties=COUNTY, pack=str(pack), release="t", **words)
    return Planner(options.check(request, out))


def spoil(pack, layer, old, new):
    path = pack / "tables" / f"{layer}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    content = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    for resource in content["resources"]:
        if resource["layer"] == layer:
            resource["hash"] = content_hash(path)
    (pack / "datapackage.json").write_text(json.dumps(content), encoding="utf-8")


def parts(pack, out):
    made = planner(pack, out)
    pooled = {s: made.job(s, COUNTY, 2023, pool="p").parts for s in ("compensation", "assessment")}
    pooled["bulletin"] = made.job("bulletin", None, 2023, pool="p").parts
    return pooled, {s: made.job(s, COUNTY, 2023).parts for s in ("inventory", "accounting")}


def test_a_provincial_register_redoes_compensation_and_the_bulletin_alone(pack, tmp_path):
    pooled, own = parts(pack, tmp_path)
    spoil(pack, "fund_sources", "2023,provincial,donation,", "2023,provincial,donation,1")
    pooled_now, own_now = parts(pack, tmp_path)
    assert own_now == own
    for stage in ("compensation", "bulletin"):
        before, now = pooled[stage], pooled_now[stage]
        assert [key for key in before if now[key] != before[key]] == ["registers"]
    assert pooled_now["assessment"] == pooled["assessment"]


def test_a_rule_redoes_the_stages_that_can_read_it(pack, tmp_path, monkeypatch):
    """A weight of the assessment is no part of an account, nor of compensation; a price is of all."""

    def after(name, value):
        with monkeypatch.context() as patch:
            resolved = plan.resolve
            patch.setattr(
                plan, "resolve", lambda *a, **kw: resolved(*a, **kw).assuming({name: value})
            )
            pooled_now, own_now = parts(pack, tmp_path)
        before, now = {**pooled, **own}, {**pooled_now, **own_now}
        return {s for s in before if now[s]["params"] != before[s]["params"]}

    pooled, own = parts(pack, tmp_path)
    assert after("dual_assessment.ahead_probability", 0.8) == {"assessment", "bulletin"}
    assert after("charges.household_waste_t", 9.9) == {"compensation", "bulletin"}
    assert after("comparable_prices.year", 2021) == {*pooled, *own}


def test_accounts_read_no_rule_table_of_the_province(tmp_path, monkeypatch):
    def read(path, columns):
        raise AssertionError(path)

    monkeypatch.setattr(rule_table, "read", read)
    for stage, module in (("inventory", inventory), ("accounting", accounting)):
        assert module.compute_brief(Run.open(stage, "330903", 2023)).entries


def test_draws_are_part_of_what_the_province_reads(tmp_path):
    folder = tmp_path / "counties" / COUNTY / "2023" / "accounting"
    folder.mkdir(parents=True)
    hashes = set()
    for name in ("ledger.parquet", "draws.parquet", "level_draws.parquet"):
        (folder / name).write_bytes(name.encode())
        hashes.add(plan.pool_hash(tmp_path, 2023, STAGES))
    assert len(hashes) == 3


def test_wrong_registers_are_named_before_anything_runs(pack, tmp_path):
    spoil(pack, "compensation_funds", "330102,2020,provincial,", "330102,2020,provincial,1,")
    # a cell too many moves the others: used becomes what was paid, and so on
    made = planner(pack, tmp_path)
    with pytest.raises(GepbookError, match=r"compensation_funds\.csv"):
        made.check()


def test_registers_of_stages_that_do_not_run_are_not_asked_for(pack, tmp_path):
    path = "compensation_funds"
    rows = (pack / "tables" / f"{path}.csv").read_text(encoding="utf-8").splitlines()
    cells = rows[1].split(",")
    spoil(pack, path, rows[1], ",".join([*cells[:5], "9e12", cells[6]]))
    planner(pack, tmp_path, stages="inventory").check()
    with pytest.raises(GepbookError, match=r"line 2 .*used_cny is 9e"):
        planner(pack, tmp_path, stages="compensation").check()
