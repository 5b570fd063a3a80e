"""What the reports say of terms of office: all of them in one cell, and what is not known."""

from types import SimpleNamespace

import pandas as pd
import pytest
from audit_history import (
    FALL,
    FLAT,
    HEAD,
    A,
    B,
    change_rows,
    evidence,
    history,
    registers,
    statistics,
)

from gepbook.accounting.change import PARTS
from gepbook.assessment import Assessment, audit
from gepbook.province import Registers
from gepbook.publish.assessment import audit as show
from gepbook.publish.display import Blocks, Callout, Prose, Table

TERMS = [
    ("T1", *HEAD, "2018-01-01", "2021-12-31"),
    ("T2", A, "county_head", "示例乙", "2022-01-01", None),
    ("T3", A, "party_secretary", "示例丙", "2023-09-01", None),
]
RECORDS = [("F1", "T1", A, "supervision", 2, "2021-05-01", "示例：未整改")]


def assessed(given, code=A):
    return Assessment(
        entries=[], county_code=code, topics={"audit": audit.compute(given, {})},
        cards=pd.DataFrame(), evidence=given,
    )  # fmt: skip


def run(code=A):
    return SimpleNamespace(county_code=code, year=2023)


@pytest.fixture(scope="module")
def result():
    parts = {year: {**dict.fromkeys(PARTS, 0.0), "area": -5e8} for year in (2021, 2022, 2023)}
    levels = {year: value * 1e8 for year, value in FALL.items()}
    rows = [
        *history(A, levels),
        *change_rows(A, parts),
        *change_rows(A, parts, item="soil_retention"),
        *history(B, FLAT),
    ]
    return assessed(evidence(rows, registers(TERMS, RECORDS, **statistics())))


def test_sentence_names_who_is_in_office(result):
    text = show.sentence(result, run()).text
    assert "县（市、区）长 示例乙（2021–2023）得分" in text
    assert "示例丙任期内尚无计入年份，暂不审计" in text
    assert "示例甲" not in text
    assert "不是审计结论" in text


def test_dossiers_hold_all_terms_of_the_county(result):
    text = show.dossiers(result, run()).markdown()
    for said in ("示例甲", "示例乙", "示例丙", "期初–期末 2020–2021 年", "期初–期末 2021–2023 年"):
        assert said in text
    assert "按任期应对照 2017–2021 年，账户只有 2020–2021 年" in text
    assert "示例：未整改" in text
    assert "| 面积 | -5.00 | -5.00 |" in text
    assert "GEP 亿元 | 调节服务 亿元" in text


def test_serious_decline_is_a_referral_not_a_finding_of_guilt(result):
    text = show.dossiers(result, run()).markdown()
    assert "移送审计机关核查" in text
    assert "不是责任认定" in text


def test_figure_shows_each_window(result):
    assert show.waterfall_figure(result, run())._repr_png_().startswith(b"\x89PNG")


def test_counties_without_terms_say_so(result):
    assert "没有登记在任" in show.sentence(result, run(B)).text
    assert show.term_table(result, run(B)) is None
    assert show.dossiers(result, run(B)) is None
    assert show.waterfall_figure(result, run(B)) is None


def test_province_counts_terms_by_group(result):
    assert "登记任期 3 个" in show.province_sentence(result, run()).text
    verdicts = show.province_verdicts(result, run())
    assert sum(int(cell) for row in verdicts.rows for cell in row[2:]) == 3
    grades = show.province_grades(result, run())
    assert sum(int(cell) for row in grades.rows for cell in row[2:]) == 2
    flagged = show.province_flagged(result, run())
    assert {row[2] for row in flagged.rows} <= {"示例甲", "示例乙"}
    assert len(show.scheme_table(result, run()).rows) == 15


def test_missing_data_are_told():
    """No findings, no statistics, no decomposition: the dossier says what is not known."""
    found = assessed(evidence(history(A, FLAT), registers(TERMS)))
    text = show.dossiers(found, run()).markdown()
    assert "缺发现事项登记" in text
    assert "期内有年份没有变化分解" in text
    assert "资金征管用与项目管理缺数据，按区间计分" in text
    assert "误差只含各年数据，未含参数" in text
    assert show.waterfall_figure(found, run()) is None


def test_what_was_not_audited_or_not_held_is_told():
    """T1 wants 2019–2020 of a history from 2021; T2 is not audited yet; T3 has one year."""
    held = [
        ("T1", *HEAD, "2020-01-01", "2020-12-31"),
        ("T2", A, "county_head", "示例乙", "2022-01-01", None, None),
        ("T3", A, "party_secretary", "示例丙", "2020-01-01", "2021-12-31"),
    ]
    levels = {year: 100e8 for year in (2021, 2022, 2023)}
    found = assessed(evidence(history(A, levels), registers(held, [], **statistics())))
    text = show.dossiers(found, run()).markdown()
    assert "按任期应对照 2019–2020 年 (none of these years is held)" in text
    assert "按任期应对照 2019–2021 年，账户只有 2021 年" in text
    assert "### 期初–期末 2021 年" in text
    assert "| 尚未审计 | — |" in text
    assert "尚未审计的任期没有发现事项可依" in text
    assert "不评等（未审计）" in show.term_table(found, run()).markdown()
    assert "尚未审计" in show.sentence(found, run()).text
    said = show.province_sentence(found, run()).text
    assert "评分 2 个，其中 1 个只有一年账户，另有 1 个得分区间跨两个等级" in said
    assert "1 个尚未审计" in said


def test_what_long_term_weather_leaves_in_is_told(result):
    text = show.dossiers(result, run()).markdown()
    assert text.count("NPP、植被覆盖、水电等仍含当年气象") == 4
    assert "不会造成下降" not in text


def test_pack_without_register_says_so():
    none = Registers(type(registers().pack)({}, {}), 2023)
    found = assessed(evidence(history(A, FLAT), none))
    assert "没有领导干部任期登记" in show.sentence(found, run()).text
    assert "没有领导干部任期登记" in show.province_sentence(found, run()).text
    for shown in (show.term_table, show.dossiers, show.province_grades, show.province_flagged):
        assert shown(found, run()) is None


def test_blocks_are_one_output_in_every_format():
    table = Table(pd.DataFrame({"甲": [1]}), "表")
    bundle = Blocks(
        [Prose("#### 标题"), Prose("**粗** <b>"), table, Callout("warning", "注意", "文")]
    )._repr_mimebundle_()
    assert bundle["text/markdown"].startswith("#### 标题\n\n**粗** <b>\n\n| 甲 |")
    assert "<h4>标题</h4>" in bundle["text/html"]
    assert "<p><strong>粗</strong> &lt;b&gt;</p>" in bundle["text/html"]
    assert bundle["text/plain"].endswith("注意\n文")
