"""Reports of protection and evaluation: every table and figure, also where data are missing."""

import re

import pandas as pd
import pytest
from fake_pack import FakePack
from provincial_pool import make_pool, make_run

from gepbook import ledger, params
from gepbook.assessment import Assessment, evaluation, protection
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers
from gepbook.publish.assessment import evaluation as evaluation_report
from gepbook.publish.assessment import protection as protection_report
from gepbook.publish.display import Picture, Prose, Table
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
COUNTY = {
    protection_report: [
        "sentence", "part_table", "indicator_table", "pollutant_table", "redline_table", "part_figure",
    ],
    evaluation_report: [
        "sentence", "dimension_table", "indicator_table", "sensitivity_table", "rank_figure",
    ],
}  # fmt: skip
PROVINCE = {
    protection_report: [
        "province_sentence", "province_table", "province_county_table", "province_figure",
    ],
    evaluation_report: [
        "province_sentence", "province_ranking", "province_dimension_table", "province_cross_check",
        "province_tree_table", "province_figure",
    ],
}  # fmt: skip


def assess(registers, pool):
    evidence = Evidence(pool, registers, RULE_FILE)
    topics = {"protection": protection.compute(evidence, {})}
    topics["evaluation"] = evaluation.compute(evidence, topics)
    return topics, evidence


def seen_by(assessed, code):
    topics, evidence = assessed
    return Assessment([], code, topics, pd.DataFrame(), evidence)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def full(run):
    pool = make_pool(2023)
    rows = [
        {"release": "t", "year": 2023, "county_code": code, **entry}
        for code in pool["county_code"].unique()
        for entry in (
            *(
                ledger.entry(
                    "condition_history", "index", f"value_{y}", v, "1", origin="modelled", method_id="t",
                )
                for y, v in ((2022, 0.7), (2023, 0.75))
            ),
            ledger.entry("gep", "gep", "growth_normal_weather", 0.04, "1", origin="modelled",
                         method_id="t", price_basis="comparable", price_year=2020),
        )
    ]  # fmt: skip
    whole = pd.concat([pool, pd.DataFrame(rows).astype(ledger.COLUMNS)], ignore_index=True)
    return assess(Registers(open_pack(run.task.pack), 2023), whole)


@pytest.fixture(scope="module")
def bare():
    return assess(Registers(FakePack({}, {}), 2023), make_pool(2023))


def shown(part):
    if isinstance(part, Table):
        assert len(part.names) <= 8
        return part.markdown()
    if isinstance(part, Picture):
        assert part._repr_png_().startswith(b"\x89PNG")
        return part.alt
    assert isinstance(part, Prose)
    return part.text


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in COUNTY.items() for n in names])
def test_county_parts_show(full, run, module, name):
    assert len(shown(getattr(module, name)(seen_by(full, run.county_code), run))) > 10


@pytest.mark.parametrize(
    ("module", "name"), [(m, n) for m, names in PROVINCE.items() for n in names]
)
def test_province_parts_show(full, run, module, name):
    text = shown(getattr(module, name)(seen_by(full, None), run))
    assert not re.search(r"\bnan\b", text)


@pytest.mark.parametrize("reports", [COUNTY, PROVINCE])
def test_bare_pack_says_so(bare, run, reports):
    for module, names in reports.items():
        for name in names:
            part = getattr(module, name)(seen_by(bare, run.county_code), run)
            assert part is None or not re.search(r"\bnan\b", shown(part))
    assert "数据包缺少" in evaluation_report.sentence(seen_by(bare, run.county_code), run).text


def test_sentences_hold_the_computed_numbers(full, run):
    code = run.county_code
    whole = full[0]["protection"].table("composite").loc[code]
    said = protection_report.sentence(seen_by(full, code), run).text
    assert f"**{whole['points']:.1f}**" in said
    assert "缺" not in said
    own = full[0]["evaluation"].table("ranking").loc[code]
    said = evaluation_report.sentence(seen_by(full, code), run).text
    assert f"第 {own['rank']:.0f} / {own['of']:.0f} 位" in said
    assert "GDP 增长（可比价）" in said  # no dual assessment here: declared missing


def test_county_without_score_is_not_ranked(full, tmp_path):
    own = make_run(tmp_path, "330922")
    text = evaluation_report.sentence(seen_by(full, "330922"), own).text
    assert "不计综合分、不排位次" in text
    assert "研发经费占 GDP 比重" in text
    assert evaluation_report.sensitivity_table(seen_by(full, "330922"), own) is None


def test_each_row_names_its_own_first_year(full, run):
    """Condition is known since 2022, air since 2020: two years say nothing."""
    table = protection_report.indicator_table(seen_by(full, run.county_code), run)
    first = {row[0]: (row[1], row[5]) for row in table.rows}
    assert first["生态系统状况指数"] == ("0.7000（2022）", "历史不足")
    assert first["优良天数比例 %"][0].endswith("（2020）")
    assert "状况指数已含优良天数与断面水质" in table.note
    assert "不足的为年均差，不作判断" in table.note


def test_unjudged_history_is_not_told_as_within_the_errors(run):
    index = ledger.entry(
        "condition_history", "index", "value_2020", 0.8, "1", origin="modelled", method_id="t"
    )
    own = {"release": "t", "year": 2020, "county_code": run.county_code, **index}
    pool = pd.concat([make_pool(2020), pd.DataFrame([own])], ignore_index=True)
    first = Evidence(pool, Registers(open_pack(run.task.pack), 2020), RULE_FILE)
    found = {"protection": protection.compute(first, {})}
    said = protection_report.sentence(seen_by((found, first), run.county_code), run).text
    assert "历史不足，不作判断" in said
    assert "误差之内" not in said
