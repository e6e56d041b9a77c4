"""What is in a run folder or a comparison folder; every file but args.yaml may be missing."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import yaml

from ..runtime.errors import UsageError

Rows = list[dict[str, str]]
SEED = re.compile(r"seed(\d+)(?:-(\w+))?")  # seed3, or seed3-NAME of a further supernet


@dataclass(frozen=True)
class Choice:
    """What one criterion chose: scores.json, genotype.json and the epochs of retraining (evaluate/summary.csv);
    `criterion` is spelt as the user did."""

    criterion: str
    scores: dict | None
    genotype: dict | None
    retraining: Rows

    def cell_key(self) -> str:
        """The same text for the same cells, whatever the order of their edges; empty without a genotype."""
        if self.genotype is None:
            return ""
        cells = {
            name: (
                sorted((e["to"], e["from"], e["op"], e.get("act", ""), bool(e.get("add_skip"))) for e in cell["edges"]),
                sorted(cell["concat"]),
            )
            for name, cell in self.genotype["cells"].items()
        }
        return json.dumps(cells, sort_keys=True)


@dataclass(frozen=True)
class Run:
    """One search, and what was chosen from it."""

    name: str
    epochs: Rows
    alphas: dict | None
    choices: list[Choice]

    @property
    def supernet(self) -> str:
        """The name of a comparison's further supernet; empty for its own.

        >>> Run("seed0-fixed", [], None, []).supernet
        'fixed'
        """
        found = SEED.fullmatch(self.name)
        return (found and found[2]) or ""


@dataclass(frozen=True)
class Contents:
    """A folder: a run has one entry in `runs`; a comparison has one for each seed, and the rows of its tables."""

    name: str
    args: dict
    environment: dict
    runs: list[Run]
    comparison: bool = False
    criteria: Rows = field(default_factory=list)
    results: Rows = field(default_factory=list)
    population: Rows = field(default_factory=list)
    measures: Rows = field(default_factory=list)


def read(folder: Path) -> Contents:
    """Read a run folder or a comparison folder.

    Raises:
        UsageError: there is no args.yaml, or a file is not what its name says.
    """
    folder = Path(folder)
    if not (folder / "args.yaml").is_file():
        raise UsageError(f"{folder} is not a run folder or a comparison folder: it has no args.yaml")
    seeds = sorted(
        (path for path in folder.glob("seed*") if SEED.fullmatch(path.name)),
        key=lambda path: (int(SEED.fullmatch(path.name)[1]), path.name),
    )
    comparison = bool(seeds) or (folder / "comparison.csv").is_file()
    results = _rows(folder / "summary.csv", "seed", "criterion") if comparison else []
    return Contents(
        name=folder.resolve().name,
        args=_settings(folder / "args.yaml"),
        environment=_json(folder / "environment.json") or {},
        runs=[_run(seed, _choices(seed, folder, results)) for seed in seeds]
        if comparison
        else [_run(folder, _own_choice(folder))],
        comparison=comparison,
        criteria=_rows(folder / "comparison.csv", "criterion"),
        results=results,
        population=_rows(folder / "population.csv", "test_accuracy") if comparison else [],
        measures=_rows(folder / "measures.csv", "measure", "kendall") if comparison else [],
    )


def number(row: Mapping[str, str], name: str) -> float:
    """The number in a column, NaN where it is missing or not a number.

    >>> number({"seed": "3"}, "seed"), number({}, "seed")
    (3.0, nan)
    """
    try:
        return float(row.get(name) or nan)
    except ValueError:
        return nan


def column(rows: Sequence[Mapping[str, str]], name: str) -> list[float]:
    """The numbers of a column, NaN where they are missing."""
    return [number(row, name) for row in rows]


def _run(folder: Path, choices: list[Choice]) -> Run:
    return Run(
        folder.name,
        _rows(folder / "summary.csv"),
        _json(folder / "search" / "alphas.json", "choices", "epochs"),
        choices,
    )


def _own_choice(folder: Path) -> list[Choice]:
    scores, genotype = _json(folder / "scores.json"), _genotype(folder / "genotype.json")
    retraining = _rows(folder / "evaluate" / "summary.csv")
    if scores is None and genotype is None and not retraining:
        return []
    return [Choice(_entry(scores, str((scores or {}).get("criterion", "selection"))), scores, genotype, retraining)]


def _choices(seed: Path, folder: Path, results: Rows) -> list[Choice]:
    """The criteria of one seed, in the order of the table of results, then by name."""
    children = {
        row["criterion"]: row.get("child") for row in results if row.get("seed") == SEED.fullmatch(seed.name)[1]
    }
    found = {}
    for path in sorted(path for path in seed.iterdir() if path.is_dir()):
        scores, genotype = _json(path / "scores.json"), _genotype(path / "genotype.json")
        if scores is not None or genotype is not None:
            found[_entry(scores, path.name)] = (scores, genotype)
    choices = []
    for criterion in [name for name in children if name in found] + [name for name in found if name not in children]:
        child = children.get(criterion)
        retraining = _rows(folder / "children" / child / "evaluate" / "summary.csv") if child else []
        choices.append(Choice(criterion, *found[criterion], retraining))
    return choices


def _entry(scores: dict | None, otherwise: str) -> str:
    """CRITERION or CRITERION@STRATEGY, where scores.json tells; older files do not."""
    return str((scores or {}).get("entry") or otherwise)


def _settings(path: Path) -> dict:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError:
        settings = None
    if not isinstance(settings, dict):
        raise UsageError(f"{path} is not a file of settings: each line should read 'name: value'")
    return settings


def _json(path: Path, *keys: str) -> dict | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        raise UsageError(
            f"{path} is not a JSON object{' with ' if keys else ''}{' and '.join(keys)}; write it anew or remove it"
        )
    return found


def _genotype(path: Path) -> dict | None:
    genotype = _json(path, "cells")
    try:
        for cell in genotype["cells"].values() if genotype else ():
            right = all(isinstance(node, int) for node in cell["concat"]) and all(
                0 <= e["from"] < e["to"] and e["op"] for e in cell["edges"]
            )
            if not right:
                raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        rule = 'each cell needs "edges" with "op" and "from" < "to", and "concat" with node numbers'
        raise UsageError(f"{path} is not a genotype: {rule}") from error
    return genotype


def _rows(path: Path, *columns: str) -> Rows:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if missing := set(columns) - set(reader.fieldnames or columns):
            raise UsageError(f"{path} has no column {' and '.join(sorted(missing))}; write it anew or remove it")
        return list(reader)
