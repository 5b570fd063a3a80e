"""Reports in every format, made by the built-in renderer."""

import re
import shutil
import zipfile

import pypdf
import pytest
from fake_release import OUTSIDE, YEAR, chapter, put

from gepbook.errors import StageError
from gepbook.publish import quarto, render


def pdf_text(path):
    return "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def docx_text(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return re.sub("<[^>]+>", "", archive.read("word/document.xml").decode())


@pytest.fixture
def page(release):
    (path,) = render.render_county(release, "331181", YEAR, ["html"], "builtin")
    return path.read_text(encoding="utf-8")


def test_html_is_whole_and_asks_nothing_of_the_network(page):
    assert page.rstrip().endswith("</html>")
    assert not OUTSIDE.search(page)
    assert "data:image/png;base64," in page
    assert "<math" in page
    assert 'lang="zh' in page


def test_html_numbers_captions_and_marks_origins_and_english(page):
    assert '表 1　龙泉市 结果 <span class="en" lang="en">Results</span>' in page
    assert "图 4　构成" in page
    assert '<span class="origin illustrative">示例</span>' in page
    assert 'class="notice warning" role="note"' in page
    assert '总表 <span class="en" lang="en">Summary</span>' in page


def test_html_hides_code_and_parameters(page):
    for hidden in ("hidden", "/secret/run", "show.table"):
        assert hidden not in page


def test_each_county_has_its_own_name_and_figure(release):
    for code, name, figure in (("331181", "龙泉市", "15.00"), ("330127", "淳安县", "25.00")):
        (path,) = render.render_county(release, code, YEAR, ["html"], "builtin")
        text = path.read_text(encoding="utf-8")
        assert name in text
        assert figure in text
        assert ("淳安县" if code == "331181" else "龙泉市") not in text


def test_pdf_holds_the_text_and_its_fonts(release):
    (path,) = render.render_county(release, "331181", YEAR, ["pdf"], "builtin")
    text = pdf_text(path)
    for words in ("龙泉市", "目录", "演示结果", "1,500,000,000", "示例", "Summary"):
        assert words in text
    assert "/secret/run" not in text
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pypdf.PdfReader(path).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert any("NotoSansCJKsc" in font for font in fonts)


def test_docx_opens_with_contents_captions_and_styles(release):
    (path,) = render.render_county(release, "331181", YEAR, ["docx"], "builtin")
    text = docx_text(path)
    for words in ("龙泉市", "目录", "表 1", "图 1", "1,500,000,000"):
        assert words in text
    with zipfile.ZipFile(path) as archive:
        styles = archive.read("word/styles.xml").decode()
        used = set(
            re.findall(
                r'w:(?:r|p)Style w:val="([^"]+)"', archive.read("word/document.xml").decode()
            )
        )
    assert used <= set(re.findall(r'w:styleId="([^"]+)"', styles))


def test_bulletin_in_all_formats(release):
    paths = render.render_bulletin(release, YEAR, renderer="builtin")
    assert [path.name for path in paths] == [f"bulletin-2023.{f}" for f in ("html", "pdf", "docx")]
    assert "浙江省" in pdf_text(paths[1])
    assert "浙江省" in docx_text(paths[2])


def test_current_reports_are_left_and_changed_ones_redone(release):
    (path,) = render.render_county(release, "331181", YEAR, ["html"], "builtin")
    first = path.stat().st_mtime_ns
    render.render_county(release, "331181", YEAR, ["html"], "builtin")
    assert path.stat().st_mtime_ns == first
    path.write_text("spoilt", encoding="utf-8")
    render.render_county(release, "331181", YEAR, ["html"], "builtin")
    assert "龙泉市" in path.read_text(encoding="utf-8")
    changed = chapter("inventory", "331181")
    changed.cells[4].source = "## 新标题 New"
    put(release, "inventory", "331181", changed)
    render.render_county(release, "331181", YEAR, ["html"], "builtin")
    assert "新标题" in path.read_text(encoding="utf-8")


def test_failure_leaves_the_former_report_and_no_rubbish(release, monkeypatch):
    (path,) = render.render_county(release, "331181", YEAR, ["html"], "builtin")
    before = path.read_bytes()

    def fail(source, form):
        raise StageError("no")

    monkeypatch.setattr(render.builtin, "render", fail)
    with pytest.raises(StageError):
        render.render_county(release, "331181", YEAR, ["html"], "builtin", force=True)
    assert path.read_bytes() == before
    assert [p.name for p in (path.parent / ".rendered").iterdir()] == [f"{path.name}.json"]


def test_broken_typst_is_one_sentence(release, tmp_path):
    source = tmp_path / "report.qmd"
    source.write_text("`#unknown()`{=typst}", encoding="utf-8")
    with pytest.raises(StageError, match="typst: cannot set"):
        render.builtin.render(source, "pdf")


def test_misspelt_renderer_is_named():
    with pytest.raises(StageError, match="Did you mean 'builtin'"):
        render.choose("bultin")


def test_auto_takes_builtin_without_quarto_and_quarto_is_refused(monkeypatch):
    monkeypatch.setattr(quarto.shutil, "which", lambda name: None)
    quarto.version.cache_clear()
    assert render.choose("auto") == "builtin"
    with pytest.raises(StageError, match=r"needs Quarto 1\.4"):
        render.choose("quarto")
    quarto.version.cache_clear()


FAKE = """#!/bin/sh
if [ "$1" = --version ]; then echo {version}; exit; fi
test -f _quarto.yml && test -f theme/report.css || exit 3
grep -q output-dir _quarto.yml && exit 4
{body}
"""


def fake_quarto(tmp_path, monkeypatch, version, body):
    program = tmp_path / "bin" / "quarto"
    program.parent.mkdir()
    program.write_text(FAKE.format(version=version, body=body), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    quarto.version.cache_clear()


@pytest.fixture
def _forget_quarto():
    yield
    quarto.version.cache_clear()


@pytest.mark.usefixtures("_forget_quarto")
def test_quarto_gets_the_same_source_beside_its_settings(release, tmp_path, monkeypatch):
    fake_quarto(
        tmp_path, monkeypatch, "1.6.40", 'echo "= 龙泉市" > "${2%.qmd}.typ"; echo "$@" > ../asked'
    )
    (path,) = render.render_county(release, "331181", YEAR, ["pdf"])
    assert path.read_bytes().startswith(b"%PDF")
    asked = (path.parent / ".rendered" / "asked").read_text(encoding="utf-8")
    assert asked.strip() == "render report.qmd --to typst -M output-ext:typ --no-execute"


@pytest.mark.usefixtures("_forget_quarto")
def test_quarto_failure_is_one_sentence_with_a_log(release, tmp_path, monkeypatch):
    fake_quarto(tmp_path, monkeypatch, "1.4.0", "echo start; echo 'ERROR: bad filter'; exit 1")
    with pytest.raises(StageError, match=r"quarto 1\.4\.0: ERROR: bad filter") as caught:
        render.render_county(release, "331181", YEAR, ["html"])
    log = str(caught.value).rpartition("log: ")[2]
    assert "start" in (release / log).read_text(encoding="utf-8")


@pytest.mark.usefixtures("_forget_quarto")
def test_old_quarto_is_not_used(tmp_path, monkeypatch):
    fake_quarto(tmp_path, monkeypatch, "1.3.450", "exit 1")
    assert render.choose("auto") == "builtin"


@pytest.mark.quarto
@pytest.mark.skipif(shutil.which("quarto") is None, reason="quarto is not on PATH")
@pytest.mark.parametrize("form", render.FORMATS)
def test_real_quarto_makes_the_same_report(release, form):
    (path,) = render.render_county(release, "331181", YEAR, [form], "quarto")
    if form == "html":
        text = path.read_text(encoding="utf-8")
        assert not OUTSIDE.search(text)
    else:
        text = pdf_text(path) if form == "pdf" else docx_text(path)
    for words in ("龙泉市", "1,500,000,000", "表 1", "图 1", "目录"):
        assert words in text
    assert "/secret/run" not in text
