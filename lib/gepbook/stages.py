"""The stages of the workbook in the order they run; the one table that batch and notebooks share."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from gepbook import paths
from gepbook.province import Part
from gepbook.run import Run


@dataclass(frozen=True)
class Stage:
    """A stage (环节): one notebook, run per county or once for the province.

    `after` names the stages whose ledgers it reads; with `pool` it reads those of every county of the
    province, not only its own.
    """

    name: str
    name_zh: str
    scope: Literal["county", "province"]
    after: tuple[str, ...] = ()
    pool: bool = False

    @property
    def notebook(self) -> Path:
        """The stage's notebook."""
        return paths.NOTEBOOKS / f"{self.name}.ipynb"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The schemes or topics that the stage computes from what it reads of the whole province."""
        return getattr(self._module, "PARTS", ())

    @property
    def _module(self) -> ModuleType:
        """The part of the library that computes the stage."""
        return importlib.import_module(f"gepbook.{self.name}")

    def compute_brief(self, run: Run) -> Any:
        """Compute what other counties need of the stage; the result has `entries`, ledger rows.

        Without its notebook; a stage that has no brief form is computed as a whole.
        """
        return getattr(self._module, "compute_brief", self._module.compute)(run)


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("inventory", "调查", "county"),
        Stage("accounting", "核算", "county"),
        Stage("compensation", "补偿", "county", ("inventory", "accounting"), pool=True),
        Stage("assessment", "考核", "county", ("inventory", "accounting"), pool=True),
        Stage(
            "bulletin",
            "公报",
            "province",
            ("inventory", "accounting", "compensation", "assessment"),
            pool=True,
        ),
    )
}
