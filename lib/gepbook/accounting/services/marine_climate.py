"""Marine climate regulation (海洋气候调节): evaporation of the sea near the shore."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter

M3_PER_MM_KM2 = 1000.0
KJ_PER_KWH = 3600.0


class MarineClimateParams(Params):
    """Parameters of marine climate regulation."""

    evaporation_mm: float = parameter("mm a-1", "降温季海面蒸发量", ge=0)
    felt_on_land_share: float = parameter("1", "影响陆域的近岸海域份额", ge=0, le=1)
    energy_efficiency_ratio: float = parameter("1", "空调能效比 R", gt=0)
    water_density_kg_m3: float = parameter("kg m-3", "水的密度 ρ", gt=0)
    latent_heat_kj_kg: float = parameter("kJ kg-1", "汽化潜热 q", gt=0)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MarineClimateParams
) -> dict[str, float]:
    r"""Return the electricity that evaporation near the shore saves, kWh a-1.

    Notes
    -----
    .. math:: E = 10^3 \, A \, f \, E_s \, \frac{\rho q}{3600 R}

    f is the share of the sea whose cooling is felt on land, a proposal of this workbook.
    """
    area = tables["coast"].iloc[0]["sea_area_km2"] * params.felt_on_land_share
    heat = params.water_density_kg_m3 * params.latent_heat_kj_kg
    per_m3 = heat / (KJ_PER_KWH * params.energy_efficiency_ratio)
    return {"evaporation": M3_PER_MM_KM2 * area * params.evaporation_mm * per_m3}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MarineClimateParams
) -> dict[str, float]:
    """Return the electricity saved in CNY a-1 (替代成本法)."""
    return {"evaporation": quantities["evaporation"] * prices["electricity"]}


SERVICE = ServiceSpec(
    id="marine_climate",
    name_zh="海洋气候调节",
    name_en="Marine climate regulation",
    category="regulating",
    source="Front. Mar. Sci. 2024: 1356149; design",
    formula=r"E = 10^3 A f E_s\frac{\rho q}{3600R},\quad V = E\,P_e",
    params=MarineClimateParams,
    components=(Component("evaporation", "近岸海面蒸发", "Evaporation near the shore", "kWh a-1"),),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("sea_area_km2",)),),
    prices={"electricity": "CNY kWh-1"},
    method="evaporation_energy",
    only_group="coastal_pilot",
)
