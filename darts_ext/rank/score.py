"""Scores of many networks at initialisation: tasks that run in any order, on one process or many, and go on where they
stopped."""

import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import joblib
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from torch import Tensor, nn

from selection import SelectionError, measure
from selection.measures.memo import kernels_shared
from supernet import Genotype, build

from ..runtime.errors import UsageError, unknown

NOISE = "@noise"
HEADER = ["index", "repeat", "measure", "value", "seconds"]


@dataclass(frozen=True)
class Task:
    """What is to be measured of one network: its index in the table, its cell, which initialisation, and the
    measures."""

    index: int
    cell: str
    repeat: int
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Build:
    """How a cell becomes a network: its sizes, and how weights are drawn (see `INITIALISATIONS`)."""

    channels: int
    layers: int
    num_classes: int
    in_chans: int
    initialisation: str
    seed: int

    def __post_init__(self) -> None:
        if self.initialisation not in INITIALISATIONS:
            raise unknown("initialisation", self.initialisation, INITIALISATIONS)


@dataclass(frozen=True)
class Images:
    """What the networks see: images x and labels y, and normal noise of the same shape for measures that are spelt
    MEASURE@noise."""

    x: Tensor
    y: Tensor
    noise: Tensor


def _keep(net: nn.Module) -> None:
    """As torch draws them."""


def _he(mode: str) -> Callable[[nn.Module], None]:
    def draw(net: nn.Module) -> None:
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    return draw


INITIALISATIONS: dict[str, Callable[[nn.Module], None]] = {
    "default": _keep,
    "he_fan_in": _he("fan_in"),
    "he_fan_out": _he("fan_out"),
}


def network(task: Task, how: Build) -> nn.Module:
    """The network of a task; its weights depend on the seed and the repeat only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed * 1000 + task.repeat)
        net = build(
            Genotype.from_text(task.cell),
            channels=how.channels,
            layers=how.layers,
            num_classes=how.num_classes,
            in_chans=how.in_chans,
        )
        INITIALISATIONS[how.initialisation](net)
    return net


def score_task(task: Task, how: Build, images: Images) -> list[dict]:
    """A row for each measure; a value that is not a number stands for one that the measure could not take, with the
    reason. Of measures that share a kernel the first pays for it."""
    torch.set_num_threads(1)
    net, rows = network(task, how).to(images.x.device), []
    with kernels_shared():
        for name in task.measures:
            start, reason = time.perf_counter(), ""
            try:
                value = measure(
                    name.removesuffix(NOISE), net, images.noise if name.endswith(NOISE) else images.x, images.y
                )
            except SelectionError as error:
                value, reason = float("nan"), f"{name} cannot be taken of {task.cell}: {error}"
            row = {
                "index": task.index,
                "repeat": task.repeat,
                "measure": name,
                "value": repr(value),
                "seconds": f"{time.perf_counter() - start:.4f}",
            }
            rows.append(row | {"reason": reason})
    return rows


def score_tasks(
    tasks: Sequence[Task],
    how: Build,
    images: Callable[[int], Images],
    path: Path,
    *,
    processes: int = 1,
    backend: AbstractContextManager | None = None,
) -> Iterator[int]:
    """Appends the rows of every task that is not in the file yet, as they come; yields the number of networks done.

    A process that dies takes what it was at with it; others are started, and score that again. Of each measure the
    first that cannot be taken is told.

    Args:
        images: from a repeat to what its networks see.
        processes: on this machine, unless there is a backend, see `connect`.

    Raises:
        UsageError: processes die, and none has finished a network since the last death.
    """
    told: set[str] = set()
    with backend or nullcontext():
        while waiting := _waiting(tasks, read_scores(path)):
            count = before = len(tasks) - len(waiting)
            work = joblib.Parallel(
                n_jobs=-1 if backend else processes, return_as="generator_unordered", batch_size=1
            )  # one that failed may hold old results
            try:
                for rows in work(joblib.delayed(score_task)(task, how, images(task.repeat)) for task in waiting):
                    _append(path, rows)
                    _tell(rows, told)
                    count += 1
                    yield count
            except TerminatedWorkerError:
                if count == before:
                    raise UsageError(
                        "a process that scores networks was killed, perhaps for want of memory: lower --processes and repeat"
                    ) from None


def _waiting(tasks: Sequence[Task], rows: Sequence[dict]) -> list[Task]:
    """The tasks with the measures that are not in the file."""
    done = {(int(row["index"]), int(row["repeat"]), row["measure"]) for row in rows}
    left = [
        Task(
            task.index,
            task.cell,
            task.repeat,
            tuple(name for name in task.measures if (task.index, task.repeat, name) not in done),
        )
        for task in tasks
    ]
    return [task for task in left if task.measures]


def _tell(rows: Sequence[dict], told: set[str]) -> None:
    for row in rows:
        if row["reason"] and row["measure"] not in told:
            told.add(row["measure"])
            print(row["reason"], file=sys.stderr)


def _append(path: Path, rows: Sequence[dict]) -> None:
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, HEADER, extrasaction="ignore", lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)


def read_scores(path: Path) -> list[dict]:
    """The rows of a scores file; a last line that a kill cut short is taken off the file."""
    if not path.exists():
        return []
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) < len(whole):
        path.write_bytes(kept)
    rows = list(csv.DictReader(kept.decode().splitlines()))
    if rows and list(rows[0]) != HEADER:
        raise UsageError(f"{path} is not a file of scores: its first line is not {','.join(HEADER)}")
    return rows


def connect(cluster: str) -> AbstractContextManager:
    """In this context joblib's work goes to the Dask scheduler of that address.

    Raises:
        UsageError: dask is not installed, or nobody answers there.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        raise UsageError("--cluster needs dask: pip install 'darts_ext[cluster]'") from None
    try:
        Client(cluster, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler can be reached at {cluster!r}: {str(error).splitlines()[0]}") from None
    return joblib.parallel_config(backend="dask")
