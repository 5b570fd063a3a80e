"""What must hold of parcels and demands before they are matched, and how parcels stand (收储台账)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gepbook.compensation.resource_bank.matching import ROUNDING
from gepbook.inventory.registration import DECIDED, REGISTERED
from gepbook.params import ParameterSet
from gepbook.province import Registers

PARCELS, DEMANDS = "resource_parcels", "resource_demands"
UNITS, DISPUTES = "resource_units", "resource_disputes"
AVAILABLE, CONTRACTED, WITHDRAWN = "available", "contracted", "withdrawn"
#: Standings of a parcel that the register calls available.
MATCHED, OFFERED, BLOCKED = "matched", "offered", "blocked"


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the registers of parcels and demands."""
    return [
        *(_parcel_problems(registers) if registers.pack.has(PARCELS) else ()),
        *(_demand_problems(registers) if registers.pack.has(DEMANDS) else ()),
    ]


def _parcel_problems(registers: Registers) -> Iterator[str]:
    """Give what is wrong with the parcels, and with their units where the pack brings these."""
    parcels = registers.table(PARCELS)
    yield from registers.row_problems(PARCELS, parcels)
    collected = pd.to_datetime(parcels["collected_on"], format="%Y-%m-%d", errors="coerce")
    for line in parcels.index[collected.isna()]:
        yield (
            f"{registers.place(PARCELS, line)}: collected_on must be a date YYYY-MM-DD, got "
            f"{parcels.loc[line, 'collected_on']!r}. Correct it."
        )
    for line in parcels.index[~(parcels["area_ha"] > 0)]:
        yield (
            f"{registers.place(PARCELS, line)}: area_ha must be above 0, got "
            f"{parcels.loc[line, 'area_ha']:g}. Correct the area or take the parcel out."
        )
    if registers.pack.has(UNITS):
        yield from _unit_problems(registers, parcels)


def _unit_problems(registers: Registers, parcels: pd.DataFrame) -> Iterator[str]:
    """Give parcels whose registration unit is unknown, of another kind, unregistered or too small."""
    units = pd.DataFrame(registers.vector(UNITS).drop(columns="geometry")).set_index("unit_id")
    for row in parcels.itertuples():
        where = f"{registers.place(PARCELS, row.Index)}: registration unit {row.unit_id!r}"
        if row.unit_id not in units.index:
            yield f"{where} is not in {UNITS}. Correct the number."
            continue
        unit = units.loc[row.unit_id]
        if unit["county_code"] != row.county_code:
            yield (
                f"{where} lies in {unit['county_code']}, the parcel in {row.county_code}. Correct "
                "one of the two."
            )
        if unit["resource"] != row.resource:
            yield (
                f"{where} is {unit['resource']}, the parcel {row.resource}. Correct one of the two."
            )
        if unit["status"] != REGISTERED:
            yield (
                f"{where} must be {REGISTERED}, got {unit['status']}. Take the parcel out until the "
                "unit is registered."
            )
    held = parcels[(parcels["status"] != WITHDRAWN) & parcels["unit_id"].isin(units.index)]
    for unit_id, own in held.groupby("unit_id"):
        whole = units.loc[unit_id, "declared_area_ha"]
        if own["area_ha"].sum() > whole + ROUNDING:
            yield (
                f"{registers.place(PARCELS, own.index[-1])}: the parcels of registration unit "
                f"{unit_id!r} hold {own['area_ha'].sum():g} ha, the unit {whole:g} ha. Correct the "
                "areas or take a parcel out."
            )


def _demand_problems(registers: Registers) -> Iterator[str]:
    """Give what is wrong with the demands of the year."""
    demands = registers.table(DEMANDS)
    yield from registers.row_problems(DEMANDS, demands)
    sized = (demands["most_ha"] > 0) & (demands["least_ha"] <= demands["most_ha"])
    for row in demands[~sized].itertuples():
        yield (
            f"{registers.place(DEMANDS, row.Index)}: least_ha must not exceed most_ha, which must be "
            f"above 0, got {row.least_ha:g} and {row.most_ha:g}. Correct them."
        )


def parcels_at(registers: Registers) -> pd.DataFrame:
    """Return the parcels collected by the year's end with their `standing` (收储台账).

    A parcel that could be offered is `blocked` while a dispute over its unit is not decided.
    """
    year_end = pd.Timestamp(year=registers.year, month=12, day=31)
    parcels = registers.table(PARCELS)
    collected = pd.to_datetime(parcels["collected_on"]) <= year_end
    parcels = parcels[collected].sort_values("parcel_id", ignore_index=True)
    standing = parcels["status"].replace(AVAILABLE, OFFERED)
    if registers.pack.has(DISPUTES):
        disputes = registers.table(DISPUTES)
        open_ones = disputes[
            (disputes["status"] != DECIDED) & (pd.to_datetime(disputes["filed_on"]) <= year_end)
        ]
        disputed = parcels["unit_id"].isin({*open_ones["unit_id"], *open_ones["other_unit_id"]})
        standing = standing.mask((standing == OFFERED) & disputed, BLOCKED)
    return parcels.assign(standing=standing)
