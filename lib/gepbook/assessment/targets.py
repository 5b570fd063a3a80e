"""Targets of the policy document, each beside what the ledger can say of it (目标跟踪)."""

from __future__ import annotations

import pandas as pd

from gepbook.params import Params, parameter

NAMES = {
    "accounting_coverage_percent": ("GEP 核算县域覆盖率", "GEP accounting coverage of counties"),
    "ecotourism_growth_percent": ("生态旅游增加值累计增长", "Eco-tourism value added, cumulative"),
    "certification_percent": ("“三品一标”农产品认证率", "Certified agricultural products"),
    "green_loan_percent": ("绿色贷款占各项贷款比重", "Green loans in all loans"),
}


class TargetParams(Params):
    """Numeric targets of 浙委办发〔2021〕82号."""

    accounting_coverage_percent: float = parameter("percent", "GEP 核算县域覆盖率", ge=0)
    ecotourism_growth_percent: float = parameter("percent", "生态旅游增加值累计增长", ge=0)
    certification_percent: float = parameter("percent", "“三品一标”农产品认证率", ge=0)
    green_loan_percent: float = parameter("percent", "绿色贷款占各项贷款比重", ge=0)
    target_year: int = parameter("a", "目标年份")


def track(targets: TargetParams, measured: dict[str, float]) -> pd.DataFrame:
    """Return each target with its latest value and whether it is met.

    Parameters
    ----------
    targets : TargetParams
    measured : dict
        Latest value of the targets that the ledger can measure; the others stay unmeasured.

    Returns
    -------
    DataFrame, indexed by target
        Columns `target`, `latest` (NaN = not measured), `state` (met, open, unmeasured).
    """
    wanted = targets.model_dump(include=set(NAMES))
    table = pd.DataFrame({"target": pd.Series(wanted), "latest": pd.Series(measured, dtype=float)})
    table = table.loc[list(NAMES)]
    met = (table["latest"] >= table["target"]).map({True: "met", False: "open"})
    table["state"] = met.where(table["latest"].notna(), "unmeasured")
    return table
