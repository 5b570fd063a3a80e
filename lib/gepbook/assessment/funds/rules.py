"""Words of the registers of welfare funds, and the rules (基金规则)."""

from __future__ import annotations

from pydantic import field_validator, model_validator

from gepbook.inputs.own_data import dictionary
from gepbook.params import Params, parameter

SECTION = "welfare_funds"
ENTRIES, PROJECTS = "welfare_fund_entries", "welfare_projects"
INCOME, EXPENSE = "income", "expense"
CARRIED_OVER, SEED, PROJECT, ADMINISTRATION = (
    "carried_over", "government_seed", "project", "administration",
)  # fmt: skip
#: Kinds of income, of which those of society are drawn by the government's seed; kinds of expense.
DRAWN = ("donation", "enterprise")
DIRECTION = {
    CARRIED_OVER: INCOME, SEED: INCOME, **dict.fromkeys(DRAWN, INCOME), "interest": INCOME,
    PROJECT: EXPENSE, ADMINISTRATION: EXPENSE,
}  # fmt: skip
CASH = "cash"
ONGOING, ACCEPTED = "ongoing", "accepted"


class WelfareFundsParams(Params):
    """Rules of 公益性生态保护基金: limits of spending, what measures count for."""

    provincial = True

    administration_share_most: float = parameter("1", "年度管理费用占总支出的上限", gt=0, lt=1)
    spending_share_least: float = parameter(
        "1", "慈善活动支出与上年总收入或前三年平均收入之比的下限", gt=0, le=1
    )
    mean_income_years: int = parameter("a", "平均收入的年数", ge=1)
    gain_share: dict[str, float] = parameter(
        "1", "各面积类措施每公顷新增的调节服务，按本县单位面积调节服务的比例"
    )
    completion_good: float = parameter("1", "项目完成率良好的下限", gt=0, le=1)
    completion_poor: float = parameter("1", "项目完成率不佳的上限", ge=0, lt=1)

    @field_validator("gain_share")
    @classmethod
    def _areas(cls, value: dict[str, float]) -> dict[str, float]:
        areas = {name for name in measures() if name.endswith("_ha")}
        if unknown := sorted(set(value) - areas):
            raise ValueError(f"must name measures in ha, got {', '.join(unknown)}")
        if any(not 0 <= share <= 1 for share in value.values()):
            raise ValueError("must lie between 0 and 1")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> WelfareFundsParams:
        if self.completion_poor >= self.completion_good:
            raise ValueError("completion_poor must be below completion_good")
        return self


def measures() -> dict[str, str]:
    """Return the measures with their Chinese names and units."""
    return dictionary.words(PROJECTS, "measure")
