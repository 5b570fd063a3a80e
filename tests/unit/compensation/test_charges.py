"""Charges and taxes: rates by hand, years with two rates, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import counties, params
from gepbook.compensation import charges, flows
from gepbook.compensation.charges import TARIFFS, ChargesParams, charge, per_quantity, recovery
from gepbook.compensation.charges.tariffs import ITEMS, POLLUTANTS, read_tariffs, year_rate
from gepbook.errors import ParameterError
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Province, Registers

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section("charges", ChargesParams)
EQUIVALENTS = RULES.pollutant_equivalents_kg
COUNTY, OWN = "331181", "330482"
HEADER = "item,charge,scope,rate,unit,effective_from,effective_to,source,confidence"
SEWAGE = "sewage_others_m3,sewage_fee"


def written(tmp_path, *lines):
    path = tmp_path / "tariffs.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def tariff(scope="province", rate="1.4", start="2018-01-01", end="", **more):
    values = {"unit": "CNY m-3", "source": "test", "confidence": "medium", "head": SEWAGE, **more}
    return ",".join(
        [
            values["head"],
            scope,
            rate,
            values["unit"],
            start,
            end,
            values["source"],
            values["confidence"],
        ]
    )


def registers(*rows, year=2023):
    frame = pd.DataFrame(rows, columns=["county_code", "year", "item", "quantity"])
    return Registers(FakePack({"charge_quantities": frame}, {}), year)


# Rates


def test_published_rates_of_pollutants_by_hand():
    """CNY t-1: SO2 1.2/0.95·1000 = 1263.16, dust 1.2/4·1000 = 300, COD 1400, NH3-N 1750, TP 5600."""
    tariffs = read_tariffs(TARIFFS)
    found = {
        item: per_quantity(year_rate(tariffs, item, COUNTY, 2023).rate, item, EQUIVALENTS)
        for item in POLLUTANTS
    }
    assert found["so2_t"] == pytest.approx(1263.16, abs=0.005)
    assert found["nox_t"] == found["so2_t"]
    assert found["dust_t"] == pytest.approx(300.0)
    assert found["cod_t"] == pytest.approx(1400.0)
    assert found["ammonia_nitrogen_t"] == pytest.approx(1750.0)
    assert found["total_phosphorus_t"] == pytest.approx(5600.0)


def test_what_is_no_pollutant_costs_its_rate():
    assert per_quantity(0.05, "sand_cny", EQUIVALENTS) == 0.05


def test_rate_that_changes_within_a_year(tmp_path):
    """2022-07-01 is day 182: 181 days at 1.6, 184 at 1.95: (181·1.6 + 184·1.95)/365 = 1.7764384."""
    tariffs = read_tariffs(
        written(
            tmp_path, tariff(rate="1.6", end="2022-06-30"), tariff(rate="1.95", start="2022-07-01")
        )
    )
    found = year_rate(tariffs, "sewage_others_m3", COUNTY, 2022)
    assert found.rate == pytest.approx((181 * 1.6 + 184 * 1.95) / 365, rel=1e-12)
    assert found.rate == pytest.approx(1.7764384, abs=1e-7)
    assert (found.first, found.last) == (1.6, 1.95)
    assert year_rate(tariffs, "sewage_others_m3", COUNTY, 2021).rate == pytest.approx(1.6)
    assert year_rate(tariffs, "sewage_others_m3", COUNTY, 2023).rate == pytest.approx(1.95)


def test_leap_years_have_366_days(tmp_path):
    """From 2020-07-01: 182 days at 1, 184 at 2: 550/366."""
    tariffs = read_tariffs(
        written(tmp_path, tariff(rate="1", end="2020-06-30"), tariff(rate="2", start="2020-07-01"))
    )
    assert year_rate(tariffs, "sewage_others_m3", COUNTY, 2020).rate == pytest.approx(550 / 366)


def test_own_tariff_goes_before_the_provinces_on_its_days(tmp_path):
    """The county's 2.0 holds 31 days of January 2023, then the province's 1.4 for 334."""
    tariffs = read_tariffs(
        written(tmp_path, tariff(), tariff(OWN, "2", "2022-12-01", "2023-01-31", confidence="low"))
    )
    found = year_rate(tariffs, "sewage_others_m3", OWN, 2023)
    assert found.rate == pytest.approx((31 * 2 + 334 * 1.4) / 365)
    assert found.confidence == "low"
    assert year_rate(tariffs, "sewage_others_m3", COUNTY, 2023).confidence == "medium"


def test_days_without_a_rate_are_named(tmp_path):
    tariffs = read_tariffs(written(tmp_path, tariff(start="2023-03-01")))
    found = year_rate(tariffs, "sewage_others_m3", COUNTY, 2023)
    assert len(found.uncovered) == 31 + 28
    nothing = year_rate(tariffs, "sewage_others_m3", COUNTY, 2022)
    assert len(nothing.uncovered) == 365
    assert np.isnan(nothing.rate)


@settings(max_examples=25, deadline=None)
@given(
    day=st.dates(pd.Timestamp("2021-01-01").date(), pd.Timestamp("2024-12-31").date()),
    rates=st.tuples(st.integers(0, 900), st.integers(0, 900)),
)
def test_mean_lies_between_the_rates(tmp_path_factory, day, rates):
    old, new = rates[0] / 100, rates[1] / 100
    before = pd.Timestamp(day) - pd.Timedelta(days=1)
    path = written(
        tmp_path_factory.mktemp("tariffs"),
        tariff(rate=str(old), end=f"{before:%Y-%m-%d}"),
        tariff(rate=str(new), start=f"{day:%Y-%m-%d}"),
    )
    tariffs = read_tariffs(path)
    for year in (2021, 2022, 2023, 2024):
        found = year_rate(tariffs, "sewage_others_m3", COUNTY, year)
        assert min(old, new) - 1e-9 <= found.rate <= max(old, new) + 1e-9
        assert len(found.uncovered) == 0


# Amounts


def test_amounts_to_the_cent():
    """100.5 t of SO2: 100.5 · 1.2/0.95·1000 = 126 947.368… → 126 947.37 CNY."""
    quantities = pd.DataFrame({"county_code": [COUNTY], "item": ["so2_t"], "quantity": [100.5]})
    due = charge(quantities, read_tariffs(TARIFFS), EQUIVALENTS, 2023).iloc[0]
    assert due["amount_cny"] == 126_947.37
    assert due["charge"] == "environmental_protection_tax"


def test_recovery_by_hand():
    """1000 m³ at 0.95 recover half of 1.9 CNY m-3; a household 60 of 0.95 t · 380 = 361 CNY."""
    quantities = pd.DataFrame(
        {
            "county_code": COUNTY,
            "item": ["sewage_households_m3", "waste_households_household", "sand_cny"],
            "quantity": [1000.0, 1.0, 5.0],
        }
    )
    rules = RULES.model_copy(
        update={"sewage_cost_cny_m3": 1.9, "waste_cost_cny_t": 380.0, "household_waste_t": 0.95}
    )
    due = charge(quantities, read_tariffs(TARIFFS), EQUIVALENTS, 2023)
    ratio = recovery(due, rules).set_index("charge")["ratio"]
    assert ratio.to_dict() == pytest.approx({"sewage_fee": 0.5, "waste_fee": 60 / 361})


def test_no_cost_no_recovery():
    quantities = pd.DataFrame(
        {"county_code": [COUNTY], "item": ["sewage_others_m3"], "quantity": [0.0]}
    )
    assert recovery(charge(quantities, read_tariffs(TARIFFS), EQUIVALENTS, 2023), RULES).empty


# The file of tariffs


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (tariff(head="sewage_other_m3,sewage_fee"), "item 'sewage_other_m3' is not known. Did you"),
        (tariff(head="sewage_others_m3,waste_fee"), "charge of .* must be 'sewage_fee'"),
        (tariff(unit="CNY t-1"), "unit of sewage_others_m3 must be 'CNY m-3', got 'CNY t-1'"),
        (tariff(scope="339999"), "scope must be 'province' or a county code, got '339999'"),
        (tariff(rate="-1"), "rate must be a number ≥ 0, got '-1'"),
        (tariff(rate="dear"), "rate must be a number ≥ 0, got 'dear'"),
        (tariff(rate="inf"), "rate must be a number ≥ 0, got 'inf'"),
        (tariff(start="2022-02-30"), "effective_from must be a date YYYY-MM-DD, got '2022-02-30'"),
        (tariff(start=""), "effective_from must be a date YYYY-MM-DD, got ''"),
        (tariff(end="1 July"), "effective_to must be a date YYYY-MM-DD, got '1 July'"),
        (tariff(end="2017-12-31"), "ends on 2017-12-31, before it begins on 2018-01-01"),
        (tariff(confidence="sure"), "confidence must be one of .* got 'sure'"),
        (tariff(source=" "), "source is empty"),
    ],
)
def test_faulty_rows_are_refused(tmp_path, line, message):
    with pytest.raises(ParameterError, match=f"tariffs.csv, line 2: .*{message}"):
        read_tariffs(written(tmp_path, line))


def test_all_faults_are_told_at_once(tmp_path):
    path = written(tmp_path, tariff(rate="-1"), tariff(scope="x"), tariff(start="soon"))
    with pytest.raises(ParameterError) as caught:
        read_tariffs(path)
    assert [re.search(r"line (\d)", p)[1] for p in caught.value.problems] == ["2", "3", "4"]


def test_gaps_and_overlaps_are_refused(tmp_path):
    path = written(
        tmp_path,
        tariff(end="2020-12-31"),
        tariff(start="2021-01-02"),
        tariff(OWN, end="2022-07-01"),
        tariff(OWN, start="2022-07-01"),
        tariff(COUNTY),
        tariff(COUNTY, start="2023-01-01"),
    )
    with pytest.raises(ParameterError) as caught:
        read_tariffs(path)
    first, second, third = caught.value.problems
    assert re.search("line 3: .* leaves a gap after line 2, which ends 2020-12-31", first)
    assert re.search("line 5: .* of 330482 from 2022-07-01 overlaps line 4", second)
    assert re.search("line 7: .* overlaps line 6", third)


def test_wrong_columns_are_refused(tmp_path):
    path = tmp_path / "tariffs.csv"
    path.write_text("item,rate\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="columns must be item, charge"):
        read_tariffs(path)


def test_shipped_tariffs_serve_every_item():
    """Every item of the register has its tariff; two counties have their own; one changes in 2022."""
    tariffs = read_tariffs(TARIFFS)
    words = dictionary.tables()["charge_quantities"].fields["item"].allowed
    assert set(words) == set(ITEMS) == set(tariffs["item"])
    assert len(set(tariffs["scope"]) - {"province"}) >= 2
    assert ((tariffs["effective_from"] == "2022-07-01") & (tariffs["scope"] == "330482")).any()


# Registers and the scheme


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("331199", 2023, "so2_t", 1.0), "line 2: county '331199' is not in"),
        ((COUNTY, 2023, "so3_t", 1.0), "line 2: item 'so3_t' is not known. Did you mean 'so2_t'"),
        ((COUNTY, 2023, "so2_t", np.nan), "line 2: quantity of so2_t is missing"),
    ],
)
def test_faulty_quantities_are_refused(row, message):
    problems = charges.check(registers(row), RULE_FILE)
    assert len(problems) == 1
    assert re.search(message, problems[0])


def test_items_without_a_tariff_are_refused(tmp_path, monkeypatch):
    path = written(tmp_path, tariff(end="2023-06-30"))
    monkeypatch.setattr(charges, "TARIFFS", path)
    rows = [(code, 2023, "sewage_others_m3", 1.0) for code in (COUNTY, OWN)]
    (problem,) = charges.check(registers(*rows), RULE_FILE)
    assert "line 2 (and 1 more rows): sewage_others_m3 has no tariff on 184 days of 2023" in problem
    assert "the first 2023-07-01" in problem


def test_faulty_tariffs_are_told_by_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr(charges, "TARIFFS", written(tmp_path, tariff(rate="-1")))
    assert "got '-1'" in charges.check(registers(), RULE_FILE)[0]


def test_wrong_equivalents_are_refused():
    given_values = RULES.model_dump()
    with pytest.raises(ValueError, match="must name exactly so2_t"):
        ChargesParams(**{**given_values, "pollutant_equivalents_kg": {"so2_t": 0.95}})
    with pytest.raises(ValueError, match="must be above 0"):
        ChargesParams(**{**given_values, "pollutant_equivalents_kg": dict.fromkeys(EQUIVALENTS, 0)})


def computed(given_registers):
    return charges.compute(
        Province(pd.DataFrame({"origin": ["modelled"]}), given_registers, RULE_FILE)
    )


def test_payments_and_figures():
    found = computed(
        registers(
            (COUNTY, 2023, "sewage_households_m3", 1000.0),
            (COUNTY, 2023, "sewage_others_m3", 1000.0),
            (COUNTY, 2023, "cod_t", 2.0),
        )
    )
    paid = flows.build(found.flows, 2023).set_index("basis")
    households = paid.loc["居民污水 m³"]
    assert (households["payer"], households["payee"]) == (f"{COUNTY}/households", COUNTY)
    assert households["amount_cny"] == 950.0
    assert paid.loc["化学需氧量 t", "amount_cny"] == 2800.0
    assert paid.loc["化学需氧量 t", "quality"] == "high"  # published rate, recalled equivalent
    figures = {(row["item"], row["measure"]): row["value"] for _, row in found.figures}
    assert figures["charges.sewage_fee", "value"] == 950.0 + 1400.0
    assert 0 < figures["charges.sewage_fee", "cost_recovery"] < 1


def test_a_year_without_quantities_is_lacking():
    found = computed(registers((COUNTY, 2023, "cod_t", 2.0), year=2022))
    assert found.lacking == ("charge_quantities",)


def test_open_pack_charges_every_county():
    pack = Pack.open(OPEN_PACK)
    for year in pack.years:
        assert charges.check(Registers(pack, year), RULE_FILE) == []
    due = computed(Registers(pack, 2022)).tables["charges"]
    assert set(due["county_code"]) == set(counties.read().index)
    changed = due[(due["county_code"] == OWN) & (due["item"] == "sewage_others_m3")].iloc[0]
    assert changed["unit_rate_cny"] == pytest.approx((181 * 1.6 + 184 * 1.95) / 365)
    assert (OPEN_PACK / "tables/charge_quantities.csv").stat().st_size < 150_000
