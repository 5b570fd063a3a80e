"""Services and factors, found by scanning their folders: adding one means adding one file."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TypeVar

from gepbook.accounting import factors as factors_package
from gepbook.accounting import services as services_package
from gepbook.accounting.spec import FactorSpec, ServiceSpec

Spec = TypeVar("Spec", ServiceSpec, FactorSpec)


def _scan(package: ModuleType, name: str) -> dict[str, dict[str, Spec]]:
    """Return the methods by id of every public module: its `name` first, then its `ALTERNATIVES`."""
    found: dict[str, dict[str, Spec]] = {}
    specs: tuple[Spec, ...]
    for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if entry.name.startswith("_"):
            continue
        module: ModuleType = importlib.import_module(f"{package.__name__}.{entry.name}")
        specs = (getattr(module, name), *getattr(module, "ALTERNATIVES", ()))
        for spec in specs:
            if spec.id != entry.name:
                raise TypeError(f"{entry.name}.py: {name}.id is {spec.id!r}; name them alike.")
        found[entry.name] = {spec.method: spec for spec in specs}
        if len(found[entry.name]) < len(specs):
            raise TypeError(f"{entry.name}.py: two methods have the same name.")
    return found


@functools.cache
def service_methods() -> Mapping[str, Mapping[str, ServiceSpec]]:
    """Return every service's methods by service id, the default method first."""
    return MappingProxyType(_scan(services_package, "SERVICE"))


@functools.cache
def factor_methods() -> Mapping[str, Mapping[str, FactorSpec]]:
    """Return every factor's methods by factor id, the default method first."""
    return MappingProxyType(_scan(factors_package, "FACTOR"))


@functools.cache
def services() -> Mapping[str, ServiceSpec]:
    """Return every service by its default method."""
    found = {name: next(iter(methods.values())) for name, methods in service_methods().items()}
    return MappingProxyType(found)


@functools.cache
def factors() -> Mapping[str, FactorSpec]:
    """Return every factor by its default method."""
    found = {name: next(iter(methods.values())) for name, methods in factor_methods().items()}
    return MappingProxyType(found)
