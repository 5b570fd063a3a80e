"""What cannot be computed because the pack does not hold it, said in the account (完整性).

A layer, a table or a year that nobody delivered leaves out the services that need it; the rest is
computed, and every total is marked incomplete. A hole in what was delivered, such as one county's row or
some of its cells, is a mistake and stays an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gepbook import ledger
from gepbook.accounting import registry
from gepbook.accounting.account import applies
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.errors import NotInPackError

MEASURE = "missing"


def absent(standard: Standard, layers: Layers) -> dict[str, str]:
    """Return the services whose layers or tables the pack does not hold, and what lacks.

    Services that do not apply need nothing.
    """
    inputs = layers.inputs
    found = {}
    for spec in standard.specs():
        if not standard.services[spec.id].not_applicable and applies(spec, inputs):
            lacking = _lacking(spec, layers)
            if lacking:
                found[spec.id] = "；".join(lacking)
    return found


def _lacking(spec: ServiceSpec, layers: Layers) -> list[str]:
    """Return what a service needs that the pack does not hold, a sentence each."""
    problems: list[str] = []
    for table in spec.tables:
        try:
            layers.inputs.whole_year(table.name)
        except NotInPackError as error:
            problems += error.problems
    for layer in spec.layers:
        try:
            layers.get(layer.name, layer.units)
        except NotInPackError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))


def entries(reasons: Mapping[str, str], standard: Standard) -> list[dict[str, Any]]:
    """Return the ledger rows of the services that could not be computed."""
    return [
        ledger.entry(
            "services",
            name,
            MEASURE,
            1,
            "1",
            origin="observed",
            method_id=f"{standard.id}/{name}",
            note=reason,
        )
        for name, reason in reasons.items()
    ]


def marked(rows: Iterable[dict[str, Any]], reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows with every total marked incomplete where services are missing (标注不完整)."""
    if not reasons:
        return list(rows)
    names = "、".join(registry.services()[name].name_zh for name in reasons)
    note = f"不完整：缺 {names} / incomplete: lacks {len(reasons)} services"
    return [{**row, "note": note} if row["account"] == "gep" else row for row in rows]
