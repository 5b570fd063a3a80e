"""Departure audit: what the accounts say of the terms of office of a county's leaders (离任审计).

GEP figures are an important reference of the audit of natural resources (领导干部自然资源资产离任审计).
For each term: opening and closing accounts at comparable prices, what changed them, a score of 100
points, and whether GEP fell seriously. The audit itself, and who answers for what, is for the audit
authority.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, field_validator, model_validator

from gepbook import ledger
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment import growth_draws
from gepbook.assessment.audit import decline, scheme, terms
from gepbook.assessment.audit.scheme import Goalposts
from gepbook.assessment.topic import ACCOUNT, Evidence, Light, Topic, TopicResult, card
from gepbook.errors import GepbookError, near
from gepbook.inputs.own_data import dictionary
from gepbook.params import ParameterSet, Params, parameter
from gepbook.province import Registers

ID = "audit"
SECTION = "departure_audit"
TERMS, RECORDS = terms.TERMS, "audit_findings"
Share = Annotated[float, Field(gt=0, lt=1)]
METHOD = f"design/{ID}"
PERCENT = 100


VERDICT_ZH = {
    decline.SERIOUS: "发现严重下降，移送审计机关核查",
    decline.UNDECIDED: "不确定性跨越阈值，不下结论",
    decline.NONE: "未见严重下降",
    decline.NOT_ASSESSED: "未评估",
}


class AuditParams(Params):
    """Rules of the departure audit (离任审计规则)."""

    provincial = True

    full_points: float = parameter("1", "总分", gt=0)
    grades: dict[str, float] = parameter("1", "各评价等级的最低分")
    lights: dict[str, Light] = parameter("1", "各评价等级在成绩单上的灯色")
    verdict_lights: dict[str, Light] = parameter("1", "严重下降各判定在成绩单上的灯色")
    least_share_of_year: float = parameter("1", "计入任期的年份在任天数占比须超过", ge=0.5, lt=1)
    goalposts: dict[str, Goalposts] = parameter("1", "账户类指标的满分与零分水平")
    audited_assets: list[str] = parameter("1", "计入存量变化的自然资源资产", min_length=1)
    serious_fall: dict[str, Share] = parameter("1", "严重下降的降幅阈值，按指标", min_length=1)
    least_confidence: float = parameter("1", "判定所需的最低概率", gt=0.5, lt=1)

    @field_validator("grades")
    @classmethod
    def _falling(cls, grades: dict[str, float]) -> dict[str, float]:
        """Refuse grades that do not fall to 0."""
        least = list(grades.values())
        if not least or least[-1] != 0 or any(a <= b for a, b in pairwise(least)):
            raise ValueError("must list the grades from best to worst, least points falling to 0")
        return grades

    @field_validator("goalposts")
    @classmethod
    def _every(cls, posts: dict[str, Goalposts]) -> dict[str, Goalposts]:
        """Refuse goalposts that are not those of all indicators, or do not differ."""
        if set(posts) != set(scheme.INDICATORS):
            raise ValueError(f"must list exactly {', '.join(scheme.INDICATORS)}")
        if same := [name for name, post in posts.items() if post.good == post.poor]:
            raise ValueError(f"good and poor must differ: {', '.join(same)}")
        return posts

    @field_validator("serious_fall")
    @classmethod
    def _of_accounts(cls, falls: dict[str, float]) -> dict[str, float]:
        """Refuse indicators that the accounts do not have."""
        if unknown := sorted(set(falls) - {decline.WHOLE, *CATEGORY_ZH}):
            raise ValueError(f"names unknown indicators: {', '.join(unknown)}")
        return falls

    @model_validator(mode="after")
    def _lit(self) -> AuditParams:
        """Refuse lights that are not those of the grades."""
        if set(self.lights) != set(self.grades):
            raise ValueError("lights must name the grades, each once")
        if set(self.verdict_lights) != set(VERDICT_ZH):
            raise ValueError(f"verdict_lights must name {', '.join(VERDICT_ZH)}")
        if max(self.grades.values()) > self.full_points:
            raise ValueError("no grade may ask for more than full_points")
        return self


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the scheme and in the registers of terms and findings."""
    try:
        rules = params.section(SECTION, AuditParams)
        params.section(growth_draws.SECTION, growth_draws.GrowthDrawsParams)
        items = scheme.read()
    except GepbookError as error:
        return error.problems
    found = scheme.full_problem(items, rules.full_points)
    if registers.pack.has(TERMS):
        found += terms.problems(registers)
        if registers.pack.has(RECORDS):
            found += _record_problems(registers, items)
    return found


def _record_problems(registers: Registers, items: pd.DataFrame) -> Iterator[str]:
    """Give all that is wrong in the register of findings."""
    frame = registers.table(RECORDS)
    yield from registers.row_problems(RECORDS, frame)
    known = registers.table(TERMS).drop_duplicates("term_id").set_index("term_id")
    scored = list(items.loc[items["rule"] == scheme.FINDINGS, "item"])
    begin, end = terms.days(known["start_date"]), terms.days(known["end_date"])
    audits = terms.audited_on(known)
    dates = terms.days(frame["occurred_on"])
    for row in frame.itertuples():
        where = f"{registers.place(RECORDS, row.Index)}: finding {row.finding_id!r}"
        if row.item not in scored:
            yield (
                f"{where} names item {row.item!r}, which is not scored by findings."
                f"{near(str(row.item), scored)} Take one of {', '.join(scored)}."
            )
        if not (row.count > 0 and float(row.count).is_integer()):
            yield f"{where} has count {row.count:g}. Write how many cases were found, 1 or more."
        day = dates[row.Index]
        if pd.isna(day):
            yield f"{where} has occurred_on {row.occurred_on!r}. Write a date as 2021-03-15."
        if row.term_id not in known.index:
            yield (
                f"{where} names term {row.term_id!r}, which {TERMS} does not hold."
                f"{near(str(row.term_id), known.index)} Add the term or correct the id."
            )
            continue
        own = known.loc[row.term_id]
        if pd.isna(audits[row.term_id]):
            yield (
                f"{where} is of term {row.term_id!r}, which {TERMS} says was not audited. Write the day "
                "of its audit in audited_on."
            )
        elif day > audits[row.term_id]:
            yield (
                f"{where} occurred on {row.occurred_on}, after the audit of its term on "
                f"{own['audited_on']}. Correct one of the dates."
            )
        if own["county_code"] != row.county_code:
            yield (
                f"{where} stands in {row.county_code}, its term in {own['county_code']}. Correct one "
                "of them."
            )
        if day < begin[row.term_id] or day > end[row.term_id]:
            yield (
                f"{where} occurred on {row.occurred_on}, outside of its term from "
                f"{own['start_date']} to {own['end_date'] if pd.notna(own['end_date']) else 'now'}. "
                "Correct the date, or name the term in which it occurred."
            )


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return accounts, scores and verdicts of all terms of the province."""
    wanted = (TERMS, RECORDS, terms.SITES, *scheme.TABLES)
    lacking = tuple(name for name in wanted if not evidence.registers.pack.has(name))
    if TERMS in lacking:
        return TopicResult(lacking=(TERMS,))
    rules = evidence.rules(SECTION, AuditParams)
    draws = evidence.rules(growth_draws.SECTION, growth_draws.GrowthDrawsParams)
    held = terms.table(evidence, rules.least_share_of_year)
    fallen = decline.assess(evidence, held, draws, rules.serious_fall, rules.least_confidence)
    items = score(evidence, held, fallen, rules)
    known = {
        "terms": conclude(held, items, fallen, rules),
        "accounts": terms.accounts(evidence, held),
        "decomposition": terms.decomposition(
            evidence, held, dict.fromkeys([decline.WHOLE, *rules.serious_fall])
        ),
        "items": items,
        "decline": fallen,
        "circumstances": pd.DataFrame()
        if terms.SITES in lacking
        else terms.circumstances(evidence, held),
    }
    return TopicResult(
        tables=known,
        figures=list(_figures(evidence, known)),
        cards=list(_cards(evidence, known, rules)),
        lacking=lacking,
    )


def score(
    evidence: Evidence, held: pd.DataFrame, fallen: pd.DataFrame, rules: AuditParams
) -> pd.DataFrame:
    """Return the points of every item of the scheme for every term that is scored (逐项得分).

    Scored are the terms of which an account of at least a year is held. Findings are those until the end
    of the accounting year, of terms that were audited by then; of others none are known, not even that
    there are none.

    Parameters
    ----------
    evidence : Evidence
    held : DataFrame
        As `terms.table` gives it.
    fallen : DataFrame
        As `decline.assess` gives it: how sure the changes of the accounts are.

    Returns
    -------
    DataFrame, rows terms × items
        Columns of the scheme; `term_id`, `county_code`, `count` and `evidence` (what was found), `value`
        (of the indicator) with its 90 % interval `value_low`–`value_high` where it has one, `low`, `high`
        (points), `origin`.
    """
    pack, listed = evidence.registers.pack, scheme.read()
    scored = held[held["state"].isin([terms.AUDITED, terms.ONE_YEAR])]
    items = scored[["term_id", "county_code", "opening", "closing", "audited"]].merge(
        listed[listed["rule"] != scheme.SECTION_ROW], how="cross"
    )
    keys = pd.MultiIndex.from_frame(items[["term_id", "item"]])
    records = _records(evidence)
    if records is None:
        items = items.assign(count=float("nan"), evidence="")
    else:
        own = records.groupby(["term_id", "item"])
        counts, told = own["count"].sum(), own["evidence"].agg("；".join)
        counts = counts.reindex(keys).fillna(0.0)
        items["count"] = counts.where(items["audited"].to_numpy()).to_numpy()
        items["evidence"] = told.astype("str").reindex(keys).fillna("").to_numpy()
    items["value"] = _values(evidence, items, rules)
    sure = fallen.set_index(["term_id", "indicator"])
    behind = items["item"].map({n: i.account for n, i in scheme.INDICATORS.items() if i.account})
    pairs = pd.MultiIndex.from_arrays([items["term_id"], behind])
    for end in ("low", "high"):
        own = pd.Series(sure[end].reindex(pairs).to_numpy("float64"), items.index)
        items[f"value_{end}"] = own.fillna(items["value"])
    is_counted = items["rule"] == scheme.FINDINGS
    items["count"] = items["count"].where(is_counted)
    origins = {
        name: evidence.origin(indicator.table)
        if pack.has(indicator.table)
        else evidence.origin(accounts=True)
        for name, indicator in scheme.INDICATORS.items()
    }
    items["origin"] = items["item"].map(origins).where(~is_counted, evidence.origin(RECORDS))
    return scheme.score_items(items, rules.goalposts)


def _values(evidence: Evidence, items: pd.DataFrame, rules: AuditParams) -> pd.Series:
    """Return the indicator of every item that is scored by one; NaN where it is not known."""
    values = pd.Series(float("nan"), items.index)
    moved = items[(items["rule"] == scheme.ACCOUNT) & (items["opening"] < items["closing"])]
    for name, own in moved.groupby("item"):
        indicator = scheme.INDICATORS[str(name)]
        levels = indicator.levels(evidence, rules.audited_assets)
        if levels is None:
            continue
        for (opening, closing), some in own.groupby(["opening", "closing"]):
            found = scheme.read_off(levels, indicator.read, int(opening), int(closing))
            values[some.index] = some["county_code"].map(found)
    return values


def _records(evidence: Evidence) -> pd.DataFrame | None:
    """Return the findings until the end of the accounting year; None where there is no register."""
    if not evidence.registers.pack.has(RECORDS):
        return None
    frame = evidence.registers.table(RECORDS).sort_values(["occurred_on", "finding_id"])
    return frame[terms.days(frame["occurred_on"]).dt.year <= evidence.year]


def conclude(
    held: pd.DataFrame, items: pd.DataFrame, fallen: pd.DataFrame, rules: AuditParams
) -> pd.DataFrame:
    """Return the terms with score, grade and verdict (任期结论).

    Returns
    -------
    DataFrame, a row a term
        Columns of `terms.table`; `score_low` and `score_high` (NaN where nothing is scored), `grade`
        (empty where the interval spans two), `unscored` (items that lack their data; findings of a term
        that was not audited are not among them), `verdict`.
    """
    said = {name: decline.overall(own) for name, own in fallen.groupby("term_id")["verdict"]}
    points = scheme.total(items, scheme.read()).reindex(held["term_id"])
    is_counted = items["rule"] == scheme.FINDINGS
    lacking = items["value"].isna().where(~is_counted, items["count"].isna() & items["audited"])
    open_items = items[lacking]
    unknown = {name: "、".join(own) for name, own in open_items.groupby("term_id")["name_zh"]}
    return held.assign(
        score_low=points["low"].to_numpy(),
        score_high=points["high"].to_numpy(),
        grade=[
            scheme.grade_between(low, high, rules.grades) if pd.notna(low) else ""
            for low, high in points[["low", "high"]].itertuples(index=False)
        ],
        unscored=[unknown.get(name, "") for name in held["term_id"]],
        verdict=[said.get(name, decline.NOT_ASSESSED) for name in held["term_id"]],
    )


def _figures(
    evidence: Evidence, known: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the scores of the terms, and what became of the indicators of decline."""
    common: dict[str, Any] = {"method_id": METHOD, "quality": evidence.quality(SECTION)}
    origin = evidence.origin(TERMS, RECORDS, *scheme.TABLES, accounts=True)
    for term in known["terms"].dropna(subset="score_low").itertuples():
        for measure, value in (("score_low", term.score_low), ("score_high", term.score_high)):
            yield (
                term.county_code,
                ledger.entry(
                    ACCOUNT, f"{ID}.{term.term_id}", measure, value, "1", origin=origin,
                    note=term.grade, **common,
                ),
            )  # fmt: skip
    both: dict[str, Any] = {
        "method_id": METHOD,
        "quality": evidence.quality(SECTION, growth_draws.SECTION),
    }
    origin = evidence.origin(TERMS, accounts=True)
    for row in known["decline"].dropna(subset="probability").itertuples():
        item = f"{ID}.{row.term_id}"
        yield (
            row.county_code,
            ledger.entry(
                ACCOUNT, item, f"{row.indicator}_change", row.change_share, "1", origin=origin,
                low=row.low, high=row.high, **both,
            ),
        )  # fmt: skip
        yield (
            row.county_code,
            ledger.entry(
                ACCOUNT, item, f"{row.indicator}_serious_fall_probability", row.probability, "1",
                origin=origin, note=row.verdict, **both,
            ),
        )  # fmt: skip


def _cards(
    evidence: Evidence, known: Mapping[str, pd.DataFrame], rules: AuditParams
) -> Iterator[dict[str, Any]]:
    """Give the scorecards' lines of the terms in office: their scores, the weightiest verdict.

    Scores have no rank: the intervals of most overlap.
    """
    posts = dictionary.words(TERMS, "post")
    now = known["terms"][known["terms"]["in_office"]]
    scored = now.dropna(subset="score_low")
    origin = evidence.origin(TERMS, RECORDS, *scheme.TABLES, accounts=True)
    common: dict[str, Any] = {"origin": origin, "quality": evidence.quality(SECTION)}
    for term in scored.itertuples():
        sure = term.score_low == term.score_high
        yield card(
            term.county_code,
            f"离任审计得分（{posts.get(term.post, term.post)}）",
            term.score_low,
            "points",
            low=None if sure else term.score_low,
            high=None if sure else term.score_high,
            peer_zh=f"{terms.span(term.opening, term.closing)} 年",
            light=rules.lights[term.grade] if term.grade else "none",
            reason=f"等级“{term.grade}”" if term.grade else "得分区间跨两个等级，不评等",
            **common,
        )
    fallen = known["decline"].dropna(subset="probability")
    for code, own in fallen[fallen["term_id"].isin(now["term_id"])].groupby("county_code"):
        worst = own.loc[own["probability"].idxmax()]
        said = decline.overall(list(own["verdict"]))
        yield card(
            str(code),
            "现任任期严重下降的概率",
            float(worst["probability"]) * PERCENT,
            "percent",
            peer=rules.least_confidence * PERCENT,
            peer_zh="判定所需概率",
            light=rules.verdict_lights[said],
            reason=VERDICT_ZH[said],
            **{**common, "quality": evidence.quality(SECTION, growth_draws.SECTION)},
        )


TOPIC = Topic(
    id=ID,
    name_zh="领导干部自然资源资产离任审计",
    name_en="Departure audit of natural resource assets",
    source="浙委办发〔2021〕82号 六(一) 推动将GEP相关指标作为领导干部自然资源资产离任审计的重要参考",
    sections={SECTION: AuditParams, growth_draws.SECTION: growth_draws.GrowthDrawsParams},
    tables=(TERMS, RECORDS, terms.SITES, *scheme.TABLES),
    compute=compute,
    check=check,
)
