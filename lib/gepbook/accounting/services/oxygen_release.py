"""Oxygen release (释氧), on the same basis as the carbon dioxide fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from gepbook.accounting.services import carbon_sequestration
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params
from gepbook.units import require_units

OXYGEN_PER_CO2 = 32 / 44


@require_units(net_primary_productivity="g m-2 a-1", land_cover="1", returns="t ha-1 a-1")
def density(
    *,
    net_primary_productivity: xr.DataArray,
    land_cover: xr.DataArray,
    params: carbon_sequestration.CarbonSequestrationParams,
) -> dict[str, xr.DataArray]:
    r"""Return oxygen released per hectare (释氧量).

    Parameters
    ----------
    net_primary_productivity : DataArray, dims (y, x), g m-2 a-1 of carbon
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `oxygen`: DataArray, dims (y, x), t ha-1 a-1

    Notes
    -----
    .. math:: Q_{O_2} = \frac{32}{44} Q_{CO_2}

    Source: stoichiometry; the Zhejiang forest bulletins of 2014 and 2015 give 0.730.
    """
    fixed = carbon_sequestration.density(
        net_primary_productivity=net_primary_productivity, land_cover=land_cover, params=params
    )
    return {"oxygen": OXYGEN_PER_CO2 * fixed["co2"]}


@require_units(land_cover="1", returns="t ha-1 a-1")
def rate_density(
    *, land_cover: xr.DataArray, params: carbon_sequestration.SequestrationRateParams
) -> dict[str, xr.DataArray]:
    """Return oxygen released per hectare, from carbon fixed by rates.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `oxygen`: DataArray, dims (y, x), t ha-1 a-1
    """
    fixed = carbon_sequestration.rate_density(land_cover=land_cover, params=params)
    return {"oxygen": OXYGEN_PER_CO2 * fixed["co2"]}


def from_biomass(
    totals: Quantities,
    tables: Mapping[str, pd.DataFrame],
    params: carbon_sequestration.BiomassParams,
) -> dict[str, float]:
    """Return oxygen released, t a-1, from carbon in the growth of biomass."""
    fixed = carbon_sequestration.biomass_growth(totals, tables, params)
    return {"oxygen": OXYGEN_PER_CO2 * fixed["co2"]}


def value(quantities: Quantities, prices: Mapping[str, float], params: Params) -> dict[str, float]:
    """Return its value in CNY a-1 at the price of industrial oxygen (工业制氧法)."""
    return {"oxygen": quantities["oxygen"] * prices["oxygen"]}


SERVICE = ServiceSpec(
    id="oxygen_release",
    name_zh="释氧",
    name_en="Oxygen release",
    category="regulating",
    source="stoichiometry; MEE 2020",
    formula=r"Q_{O_2} = \frac{32}{44}\,Q_{CO_2},\quad V = Q_{O_2}P_o",
    params=carbon_sequestration.CarbonSequestrationParams,
    components=(Component("oxygen", "释放氧气", "Oxygen released", "t a-1"),),
    value=value,
    density=density,
    layers=(Layer("net_primary_productivity", "g m-2 a-1"), Layer("land_cover", "1")),
    prices={"oxygen": "CNY t-1"},
    method="stoichiometric",
    section="carbon_sequestration",
)
_RATE, _BIOMASS = carbon_sequestration.ALTERNATIVES
ALTERNATIVES = (
    replace(
        SERVICE,
        method="rate",
        density=rate_density,
        params=_RATE.params,
        section=_RATE.section,
        layers=_RATE.layers,
    ),
    replace(
        SERVICE,
        method="biomass",
        density=None,
        quantity=from_biomass,
        params=_BIOMASS.params,
        section=_BIOMASS.section,
        layers=(),
        tables=_BIOMASS.tables,
    ),
)
