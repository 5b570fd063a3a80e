"""The tree of indicators of the comprehensive performance evaluation, and its rules (评价指标体系)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from gepbook.assessment.topic import FIRST, OTHER
from gepbook.inputs.own_data import dictionary
from gepbook.params import Params, check_sum, check_weights, parameter

SECTION = "performance_evaluation"
REGISTER = "performance_indicators"
FROM_REGISTER = "register"
#: How the path of a column of another register begins, and the registers that may be read so.
FROM_TABLE = "table"
TABLES = ("compensation_funds",)
RULES_FILE = f"params/policy/{SECTION}.yaml"
Normalisation = Literal["goalposts", "minmax", "vector", "zscore"]
Method = Literal["wsm", "topsis"]
Weight = Annotated[float, Field(ge=0)]
NORMALISATION_ZH = {
    "goalposts": "固定标尺",
    "minmax": "极差标准化",
    "vector": "向量标准化",
    "zscore": "Z 分数",
}
METHOD_ZH = {"wsm": "加权求和", "topsis": "TOPSIS"}
#: Parts of a path: account, item, measure, and where it is money the price basis.
SHORT_PATH, LONG_PATH = 3, 4


class Leaf(Params):
    """An indicator (指标): what it is called, where its figures come from, how it is shown."""

    name_zh: str
    source: str
    per: str | None = None
    unit: str
    may_lack: bool = False
    as_percent: bool = False

    @field_validator("source", "per")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value in (None, FROM_REGISTER):
            return value
        parts = value.split("/")
        if len(parts) not in (SHORT_PATH, LONG_PATH) or not all(parts):
            raise ValueError(
                f"{value!r} must be {FROM_REGISTER!r}, account/item/measure, "
                f"account/item/measure/basis or {FROM_TABLE}/name/column"
            )
        if parts[0] == FROM_TABLE and parts[1] not in TABLES:
            raise ValueError(f"{value!r} must name one of the tables {', '.join(TABLES)}")
        if parts[0] == FROM_TABLE and parts[2] not in dictionary.tables()[parts[1]].fields:
            raise ValueError(f"{value!r}: {parts[1]} has no column {parts[2]!r}")
        return value


class EvaluationParams(Params):
    """Rules of the comprehensive performance evaluation (综合绩效评价规则)."""

    provincial = True

    dimensions: dict[str, str] = parameter("1", "维度及其名称")
    dimension_weights: dict[str, dict[str, Weight]] = parameter("1", "各县组的维度权重")
    weights: dict[str, dict[str, Weight]] = parameter("1", "维度内的指标权重")
    indicators: dict[str, Leaf] = parameter("1", "指标、单位与数据来源")
    goalposts: dict[str, tuple[float, float]] = parameter("1", "指标得 0 分与 100 分的固定标尺")
    normalisation: Normalisation = parameter("1", "标准化方法")
    least_covered_indicators: float = parameter("1", "维度计分所需的已知指标权重", gt=0, le=1)
    least_covered_dimensions: float = parameter("1", "综合计分所需的已知维度权重", gt=0, le=1)
    cross_checks: list[tuple[Method, Normalisation]] = parameter("1", "用来核对位次的方法")
    draws: int = parameter("1", "权重抽样次数", gt=0)
    seed: int = parameter("1", "抽样种子", ge=0)
    concentration: float = parameter("1", "权重抽样的集中度", gt=0)
    interval_probability: float = parameter("1", "位次区间的概率", gt=0, lt=1)
    leading_share: float = parameter("1", "领先部分占组内的比例", gt=0, le=0.5)
    sure_share: float = parameter("1", "判定位次可靠的抽样比例", gt=0.5, le=1)
    weight_step: float = parameter("1", "逐个权重增减的幅度", gt=0, lt=1)

    @field_validator("dimension_weights")
    @classmethod
    def _dimensions_weigh(cls, value: dict[str, dict[str, float]], info: Any) -> Any:
        if set(value) != {FIRST, OTHER}:
            raise ValueError(f"must give the weights of {FIRST} and {OTHER}")
        for group, weights in value.items():
            _weigh(f"{group}: ", weights, info.data.get("dimensions", weights))
        return value

    @field_validator("weights")
    @classmethod
    def _leaves_weigh(cls, value: dict[str, dict[str, float]], info: Any) -> Any:
        if set(value) != set(info.data.get("dimensions", value)):
            raise ValueError(f"must name exactly {', '.join(info.data['dimensions'])}")
        for dimension, weights in value.items():
            check_sum(weights, f"{dimension}: ")
        leaves = [name for weights in value.values() for name in weights]
        if twice := sorted({name for name in leaves if leaves.count(name) > 1}):
            raise ValueError(f"weighs {', '.join(twice)} in two dimensions")
        return value

    @field_validator("indicators")
    @classmethod
    def _defined(cls, value: dict[str, Leaf], info: Any) -> dict[str, Leaf]:
        _same("weights", _leaves(info.data.get("weights", {"": value})), value)
        return value

    @field_validator("goalposts")
    @classmethod
    def _apart(cls, value: dict[str, tuple[float, float]], info: Any) -> Any:
        _same("weights", _leaves(info.data.get("weights", {"": value})), value)
        for name, (none, full) in value.items():
            if none == full:
                raise ValueError(
                    f"{name} has 0 and 100 points both at {none:g}: points would divide by zero. Set "
                    "the goalposts apart"
                )
        return value

    @property
    def leaves(self) -> dict[str, str]:
        """Return the dimension of every indicator, in the order of the tree."""
        return _leaves(self.weights)

    @property
    def leaf_weights(self) -> np.ndarray:
        """Return the weights of the indicators within their dimensions, (indicators,)."""
        return np.array([self.weights[of][name] for name, of in self.leaves.items()])

    @property
    def dimension_of(self) -> np.ndarray:
        """Return the number of the dimension of every indicator, (indicators,)."""
        numbers = {name: number for number, name in enumerate(self.dimensions)}
        return np.array([numbers[of] for of in self.leaves.values()])

    def group_weights(self, group: str) -> np.ndarray:
        """Return a group's weights of the dimensions, (dimensions,)."""
        return np.array([self.dimension_weights[group][name] for name in self.dimensions])

    def sign(self, indicator: str) -> float:
        """Return 1 where more is better, −1 where less is."""
        none, full = self.goalposts[indicator]
        return 1.0 if full > none else -1.0


def _leaves(weights: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the dimension of every indicator."""
    return {name: dimension for dimension, own in weights.items() for name in own}


def _weigh(what: str, weights: Mapping[str, float], names: Mapping[str, Any]) -> None:
    """Refuse weights that are not those of some names or off, and say whose."""
    try:
        check_weights(weights, names)
    except ValueError as error:
        raise ValueError(f"{what}{error}") from error


def _same(other: str, wanted: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse names that are not those of another table."""
    if differ := sorted(set(wanted) ^ set(given)):
        raise ValueError(f"must name the indicators of {other}: {', '.join(differ)} in one alone")
