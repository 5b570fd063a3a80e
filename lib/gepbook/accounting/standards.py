"""Accounting standards as profiles (核算标准): which services, by which method, under which rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gepbook import paths
from gepbook.accounting import registry
from gepbook.errors import ParameterError, near
from gepbook.params import read_yaml


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceRule(_Closed):
    """What a standard says of one service."""

    include: bool
    method: str
    optional: bool = False
    verified: bool = False
    note: str = ""


class NotComputed(_Closed):
    """An item of the standard that is left out, with the reason."""

    item: str
    reason: str


class DoubleCounting(_Closed):
    """How an overlap between services is treated."""

    rule: str
    choice: str
    reason: str


class Standard(_Closed):
    """A profile under `params/standards/`."""

    id: str
    name_zh: str
    document: str
    superseded_by: str = ""
    text_verified: bool
    services: dict[str, ServiceRule]
    not_computed: list[NotComputed] = []
    double_counting: list[DoubleCounting] = []
    parameters: dict[str, Any] = {}

    @property
    def included(self) -> list[str]:
        """Ids of the services that count, in the profile's order."""
        return [name for name, rule in self.services.items() if rule.include]


def names(folder: Path = paths.PARAMS) -> list[str]:
    """Return the ids of the profiles there are."""
    return sorted(path.stem for path in (folder / "standards").glob("*.yaml"))


def read(name: str, folder: Path = paths.PARAMS) -> Standard:
    """Read a profile.

    Raises
    ------
    ParameterError
        For an unknown profile, service or method, or a wrong entry: all at once.
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
            [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}." for e in error.errors()]
        ) from error
    known = registry.services()
    problems = []
    for service, rule in standard.services.items():
        if service not in known:
            hint = near(service, known)
            problems.append(f"{path}: no service {service!r} in accounting/services/.{hint}")
        elif rule.method != known[service].method:
            problems.append(
                f"{path}: {service} has no method {rule.method!r}; it has {known[service].method!r}."
            )
    if problems:
        raise ParameterError(problems)
    return standard
