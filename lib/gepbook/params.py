"""Layered parameters: every value with its unit, source, confidence and the layer that set it.

A parameter is a YAML mapping `{value, unit, source, confidence}` under `params/`. Layers are merged in
the order defaults → standard → province → county → year → county_year; a later layer replaces the
value (lists and numbers whole, tables by key) and must give its own source and confidence. The lowest
layer, `params/defaults/` (methods) and `params/policy/` (rules), one file a section, is the schema: a
key it does not have is unknown everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gepbook import paths
from gepbook.errors import ParameterError, near

Confidence = Literal["published", "derived", "high", "medium", "low", "design"]
#: From surest to least sure; `published` was read in the source, `derived` computed from such values,
#: high/medium/low are recalled from the literature without the text at hand, `design` is a proposal.
CONFIDENCES: tuple[Confidence, ...] = ("published", "derived", "high", "medium", "low", "design")
CONFIDENCE_ZH = {
    "published": "已核对出处",
    "derived": "由已核对值推算",
    "high": "未核对原文·高",
    "medium": "未核对原文·中",
    "low": "未核对原文·低",
    "design": "本工具建议值",
}
#: The parser in C where PyYAML was built with it: the same safe language, ten times as fast.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _DuplicateKey(yaml.MarkedYAMLError):
    """A key that stands twice in one mapping, of which YAML would silently take the last."""


class _Loader(SAFE_LOADER):  # type: ignore[misc, valid-type]
    """The safe loader, but a key stands once in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping as it stands in the file."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise _DuplicateKey(problem=key.value, problem_mark=key.start_mark)
            seen.add((key.tag, str(key.value)))
        return dict(super().construct_mapping(node, deep))


#: Layer of values that somebody assumes by hand.
WHAT_IF = "what if"
#: Rounding of a sum of weights.
SUM_ROUNDING = 1e-9
Value = bool | int | float | str | list[Any] | dict[str, Any]
Section = TypeVar("Section", bound="Params")


def worst(confidences: Iterable[Confidence]) -> Confidence:
    """Return the lowest of some confidences; `published` where there are none."""
    return max(confidences, key=CONFIDENCES.index, default="published")


class Params(BaseModel):
    """Base of the closed, frozen models that the code reads its parameters from.

    What is `provincial` is one rule for all counties: no county may have its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    provincial: ClassVar[bool] = False


def parameter(unit: str, description: str, **constraints: Any) -> Any:
    """Declare a model field with the unit that its YAML entry must carry."""
    return Field(description=description, json_schema_extra={"unit": unit}, **constraints)


def check_sum(weights: Mapping[Any, float], what: str = "") -> None:
    """Refuse weights that do not add up to 1; `what` begins the message."""
    whole = sum(weights.values())
    if abs(whole - 1) > SUM_ROUNDING:
        raise ValueError(f"{what}must sum to 1, sum is {whole:.6g}")


def check_weights(weights: Mapping[Any, float], names: Iterable[Any]) -> None:
    """Refuse weights that are not exactly those of some names, or do not add up to 1."""
    if set(weights) != set(names):
        raise ValueError(f"must weigh exactly {', '.join(names)}")
    check_sum(weights)


class Distribution(BaseModel):
    """How far a value may be off, as factors of it (参数分布).

    `triangular` has its mode at the value and ends at `low` and `high`; `uniform` is flat between
    them; `lognormal` has its 5 % and 95 % quantiles there. `fixed` values do not vary. The rows of a
    table share one factor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["fixed", "triangular", "uniform", "lognormal"]
    low: Annotated[float, Field(gt=0, le=1)] = 1.0
    high: Annotated[float, Field(ge=1)] = 1.0


class Parameter(BaseModel):
    """One resolved parameter with everything an auditor asks of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: Value
    unit: str
    source: Annotated[str, Field(min_length=1)]
    confidence: Confidence
    note: str = ""
    base_year: int | None = None
    index: str | None = None
    distribution: Distribution | None = None
    layer: str

    @property
    def verified(self) -> bool:
        """Whether the value was read in, or computed from, its source."""
        return self.confidence in ("published", "derived")


class ParameterSet(BaseModel):
    """All parameters of one county and year (参数集)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    county_code: str | None
    year: int | None
    standard: str
    entries: dict[str, Parameter]

    def section(self, name: str, model: type[Section]) -> Section:
        """Return one section validated into its closed model.

        Raises
        ------
        ParameterError
            Naming each field that is missing, out of range, unknown or in another unit.
        """
        entries = {key: p for key, p in self._under(name)}
        problems = [
            f"{name}.{key}: is one rule for all counties, but params/{p.layer}.yaml sets it. "
            "Take it out there; a year's rule stands in params/year/, the province's in province.yaml."
            for key, p in entries.items()
            if model.provincial and p.layer.startswith("county")
        ]
        for key, p in entries.items():
            field = model.model_fields.get(key)
            extra = field.json_schema_extra if field else None
            expected = extra.get("unit") if isinstance(extra, dict) else None
            if expected is not None and p.unit != expected:
                problems.append(
                    f"{name}.{key}: unit must be {expected!r}, got {p.unit!r} "
                    f"(params/{p.layer}). Convert the value and correct its unit there."
                )
        try:
            validated = model(**{key: p.value for key, p in entries.items()})
        except ValidationError as error:
            for e in error.errors():
                key = str(e["loc"][0]) if e["loc"] else ""
                layer = entries[key].layer if key in entries else f"defaults/{name}"
                where = ".".join([name, *(str(part) for part in e["loc"])])
                got = "" if e["type"] == "missing" else f", got {e['input']!r}"
                problems.append(f"{where}: {e['msg']}{got}. Correct it in params/{layer}.yaml.")
        if problems:
            raise ParameterError(problems)
        return validated

    def names(self) -> set[str]:
        """Return the names of the sections."""
        return {key.partition(".")[0] for key in self.entries}

    def only(self, sections: Iterable[str]) -> ParameterSet:
        """Return the set with some sections alone."""
        return self.model_copy(update={"entries": self.under(*sections)})

    def under(self, *sections: str) -> dict[str, Parameter]:
        """Return the parameters of some sections, keyed by their full dotted name."""
        return {k: p for k, p in self.entries.items() if k.partition(".")[0] in sections}

    def worst_confidence(self, *sections: str) -> Confidence:
        """Return the lowest confidence among the parameters of some sections."""
        return worst(p.confidence for p in self.under(*sections).values())

    def _under(self, section: str) -> Iterator[tuple[str, Parameter]]:
        for key, p in self.entries.items():
            head, _, tail = key.partition(".")
            if head == section:
                yield tail, p

    def assuming(self, changes: Mapping[str, Value]) -> ParameterSet:
        """Return the set with some values changed by hand (情景假设); tables change by row.

        Parameters
        ----------
        changes : mapping
            Dotted name → value.

        Raises
        ------
        ParameterError
            Each unknown name, with near ones, and each value of another kind.
        """
        merged, problems = dict(self.entries), []
        for name, value in changes.items():
            if name not in merged:
                problems.append(f"what if: unknown parameter {name!r}.{near(name, merged)}")
                continue
            said = {"value": value, "source": "assumed by hand", "confidence": "design"}
            try:
                merged[name] = _override(merged[name], said, WHAT_IF)
            except (ValidationError, TypeError, ValueError) as error:
                problems.append(_entry_problem(Path("what if"), name, error))
        if problems:
            raise ParameterError(problems)
        return self.model_copy(update={"entries": merged})

    def write(self, path: Path) -> None:
        """Write the set as JSON, the file that a notebook's run reads; tables keep their order."""
        text = json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1)
        path.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> ParameterSet:
        """Read a set written by `write`."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


def layer_files(
    county_code: str | None, year: int | None, standard: str, folder: Path
) -> list[tuple[str, Path]]:
    """Return the existing layers for a county and year as (layer name, file), lowest first."""
    layers = [
        (f"standards/{standard}", folder / "standards" / f"{standard}.yaml"),
        ("province", folder / "province.yaml"),
        (f"county/{county_code}", folder / "county" / f"{county_code}.yaml"),
        (f"year/{year}", folder / "year" / f"{year}.yaml"),
        (
            f"county_year/{county_code}-{year}",
            folder / "county_year" / f"{county_code}-{year}.yaml",
        ),
    ]
    return [(name, path) for name, path in layers if path.exists()]


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; a broken file, or a key that stands twice, becomes one clear error."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        if isinstance(error, _DuplicateKey):
            raise ParameterError(
                f"{path}{line}: {error.problem!r} stands twice, and the later would hide the other. "
                "Keep one of the two."
            ) from error
        raise ParameterError(
            f"{path}{line}: is not readable YAML in UTF-8. Correct the file."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParameterError(
            f"{path}: must be a mapping of sections, got {type(content).__name__}."
        )
    return content


def read_defaults(folder: Path = paths.PARAMS) -> dict[str, Parameter]:
    """Read `params/{defaults,policy}/<section>.yaml`, schema and lowest layer of all parameters."""
    entries: dict[str, Parameter] = {}
    problems: list[str] = []
    files = [*(folder / "defaults").glob("*.yaml"), *(folder / "policy").glob("*.yaml")]
    for path in sorted(files):
        layer = f"{path.parent.name}/{path.stem}"
        for key, raw in read_yaml(path).items():
            try:
                entries[f"{path.stem}.{key}"] = Parameter(**{**raw, "layer": layer})
            except (ValidationError, TypeError) as error:
                problems.append(_entry_problem(path, key, error))
    if problems:
        raise ParameterError(problems)
    return entries


def resolve(
    county_code: str | None,
    year: int | None,
    standard: str,
    folder: Path = paths.PARAMS,
    defaults: Mapping[str, Parameter] | None = None,
) -> ParameterSet:
    """Merge the layers for one county and year (参数分层合并).

    Parameters
    ----------
    county_code, year : str or None, int or None
        None for a provincial set, which has no county or year layers.
    standard : str
        Profile under `params/standards/`; its `parameters` mapping is a layer.
    folder : Path
    defaults : mapping, optional
        What `read_defaults` returned, when many sets are resolved.

    Raises
    ------
    ParameterError
        All problems of all layers at once: unknown key (with near names), a value without source,
        a changed unit, or county and year setting the same key with no county_year to settle it.
    """
    merged = dict(defaults if defaults is not None else read_defaults(folder))
    problems: list[str] = []
    set_by: dict[str, dict[str, str]] = {}
    for layer, path in layer_files(county_code, year, standard, folder):
        content = read_yaml(path)
        if layer.startswith("standards/"):
            content = content.get("parameters") or {}
        for section, values in content.items():
            if not isinstance(values, Mapping):
                problems.append(f"{path}: section {section!r} must be a mapping of parameters.")
                continue
            for key, raw in values.items():
                name = f"{section}.{key}"
                if name not in merged:
                    hint = near(name, merged)
                    problems.append(
                        f"{path}: unknown parameter {name!r}.{hint} "
                        "Known ones are in params/defaults/."
                    )
                    continue
                try:
                    merged[name] = _override(merged[name], raw, layer)
                except (ValidationError, TypeError, ValueError) as error:
                    problems.append(_entry_problem(path, name, error))
                set_by.setdefault(name, {})[layer.partition("/")[0]] = str(path)
    for name, layers in set_by.items():
        if {"county", "year"} <= set(layers) and "county_year" not in layers:
            problems.append(
                f"{name}: set by both {layers['county']} and {layers['year']}. "
                f"Settle it in params/county_year/{county_code}-{year}.yaml."
            )
    if problems:
        raise ParameterError(problems)
    return ParameterSet(county_code=county_code, year=year, standard=standard, entries=merged)


def _override(below: Parameter, raw: Mapping[str, Any], layer: str) -> Parameter:
    """Return a parameter with a layer's value over it; tables merge by key, all else is replaced."""
    if not isinstance(raw, Mapping):
        raise TypeError("must be a mapping with value, source and confidence")
    value = raw.get("value")
    if isinstance(below.value, dict) and isinstance(value, dict):
        unknown = set(value) - set(below.value)
        if unknown:
            raise ValueError(
                f"unknown table rows {sorted(unknown)}{near(min(unknown), below.value)}"
            )
        value = {**below.value, **value}
    if raw.get("unit", below.unit) != below.unit:
        raise ValueError(f"unit must be {below.unit!r}, got {raw['unit']!r}")
    inherited: dict[str, Any] = {
        "unit": below.unit,
        "base_year": below.base_year,
        "index": below.index,
    }
    if raw.get("confidence") == below.confidence:
        inherited["distribution"] = below.distribution
    return Parameter(**{**inherited, **raw, "value": value, "layer": layer})


def _entry_problem(path: Path, key: str, error: Exception) -> str:
    """Say in one sentence what is wrong with one YAML entry."""
    if isinstance(error, ValidationError):
        parts = [f"{'.'.join(map(str, e['loc'])) or 'entry'}: {e['msg']}" for e in error.errors()]
        detail = "; ".join(parts[:3])
    else:
        detail = str(error)
    return (
        f"{path}: {key!r} is not a parameter entry ({detail}). "
        "Give value, unit, source and confidence "
        f"({', '.join(CONFIDENCES)})."
    )
