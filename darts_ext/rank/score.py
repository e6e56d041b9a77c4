"""Scores of many networks at initialisation, by tasks that run in any order, on many processes, and can be resumed."""

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from torch import Tensor, nn

from selection import SelectionError, kernels_shared, measure, parse
from supernet import Genotype, build, list_initialisations

from ..runtime.errors import UsageError, unknown
from ..runtime.files import describe_fault, write_whole
from ..runtime.interrupts import interrupts_kept_from_children
from ..runtime.news import say
from ..runtime.processes import one_thread

HEADER = ["index", "repeat", "measure", "value", "seconds"]


@dataclass(frozen=True)
class Task:
    """Measures to take of one network.

    Args:
        index: of the cell in the benchmark's table.
        cell: its genotype as text.
        repeat: number of the initialisation.
        measures: names, each MEASURE or MEASURE~noise.
    """

    index: int
    cell: str
    repeat: int
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Build:
    """Settings by which a cell becomes a network: its sizes, and how weights are drawn (see `list_initialisations`)."""

    channels: int
    layers: int
    num_classes: int
    in_chans: int
    initialisation: str
    seed: int

    def __post_init__(self) -> None:
        if self.initialisation not in list_initialisations():
            raise unknown("initialisation", self.initialisation, list_initialisations())


@dataclass(frozen=True)
class RankInputs:
    """Inputs of the networks: images x, labels y, and normal noise like x for measures that are spelt MEASURE~noise."""

    x: Tensor
    y: Tensor
    noise: Tensor


def build_network(task: Task, settings: Build) -> nn.Module:
    """Builds the network of a task; its weights depend on the seed and the repeat only."""
    return build(
        Genotype.from_text(task.cell),
        channels=settings.channels,
        layers=settings.layers,
        num_classes=settings.num_classes,
        in_chans=settings.in_chans,
        initialisation=settings.initialisation,
        seed=settings.seed * 1000 + task.repeat,
    )


def score_task(task: Task, settings: Build, inputs: RankInputs) -> list[dict]:
    """Returns a row for each measure; of measures that share a kernel the first pays for it.

    Where a measure cannot be taken, the value is NaN and "reason" says why.
    """
    with one_thread(), kernels_shared():
        net = build_network(task, settings).to(inputs.x.device)
        return [_score_measure(name, net, task, inputs) for name in task.measures]


def _score_measure(name: str, net: nn.Module, task: Task, inputs: RankInputs) -> dict:
    start = time.perf_counter()
    reason = ""
    (term,) = parse(name).terms
    x = inputs.noise if term.inputs == "noise" else inputs.x
    try:
        value = measure(term.name, net, x, inputs.y)
    except SelectionError as error:
        value = float("nan")
        reason = f"{name} cannot be taken of {task.cell}: {error}"
    seconds = time.perf_counter() - start
    return {
        "index": task.index,
        "repeat": task.repeat,
        "measure": name,
        "value": repr(value),
        "seconds": f"{seconds:.4f}",
        "reason": reason,
    }


def score_tasks(
    tasks: Sequence[Task],
    settings: Build,
    inputs: Callable[[int], RankInputs],
    path: Path,
    *,
    processes: int = 1,
    backend: AbstractContextManager | None = None,
) -> Iterator[int]:
    """Appends the rows of every task that is not in the file yet, as they come; yields the number of networks done.

    When a process dies, the networks that it was scoring are scored again by a new process. The first failure of each
    measure is printed to standard error.

    Args:
        inputs: returns the inputs of the networks of a repeat.
        path: the file of scores.
        processes: number of them on this machine, unless there is a backend.
        backend: context in which joblib sends its work elsewhere, see `connect`.

    Raises:
        UsageError: processes die, and none has finished a network since the last death.
    """
    reported: set[str] = set()
    n_jobs = -1 if backend else processes
    with backend or nullcontext():
        while waiting := _find_waiting(tasks, read_scores(path)):
            before = len(tasks) - len(waiting)
            count = before
            # a new pool for each try: one that failed may hold old results
            run = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
            calls = (joblib.delayed(score_task)(task, settings, inputs(task.repeat)) for task in waiting)
            try:
                with interrupts_kept_from_children():
                    results = run(calls)
                for rows in results:
                    _append(path, rows)
                    _report_failures(rows, reported)
                    count += 1
                    yield count
            except TerminatedWorkerError:
                if count == before:
                    raise UsageError(
                        "a process that scores networks was killed, perhaps for want of memory: lower --processes and "
                        "repeat"
                    ) from None


def _find_waiting(tasks: Sequence[Task], rows: Sequence[dict]) -> list[Task]:
    """Returns the tasks that are not done, each with the measures that are not in the file."""
    done = {(int(row["index"]), int(row["repeat"]), row["measure"]) for row in rows}
    waiting = []
    for task in tasks:
        measures = tuple(name for name in task.measures if (task.index, task.repeat, _modernise(name)) not in done)
        if measures:
            waiting.append(replace(task, measures=measures))
    return waiting


def _report_failures(rows: Sequence[dict], reported: set[str]) -> None:
    """Prints why a measure could not be taken, once for each measure."""
    for row in rows:
        if row["reason"] and row["measure"] not in reported:
            reported.add(row["measure"])
            say(row["reason"])


def _append(path: Path, rows: Sequence[dict]) -> None:
    try:
        with open(path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HEADER, extrasaction="ignore", lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise describe_fault(path, error) from None


def read_scores(path: Path) -> list[dict]:
    """Reads the rows of a scores file; an end that a kill or a power cut has spoilt is removed from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    written, _, _ = content.partition(b"\0")  # a power cut leaves zeros where no data came
    whole_lines = written[: written.rfind(b"\n") + 1]
    if len(whole_lines) < len(content):
        write_whole(path, whole_lines)
    rows = list(csv.DictReader(whole_lines.decode().splitlines()))
    if rows and list(rows[0]) != HEADER:
        raise UsageError(f"{path} is not a file of scores: its first line is not {','.join(HEADER)}")
    for row in rows:
        row["measure"] = _modernise(row["measure"])
    return rows


@cache
def _modernise(name: str) -> str:
    """Returns a measure as it is spelt today: files of earlier versions have `MEASURE@noise`."""
    return parse(name).joined


def connect(cluster: str) -> AbstractContextManager:
    """Returns a context in which joblib sends its work to the Dask scheduler of that address.

    Raises:
        UsageError: dask is not installed, or no scheduler answers at the address.
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
