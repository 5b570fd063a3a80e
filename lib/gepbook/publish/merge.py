"""One report from executed notebooks, as Pandoc Markdown that every renderer reads (合并报告).

What a reader sees of a notebook is its Markdown cells and the Markdown or picture of each output; code,
parameters and cells tagged `remove-cell` stay behind. Quarto and the built-in renderer both start from
the same text, so neither has to choose between the representations of an output.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import yaml

from gepbook import counties, ledger, provenance
from gepbook.accounting import standards
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.errors import StageError
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import DPI, Callout, pipe_table, yi
from gepbook.run import LEDGER_FILE, stage_dir
from gepbook.stages import STAGES

NOTEBOOK_FILE = "notebook.ipynb"
SOURCE_FILE = "report.qmd"
HIDDEN = {"parameters", "injected-parameters", "remove-cell"}
#: Cells that a county's report shows before its chapters.
FRONT = "front"
FRONT_TITLE = "成绩单 Scorecard"
TEXT_WIDTH_IN = 6.8
#: The stages that a county's report shows, in order.
CHAPTERS = tuple(name for name, stage in STAGES.items() if stage.scope == "county")
KICKER = "生态产品价值实现 · 浙江省"


@dataclass(frozen=True)
class Document:
    """A report before rendering: metadata for the cover, Markdown, pictures by file name."""

    metadata: Mapping[str, Any]
    body: str
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report as Markdown with its metadata."""
        head = yaml.safe_dump(dict(self.metadata), allow_unicode=True, sort_keys=False)
        return f"---\n{head}---\n\n{self.body}\n"

    def write(self, folder: Path) -> Path:
        """Write the report and its pictures; return the Markdown file."""
        for name, content in self.pictures.items():
            (folder / name).write_bytes(content)
        source = folder / SOURCE_FILE
        source.write_text(self.text(), encoding="utf-8")
        return source

    def fingerprint(self) -> str:
        """Return the hash of all that the report shows."""
        shown = {name: provenance.sha256_bytes(c) for name, c in self.pictures.items()}
        return provenance.sha256_json([self.text(), shown])


@dataclass(frozen=True)
class Chapter:
    """What a reader sees of one notebook; `front` stands before all chapters."""

    title: str
    subtitle: str
    front: str
    body: str
    pictures: Mapping[str, bytes]


def county_report(
    release_dir: Path, county_code: str, year: int, chapters: Iterable[str] = CHAPTERS
) -> Document:
    """Return the report of a county: its scorecard, then the chapters in order (县级报告).

    Raises
    ------
    StageError
        When a notebook is missing, failed, or belongs to another county or year.
    """
    names = list(chapters)
    folders = [stage_dir(release_dir, name, county_code, year) for name in names]
    expected: dict[str, str | int] = {"county_code": county_code, "year": year}
    parts = _chapters(names, folders, expected)
    county = counties.read().loc[county_code]
    title = f"{county['name_zh']} {year} 年生态产品价值核算报告"
    document = Document(
        metadata=_metadata(
            title=title,
            subtitle=f"{county['name_en']}: account of ecosystem products, {year}",
            area=f"{county['name_zh']} {county['name_en']}（{county_code}，{county['prefecture']}）",
            year=year,
            folders=folders,
            site="..",
        ),
        body="\n\n".join(
            [f"# {FRONT_TITLE}\n\n{c.front}" for c in parts if c.front]
            + [f"# {c.title} {c.subtitle}\n\n{c.body}" for c in parts]
        ),
        pictures={name: content for c in parts for name, content in c.pictures.items()},
    )
    if county["name_zh"] not in document.body:
        raise StageError(
            f"report {county_code} {year}: {county['name_zh']} is not named in it. Run its notebooks "
            f"again: python run_all.py --counties {county_code} --years {year} --force"
        )
    return document


def bulletin_report(release_dir: Path, year: int) -> Document:
    """Return the bulletin of the province (公报).

    Raises
    ------
    StageError
        When its notebook is missing, failed, or belongs to another year.
    """
    folder = stage_dir(release_dir, "bulletin", None, year)
    (chapter,) = _chapters(["bulletin"], [folder], {"year": year})
    return Document(
        metadata=_metadata(
            title=f"{chapter.title}（{year} 年）",
            subtitle=f"{chapter.subtitle}, {year}",
            area="浙江省 Zhejiang（330000）",
            year=year,
            folders=[folder],
            site=".",
        ),
        body=chapter.body,
        pictures=chapter.pictures,
    )


def _chapters(
    names: Iterable[str], folders: Iterable[Path], expected: Mapping[str, str | int]
) -> list[Chapter]:
    """Return the chapters of some stages; all that is wrong with them is told at once."""
    problems: list[str] = []
    chapters: list[Chapter] = []
    for name, folder in zip(names, folders, strict=True):
        path = folder / NOTEBOOK_FILE
        try:
            if not path.exists():
                raise StageError(f"{path}: there is no executed notebook of {name}.")
            notebook = nbformat.read(path, as_version=4)
            _check_task(notebook, path, expected)
            chapters.append(chapter(notebook, name, path))
        except StageError as error:
            problems += error.problems
    if problems:
        code = expected.get("county_code")
        chosen = f"--counties {code} " if code else ""
        problems[-1] += (
            f" Run it again: python run_all.py {chosen}--years {expected['year']} --force"
        )
        raise StageError(problems)
    return chapters


def _check_task(
    notebook: nbformat.NotebookNode, path: Path, expected: Mapping[str, str | int]
) -> None:
    """Refuse a notebook that was run for another county or year than its folder says."""
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    for key, value in expected.items():
        if given.get(key) != value:
            raise StageError(
                f"{path}: was run with {key} = {given.get(key)!r}, expected {value!r}."
            )


def chapter(notebook: nbformat.NotebookNode, name: str, path: Path) -> Chapter:
    """Return what a reader sees of an executed notebook.

    Parameters
    ----------
    notebook : NotebookNode
    name : str
        Prefix of its pictures' file names.
    path : Path
        Named in errors.

    Raises
    ------
    StageError
        When a cell of it failed.
    """
    about: dict[str, Any] = {}
    body: list[str] = []
    front: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if HIDDEN & tags:
            continue
        parts = front if FRONT in tags else body
        if not about and cell.cell_type != "code" and cell.source.startswith("---\n"):
            about = _front_matter(cell.source, path)
        elif cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            options = cell_options(cell.source)
            for output in cell.outputs:
                if output.output_type == "error":
                    raise StageError(f"{path}: a cell failed with {output.ename}: {output.evalue}.")
                data = output.get("data", {})
                if "text/markdown" in data:
                    parts.append(data["text/markdown"])
                elif "image/png" in data:
                    file = f"{name}-{len(pictures) + 1}.png"
                    pictures[file] = base64.b64decode(data["image/png"])
                    parts.append(_picture(file, pictures[file], options))
                elif "text/plain" in data:
                    parts.append(f"```\n{data['text/plain']}\n```")
    return Chapter(
        title=str(about.get("title", name)),
        subtitle=str(about.get("subtitle", "")),
        front="\n\n".join(front),
        body="\n\n".join(body),
        pictures=pictures,
    )


def _front_matter(source: str, path: Path) -> dict[str, Any]:
    """Return the title and subtitle that a notebook starts with."""
    try:
        return yaml.safe_load(source.strip().strip("-"))
    except yaml.YAMLError as error:
        raise StageError(
            f"{path}: its first cell is no YAML: {str(error).splitlines()[0]}. "
            "Put titles that hold a colon in quotes."
        ) from error


def cell_options(source: str) -> dict[str, Any]:
    """Return the options of a cell, written Quarto's way in lines starting with `#|`."""
    lines = [line[2:].strip() for line in source.splitlines() if line.startswith("#|")]
    return yaml.safe_load("\n".join(lines)) or {}


def _picture(file: str, content: bytes, options: Mapping[str, Any]) -> str:
    """Return a picture with its caption, at its own size or the width of the text."""
    pixels = int.from_bytes(content[16:20])  # width in the header of a PNG
    share = min(100, round(100 * pixels / DPI / TEXT_WIDTH_IN))
    caption = str(options.get("fig-cap", ""))
    alt = str(options.get("fig-alt", caption)).replace('"', "'")
    return f'![{caption}]({file}){{width={share}% alt="{alt}" fig-alt="{alt}"}}'


def _metadata(
    *, title: str, subtitle: str, area: str, year: int, folders: list[Path], site: str
) -> dict[str, Any]:
    """Return the metadata: title, cover, link to the index."""
    manifests = [m for m in map(provenance.read_manifest, folders) if m is not None]
    facts = {"核算地区 Area": area, "核算年份 Year": str(year)}
    date = ""
    if manifests:
        newest = max(manifests, key=lambda m: m.ended)
        date = newest.ended.astimezone().date().isoformat()
        standard = standards.read(newest.standard)
        facts |= {
            "核算标准 Standard": f"{standard.name_zh}（{newest.standard}）",
            "发布批次 Release": newest.release,
            "结果日期 Computed on": date,
            "软件 Software": f"gepbook {newest.packages.get('gepbook', '')}，版本 {_version(newest)}",
        }
    rows = pd.concat(
        [ledger.read(f / LEDGER_FILE) for f in folders if (f / LEDGER_FILE).exists()]
        or [ledger.empty()]
    )
    return {
        "title": title,
        "subtitle": subtitle,
        "lang": "zh-Hans",
        "date": date,
        "kicker": KICKER,
        "abstract-title": "主要结果 Key results",
        "site": site,
        "abstract": "\n\n".join([_key_figures(rows), _warning(rows), _facts(facts)]) + "\n",
    }


def _version(manifest: provenance.Manifest) -> str:
    """Return the commit that computed a result, and whether files differed from it."""
    return (manifest.git_commit[:8] or "—") + ("（有未提交修改）" if manifest.git_dirty else "")


def _key_figures(rows: pd.DataFrame) -> str:
    """Return GEP and its categories for the cover, each with its origin."""
    gep = rows[
        (rows["account"] == "gep")
        & (rows["measure"] == "value")
        & (rows["price_basis"] == "current")
    ].set_index("item")
    if gep.empty:
        return ""
    names = {"gep": "GEP", **CATEGORY_ZH}
    shown = [name for name in names if name in gep.index]
    table = pipe_table(
        [f"{names[name]} 亿元" for name in shown],
        [
            [yi(gep.loc[name, "value"]) for name in shown],
            [ORIGIN_ZH[gep.loc[name, "origin"]] for name in shown],
        ],
        shares=[10] * len(shown),
    )
    return f"::: figures\n{table}\n:::"


def _facts(facts: Mapping[str, str]) -> str:
    """Return the facts of the cover."""
    table = pipe_table(["", ""], [[name, value] for name, value in facts.items()], shares=[10, 30])
    return f"::: facts\n{table}\n:::"


def _warning(rows: pd.DataFrame) -> str:
    """Return the box that says that figures rest on illustrative data; empty where none does."""
    counts = rows["origin"].value_counts().reindex(list(ORIGIN_ZH), fill_value=0)
    if not counts["illustrative"]:
        return ""
    return Callout(
        "warning",
        "演示结果，不是官方统计 Demonstration, not an official result",
        f"本报告依据 {len(rows)} 个数："
        + "、".join(f"{ORIGIN_ZH[o]} {n}" for o, n in counts.items())
        + "。标注“示例”的数依据示例数据，不得引用为当地实际 "
        "(figures marked 示例 rest on illustrative inputs and say nothing about the real place)。",
    ).markdown()
