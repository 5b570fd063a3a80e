"""One county's account by several standards on the same inputs, and why they differ (核算标准对照)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gepbook import ledger
from gepbook.accounting import completeness, registry
from gepbook.accounting.account import ServiceResult, account, method_id, totals
from gepbook.accounting.layers import Layers
from gepbook.accounting.standards import Standard
from gepbook.params import ParameterSet
from gepbook.prices import BASIS_ZH, PriceBook

ACCOUNT = "standards"
SAME = "相同 / same"


def causes(
    service: str,
    first: Standard,
    other: Standard,
    parameters: tuple[ParameterSet, ParameterSet],
) -> str:
    """Return in words why a service's value differs between two standards; `SAME` if it should not.

    Parameters
    ----------
    service : str
    first, other : Standard
    parameters : the sets resolved for each
    """
    one, two = first.services[service], other.services[service]
    if one.include != two.include:
        who = other if not two.include else first
        rule = two if not two.include else one
        return f"{who.id} 不核算 / leaves it out" + (f": {rule.note}" if rule.note else "")
    if not one.include:
        return SAME
    found = []
    if one.method != two.method:
        found.append(f"方法 method {one.method} → {two.method}")
    methods = registry.service_methods()[service]
    spec_one, spec_two = methods[one.method], methods[two.method]
    for component in sorted({c.id for s in (spec_one, spec_two) for c in s.components}):
        rule_one = first.excluded(service, [component]).get(component)
        rule_two = other.excluded(service, [component]).get(component)
        if bool(rule_one) != bool(rule_two):
            handled = f"不计入 left out by {rule_two}" if rule_two else "计入 counted"
            found.append(f"{component}: {handled}")
    for price in sorted({*spec_one.prices, *spec_two.prices}):
        basis = first.prices.get(price), other.prices.get(price)
        if basis[0] != basis[1]:
            named = [BASIS_ZH[b] if b else "默认" for b in basis]
            found.append(f"价格 price {price}: {named[0]} → {named[1]}")
    for factor in sorted({*first.factors, *other.factors}):
        if first.factors.get(factor) != other.factors.get(factor):
            found.append(f"因子 factor {factor}")
    own = {spec_one.parameters, spec_two.parameters}
    sets = [p.under(*own) for p in parameters]
    differing = [
        key
        for key in sorted({*sets[0]} & {*sets[1]})
        if spec_one.parameters == spec_two.parameters and sets[0][key].value != sets[1][key].value
    ]
    found += [f"参数 parameter {key}" for key in differing]
    return "；".join(found) or SAME


def entries(
    layers: Layers,
    first: Standard,
    results: list[ServiceResult],
    others: Mapping[str, tuple[Standard, ParameterSet]],
    params: ParameterSet,
    comparable_year: int,
) -> list[dict[str, Any]]:
    """Return the ledger rows of a comparison: account `standards`, empty without other standards.

    Items are `<standard>` (GEP) and `<standard>.<service>`; of the other standards the note says what
    causes the difference from the first. `layers` are those that the first was computed from; a standard
    of the same parameters and factors is computed from them too.
    """
    if not others:
        return []
    inputs, prices = layers.inputs, PriceBook.read()
    rows = _rows(first, results, inputs.year, {})
    for name, (standard, own) in others.items():
        same = own.entries == params.entries and standard.factors == first.factors
        theirs = layers if same else Layers(inputs, own, standard.factors)
        standard = standard.without(completeness.absent(standard, theirs))
        found = account(
            inputs, own, standard, prices.choosing(standard.prices), comparable_year, theirs
        )
        notes = {s: causes(s, first, standard, (params, own)) for s in registry.services()}
        rows += _rows(standard, found, inputs.year, notes)
        here = {r.spec.id for r in found}
        rows += [
            ledger.entry(
                ACCOUNT,
                f"{name}.{r.spec.id}",
                "value",
                0.0,
                "CNY",
                origin=r.origin,
                method_id=name,
                price_basis="current",
                price_year=inputs.year,
                note=notes[r.spec.id],
            )
            for r in results
            if r.counts and r.spec.id not in here
        ]
    return rows


def _rows(
    standard: Standard, results: list[ServiceResult], year: int, notes: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows of one standard: each service that applies, and GEP."""
    money: dict[str, Any] = {"price_basis": "current", "price_year": year}
    rows = [
        ledger.entry(
            ACCOUNT,
            f"{standard.id}.{r.spec.id}",
            "value",
            r.counted("current"),
            "CNY",
            origin=r.origin,
            quality=r.quality,
            method_id=method_id(standard, r.spec),
            note=notes.get(r.spec.id, ""),
            **money,
        )
        for r in results
        if not r.not_applicable
    ]
    rows.append(
        ledger.entry(
            ACCOUNT,
            standard.id,
            "value",
            totals(results, "current")["gep"],
            "CNY",
            origin=ledger.weakest(r.origin for r in results if r.counts),
            method_id=standard.id,
            **money,
        )
    )
    return rows
