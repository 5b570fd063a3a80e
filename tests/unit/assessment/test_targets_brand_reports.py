"""Targets and brands in the reports: what counties and the province are shown, and what is left out."""

import pandas as pd
import pytest
from fake_pack import FakePack
from provincial_pool import make_pool, make_run

from gepbook import params, paths
from gepbook.assessment import Assessment, brand, targets
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers
from gepbook.publish.assessment import brand as show_brand
from gepbook.publish.assessment import targets as show_targets
from gepbook.publish.display import Table
from gepbook.run import open_pack

RULE_FILE = params.resolve(None, 2023, "db33-2020")
MODULES = (show_targets, show_brand)
#: One product: no interval; none at all; three; a brand below its controls.
COUNTIES = ("330523", "330109", "331181", "330112")


def assessment(code, year=2023, pack=None):
    registers = Registers(pack or open_pack(str(paths.OPEN_PACK)), year)
    evidence = Evidence(make_pool(year), registers, RULE_FILE)
    topics = {"brand": brand.compute(evidence, {}), "targets": targets.compute(evidence, {})}
    return Assessment([], code, topics, pd.DataFrame(), evidence)


@pytest.fixture(scope="module")
def whole():
    return assessment(None)


def functions(module, *, province):
    names = [name for name in dir(module) if not name.startswith("_")]
    found = [getattr(module, name) for name in names]
    mine = [f for f in found if getattr(f, "__module__", "") == module.__name__]
    return [
        f
        for f in mine
        if f.__name__.startswith(("province", "source")) == province
    ]  # fmt: skip


def text(shown):
    return shown._repr_mimebundle_()["text/plain"]


def check_shown(shown):
    """A table has at most eight columns and holds no bare NaN; nothing says nan."""
    if shown is None:
        return
    if isinstance(shown, Table):
        assert len(shown.names) <= 8
        assert shown.note
    said = shown._repr_png_() if hasattr(shown, "_repr_png_") else text(shown)
    assert said
    if isinstance(said, str):
        assert "nan" not in said.lower().replace("finance", "")


@pytest.mark.parametrize("code", COUNTIES)
def test_every_county_function_shows_something_sound(whole, code, tmp_path):
    own = Assessment([], code, whole.topics, whole.cards, whole.evidence)
    run = make_run(tmp_path, code)
    for module in MODULES:
        for function in functions(module, province=False):
            check_shown(function(own, run))


@pytest.mark.parametrize("year", [2020, 2021, 2023])
def test_every_province_function_shows_something_sound(year, tmp_path):
    result, run = assessment(None, year), make_run(tmp_path, year=year)
    for module in MODULES:
        for function in functions(module, province=True):
            check_shown(function(result, run))


def test_packs_without_registers_say_so(tmp_path):
    pack = FakePack({}, {})
    run = make_run(tmp_path)
    for code in (None, "331181"):
        result = assessment(code, pack=pack)
        for module in MODULES:
            for function in functions(module, province=code is None):
                check_shown(function(result, run))
        if code:
            assert "数据包缺少" in text(show_brand.sentence(result, run))


def test_sentence_tells_premium_with_interval_or_that_there_is_none(whole, tmp_path):
    def said(code):
        own = Assessment([], code, whole.topics, whole.cards, whole.evidence)
        return text(show_brand.sentence(own, make_run(tmp_path / code, code)))

    assert "~" in said("331181")
    assert "~" not in said("330523")
    assert "没有可比的区域公用品牌产品" in said("330109")


def test_tracker_shows_lights_and_states(whole, tmp_path):
    shown = show_targets.province_table(whole, make_run(tmp_path))
    lights = dict(zip((row[0] for row in shown.rows), (row[-1] for row in shown.rows), strict=True))
    assert lights["重要自然资源统一确权登记"] == "不佳"
    assert lights["生态产品价值实现机制建立率"] == "关注"
    assert "到期未达到" in shown.note


def test_how_many_counties_report_is_told(tmp_path):
    tourism = open_pack(str(paths.OPEN_PACK)).table("eco_tourism")
    codes = sorted(tourism["county_code"].unique())
    run = make_run(tmp_path)
    for without, told in ((5, "（有数 85 / 90 县）"), (10, "生态旅游有数 80 / 90 县，不计全省")):
        rows = tourism[~tourism["county_code"].isin(codes[:without])]
        result = assessment(None, pack=FakePack({"eco_tourism": rows}, {}))
        assert told in text(show_brand.province_sentence(result, run))
        assert f"有数 {90 - without} / 90 县" in show_brand.province_group_table(result, run).note


def test_the_year_of_a_figure_that_is_not_of_the_year_is_told(tmp_path):
    loans = open_pack(str(paths.OPEN_PACK)).table("loans")
    old = (loans["county_code"] == "331181") & (loans["year"] == 2023)
    result = assessment("331181", pack=FakePack({"loans": loans[~old]}, {}))
    (row,) = show_targets.county_table(result, make_run(tmp_path)).rows
    assert row[2].endswith("（2022）")


def test_control_and_years_are_told_as_they_are(whole, tmp_path):
    note = show_brand.province_brand_table(whole, make_run(tmp_path)).note
    assert "溢价率按截至 2023 年" in note
    assert "同县同年" not in note
    assert set(whole.topics["brand"].table("brand_lines")["control"].dropna()) >= {"邻县同等级"}


def test_what_has_no_control_is_named(whole, tmp_path):
    lines = whole.topics["brand"].table("brand_lines")
    code = lines.loc[lines["unmatched"], "county_code"].iloc[0]
    own = Assessment([], code, whole.topics, whole.cards, whole.evidence)
    shown = show_brand.brand_table(own, make_run(tmp_path, code))
    assert any("无对照，不计溢价" in row for row in shown.rows)
