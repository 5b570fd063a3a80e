"""All schemes together on the open pack's registers: they close, explain themselves, refuse together."""

import json
import shutil

import pandas as pd
import pytest
from provincial_pool import make_pool, make_run

from gepbook import compensation, params, sections
from gepbook.compensation import SCHEMES, flows, parties
from gepbook.errors import GepbookError, ParameterError, StageError
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack, content_hash
from gepbook.paths import OPEN_PACK
from gepbook.province import problems_of, tables_of

POOL = make_pool()
RULES = params.resolve(None, 2023, "db33-2020")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return compensation.of_province(make_run(tmp_path_factory.mktemp("out")), POOL)


@pytest.fixture
def pack(tmp_path):
    return shutil.copytree(OPEN_PACK, tmp_path / "包 pack")


def spoil(pack, layer, change):
    """Change a table's text as an analyst would, with its hash in the manifest."""
    path = pack / "tables" / f"{layer}.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    content = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    for resource in content["resources"]:
        if resource["layer"] == layer:
            resource["hash"] = content_hash(path)
    (pack / "datapackage.json").write_text(json.dumps(content), encoding="utf-8")


def drop(pack, *layers):
    """Take layers out of a pack."""
    content = json.loads((pack / "datapackage.json").read_text(encoding="utf-8"))
    content["resources"] = [r for r in content["resources"] if r["layer"] not in layers]
    (pack / "datapackage.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("scheme", SCHEMES, ids=[s.id for s in SCHEMES])
def test_a_scheme_declares_itself(scheme):
    assert scheme.name_zh
    assert scheme.name_en
    assert "82号" in scheme.source
    assert set(scheme.tables) <= set(dictionary.tables())
    for name, model in scheme.sections.items():
        assert model.provincial, name
        assert sections.models()[name] is model
        RULES.section(name, model)


def test_rules_survive_being_written_and_read(tmp_path):
    RULES.write(tmp_path / "params.json")  # keys are sorted there: no rule may rest on their order
    read = params.ParameterSet.read(tmp_path / "params.json")
    for scheme in SCHEMES:
        for name, model in scheme.sections.items():
            assert read.section(name, model) == RULES.section(name, model)


def test_every_scheme_pays_and_all_of_it_closes(result):
    assert set(result.schemes) == {scheme.id for scheme in SCHEMES}
    paid = result.flows
    assert set(paid["scheme"]) == set(result.schemes)
    assert round(flows.by_party(paid)["net_cny"].sum(), 2) == 0
    for name, own in paid.groupby("scheme"):
        assert round(flows.by_party(own)["net_cny"].sum(), 2) == 0, name
    cents = paid["amount_cny"] * 100
    assert (cents - cents.round()).abs().max() < 1e-3
    assert not [r.lacking for r in result.schemes.values() if r.lacking]


def test_every_rule_of_a_payment_is_in_the_parameters(result):
    known = {name for scheme in SCHEMES for name in scheme.sections}
    assert {rule.partition("/")[0] for rule in result.flows["rule"]} <= known
    assert set(result.flows["quality"]) <= set(params.CONFIDENCES)


def test_the_funds_pay_out_what_they_hold(result):
    paid = result.flows[result.flows["rule"] == "vertical_compensation/provincial"]
    sources = result.schemes["vertical"].tables["sources"]
    held = sources.loc[sources["fund"] == "provincial", "amount_cny"].sum()
    assert round(paid["amount_cny"].sum(), 2) == held


def test_the_rows_of_a_county_are_its_payments(result, tmp_path):
    rows = pd.DataFrame(result.entries).set_index(["item", "measure"])["value"]
    own = flows.of_county(result.flows, "331181")
    received = own[own["payee"].map(parties.county_of) == "331181"]["amount_cny"].sum()
    assert rows["all", "received"] == pytest.approx(received)
    assert rows["all", "net"] == pytest.approx(rows["all", "received"] - rows["all", "paid"])
    table = make_run(tmp_path).build_ledger(result.entries)  # no key twice, no value missing
    assert set(table["account"]) == {"compensation"}
    assert list(result.files) == ["flows.parquet"]


def test_the_province_keeps_every_table(result, tmp_path):
    whole = compensation.of_province(make_run(tmp_path, code=None), POOL)
    assert whole.entries == []
    pd.testing.assert_frame_equal(whole.flows, result.flows)
    for name, table in whole.files.items():
        table.to_parquet(tmp_path / name, index=False)
    assert "vertical.stability.parquet" in whole.files


def test_it_comes_out_the_same_again(result, tmp_path):
    again = compensation.of_province(make_run(tmp_path), POOL)
    pd.testing.assert_frame_equal(again.flows, result.flows)
    assert again.entries == result.entries


# ------------------------------------------------------------------ what if


def test_a_changed_rule_moves_the_money_and_nothing_else(result, tmp_path):
    run = make_run(tmp_path)
    assert compensation.what_if(run, result, {}) is None
    weights = {"vertical_compensation.weights": {"redline_area": 0.35, "fiscal_gap": 0.0}}
    changed = compensation.what_if(run, result, weights)
    rest = [f.flows[f.flows["scheme"] != "vertical"] for f in (result, changed)]
    pd.testing.assert_frame_equal(*rest)
    own = [
        f.schemes["vertical"].tables["parts"].loc["331181", "fiscal_gap"] for f in (result, changed)
    ]
    assert own[0] > 0
    assert own[1] == 0


def test_wrong_assumptions_are_refused(result, tmp_path):
    run = make_run(tmp_path)
    with pytest.raises(ParameterError, match=r"unknown parameter .*Did you mean .*budget_cny"):
        compensation.what_if(run, result, {"vertical_compensation.budget": 1.0})
    with pytest.raises(GepbookError, match=r"must sum to 1, sum is 1\.5"):
        compensation.what_if(run, result, {"vertical_compensation.weights": {"redline_area": 0.75}})
    batch = type(run)(run.task, run.run_dir, run.pack, run.params, by_hand=False)
    with pytest.raises(StageError, match="only by hand"):
        batch.assuming({"vertical_compensation.budget_cny": 1.0})


# ------------------------------------------------------------------ bad input


def test_wrong_registers_are_refused_before_anything_is_paid(pack, tmp_path):
    def overspend(text):
        lines = text.splitlines()
        cells = lines[1].split(",")
        cells[5] = "9e12"  # used more than was paid
        return "\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n"

    spoil(pack, "compensation_funds", overspend)
    spoil(
        pack,
        "fund_sources",
        lambda t: t.replace("prefecture,appropriation", "provincial,appropriation", 1),
    )
    problems = problems_of(compensation.PARTS, Pack.open(pack), RULES, [2023])
    assert any(
        "compensation_funds.csv, line 2 (330102 2020): used_cny is 9e+12" in p for p in problems
    )
    assert any("fund_sources.csv, line" in p and "Take the row out" in p for p in problems)
    with pytest.raises(GepbookError, match="used_cny is 9e"):
        compensation.of_province(make_run(tmp_path, pack=pack), POOL)


def test_a_pack_without_registers_leaves_out_what_needs_them(pack, tmp_path):
    provincial = {name for name, t in dictionary.tables().items() if t.provincial}
    drop(pack, *provincial, "project_sites")
    found = compensation.of_province(make_run(tmp_path, pack=pack), POOL)
    assert "compensation_funds" in found.schemes["vertical"].lacking
    assert (found.flows["rule"] == "vertical_compensation/provincial").sum() == 90
    assert set(found.flows["scheme"]) <= {"vertical", "horizontal"}


def test_a_changed_register_changes_what_rests_on_it(pack):
    before = Pack.open(pack)
    hashes = {name: before.register_hash(name, 2023) for name in tables_of(compensation.PARTS)}
    assert "" not in hashes.values()
    own = before.fingerprint("331181", 2023)
    spoil(
        pack,
        "fund_sources",
        lambda t: t.replace("2020,provincial,donation,", "2020,provincial,donation,1"),
    )
    after = Pack.open(pack)
    moved = {n for n, h in hashes.items() if after.register_hash(n, 2023) != h}
    assert moved == {"fund_sources"}
    assert after.fingerprint("331181", 2023) == own  # no county's own work is redone
    assert not set(own) & {f"{name}@2023" for name in ("fund_sources", "market_orders")}
