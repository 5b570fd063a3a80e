"""Writing guesses down (写出): the declaration as YAML with remarks, and its README."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gepbook import counties, paths
from gepbook.inputs.own_data import declaration, templates
from gepbook.inputs.own_data.guessing.guesses import Found
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.pack import LAND_COVER, Pack


def declaration_text(existing: Path, found: Sequence[Found], problems: Sequence[Problem]) -> str:
    """Return the declaration with its remarks."""
    value = templates.value
    covers = {y for f in found if f.file.layer == LAND_COVER for y in f.years}
    seen = {y for f in found for y in f.years}
    codes = {code for f in found for code in f.counties} & set(counties.read().index)
    of_what = "有土地覆被的年份" if covers else "各文件的年份"
    years = f"猜测: {of_what}; 全部年份 {value(sorted(seen))}" if seen else "请填写核算年份"
    cell = _grid_cell(found)
    files = "".join(templates.rendered(f.file, *f.remarks) for f in found)
    notes = "".join(f"# {templates.one_line(str(problem))}\n" for problem in problems)
    return (
        f"{templates.YAML_HEAD}# 本文件由 init-pack --from 猜测而成, 请逐条核对 “猜测” 各行后再用。\n"
        f"originals: {value(existing.resolve().as_posix())}  # 原始文件所在文件夹, 只读不写\n"
        f"name: {value(_slug(existing.name))}\n"
        f"title: {value(existing.resolve().name or existing.name)}\n"
        f"years: {value(sorted(covers or seen))}  # {years}\n"
        f"counties: {value(sorted(codes))}  # 猜测: 表格与界线中出现的县; 空 [] 为全省\n"
        "licenses: [{name: unspecified}]  # 使用许可\n"
        f"grid:\n  crs: ''  # 空为开放数据包的坐标系\n"
        f"  cell_m: {cell}  # 猜测: 土地覆被或最细栅格的像元, 米\n"
        f"files:{'' if files else ' []  # 没有识别出任何文件'}\n{files}"
        f"{'# 未能识别的文件:' if notes else ''}\n{notes}"
    )


def _grid_cell(found: Sequence[Found]) -> float:
    """Return the cell of the land cover, of the finest raster, or else of the open pack; m."""
    sizes = [(f.file.layer != LAND_COVER, f.cell_m) for f in found if f.cell_m > 0]
    cell = min(sizes)[1] if sizes else float(Pack.open(paths.OPEN_PACK).grid.transform.a)
    return float(max(round(cell), 1))


def _slug(name: str) -> str:
    """Return a pack's name from a folder's."""
    return re.sub(r"[^a-z0-9_-]+", "_", name.casefold()).strip("_-") or "own_data"


def readme(existing: Path) -> str:
    """Return what to do with a guessed declaration."""
    return f"""\
# 数据包声明 (初稿)

`{declaration.FILE_NAME}` 由 `init-pack --from` 根据下面文件夹中的文件名、表头、单位和数值猜测而成:
`{existing}`。
原始文件没有复制, 也没有改动; 声明中的 `originals` 指向它们, `path` 相对于该文件夹。

1. 逐条核对以 “猜测” 开头的注释, 尤其是单位、年份和土地覆被分类; 补上 “未找到” 与 “请填写” 的内容。
2. 文件末尾列出未能识别的文件; 需要的, 照其他条目补写。
3. 县里尚无的表格, 用 `python run_all.py init-pack 新文件夹` 生成模板填报。

```
python run_all.py check-pack 本文件夹    # 一次列出所有文件的所有问题
python run_all.py build-pack 本文件夹    # 转换为数据包 本文件夹/pack
```
"""
