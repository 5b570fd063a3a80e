"""Accounting standards as profiles (核算标准): which services, by which method, under which rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gepbook import paths
from gepbook.accounting import registry
from gepbook.accounting.spec import ServiceSpec
from gepbook.errors import ParameterError, near
from gepbook.params import read_yaml
from gepbook.prices import Basis

OPTIONAL = "选算项，不计入总值 / optional item, not counted"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceRule(_Closed):
    """What a standard says of one service: whether, by which method, and whether that was verified.

    An `optional` service is computed and shown apart; it counts only where the profile's
    `count_optional` is set. One that is `not_applicable` has a reason
    instead of a value.
    """

    include: bool
    method: str
    optional: bool = False
    not_applicable: str = ""
    verified: bool = False
    note: str = ""


class NotComputed(_Closed):
    """An item of the standard that is left out, with the reason."""

    item: str
    reason: str


class DoubleCounting(_Closed):
    """How an overlap between services is treated (重复计算规则).

    `overlap` names the services or components (`service.component`) that overlap; those in `exclude`
    are computed and shown but not counted, which is the switch.
    """

    rule: str
    overlap: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    reason: str
    verified: bool = False


class Standard(_Closed):
    """A profile under `params/standards/`."""

    id: str
    name_zh: str
    document: str
    superseded_by: str = ""
    text_verified: bool
    count_optional: bool = False
    services: dict[str, ServiceRule]
    factors: dict[str, str] = {}
    prices: dict[str, Basis] = {}
    not_computed: list[NotComputed] = []
    double_counting: list[DoubleCounting] = []
    parameters: dict[str, Any] = {}

    @property
    def included(self) -> list[str]:
        """Ids of the services that are computed, in the profile's order."""
        return [name for name, rule in self.services.items() if rule.include]

    def specs(self) -> list[ServiceSpec]:
        """Return the services that are computed, each by the profile's method."""
        known = registry.service_methods()
        return [known[name][self.services[name].method] for name in self.included]

    def without(self, reasons: Mapping[str, str]) -> Standard:
        """Return the profile without some services that cannot be computed, with the reason of each."""
        services = {
            name: rule.model_copy(update={"include": False, "note": reasons[name]})
            if name in reasons
            else rule
            for name, rule in self.services.items()
        }
        return self.model_copy(update={"services": services})

    def excluded(self, service: str, components: Iterable[str]) -> Mapping[str, str]:
        """Return the components of a service that are computed but not counted, with the rule."""
        found = {}
        for name in components:
            if self.services[service].optional and not self.count_optional:
                found[name] = OPTIONAL
            for overlap in self.double_counting:
                if {service, f"{service}.{name}"} & set(overlap.exclude):
                    found[name] = overlap.rule
        return found


def names(folder: Path = paths.PARAMS) -> list[str]:
    """Return the ids of the profiles there are."""
    return sorted(path.stem for path in (folder / "standards").glob("*.yaml"))


def read(name: str, folder: Path = paths.PARAMS) -> Standard:
    """Read a profile.

    Raises
    ------
    ParameterError
        For an unknown profile, service, factor or method, or a wrong entry: all at once.
    """
    if name not in names(folder):
        raise ParameterError(
            f"standard {name!r} is not in params/standards/.{near(name, names(folder))} "
            f"Known standards: {', '.join(names(folder))}."
        )
    path = folder / "standards" / f"{name}.yaml"
    try:
        standard = Standard(**read_yaml(path))
    except ValidationError as error:
        raise ParameterError(
            [
                f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}. "
                "Correct it there."
                for e in error.errors()
            ]
        ) from error
    problems = [f"{path}: {problem}" for problem in _problems(standard)]
    if standard.id != name:
        problems.append(
            f"{path}: id is {standard.id!r}, the file's name says {name!r}. Name them alike."
        )
    if problems:
        raise ParameterError(problems)
    return standard


def _problems(standard: Standard) -> list[str]:
    """Return what a profile says of services, methods and components that do not exist."""
    services, factors = registry.service_methods(), registry.factor_methods()
    problems = [
        f"says nothing of service {name!r}. Add it, with include: false and a note if it is left out."
        for name in services
        if name not in standard.services
    ]
    wanted = [("service", n, r.method, services) for n, r in standard.services.items()]
    wanted += [("factor", n, m, factors) for n, m in standard.factors.items()]  # type: ignore[misc]
    for kind, name, method, known in wanted:
        if name not in known:
            problems.append(f"no {kind} {name!r} in accounting/{kind}s/.{near(name, known)}")
        elif method not in known[name]:
            problems.append(
                f"{name} has no method {method!r}.{near(method, known[name])} "
                f"It has: {', '.join(known[name])}."
            )
    for overlap in standard.double_counting:
        for item in (*overlap.overlap, *overlap.exclude):
            service, _, component = item.partition(".")
            components = {
                c.id for spec in services.get(service, {}).values() for c in spec.components
            }
            if not components or (component and component not in components):
                problems.append(f"double_counting: {item!r} is no service or component.")
    return problems
