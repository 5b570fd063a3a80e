"""Water purification (水质净化) by wetlands and waters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from gepbook import ecosystems
from gepbook.accounting.lookup import by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter
from gepbook.units import require_units

HA_PER_KM2 = 100.0
COLUMNS = {"cod": "cod_t", "nitrogen": "total_nitrogen_t", "phosphorus": "total_phosphorus_t"}


class WaterPurificationParams(Params):
    """Removal capacity of wetlands and waters."""

    cod_capacity_t_km2: float = parameter("t km-2 a-1", "化学需氧量净化能力", ge=0)
    nitrogen_capacity_t_km2: float = parameter("t km-2 a-1", "总氮净化能力", ge=0)
    phosphorus_capacity_t_km2: float = parameter("t km-2 a-1", "总磷净化能力", ge=0)


@require_units(land_cover="1", returns="t ha-1 a-1")
def density(
    *, land_cover: xr.DataArray, params: WaterPurificationParams
) -> dict[str, xr.DataArray]:
    """Return how much of each pollutant wetlands can remove per hectare (净化能力).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `cod`, `nitrogen`, `phosphorus`: DataArray, dims (y, x), t ha-1 a-1

    Notes
    -----
    Source: wetland rates of the standard family; recalled, low confidence.
    """
    types = ecosystems.read()
    wetland = dict(zip(types["id"], (types["group"] == "wetland").astype(float), strict=True))
    area = by_type(land_cover, wetland, "1") / HA_PER_KM2
    return {
        "cod": area * params.cod_capacity_t_km2,
        "nitrogen": area * params.nitrogen_capacity_t_km2,
        "phosphorus": area * params.phosphorus_capacity_t_km2,
    }


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: WaterPurificationParams
) -> dict[str, float]:
    r"""Return what is removed, t a-1: never more than is emitted.

    Notes
    -----
    .. math:: Q_j = \min(\text{capacity}_j, \text{emission}_j)

    Source: MEE 2020 (two regimes, recalled); the cap is a proposal of this workbook.
    """
    emitted = tables["emissions"].iloc[0]
    return {name: np.minimum(totals[name], emitted[column]) for name, column in COLUMNS.items()}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: WaterPurificationParams
) -> dict[str, float]:
    """Return the treatment cost avoided, CNY a-1 (替代成本法)."""
    return {name: mass * prices[f"{name}_treatment"] for name, mass in quantities.items()}


SERVICE = ServiceSpec(
    id="water_purification",
    name_zh="水质净化",
    name_en="Water purification",
    category="regulating",
    source="MEE 2020",
    formula=r"Q_j = \min(\sum A_{wet}\,q_j,\; E_j),\quad V = \sum_j Q_j P_j",
    params=WaterPurificationParams,
    components=(
        Component("cod", "净化化学需氧量", "Chemical oxygen demand", "t a-1"),
        Component("nitrogen", "净化总氮", "Nitrogen", "t a-1"),
        Component("phosphorus", "净化总磷", "Phosphorus", "t a-1"),
    ),
    value=value,
    density=density,
    quantity=quantity,
    layers=(Layer("land_cover", "1"),),
    tables=(Table("emissions", tuple(COLUMNS.values())),),
    prices={
        "cod_treatment": "CNY t-1",
        "nitrogen_treatment": "CNY t-1",
        "phosphorus_treatment": "CNY t-1",
    },
    method="two_regime",
)
