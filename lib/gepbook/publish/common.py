"""What every chapter shows: the notice of illustrative data, the table of parameters (公共部分)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.patches import Patch

from gepbook import ecosystems
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH, ParameterSet
from gepbook.publish.display import Callout, Table
from gepbook.publish.fonts import CATEGORY_COLORS
from gepbook.run import Run

GROUP_ZH = {
    **dict(zip(ecosystems.read()["group"], ecosystems.read()["group_zh"], strict=True)),
    "sea": "海域",
}
#: Inputs that the notice names; the table of inputs names all.
NAMED = 12
KIND_ZH = {"raster": "栅格", "vector": "矢量", "table": "表"}


def notice(ledger: pd.DataFrame, run: Run) -> Callout:
    """Return the box that says how many figures rest on illustrative inputs, and on which."""
    counts = ledger["origin"].value_counts().reindex(list(ORIGIN_ZH), fill_value=0)
    layers = sorted({r.title for r in run.pack.package.resources if r.origin == "illustrative"})
    shown = "、".join(f"{ORIGIN_ZH[o]} {n}" for o, n in counts.items())
    if counts["illustrative"] == 0:
        return Callout("sound", "数据来源 Data origin", f"本章 {len(ledger)} 个数：{shown}。")
    return Callout(
        "warning",
        "演示结果，不是官方统计 Demonstration, not an official result",
        f"本章 {len(ledger)} 个数：{shown}。标注“示例”的数依据示例数据 "
        f"(figures marked 示例 rest on illustrative inputs)：{'、'.join(layers[:NAMED])}"
        + (f" 等 {len(layers)} 项，见输入数据表。" if len(layers) > NAMED else "。"),
    )


def lacking(names: Iterable[str], then: str = "") -> str:
    """Return which tables the pack does not bring, and what follows, as a sentence; empty if none."""
    titles = "、".join(dictionary.tables()[name].title for name in names)
    return f"数据包缺少{titles}{then}。" if titles else ""


def inputs_table(run: Run) -> Table:
    """Return the inputs of the pack with origin, resolution and source (输入数据表)."""
    rows = [
        {
            "输入": r.title,
            "层 layer": r.layer,
            "类型": KIND_ZH[r.kind],
            "单位": r.unit,
            "性质": ORIGIN_ZH[r.origin],
            "分辨率": r.resolution,
            "来源": "; ".join(f"{s.title} {s.version}".strip() for s in r.sources),
            "sha256": r.hash.removeprefix("sha256:")[:8],
        }
        for r in run.pack.package.resources
        if r.year in (None, run.year)
    ]
    note = (
        f"数据包 {run.pack.name} {run.pack.package.version}；各文件完整校验值见 datapackage.json。"
    )
    return Table(pd.DataFrame(rows), "输入数据 Inputs", note=note)


def parameter_table(params: ParameterSet, *sections: str, caption: str) -> Table:
    """Return the parameters of some sections with source, confidence and layer (参数表)."""
    rows = [
        {
            "参数": key,
            "值": shown_value(p.value),
            "单位": p.unit,
            "可信度": CONFIDENCE_ZH[p.confidence],
            "来源": p.source,
            "设定层": p.layer,
        }
        for key, p in params.under(*sections).items()
    ]
    return Table(pd.DataFrame(rows), caption)


def shown_value(value: object) -> str:
    """Return a parameter's value as short text; tables show their range."""
    if isinstance(value, dict):
        numbers = [v for v in value.values() if isinstance(v, int | float)]
        if numbers:
            return f"{min(numbers):g} … {max(numbers):g} ({len(value)} 项)"
        return f"{len(value)} 项"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "、".join(value)
    return json.dumps(value, ensure_ascii=False).strip('"')


def in_category_order(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows with a column 类别 as a frame in the order of the categories."""
    order = {zh: i for i, zh in enumerate(CATEGORY_ZH.values())}
    return pd.DataFrame(rows).sort_values("类别", key=lambda c: c.map(order), kind="stable")


def category_legend(axes: Any) -> None:
    """Add the legend of the three categories to a bar chart."""
    handles = [Patch(color=CATEGORY_COLORS[c], label=zh) for c, zh in CATEGORY_ZH.items()]
    axes.legend(handles=handles, loc="lower right", fontsize=8)
