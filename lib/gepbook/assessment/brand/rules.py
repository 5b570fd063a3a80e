"""Rules of industry and brand: `params/policy/brand.yaml` (产业与品牌规则)."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from gepbook.assessment.topic import Light
from gepbook.params import Params, parameter

SECTION = "brand"
TOURISM, PRODUCTS, BRANDS = "eco_tourism", "agricultural_products", "brand_products"
Finding = Literal["above", "unclear", "below", "single"]
FINDINGS: tuple[Finding, ...] = ("above", "unclear", "below", "single")
FINDING_ZH = {
    "above": "溢价区间高于 0",
    "unclear": "溢价区间跨 0，不能断定有溢价",
    "below": "溢价区间低于 0",
    "single": "产品太少或销售太集中，无区间",
}


class BrandParams(Params):
    """Rules of 产业与品牌: premium and its interval, value added, prices."""

    provincial = True

    premium_years: int = parameter("a", "计算溢价所用年数", ge=1)
    least_effective_products: float = parameter(
        "1", "给出区间所需的最少有效产品数（销售份额平方和的倒数）", gt=1
    )
    price_ratio_range: dict[str, float] = parameter("1", "品牌价与对照价之比的合理范围")
    rank_step: float = parameter("1", "相差不足一步的比率并列", gt=0)
    value_added_rate: float = parameter("1", "农产品增加值率", gt=0, le=1)
    tourism_price_index: str = parameter("1", "生态旅游可比价所用价格指数")
    product_price_index: str = parameter("1", "农产品可比价所用价格指数")
    certification_target: str = parameter("1", "认证率目标在目标表中的编号")
    lights: dict[Finding, Light] = parameter("1", "溢价结论对应的灯色")

    @field_validator("price_ratio_range")
    @classmethod
    def _range(cls, value: dict[str, float]) -> dict[str, float]:
        if set(value) != {"low", "high"} or not 0 < value["low"] < 1 < value["high"]:
            raise ValueError("must have low between 0 and 1 and high above 1")
        return value

    @field_validator("lights")
    @classmethod
    def _every_finding(cls, value: dict[Finding, Light]) -> dict[Finding, Light]:
        if set(value) != set(FINDINGS):
            raise ValueError(f"must give a light to exactly {', '.join(FINDINGS)}")
        return value
