"""The command `rank`: cells -> scores -> leaderboard."""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from selection import Spelling, find_measure, list_measures, parse_measures, split_names

from ..config import DataSettings, RankSettings, RunSettings
from ..data import Images
from ..runtime.device import prepare_device
from ..runtime.errors import UsageError
from ..runtime.files import write_csv
from ..runtime.folder import begin_run, claim_folder, read_args
from ..runtime.lock import folders_held, hold_folder
from ..runtime.settings import check_ranges
from ..runtime.streams import show
from ..tabular import Table, load_table
from .cells import find_neighbourhood, representatives, sample_cells
from .leaderboard import SIZES, Leaderboard, make_leaderboard, render
from .score import Build, RankInputs, Task, connect, read_scores, score_tasks

FREE = ("measures", "processes", "cluster")  # may change from one call to the next on the same folder


@folders_held()
def run_rank(run: RunSettings, data: DataSettings, settings: RankSettings) -> Leaderboard:
    """Scores cells of a benchmark at initialisation, and shows how well each measure orders them by test accuracy."""
    names = split_names(settings.measures)
    if not names:
        raise UsageError(f"no measure is given: choose from {', '.join(list_measures())}")
    spelt = [_read_measures(name) for name in names if name != "all"]
    everything = [parse_measures(name) for name in _list_cell_measures()] if "all" in names else []
    atoms = _list_atoms([*spelt, *everything])
    check_ranges(run, settings)
    device, table = prepare_device(run), load_table(settings.space)
    cells = sample_cells(table, _read_number(settings.candidates), run.seed)
    near = find_neighbourhood(table) if settings.neighbourhood else []
    fixed = {}
    for part in (run, data, settings):
        fixed |= {name: value for name, value in asdict(part).items() if name not in FREE}
    folder = claim_folder(Path(run.out or "runs/rank"), "rank", fixed)
    images = Images(data, device, run.seed)
    inputs = _draw_inputs(images, settings, run.seed)
    build = Build(
        settings.channels,
        settings.layers,
        **images.task,
        initialisation=settings.initialisation,
        seed=run.seed,
    )
    backend = connect(settings.cluster) if settings.cluster else None
    begin_run(folder, "rank", fixed)
    tasks = _make_tasks(table, list(dict.fromkeys([*cells, *near])), atoms, settings.repeats)
    with tqdm(total=len(tasks), desc="rank", unit="network", disable=None) as bar:
        for done in score_tasks(
            tasks, build, inputs.__getitem__, folder / "scores.csv", processes=settings.processes, backend=backend
        ):
            bar.update(done - bar.n)
    # of all measures, those that cannot be taken are left out; one that was named must be there
    return _show(folder, table, cells, spelt, settings.repeats, near)


@folders_held()
def rerank(folder: Path) -> Leaderboard:
    """Makes the leaderboard of a finished ranking anew, of what its file of scores holds."""
    args = read_args(folder)
    table = load_table(args.get("space", RankSettings.space))
    if not (folder / "leaderboard.csv").exists():
        raise UsageError(f"the ranking in {folder} has not come to its end: repeat its command")
    hold_folder(folder, "report")
    cells = sample_cells(table, _read_number(args["candidates"]), args["seed"])
    near = find_neighbourhood(table) if args.get("neighbourhood") else []
    return _show(folder, table, cells, [], args["repeats"], near)


def _show(
    folder: Path, table: Table, cells: Sequence[int], asked: Sequence[Spelling], repeats: int, near: Sequence[int]
) -> Leaderboard:
    """Writes and prints the leaderboard of what was asked, now and before."""
    scores = read_scores(folder / "scores.csv")
    scored = _list_scored(table, list(dict.fromkeys([*cells, *near])), repeats, scores)
    for atom in _list_atoms(asked):
        if atom not in scored:
            raise UsageError(f"{atom} could not be taken of any of these networks: leave it out")
    joined = {spelling.joined: spelling for spelling in [*asked, *_read_ranked_before(folder, scored)]}
    board = make_leaderboard(folder, table, cells, list(joined.values()), scored, repeats, scores, near)
    write_csv(folder / "leaderboard.csv", board.rows)
    show(render(board.rows, table.datasets))
    return board


def _read_measures(name: str) -> Spelling:
    """Reads a measure, or several that are joined; each must be one of cells."""
    spelling = parse_measures(name)
    for term in spelling.terms:
        if find_measure(term.name).needs == "mlp":
            raise UsageError(f"{term.name} is a measure of fully-connected networks, and these are cells: leave it out")
    return spelling


def _list_cell_measures() -> list[str]:
    return [name for name in list_measures() if find_measure(name).needs != "mlp"]


def _list_atoms(spellings: Sequence[Spelling]) -> list[str]:
    """Returns the measures that are to be taken, each once, sizes first."""
    atoms = list(SIZES)
    for spelling in spellings:
        atoms += spelling.names
    return list(dict.fromkeys(atoms))


def _read_number(candidates: int | str) -> int | None:
    """Returns how many cells are drawn; None for all."""
    if candidates == "all":
        return None
    if not str(candidates).isdigit() or int(candidates) < 2:
        raise UsageError(f"candidates is a number of cells, at least 2, or all, not {candidates!r}")
    return int(candidates)


def _draw_inputs(images: Images, settings: RankSettings, seed: int) -> list[RankInputs]:
    """Draws what the networks of each repeat see: the same for all cells."""
    size, train = settings.images, images.dataset.train
    if size * settings.repeats > len(train):
        raise UsageError(f"{settings.repeats} batches of {size} images are more than the {len(train)} there are")
    inputs = []
    for repeat, (x, y) in zip(range(settings.repeats), images.shuffled(train, size, "rank").epoch(0)):
        generator = torch.Generator().manual_seed(seed * 1000 + repeat)
        noise = torch.randn(x.shape, generator=generator).to(x)
        inputs.append(RankInputs(x, y, noise))
    return inputs


def _make_tasks(table: Table, cells: Sequence[int], atoms: Sequence[str], repeats: int) -> list[Task]:
    """Returns what is to be measured: everything of one cell of those that compute the same, of the others only what
    may differ."""
    first = representatives(table, cells)
    sizes = tuple(name for name in atoms if name in SIZES)
    tasks = []
    for repeat in range(repeats):
        for cell in cells:
            if first[cell] == cell:
                measures = tuple(atoms)
            elif repeat == 0:
                measures = sizes
            else:
                continue
            if measures:
                tasks.append(Task(cell, table.genotype(cell).to_text(), repeat, measures))
    return tasks


def _list_scored(table: Table, cells: Sequence[int], repeats: int, rows: Sequence[dict]) -> list[str]:
    """Returns the measures that the file has of every network, and that could be taken of some."""
    firsts = set(representatives(table, cells).values())
    networks = {(cell, repeat) for cell in firsts for repeat in range(repeats)}
    sized = {(cell, 0) for cell in cells}
    done: dict[str, set] = {}
    taken = set()
    for row in rows:
        done.setdefault(row["measure"], set()).add((int(row["index"]), int(row["repeat"])))
        if row["value"] != "nan":
            taken.add(row["measure"])
    scored = []
    for name, measured in done.items():
        needed = sized if name in SIZES else networks
        if name in taken and needed <= measured:
            scored.append(name)
    return scored


def _read_ranked_before(folder: Path, scored: Sequence[str]) -> list[Spelling]:
    """Returns the combinations of an earlier leaderboard whose measures are all there."""
    path = folder / "leaderboard.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        names = [row["measure"] for row in csv.DictReader(file)]
    earlier = []
    for name in names:
        if name == "random":
            continue
        spelling = parse_measures(name)
        if spelling.joined not in scored and set(spelling.names) <= set(scored):
            earlier.append(spelling)
    return earlier
