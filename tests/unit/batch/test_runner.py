"""One job: its result appears whole, its failure keeps what was there."""

import json
import os

import nbformat
import pytest

from gepbook import params, provenance
from gepbook.batch.runner import ERROR_FILE, NOTEBOOK_FILE, Job, failed_dir, run_job
from gepbook.run import Task
from gepbook.stages import Stage

OK = """
from pathlib import Path
from gepbook import ledger
ledger.write(ledger.empty(), Path(run_dir) / "ledger.parquet")
"""


class TinyStage(Stage):
    """A stage whose notebook stands in a temporary folder."""

    @property
    def notebook(self):
        return self.__dict__["path"]


def stage(folder, name, code):
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    )
    head = nbformat.v4.new_code_cell(
        'county_code: str = "330102"\nyear: int = 2023\nrun_dir: str = ""'
    )
    head.metadata["tags"] = ["parameters"]
    notebook.cells = [head, nbformat.v4.new_code_cell(code)]
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    made = TinyStage(name, name, "county")
    made.__dict__["path"] = path
    return {name: made}


@pytest.fixture
def job(tmp_path):
    task = Task(
        stage="tiny",
        county_code="330102",
        year=2023,
        release="r",
        standard="db33-2020",
        pack="none",
        release_dir=str(tmp_path / "发布 r"),
    )
    found = params.ParameterSet(county_code="330102", year=2023, standard="s", entries={})
    return Job(task=task, params=found, parts={"notebook": "1"})


def test_ok_writes_manifest_last_and_is_current(tmp_path, job):
    record = run_job(job, stage(tmp_path, "tiny", OK))
    assert (record.status, record.message) == ("ok", "")
    folder = job.task.final_dir
    manifest = provenance.read_manifest(folder)
    assert manifest.fingerprint == job.fingerprint
    assert set(manifest.outputs) == {
        "ledger.parquet", "notebook.ipynb", "params.json", "task.json"
    }  # fmt: skip
    assert job.is_current()
    assert not list(folder.parent.glob("*.part-*"))
    changed = Job(task=job.task, params=job.params, parts={"notebook": "2"})
    assert not changed.is_current()


def test_a_changed_byte_is_noticed(tmp_path, job):
    run_job(job, stage(tmp_path, "tiny", OK))
    with (job.task.final_dir / "task.json").open("a", encoding="utf-8") as stream:
        stream.write(" ")
    assert not job.is_current()


def test_failure_keeps_the_former_result_and_the_failed_notebook(tmp_path, job):
    run_job(job, stage(tmp_path, "tiny", OK))
    before = provenance.outputs_of(job.task.final_dir)
    record = run_job(job, stage(tmp_path, "tiny", 'raise ValueError("no rain in 上城区")'))
    assert (record.status, record.error_class) == ("failed", "ValueError")
    assert record.message == "no rain in 上城区"
    assert provenance.outputs_of(job.task.final_dir) == before
    kept = failed_dir(job.task)
    assert "no rain in 上城区" in (kept / NOTEBOOK_FILE).read_text(encoding="utf-8")
    assert not list(job.task.final_dir.parent.glob("*.part-*"))
    assert run_job(job, stage(tmp_path, "tiny", OK)).status == "ok"
    assert not kept.exists()


def test_a_notebook_without_ledger_fails(tmp_path, job):
    record = run_job(job, stage(tmp_path, "tiny", "1 + 1"))
    assert record.status == "failed"
    assert "without writing its ledger" in record.message


def test_a_kernel_that_dies_fails_its_county_only(tmp_path, job):
    record = run_job(job, stage(tmp_path, "tiny", "import os\nos._exit(3)"))
    assert record.status == "failed"
    assert (failed_dir(job.task) / ERROR_FILE).exists()


def test_a_missing_province_is_refused_not_failed(tmp_path, job):
    code = (
        "from gepbook.errors import CoverageError\n"
        'raise CoverageError("province 2023: 1 of 90 counties have no account")'
    )
    assert run_job(job, stage(tmp_path, "tiny", code)).status == "refused"


def test_ledger_only_job_is_content_with_a_notebooks_result(tmp_path, job):
    full = Job(task=job.task, params=job.params, parts={"inputs": "a", "notebook": "b"})
    run_job(full, stage(tmp_path, "tiny", OK))
    assert Job(job.task, job.params, {"inputs": "a"}, engine="library").is_current()
    assert not Job(job.task, job.params, {"inputs": "x"}, engine="library").is_current()


def test_interrupted_swap_is_undone(tmp_path):
    final = tmp_path / "accounting"
    former = tmp_path / f"accounting.old-{os.getpid()}"
    former.mkdir()
    (former / "manifest.json").write_text(json.dumps({}), encoding="utf-8")
    (tmp_path / "accounting.part-1").mkdir()
    provenance.recover(tmp_path)
    assert (final / "manifest.json").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["accounting"]
