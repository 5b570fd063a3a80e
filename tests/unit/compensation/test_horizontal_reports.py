"""What reports say of horizontal compensation, also where a pack lacks registers."""

import pytest
from provincial_pool import make_province

from gepbook.compensation import Compensation, flows, horizontal
from gepbook.compensation.scheme import SchemeResult
from gepbook.publish.compensation import horizontal as pages

COUNTY = (
    pages.sentence, pages.basin_table, pages.neighbour_table, pages.basin_figure,
    pages.agreement_table, pages.purchase_table, pages.cross_province_table,
)  # fmt: skip
PROVINCE = (
    pages.province_sentence, pages.province_index_table, pages.province_cross_province_table,
    pages.province_agreement_table, pages.province_basin_table, pages.province_basin_figure,
    pages.province_purchase_table,
)  # fmt: skip


class Asked:
    """The county and year of a run; nothing else of it may be used."""

    def __init__(self, county_code=None, year=2023):
        self.year = year
        if county_code is not None:
            self.county_code = county_code


def compensated(year=2023, result=None):
    province = make_province(year)
    found = horizontal.compute(province) if result is None else result
    book = flows.build(found.flows, year)
    return Compensation(
        entries=[], county_code=None, flows=book, schemes={horizontal.SCHEME.id: found},
        province=province,
    )  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return compensated()


def shown(page, result, code):
    item = page(result, Asked(code))
    return "" if item is None else item._repr_mimebundle_()["text/plain"]


def test_a_county_of_a_settled_basin_sees_its_neighbours(result):
    text = shown(pages.sentence, result, "331125")
    assert "云和县位于瓯江流域，其中瓯江按全流域结算" in text
    assert "Horizontal compensation: received" in text
    assert "龙泉市\t上游" in shown(pages.neighbour_table, result, "331125")
    assert "崇头镇" in shown(pages.purchase_table, result, "331125")
    assert "208.46" in pages.purchase_table(result, Asked("331125")).note


def test_a_county_of_another_basin_sees_what_it_would_come_to(result):
    assert "只测算、不结算" in shown(pages.sentence, result, "330824")
    assert "仅测算" in shown(pages.basin_table, result, "330824")
    assert "开化县\t常山县" in shown(pages.agreement_table, result, "330824")


def test_a_county_without_a_river_is_told_so(result):
    assert "不在八大水系" in shown(pages.sentence, result, "330922")
    assert [page(result, Asked("330922")) for page in COUNTY[1:]] == [None] * 6


def test_p_is_shown_where_the_section_lies(result):
    assert "2008\t无\t" in shown(pages.cross_province_table, result, "330127")
    assert pages.cross_province_table(result, Asked("331125")) is None


def test_the_province_sees_all_parts(result):
    texts = [shown(p, result, None) for p in PROVINCE if p is not pages.province_basin_figure]
    assert all(texts)
    assert "安徽省" in texts[2]
    assert texts[4].count("仅测算") == 7


@pytest.mark.parametrize("code", ["331125", "330182"])
def test_basins_are_drawn(result, code):
    assert pages.basin_figure(result, Asked(code))._repr_png_().startswith(b"\x89PNG")


def test_years_without_a_round_pay_nothing_and_say_so():
    page = pages.province_cross_province_table(compensated(2021), Asked(year=2021))
    assert "2021 年没有执行中的一轮新安江协议，当年不付款" in page.text


def test_nothing_is_shown_of_what_was_left_out():
    none = compensated(result=SchemeResult(lacking=("water_sections",)))
    assert "数据包缺少断面水质" in shown(pages.sentence, none, "331125")
    assert "横向补偿收付" in shown(pages.sentence, none, "331125")
    assert [p(none, Asked("331125")) for p in COUNTY[1:-1]] == [None] * 5
    assert [p(none, Asked()) for p in PROVINCE[1:]] == [None] * 6
