"""Notebooks stay thin: the library computes, they show."""

import ast

import nbformat
import papermill
import pytest

from gepbook.stages import STAGES

NAMES = {"county": {"county_code", "year", "run_dir"}, "province": {"year", "run_dir"}}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_notebook_keeps_its_shape(stage):
    notebook = nbformat.read(stage.notebook, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [c for c in notebook.cells if c.cell_type == "code"]
    tagged = [c for c in code if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    found = papermill.inspect_notebook(str(stage.notebook))
    assert set(found) == NAMES[stage.scope]
    for cell in code:
        assert cell.outputs == []
        assert cell.execution_count is None
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 8
        assert "chdir" not in cell.source
        assert '"/' not in cell.source
        banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While)
        assert not any(isinstance(node, banned) for node in ast.walk(ast.parse(cell.source)))
    assert notebook.cells[0].cell_type == "raw"
    assert code[-1].source in ("run.write(ledger)", "run.write(ledger, result.files)")
