"""Values by hand, and the published account of 甘孜 2010 as golden vectors.

白玛卓嘎等 2017, 生态学报 37(19): 6302. Its inputs are rounded, so 0.2 % is the tolerance.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from gepbook import ecosystems
from gepbook.accounting.factors import actual_evapotranspiration as fu
from gepbook.accounting.factors import slope_length_steepness as ls
from gepbook.accounting.services import (
    air_purification,
    carbon_sequestration,
    flood_mitigation,
    material_products,
    oxygen_release,
    soil_retention,
    tourism,
    water_conservation,
)
from gepbook.errors import CoverageError, UnitError

YI = 1e8
SOIL = soil_retention.SoilRetentionParams(
    counted=dict.fromkeys(ecosystems.read()["id"], 1.0),
    sediment_deposition_share=0.24,
    soil_bulk_density=0.93,
    nitrogen_content_percent=0.37,
    phosphorus_content_percent=0.108,
    potassium_content_percent=1.6,
    nutrient_delivery_share=1.0,
)


def grid(value, units):
    return xr.DataArray([[float(value)]], dims=("y", "x"), attrs={"units": units})


def test_water_value_of_ganzi():
    # 321.49e8 m3 × 7.06 CNY m-3 = 2269.7e8 CNY
    value = water_conservation.value({"water": 321.49e8}, {"reservoir_capacity": 7.06}, None)
    assert value["water"] / YI == pytest.approx(2269.7, rel=2e-3)


def test_soil_value_of_ganzi():
    quantities = soil_retention.quantity({"sediment": 38.86e8}, {}, SOIL)
    # 38.86e8 t × 0.37 % = 1437.82e4 t of nitrogen
    assert quantities["nitrogen"] == pytest.approx(1437.82e4, rel=2e-3)
    prices = {"dredging": 15.58, "nitrogen_treatment": 875.0, "phosphorus_treatment": 2800.0}
    value = soil_retention.value(quantities, prices, SOIL)
    # 38.86e8 t × 0.24 / 0.93 t m-3 × 15.58 = 156.24e8; 1437.82e4 t × 875 = 125.81e8
    assert value["sediment"] / YI == pytest.approx(156.24, rel=2e-3)
    assert value["nitrogen"] / YI == pytest.approx(125.81, rel=2e-3)


def test_flood_value_of_ganzi():
    # (2.43 + 0.01 + 6.00)e8 m3 × 7.06 = 59.59e8
    stored = {"vegetation": 2.43e8, "marsh": 0.01e8, "reservoir": 6.00e8}
    value = flood_mitigation.value(stored, {"reservoir_capacity": 7.06}, None)
    assert sum(value.values()) / YI == pytest.approx(59.59, rel=2e-3)


def test_air_value_of_ganzi():
    prices = {"so2_treatment": 1200.0, "nox_treatment": 630.0, "dust_treatment": 150.0}
    value = air_purification.value({"so2": 1137.0, "nox": 2772.0, "dust": 941.0}, prices, None)
    # 1137 × 1200, 2772 × 630, 941 × 150
    assert value == {"so2": 1_364_400.0, "nox": 1_746_360.0, "dust": 141_150.0}


def erosion(r=5000.0, k=0.03, slope=2.0, c=0.1, p=1.0):
    arrays = {
        "rainfall_erosivity": grid(r, "MJ mm ha-1 h-1 a-1"),
        "soil_erodibility": grid(k, "t ha h ha-1 MJ-1 mm-1"),
        "slope_length_steepness": grid(slope, "1"),
        "cover_management": grid(c, "1"),
        "support_practice": grid(p, "1"),
        "land_cover": grid(15, "1"),
    }
    return soil_retention.density(**arrays, params=SOIL)["sediment"].item()


def test_soil_by_hand():
    assert erosion() == pytest.approx(270.0)  # 5000 · 0.03 · 2 · (1 − 0.1 · 1)


@given(st.floats(0, 1e5), st.floats(0, 1), st.floats(0, 60))
def test_bare_ground_retains_nothing_and_rain_scales(r, k, slope):
    assert erosion(r, k, slope, c=1.0, p=1.0) == 0
    assert erosion(2 * r, k, slope) == pytest.approx(2 * erosion(r, k, slope))


def test_wrong_unit_is_refused():
    with pytest.raises(UnitError, match="'rainfall_erosivity' must be in 'MJ mm ha-1 h-1 a-1'"):
        soil_retention.density(
            rainfall_erosivity=grid(1, "MJ cm ha-1 h-1 a-1"),
            soil_erodibility=grid(1, "t ha h ha-1 MJ-1 mm-1"),
            slope_length_steepness=grid(1, "1"),
            cover_management=grid(1, "1"),
            support_practice=grid(1, "1"),
            land_cover=grid(15, "1"),
            params=SOIL,
        )


@given(st.floats(0.1, 5000), st.floats(0, 3000), st.sampled_from([1.6, 2.3, 2.9, 3.5]))
def test_evapotranspiration_stays_below_rain_and_demand(rain, demand, omega):
    types = ecosystems.read()["id"]
    actual = fu.actual_evapotranspiration(
        annual_precipitation=grid(rain, "mm a-1"),
        potential_evapotranspiration=grid(demand, "mm a-1"),
        land_cover=grid(15, "1"),
        params=fu.ActualEvapotranspirationParams(omega=dict.fromkeys(types, omega)),
    ).item()
    assert -1e-9 * rain <= actual <= min(rain, demand) + 1e-9 * rain


def test_no_rain_no_evaporation():
    types = ecosystems.read()["id"]
    actual = fu.actual_evapotranspiration(
        annual_precipitation=grid(0, "mm a-1"),
        potential_evapotranspiration=grid(900, "mm a-1"),
        land_cover=grid(15, "1"),
        params=fu.ActualEvapotranspirationParams(omega=dict.fromkeys(types, 2.5)),
    )
    assert actual.item() == 0


def test_slope_factor_by_hand():
    params = ls.SlopeLengthSteepnessParams(slope_length_m=22.13)
    got = ls.slope_length_steepness(slope=grid(30, "degree"), params=params).item()
    assert got == pytest.approx(9.995)  # L = 1; 21.91 · 0.5 − 0.96


def test_carbon_and_oxygen_by_hand():
    types = ecosystems.read()["id"]
    params = carbon_sequestration.CarbonSequestrationParams(
        net_ecosystem_share=dict.fromkeys(types, 0.3)
    )
    arrays = {
        "net_primary_productivity": grid(750, "g m-2 a-1"),
        "land_cover": grid(15, "1"),
        "params": params,
    }
    co2 = carbon_sequestration.density(**arrays)["co2"].item()
    assert co2 == pytest.approx(8.25)  # 44/12 · 0.01 · 0.3 · 750 t CO2 ha-1, the bulletins' 9.15
    assert oxygen_release.density(**arrays)["oxygen"].item() == pytest.approx(6.0)  # · 32/44


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_removal_never_exceeds_emission(capacity, emitted):
    table = pd.DataFrame({"so2_t": [emitted], "nox_t": [1.0], "dust_t": [1.0]})
    removed = air_purification.quantity({"so2": capacity}, {"emissions": table}, None)
    assert removed["so2"] == min(capacity, emitted)


def test_missing_branch_is_an_error_not_zero():
    table = pd.DataFrame({"product": ["agriculture"], "output_value_cny": [1.0]})
    with pytest.raises(CoverageError, match="forestry, animal_husbandry, fishery"):
        material_products.quantity({}, {"material_products": table}, None)


def test_tourism_by_hand():
    table = pd.DataFrame(
        {
            "visitors_person": [1000.0],
            "mean_stay_day": [2.0],
            "spending_cny": [500_000.0],
            "natural_share_percent": [50.0],
        }
    )
    params = SimpleNamespace(time_cost_share=0.5)
    quantities = tourism.quantity({}, {"tourism": table}, params)
    value = tourism.value(quantities, {"wage_day": 200.0, "visitor_spending": 1.0}, params)
    # 0.5 · 1000 · 2 days · 0.5 · 200 = 100 000; 0.5 · 500 000
    assert value == {"visitor_days": 100_000.0, "spending": 250_000.0}


def test_gaps_stay_gaps():
    assert np.isnan(erosion(r=float("nan")))
