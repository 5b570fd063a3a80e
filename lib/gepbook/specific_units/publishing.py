"""Runs the notebook of specific units and publishes their reports (单元报告)."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill

from gepbook import counties, ledger, paths, provenance, specific_units
from gepbook.accounting import standards
from gepbook.batch import kernels
from gepbook.errors import CodeError, GepbookError, StageError, near
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import resolve
from gepbook.publish import merge, render
from gepbook.publish.display import Callout, pipe_table, yi
from gepbook.run import LEDGER_FILE, PARAMS_FILE, TASK_FILE, Task, open_pack
from gepbook.specific_units.definition import Unit, read, unit_dir
from gepbook.specific_units.valuation import SECTION, SpecificUnitParams

logger = logging.getLogger(__name__)
NOTEBOOK = "specific_unit.ipynb"
#: From a unit's folder back to the site of the release.
SITE = "../../../site"


def publish_units(
    ids: Iterable[str],
    year: int,
    pack: str,
    release_dir: Path,
    renderer: str = "auto",
    formats: Iterable[str] = ("html",),
) -> list[Path]:
    """Run the notebook for some units and render their reports into `units/<id>/<year>/`.

    Everything that can be wrong is looked at before any notebook starts. A unit that fails does not
    stop the others and leaves its former result in place; its notebook is kept under `failed/units/`.

    Parameters
    ----------
    ids : iterable of str
        Folders in `params/units/`.
    year : int
    pack : str
        Folder of a data pack.
    release_dir : Path
        Folder of a release, usually below `outputs/`.
    renderer : str
        auto, quarto or builtin.
    formats : iterable of str
        Of html, pdf, docx.

    Returns
    -------
    list of Path
        The reports.

    Raises
    ------
    GepbookError
        All that is wrong with the units' files, the year, the formats; or all units that failed.
    """
    wanted, forms = list(dict.fromkeys(ids)), list(dict.fromkeys(formats))
    units = _checked(wanted, year, pack, release_dir, forms)
    chosen = render.choose(renderer)
    reports: list[Path] = []
    problems: list[str] = []
    for unit, task in units:
        try:
            reports += _publish(unit, task, chosen, forms)
        except Exception as error:  # noqa: BLE001  a failed unit must not stop the others
            kept = _keep_failed(unit, task)
            problems.append(
                f"unit {unit.id} {year}: {_told(error)} What is left of it stands in {kept}."
            )
            logger.error("%s", problems[-1])
    if problems:
        raise StageError(problems)
    return reports


def _checked(
    ids: list[str], year: int, pack: str, release_dir: Path, formats: list[str]
) -> list[tuple[Unit, Task]]:
    """Return the units with their tasks; tell all problems at once."""
    problems = [
        f"format {form!r} is unknown.{near(form, render.FORMATS)} "
        f"Known: {', '.join(render.FORMATS)}."
        for form in formats
        if form not in render.FORMATS
    ]
    opened = open_pack(pack)
    if year not in opened.years:
        raise CodeError(
            [
                *problems,
                f"{pack}: has no year {year}; it holds {', '.join(map(str, opened.years))}. "
                "Choose one of these.",
            ]
        )
    found = []
    for unit_id in ids:
        try:
            task = specific_units.task(unit_id, year, pack, release_dir, release_dir.name)
            params = resolve(task.county_code, year, task.standard)
            section = params.section(SECTION, SpecificUnitParams)
            found.append((read(unit_id, opened, section), task))
        except GepbookError as error:
            problems += error.problems
    if problems:
        raise GepbookError(problems)
    return found


def _publish(unit: Unit, task: Task, renderer: str, formats: list[str]) -> list[Path]:
    """Run and render one unit into a part folder and put it in place."""
    release_dir = Path(task.release_dir)
    final = specific_units.result_dir(release_dir, unit.id, task.year)
    began = datetime.now(UTC)
    params = resolve(task.county_code, task.year, task.standard)
    files: list[str] = []
    with provenance.replaced_folder(final) as part:
        (part / TASK_FILE).write_text(task.model_dump_json(indent=1), encoding="utf-8")
        params.write(part / PARAMS_FILE)
        kernels.execute(
            paths.NOTEBOOKS / NOTEBOOK,
            part / merge.NOTEBOOK_FILE,
            {"unit": unit.id, "year": task.year, "run_dir": str(part)},
        )
        if not (part / LEDGER_FILE).exists():
            raise StageError(f"{NOTEBOOK}: ended without writing its ledger (run.write).")
        render.provide_font(release_dir)
        report = document(unit, task, part)
        for form in formats:
            with tempfile.TemporaryDirectory(prefix=f"{unit.id}.part-") as work:
                made = render.RENDERERS[renderer].render(report.write(Path(work)), form)
                files.append(f"{unit.id}-{task.year}.{form}")
                shutil.copyfile(made, part / files[-1])
        commit, dirty = provenance.git_state()
        provenance.write_manifest(
            part,
            provenance.Manifest(
                **task.model_dump(include={"stage", "county_code", "year", "release", "standard"}),
                fingerprint="always run",
                parts=_parts(unit),
                engine="notebook",
                started=began,
                ended=datetime.now(UTC),
                git_commit=commit,
                git_dirty=dirty,
                packages=provenance.packages(),
                outputs=provenance.outputs_of(part),
            ),
        )
    shutil.rmtree(_failed_dir(unit, task), ignore_errors=True)
    return [final / name for name in files]


def _parts(unit: Unit) -> dict[str, str]:
    """Return the hash of each file of a unit's folder."""
    home = unit_dir(unit.id)
    return {
        f"unit/{path.name}": provenance.sha256_file(path)
        for path in sorted(home.iterdir())
        if path.is_file()
    }


def document(unit: Unit, task: Task, folder: Path) -> merge.Document:
    """Return the report of a unit from its executed notebook, ready to be rendered.

    Raises
    ------
    StageError
        When a cell of the notebook failed.
    """
    path = folder / merge.NOTEBOOK_FILE
    chapter = merge.chapter(nbformat.read(path, as_version=4), specific_units.STAGE, path)
    definition = unit.definition
    rows = ledger.read(folder / LEDGER_FILE)
    standard = standards.read(task.standard)
    facts = {
        "单元 Unit": f"{definition.name_zh} {definition.name_en}（{definition.id}）",
        "所在县 Counties": "、".join(
            f"{counties.name_zh(code)}（{code}）" for code in definition.county_codes
        ),
        "核算年份 Year": str(task.year),
        "核算标准 Standard": f"{standard.name_zh}（{standard.id}）",
        "发布批次 Release": task.release,
    }
    figures = {
        row.item: row
        for row in rows[
            (
                (rows["account"] == "gep") & (rows["item"] == "gep")
                | (rows["account"] == "valuation")
            )
            & (rows["measure"] == "value")
            & (rows["price_basis"] == "current")
        ].itertuples()
    }
    names = {
        "gep": "GEP 亿元/年",
        "income": "收益还原 亿元",
        "market": "市场比较 亿元",
        "cost": "成本法 亿元",
    }
    shown = [name for name in names if name in figures]
    table = pipe_table(
        [names[name] for name in shown],
        [
            [yi(float(str(figures[name].value))) for name in shown],
            [ORIGIN_ZH[figures[name].origin] for name in shown],
        ],
        shares=[10] * len(shown),
    )
    blocks = [f"::: figures\n{table}\n:::"]
    if (rows["origin"] == "illustrative").any():
        blocks.append(
            Callout(
                "warning",
                "演示结果，不是官方统计 Demonstration, not an official result",
                "范围、收入、案例或成本中有示例数据，不得用于确权、交易或授信 "
                "(boundary, incomes, comparables or costs are illustrative; no use in deals or loans)。",
            ).markdown()
        )
    lines = pipe_table(["", ""], [[k, v] for k, v in facts.items()], shares=[10, 30])
    blocks.append(f"::: facts\n{lines}\n:::")
    return merge.Document(
        metadata={
            "title": f"{definition.name_zh} {task.year} 年{chapter.title}报告",
            "subtitle": f"{definition.name_en}: {chapter.subtitle}, {task.year}",
            "lang": "zh-Hans",
            "date": datetime.now(UTC).astimezone().date().isoformat(),
            "kicker": merge.KICKER,
            "abstract-title": "主要结果 Key results",
            "site": SITE,
            "abstract": "\n\n".join(blocks) + "\n",
        },
        body=chapter.body,
        pictures=chapter.pictures,
    )


def _told(error: Exception) -> str:
    """Return in one line what an error says."""
    if isinstance(error, papermill.PapermillExecutionError):
        return f"its notebook failed with {error.ename}: {error.evalue}"
    return f"failed with {type(error).__name__}: {' '.join(str(error).split())}"


def _failed_dir(unit: Unit, task: Task) -> Path:
    """Return where the notebook of a failed unit is kept."""
    return Path(task.release_dir) / "failed" / "units" / unit.id / str(task.year)


def _keep_failed(unit: Unit, task: Task) -> Path:
    """Keep the notebook of a failed unit and take its part folder away."""
    final = specific_units.result_dir(Path(task.release_dir), unit.id, task.year)
    kept = _failed_dir(unit, task)
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for part in final.parent.glob(f"{final.name}.part-*"):
        if (part / merge.NOTEBOOK_FILE).exists():
            shutil.copy2(part / merge.NOTEBOOK_FILE, kept / merge.NOTEBOOK_FILE)
        shutil.rmtree(part, ignore_errors=True)
    return kept
