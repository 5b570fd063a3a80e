"""Industry and brands in the reports: eco-tourism, products, certification, premium (产业与品牌)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.accounting.uncertainty import INTERVAL_LEVEL
from gepbook.assessment import Assessment, brand
from gepbook.assessment.brand.rules import (
    BRANDS,
    FINDING_ZH,
    PRODUCTS,
    SECTION,
    TOURISM,
    BrandParams,
)
from gepbook.assessment.topic import FIRST, GROUP_ZH, OTHER, TopicResult
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import (
    LIGHT_ZH,
    MISSING,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    wan,
    yi,
)
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

GROUPS = {FIRST: GROUP_ZH[FIRST], OTHER: GROUP_ZH[OTHER], brand.WHOLE: "全省"}
HEIGHT = 0.32  # of a row of the figure, inches
PREMIUM_NOTE = (
    "溢价率 = exp(Σ w·ln(品牌价 ÷ 对照价)) − 1，w 为品牌销售额所占比例；同一县同一产品的各年先合并，"
    "一个产品计一次。对照为同年同类产品，取自本县未用品牌的或邻县同等级的，无对照价的不计溢价，也不记为零。"
)


def _topic(result: Assessment) -> TopicResult:
    """Return the results of the topic."""
    return result.topics[SECTION]


def _own(result: Assessment, run: Run, name: str) -> pd.Series | None:
    """Return the county's row of a table; None where it has none."""
    rows = _topic(result).rows_of(run.county_code, name)
    return None if rows.empty else rows.iloc[0]


def _origin(result: Assessment, *tables: str) -> str:
    """Return the origin of some registers in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(*tables)]


def _band(row: Any) -> str:
    """Return the interval of a premium."""
    return MISSING if pd.isna(row["low"]) else f"{percent(row['low'])} ~ {percent(row['high'])}"


def _points(value: float) -> str:
    """Return a figure that is in percent, or a dash where it is not known."""
    return MISSING if pd.isna(value) else f"{value:.1f}%"


def _years(result: Assessment, run: Run) -> str:
    """Return the years that premiums rest on."""
    rules = result.evidence.rules(SECTION, BrandParams)
    return f"截至 {run.year} 年的 {rules.premium_years} 年"


def _share(value: float) -> str:
    """Return a share as percent, or a dash where it is not known."""
    return MISSING if pd.isna(value) else percent(value)


def sentence(result: Assessment, run: Run) -> Prose:
    """Return eco-tourism, certification and premium of the county."""
    parts = []
    tourism, certified, sold = (
        _own(result, run, name) for name in ("tourism", "certification", "premiums")
    )
    if tourism is not None:
        parts.append(
            f"生态旅游增加值 **{yi(tourism['value_added_cny'])} 亿元**，相当于 GDP 的 "
            f"{_share(tourism['share_of_gdp'])}"
            + (
                ""
                if pd.isna(tourism["growth"])
                else f"，按可比价比上年变化 {percent(tourism['growth'])}"
            )
        )
    if certified is not None and pd.notna(certified["certified_percent"]):
        parts.append(f"“三品一标”认证率 {certified['certified_percent']:.1f}%")
    if sold is not None and pd.notna(sold["premium"]):
        band = "" if pd.isna(sold["low"]) else f"（{_band(sold)}）"
        parts.append(f"区域公用品牌溢价率 {percent(sold['premium'])}{band}")
    elif BRANDS not in _topic(result).lacking:
        parts.append("登记中没有可比的区域公用品牌产品")
    text = "；".join(parts)
    return Prose(
        f"{counties.name_zh(run.county_code)}：{text or MISSING} (eco-tourism, certified products, "
        f"brand premium)。{common.lacking(_topic(result).lacking)}"
    )


def industry_table(result: Assessment, run: Run) -> Table | None:
    """Return eco-tourism and farm products of the county beside its group (生态产业)."""
    tourism, certified = (_own(result, run, name) for name in ("tourism", "certification"))
    rows = []
    if tourism is not None:
        group = _topic(result).table("tourism_groups").loc[tourism["group"]]
        origin = _origin(result, TOURISM)
        place = f"{tourism['rank']} / {tourism['of']}"
        rows += [
            _line(
                "生态旅游增加值 亿元",
                yi(tourism["value_added_cny"]),
                yi(group["value_added_cny"]),
                "",
                origin,
            ),
            _line("生态旅游增加值率", *_percents(tourism, group, "value_added_rate"), "", origin),
            _line(
                "生态旅游增加值与 GDP 之比", *_percents(tourism, group, "share_of_gdp"), "", origin
            ),
            _line(
                "生态旅游增加值增长（可比价）", *_percents(tourism, group, "growth"), place, origin
            ),
        ]
    if certified is not None:
        group = _topic(result).table("certification_groups").loc[certified["group"]]
        origin = _origin(result, PRODUCTS)
        place = f"{certified['rank']} / {certified['of']}"
        shares = (_points(certified["certified_percent"]), _points(group["certified_percent"]))
        rows += [
            _line(
                "特色农产品产值 亿元",
                yi(certified["output_value_cny"]),
                yi(group["output_value_cny"]),
                "",
                origin,
            ),
            _line(
                "特色农产品增加值 亿元",
                yi(certified["value_added_cny"]),
                yi(group["value_added_cny"]),
                "",
                origin,
            ),
            _line(
                "特色农产品产值增长（可比价）", *_percents(certified, group, "growth"), "", origin
            ),
            _line("“三品一标”认证率", shares[0], shares[1], place, origin),
        ]
    if not rows:
        return None
    rules = result.evidence.rules(SECTION, BrandParams)
    return Table(
        pd.DataFrame(rows),
        "生态旅游与特色农产品 Eco-tourism and characteristic products",
        note="县组的金额为组内各县之和。农产品增加值 = 产值 × 增加值率 "
        f"{percent(rules.value_added_rate)}；认证率按产值加权，没有认证数的产品不计。价格指数与增加值率为本工具所取，见规则表。",
    )


def _line(title: str, own: str, group: str, place: str, origin: str) -> dict[str, str]:
    """Return a row of the table of industry."""
    return {
        "指标": title,
        "本县": own,
        "所在组": group,
        "组内位次": place or MISSING,
        "性质": origin,
    }


def _percents(own: pd.Series, group: pd.Series, column: str) -> tuple[str, str]:
    """Return a share of the county and of its group."""
    return _share(own[column]), _share(group[column])


def product_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's products with output, growth and certification (特色农产品)."""
    own = _topic(result).rows_of(run.county_code, "products")
    if own.empty:
        return None
    own = own.sort_values("output_value_cny", ascending=False)
    frame = pd.DataFrame(
        {
            "产品": own["product"],
            "产量 t": own["quantity_t"],
            "产值 万元": own["output_value_cny"],
            "增加值 万元": own["value_added_cny"],
            "产值增长（可比价）": own["growth"],
            "认证率 %": own["certified_percent"],
            "性质": _origin(result, PRODUCTS),
        }
    )
    return Table(
        frame,
        "特色农产品 Characteristic products",
        {
            "产量 t": significant, "产值 万元": wan, "增加值 万元": wan,
            "产值增长（可比价）": percent, "认证率 %": "{:.1f}".format,
        },
        note="没有上年产值的不计增长；没有认证数的显示为“—”，不计为零。",
    )  # fmt: skip


def brand_table(result: Assessment, run: Run) -> Table | None:
    """Return the prices of the county's branded products beside their controls (品牌产品)."""
    own = _topic(result).rows_of(run.county_code, "brand_lines")
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "品牌": own["brand"],
            "产品": own["product"],
            "销量 t": own["branded_quantity_t"],
            "品牌价 元/吨": own["branded_price_cny_t"],
            "对照价 元/吨": own["control_price_cny_t"],
            "对照的选取": own["control"].where(~own["unmatched"], "无对照，不计溢价"),
            "溢价增收 万元": own["extra_cny"],
            "性质": _origin(result, BRANDS),
        }
    )
    premium = _own(result, run, "premiums")
    said = ""
    if premium is not None and pd.notna(premium["premium"]):
        said = (
            f"本县溢价率 {percent(premium['premium'])}（{_years(result, run)}，"
            f"{premium['products']:.0f} 个产品，区间 {_band(premium)}）："
            f"{FINDING_ZH[premium['finding']]}。"
        )
    return Table(
        frame,
        "区域公用品牌产品 Products under regional brands",
        {
            "销量 t": significant, "品牌价 元/吨": "{:,.0f}".format, "对照价 元/吨": "{:,.0f}".format,
            "溢价增收 万元": wan,
        },
        note=f"{said}{PREMIUM_NOTE}溢价增收 = 销量 ×（品牌价 − 对照价）。",
    )  # fmt: skip


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return eco-tourism, certification and premiums of the province."""
    topic, parts = _topic(result), []
    if len(topic.table("tourism_groups")):
        row = topic.table("tourism_groups").loc[brand.WHOLE]
        parts.append(
            f"生态旅游{_reporting(row)}，不计全省"
            if pd.isna(row["value_added_cny"])
            else f"生态旅游增加值 **{yi(row['value_added_cny'])} 亿元**，可比增长 "
            f"{_share(row['growth'])}（{_reporting(row)}）"
        )
    if len(topic.table("certification_groups")):
        row = topic.table("certification_groups").loc[brand.WHOLE]
        parts.append(
            f"农产品{_reporting(row)}，不计全省"
            if pd.isna(row["output_value_cny"])
            else f"“三品一标”认证率 {_points(row['certified_percent'])}（{_reporting(row)}）"
        )
    if len(topic.table("premium_groups")):
        row = topic.table("premium_groups").loc[brand.WHOLE]
        parts.append(
            f"区域公用品牌 {len(topic.table('brands'))} 个，溢价率 {_share(row['premium'])}"
            f"（{_band(row)}），溢价增收 "
            f"{MISSING if pd.isna(row['extra_cny']) else yi(row['extra_cny'])} 亿元，"
            f"{row['unmatched']:.0f} 个产品无对照价、未计溢价"
        )
    text = "；".join(parts)
    return Prose(
        f"{text or MISSING} (eco-tourism, certified products, premium of regional brands)。"
        f"{common.lacking(_topic(result).lacking)}"
    )


def _reporting(row: Any) -> str:
    """Return how many of the province's counties have figures."""
    return f"有数 {row['counties']:.0f} / {len(counties.read())} 县"


def _reporting_of(title: str, groups: pd.DataFrame) -> str:
    """Return how many counties of the province have figures of a table of groups."""
    return f"{title}{_reporting(groups.loc[brand.WHOLE])}，" if len(groups) else ""


def province_brand_table(result: Assessment, run: Run) -> Table | None:
    """Return every brand with its premium and what it brought (品牌溢价表)."""
    brands = _topic(result).table("brands")
    if brands.empty:
        return None
    rules = result.evidence.rules(SECTION, BrandParams)
    brands = brands.sort_values("premium", ascending=False)
    frame = pd.DataFrame(
        {
            "品牌": brands.index,
            "县 / 产品": [f"{r.counties:.0f} / {r.lines:.0f}" for r in brands.itertuples()],
            "其中无对照": brands["unmatched"].to_numpy(),
            "品牌销售额 亿元": brands["sales_cny"].to_numpy(),
            "溢价率": brands["premium"].to_numpy(),
            "区间": [_band(row) for _, row in brands.iterrows()],
            "溢价增收 万元": brands["extra_cny"].to_numpy(),
            "灯": [
                LIGHT_ZH[rules.lights[finding] if pd.notna(finding) else "none"]
                for finding in brands["finding"]
            ],
        }
    )
    return Table(
        frame,
        "区域公用品牌溢价 Premium of regional brands",
        {
            "其中无对照": "{:.0f}".format,
            "品牌销售额 亿元": yi,
            "溢价率": percent,
            "溢价增收 万元": wan,
        },
        note=f"溢价率按{_years(result, run)}合并，{INTERVAL_LEVEL:.0%} 区间；"
        f"其余为 {run.year} 年。{PREMIUM_NOTE}灯（本工具建议值）：{_lights(rules)}。"
        f"性质：{_origin(result, BRANDS)}。",
    )


def _lights(rules: BrandParams) -> str:
    """Return which findings have which light."""
    return "；".join(
        f"{FINDING_ZH[finding]}的为“{LIGHT_ZH[light]}”" for finding, light in rules.lights.items()
    )


def province_brand_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the premium of every brand with its interval (品牌溢价图)."""
    brands = _topic(result).table("brands").reindex(columns=["premium", "low", "high"])
    brands = brands.dropna(subset=["premium"])
    if brands.empty:
        return None
    brands = brands.sort_values("premium")
    figure, axes = new_figure(6.4, 1.0 + HEIGHT * len(brands))
    places = range(len(brands))
    known = brands["low"].notna().to_numpy()
    mid = 100 * brands["premium"].to_numpy()
    axes.hlines(
        [p for p, k in zip(places, known, strict=True) if k],
        100 * brands["low"].to_numpy()[known], 100 * brands["high"].to_numpy()[known],
        color=QUIET, linewidth=1.5,
    )  # fmt: skip
    axes.scatter(mid, places, s=26, color=ACCENT, zorder=3)
    axes.set_yticks(places, brands.index)
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_xlabel("溢价率，%（横线为区间；无横线的产品太少或销售太集中）")
    return Picture(figure, alt="区域公用品牌溢价率 Premium of regional brands")


def province_group_table(result: Assessment, run: Run) -> Table | None:
    """Return tourism, certification and premium by group and of the province (分组情况)."""
    topic = _topic(result)
    tourism, certified, premium = (
        topic.table(name) for name in ("tourism_groups", "certification_groups", "premium_groups")
    )
    held = {group for table in (tourism, certified, premium) for group in table.index}
    groups = [group for group in GROUPS if group in held]
    if not groups:
        return None
    columns = {
        "生态旅游增加值 亿元": (tourism, "value_added_cny"),
        "占 GDP": (tourism, "share_of_gdp"),
        "旅游可比增长": (tourism, "growth"),
        "认证率 %": (certified, "certified_percent"),
        "离目标 百分点": (certified, "gap_percent"),
        "品牌溢价率": (premium, "premium"),
        "溢价增收 亿元": (premium, "extra_cny"),
    }
    frame = pd.DataFrame(
        {
            "县组": [GROUPS[group] for group in groups],
            **{
                title: table[column].reindex(groups).to_numpy()
                for title, (table, column) in columns.items()
                if column in table
            },
        }
    )
    return Table(
        frame,
        "产业与品牌分组 Industry and brands by group",
        {
            "生态旅游增加值 亿元": yi, "占 GDP": percent, "旅游可比增长": percent,
            "认证率 %": "{:.1f}".format, "离目标 百分点": "{:.1f}".format, "品牌溢价率": percent,
            "溢价增收 亿元": yi,
        },
        note=f"{_reporting_of('生态旅游', tourism)}{_reporting_of('农产品', certified)}县数不足的"
        f"不计全省。离目标为目标减认证率，负为已超过。性质：生态旅游{_origin(result, TOURISM)}、农产品"
        f"{_origin(result, PRODUCTS)}、品牌{_origin(result, BRANDS)}。",
    )  # fmt: skip
