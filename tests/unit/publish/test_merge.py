"""A report holds what a reader should see of its own county's notebooks, and nothing else."""

import nbformat
import pytest
from fake_release import YEAR, chapter, code, display, notebook, put

from gepbook.errors import StageError
from gepbook.publish import merge
from gepbook.run import stage_dir


def test_county_report_has_its_chapters_in_order_and_its_own_figure(release):
    report = merge.county_report(release, "331181", YEAR)
    heads = [line for line in report.body.splitlines() if line.startswith("# ")]
    names = ["inventory", "accounting", "compensation", "assessment"]
    assert [head.split()[1] for head in heads] == names
    assert "龙泉市" in report.metadata["title"]
    assert "1,500,000,000" in report.body
    assert "2,500,000,000" not in report.body
    assert "15.00" in report.metadata["abstract"]  # 1.5e9 CNY = 15 亿元
    assert "示例" in report.metadata["abstract"]


def test_code_parameters_and_removed_cells_stay_behind(release):
    text = merge.county_report(release, "331181", YEAR).text()
    for hidden in ("hidden_default", "/secret/run", "hidden_import", "hidden output", "show.table"):
        assert hidden not in text


def test_pictures_keep_their_caption_and_get_a_name_of_their_own(release):
    report = merge.county_report(release, "331181", YEAR)
    assert set(report.pictures) == {
        f"{stage}-1.png" for stage in ("inventory", "accounting", "compensation", "assessment")
    }
    assert "![构成 Composition](inventory-1.png){width=59%" in report.body  # 4 in of 6.8 in


def test_the_scorecard_stands_on_a_page_of_its_own_before_the_chapters(release):
    scorecard = code("show.card()", display({"text/markdown": "评判一览"}), tags=["front"])
    text = code("show.more()", display({"text/markdown": "龙泉市的依据"}))
    put(release, "assessment", "331181", notebook("考核 篇", "331181", scorecard, text))
    body = merge.county_report(release, "331181", YEAR).body
    assert body.startswith("# 成绩单 Scorecard\n\n评判一览\n\n# inventory")
    assert body.count("评判一览") == 1
    assert "龙泉市的依据" in body.split("# 考核")[1]


def test_report_of_another_county_is_refused(release):
    put(release, "accounting", "331181", chapter("accounting", "330127"))
    with pytest.raises(StageError, match=r"county_code = '330127', expected '331181'"):
        merge.county_report(release, "331181", YEAR)


def test_report_that_does_not_name_its_county_is_refused(release):
    for stage in ("inventory", "accounting", "compensation", "assessment"):
        put(release, stage, "331181", notebook("空 篇", "331181"))
    with pytest.raises(StageError, match="龙泉市 is not named in it"):
        merge.county_report(release, "331181", YEAR)


def test_all_missing_and_failed_notebooks_are_named_at_once(release):
    (stage_dir(release, "inventory", "331181", YEAR) / "notebook.ipynb").unlink()
    error = nbformat.v4.new_output("error", ename="CoverageError", evalue="no rain", traceback=[])
    put(release, "assessment", "331181", notebook("败", "331181", code("compute()", error)))
    with pytest.raises(StageError) as caught:
        merge.county_report(release, "331181", YEAR)
    first, second = caught.value.problems
    assert "inventory" in first
    assert "CoverageError: no rain" in second
    assert "--counties 331181 --years 2023 --force" in second


def test_front_matter_that_is_no_yaml_is_explained(release):
    broken = chapter("inventory", "331181")
    broken.cells[0].source = "---\ntitle: a\nsubtitle: b: c\n---"
    put(release, "inventory", "331181", broken)
    with pytest.raises(StageError, match="colon in quotes"):
        merge.county_report(release, "331181", YEAR)


def test_plain_output_is_shown_as_it_is():
    found = merge.chapter(
        notebook("题", "331181", code("x", display({"text/plain": "1 < 2"}))), "s", "path"
    )
    assert found.body == "```\n1 < 2\n```"


def test_bulletin_keeps_its_own_headings(release):
    report = merge.bulletin_report(release, YEAR)
    assert report.metadata["title"] == "bulletin 篇（2023 年）"
    assert report.body.startswith("# 总表 Summary")


def test_fingerprint_follows_text_and_pictures(release):
    report = merge.county_report(release, "331181", YEAR)
    other = merge.Document(report.metadata, report.body, {**report.pictures, "x.png": b"1"})
    assert report.fingerprint() == merge.county_report(release, "331181", YEAR).fingerprint()
    assert report.fingerprint() != other.fingerprint()
