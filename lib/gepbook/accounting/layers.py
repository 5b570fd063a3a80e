"""Layers of one county and year: read from the pack, or computed by a factor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

import xarray as xr

from gepbook import ledger
from gepbook.accounting import registry
from gepbook.accounting.spec import FactorSpec
from gepbook.errors import NotInPackError, UnitError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import LAND_COVER
from gepbook.ledger import Origin
from gepbook.params import Params

Section = TypeVar("Section", bound=Params)


class Sections(Protocol):
    """Where formulas get their parameters: a resolved set, or draws from their distributions."""

    def section(self, name: str, model: type[Section]) -> Section:
        """Return one section of the parameters."""
        ...


class Layers:
    """Resolves layer names for a county; what the pack brings goes before what a factor computes.

    `methods` names the method of each factor that is not to be computed by its default.
    """

    def __init__(
        self, inputs: CountyInputs, params: Sections, methods: Mapping[str, str] | None = None
    ) -> None:
        self.inputs = inputs
        self.params = params
        self.methods = dict(methods or {})
        self._known: dict[str, xr.DataArray] = {}
        self._origins: dict[str, Origin] = {}
        self._sections: dict[str, set[str]] = {}
        self._read_names: dict[str, set[str]] = {}

    def like(self, inputs: CountyInputs, changed: Collection[str]) -> Layers:
        """Return the layers of other inputs of the county; what rests on no changed layer is kept.

        Parameters
        ----------
        inputs : CountyInputs
            Of another year, or with some layers of another year.
        changed : collection of str
            Layers of the pack in which these differ from those here.
        """
        other = Layers(inputs, self.params, self.methods)
        for name, read in self._read_names.items():
            if read.isdisjoint(changed):
                other._known[name] = self._known[name]
                other._origins[name] = self._origins[name]
                other._sections[name] = self._sections[name]
                other._read_names[name] = read
        return other

    def get(self, name: str, units: str) -> xr.DataArray:
        """Return a layer in the unit that a formula asks for.

        Raises
        ------
        NotInPackError
            When neither the pack nor a factor has it.
        UnitError
            When the pack's raster is in another unit.
        """
        if name not in self._known:
            if self.inputs.has(name):
                self._read(name)
            else:
                self._derive(name)
        layer = self._known[name]
        if layer.attrs["units"] != units:
            raise UnitError(
                f"{name}: must be in {units!r}, the pack's raster is in {layer.attrs['units']!r}. "
                "Convert it when the pack is built, and correct the unit in datapackage.json."
            )
        return layer

    def _read(self, name: str) -> None:
        """Take a layer from the pack."""
        layer = self.inputs.land_cover if name == LAND_COVER else self.inputs.layer(name)
        self._known[name] = layer
        self._origins[name] = self.inputs.origin(name)
        self._sections[name] = set()
        self._read_names[name] = {name}

    def _derive(self, name: str) -> None:
        """Compute a layer by its factor."""
        known = registry.factor_methods().get(name)
        if known is None:
            raise NotInPackError(
                f"pack {self.inputs.pack.name}: has no layer {name!r} and no factor computes it. "
                "Add the raster to the pack."
            )
        factor = known[self.methods.get(name, next(iter(known)))]
        inputs = {layer.name: self.get(layer.name, layer.units) for layer in factor.layers}
        section = self.params.section(factor.parameters, factor.params)
        if factor.spatial:
            self._known[name] = self.inputs.whole(lambda view: self._spatial(factor, view))
        else:
            self._known[name] = factor.compute(**inputs, params=section)
        self._origins[name] = ledger.weakest(["modelled", *(self._origins[n] for n in inputs)])
        self._sections[name] = {factor.parameters}.union(*(self._sections[n] for n in inputs))
        self._read_names[name] = set().union(*(self._read_names[n] for n in inputs))

    def _spatial(self, factor: FactorSpec, view: CountyInputs) -> xr.DataArray:
        """Compute a factor that needs neighbouring cells on the rasters of a view."""
        layers = self if view is self.inputs else Layers(view, self.params, self.methods)
        inputs = {layer.name: layers.get(layer.name, layer.units) for layer in factor.layers}
        section = self.params.section(factor.parameters, factor.params)
        return factor.compute(**inputs, params=section)

    def knows(self, name: str) -> bool:
        """Tell whether a layer was got before."""
        return name in self._known

    def origin(self, *names: str) -> Origin:
        """Return the weakest origin behind some layers that were got before."""
        return ledger.weakest(self._origins[name] for name in names)

    def sections(self, *names: str) -> set[str]:
        """Return the parameter sections behind some layers that were got before."""
        return set().union(*(self._sections[name] for name in names))

    def read(self, *names: str) -> set[str]:
        """Return the pack's layers behind some layers that were got before."""
        return set().union(*(self._read_names[name] for name in names))
