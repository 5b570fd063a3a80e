"""Green finance in the reports: loans, options, pools, and the two accounts (绿色金融)."""

from __future__ import annotations

from gepbook.publish.assessment.finance.accounts import (
    account_table,
    carbon_table,
    province_account_table,
    province_carbon_table,
)
from gepbook.publish.assessment.finance.contracts import (
    option_table,
    pool_table,
    province_option_table,
    province_payment_figure,
    province_pool_table,
)
from gepbook.publish.assessment.finance.lending import (
    capacity_table,
    guarantee_table,
    province_guarantee_table,
    province_loan_table,
    province_over_table,
    province_share_figure,
    share_figure,
    share_table,
)
from gepbook.publish.assessment.finance.words import province_sentence, sentence

__all__ = [
    "account_table",
    "capacity_table",
    "carbon_table",
    "guarantee_table",
    "option_table",
    "pool_table",
    "province_account_table",
    "province_carbon_table",
    "province_guarantee_table",
    "province_loan_table",
    "province_option_table",
    "province_over_table",
    "province_payment_figure",
    "province_pool_table",
    "province_sentence",
    "province_share_figure",
    "sentence",
    "share_figure",
    "share_table",
]
