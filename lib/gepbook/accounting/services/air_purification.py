"""Air purification (空气净化): sulphur dioxide, nitrogen oxides, dust."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

T_PER_KG = 0.001


class AirPurificationParams(Params):
    """Removal capacity of ecosystems."""

    so2_capacity_kg_ha: ByEcosystemType = parameter("kg ha-1 a-1", "二氧化硫净化能力")
    nox_capacity_kg_ha: ByEcosystemType = parameter("kg ha-1 a-1", "氮氧化物净化能力")
    dust_capacity_kg_ha: ByEcosystemType = parameter("kg ha-1 a-1", "滞尘能力")


@require_units(land_cover="1", returns="t ha-1 a-1")
def density(*, land_cover: xr.DataArray, params: AirPurificationParams) -> dict[str, xr.DataArray]:
    """Return how much of each pollutant ecosystems can remove per hectare (净化能力).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `so2`, `nox`, `dust`: DataArray, dims (y, x), t ha-1 a-1

    Notes
    -----
    Source: 缪建群等 2017, 生态学报 37(19): 6422, and the LY/T 1721 family.
    """
    tables = {
        "so2": params.so2_capacity_kg_ha,
        "nox": params.nox_capacity_kg_ha,
        "dust": params.dust_capacity_kg_ha,
    }
    return {
        name: T_PER_KG * by_type(land_cover, table, "kg ha-1 a-1") for name, table in tables.items()
    }


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: AirPurificationParams
) -> dict[str, float]:
    r"""Return what is removed, t a-1: never more than is emitted (两种情形).

    Notes
    -----
    .. math:: Q_j = \min(\text{capacity}_j, \text{emission}_j)

    Where air meets its functional zone all emissions count as absorbed, as far as capacity goes; where
    it does not, capacity counts, as far as there are emissions: with the cap both give the lesser.
    Source: MEE 2020 (two regimes, recalled); the cap is a proposal of this workbook.
    """
    emitted = tables["emissions"].iloc[0]
    return {name: np.minimum(capacity, emitted[f"{name}_t"]) for name, capacity in totals.items()}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: AirPurificationParams
) -> dict[str, float]:
    """Return the treatment cost avoided, CNY a-1 (替代成本法)."""
    return {name: mass * prices[f"{name}_treatment"] for name, mass in quantities.items()}


SERVICE = ServiceSpec(
    id="air_purification",
    name_zh="空气净化",
    name_en="Air purification",
    category="regulating",
    source="MEE 2020; 缪建群等 2017",
    formula=r"Q_j = \min(\sum A\,q_j,\; E_j),\quad V = \sum_j Q_j P_j",
    params=AirPurificationParams,
    components=(
        Component("so2", "净化二氧化硫", "Sulphur dioxide", "t a-1"),
        Component("nox", "净化氮氧化物", "Nitrogen oxides", "t a-1"),
        Component("dust", "滞尘", "Dust", "t a-1"),
    ),
    value=value,
    density=density,
    quantity=quantity,
    layers=(Layer("land_cover", "1"),),
    tables=(Table("emissions", ("so2_t", "nox_t", "dust_t")),),
    prices={
        "so2_treatment": "CNY t-1",
        "nox_treatment": "CNY t-1",
        "dust_treatment": "CNY t-1",
    },
    method="two_regime",
)
