"""The scorecard on one page: what it shows of each indicator, and what it leaves out."""

import pandas as pd
import pytest
from openpyxl import load_workbook
from provincial_pool import make_pool, make_run

from gepbook import assessment
from gepbook.assessment import topic
from gepbook.errors import GepbookError, StageError
from gepbook.province import problems_of
from gepbook.publish.assessment import scorecard, workbook
from gepbook.publish.display import LIGHT_ZH


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def result(run):
    return assessment.of_province(run, make_pool())


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5e9, "CNY", "15.00 亿元"),
        (-2.5e6, "CNY", "-250.0 万元"),
        (12.345, "percent", "12.3%"),
        (88.0, "points", "88.0 分"),
        (-0.314, "1", "-0.31"),
        (None, "1", None),
        (float("nan"), "CNY", None),
    ],
)
def test_figures_are_short(value, unit, text):
    assert scorecard.shown(value, unit) == text


def test_every_topic_has_its_lines_and_one_county_its_own(result, run):
    lines = result.cards[result.cards["county_code"] == run.county_code]
    assert not lines.duplicated(["topic", "label_zh"]).any()
    assert set(lines["light"]) <= set(LIGHT_ZH)
    table = scorecard.table(result, run)
    assert len(table.rows) == len(lines)
    assert len(table.rows) <= 22  # one page
    assert "龙泉市" in scorecard.sentence(result, run).text


def test_ties_are_told(result, run):
    cards = result.cards.assign(group=result.cards["county_code"].map(result.evidence.groups))
    shared = cards.groupby(["topic", "label_zh", "group", "rank"])["county_code"].transform("size")
    own = cards["county_code"] == run.county_code
    expected = [n > 1 for n in shared[own] if pd.notna(n)]
    places = [row[4] for row in scorecard.table(result, run).rows if " / " in str(row[4])]
    assert [place.startswith("并列") for place in places] == expected
    assert any(expected)
    assert not all(expected)


def test_a_county_s_ledger_holds_its_own_rows_and_the_province_s_its_own(result, run, tmp_path):
    own = run.build_ledger(result.entries)
    assert set(own["account"]) == {"assessment"}
    assert result.files == {}
    province = make_run(tmp_path, code=None)
    whole = assessment.of_province(province, make_pool())
    rows = province.build_ledger(whole.entries)
    assert set(rows["county_code"]) == {"330000"}
    assert len(whole.files[assessment.CARDS_FILE]) == len(result.cards)


def test_what_if_shows_what_another_rule_changes(result, run):
    changed = assessment.what_if(run, result, {"dual_assessment.normalisation": "goalposts"})
    table = scorecard.what_if_table(result, changed, run)
    assert "双考核指数" in [row[0] for row in table.rows]
    assert assessment.what_if(run, result, {}) is None
    assert scorecard.what_if_table(result, None, run) is None


def test_what_if_tells_a_change_of_what_a_line_is_held_against_alone(result, run):
    limit = run.params.entries["welfare_funds.completion_good"].value + 0.001
    changed = assessment.what_if(run, result, {"welfare_funds.completion_good": limit})
    (row,) = scorecard.what_if_table(result, changed, run).rows
    assert row[0] == "公益基金项目完成率"
    assert row[1] != row[2]


def test_what_if_without_effect_says_so(result, run):
    assert scorecard.what_if_table(result, result, run).rows == [["没有变化"]]


def test_what_is_listed_and_what_is_judged_are_counted(result, run):
    own = result.cards[result.cards["county_code"] == run.county_code]
    judged = (own["light"] != "none").sum()
    assert judged < len(own)
    told = f"共列 {len(own)} 项，评 {judged} 项"
    assert told in scorecard.sentence(result, run).text
    assert scorecard.table(result, run).names[2] == "90% 区间"


def test_a_batch_has_no_what_if(result, run):
    from dataclasses import replace

    with pytest.raises(StageError, match="only by hand"):
        assessment.what_if(
            replace(run, by_hand=False), result, {"dual_assessment.peer_factor": 9.0}
        )


def test_all_that_is_wrong_is_told_before_anything_is_assessed(run, monkeypatch):
    bad = [f"tables/x.csv, line {n}: is wrong. Correct it." for n in (2, 3)]
    first, *rest = assessment.TOPICS
    spoilt = topic.Topic(**{**first.__dict__, "check": lambda registers, params: bad})
    monkeypatch.setattr(assessment, "TOPICS", (spoilt, *rest))
    with pytest.raises(GepbookError) as caught:
        assessment.of_province(run, make_pool())
    assert caught.value.problems == bad
    assert problems_of(assessment.TOPICS, run.pack, run.params, [2022, 2023]) == bad


def test_rules_that_cannot_be_read_do_not_hide_what_else_is_wrong(run):
    entries = dict(run.params.entries)
    for key, value in (
        ("welfare_funds.completion_poor", 0.99),
        ("brand.product_price_index", "farm"),
    ):
        entries[key] = entries[key].model_copy(update={"value": value})
    rules = run.params.model_copy(update={"entries": entries})
    index, limits = problems_of(assessment.TOPICS, run.pack, rules, [2023])
    assert "brand.product_price_index: no price index 'farm'" in index
    assert "completion_poor must be below completion_good" in limits


def test_lights_of_the_province_count_every_county(result, run):
    table = scorecard.province_table(result, run)
    dual = [row for row in table.rows if row[0] == "双考核指数"]
    assert sum(int(n) for row in dual for n in row[2:]) == 90
    assert {row[1] for row in dual} == {"山区26县", "其他县市区"}


def test_no_rule_of_assessment_is_a_county_s_own():
    for item in assessment.TOPICS:
        for name, model in item.sections.items():
            assert model.provincial, name
            assert all(field.description for field in model.model_fields.values()), name


def test_topics_name_their_source_and_tables_of_the_dictionary():
    from gepbook.inputs.own_data import dictionary

    known = dictionary.tables()
    for item in assessment.TOPICS:
        assert "浙委办发〔2021〕82号" in item.source, item.id
        assert set(item.tables) <= set(known), item.id
    assert len({item.id for item in assessment.TOPICS}) == len(assessment.TOPICS)
    assert pd.Series([item.name_zh for item in assessment.TOPICS]).is_unique


def test_the_workbook_holds_every_scorecard_and_topic(tmp_path):
    whole = assessment.of_province(make_run(tmp_path, code=None), make_pool())
    for name, table in whole.files.items():
        table.to_parquet(tmp_path / name, index=False)
    workbook.write_workbook(tmp_path, tmp_path / "book.xlsx")
    book = load_workbook(tmp_path / "book.xlsx", read_only=True)
    cards = pd.DataFrame(book[workbook.CARDS_SHEET].iter_rows(values_only=True, min_row=2))
    assert len(cards) == len(whole.cards)
    assert "龙泉市" in set(cards[1])
    assert len(book.sheetnames) == len(whole.files)
