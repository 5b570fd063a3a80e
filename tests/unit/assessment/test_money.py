"""Money in the wrong unit: found in every register of loans' money, and not where counties are small."""

import pytest

from gepbook import params, paths
from gepbook.assessment import finance, money
from gepbook.province import Registers
from gepbook.run import open_pack

RULES = params.resolve(None, 2023, "db33-2020")
PACK = open_pack(str(paths.OPEN_PACK))
TABLES = ("economy", "eco_tourism", "agricultural_products", "brand_products", "loans")


class Slipped:
    """The open pack with one county's money of some years in another unit."""

    def __init__(self, table, column, factor, years):
        self.slip = table, column, factor, years

    def __getattr__(self, name):
        return getattr(PACK, name)

    def table(self, name):
        table, column, factor, years = self.slip
        frame = PACK.table(name)
        if name == table:
            own = (frame["county_code"] == "331181") & frame["year"].isin(years)
            frame.loc[own, column] *= factor
        return frame


@pytest.mark.parametrize("table", TABLES)
def test_the_counties_of_the_open_pack_pass(table):
    assert money.slips(Registers(PACK, 2023), table, RULES) == []


@pytest.mark.parametrize("years", [[2023], [2020, 2021, 2022, 2023]], ids=["once", "always"])
@pytest.mark.parametrize("factor", [1e4, 1e-4])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("economy", "gdp_cny"),
        ("eco_tourism", "value_added_cny"),
        ("agricultural_products", "output_value_cny"),
        ("loans", "loans_cny"),
        ("loans", "green_loans_cny"),
    ],
)
def test_a_slip_of_unit_is_found(table, column, factor, years):
    registers = Registers(Slipped(table, column, factor, years), 2023)
    found = money.slips(registers, table, RULES)
    assert any(f"{column} per person is" in problem for problem in found)
    assert any("times that of the year before" in problem for problem in found) == (len(years) == 1)


def test_loans_are_checked_for_slips():
    registers = Registers(Slipped("loans", ["loans_cny"], 1e4, [2023]), 2023)
    found = finance.TOPIC.check(registers, RULES)
    assert any("looks like CNY for 万元. Give it in CNY" in problem for problem in found), found
