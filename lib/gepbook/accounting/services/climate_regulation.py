"""Climate regulation (气候调节): heat taken up by evaporation, or the air that is measured cooler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import xarray as xr

from gepbook import ecosystems
from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units

M2_PER_HA = 10_000.0
KJ_PER_KWH = 3600.0
M3_PER_MM_HA = 10.0
DAYS_PER_YEAR = 365.25


class ClimateRegulationParams(Params):
    """Parameters of climate regulation."""

    transpiration_heat_kj_m2_d: ByEcosystemType = parameter("kJ m-2 d-1", "单位面积蒸腾耗热量 EPP")
    energy_efficiency_ratio: float = parameter("1", "空调能效比 R", gt=0)
    water_density_kg_m3: float = parameter("kg m-3", "水的密度 ρ", gt=0)
    latent_heat_kj_kg: float = parameter("kJ kg-1", "汽化潜热 q", gt=0)
    humidifying: bool = parameter("1", "是否计入增湿")
    humidifier_kwh_m3: float = parameter("kWh m-3", "加湿器单位耗电 γ", ge=0)


class EvapotranspirationEnergyParams(Params):
    """Parameters of the energy of evapotranspiration."""

    counted: ByEcosystemType = parameter("1", "计入蒸散发降温的类型, 1 或 0")
    energy_efficiency_ratio: float = parameter("1", "空调能效比 R", gt=0)
    water_density_kg_m3: float = parameter("kg m-3", "水的密度 ρ", gt=0)
    latent_heat_kj_kg: float = parameter("kJ kg-1", "汽化潜热 q", gt=0)


class TemperatureDifferenceParams(Params):
    """Parameters of the measured difference in temperature."""

    energy_efficiency_ratio: float = parameter("1", "空调能效比 R", gt=0)
    air_heat_capacity_kj_m3_k: float = parameter("kJ m-3 K-1", "空气体积热容", gt=0)
    mixing_height_m: float = parameter("m", "被冷却空气层高度", gt=0)
    air_changes_per_day: float = parameter("d-1", "空气层每日更换次数", gt=0)


@require_units(
    land_cover="1",
    cooling_days="d a-1",
    actual_evapotranspiration="mm a-1",
    returns="kWh ha-1 a-1",
)
def density(
    *,
    land_cover: xr.DataArray,
    cooling_days: xr.DataArray,
    actual_evapotranspiration: xr.DataArray,
    params: ClimateRegulationParams,
) -> dict[str, xr.DataArray]:
    r"""Return the electricity that cooling by ecosystems saves per hectare (气候调节量).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    cooling_days : DataArray, dims (y, x), d a-1
    actual_evapotranspiration : DataArray, dims (y, x), mm a-1
        Of water surfaces; the part of the cooling days is taken in proportion to their number.

    Returns
    -------
    dict with `vegetation` and `water`: DataArray, dims (y, x), kWh ha-1 a-1

    Notes
    -----
    .. math:: E_v = \frac{EPP \cdot d}{3600 R} \times 10^4, \qquad
        E_w = E \, \left(\frac{\rho q}{3600 R} + \gamma\right)

    γ only where humidification counts. Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302; the division
    of the water term by R as in later texts of the standard family (recalled).
    """
    heat = by_type(land_cover, params.transpiration_heat_kj_m2_d, "kJ m-2 d-1")
    per_kwh = KJ_PER_KWH * params.energy_efficiency_ratio
    types = ecosystems.read()
    is_water = dict(zip(types["id"], (types["id"] == "water").astype(float), strict=True))
    evaporated_m3 = (
        M3_PER_MM_HA
        * actual_evapotranspiration
        * (cooling_days / DAYS_PER_YEAR)
        * by_type(land_cover, is_water, "1")
    )
    kwh_per_m3 = params.water_density_kg_m3 * params.latent_heat_kj_kg / per_kwh
    if params.humidifying:
        kwh_per_m3 = kwh_per_m3 + params.humidifier_kwh_m3
    return {
        "vegetation": M2_PER_HA * heat * cooling_days / per_kwh,
        "water": evaporated_m3 * kwh_per_m3,
    }


@require_units(
    land_cover="1",
    cooling_days="d a-1",
    actual_evapotranspiration="mm a-1",
    returns="kWh ha-1 a-1",
)
def evapotranspiration_energy(
    *,
    land_cover: xr.DataArray,
    cooling_days: xr.DataArray,
    actual_evapotranspiration: xr.DataArray,
    params: EvapotranspirationEnergyParams,
) -> dict[str, xr.DataArray]:
    r"""Return the electricity that evapotranspiration of the cooling days saves (蒸散发能量法).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    cooling_days : DataArray, dims (y, x), d a-1
    actual_evapotranspiration : DataArray, dims (y, x), mm a-1
        The part of the cooling days is taken in proportion to their number.

    Returns
    -------
    dict with `evapotranspiration`: DataArray, dims (y, x), kWh ha-1 a-1

    Notes
    -----
    .. math:: E = 10 \, ET \, \frac{d}{365.25} \, \frac{\rho q}{3600 R}

    Source: GB/T 46869-2025, A.11 (a) (second-hand).
    """
    per_m3 = params.water_density_kg_m3 * params.latent_heat_kj_kg
    per_m3 = per_m3 / (KJ_PER_KWH * params.energy_efficiency_ratio)
    share = cooling_days / DAYS_PER_YEAR
    evaporated = M3_PER_MM_HA * actual_evapotranspiration * share
    return {"evapotranspiration": evaporated * by_type(land_cover, params.counted, "1") * per_m3}


@require_units(temperature_difference="K", cooling_days="d a-1", returns="kWh ha-1 a-1")
def temperature_difference(
    *,
    temperature_difference: xr.DataArray,
    cooling_days: xr.DataArray,
    params: TemperatureDifferenceParams,
) -> dict[str, xr.DataArray]:
    r"""Return the electricity that air measured cooler saves (实测温差法).

    Parameters
    ----------
    temperature_difference : DataArray, dims (y, x), K
        By how much air over the ecosystem is cooler than over built-up land, on cooling days.
    cooling_days : DataArray, dims (y, x), d a-1

    Returns
    -------
    dict with `cooling`: DataArray, dims (y, x), kWh ha-1 a-1

    Notes
    -----
    .. math:: E = 10^4 \, \Delta T \, c \, H \, n \, d / (3600 R)

    H height of the air cooled, n times a day that it is changed. Source: GB/T 46869-2025, A.11 (b)
    (second-hand); its numbers are proposals of this workbook.
    """
    heat = temperature_difference * params.air_heat_capacity_kj_m3_k * params.mixing_height_m
    daily = M2_PER_HA * heat * params.air_changes_per_day
    return {"cooling": daily * cooling_days / (KJ_PER_KWH * params.energy_efficiency_ratio)}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: ClimateRegulationParams
) -> dict[str, float]:
    """Return the electricity saved in CNY a-1 (替代成本法)."""
    return {name: energy * prices["electricity"] for name, energy in quantities.items()}


SERVICE = ServiceSpec(
    id="climate_regulation",
    name_zh="气候调节",
    name_en="Climate regulation",
    category="regulating",
    source="白玛卓嘎等 2017",
    formula=r"E = \frac{\sum EPP\,A\,d}{3600R} + E_w\frac{\rho q}{3600R},\quad V = E\,P_e",
    params=ClimateRegulationParams,
    components=(
        Component("vegetation", "植被蒸腾降温", "Cooling by transpiration", "kWh a-1"),
        Component("water", "水面蒸发降温", "Cooling by water surfaces", "kWh a-1"),
    ),
    value=value,
    density=density,
    layers=(
        Layer("land_cover", "1"),
        Layer("cooling_days", "d a-1"),
        Layer("actual_evapotranspiration", "mm a-1"),
    ),
    prices={"electricity": "CNY kWh-1"},
    method="transpiration_heat",
)
ALTERNATIVES = (
    replace(
        SERVICE,
        method="evapotranspiration_energy",
        density=evapotranspiration_energy,
        params=EvapotranspirationEnergyParams,
        section="climate_regulation_evapotranspiration",
        components=(
            Component(
                "evapotranspiration", "蒸散发降温", "Cooling by evapotranspiration", "kWh a-1"
            ),
        ),
        formula=r"E = \sum A\,ET\,\frac{d}{365.25}\,\frac{\rho q}{3600R},\quad V = E\,P_e",
        source="GB/T 46869-2025 A.11 (a), second-hand",
    ),
    replace(
        SERVICE,
        method="temperature_difference",
        density=temperature_difference,
        params=TemperatureDifferenceParams,
        section="climate_regulation_temperature",
        components=(Component("cooling", "实测降温", "Cooling as measured", "kWh a-1"),),
        layers=(Layer("temperature_difference", "K"), Layer("cooling_days", "d a-1")),
        formula=r"E = \sum A\,\Delta T\,c\,H\,n\,d/(3600R),\quad V = E\,P_e",
        source="GB/T 46869-2025 A.11 (b), second-hand",
    ),
)
