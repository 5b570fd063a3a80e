"""What the checks of users' data take as too much (params/defaults/pack_checks.yaml)."""

from __future__ import annotations

import functools

from gepbook import params
from gepbook.params import Params, parameter

SECTION = "pack_checks"


class Limits(Params):
    """Limits of the checks (检查阈值)."""

    jump_factor: float = parameter("1", "Largest factor between two years without a question", gt=1)
    slip_factor: float = parameter(
        "1", "Largest factor of money between two years, and from other counties' per person", gt=1
    )
    gdp_per_person_cny: dict[str, float] = parameter(
        "CNY a-1", "Plausible GDP per person, low, high"
    )
    unit_slip_tolerance: float = parameter(
        "1", "How near to a power of ten a slip of unit is", gt=0
    )
    total_tolerance: float = parameter("1", "Largest difference of a total from its parts", ge=0)
    overlap_tolerance_ha: float = parameter("ha", "Largest overlap or gap left unsaid", ge=0)
    area_tolerance: float = parameter("1", "Largest difference of declared and drawn area", ge=0)
    archive_ratio: float = parameter("1", "Largest ratio of unpacked to packed size", gt=1)
    archive_size_gb: float = parameter("GB", "Largest unpacked size of an archive", gt=0)
    workbook_size_mb: float = parameter("MB", "Largest unpacked size of a workbook", gt=0)
    resolution_ratio: float = parameter("1", "Largest cell beside the pack's cell", ge=1)
    nodata_inside_share: float = parameter("1", "Largest share of a county without value", ge=0)
    class_codes: int = parameter("1", "Most different codes of a raster of classes", gt=0)
    fill_values: tuple[float, ...] = parameter("1", "Numbers that programs write for missing")
    fill_from: float = parameter("1", "Size from which any number stands for missing", gt=0)
    place_margin_degree: float = parameter("degree", "How far data may lie off the counties", ge=0)
    web_map_shift_least_m: float = parameter("m", "Least shift taken for that of web maps", ge=0)
    web_map_shift_most_m: float = parameter("m", "Largest shift taken for that of web maps", gt=0)
    web_map_remainder: float = parameter(
        "1", "Largest share of the differing area that stays when the shift is undone", ge=0, lt=1
    )


@functools.cache
def limits() -> Limits:
    """Return the limits."""
    entries = params.read_defaults()
    defaults = params.ParameterSet(county_code=None, year=None, standard="", entries=entries)
    return defaults.section(SECTION, Limits)
