"""Tables, sentences and boxes read the same in Markdown and HTML."""

import numpy as np
import pandas as pd
import pypandoc
import pytest

from gepbook.publish.display import (
    PADDING,
    PAGE,
    Callout,
    Picture,
    Table,
    escape,
    new_figure,
    percent,
    pipe_table,
    significant,
    wan,
    yi,
)


def to_html(markdown):
    return pypandoc.convert_text(markdown, "html", format="markdown").replace("\n", " ")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (yi(111_690_600_000.0), "1,116.91"),
        (wan(416_086_800.0), "41,608.7"),
        (percent(0.0668), "6.7%"),
        (significant(0.0), "0"),
        (significant(1234567.0), "1,234,567"),
        (significant(0.012345), "0.01235"),
        (significant(-3.14159), "-3.142"),
    ],
)
def test_numbers_are_shown_for_readers(shown, expected):
    assert shown == expected


@pytest.mark.parametrize(
    "text", ["a|b", "*x*", "_y_", "<b>", "[z](u)", "$1$ ~ ^2^", "`c`", "a@b", "#1"]
)
def test_escaped_text_survives_pandoc(text):
    plain = pypandoc.convert_text(escape(text), "plain", format="markdown")
    assert plain.strip() == text


def test_table_has_caption_right_numbers_badges_dashes_and_note():
    frame = pd.DataFrame({"服务": ["固碳|释氧"], "值": [np.nan], "性质": ["示例"]})
    page = to_html(Table(frame, "分项 Items", {"值": yi}, note="注 *一*").markdown())
    assert "<caption>" in page
    assert "分项 Items" in page
    assert "固碳|释氧" in page
    assert 'style="text-align: right;">—</td>' in page
    assert '<span class="origin illustrative">示例</span>' in page
    assert '<span class="note">注 *一*</span>' in page


def test_lights_become_badges():
    table = Table(pd.DataFrame({"评判": ["良好", "关注", "不佳", "不评"]}), "成绩 Lights")
    page = to_html(table.markdown())
    for light, name in (("good", "良好"), ("watch", "关注"), ("poor", "不佳"), ("none", "不评")):
        assert f'<span class="light {light}">{name}</span>' in page
        assert f'border-radius:3px">{name}</span>' in table.html()


def test_html_of_a_table_escapes_and_marks_origins():
    shown = Table(pd.DataFrame({"a<b": ["x&y"], "性质": ["实测"]}), "c<d").html()
    assert "a&lt;b" in shown
    assert "x&amp;y" in shown
    assert "c&lt;d" in shown
    assert "background:#dff1e8" in shown


def test_table_without_rows_shows_dashes():
    assert "| — | — |" in Table(pd.DataFrame(columns=["a", "b"]), "none").markdown()


def test_every_bundle_has_markdown_and_plain_text():
    shown = [Table(pd.DataFrame({"a": [1]}), "c"), Callout("sound", "t", "x")]
    for thing in shown:
        assert {"text/markdown", "text/html", "text/plain"} <= set(thing._repr_mimebundle_())


def test_wide_tables_fit_the_page_and_keep_short_columns_whole():
    names = ["性质", "来源", "参数"]
    row = ["示例", "很长的来源说明" * 30, "climate_regulation.transpiration_heat"]
    rule = pipe_table(names, [row]).splitlines()[1]
    shares = [len(part) for part in rule.strip("|").split("|")]
    assert sum(shares) <= PAGE
    assert shares[0] == 4 + PADDING  # two wide characters
    assert shares[2] >= len("transpiration_") + PADDING


def test_callout_is_a_notice_with_plain_text():
    page = to_html(Callout("warning", "演示", "a*b* {x}").markdown())
    assert '<div class="notice warning">' in page
    assert "a*b* {x}" in page


def test_pictures_of_the_same_data_are_the_same_bytes():
    def picture():
        figure, axes = new_figure()
        axes.plot([1, 2])
        return Picture(figure)._repr_png_()

    assert picture() == picture()
