"""What protection is measured by, and the rules that weigh it (生态保护成效评估规则)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, field_validator

from gepbook.accounting.sites import KINDS
from gepbook.inventory.monitoring import CHECKS
from gepbook.params import Params, check_sum, check_weights, parameter

SECTION = "protection"
PART_ZH = {
    "condition": "生态系统状况",
    "redline": "生态保护红线",
    "water": "水环境",
    "air": "空气质量",
}


@dataclass(frozen=True)
class Indicator:
    """An indicator of protection (评估指标): its part, name and unit."""

    part: str
    name_zh: str
    unit: str
    unit_zh: str


INDICATORS = {
    "condition_index": Indicator("condition", "生态系统状况指数", "1", ""),
    "redline_kept": Indicator("redline", "红线面积与首年之比", "1", ""),
    "redline_occupied": Indicator("redline", "红线内占用与损害面积比例", "percent", "%"),
    "redline_alerts": Indicator("redline", "红线预警", "1", "条"),
    "class_1_to_3_water": Indicator("water", "Ⅰ–Ⅲ类断面比例", "percent", "%"),
    "sections_on_target": Indicator("water", "断面达标率", "percent", "%"),
    "pollution_index": Indicator("water", "综合污染指数", "1", ""),
    "water_standard": Indicator("water", "水体达到功能区标准", "1", "1=是"),
    "good_air_days": Indicator("air", "优良天数比例", "percent", "%"),
    "air_standard": Indicator("air", "空气达到功能区标准", "1", "1=是"),
}
POLLUTANTS = {
    "permanganate_mg_l": "高锰酸盐指数",
    "ammonia_nitrogen_mg_l": "氨氮",
    "total_nitrogen_mg_l": "总氮",
    "total_phosphorus_mg_l": "总磷",
}


class ChangeMarks(Params):
    """What a change a year counts for: below `noise` nothing, at `full` all points of change."""

    noise: Annotated[float, Field(ge=0)]
    full: Annotated[float, Field(gt=0)]


def _of_part(part: str) -> list[str]:
    """Return the indicators of a part."""
    return [name for name, indicator in INDICATORS.items() if indicator.part == part]


def _exactly(given: Iterable[str], wanted: Iterable[str]) -> None:
    """Refuse names that are not exactly those wanted."""
    if set(given) != set(wanted):
        raise ValueError(f"must name exactly {', '.join(wanted)}")


class ProtectionParams(Params):
    """Rules of the assessment of protection (生态保护成效评估规则)."""

    provincial = True

    part_weights: dict[str, Annotated[float, Field(ge=0)]] = parameter("1", "各部分的权重")
    indicator_weights: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = parameter(
        "1", "各部分内指标的权重"
    )
    goalposts: dict[str, tuple[float, float]] = parameter("1", "指标得 0 分与 100 分的固定标尺")
    change_marks: dict[str, ChangeMarks] = parameter("1", "年变化的噪声界限与满分变化")
    change_points: float = parameter("1", "明确的变化最多加减的分数", ge=0, le=100)
    least_years: int = parameter("a", "判断趋势所需的最少年数", ge=4)
    trend_probability: float = parameter("1", "趋势区间的概率", gt=0.5, lt=1)
    least_covered_weight: float = parameter("1", "计分所需的已知权重", gt=0, le=1)
    good_points: float = parameter("1", "良好的分数下限", ge=0, le=100)
    poor_points: float = parameter("1", "不佳的分数上限", ge=0, le=100)
    redline_tolerance: float = parameter("1", "红线面积的绘制误差", ge=0, lt=1)
    least_overlap_ha: float = parameter("ha", "地块与红线重叠的测量误差", ge=0)
    redline_site_kinds: list[str] = parameter("1", "不得位于红线内的地块类别")
    redline_alert_rules: list[str] = parameter("1", "与红线有关的监测预警")
    class_3_limits_mg_l: dict[str, Annotated[float, Field(gt=0)]] = parameter(
        "mg L-1", "综合污染指数的Ⅲ类限值"
    )

    @field_validator("part_weights")
    @classmethod
    def _parts_weigh(cls, value: dict[str, float]) -> dict[str, float]:
        check_weights(value, PART_ZH)
        return value

    @field_validator("indicator_weights")
    @classmethod
    def _indicators_weigh(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        _exactly(value, PART_ZH)
        for part, weights in value.items():
            if set(weights) != set(_of_part(part)):
                raise ValueError(f"{part} must weigh exactly {', '.join(_of_part(part))}")
            check_sum(weights, f"{part} ")
        return value

    @field_validator("goalposts")
    @classmethod
    def _apart(cls, value: Mapping[str, tuple[float, float]]) -> Mapping[str, Any]:
        _exactly(value, INDICATORS)
        for name, (none, full) in value.items():
            if none == full:
                raise ValueError(f"{name} has both goalposts at {none:g}: points need a distance")
        return value

    @field_validator("change_marks")
    @classmethod
    def _known(cls, value: dict[str, ChangeMarks]) -> dict[str, ChangeMarks]:
        for name, marks in value.items():
            if name not in INDICATORS:
                raise ValueError(f"{name} is no indicator")
            if marks.full <= marks.noise:
                raise ValueError(f"{name} must have full above noise")
        return value

    @field_validator("redline_site_kinds")
    @classmethod
    def _kinds(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - set(KINDS)):
            raise ValueError(f"knows no kind {', '.join(unknown)}; kinds are {', '.join(KINDS)}")
        return value

    @field_validator("redline_alert_rules")
    @classmethod
    def _alerts(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - set(CHECKS)):
            raise ValueError(f"knows no alert {', '.join(unknown)}; alerts are {', '.join(CHECKS)}")
        return value

    @field_validator("class_3_limits_mg_l")
    @classmethod
    def _pollutants(cls, value: dict[str, float]) -> dict[str, float]:
        if not value or set(value) - set(POLLUTANTS):
            raise ValueError(f"must name some of {', '.join(POLLUTANTS)}")
        return value

    @field_validator("poor_points")
    @classmethod
    def _below_good(cls, value: float, info: Any) -> float:
        if value >= info.data.get("good_points", value + 1):
            raise ValueError(f"must lie below good_points, {info.data['good_points']:g}")
        return value

    def sign(self, indicator: str) -> float:
        """Return 1 where more is better, −1 where less is."""
        none, full = self.goalposts[indicator]
        return 1.0 if full > none else -1.0
