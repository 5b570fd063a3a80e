"""What the overview and the vertical chapter say is what the flow ledger holds."""

import pandas as pd
import pytest
from openpyxl import load_workbook
from provincial_pool import make_pool, make_run

from gepbook import compensation, counties
from gepbook.compensation import flows
from gepbook.publish import compensation as show
from gepbook.publish.compensation import workbook
from gepbook.publish.display import wan, yi

CODE, NAME = "331181", "龙泉市"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("out"), CODE)


@pytest.fixture(scope="module")
def result(run):
    return compensation.of_province(run, make_pool())


def test_the_headline_is_the_county_s_balance(result, run):
    text = show.overview.headline(result, run).text
    sums = flows.by_scheme(result.flows, CODE).sum()
    assert NAME in text
    for amount in sums:
        assert f"{wan(amount)} 万元" in text


def test_the_table_of_schemes_adds_up_and_says_where_rules_come_from(result, run):
    table = show.overview.scheme_table(result, run)
    net = [float(row[3].replace(",", "")) for row in table.rows]
    assert net[-1] == pytest.approx(sum(net[:-1]), abs=0.1 * len(net))
    assert all(row[4] != "—" for row in table.rows[:-1])


def test_the_matrix_holds_every_payment(result, run):
    table = show.overview.province_matrix(result, run)
    assert table.rows[-1][0] == "合计"
    whole = float(table.rows[-1][-1].replace(",", ""))
    assert whole == pytest.approx(result.flows["amount_cny"].sum() / 1e8, abs=0.01)
    assert {"丽水", "浙江", "安徽"} <= set(table.names)


def test_the_bulletin_says_that_it_closes(result, run):
    text = show.overview.province_headline(result, run).text
    assert f"{yi(result.flows['amount_cny'].sum())} 亿元" in text
    assert "各方净额之和为 0.00 元" in text or "各方净额之和为 -0.00 元" in text
    schemes = show.overview.province_schemes(result, run)
    assert len(schemes.rows) == len(result.schemes)
    positions = show.overview.province_net_table(result, run)
    assert len(positions.rows) == len(counties.read())


@pytest.mark.parametrize("picture", ["payment_map", "province_map"])
def test_maps_are_drawn(result, run, picture):
    assert getattr(show.overview, picture)(result, run)._repr_png_()[:4] == b"\x89PNG"


def test_rules_are_counted_by_what_is_known_of_them(result, run):
    table = show.overview.rule_table(result, run)
    assert {row[0] for row in table.rows} == {s.name_zh for s in compensation.SCHEMES}
    for row in table.rows:
        assert int(row[2]) == sum(map(int, row[3:6]))


def test_a_what_if_stands_beside_the_rules(result, run):
    assert show.overview.what_if_table(result, None, run) is None
    assert show.overview.what_if_matrix(None, run) is None
    changed = compensation.what_if(run, result, {"vertical_compensation.budget_cny": 0.0})
    table = show.overview.what_if_table(result, changed, run)
    by_name = {row[0]: row for row in table.rows}
    assert by_name["横向生态保护补偿"][3] == "0.0"
    assert by_name["纵向生态保护补偿"][1] != by_name["纵向生态保护补偿"][2]
    assert "vertical_compensation.budget_cny" in table.note


@pytest.mark.parametrize(
    "name", ["sentence", "factor_table", "stability_figure", "incentive_table", "livelihood_table",
             "supervision_table", "province_sources", "province_stability", "province_map",
             "province_supervision"],
)  # fmt: skip
def test_the_vertical_chapter_shows_itself(result, run, name):
    shown = getattr(show.vertical, name)(result, run)
    assert shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else shown._repr_png_()


def test_the_parts_of_the_fund_add_up_in_the_report(result, run):
    table = show.vertical.factor_table(result, run)
    amounts = [float(row[-1].replace(",", "")) for row in table.rows]
    assert amounts[-1] == pytest.approx(sum(amounts[:-1]), abs=1.0)


def test_the_workbook_holds_all_payments_by_name(result, tmp_path):
    whole = compensation.of_province(make_run(tmp_path, code=None), make_pool())
    for name, table in whole.files.items():
        table.to_parquet(tmp_path / name, index=False)
    workbook.write_workbook(tmp_path, tmp_path / "paid.xlsx")
    book = load_workbook(tmp_path / "paid.xlsx", read_only=True)
    rows = list(book[workbook.FLOWS_SHEET].iter_rows(values_only=True))
    assert len(rows) == len(result.flows) + 1
    assert "payer_zh" in rows[0]
    positions = pd.DataFrame(book[workbook.POSITIONS_SHEET].iter_rows(values_only=True, min_row=2))
    assert round(positions[4].sum(), 2) == 0
    assert {"vertical.stability", "trading.trades"} <= set(book.sheetnames)
