"""Assessment (考核评价): what the accounts say of a county and of who answers for it; one file a topic.

All topics are computed for the whole province from the counties' ledgers and the pack's registers, and
are then looked at from the run's county, or from the province.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import accounting, params
from gepbook.accounting import pool as accounts
from gepbook.assessment import (
    audit,
    brand,
    credit,
    dual,
    evaluation,
    finance,
    funds,
    protection,
    targets,
)
from gepbook.assessment.topic import Evidence, Topic, TopicResult, card
from gepbook.errors import GepbookError
from gepbook.province import Registers, problems_of
from gepbook.run import Run

CARDS_FILE = "scorecards.parquet"
#: Columns of the scorecards: the topic, and those of `topic.card`.
CARD = ["topic", *inspect.signature(card).parameters]
#: In the order they are computed: each may read the results of those before it.
TOPICS: tuple[Topic, ...] = (
    dual.TOPIC,
    protection.TOPIC,
    brand.TOPIC,
    finance.TOPIC,
    credit.TOPIC,
    funds.TOPIC,
    targets.TOPIC,
    audit.TOPIC,
    evaluation.TOPIC,
)
#: What the stage consists of, and is checked by before a run.
PARTS = TOPICS


@dataclass(frozen=True)
class Assessment:
    """The assessment of a year, and the ledger rows of the run's county (考核结果).

    `topics` holds the results by topic, of all counties; `cards` the lines of the counties' scorecards.
    `county_code` is None where the province is looked at.
    """

    entries: list[dict[str, Any]]
    county_code: str | None
    topics: Mapping[str, TopicResult]
    cards: pd.DataFrame
    evidence: Evidence

    @property
    def files(self) -> dict[str, pd.DataFrame]:
        """The tables that are kept beside the province's ledger; none beside a county's."""
        if self.county_code is not None:
            return {}
        tables = {
            f"{name}.{table}.parquet": frame.reset_index().rename(columns=str)
            for name, result in self.topics.items()
            for table, frame in result.tables.items()
            if len(frame)
        }
        return {CARDS_FILE: self.cards, **tables}


def compute(run: Run) -> Assessment:
    """Return the assessment of the run's county and year beside that of the whole province."""
    return of_province(run, accounts.read(run))


def of_province(run: Run, pool: pd.DataFrame) -> Assessment:
    """Return the assessment that follows from the ledgers of all counties.

    Parameters
    ----------
    run : Run
        Of a county, or of the province.
    pool : DataFrame
        Inventory and accounting ledgers of all counties.

    Raises
    ------
    GepbookError
        All that is wrong in the registers and rules of all topics; nothing is then assessed.
    """
    registers = Registers(run.pack, run.year)
    problems = problems_of(TOPICS, run.pack, run.params, [run.year])
    if problems:
        raise GepbookError(problems)
    evidence = Evidence(
        pool,
        registers,
        run.params,
        accounts.read_draws(run),
        accounts.read_draws(run, accounting.LEVEL_DRAWS_FILE),
    )
    found: dict[str, TopicResult] = {}
    for topic in TOPICS:
        found[topic.id] = topic.compute(evidence, found)
    code = run.task.county_code
    return Assessment(
        entries=[row for r in found.values() for owner, row in r.figures if owner == code],
        county_code=code,
        topics=found,
        cards=pd.DataFrame(
            [{"topic": name, **line} for name, result in found.items() for line in result.cards],
            columns=CARD,
        ),
        evidence=evidence,
    )


def what_if(run: Run, base: Assessment, changes: Mapping[str, params.Value]) -> Assessment | None:
    """Return the assessment under changed rules; None where nothing is changed (情景).

    Parameters
    ----------
    run : Run
    base : Assessment
        Whose ledgers of the counties are used again.
    changes : mapping
        Dotted name of a rule → value, such as `dual_assessment.gdp_weight`.

    Raises
    ------
    StageError, ParameterError
        See `Run.assuming`.
    """
    changed = run.assuming(changes)
    return of_province(changed, base.evidence.pool) if changes else None
