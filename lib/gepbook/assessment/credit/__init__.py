"""Ecological credit: how many subjects stand at which level, and what points are used for (生态信用积分).

Nothing of a single subject leaves this topic: its tables hold numbers of subjects, each table protected
against small cells as a whole (see `gepbook.assessment.privacy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from gepbook import counties, ledger
from gepbook.assessment import privacy
from gepbook.assessment.credit import registers as registry
from gepbook.assessment.credit.registers import APPEALS, EVENTS, USES, check
from gepbook.assessment.credit.scoring import (
    COUNTED,
    KIND_ZH,
    LEVELS,
    OPEN,
    SECTION,
    VOID,
    CreditParams,
    appeal_state,
    level,
    read_rules,
    scores,
    standing,
)
from gepbook.assessment.privacy import TOTAL
from gepbook.assessment.topic import (
    ACCOUNT,
    FIRST,
    GROUP_ZH,
    OTHER,
    Evidence,
    Topic,
    TopicResult,
    card,
)

METHOD = f"design/{SECTION}"
#: What became of the year's appeals: decided either way, open in time or too long, filed too late.
VOIDED, KEPT, RUNNING, OVERDUE, LATE = "upheld", "rejected", "open", "overdue", "late"
APPEAL_STATES = (VOIDED, KEPT, RUNNING, OVERDUE, LATE)
#: Levels that speak against a subject.
SENSITIVE = ("B", "C")
#: Whose share at the two best levels stands on the scorecard.
CARD_KIND = "individual"


def subjects_at(events: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    """Return every subject with its score and level on the day; not to be published (主体信用分).

    Parameters
    ----------
    events : DataFrame
        See `scoring.standing`, a case for each subject; `case` is the subject.

    Returns
    -------
    DataFrame, a row a subject
        `subject_id`, `kind`, `county_code`, `score`, `level`. Who has no event by then is left out.
    """
    known = events[events["date"] <= events["at"]]
    score = scores(known, read_rules(), params)
    subjects = known.drop_duplicates("case").set_index("case")
    table = pd.DataFrame(
        {
            "kind": subjects["subject_kind"],
            "county_code": subjects["county_code"],
            "score": score.reindex(subjects.index),
        }
    ).rename_axis("subject_id")
    return table.assign(level=level(table["score"], params)).reset_index()


def level_table(subjects: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    """Return how many subjects stand at each level, by kind, group and county (等级分布).

    Parameters
    ----------
    subjects : DataFrame
        `subject_id`, `kind`, `group`, `county_code`, `score`, `level`.

    Returns
    -------
    DataFrame
        `kind`, `group`, `county_code` (TOTAL = all), LEVELS and `subjects`, NaN = withheld;
        `mean_points` of counties of which nothing is withheld: a mean beside withheld levels would
        narrow them down, and one of a single level nearly tells each score. Means of groups are of such
        counties alone, so that no other follows.
    """
    keys = ["kind", "group", "county_code"]
    counts = pd.crosstab([subjects[key] for key in keys], subjects["level"])
    counts = counts.reindex(columns=list(LEVELS), fill_value=0)
    table = privacy.protect(counts, params.least_subjects, sensitive=SENSITIVE)
    table = table.rename(columns={TOTAL: "subjects"})
    by_county = subjects.groupby(keys)["score"]
    safe = by_county.agg(
        lambda score: privacy.sum_is_safe(score, params.least_subjects, params.least_margin)
    )
    whole = table.notna().all(axis=1).reindex(safe.index)
    spread = (counts > 0).sum(axis=1).reindex(safe.index) > 1
    return (
        table.assign(mean_points=by_county.mean()[safe & whole & spread].reindex(table.index))
        .rename_axis(columns=None)
        .reset_index()
    )


def group_means(levels: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score of kinds and groups over the counties whose mean is shown.

    Returns
    -------
    DataFrame, indexed by (kind, group)
        `mean_points`, weighted by subjects; `counties`, how many.
    """
    shown = levels[levels["mean_points"].notna()]
    sums = shown["mean_points"] * shown["subjects"]
    by_group = [shown["kind"], shown["group"]]
    return pd.DataFrame(
        {
            "mean_points": sums.groupby(by_group).sum() / shown["subjects"].groupby(by_group).sum(),
            "counties": sums.groupby(by_group).size(),
        }
    )


def appeals_of_year(events: pd.DataFrame, year: int, params: CreditParams) -> pd.DataFrame:
    """Return the events against which an appeal was filed in a year, with what became of it (申诉办理).

    Parameters
    ----------
    events : DataFrame
        See `scoring.appeal_state`, looked at on the year's last day.
    """
    filed = events[(events["filed_on"].dt.year == year) & (events["date"] <= events["at"])]
    found = appeal_state(filed, params)
    due = filed["filed_on"] + pd.Timedelta(days=params.decision_days)
    state = found["state"].map({OPEN: RUNNING, VOID: VOIDED, COUNTED: KEPT})
    state = state.mask((found["state"] == OPEN) & (due < filed["at"]), OVERDUE)
    return filed.assign(appeal_state=state.mask(found["late"], LATE))


def points_spent(uses: pd.DataFrame, numbers: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    """Return what the province's subjects spent by use, points; NaN = withheld (积分使用).

    Parameters
    ----------
    uses : DataFrame
        Of the year.
    numbers : DataFrame
        From `numbers_by`: beside a number that is withheld, no sum is shown.

    Returns
    -------
    DataFrame, indexed by use
        `points`.
    """
    found = {}
    for use, own in uses.groupby("use"):
        spent = own.groupby("subject_id")["points"].sum()
        safe = privacy.sum_is_safe(spent, params.least_subjects, params.least_margin)
        counted = numbers.loc[numbers["group"] == TOTAL, str(use)].notna().all()
        found[use] = float(spent.sum()) if safe and counted else float("nan")
    return pd.DataFrame({"points": found}, dtype="float64").rename_axis("use")


def numbers_by(
    records: pd.DataFrame, column: str, words: Iterable[str], params: CreditParams
) -> pd.DataFrame:
    """Return how many records of each word there are by group; few subjects behind them are few.

    Returns
    -------
    DataFrame
        `group` (TOTAL = all), a column a word, TOTAL; NaN = withheld. Without rows if there is no record.
    """
    if records.empty:
        return pd.DataFrame()
    counts, persons = privacy.count(records, ["group"], column, list(words), "subject_id")
    table = privacy.protect(counts, params.least_subjects, persons)
    return table.rename_axis(columns=None).reset_index()


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return levels of subjects, appeals, uses and deeds of the year, all as protected counts.

    The register's counties are all taken, whether or not their accounts are there: a table of some
    counties beside one of all would give away what is withheld in both.
    """
    registers = evidence.registers
    lacking = tuple(registers.lacking(EVENTS, APPEALS, USES))
    if EVENTS in lacking:
        return TopicResult(lacking=lacking)
    rules, scheme = evidence.rules(SECTION, CreditParams), read_rules()
    groups = counties.classes([FIRST], evidence.year, OTHER)
    events = registry.with_appeals(registers)
    events = events.assign(
        case=events["subject_id"],
        at=pd.Timestamp(evidence.year, 12, 31),
        group=events["county_code"].map(groups),
    )
    subjects = subjects_at(events, rules)
    if subjects.empty:
        return TopicResult(lacking=lacking)
    levels = level_table(subjects.assign(group=subjects["county_code"].map(groups)), rules)
    counted = standing(events, scheme, rules)["state"] == COUNTED
    deeds = events[counted & (events["date"].dt.year == evidence.year)]
    appeals = appeals_of_year(events, evidence.year, rules)
    tables = {
        "levels": levels,
        "means": group_means(levels).reset_index(),
        "appeals": numbers_by(appeals, "appeal_state", APPEAL_STATES, rules),
        "deeds": numbers_by(deeds, "rule", scheme.index, rules),
    }
    if USES not in lacking:
        uses = registry.read(registers, USES)
        uses = uses[uses["date"].dt.year == evidence.year]
        uses = uses.assign(group=uses["county_code"].map(groups))
        tables["uses"] = numbers_by(uses, "use", rules.level_for_use, rules)
        tables["spent"] = points_spent(uses, tables["uses"], rules)
    about = {
        "origin": evidence.origin(EVENTS, APPEALS),
        "quality": evidence.quality(SECTION),
    }
    return TopicResult(
        tables=tables,
        figures=list(_figures(levels, about)),
        cards=_cards(levels, about),
        lacking=lacking,
    )


def _figures(
    levels: pd.DataFrame, about: Mapping[str, Any]
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the numbers of subjects and mean scores that are not withheld."""
    for row in levels.to_dict("records"):
        county = row["county_code"]
        if county == TOTAL and row["group"] != TOTAL:
            continue
        owner = None if county == TOTAL else str(county)
        item = "credit" if row["kind"] == TOTAL else f"credit.{row['kind']}"
        faces = [
            (item, "subjects", row["subjects"]),
            (item, "mean_points", row["mean_points"]),
            *((f"{item}.{name}", "subjects", row[name]) for name in LEVELS),
        ]
        for name, measure, value in faces:
            if pd.notna(value):
                entry = ledger.entry(ACCOUNT, name, measure, value, "1", method_id=METHOD, **about)
                yield owner, entry


def best_share(levels: pd.DataFrame) -> pd.Series:
    """Return the share of subjects at AA and above, percent; NaN where the table does not tell it."""
    whole = levels["subjects"]
    best = (levels["AAA"] + levels["AA"]).fillna(whole - levels["A"] - levels["B"] - levels["C"])
    return 100 * best / whole


def _cards(levels: pd.DataFrame, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scorecard's lines of the counties whose share of good credit can be shown."""
    own = levels[levels["kind"] == CARD_KIND].assign(share=best_share)
    peers = own[own["county_code"] == TOTAL].set_index("group")["share"]
    shown = own[(own["county_code"] != TOTAL) & own["share"].notna()]
    place = shown.groupby("group")["share"].rank(ascending=False, method="min")
    size = shown.groupby("group")["share"].transform("size")
    return [
        card(
            str(row.county_code),
            f"{KIND_ZH[CARD_KIND]}生态信用 AA 级及以上占比",
            row.share,
            "percent",
            peer=None if pd.isna(peers[row.group]) else float(peers[row.group]),
            peer_zh=GROUP_ZH[row.group],
            rank=int(place[row.Index]),
            of=int(size[row.Index]),
            reason="反映居民行为与登记范围，不据以评判；人数过少的县不公布",
            **about,
        )
        for row in shown.itertuples()
    ]


TOPIC = Topic(
    id="credit",
    name_zh="生态信用积分",
    name_en="Ecological credit",
    source="浙委办发〔2021〕82号 六(二) 优化生态环境保护利益导向机制",
    sections={SECTION: CreditParams},
    tables=(EVENTS, APPEALS, USES),
    compute=compute,
    check=check,
)
