"""Services and factors, found by scanning their folders: adding one means adding one file."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from types import MappingProxyType, ModuleType

from gepbook.accounting import factors as factors_package
from gepbook.accounting import services as services_package
from gepbook.accounting.spec import FactorSpec, ServiceSpec


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """Yield the public modules of a package by name."""
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{found.name}")


@functools.cache
def services() -> MappingProxyType[str, ServiceSpec]:
    """Return every service by id, each from the file of the same name."""
    found = {
        module.__name__.rpartition(".")[2]: module.SERVICE for module in _modules(services_package)
    }
    for file_name, spec in found.items():
        if spec.id != file_name:
            raise TypeError(f"services/{file_name}.py: SERVICE.id is {spec.id!r}; name them alike.")
    return MappingProxyType(found)


@functools.cache
def factors() -> MappingProxyType[str, FactorSpec]:
    """Return every factor by id, each from the file of the same name."""
    found = {
        module.__name__.rpartition(".")[2]: module.FACTOR for module in _modules(factors_package)
    }
    for file_name, spec in found.items():
        if spec.id != file_name:
            raise TypeError(f"factors/{file_name}.py: FACTOR.id is {spec.id!r}; name them alike.")
    return MappingProxyType(found)
