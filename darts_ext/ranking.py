"""Where the stages of `rank` meet: cells -> scores -> leaderboard -> report."""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from selection import list_measures
from selection.combination import spelt_out
from selection.numerics.tnorm import TNORMS

from .config import DataSettings, RankSettings, RunSettings
from .data import Images
from .rank import (
    NOISE,
    Build,
    RankInputs,
    Task,
    combined,
    connect,
    leaderboard,
    over_repeats,
    read_scores,
    representatives,
    sample_cells,
    score_tasks,
)
from .report.ranking import write_ranking
from .runtime.check import check_numbers
from .runtime.errors import UsageError, unknown
from .runtime.files import write_csv
from .runtime.folder import check_folder, pick_device, read_args, write_settings
from .tabular import DATASETS, NasBench201

SIZES = ("parameters", "flops")  # in these alone cells may differ that compute the same
FREE = ("measures", "processes", "cluster")  # may change from one call to the next on the same folder


def run_rank(run: RunSettings, data: DataSettings, settings: RankSettings) -> Path:
    """Scores cells of NAS-Bench-201 at initialisation, and shows how well each measure orders them by test accuracy."""
    asked = [name.strip() for name in settings.measures.split(",") if name.strip()]
    names = list(dict.fromkeys(part for name in asked for part in (_of_cells() if name == "all" else [name])))
    atoms = _atoms(names)
    check_numbers(run, settings)
    device, table = pick_device(run.device), NasBench201()
    cells = sample_cells(table, _number(settings.candidates), run.seed)
    fixed = {name: value for part in (run, data, settings) for name, value in asdict(part).items() if name not in FREE}
    folder = check_folder(Path(run.out or "runs/rank"), "rank", fixed)
    source = Images(data, device, run.seed)
    shown = _images(source, settings, run.seed)
    how = Build(
        settings.channels, settings.layers, **source.task, initialisation=settings.initialisation, seed=run.seed
    )
    backend = connect(settings.cluster) if settings.cluster else None
    write_settings(folder, "rank", fixed)
    scores, tasks = folder / "scores.csv", _tasks(table, cells, atoms, settings.repeats)
    with tqdm(total=len(tasks), desc="rank", unit="network", disable=None) as bar:
        for done in score_tasks(tasks, how, shown.__getitem__, scores, processes=settings.processes, backend=backend):
            bar.update(done - bar.n)
    return _show(
        folder, table, cells, [name for name in asked if name != "all"], settings.repeats
    )  # of all, what cannot be taken is left out


def report_rank(folder: Path) -> Path:
    """Writes the report of a ranking anew, of what its file of scores holds."""
    args, table = read_args(folder), NasBench201()
    if not (folder / "leaderboard.csv").exists():
        raise UsageError(f"the ranking in {folder} has not come to its end: repeat its command")
    return _show(folder, table, sample_cells(table, _number(args["candidates"]), args["seed"]), [], args["repeats"])


def _show(folder: Path, table: NasBench201, cells: Sequence[int], asked: Sequence[str], repeats: int) -> Path:
    """The leaderboard and the report of what was asked, now and before."""
    scores = folder / "scores.csv"
    rows = read_scores(scores)
    atoms = _scored(table, cells, repeats, rows)
    names = list(dict.fromkeys([*asked, *_ranked_before(folder, atoms)]))
    _check_taken(_atoms(names) if names else [], atoms)
    columns, seconds = _columns(table, cells, names, atoms, repeats, rows)
    accuracies = {dataset: table.test(dataset)[cells] for dataset in DATASETS}
    rows = leaderboard(columns, accuracies, table.parameters[cells], seconds)
    write_csv(folder / "leaderboard.csv", rows)
    page = write_ranking(folder, rows, columns, accuracies)
    print(render(rows))
    print(f"report: {page}")
    return folder


def render(rows: Sequence[dict]) -> str:
    """The leaderboard for the terminal."""
    lines = [
        f"{'measure':64} {'cifar10':>20} {'cifar100':>8} {'in16':>6} {'given size':>10} {'best of 100':>14} "
        f"{'seconds':>8}"
    ]
    for row in rows:
        span = f"{row['cifar10_spearman']:.3f} [{row['cifar10_spearman_low']:.3f}, {row['cifar10_spearman_high']:.3f}]"
        best = (
            ""
            if isnan(row["cifar10_best_of_100"])
            else f"{row['cifar10_best_of_100']:.2f} ± {row['cifar10_best_of_100_sd']:.2f}"
        )
        others = f"{row['cifar100_spearman']:8.3f} {row['in16_spearman']:6.3f} {row['cifar10_partial']:10.3f}"
        lines.append(f"{row['measure']:64} {span:>20} {others} {best:>14} {row['seconds']:8.2f}")
    return "\n".join(lines)


def _atoms(names: Sequence[str]) -> list[str]:
    """The measures that the names are made of, sizes first; `random` measures nothing."""
    if not names:
        raise UsageError(f"no measure is given: choose from {', '.join(list_measures())}")
    for norm in (name.rpartition(":")[0] for name in names):
        if norm and norm not in TNORMS:
            raise unknown("t-norm", norm, TNORMS)
    atoms = list(
        dict.fromkeys([*SIZES, *(part for name in names for part in spelt_out(name.rpartition(":")[2]).split("+"))])
    )
    for atom in atoms:
        if not atom:
            raise UsageError(f"a measure is missing beside a + or a comma of {','.join(names)!r}")
        if "@" in atom.removesuffix(NOISE):
            raise UsageError(
                f"{atom!r}: behind @ stands noise, for normal images in place of the data's, or there is no @"
            )
        if atom.removesuffix(NOISE) in set(list_measures()) - set(_of_cells()):
            raise UsageError(f"{atom} is a measure of fully-connected networks, and these are cells: leave it out")
        if atom.removesuffix(NOISE) not in list_measures():
            raise unknown("measure", atom, [*list_measures(), "combination"])
    return atoms


def _of_cells() -> list[str]:
    return [name for name in list_measures() if not name.startswith("ntk_infinite")]


def _number(candidates: int | str) -> int | None:
    if candidates == "all":
        return None
    if not str(candidates).isdigit() or int(candidates) < 2:
        raise UsageError(f"candidates is a number of cells, at least 2, or all, not {candidates!r}")
    return int(candidates)


def _images(source: Images, settings: RankSettings, seed: int) -> list[RankInputs]:
    """What the networks of each repeat see: the same for all cells."""
    size = settings.images
    if size * settings.repeats > len(source.dataset.train):
        raise UsageError(
            f"{settings.repeats} batches of {size} images are more than the {len(source.dataset.train)} there are"
        )
    found = []
    for repeat, (x, y) in zip(range(settings.repeats), source.shuffled(source.dataset.train, size, "rank").epoch(0)):
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed * 1000 + repeat)).to(x)
        found.append(RankInputs(x, y, noise))
    return found


def _tasks(table: NasBench201, cells: Sequence[int], atoms: Sequence[str], repeats: int) -> list[Task]:
    first = representatives(table, cells)
    rest = [name for name in atoms if name in SIZES]
    tasks = [
        Task(
            cell,
            table.genotype(cell).to_text(),
            repeat,
            tuple(atoms if first[cell] == cell else rest if repeat == 0 else ()),
        )
        for repeat in range(repeats)
        for cell in cells
    ]
    return [task for task in tasks if task.measures]


def _scored(table: NasBench201, cells: Sequence[int], repeats: int, rows: Sequence[dict]) -> list[str]:
    """The measures that the file has of every network, and that could be taken of some."""
    networks = {(cell, repeat) for cell in set(representatives(table, cells).values()) for repeat in range(repeats)}
    there: dict[str, set] = {}
    taken = set()
    for row in rows:
        there.setdefault(row["measure"], set()).add((int(row["index"]), int(row["repeat"])))
        if row["value"] != "nan":
            taken.add(row["measure"])
    sized = {(cell, 0) for cell in cells}
    return [name for name, done in there.items() if name in taken and (sized if name in SIZES else networks) <= done]


def _ranked_before(folder: Path, atoms: Sequence[str]) -> list[str]:
    """The combinations of an earlier leaderboard whose measures are all there."""
    path = folder / "leaderboard.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        names = [row["measure"] for row in csv.DictReader(file)]
    return [name for name in names if name != "random" and name not in atoms and set(_atoms([name])) <= set(atoms)]


def _check_taken(wanted: Sequence[str], atoms: Sequence[str]) -> None:
    missing = next((atom for atom in wanted if atom not in atoms), None)
    if missing:
        raise UsageError(f"{missing} could not be taken of any of these networks: leave it out")


def _columns(
    table: NasBench201,
    cells: Sequence[int],
    names: Sequence[str],
    atoms: Sequence[str],
    repeats: int,
    rows: Sequence[dict],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """{measure or combination: its score of each cell}, and the mean seconds of each measure."""
    values = {(row["measure"], int(row["index"]), int(row["repeat"])): float(row["value"]) for row in rows}
    first = representatives(table, cells)
    columns = {}
    for atom in atoms:
        if atom in SIZES:
            columns[atom] = np.array([values[atom, cell, 0] for cell in cells])
        else:
            columns[atom] = over_repeats(
                np.array([[values[atom, first[cell], repeat] for cell in cells] for repeat in range(repeats)])
            )
    seconds = {
        atom: float(np.mean([float(row["seconds"]) for row in rows if row["measure"] == atom])) for atom in atoms
    }
    chance = np.random.default_rng(0).random(len(cells))
    columns |= {name: combined(name, columns) for name in names if name not in atoms}
    return {"random": chance} | columns, seconds
