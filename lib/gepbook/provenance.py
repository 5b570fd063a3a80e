"""Fingerprints, manifests and folders that appear whole or not at all (溯源).

A result folder is current when its manifest has the fingerprint of the task and every output named in
it stands with the hash written there. Manifests are written last, into a folder that is renamed only
then: no manifest, no result.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from gepbook import paths

MANIFEST = "manifest.json"


class Output(BaseModel):
    """One file of a result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    bytes: int


class Manifest(BaseModel):
    """What a result rests on and what it consists of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    county_code: str | None
    year: int
    release: str
    standard: str
    status: Literal["ok"] = "ok"
    fingerprint: str
    parts: dict[str, str]
    engine: str
    started: datetime
    ended: datetime
    git_commit: str
    git_dirty: bool
    packages: dict[str, str]
    outputs: dict[str, Output]


def sha256_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hex."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file in hex, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(content: Any) -> str:
    """Return the SHA-256 of a JSON-able value, independent of key order."""
    return sha256_bytes(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())


def fingerprint(parts: Mapping[str, str]) -> str:
    """Return the fingerprint of a task from the hashes of all that it depends on."""
    return sha256_json(dict(parts))


@functools.cache
def packages() -> dict[str, str]:
    """Return the installed version of each direct dependency, and of this package."""
    found = {"gepbook": version("gepbook")}
    for requirement in requires("gepbook") or []:
        if "extra ==" not in requirement:
            name = requirement.split(">")[0].split("=")[0].split("[")[0].split(";")[0].strip()
            with contextlib.suppress(PackageNotFoundError):
                found[name] = version(name)
    return found


@functools.cache
def git_state() -> tuple[str, bool]:
    """Return the commit of the project and whether files differ from it; ("", False) outside git."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=paths.ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain"],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "", False
    return commit, bool(changed.strip())


def outputs_of(folder: Path) -> dict[str, Output]:
    """Return every file of a result folder, the manifest apart, with size and hash."""
    return {
        path.relative_to(folder).as_posix(): Output(
            sha256=sha256_file(path), bytes=path.stat().st_size
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, the last file of a result."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """Return a result's manifest, or None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_current(folder: Path, expected: str) -> bool:
    """Tell whether a result stands, whole and unchanged, for a fingerprint."""
    manifest = read_manifest(folder)
    return (
        manifest is not None
        and manifest.fingerprint == expected
        and manifest.outputs == outputs_of(folder)
    )


@contextlib.contextmanager
def replaced_folder(final: Path) -> Iterator[Path]:
    """Yield a part folder that takes the place of `final` when the block ends without an error.

    On an error the part folder is left for the caller to look at and `final` stays as it was.
    """
    part = final.with_name(f"{final.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    swap(part, final)


def swap(part: Path, final: Path) -> None:
    """Put a finished part folder in the place of `final`; the former one goes only after that."""
    former = final.with_name(f"{final.name}.old-{os.getpid()}")
    if final.exists():
        final.rename(former)
    part.rename(final)
    shutil.rmtree(former, ignore_errors=True)


def recover(folder: Path) -> None:
    """Undo what a killed process left half done below a folder.

    A former result whose successor never arrived is put back; part folders are removed.
    """
    for former in folder.rglob("*.old-*"):
        final = former.with_name(former.name.rpartition(".old-")[0])
        if final.exists():
            shutil.rmtree(former)
        else:
            former.rename(final)
    for part in folder.rglob("*.part-*"):
        shutil.rmtree(part, ignore_errors=True)
