"""Targets of the policy document: where they stand, what is needed, where the trend leads (目标跟踪).

The targets are a table of `params/policy/targets.yaml`: each names its value, due year and the register
that measures it, so that another target needs no code. A figure is never set to 0 because
it is not known: such a target is unmeasured, and the reports say why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook import ledger, paths
from gepbook.assessment.targets import outlooks
from gepbook.assessment.targets.checks import check
from gepbook.assessment.targets.forecast import OUTLOOK
from gepbook.assessment.targets.mechanism import COMPONENTS, component_shares
from gepbook.assessment.targets.reading import parts_of
from gepbook.assessment.targets.rules import SECTION, Target, TargetParams
from gepbook.assessment.topic import ACCOUNT, GROUP_ZH, Evidence, Topic, TopicResult, card
from gepbook.errors import ParameterError
from gepbook.params import read_yaml, worst

METHOD = f"design/{SECTION}"
NAN = float("nan")
STATE_ZH = {
    "met": "已达到",
    "late": "逾期达到",
    "missed": "到期未达到",
    "on_track": "预计按期达到",
    "open": "不确定",
    "off_track": "预计达不到",
    "too_short": "年数不足未预测",
    "partial": "有数县不足未判定",
    "unmeasured": "无数据",
}
#: Why a target is unmeasured.
MISSING_ZH = {
    "register": "数据包缺少台账",
    "early": "基准年尚未到",
    "baseline": "缺少基准年的数",
    "due_year": "缺少到期年的数",
}


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return the tracker of the province, and every county's part in it."""
    rules = evidence.rules(SECTION, TargetParams)
    tracker, series, own = [], [], []
    for name, target in rules.targets.items():
        parts = parts_of(evidence, target)
        values, found = outlooks.of_province(parts, target, evidence.year, rules)
        missing = _missing(evidence, target, parts) if found["state"] == "unmeasured" else ""
        about = _named(evidence, name, target)
        tracker.append({"target": name, **about, **found, "missing": missing})
        series.append(
            pd.DataFrame({"target": name, "year": values.index, "value": values.to_numpy()})
        )
        if not target.by_county:
            continue
        looks = outlooks.of_counties(parts, target, evidence.groups, evidence.year, rules)
        if len(looks):
            own.append(looks.assign(target=name).reset_index())
    lacking = evidence.registers.lacking(*{t.measure.table for t in rules.targets.values()})
    tables = {
        "tracker": pd.DataFrame(tracker, columns=_tracker_columns()).set_index("target"),
        "series": pd.concat(series, ignore_index=True),
    }
    if own:
        tables["counties"] = pd.concat(own, ignore_index=True)
    if evidence.registers.has(COMPONENTS):
        components = evidence.registers.history(COMPONENTS)
        tables["components"] = components.assign(in_place=components["since_year"] <= evidence.year)
        tables["component_shares"] = component_shares(components, evidence.groups, evidence.year)
    return TopicResult(
        tables=tables,
        figures=[*_province_figures(tables["tracker"]), *_county_figures(tables)],
        cards=list(_cards(tables, rules)),
        lacking=tuple(sorted(lacking)),
    )


def _missing(evidence: Evidence, target: Target, parts: pd.DataFrame) -> str:
    """Return which of `MISSING_ZH` keeps a target from being measured."""
    if evidence.registers.lacking(target.measure.table):
        return "register"
    if evidence.year < target.baseline_year:
        return "early"
    return "baseline" if parts.empty else "due_year"


def _named(evidence: Evidence, name: str, target: Target) -> dict[str, Any]:
    """Return what a target is called, wants and rests on."""
    entry = evidence.params.entries[f"{SECTION}.{name}"]
    return {
        "name_zh": target.name_zh,
        "name_en": target.name_en,
        "short_zh": target.short_zh,
        "unit": entry.unit,
        "source": entry.source,
        "confidence": entry.confidence,
        "measure_confidence": target.measure.confidence,
        "quality": worst([entry.confidence, target.measure.confidence]),
        "baseline_year": target.baseline_year,
        "goal": target.value,
        "due_year": target.due_year,
        "direction": target.direction,
        "table": target.measure.table,
        "origin": evidence.origin(target.measure.table),
    }


def _tracker_columns() -> list[str]:
    """Return the columns of the tracker in their order."""
    return [
        "target", "name_zh", "name_en", "short_zh", "unit", "source", "confidence",
        "measure_confidence", "quality", "baseline_year", "goal", "due_year", "direction", "table",
        "origin", *OUTLOOK, "light", "reporting",
        "missing",
    ]  # fmt: skip


def _row(
    of: Any, name: str, measure: str, value: float, low: float = NAN, high: float = NAN
) -> dict[str, Any]:
    """Return a ledger row of a target; `of` tells its unit, origin and quality."""
    return ledger.entry(
        ACCOUNT, f"{SECTION}.{name}", measure, value, of.unit,
        origin=of.origin, method_id=METHOD, quality=of.quality, low=low, high=high,
    )  # fmt: skip


def _province_figures(tracker: pd.DataFrame) -> Iterator[tuple[None, dict[str, Any]]]:
    """Give the province's figures of each measured target."""
    for row in tracker.itertuples():
        if row.state == "unmeasured":
            continue
        name = str(row.Index)
        yield None, _row(row, name, "value", row.latest)
        yield None, _row(row, name, "target", row.goal)
        if not math.isnan(row.path):
            yield None, _row(row, name, "path", row.path)
        if not math.isnan(row.forecast):
            yield None, _row(row, name, "forecast", row.forecast, low=row.low, high=row.high)


def _county_figures(
    tables: Mapping[str, pd.DataFrame],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each county's value, and what it adds to the province's distance."""
    about = {row.Index: row for row in tables["tracker"].itertuples()}
    for row in tables.get("counties", pd.DataFrame()).itertuples():
        of = about[row.target]
        yield row.county_code, _row(of, row.target, "value", row.latest)
        if not math.isnan(row.gap_points):
            yield row.county_code, _row(of, row.target, "gap", row.gap_points)


def _cards(tables: Mapping[str, pd.DataFrame], rules: TargetParams) -> Iterator[dict[str, Any]]:
    """Give the scorecard lines of the targets that have one."""
    about = {row.Index: row for row in tables["tracker"].itertuples()}
    for row in tables.get("counties", pd.DataFrame()).itertuples():
        of = about[row.target]
        if not rules.targets[row.target].card:
            continue
        yield card(
            row.county_code, of.short_zh, row.latest, of.unit,
            peer=of.goal, peer_zh=f"全省 {of.due_year} 年目标",
            rank=row.rank, of=row.of,
            reason=f"目标为全省的，不评；对照之：{STATE_ZH[row.state]}；在{GROUP_ZH[row.group]}中排位",
            origin=of.origin, quality=of.quality,
        )  # fmt: skip


def measured_tables(folder: Path = paths.PARAMS) -> tuple[str, ...]:
    """Return the registers that the targets of `params/policy/` are measured from, as they stand there.

    The batch redoes the assessment when one of them changes, so a target added there is known here. What
    is wrong in the file is told where parameters are read; here it names no register.
    """
    try:
        entries = read_yaml(folder / "policy" / f"{SECTION}.yaml").values()
    except ParameterError:
        entries = {}.values()
    found = [_at(_at(entry, "value"), "measure") for entry in entries]
    return tuple(sorted({COMPONENTS, *(str(_at(m, "table")) for m in found if _at(m, "table"))}))


def _at(entry: Any, key: str) -> Any:
    """Return what stands under a key; None where there is no mapping or no such key."""
    return entry.get(key) if isinstance(entry, dict) else None


TOPIC = Topic(
    id=SECTION,
    name_zh="目标跟踪",
    name_en="Targets",
    source="浙委办发〔2021〕82号 一, 二(一), 四(一), 四(二), 六(三)",
    sections={SECTION: TargetParams},
    tables=measured_tables(),
    compute=compute,
    check=check,
)
