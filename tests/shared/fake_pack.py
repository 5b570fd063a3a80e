"""A pack of a few tables in memory, for tests of the registers' checks."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace


@dataclass
class FakePack:
    """What the schemes ask of a pack: tables by name, and layers with geometry by name."""

    tables: dict
    vectors: dict
    folder: Path = Path("pack")

    def has(self, name):
        return name in self.tables or name in self.vectors

    def table(self, name):
        return self.tables[name].reset_index(drop=True)

    def vector(self, name):
        return self.vectors[name]

    def resource(self, name):
        kind = "vector" if name in self.vectors else "table"
        return SimpleNamespace(kind=kind, path=f"tables/{name}.csv")

    def origin(self, name):
        return "illustrative"
