"""The conda environment, the package's dependencies and the lock describe one environment."""

import re
import tomllib

import yaml

from gepbook.paths import ROOT

CONDA_NAMES = {"python-duckdb": "duckdb"}
CONDA_ONLY = {"python", "pip", "quarto"}


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    specs = project["dependencies"] + project["optional-dependencies"]["dev"]
    return {re.sub(r"\[.*?\]", "", spec) for spec in specs}


def test_environment_yml_matches_pyproject():
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    specs = [s for s in content["dependencies"] if isinstance(s, str)]
    specs += next(s["pip"] for s in content["dependencies"] if isinstance(s, dict))
    named = {re.split(r"[>=]", s)[0]: s for s in specs}
    conda = {
        s.replace(n, CONDA_NAMES.get(n, n), 1) for n, s in named.items() if n not in CONDA_ONLY
    }
    assert conda == declared()
    assert named["quarto"] == "quarto>=1.4"


def test_lock_pins_every_dependency_with_a_hash():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==(\S+) \\$", lock, flags=re.M | re.I))
    names = {re.split(r"[>=]", spec)[0].lower() for spec in declared()}
    assert names <= set(pinned)
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.M | re.I)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])


def test_no_file_names_a_registry_host():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
