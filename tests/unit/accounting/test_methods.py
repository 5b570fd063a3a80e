"""Every method of every service and factor by hand; golden vectors of 甘孜 2010.

白玛卓嘎等 2017, 生态学报 37(19): 6302. What `test_values.py` and
`test_terrain.py` check already is not repeated here.
"""

import calendar
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gepbook import ecosystems, params
from gepbook.accounting import registry
from gepbook.accounting.spec import NotApplicable

SET = params.resolve(None, None, "db33-2020")
TYPES = ecosystems.read().set_index("id")
SERVICES = registry.service_methods()
FACTORS = registry.factor_methods()
YI = 1e8
WAN = 1e4
#: kWh that 1 m3 of evaporated water saves: 1000 kg × 2453 kJ / (3600 kJ × 3) = 227.1296
KWH_PER_M3 = 2_453_000 / 10_800


def only(**values):
    """Return the coefficient table that is 0 but for the types named."""
    return dict.fromkeys(TYPES.index, 0.0) | values


def grid(value, units):
    return xr.DataArray([[float(value)]], dims=("y", "x"), attrs={"units": units})


def cover(kind):
    return grid(TYPES["code"][kind], "1")


def monthly(values, units):
    data = np.array(values, dtype=float)[:, None, None]
    coords = {"month": np.arange(1, 13)}
    return xr.DataArray(data, dims=("month", "y", "x"), coords=coords, attrs={"units": units})


def row(**figures):
    return pd.DataFrame({name: [figure] for name, figure in figures.items()})


def section(spec, **changed):
    return SET.section(spec.parameters, spec.params).model_copy(update=changed)


def density(service, method, arrays, **changed):
    """Return a service's densities at a cell; every number the example rests on is given."""
    spec = SERVICES[service][method]
    found = spec.density(**arrays, params=section(spec, **changed))
    return {name: array.item() for name, array in found.items()}


def quantity(service, method, totals=None, tables=None, **changed):
    spec = SERVICES[service][method]
    return spec.quantity(totals or {}, tables or {}, section(spec, **changed))


def value(service, method, quantities, prices, **changed):
    spec = SERVICES[service][method]
    assert set(prices) == set(spec.prices)
    return spec.value(quantities, prices, section(spec, **changed))


def factor(name, method, **arrays_and_params):
    spec = FACTORS[name][method]
    arrays = {k: v for k, v in arrays_and_params.items() if isinstance(v, xr.DataArray)}
    changed = {k: v for k, v in arrays_and_params.items() if k not in arrays}
    return spec.compute(**arrays, params=section(spec, **changed)).item()


# Water conservation -------------------------------------------------------------------------------


def balance_of(rain, runoff, evaporation, kind="mixed_forest", **changed):
    arrays = {
        "annual_precipitation": grid(rain, "mm a-1"),
        "surface_runoff": grid(runoff, "mm a-1"),
        "actual_evapotranspiration": grid(evaporation, "mm a-1"),
        "land_cover": cover(kind),
    }
    changed = {"counted": only(mixed_forest=1.0), **changed}
    found = density("water_conservation", "water_balance", arrays, **changed)
    assert found == density("water_conservation", "water_balance_annualised", arrays, **changed)
    return found["water"]


def test_water_balance_by_hand():
    assert balance_of(1500, 40, 700) == pytest.approx(7600)  # 10 · (1500 − 40 − 700)
    assert balance_of(1500, 40, 700, "urban") == 0


def test_water_that_is_consumed_is_negative_unless_a_profile_counts_it_as_0():
    # 10 · (500 − 100 − 700)
    assert balance_of(500, 100, 700, negative_to_zero=False) == pytest.approx(-3000)
    assert balance_of(500, 100, 700, negative_to_zero=True) == 0


def test_annualised_water_value_by_hand():
    found = value(
        "water_conservation",
        "water_balance_annualised",
        {"water": 7600.0},
        {"reservoir_capacity": 7.06},
        annual_cost_share=0.05,
    )
    assert found["water"] == pytest.approx(2682.8)  # 7600 · 7.06 · 0.05; 53 656 by building cost


def test_water_supply_by_hand():
    table = row(inflow_m3=300e6, outflow_m3=900e6, consumption_m3=50e6)
    found = quantity("water_conservation", "water_supply", tables={"water_balance": table})
    assert found == {"water": 650e6}  # 900e6 − 300e6 + 50e6
    worth = value("water_conservation", "water_supply", found, {"reservoir_capacity": 7.06})
    assert worth["water"] == pytest.approx(4.589e9)  # 650e6 · 7.06


def test_forest_storage_by_hand():
    arrays = {
        "annual_precipitation": grid(1500, "mm a-1"),
        "land_cover": cover("evergreen_broadleaf_forest"),
    }
    found = density(
        "water_conservation",
        "forest_storage",
        arrays,
        canopy_interception_percent=only(evergreen_broadleaf_forest=18.14),
        litter_storage_t_ha=only(evergreen_broadleaf_forest=18.62),
        noncapillary_porosity_percent=only(evergreen_broadleaf_forest=10.31),
        soil_depth_m=0.6,
    )
    # canopy 10 · 1500 · 0.1814 = 2721; litter 18.62; soil 1e4 · 0.6 · 0.1031 = 618.6
    assert found["water"] == pytest.approx(3358.22)
    price = {"reservoir_capacity": 7.06}
    worth = value("water_conservation", "forest_storage", found, price, annual_cost_share=0.05)
    assert worth["water"] == pytest.approx(1185.45166)  # 3358.22 · 7.06 · 0.05


# Soil retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SERVICES["soil_retention"])
@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("mixed_forest", 279.0),  # 6000 · 0.025 · 2 · (1 − 0.1 · 0.7)
        ("water", 0.0),  # not counted
    ],
)
def test_soil_kept_by_hand(method, kind, kept):
    arrays = {
        "rainfall_erosivity": grid(6000, "MJ mm ha-1 h-1 a-1"),
        "soil_erodibility": grid(0.025, "t ha h ha-1 MJ-1 mm-1"),
        "slope_length_steepness": grid(2, "1"),
        "cover_management": grid(0.1, "1"),
        "support_practice": grid(0.7, "1"),
        "land_cover": cover(kind),
    }
    found = density("soil_retention", method, arrays, counted=only(mixed_forest=1.0))
    assert found == {"sediment": pytest.approx(kept)}


def test_soil_with_potassium_by_hand():
    given = {
        "sediment_deposition_share": 0.24,
        "soil_bulk_density": 1.2,
        "nitrogen_content_percent": 0.15,
        "phosphorus_content_percent": 0.05,
        "potassium_content_percent": 1.6,
        "nutrient_delivery_share": 0.5,
    }
    found = quantity("soil_retention", "rusle_npk", {"sediment": 1000.0}, **given)
    # N 1000 · 0.5 · 0.15 %, P 1000 · 0.5 · 0.05 %; K saves fertiliser wherever it stays: 1000 · 1.6 %
    wanted = {"sediment": 1000.0, "nitrogen": 0.75, "phosphorus": 0.25, "potassium": 16.0}
    assert found == pytest.approx(wanted)
    prices = {
        "dredging": 15.58,
        "nitrogen_treatment": 1750.0,
        "phosphorus_treatment": 5600.0,
        "potassium_fertiliser": 4400.0,
    }
    worth = value("soil_retention", "rusle_npk", found, prices, **given)
    # 1000 · 0.24 / 1.2 · 15.58; 0.75 · 1750; 0.25 · 5600; 16 · 4400
    assert worth == pytest.approx(
        {"sediment": 3116.0, "nitrogen": 1312.5, "phosphorus": 1400.0, "potassium": 70_400.0}
    )


def test_soil_without_potassium_is_the_same_but_for_it():
    totals = {"sediment": 1000.0}
    with_potassium = quantity("soil_retention", "rusle_npk", totals)
    del with_potassium["potassium"]
    assert quantity("soil_retention", "rusle", totals) == with_potassium


# Flood mitigation ---------------------------------------------------------------------------------

FLOOD = {
    "storm_rain_share": 0.6,
    "runoff_reduction": only(evergreen_broadleaf_forest=0.39),
    "marsh_ponding_m": 0.3,
    "paddy_storage_m": 0.1,
    "lake_regulation_m": 0.5,
    "reservoir_flood_share": 0.35,
    "lake_zone_intercept": 4.924,
    "lake_zone_slope": 1.128,
    "lake_exchanges": 3.19,
}
NO_RESERVOIR = pd.DataFrame(
    {"total_capacity_m3": [], "flood_control_capacity_m3": []}, dtype="float64"
)


@pytest.mark.parametrize(
    ("kind", "component", "held"),
    [
        ("evergreen_broadleaf_forest", "vegetation", 3510.0),  # 10 · 1500 mm · 0.6 · 0.39
        ("marsh", "marsh", 3000.0),  # 1e4 m2 · 0.3 m
        ("paddy", "paddy", 1000.0),  # 1e4 m2 · 0.1 m
        ("water", "lake", 5000.0),  # 1e4 m2 · 0.5 m
    ],
)
def test_storm_water_by_hand(kind, component, held):
    arrays = {"annual_precipitation": grid(1500, "mm a-1"), "land_cover": cover(kind)}
    found = density("flood_mitigation", "runoff_reduction", arrays, **FLOOD)
    nothing = dict.fromkeys(("vegetation", "marsh", "paddy", "lake"), 0.0)
    assert found == pytest.approx({**nothing, component: held})


def test_reservoirs_with_and_without_flood_storage():
    both = pd.DataFrame(
        {
            "total_capacity_m3": [210e6, 100e6],
            "flood_control_capacity_m3": [120e6, float("nan")],
        }
    )
    totals = {"vegetation": 1.0, "marsh": 2.0, "paddy": 3.0, "lake": 4.0}
    found = quantity("flood_mitigation", "runoff_reduction", totals, {"reservoirs": both}, **FLOOD)
    # 120e6 as given, 0.35 · 100e6 where it is not
    assert found == pytest.approx({**totals, "reservoir": 155e6})
    none = {"reservoirs": NO_RESERVOIR}
    assert quantity("flood_mitigation", "runoff_reduction", totals, none)["reservoir"] == 0


@pytest.mark.parametrize(
    ("area_km2", "volume_m3"),
    [
        (1.0, 4_387_900.0),  # ln C = 4.924, C = 137.5517e4 m3; · 3.19
        (math.e, 13_556_291.0),  # ln C = 4.924 + 1.128 · 1 = 6.052, C = 424.9621e4 m3; · 3.19
    ],
)
def test_lakes_of_the_plain_by_hand(area_km2, volume_m3):
    totals = {"vegetation": 1.0, "marsh": 2.0, "paddy": 3.0, "lake": area_km2 * 1e6}
    tables = {"reservoirs": NO_RESERVOIR}
    found = quantity("flood_mitigation", "lake_zone", totals, tables, **FLOOD)
    assert found.pop("lake") == pytest.approx(volume_m3, rel=1e-6)
    assert found == {"vegetation": 1.0, "marsh": 2.0, "paddy": 3.0, "reservoir": 0.0}


def test_lakes_of_the_plain_are_measured_by_their_surface():
    arrays = {"annual_precipitation": grid(1500, "mm a-1"), "land_cover": cover("water")}
    found = density("flood_mitigation", "lake_zone", arrays, **FLOOD)
    assert found == {"vegetation": 0.0, "marsh": 0.0, "paddy": 0.0, "lake": 10_000.0}  # m2 of a ha


# Carbon and oxygen --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "co2", "oxygen"),
    [
        # 1.4 · (1 + 0.646) = 2.3044 t C; · 44/12; · 32/12
        ("evergreen_broadleaf_forest", 8.449467, 6.145067),
        # 0.05 t C; · 44/12; · 32/12
        ("grassland", 0.1833333, 0.1333333),
        ("urban", 0.0, 0.0),
    ],
)
def test_carbon_and_oxygen_by_rate(kind, co2, oxygen):
    given = {
        "carbon_rate_t_ha": only(evergreen_broadleaf_forest=1.4, grassland=0.05),
        "soil_ratio": only(evergreen_broadleaf_forest=0.646),
    }
    arrays = {"land_cover": cover(kind)}
    fixed = density("carbon_sequestration", "rate", arrays, **given)["co2"]
    assert fixed == pytest.approx(co2, rel=1e-6)
    released = density("oxygen_release", "rate", arrays, **given)["oxygen"]
    assert released == pytest.approx(oxygen, rel=1e-6)
    assert released == pytest.approx(fixed * 32 / 44)


@pytest.mark.parametrize(("end", "carbon"), [(1200.0, 100.0), (800.0, -100.0)])
def test_carbon_and_oxygen_by_growth_of_biomass(end, carbon):
    tables = {"forest_stock": row(biomass_start_t=1000.0, biomass_end_t=end)}
    # (1200 − 1000) t · 0.5 = 100 t C; · 44/12 = 366.67 t CO2; · 32/12 = 266.67 t O2; a stock that
    # shrinks gives carbon off
    fixed = quantity("carbon_sequestration", "biomass", tables=tables, carbon_content=0.5)
    assert fixed["co2"] == pytest.approx(carbon * 44 / 12)
    released = quantity("oxygen_release", "biomass", tables=tables, carbon_content=0.5)
    assert released["oxygen"] == pytest.approx(carbon * 32 / 12)


@pytest.mark.parametrize("method", SERVICES["carbon_sequestration"])
def test_carbon_value_by_hand(method):
    found = value("carbon_sequestration", method, {"co2": 300.0}, {"carbon_dioxide": 379.87})
    assert found["co2"] == pytest.approx(113_961.0)  # 300 · 379.87


@pytest.mark.parametrize("method", SERVICES["oxygen_release"])
def test_oxygen_value_by_hand(method):
    found = value("oxygen_release", method, {"oxygen": 300.0}, {"oxygen": 1160.7})
    assert found["oxygen"] == pytest.approx(348_210.0)  # 300 · 1160.7


# Climate regulation -------------------------------------------------------------------------------


def cooled(kind, days, evaporation=900.0, method="transpiration_heat", **changed):
    arrays = {
        "land_cover": cover(kind),
        "cooling_days": grid(days, "d a-1"),
        "actual_evapotranspiration": grid(evaporation, "mm a-1"),
    }
    physics = {
        "energy_efficiency_ratio": 3.0,
        "water_density_kg_m3": 1000.0,
        "latent_heat_kj_kg": 2453.0,
    }
    return density("climate_regulation", method, arrays, **physics, **changed)


@pytest.mark.parametrize(
    ("kind", "heat", "saved"),
    [
        # 甘孜: with 15 d and R = 3, d/R = 5; 1e4 m2 · 2837.27 kJ · 5 / 3600
        ("mixed_forest", 2837.27, 39_406.53),
        ("shrubland", 1300.95, 18_068.75),  # 1e4 · 1300.95 · 5 / 3600
        ("grassland", 969.83, 13_469.86),  # 1e4 · 969.83 · 5 / 3600
    ],
)
def test_cooling_by_transpiration_of_ganzi(kind, heat, saved):
    defaults = section(SERVICES["climate_regulation"]["transpiration_heat"])
    assert defaults.transpiration_heat_kj_m2_d[kind] == heat
    found = cooled(kind, 15)
    assert found == {"vegetation": pytest.approx(saved, abs=0.01), "water": 0.0}


def test_cooling_by_water_with_and_without_humidifying():
    # 73.05 of 365.25 days are 0.2 of the year: 10 · 900 mm · 0.2 = 1800 m3 ha-1
    dry = cooled("water", 73.05, humidifying=False)
    assert dry == {"vegetation": 0.0, "water": pytest.approx(1800 * KWH_PER_M3)}  # 408 833 kWh
    moist = cooled("water", 73.05, humidifying=True, humidifier_kwh_m3=125.0)
    # and 1800 m3 · 125 kWh m-3 = 225 000
    assert moist["water"] == pytest.approx(408_833.33 + 225_000, abs=0.01)


def test_cooling_by_evapotranspiration_by_hand():
    given = {"method": "evapotranspiration_energy", "counted": only(mixed_forest=1.0)}
    found = cooled("mixed_forest", 73.05, 700.0, **given)
    # 10 · 700 mm · 0.2 = 1400 m3; · 227.1296 kWh m-3
    assert found == {"evapotranspiration": pytest.approx(317_981.48, abs=0.01)}
    assert cooled("urban", 73.05, 700.0, **given) == {"evapotranspiration": 0.0}


def test_cooling_as_measured_by_hand():
    arrays = {
        "temperature_difference": grid(2, "K"),
        "cooling_days": grid(110, "d a-1"),
    }
    found = density(
        "climate_regulation",
        "temperature_difference",
        arrays,
        energy_efficiency_ratio=3.0,
        air_heat_capacity_kj_m3_k=1.2,
        mixing_height_m=100.0,
        air_changes_per_day=1.0,
    )
    # 2 K · 1.2 · 100 m = 240 kJ m-2; · 1e4 m2 · 110 d = 2.64e8 kJ; / (3600 · 3)
    assert found["cooling"] == pytest.approx(24_444.44, abs=0.01)


@pytest.mark.parametrize("method", SERVICES["climate_regulation"])
def test_climate_value_by_hand(method):
    parts = [c.id for c in SERVICES["climate_regulation"][method].components]
    found = value("climate_regulation", method, dict.fromkeys(parts, 1e6), {"electricity": 0.538})
    assert found == dict.fromkeys(parts, pytest.approx(538_000.0))  # 1e6 kWh · 0.538


# Air and water ------------------------------------------------------------------------------------


def test_air_capacity_by_hand():
    found = density(
        "air_purification",
        "two_regime",
        {"land_cover": cover("evergreen_broadleaf_forest")},
        so2_capacity_kg_ha=only(evergreen_broadleaf_forest=88.64),
        nox_capacity_kg_ha=only(evergreen_broadleaf_forest=6.0),
        dust_capacity_kg_ha=only(evergreen_broadleaf_forest=10_110.0),
    )
    assert found == pytest.approx({"so2": 0.08864, "nox": 0.006, "dust": 10.11})  # kg to t


def test_water_purification_by_hand():
    given = {
        "cod_capacity_t_km2": 110.33,
        "nitrogen_capacity_t_km2": 8.56,
        "phosphorus_capacity_t_km2": 8.56,
    }
    for kind in ("marsh", "water"):
        found = density("water_purification", "two_regime", {"land_cover": cover(kind)}, **given)
        # 100 ha in a km2
        assert found == pytest.approx({"cod": 1.1033, "nitrogen": 0.0856, "phosphorus": 0.0856})
    dry = density("water_purification", "two_regime", {"land_cover": cover("paddy")}, **given)
    assert set(dry.values()) == {0.0}


def test_water_is_purified_of_no_more_than_is_emitted():
    tables = {"emissions": row(cod_t=500.0, total_nitrogen_t=200.0, total_phosphorus_t=30.0)}
    capacity = {"cod": 1103.3, "nitrogen": 85.6, "phosphorus": 85.6}
    found = quantity("water_purification", "two_regime", capacity, tables)
    assert found == {"cod": 500.0, "nitrogen": 85.6, "phosphorus": 30.0}
    prices = {
        "cod_treatment": 1400.0,
        "nitrogen_treatment": 1750.0,
        "phosphorus_treatment": 5600.0,
    }
    worth = value("water_purification", "two_regime", found, prices)
    # 500 · 1400, 85.6 · 1750, 30 · 5600
    assert worth == pytest.approx({"cod": 700_000.0, "nitrogen": 149_800.0, "phosphorus": 168e3})


# Negative ions, noise, pests, wind ----------------------------------------------------------------


def test_constant_of_negative_ions():
    # 1e4 m2 ha-1 · 1e6 cm3 m-3 · 60 · 24 · 365 = 525 600 min a-1
    found = density(
        "negative_ions",
        "generator_cost",
        {"land_cover": cover("mixed_forest")},
        ion_concentration_cm3=only(mixed_forest=601.0),
        stand_height_m=only(mixed_forest=1.0),
        useful_concentration_cm3=600.0,
        ion_lifetime_min=1.0,
    )
    assert found["ions"] == pytest.approx(1e4 * 1e6 * 525_600)
    assert found["ions"] == pytest.approx(5.256e15)


@pytest.mark.parametrize(
    ("concentration", "ions"),
    [
        (1700.0, 6.35976e18),  # 5.256e15 · 11 m · (1700 − 600) / 10 min
        (500.0, 0.0),  # below what is useful
    ],
)
def test_negative_ions_by_hand(concentration, ions):
    found = density(
        "negative_ions",
        "generator_cost",
        {"land_cover": cover("mixed_forest")},
        ion_concentration_cm3=only(mixed_forest=concentration),
        stand_height_m=only(mixed_forest=11.0),
        useful_concentration_cm3=600.0,
        ion_lifetime_min=10.0,
    )
    assert found["ions"] == pytest.approx(ions)
    worth = value("negative_ions", "generator_cost", found, {"negative_ion": 5.8185e-18})
    assert worth["ions"] == pytest.approx(ions * 5.8185e-18)  # 37.00 CNY ha-1


def test_noise_by_hand():
    found = quantity("noise_reduction", "barrier_cost", tables={"amenities": row(green_belt_km=10)})
    assert found == {"green_belt": 10}
    price = {"sound_barrier": 400_000.0}
    worth = value("noise_reduction", "barrier_cost", found, price, annual_cost_share=0.1)
    assert worth["green_belt"] == pytest.approx(400_000.0)  # 10 km · 400 000 · 0.1


def test_pests_of_ganzi():
    tables = {"pests": row(recovered_forest_ha=158 * WAN, recovered_grass_ha=711.13 * WAN)}
    found = quantity("pest_control", "recovered_area", tables=tables)
    prices = {"pest_control_forest": 375.0, "pest_control_grass": 112.5}
    worth = value("pest_control", "recovered_area", found, prices)
    assert worth["forest"] / YI == pytest.approx(5.925)  # 158e4 ha · 375
    assert worth["grass"] / YI == pytest.approx(8.0002, rel=1e-4)  # 711.13e4 ha · 112.5


def test_windbreak_of_ganzi():
    sand = 779.42 * WAN
    given = {"sand_density_t_m3": 1.28, "cover_depth_m": 0.1}
    area = value("windbreak", "rweq", {"sand": sand}, {"sand_restoration": 1.0}, **given)["sand"]
    assert area / 1e6 == pytest.approx(60.89, rel=1e-3)  # km2: 779.42e4 t / (1.28 · 0.1)
    worth = value("windbreak", "rweq", {"sand": sand}, {"sand_restoration": 3.75}, **given)["sand"]
    assert worth == pytest.approx(2.283e8, rel=1e-3)  # 60.89e6 m2 · 3.75
    arrays = {"wind_erosion_prevented": grid(2.5, "t ha-1 a-1")}
    assert density("windbreak", "rweq", arrays) == {"sand": 2.5}


# Coast and sea ------------------------------------------------------------------------------------


def sea(service, method, **given):
    figures = {k: v for k, v in given.items() if k not in section_fields(service, method)}
    changed = {k: v for k, v in given.items() if k not in figures}
    return quantity(service, method, tables={"coast": row(**figures)}, **changed)


def section_fields(service, method):
    return SERVICES[service][method].params.model_fields


def test_coast_by_hand():
    found = sea("coastal_protection", "dike_cost", protected_shore_km=45.0)
    worth = value("coastal_protection", "dike_cost", found, {"sea_dike": 600_000.0})
    assert (found, worth) == ({"shore": 45.0}, {"shore": 27e6})  # 45 km · 600 000


def test_seafood_by_hand():
    found = sea("marine_products", "gross_output", seafood_output_cny=5e9)
    price = {"farm_output": 1.02}
    worth = value("marine_products", "gross_output", found, price, nature_share=0.8)
    assert worth["seafood"] == pytest.approx(4.08e9)  # 0.8 · 5e9 · 1.02


def test_marine_carbon_by_hand():
    found = sea(
        "marine_carbon",
        "harvest_and_burial",
        sea_area_km2=3000.0,
        shellfish_algae_t=100_000.0,
        harvest_carbon_content=0.04,
        phytoplankton_npp_g_m2=180.0,
        sinking_share=0.1,
    )
    # 100 000 t · 0.04 = 4000 t C; 3000 km2 · 180 t km-2 · 0.1 = 54 000 t C; · 44/12
    assert found == pytest.approx({"harvest": 14_666.667, "burial": 198_000.0})
    price = {"carbon_dioxide": 379.87}
    worth = value("marine_carbon", "harvest_and_burial", {"harvest": 100.0, "burial": 200.0}, price)
    assert worth == pytest.approx({"harvest": 37_987.0, "burial": 75_974.0})


def test_marine_climate_by_hand():
    found = sea(
        "marine_climate",
        "evaporation_energy",
        sea_area_km2=3000.0,
        evaporation_mm=350.0,
        felt_on_land_share=0.001,
        energy_efficiency_ratio=3.0,
        water_density_kg_m3=1000.0,
        latent_heat_kj_kg=2453.0,
    )
    # 3000 km2 · 0.001 = 3 km2; 1e3 · 3 · 350 mm = 1.05e6 m3; · 227.1296 kWh m-3
    assert found["evaporation"] == pytest.approx(238_486_111.1)
    worth = value(
        "marine_climate", "evaporation_energy", {"evaporation": 1e6}, {"electricity": 0.538}
    )
    assert worth["evaporation"] == pytest.approx(538_000.0)


def test_marine_purification_by_hand():
    found = sea(
        "marine_purification",
        "uptake_share",
        marine_nitrogen_t=3600.0,
        marine_phosphorus_t=360.0,
        uptake_share=0.5,
    )
    assert found == {"nitrogen": 1800.0, "phosphorus": 180.0}
    prices = {"nitrogen_treatment": 1750.0, "phosphorus_treatment": 5600.0}
    worth = value("marine_purification", "uptake_share", found, prices)
    assert worth == {"nitrogen": 3_150_000.0, "phosphorus": 1_008_000.0}


def test_marine_recreation_by_hand():
    found = sea("marine_recreation", "spending", seaside_spending_cny=4e9, nature_share=0.7)
    worth = value("marine_recreation", "spending", found, {"visitor_spending": 1.02})
    assert worth["spending"] == pytest.approx(2.856e9)  # 0.7 · 4e9 · 1.02


def test_seascape_by_hand():
    found = sea("seascape", "premium", seaview_floor_area_m2=1.5e6)
    worth = value("seascape", "premium", found, {"seaview_premium": 30.0})
    assert worth == {"dwellings": 45e6}


# Leisure, landscape, products, energy, water ------------------------------------------------------


def test_leisure_by_hand():
    tables = {"leisure": row(users_person=500_000.0, hours_per_user_hour=90.0)}
    found = quantity("leisure", "time_value", tables=tables)
    assert found == {"hours": 45e6}
    given = {"working_hours_per_day": 8.0, "time_cost_share": 0.35}
    worth = value("leisure", "time_value", found, {"wage_day": 290.0}, **given)
    assert worth["hours"] == pytest.approx(570_937_500.0)  # 45e6 h · 290 / 8 · 0.35 = 12.6875


def test_landscape_by_hand():
    table = row(landscape_floor_area_m2=2e6, landscape_nights_night=1000.0)
    found = quantity("landscape_value", "premium", tables={"amenities": table})
    worth = value("landscape_value", "premium", found, {"home_premium": 15, "hotel_premium": 40})
    assert worth == {"dwellings": 30e6, "hotels": 40_000.0}  # 2e6 m2 · 15; 1000 nights · 40


def test_other_products_by_hand():
    table = row(ornamental_cny=8e6, germplasm_cny=2e5)
    found = quantity("other_products", "gross_output", tables={"other_products": table})
    worth = value("other_products", "gross_output", found, {"farm_output": 1.25})
    assert worth == {"ornamental": 10e6, "germplasm": 250_000.0}


def test_energy_by_hand_and_none_is_not_applicable():
    table = row(hydropower_kwh=1e8, biomass_energy_kwh=0.0)
    found = quantity("ecological_energy", "market_price", tables={"energy": table})
    prices = {"hydropower_power": 0.53, "biomass_power": 0.75}
    worth = value("ecological_energy", "market_price", found, prices)
    assert worth == pytest.approx({"hydropower": 53e6, "biomass": 0.0})
    nothing = {"energy": row(hydropower_kwh=0.0, biomass_energy_kwh=0.0)}
    found = quantity("ecological_energy", "market_price", tables=nothing)
    assert isinstance(found, NotApplicable)
    assert found.reason


def test_fresh_water_by_hand():
    table = row(domestic_m3=48e6, industrial_m3=38e6, agricultural_m3=20e6)
    found = quantity("fresh_water", "use_price", tables={"water_use": table})
    prices = {"domestic_water": 2.6, "industrial_water": 3.6, "agricultural_water": 0.07}
    worth = value("fresh_water", "use_price", found, prices)
    # 48e6 · 2.6, 38e6 · 3.6, 20e6 · 0.07
    assert worth == pytest.approx(
        {"domestic": 124.8e6, "industrial": 136.8e6, "agricultural": 1.4e6}
    )


BRANCHES = ("agriculture", "forestry", "animal_husbandry", "fishery")
OUTPUT = pd.DataFrame({"product": BRANCHES, "output_value_cny": [1000.0, 100.0, 400.0, 200.0]})


def test_gross_output_by_hand():
    found = quantity("material_products", "gross_output", tables={"material_products": OUTPUT})
    assert list(found.values()) == [1000.0, 100.0, 400.0, 200.0]
    price = {"farm_output": 1.5}
    worth = value("material_products", "gross_output", found, price, nature_share=0.5)
    assert list(worth.values()) == [750.0, 75.0, 300.0, 150.0]  # 0.5 · output · 1.5


def test_value_added_by_hand():
    shares = dict(zip(BRANCHES, (0.68, 0.72, 0.45, 0.62), strict=True))
    tables = {"material_products": OUTPUT}
    found = quantity("material_products", "value_added", tables=tables, value_added_share=shares)
    # 1000 · 0.68, 100 · 0.72, 400 · 0.45, 200 · 0.62
    assert list(found.values()) == pytest.approx([680.0, 72.0, 180.0, 124.0])
    price = {"farm_output": 1.0}
    worth = value("material_products", "value_added", found, price, nature_share=1.0)
    assert worth == pytest.approx(found)


def test_output_less_imports_by_hand():
    imported = row(
        agriculture_percent=6.0,
        forestry_percent=2.0,
        animal_husbandry_percent=42.0,
        fishery_percent=20.0,
    )
    tables = {"material_products": OUTPUT, "imported_inputs": imported}
    found = quantity("material_products", "gross_output_less_imports", tables=tables)
    # 1000 · 0.94, 100 · 0.98, 400 · 0.58, 200 · 0.80
    assert list(found.values()) == pytest.approx([940.0, 98.0, 232.0, 160.0])


# Factors ------------------------------------------------------------------------------------------


def test_annual_precipitation_by_hand():
    rain = monthly(np.arange(10, 130, 10), "mm")
    # 10 + 20 + … + 120
    assert factor("annual_precipitation", "default", precipitation=rain) == 780


def test_surface_runoff_by_hand():
    found = factor(
        "surface_runoff",
        "default",
        annual_precipitation=grid(1500, "mm a-1"),
        land_cover=cover("paddy"),
        runoff_coefficient_percent=only(paddy=34.7),
    )
    assert found == pytest.approx(520.5)  # 1500 · 0.347


def test_actual_evapotranspiration_by_hand():
    found = factor(
        "actual_evapotranspiration",
        "default",
        annual_precipitation=grid(1000, "mm a-1"),
        potential_evapotranspiration=grid(1000, "mm a-1"),
        land_cover=cover("mixed_forest"),
        omega=only(mixed_forest=2.0),
    )
    assert found == pytest.approx(585.786, abs=1e-3)  # φ = 1: 1000 · (2 − √2)


def potential(*celsius, latitude=0.0):
    return factor(
        "potential_evapotranspiration",
        "default",
        air_temperature=monthly(celsius, "degC"),
        latitude_degree=latitude,
        calibration=1.2,
    )


def test_potential_evapotranspiration_at_the_equator_by_hand():
    # e_s = 6.108 · exp(17.26939 · 20 / 257.3) = 6.108 · e^1.342354 = 23.381 hPa
    # ρ = 216.7 · 23.381 / 293.3 = 17.275 g m-3; 0.1651 · 1.2 · 17.275 = 3.4225 mm d-1; · 365.25
    assert potential(*[20.0] * 12) == pytest.approx(1250.1, abs=0.2)
    # a month of frost counts nothing: less its 31 days
    assert potential(-5.0, *[20.0] * 11) == pytest.approx(1250.1 - 31 * 3.4225, abs=0.2)


def test_daylight_of_summer_is_longer_away_from_the_equator():
    july = [0.0] * 6 + [20.0] + [0.0] * 5
    # declination in mid-July 21.3°; at 30° N cos ω = −tan 30° · tan 21.3° = −0.2251, ω = 103.0°; / 90°
    assert potential(*july, latitude=30.0) / potential(*july) == pytest.approx(1.1445, abs=2e-4)


def hot_days(*celsius):
    return factor(
        "cooling_days",
        "default",
        air_temperature=monthly(celsius, "degC"),
        threshold_c=26.0,
        half_daily_range_k=4.5,
        daily_spread_k=3.0,
    )


def test_cooling_days_by_hand():
    # at 21.5 °C the mean maximum is the threshold: half of 365.25 days
    assert hot_days(*[21.5] * 12) == pytest.approx(182.625)
    # July one spread warmer, else frost: 31 · Φ(1) = 31 · 0.841345
    assert hot_days(*[-20.0] * 6, 24.5, *[-20.0] * 5) == pytest.approx(26.0817, abs=1e-4)


@pytest.mark.parametrize(
    ("slope", "found"),
    [
        (0.0, 0.0395853),  # 4^0.2 = 1.319508; · 0.03
        (1.0, 0.2882940),  # 4^0.2 · (10.8 · 0.01745241 + 0.03 = 0.2184860)
        (3.0, 0.9021974),  # 4^0.3 = 1.515717; · (10.8 · 0.05233596 + 0.03 = 0.5952283)
        (4.0, 1.3639268),  # 4^0.4 = 1.741101; · (10.8 · 0.06975647 + 0.03 = 0.7833699)
        (5.0, 1.6788118),  # 4^0.4; · (16.8 · 0.08715574 − 0.5 = 0.9642165)
        (9.0, 4.2561988),  # 4^0.5 = 2; · (16.8 · 0.15643447 − 0.5 = 2.1280990)
        (10.0, 5.6893044),  # 2 · (21.91 · 0.17364818 − 0.96 = 2.8446316)
    ],
)
def test_slope_classes_by_hand(slope, found):
    length = 4 * 22.13  # four unit plots
    got = factor(
        "slope_length_steepness",
        "liu_cell",
        slope=grid(slope, "degree"),
        slope_length_m=length,
    )
    assert got == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize(
    ("percent", "found"),
    [(0, 0.1), (9.9, 0.1), (10, 0.08), (30, 0.06), (69.9, 0.02), (80, 0.004), (90, 0.001)],
)
def test_cover_table_by_hand(percent, found):
    kinds = dict.fromkeys(TYPES.index, [0.5] * 6)
    given = {
        "land_cover": cover("mixed_forest"),
        "vegetation_cover": grid(percent, "percent"),
        "by_cover": {**kinds, "mixed_forest": [0.1, 0.08, 0.06, 0.02, 0.004, 0.001]},
    }
    assert factor("cover_management", "table", **given, scale=1.0) == pytest.approx(found)
    assert factor("cover_management", "table", **given, scale=1.5) == pytest.approx(1.5 * found)
    assert factor("cover_management", "table", **given, scale=1000.0) == 1.0  # never above 1


@pytest.mark.parametrize(
    ("percent", "found"),
    [
        (0, 1.0),  # bare
        (0.05, 1.0),  # 0.6508 + 0.3436 · 1.30103 = 1.0978, no more than 1
        (50, 0.0670339),  # 0.6508 − 0.3436 · 1.6989700
        (78.3, 0.0001035),  # 0.6508 − 0.3436 · 1.8937618, the last of the formula
        (78.4, 0.0),
        (90, 0.0),
    ],
)
def test_cover_formula_by_hand(percent, found):
    got = factor(
        "cover_management",
        "cover_formula",
        vegetation_cover=grid(percent, "percent"),
        full_cover_percent=78.3,
        intercept=0.6508,
        slope=0.3436,
        scale=1.0,
    )
    assert got == pytest.approx(found, abs=2e-7)


def test_practice_by_type():
    table = only(paddy=0.1, mixed_forest=1.0)
    for kind, found in (("paddy", 0.1), ("mixed_forest", 1.0)):
        got = factor("support_practice", "table", land_cover=cover(kind), by_ecosystem=table)
        assert got == found


@pytest.mark.parametrize(
    ("kind", "degree", "found"),
    [
        ("dry_cropland", 0.0, 0.2),
        ("dry_cropland", 10.0, 0.728981),  # tan 10° = 17.63270 %; 0.2 + 0.03 · 17.63270
        ("dry_cropland", 30.0, 1.0),  # 57.735 % would give 1.932
        ("paddy", 10.0, 0.1),  # by type
        ("mixed_forest", 10.0, 1.0),
    ],
)
def test_practice_by_slope(kind, degree, found):
    got = factor(
        "support_practice",
        "slope",
        land_cover=cover(kind),
        slope=grid(degree, "degree"),
        by_ecosystem=only(paddy=0.1, mixed_forest=1.0, dry_cropland=0.38),
        from_slope=only(dry_cropland=1.0),
        intercept=0.2,
        per_percent=0.03,
    )
    assert got == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(
    ("method", "found"),
    [
        # K_EPIC of 35 % sand, 40 % silt, 25 % clay, 1.8 % carbon:
        #   0.2 + 0.3 · e^(−0.0256 · 35 · 0.6 = −0.5376) = 0.2 + 0.3 · 0.584148 = 0.375244
        #   (40 / 65)^0.3 = 0.864458
        #   1 − 0.25 · 1.8 / (1.8 + e^(3.72 − 5.31 = −1.59) = 0.203926) = 0.775441
        #   1 − 0.7 · 0.65 / (0.65 + e^(−5.51 + 22.9 · 0.65 = 9.375) = 11 790) = 0.999961
        #   product 0.251530
        ("epic", 0.0331265),  # · 0.1317
        ("epic_corrected", 0.0152636),  # (−0.01383 + 0.51575 · 0.251530 = 0.115897) · 0.1317
    ],
)
def test_erodibility_by_hand(method, found):
    soil = {
        "soil_sand": grid(35, "percent"),
        "soil_silt": grid(40, "percent"),
        "soil_clay": grid(25, "percent"),
        "soil_organic_carbon": grid(1.8, "percent"),
    }
    assert factor("soil_erodibility", method, **soil, calibration=1.0) == pytest.approx(
        found, rel=1e-5
    )
    twice = factor("soil_erodibility", method, **soil, calibration=2.0)
    assert twice == pytest.approx(2 * found, rel=1e-5)


# Rainfall erosivity against loops over the days ---------------------------------------------------


def test_erosivity_of_even_rain_by_hand():
    rain = monthly([100] * 12, "mm")
    found = factor(
        "rainfall_erosivity",
        "wischmeier_monthly",
        precipitation=rain,
        annual_precipitation=grid(1200, "mm a-1"),
        calibration=1.0,
    )
    # 100² / 1200 = 8.33333; ^1.5 = 24.0563; · 10^−0.8188 = 0.151775 · 1.735 = 6.33472; · 17.02 · 12
    assert found == pytest.approx(1293.8, abs=0.3)


def test_erosivity_by_month_is_the_formula_as_printed():
    rain = np.array([60, 80, 140, 130, 150, 260, 150, 160, 0, 70, 60, 40.0])
    printed = 17.02 * sum(
        1.735 * 10 ** (1.5 * math.log10(p**2 / rain.sum()) - 0.8188) for p in rain if p > 0
    )
    found = factor(
        "rainfall_erosivity",
        "wischmeier_monthly",
        precipitation=monthly(rain, "mm"),
        annual_precipitation=grid(rain.sum(), "mm a-1"),
        calibration=1.0,
    )
    assert found == pytest.approx(printed)


def days_of_rain(seed, years=(2019, 2020, 2021)):
    """Return the dates and rain of some years, a third of the days wet; 2020 has 366 days."""
    days = pd.date_range(f"{years[0]}-01-01", f"{years[-1]}-12-31")
    random = np.random.default_rng(seed)
    return days, random.gamma(0.6, 18.0, len(days)) * (random.random(len(days)) < 1 / 3)


def daily(days, rain):
    return xr.DataArray(
        np.asarray(rain, dtype=float)[:, None, None],
        dims=("day", "y", "x"),
        coords={"day": days},
        attrs={"units": "mm"},
    )


DAILY = {
    "calibration": 1.0,
    "erosive_rain_mm": 12.0,
    "warm_months": [5, 6, 7, 8, 9],
    "warm_coefficient": 0.3937,
    "cold_coefficient": 0.3101,
    "exponent": 1.7265,
}


def erosivity(method, days, rain, **changed):
    array = daily(days, rain)
    return factor("rainfall_erosivity", method, daily_precipitation=array, **{**DAILY, **changed})


@pytest.mark.parametrize("seed", range(5))
def test_erosivity_by_day_is_that_of_a_loop_over_the_days(seed):
    days, rain = days_of_rain(seed)
    looped = 0.0
    for day, fallen in zip(days, rain, strict=True):
        if fallen >= 12:
            looped += (0.3937 if 5 <= day.month <= 9 else 0.3101) * fallen**1.7265
    assert erosivity("daily", days, rain) == pytest.approx(looped / 3)
    assert erosivity("daily", days, rain, calibration=2.0) == pytest.approx(2 * looped / 3)


@pytest.mark.parametrize("seed", range(5))
def test_erosivity_by_half_month_is_that_of_a_loop_over_the_half_months(seed):
    days, rain = days_of_rain(seed)
    erosive = [fallen for fallen in rain if fallen >= 12]
    mean_of_days, of_the_year = sum(erosive) / len(erosive), sum(erosive) / 3
    beta = 0.8363 + 18.144 / mean_of_days + 24.455 / of_the_year
    alpha = 21.586 * beta**-7.1891
    looped = 0.0
    for year in (2019, 2020, 2021):
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            for first_day, last_day in ((1, 15), (16, last)):
                powered = sum(
                    fallen**beta
                    for day, fallen in zip(days, rain, strict=True)
                    if (day.year, day.month) == (year, month)
                    and first_day <= day.day <= last_day
                    and fallen >= 12
                )
                looped += alpha * powered
    assert erosivity("half_month", days, rain) == pytest.approx(looped / 3)


@pytest.mark.parametrize("method", ["daily", "half_month"])
def test_erosivity_of_drizzle_is_0_and_of_a_lost_day_unknown(method):
    days, rain = days_of_rain(0)
    assert erosivity(method, days, np.full(len(days), 11.9)) == 0
    rain[10] = np.nan
    assert math.isnan(erosivity(method, days, rain))


def test_every_method_has_an_example():
    """A method that is added shows up here; give it an example.

    They stand in this file, in test_values.py and, of terrain, in test_terrain.py.
    """
    assert {(name, method) for name, methods in SERVICES.items() for method in methods} == {
        ("air_purification", "two_regime"),
        ("carbon_sequestration", "nep"),
        ("carbon_sequestration", "rate"),
        ("carbon_sequestration", "biomass"),
        ("climate_regulation", "transpiration_heat"),
        ("climate_regulation", "evapotranspiration_energy"),
        ("climate_regulation", "temperature_difference"),
        ("coastal_protection", "dike_cost"),
        ("ecological_energy", "market_price"),
        ("flood_mitigation", "runoff_reduction"),
        ("flood_mitigation", "lake_zone"),
        ("fresh_water", "use_price"),
        ("landscape_value", "premium"),
        ("leisure", "time_value"),
        ("marine_carbon", "harvest_and_burial"),
        ("marine_climate", "evaporation_energy"),
        ("marine_products", "gross_output"),
        ("marine_purification", "uptake_share"),
        ("marine_recreation", "spending"),
        ("material_products", "gross_output"),
        ("material_products", "gross_output_less_imports"),
        ("material_products", "value_added"),
        ("negative_ions", "generator_cost"),
        ("noise_reduction", "barrier_cost"),
        ("other_products", "gross_output"),
        ("oxygen_release", "stoichiometric"),
        ("oxygen_release", "rate"),
        ("oxygen_release", "biomass"),
        ("pest_control", "recovered_area"),
        ("seascape", "premium"),
        ("soil_retention", "rusle"),
        ("soil_retention", "rusle_npk"),
        ("tourism", "travel_cost"),
        ("water_conservation", "water_balance"),
        ("water_conservation", "water_balance_annualised"),
        ("water_conservation", "water_supply"),
        ("water_conservation", "forest_storage"),
        ("water_purification", "two_regime"),
        ("windbreak", "rweq"),
    }
    assert {(name, method) for name, methods in FACTORS.items() for method in methods} == {
        ("actual_evapotranspiration", "default"),
        ("annual_precipitation", "default"),
        ("cooling_days", "default"),
        ("cover_management", "table"),
        ("cover_management", "cover_formula"),
        ("potential_evapotranspiration", "default"),
        ("rainfall_erosivity", "wischmeier_monthly"),
        ("rainfall_erosivity", "half_month"),
        ("rainfall_erosivity", "daily"),
        ("slope_length_steepness", "liu_cell"),
        ("slope_length_steepness", "desmet_govers"),
        ("soil_erodibility", "epic_corrected"),
        ("soil_erodibility", "epic"),
        ("support_practice", "table"),
        ("support_practice", "slope"),
        ("surface_runoff", "default"),
    }
