"""Illustrative registers of compensation and assessment in the open pack (示例台账), one module a topic.

Like `gepbook.inputs.registers`: shaped like real ones, drawn from county codes, so that they come out
the same each time. The numbers of each module, with their reasons, are in
`open_pack_sources/schemes/<module>.yaml`. Names of places are real; no case, order or contract is.
"""

from __future__ import annotations

from gepbook.inputs.scheme_registers import (
    audit,
    brand,
    charges,
    credit,
    enclaves,
    finance,
    funds,
    horizontal,
    mechanism,
    performance,
    resource_bank,
    sites,
    trading,
    welfare_funds,
)
from gepbook.inputs.scheme_registers.basis import Basis, Tables

MODULES = (
    funds,
    horizontal,
    enclaves,
    sites,
    trading,
    resource_bank,
    charges,
    finance,
    performance,
    audit,
    mechanism,
    brand,
    credit,
    welfare_funds,
)


def make(basis: Basis) -> Tables:
    """Return every register by the name of its table; those with geometry are in WGS 84."""
    made: Tables = {}
    for module in MODULES:
        made |= module.make(basis)
    return made
