"""The index lists every county, links what is there and says why the rest is not."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest
from fake_release import OUTSIDE, YEAR

from gepbook import counties, paths
from gepbook.inputs.pack import Pack
from gepbook.publish import render, site


@pytest.fixture(scope="module")
def pack():
    return Pack.open(paths.OPEN_PACK)


class Rows(HTMLParser):
    """Collects the rows of the list and the links of the page."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.links, self.fills = {}, [], {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "data-find" in given:
            self.rows[given["data-code"]] = given["data-find"]
        if tag == "path" and "id" in given:
            self.fills[given["id"][1:]] = given["fill"]
        if "href" in given:
            self.links.append(given["href"])


@pytest.fixture
def index(release, pack):
    for code in ("331181", "330127"):
        render.render_county(release, code, YEAR, ["html"], "builtin")
    (release / "failed" / "330102" / str(YEAR) / "accounting").mkdir(parents=True)
    return site.write_site(release, pack)


def test_every_county_can_be_found_and_is_on_the_map(index):
    page = Rows(index.read_text(encoding="utf-8"))
    names = counties.read()
    assert set(page.rows) == set(names.index) == set(page.fills)
    for code, row in names.iterrows():
        for word in (code, row["name_zh"], row["name_en"].lower(), row["prefecture"]):
            assert word in page.rows[code]


def test_links_lead_somewhere_and_nothing_needs_the_network(index):
    text = index.read_text(encoding="utf-8")
    assert not OUTSIDE.search(text)
    links = [link for link in Rows(text).links if not link.startswith("#")]
    assert "counties/331181-2023.html" in links
    for link in links:
        assert (index.parent / link).exists(), link


def test_counties_without_a_result_say_why(index):
    text = index.read_text(encoding="utf-8")
    page = Rows(text)
    row = re.search(r'<tr data-code="330102".*?</tr>', text, re.DOTALL)[0]
    assert "运行失败 failed: accounting" in row
    row = re.search(r'<tr data-code="330105".*?</tr>', text, re.DOTALL)[0]
    assert "未运行" in row
    assert page.fills["330105"] == site.NO_RESULT
    assert page.fills["331181"] != site.NO_RESULT
    assert "90 个县（市、区）中 2 个有结果" in text


def test_downloads_hold_the_ledger_and_open_in_a_spreadsheet(index):
    table = pd.read_csv(index.parent / "data" / "counties-2023.csv", dtype={"county_code": "str"})
    assert len(table) == len(counties.read())
    own = table.set_index("county_code").loc["331181"]
    assert own["gep_cny"] == 1.5e9
    assert own["gep_per_km2_cny"] == 1.5e6  # 1.5e9 CNY / 1000 km²
    assert (index.parent / "data" / "counties-2023.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    ledger = pd.read_parquet(index.parent / "data" / "ledger-2023.parquet")
    assert set(ledger["county_code"]) == {"331181", "330127"}


def test_neighbours_share_borders_on_the_map(pack):
    drawn = site.outline(pack.boundaries)
    assert set(drawn.paths) == set(counties.read().index)
    assert all(path.startswith("M") and path.endswith("z") for path in drawn.paths.values())
    assert sum(map(len, drawn.paths.values())) < 250_000


def test_release_without_results_still_has_a_page(tmp_path, pack):
    text = site.write_site(tmp_path / "空 r", pack).read_text(encoding="utf-8")
    assert len(Rows(text).rows) == len(counties.read())
    assert "90 个县（市、区）中 0 个有结果" in text


SCRIPT = """
<script>
const found = {};
search.value = "LONGQUAN"; search.dispatchEvent(new Event("input"));
found.search = rows.filter((row) => !row.hidden).map((row) => row.dataset.code);
search.value = ""; search.dispatchEvent(new Event("input"));
const gep = table.tHead.rows[0].cells[3];
gep.querySelector("button").click();
found.first = body.rows[0].dataset.code; found.sorted = gep.getAttribute("aria-sort");
gep.querySelector("button").click();
found.up = [0, 1].map((i) => body.rows[i].dataset.code);
document.title = "RESULT" + JSON.stringify(found);
</script></body>
"""


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH")
def test_search_and_sorting_work_in_a_browser(index):
    page = index.with_name("try.html")
    text = index.read_text(encoding="utf-8").replace("</body>", SCRIPT)
    page.write_text(text, encoding="utf-8")
    run = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
    )
    found = json.loads(re.search(r"<title>RESULT(.*?)</title>", run.stdout.decode())[1])
    assert found == {
        "search": ["331181"],
        "first": "330127",
        "sorted": "descending",
        "up": ["331181", "330127"],
    }
