"""The rules of offsetting (占补平衡规则)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from gepbook.params import Params, parameter

SECTION = "occupation_offset"
#: How far an offset is from what it offsets, nearest first, with the Chinese name.
TIERS = {"county": "本县", "basin": "同流域", "province": "省内"}
PERCENT = 100.0
Ratio = Annotated[float, Field(ge=1)]


class OffsetParams(Params):
    """Rules by which occupations are offset (生态占补平衡)."""

    provincial = True

    sensitivity_ratio: dict[str, Ratio] = parameter("1", "敏感性系数 ρ, 按服务")
    other_sensitivity_ratio: float = parameter("1", "其他服务的敏感性系数 ρ", ge=1)
    one_quantity: list[str] = parameter("1", "各分项合为一个功能量的服务")
    location_ratio: dict[str, Ratio] = parameter("1", "区位系数")
    discount_rate_percent: float = parameter("percent", "成效时间折现率 r", ge=0, lt=100)
    redline_tolerance_ha: float = parameter("ha", "占用红线区的容差", ge=0)
    overlap_tolerance_ha: float = parameter("ha", "地块重叠的容差", ge=0)
    least_parcel_ha: float = parameter("ha", "最小补偿地块", gt=0)
    fallback_years: int = parameter("a", "货币补偿年数 T", ge=1)

    @field_validator("location_ratio")
    @classmethod
    def _rising(cls, ratios: dict[str, float]) -> dict[str, float]:
        if set(ratios) != set(TIERS):
            raise ValueError(f"must list exactly {', '.join(TIERS)}")
        values = [ratios[tier] for tier in TIERS]
        if values != sorted(values):
            raise ValueError("must not fall with distance")
        return ratios

    def sensitivity(self, service: str) -> float:
        """Return ρ of a service."""
        return self.sensitivity_ratio.get(service, self.other_sensitivity_ratio)


def time_discount(years: float, rate_percent: float) -> float:
    r"""Return what a unit that comes after some years counts for today (时间折现).

    Notes
    -----
    .. math:: \delta = (1 + r)^{-m}

    Source: proposal of this workbook.
    """
    return float((1 + rate_percent / PERCENT) ** -years)
