"""What a service and a factor declare about themselves; the registry and the account read only this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pandas as pd
import xarray as xr

from gepbook.params import Params

Category = Literal["provisioning", "regulating", "cultural"]
CATEGORY_ZH = {"provisioning": "物质供给", "regulating": "调节服务", "cultural": "文化服务"}


@dataclass(frozen=True)
class Layer:
    """A raster that a formula needs: read from the pack, or computed by the factor of that name."""

    name: str
    units: str


@dataclass(frozen=True)
class Table:
    """A table of the pack that a formula needs, cut to the county and, where it has years, the year."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Component:
    """One part of a service's result, e.g. the nitrogen of 土壤保持."""

    id: str
    name_zh: str
    name_en: str
    units: str


@dataclass(frozen=True)
class NotApplicable:
    """A service that does not occur in a county, with the reason; neither 0 nor missing."""

    reason: str


Quantities = Mapping[str, float]


class Quantity(Protocol):
    """County quantity by component, from the zonal totals of the densities and the tables.

    Written with NumPy's operations, so that every figure may also be an array of draws.
    """

    def __call__(
        self, totals: Quantities, tables: Mapping[str, pd.DataFrame], params: Any
    ) -> Quantities | NotApplicable:
        """Return the quantities."""
        ...


class Value(Protocol):
    """Value in CNY a-1 by component, from quantities and unit prices."""

    def __call__(
        self, quantities: Quantities, prices: Mapping[str, float], params: Any
    ) -> Mapping[str, float]:
        """Return the values."""
        ...


@dataclass(frozen=True)
class ServiceSpec:
    """One ecosystem service (生态系统服务) by one method: what it needs and how it is computed.

    `density` is None for services known only from statistics; `quantity` is None when the county
    quantity is the zonal total of the density. `prices` maps price ids to the unit each must have.
    `method` names the method that a standard's profile asks for; a service file lists its further
    methods in `ALTERNATIVES`. `section` names the parameters' file when it is not that of the service.
    `only_group` names the county group that the service concerns.
    """

    id: str
    name_zh: str
    name_en: str
    category: Category
    source: str
    formula: str
    params: type[Params]
    components: tuple[Component, ...]
    value: Value
    density: Callable[..., dict[str, xr.DataArray]] | None = None
    quantity: Quantity | None = None
    layers: tuple[Layer, ...] = ()
    tables: tuple[Table, ...] = ()
    prices: Mapping[str, str] = field(default_factory=dict)
    method: str = "default"
    section: str = ""
    only_group: str = ""

    @property
    def parameters(self) -> str:
        """Section of the parameters that the service reads."""
        return self.section or self.id


@dataclass(frozen=True)
class FactorSpec:
    """A derived layer (因子), e.g. 降雨侵蚀力: used when the pack does not bring the layer itself.

    Further methods of the same factor stand in its file's `ALTERNATIVES`; a standard's profile chooses.
    `spatial` factors need each cell's neighbours.
    """

    id: str
    name_zh: str
    name_en: str
    units: str
    source: str
    formula: str
    params: type[Params]
    layers: tuple[Layer, ...]
    compute: Callable[..., xr.DataArray]
    method: str = "default"
    section: str = ""
    spatial: bool = False

    @property
    def parameters(self) -> str:
        """Section of the parameters that the factor reads."""
        return self.section or self.id
