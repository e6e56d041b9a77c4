"""Where the stages of `rank` meet: cells -> scores -> leaderboard -> report."""

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
from .data import Images as Data
from .rank import NOISE, Build, Images, Task, combined, connect, leaderboard, over_repeats, read_scores, representatives, sample_cells, score_tasks
from .report.ranking import write_ranking
from .runtime.check import check_numbers
from .runtime.errors import UsageError, unknown
from .runtime.files import write_csv
from .runtime.folder import check_folder, pick_device, write_settings
from .tabular import DATASETS, NasBench201

SIZES = ("parameters", "flops")  # in these alone cells may differ that compute the same
FREE = ("measures", "processes", "cluster")  # may change from one call to the next on the same folder


def run_rank(run: RunSettings, data: DataSettings, settings: RankSettings) -> Path:
    """Scores cells of NAS-Bench-201 at initialisation, and shows how well each measure orders them by test accuracy."""
    everything = [name for name in list_measures() if not name.startswith("ntk_infinite")]  # those are of fully-connected networks
    asked = [name.strip() for name in settings.measures.split(",") if name.strip()]
    names = list(dict.fromkeys(part for name in asked for part in (everything if name == "all" else [name])))
    atoms = _atoms(names)
    check_numbers(run, settings)
    device, table = pick_device(run.device), NasBench201()
    cells = sample_cells(table, _number(settings.candidates), run.seed)
    fixed = {name: value for part in (run, data, settings) for name, value in asdict(part).items() if name not in FREE}
    folder = check_folder(Path(run.out or "runs/rank"), "rank", fixed)
    source = Data(data, device, run.seed)
    shown = _images(source, settings, run.seed)
    how = Build(settings.channels, settings.layers, **source.task, initialisation=settings.initialisation, seed=run.seed)
    backend = connect(settings.cluster) if settings.cluster else None
    write_settings(folder, "rank", fixed)
    scores, tasks = folder / "scores.csv", _tasks(table, cells, atoms, settings.repeats)
    with tqdm(total=len(tasks), desc="rank", unit="network", disable=None) as bar:
        for done in score_tasks(tasks, how, shown.__getitem__, scores, processes=settings.processes, backend=backend):
            bar.update(done - bar.n)
    rows = read_scores(scores)
    atoms = [*atoms, *_scored_before(tasks, atoms, rows)]
    columns, seconds = _columns(table, cells, names, atoms, settings.repeats, rows)
    accuracies = {dataset: table.test(dataset)[cells] for dataset in DATASETS}
    rows = leaderboard(columns, accuracies, table.parameters[cells], seconds)
    write_csv(folder / "leaderboard.csv", rows)
    page = write_ranking(folder, rows, columns, accuracies)
    print(render(rows))
    print(f"report: {page}")
    return folder


def render(rows: Sequence[dict]) -> str:
    """The leaderboard for the terminal."""
    lines = [f"{'measure':64} {'cifar10':>20} {'cifar100':>8} {'in16':>6} {'given size':>10} {'best of 100':>14} {'seconds':>8}"]
    for row in rows:
        span = f"{row['cifar10_spearman']:.3f} [{row['cifar10_spearman_low']:.3f}, {row['cifar10_spearman_high']:.3f}]"
        best = "" if isnan(row["cifar10_best_of_100"]) else f"{row['cifar10_best_of_100']:.2f} ± {row['cifar10_best_of_100_sd']:.2f}"
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
    atoms = list(dict.fromkeys([*SIZES, *(part for name in names for part in spelt_out(name.rpartition(":")[2]).split("+"))]))
    for atom in atoms:
        if not atom:
            raise UsageError(f"a measure is missing beside a + or a comma of {','.join(names)!r}")
        if "@" in atom.removesuffix(NOISE):
            raise UsageError(f"{atom!r}: behind @ stands noise, for normal images in place of the data's, or there is no @")
        if atom.removesuffix(NOISE) not in list_measures():
            raise unknown("measure", atom, [*list_measures(), "combination"])
    return atoms


def _number(candidates: int | str) -> int | None:
    if candidates == "all":
        return None
    if not str(candidates).isdigit() or int(candidates) < 2:
        raise UsageError(f"candidates is a number of cells, at least 2, or all, not {candidates!r}")
    return int(candidates)


def _images(source: Data, settings: RankSettings, seed: int) -> list[Images]:
    """What the networks of each repeat see: the same for all cells."""
    size = settings.images
    if size * settings.repeats > len(source.dataset.train):
        raise UsageError(f"{settings.repeats} batches of {size} images are more than the {len(source.dataset.train)} there are")
    found = []
    for repeat, (x, y) in zip(range(settings.repeats), source.shuffled(source.dataset.train, size, "rank").epoch(0)):
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed * 1000 + repeat)).to(x)
        found.append(Images(x, y, noise))
    return found


def _tasks(table: NasBench201, cells: Sequence[int], atoms: Sequence[str], repeats: int) -> list[Task]:
    first = representatives(table, cells)
    rest = [name for name in atoms if name in SIZES]
    tasks = [
        Task(cell, table.genotype(cell).to_text(), repeat, tuple(atoms if first[cell] == cell else rest if repeat == 0 else ()))
        for repeat in range(repeats)
        for cell in cells
    ]
    return [task for task in tasks if task.measures]


def _scored_before(tasks: Sequence[Task], atoms: Sequence[str], rows: Sequence[dict]) -> list[str]:
    """What else the file has of every network of this call."""
    networks = {(task.index, task.repeat) for task in tasks if set(task.measures) - set(SIZES)}
    known: dict[str, set] = {}
    for row in rows:
        known.setdefault(row["measure"], set()).add((int(row["index"]), int(row["repeat"])))
    return [name for name, there in known.items() if name not in atoms and networks <= there]


def _columns(
    table: NasBench201, cells: Sequence[int], names: Sequence[str], atoms: Sequence[str], repeats: int, rows: Sequence[dict]
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """{measure or combination: its score of each cell}, and the mean seconds of each measure."""
    values = {(row["measure"], int(row["index"]), int(row["repeat"])): float(row["value"]) for row in rows}
    first = representatives(table, cells)
    columns = {}
    for atom in atoms:
        if all(np.isnan(value) for (name, *_), value in values.items() if name == atom):
            raise UsageError(f"{atom} could not be taken of any network: see the warnings above")
        if atom in SIZES:
            columns[atom] = np.array([values[atom, cell, 0] for cell in cells])
        else:
            columns[atom] = over_repeats(np.array([[values[atom, first[cell], repeat] for cell in cells] for repeat in range(repeats)]))
    seconds = {atom: float(np.mean([float(row["seconds"]) for row in rows if row["measure"] == atom])) for atom in atoms}
    chance = np.random.default_rng(0).random(len(cells))
    columns |= {name: combined(name, columns) for name in names if name not in atoms}
    return {"random": chance} | columns, seconds
