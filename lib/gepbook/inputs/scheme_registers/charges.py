"""Quantities that fees and taxes are levied on (收费与税的计征量)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers


def make(basis: Basis) -> Tables:
    """Return the register of quantities; a county that lacks something has no row of it."""
    rows = [
        {"county_code": code, "year": year, "item": item, "quantity": _rounded(item, quantity)}
        for (code, year), known in _known(basis).iterrows()
        for item, quantity in _quantities(code, year, known)
    ]
    frame = pd.DataFrame(rows)
    return {"charge_quantities": frame[frame["quantity"] > 0].reset_index(drop=True)}


def _rounded(item: str, quantity: float) -> float:
    """Return a quantity as offices keep it."""
    step = numbers("charges")["steps"][item.rpartition("_")[2]]
    return round(round(quantity / step) * step, 1)


def _known(basis: Basis) -> pd.DataFrame:
    """Return by county and year the statistics that quantities follow, and the share of forest."""
    made, key = basis.made, ["county_code", "year"]
    tables = (made.water_use(), made.emissions(), made.economy())
    known = pd.concat([table.set_index(key) for table in tables], axis=1)
    return known.join(made.forest_share.rename_axis("county_code").rename("forest_share"))


def _quantities(code: str, year: int, known: pd.Series) -> Iterator[tuple[str, float]]:
    """Give a county's items and quantities of a year."""
    rule = numbers("charges")
    people = known["resident_population_person"]
    households = people / rule["persons_per_household"]
    for item, share, whole in (
        ("sewage_households_m3", "household_sewage_share", known["domestic_m3"]),
        ("sewage_others_m3", "other_sewage_share", known["industrial_m3"]),
        ("waste_households_household", "charged_household_share", households),
        ("waste_others_t", "other_waste_t_person", people),
    ):
        yield item, whole * between(rule[share], code, item)
    for item, share in rule["taxed_share"].items():
        if (taxed := known[item] * share) >= rule["least_taxed_t"]:
            yield item, taxed
    change = between(rule["yearly"], f"{code} {year}", "sales")
    for item, mine in rule["resources"].items():
        hilly = known["forest_share"] >= rule["least_hill_share"]
        if hilly and draw(code, f"has {item}") < mine["chance"]:
            yield item, between(mine["range"], code, item) * change
    if code in rule["fluorite_counties"]:
        yield "fluorite_cny", between(rule["fluorite_cny"], code, "fluorite") * change
