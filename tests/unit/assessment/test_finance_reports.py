"""Green finance as a topic: the open pack whole, and what reports show of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from provincial_pool import make_pool, make_run

from gepbook import ledger, params, paths
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import asset_pool, green_option, loans
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers
from gepbook.publish.assessment import finance as reports
from gepbook.publish.display import LIGHT_ZH, Picture, Prose, Table
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
PACK = open_pack(str(paths.OPEN_PACK))
WITHOUT_DRAWS = "330102"


def draws():
    """Return draws of services for all counties but one, spread by a sixth."""
    generator = np.random.default_rng(1)
    pool = make_pool()
    codes = [c for c in sorted(pool["county_code"].unique()) if c != WITHOUT_DRAWS]
    scale = 1 + 0.15 * generator.standard_normal(200)
    return {
        code: pd.DataFrame({"fresh_water": 4e8 * scale, "tourism": 4e9 * scale}) for code in codes
    }


@pytest.fixture(scope="module")
def topic():
    evidence = Evidence(make_pool(), Registers(PACK, 2023), RULE_FILE, draws())
    return evidence, finance.compute(evidence, {})


def assessment(topic, code):
    evidence, result = topic
    return Assessment([], code, {finance.ID: result}, pd.DataFrame(result.cards), evidence)


def test_open_pack_is_accepted_in_every_year():
    for year in PACK.years:
        assert finance.check(Registers(PACK, year), RULE_FILE) == []


def test_open_pack_shows_both_sides_of_every_rule(topic):
    _, result = topic
    assert set(result.tables["guarantees"]["light"]) == set(LIGHT_ZH) - {"good"}
    options = result.tables["options"]
    assert set(options["state"]) == {green_option.RUNNING, green_option.EXPIRED}
    assert len(set(options["premium_judged"])) == 3
    states = set(result.tables["pools"]["state"])
    assert states == {asset_pool.COVERED, asset_pool.THIN, asset_pool.OVER}
    colours = result.tables["colours"]
    assert colours.isna().any(axis=None)
    assert colours.notna().any(axis=None)
    assert result.lacking == ()


def test_ledger_rows_are_whole(topic):
    """Keys stand once and no figure is missing, of each county and of the province."""
    _, result = topic
    for code in {code for code, _ in result.figures}:
        rows = [row for owner, row in result.figures if owner == code]
        frame = ledger.build(rows, release="t", year=2023, county_code=code or ledger.PROVINCE)
        assert frame["item"].str.startswith("finance.").all()
        assert set(frame["origin"]) == {"illustrative"}


def test_registers_stay_in_their_size():
    names = ("loans", "green_options", "income_pools", "pool_tranches", "carbon_accounts")
    size = sum((PACK.folder / PACK.resource(name).path).stat().st_size for name in names)
    assert size < 110_000


@pytest.mark.parametrize("code", ["330803", "331102", "330802", WITHOUT_DRAWS])
def test_county_chapter(topic, code, tmp_path):
    result, run = assessment(topic, code), make_run(tmp_path, code)
    for name in reports.__all__:
        if not name.startswith("province_"):
            shown = getattr(reports, name)(result, run)
            assert shown is None or isinstance(shown, Table | Prose | Picture)
            if isinstance(shown, Table):
                assert len(shown.names) <= 8
    text = reports.sentence(result, run).text
    assert (loans.NO_DRAWS in text) == (code == WITHOUT_DRAWS)
    assert "nan" not in text


def test_capacity_is_explained_step_by_step(topic, tmp_path):
    table = reports.capacity_table(assessment(topic, "330803"), make_run(tmp_path, "330803"))
    assert [row[0] for row in table.rows][-3:] == ["GEP贷额度", "GEP贷、生态贷余额", "尚可新增"]
    assert "淡水" in table.note


def test_coverage_of_green_loans_is_said(topic, tmp_path):
    """With all counties a share of the province stands beside their number; with few there is none."""
    page, run = assessment(topic, "330803"), make_run(tmp_path, "330803")
    assert reports.share_table(page, run).rows[-1][5] == "90"
    assert "绿色贷款占 90 个填报县各项贷款的" in reports.province_sentence(page, run).text
    evidence, _ = topic
    few = PACK.table(loans.REGISTER)
    few = FakePack({loans.REGISTER: few[few["county_code"] < "330500"]}, {})
    result = finance.compute(replace(evidence, registers=Registers(few, 2023)), {})
    bare = Assessment([], None, {finance.ID: result}, pd.DataFrame(), evidence)
    assert "不给出全省占比" in reports.province_sentence(bare, run).text
    assert reports.province_loan_table(bare, run).rows[-1][6] == "—"


def test_terms_of_valuation_are_said(topic, tmp_path):
    page, run = assessment(topic, "330803"), make_run(tmp_path, "330803")
    assert "沿用签约时的林木单价" in reports.option_table(page, run).note
    assert "两个上限都用分位数" in reports.capacity_table(page, run).note
    assert "设立时覆盖倍数" in reports.province_pool_table(page, run).names


def test_hidden_cells_are_named(topic, tmp_path):
    table = reports.province_carbon_table(assessment(topic, None), make_run(tmp_path))
    cells = [cell for row in table.rows for cell in row]
    assert "不公布" in cells
    assert "—" not in cells
    assert table.rows[-1][0] == "全省"


def test_bulletin_never_asks_for_a_county(topic):
    class Provincial:
        year = 2023

    shown = {
        name: getattr(reports, name)(assessment(topic, None), Provincial())
        for name in reports.__all__
        if name.startswith("province_")
    }
    assert all(value is not None for value in shown.values()), shown
    assert shown["province_loan_table"].rows[0][0] == "山区26县"
    assert shown["province_loan_table"].rows[-1][0] == "全省"
    assert shown["province_account_table"].rows[0][0] == "衢江区（试点）"


def test_pack_without_registers_says_so(tmp_path):
    evidence = Evidence(make_pool(), Registers(FakePack({}, {}), 2023), RULE_FILE)
    result = finance.compute(evidence, {})
    assert set(result.lacking) == set(finance.TOPIC.tables)
    assert finance.check(evidence.registers, RULE_FILE) == []
    assert (result.figures, result.cards) == ([], [])
    run = make_run(tmp_path, "330803")
    page = Assessment([], "330803", {finance.ID: result}, pd.DataFrame(), evidence)
    assert "数据包缺少贷款与融资担保" in reports.sentence(page, run).text
    assert "数据包缺少" in reports.province_sentence(page, run).text
    shown = [
        getattr(reports, name)(page, run)
        for name in reports.__all__
        if "sentence" not in name and name != "capacity_table"
    ]
    assert shown == [None] * len(shown)
