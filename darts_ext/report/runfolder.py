"""What is in a run folder or a comparison folder; every file but args.yaml may be missing."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..runtime.errors import UsageError
from .resultfiles import Rows, read_genotype, read_json, read_rows, read_settings

SEED_FOLDER = re.compile(r"seed(\d+)(?:-(\w+))?")  # seed3, or seed3-NAME of a further supernet


@dataclass(frozen=True)
class Outcome:
    """What one criterion chose.

    Attributes:
        criterion: spelt as the user did.
        scores: scores.json.
        genotype: genotype.json.
        retraining: the epochs of retraining, evaluate/summary.csv.
    """

    criterion: str
    scores: dict | None
    genotype: dict | None
    retraining: Rows

    def cell_key(self) -> str:
        """Returns the same text for the same cells, whatever the order of their edges; empty without a genotype."""
        if self.genotype is None:
            return ""
        cells = {}
        for name, cell in self.genotype["cells"].items():
            edges = sorted(_edge_key(edge) for edge in cell["edges"])
            cells[name] = (edges, sorted(cell["concat"]))
        return json.dumps(cells, sort_keys=True)


def _edge_key(edge: Mapping) -> tuple:
    return edge["to"], edge["from"], edge["op"], edge.get("act", ""), bool(edge.get("add_skip"))


@dataclass(frozen=True)
class Run:
    """One search, and what was chosen from it."""

    name: str
    epochs: Rows
    alphas: dict | None
    outcomes: list[Outcome]

    @property
    def seed(self) -> str:
        """The seed of a comparison's run.

        >>> Run("seed3-fixed", [], None, []).seed
        '3'
        """
        return SEED_FOLDER.fullmatch(self.name)[1]

    @property
    def supernet(self) -> str:
        """The name of a comparison's further supernet; empty for its own.

        >>> Run("seed0-fixed", [], None, []).supernet
        'fixed'
        """
        match = SEED_FOLDER.fullmatch(self.name)
        return (match and match[2]) or ""

    @property
    def options(self) -> dict[str, list[str]]:
        """{choice: its options}, as alphas.json has them."""
        return (self.alphas or {}).get("choices", {})


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


def read_folder(folder: Path) -> Contents:
    """Reads a run folder or a comparison folder.

    Raises:
        UsageError: there is no args.yaml, or a file is not what its name says.
    """
    folder = Path(folder)
    if not (folder / "args.yaml").is_file():
        raise UsageError(f"{folder} is not a run folder or a comparison folder: it has no args.yaml")
    name = folder.resolve().name
    args = read_settings(folder / "args.yaml")
    environment = read_json(folder / "environment.json") or {}
    seeds = _find_seeds(folder)
    measures = read_rows(folder / "measures.csv", "measure", "kendall")
    if not seeds and not (folder / "comparison.csv").is_file():
        run = _read_run(folder, _read_own_outcome(folder))
        return Contents(name, args, environment, [run], measures=measures)
    results = read_rows(folder / "summary.csv", "seed", "criterion")
    return Contents(
        name=name,
        args=args,
        environment=environment,
        runs=[_read_run(seed, _read_outcomes(seed, folder, results)) for seed in seeds],
        comparison=True,
        criteria=read_rows(folder / "comparison.csv", "criterion"),
        results=results,
        population=read_rows(folder / "population.csv", "test_accuracy"),
        measures=measures,
    )


def _find_seeds(folder: Path) -> list[Path]:
    """The folders of the seeds, by number, then by name."""
    seeds = [path for path in folder.glob("seed*") if SEED_FOLDER.fullmatch(path.name)]
    return sorted(seeds, key=lambda path: (int(SEED_FOLDER.fullmatch(path.name)[1]), path.name))


def _read_run(folder: Path, outcomes: list[Outcome]) -> Run:
    epochs = read_rows(folder / "summary.csv")
    alphas = read_json(folder / "search" / "alphas.json", "choices", "epochs")
    return Run(folder.name, epochs, alphas, outcomes)


def _read_own_outcome(folder: Path) -> list[Outcome]:
    """What was chosen in a run folder itself: one criterion at most."""
    scores = read_json(folder / "scores.json")
    genotype = read_genotype(folder / "genotype.json")
    retraining = read_rows(folder / "evaluate" / "summary.csv")
    if scores is None and genotype is None and not retraining:
        return []
    criterion = str((scores or {}).get("criterion", "selection"))
    return [Outcome(_read_entry(scores, criterion), scores, genotype, retraining)]


def _read_outcomes(seed: Path, folder: Path, results: Rows) -> list[Outcome]:
    """What the criteria chose from one seed, in the order of the table of results, then by name."""
    number = SEED_FOLDER.fullmatch(seed.name)[1]
    children = {row["criterion"]: row.get("child") for row in results if row.get("seed") == number}
    chosen = {}
    for path in sorted(path for path in seed.iterdir() if path.is_dir()):
        scores = read_json(path / "scores.json")
        genotype = read_genotype(path / "genotype.json")
        if scores is not None or genotype is not None:
            chosen[_read_entry(scores, path.name)] = (scores, genotype)
    outcomes = []
    for criterion in _table_order(chosen, children):
        scores, genotype = chosen[criterion]
        child = children.get(criterion)
        retraining = read_rows(folder / "children" / child / "evaluate" / "summary.csv") if child else []
        outcomes.append(Outcome(criterion, scores, genotype, retraining))
    return outcomes


def _table_order(criteria: Iterable[str], table: Iterable[str]) -> list[str]:
    """The criteria in the order of the table; those that it lacks follow."""
    criteria = list(criteria)
    first = [name for name in table if name in criteria]
    return first + [name for name in criteria if name not in first]


def _read_entry(scores: dict | None, otherwise: str) -> str:
    """CRITERION or CRITERION@STRATEGY from scores.json; older files do not have it."""
    return str((scores or {}).get("entry") or otherwise)
