"""A small release made of executed notebooks, without a kernel; and what tests ask of its pages."""

import base64
import io
import re

import nbformat
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gepbook import counties, ledger
from gepbook.publish.display import Callout, Table
from gepbook.run import LEDGER_FILE, stage_dir

YEAR = 2023
#: What a page that works without a network must not hold.
OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//|url\(["']?(?:https?:)?//|@import""")
GEP = {"331181": 1.5e9, "330127": 2.5e9}


def png():
    figure = Figure(figsize=(4, 2), dpi=150)
    figure.subplots().plot(np.arange(3))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def display(data):
    return nbformat.v4.new_output("display_data", data=data)


def code(source, *outputs, tags=()):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    return cell


def notebook(title, county_code, *cells):
    parameters = {"year": YEAR, "run_dir": "/secret/run"}
    if county_code:
        parameters["county_code"] = county_code
    head = nbformat.v4.new_raw_cell(f'---\ntitle: {title}\nsubtitle: "English: {title}"\n---')
    made = nbformat.v4.new_notebook(metadata={"papermill": {"parameters": parameters}})
    made.cells = [
        head,
        code("hidden_default = 1", tags=["parameters"]),
        code('run_dir = "/secret/run"', tags=["injected-parameters"]),
        code(
            "import hidden_import", display({"text/plain": "hidden output"}), tags=["remove-cell"]
        ),
        *cells,
    ]
    return made


def chapter(stage, county_code):
    name = counties.name_zh(county_code) if county_code else "浙江省"
    value = GEP.get(county_code, sum(GEP.values()))
    table = Table(
        pd.DataFrame({"指标": ["GEP", "无"], "数值": [value, np.nan], "性质": ["模型", "示例"]}),
        f"{name} 结果 Results",
        {"数值": "{:,.0f}".format},
    )
    level = "#" if county_code is None else "##"
    return notebook(
        f"{stage} 篇",
        county_code,
        nbformat.v4.new_markdown_cell(f"{level} 总表 Summary\n\n公式 $s_i = \\sum_f w_f$。"),
        code("show.headline()", display({"text/markdown": f"**{name}** 的结果。"})),
        code(
            "show.notice()",
            display(Callout("warning", "演示 Demo", "示例数据")._repr_mimebundle_()),
        ),
        code("show.table()", display(table._repr_mimebundle_())),
        code(
            "#| label: fig-a\n#| fig-cap: 构成 Composition\nshow.figure()",
            display({"image/png": png(), "text/plain": "<Picture>"}),
        ),
    )


def rows(county_code):
    value = GEP.get(county_code, sum(GEP.values()))
    common = {"origin": "illustrative", "method_id": "test"}
    money = {**common, "price_basis": "current", "price_year": YEAR}
    items = ("gep", "provisioning", "regulating", "cultural")
    found = [ledger.entry("gep", item, "value", value, "CNY", **money) for item in items]
    if county_code:
        found.append(ledger.entry("statistics", "land_area", "value", 1000.0, "km2", **common))
        found.append(ledger.entry("statistics", "gdp", "value", 3e9, "CNY", **money))
    return ledger.build(found, release="r", year=YEAR, county_code=county_code or ledger.PROVINCE)


def put(release_dir, stage, county_code, made=None):
    folder = stage_dir(release_dir, stage, county_code, YEAR)
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(made or chapter(stage, county_code), folder / "notebook.ipynb")
    if stage in ("accounting", "bulletin"):
        ledger.write(rows(county_code), folder / LEDGER_FILE)
    return folder
