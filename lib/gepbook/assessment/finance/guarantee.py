"""Guarantees for ecological operators (融资担保): multiple of net assets, losses.

Only the balance of ecological operators counts: the multiple of all business is no smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.assessment.finance import loans
from gepbook.assessment.finance.loans import GreenFinanceParams
from gepbook.assessment.topic import ACCOUNT, Evidence, Light, TopicResult

NO_GUARANTOR = "本县没有担保机构"
#: The register holds a part of the business: what exceeds a limit does so as a whole, not the reverse.
WITHIN = "生态类业务未见超限；全部业务不在台账，不评"
AMOUNTS = ["guaranteed_cny", "guarantee_capital_cny", "guarantee_losses_cny"]


def judge_guarantee(leverage: float, loss: float, rules: GreenFinanceParams) -> tuple[Light, str]:
    """Return the light of guarantees by their multiple of net assets and their losses, and why."""
    if pd.isna(leverage):
        return "none", NO_GUARANTOR
    if leverage > rules.leverage_most_small:
        return "poor", f"放大倍数超过 {rules.leverage_most_small:g} 倍"
    if leverage > rules.leverage_most:
        return "watch", f"放大倍数超过 {rules.leverage_most:g} 倍，仅主要服务小微、三农的机构可行"
    if loss > rules.guarantee_loss_most:
        return "watch", f"当年代偿超过在保余额的 {rules.guarantee_loss_most:.0%}"
    return "none", WITHIN


def guarantees(rows: pd.DataFrame, rules: GreenFinanceParams) -> pd.DataFrame:
    """Return multiple and losses of guarantees by county (融资担保).

    Parameters
    ----------
    rows : DataFrame
        Of the register of loans, of one year.

    Returns
    -------
    DataFrame, columns `county_code`, `guaranteed_cny`, `guarantee_capital_cny`, `leverage` (guaranteed
    over net assets, NaN without guarantor), `loss_rate` (compensation paid over guaranteed, NaN where
    nothing is guaranteed), `light`, `reason`
    """
    table = rows[["county_code", *AMOUNTS]].reset_index(drop=True)
    capital, balance = table["guarantee_capital_cny"], table["guaranteed_cny"]
    table["leverage"] = balance / capital.where(capital > 0)
    table["loss_rate"] = table["guarantee_losses_cny"] / balance.where(balance > 0)
    judged = [
        judge_guarantee(leverage, loss, rules)
        for leverage, loss in table[["leverage", "loss_rate"]].itertuples(index=False)
    ]
    return table.assign(light=[j[0] for j in judged], reason=[j[1] for j in judged])


def compute(evidence: Evidence) -> TopicResult:
    """Return the year's guarantees of all counties; nothing where the pack has no loans."""
    if not evidence.registers.has(loans.REGISTER):
        return TopicResult()
    rules = evidence.rules(loans.SECTION, GreenFinanceParams)
    table = guarantees(evidence.registers.table(loans.REGISTER), rules)
    return TopicResult(tables={"guarantees": table}, figures=list(_figures(evidence, table)))


def _figures(evidence: Evidence, table: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the ledger rows of guarantees."""
    common = {"method_id": loans.METHOD, **loans.marks(evidence, accounts=False)}
    for row in table.itertuples():
        for measure in ("leverage", "loss_rate"):
            if pd.notna(value := getattr(row, measure)):
                entry = ledger.entry(ACCOUNT, "finance.guarantees", measure, value, "1", **common)
                yield row.county_code, entry
