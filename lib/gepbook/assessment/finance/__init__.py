"""Green finance (绿色金融): loans, options and pools on ecological products, two accounts beside.

One file an instrument: loans, guarantees, green options on trees, pools of income rights, the
ecological account of occupation and offset, the carbon accounts of enterprises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gepbook.accounting import sites
from gepbook.assessment import money
from gepbook.assessment.finance import (
    asset_pool,
    carbon_account,
    ecological_account,
    green_option,
    guarantee,
    loans,
)
from gepbook.assessment.topic import Evidence, Topic, TopicResult
from gepbook.compensation.offset import rules as offset
from gepbook.errors import GepbookError
from gepbook.params import ParameterSet, Params
from gepbook.province import Registers

ID = "finance"
INSTRUMENTS = (loans, guarantee, green_option, asset_pool, ecological_account, carbon_account)
CHECKED = (loans, asset_pool, carbon_account)
SECTIONS: Mapping[str, type[Params]] = {
    loans.SECTION: loans.GreenFinanceParams,
    green_option.SECTION: green_option.GreenOptionParams,
    asset_pool.SECTION: asset_pool.AssetPoolParams,
    carbon_account.SECTION: carbon_account.CarbonAccountParams,
    offset.SECTION: offset.OffsetParams,
}


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules and registers of green finance.

    Sites are checked where they are accounted for and offset.
    """
    problems: list[str] = []
    sound: dict[str, Any] = {}
    for name, model in SECTIONS.items():
        try:
            sound[name] = params.section(name, model)
        except GepbookError as error:
            problems += error.problems
    for instrument in CHECKED:
        problems += instrument.check(registers)
    if green_option.SECTION in sound:
        longest = sound[green_option.SECTION].longest_term_year
        problems += green_option.check(registers, longest)
    if registers.pack.has(loans.REGISTER):
        problems += money.slips(registers, loans.REGISTER, params)
    return problems


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return what all instruments give, for the whole province."""
    found = [instrument.compute(evidence) for instrument in INSTRUMENTS]
    return TopicResult(
        tables={name: table for result in found for name, table in result.tables.items()},
        figures=[figure for result in found for figure in result.figures],
        cards=[line for result in found for line in result.cards],
        lacking=tuple(name for result in found for name in result.lacking),
    )


TOPIC = Topic(
    id=ID,
    name_zh="绿色金融",
    name_en="Green finance",
    source="浙委办发〔2021〕82号 六(三) 丰富绿色金融政策工具、七(二) “生态账户”改革试点",
    sections=SECTIONS,
    tables=(
        loans.REGISTER,
        green_option.REGISTER,
        asset_pool.FLOWS,
        asset_pool.TRANCHES,
        carbon_account.REGISTER,
        sites.LAYER,
    ),
    compute=compute,
    check=check,
)
