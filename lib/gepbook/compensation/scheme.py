"""What a compensation scheme declares and returns (补偿方案的约定)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gepbook.province import Part, Province, Result


@dataclass(frozen=True, kw_only=True)
class SchemeResult(Result):
    """What a scheme gives (方案结果).

    `flows` are payments, made by `flows.flow`; `figures` pairs of county code and ledger row of the
    account `compensation` beside what was paid and received, made by `ledger.entry`.
    """

    flows: list[dict[str, Any]] = field(default_factory=list)
    figures: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Scheme(Part):
    """A compensation scheme (补偿方案); `compute` may rely on what `check` has passed."""

    compute: Callable[[Province], SchemeResult]
