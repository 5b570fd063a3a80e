"""What the reports say of enclaves, the resource bank and charges, also where they do not apply."""

import pandas as pd
import pytest
from fake_pack import FakePack
from provincial_pool import make_pool

from gepbook import compensation, counties, params
from gepbook.compensation import Compensation, flows
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Province, Registers
from gepbook.publish.compensation import charges, enclave, resource_bank
from gepbook.run import Run

MODULES = {"enclave": enclave, "resource_bank": resource_bank, "charges": charges}
COUNTY_CELLS = {
    "enclave": ("sentence", "settlement_table", "share_table"),
    "resource_bank": ("sentence", "parcel_table", "demand_table"),
    "charges": ("sentence", "charge_table", "recovery_table"),
}
PROVINCE_CELLS = {
    "enclave": ("province_sentence", "province_table", "province_figure"),
    "resource_bank": ("province_sentence", "province_table", "province_reason_table"),
    "charges": ("province_sentence", "province_table", "province_recovery_table"),
}


class County:
    """As much of a run as the county's cells ask for."""

    def __init__(self, county_code):
        self.county_code = county_code


def result_of(pack):
    rules = params.resolve(None, 2023, "db33-2020")
    province = Province(make_pool(), Registers(pack, 2023), rules)
    found = {name: getattr(compensation, name).SCHEME.compute(province) for name in MODULES}
    paid = flows.build((row for result in found.values() for row in result.flows), 2023)
    return Compensation([], None, paid, found, province)


@pytest.fixture(scope="module")
def result():
    return result_of(Pack.open(OPEN_PACK))


def text(shown):
    return shown._repr_mimebundle_()["text/markdown"]


@pytest.mark.parametrize("name", MODULES)
def test_every_county_has_its_sentence(result, name):
    for code in counties.read().index:
        said = text(MODULES[name].sentence(result, County(code)))
        assert said.startswith(counties.name_zh(code))
        assert "nan" not in said


def test_tables_of_a_county_concerned(result):
    """文成 is a partner of an enclave, 淳安 collects parcels."""
    shares = text(enclave.share_table(result, County("330328")))
    assert "文泰瑞飞地" in shares
    assert "泰顺县" in shares
    assert "权重（出资 50.0%、用地指标 20.0%、调节服务供给 30.0%）" in shares
    assert "文泰瑞飞地" in text(enclave.settlement_table(result, County("330328")))
    assert "330127-" in text(resource_bank.parcel_table(result, County("330127")))
    assert "1,263.16" in text(charges.charge_table(result, County("330127")))
    assert "成本回收率" in text(charges.recovery_table(result, County("330127")))


def test_tables_of_a_county_not_concerned(result):
    """上城 is a partner of no enclave."""
    assert enclave.settlement_table(result, County("330102")) is None
    assert enclave.share_table(result, County("330102")) is None


def test_demands_of_a_county(result):
    wanted = result.schemes["resource_bank"].tables["demands"]
    shown = text(resource_bank.demand_table(result, County(wanted["county_code"].iloc[0])))
    assert wanted["demand_id"].iloc[0] in shown


@pytest.mark.parametrize("name", MODULES)
def test_bulletin(result, name):
    for cell in PROVINCE_CELLS[name]:
        shown = getattr(MODULES[name], cell)(result, Run)
        assert shown is not None
        if cell.endswith("figure"):
            assert shown._repr_png_().startswith(b"\x89PNG")
        else:
            assert "nan" not in text(shown)


@pytest.mark.parametrize("name", MODULES)
def test_without_registers_it_is_said(name):
    nothing = result_of(FakePack({}, {}))
    module = MODULES[name]
    assert "数据包缺少" in text(module.sentence(nothing, County("330102")))
    assert "数据包缺少" in text(module.province_sentence(nothing, Run))
    cells = [*COUNTY_CELLS[name][1:], *PROVINCE_CELLS[name][1:]]
    assert all(getattr(module, cell)(nothing, County("330102")) is None for cell in cells)


def test_demands_that_are_not_there_this_year():
    """Parcels without demands of the year: the scheme is left out, and the sentence names the table."""
    columns = ["parcel_id", "county_code", "status", "collected_on", "unit_id"]
    pack = FakePack({"resource_parcels": pd.DataFrame(columns=columns)}, {})
    said = text(resource_bank.sentence(result_of(pack), County("330102")))
    assert "资源需求" in said
