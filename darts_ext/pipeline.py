"""Where the stages meet: data -> search -> select -> retrain -> report. Each stage reads the files of the one before
it."""

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import torch
from tqdm import tqdm

from supernet import Genotype, Supernet, build, find_macro

from .children import digest, retrain_stage, train_child
from .config import DataSettings, RetrainSettings, RunSettings, SearchSettings, SelectionSettings, SelectSettings
from .data import Batches, Images, Split, halves
from .networks import build_supernet, read_genotype, task
from .report import write_report
from .runtime.check import check_numbers
from .runtime.epochs import run_epochs
from .runtime.errors import UsageError
from .runtime.events import event_writer
from .runtime.files import load_checkpoint, to_json, write_whole
from .runtime.folder import check_folder, pick_device, read_args, write_settings
from .search import Search, Tracker, Tuning, read_space
from .select import Entry, Fresh, choose, read_entries
from .tabular import in_table


def say(line: str) -> None:
    """One line of news, on standard error, so that standard output holds results only; it does not tear a progress
    bar."""
    tqdm.write(line, file=sys.stderr)


def run_search(run: RunSettings, data: DataSettings, search: SearchSettings) -> Path:
    """Trains a supernet in `run.out`; resumes one that is there."""
    device, settings = prepare(run, data, search), flat(run, data, search)
    folder = check_folder(Path(run.out or f"runs/search-{search.space}-{short(data.data)}"), "search", settings)
    images = Images(data, device, run.seed)
    stage = search_stage(images, search)
    stage.try_tracked()
    write_settings(folder, "search", settings)
    train_supernet(folder, stage)
    genotype = load_supernet(folder, images, search)[0].genotype()
    say(f"genotype by alpha: {genotype.to_text()}{_known(genotype)}")
    write_report(folder)
    return folder


def run_select(folder: Path, run: RunSettings, settings: SelectSettings, how: SelectionSettings) -> Genotype:
    """Chooses an architecture on the supernet of a run; writes scores.json and genotype.json."""
    args = read_args(folder)
    if run.out:
        raise UsageError(f"select writes into the run that it chooses on, {folder}: leave --out {run.out} out")
    (entry,) = read_entries([settings.criterion.replace(" ", "")], how, settings.strategy)
    if entry.supernet:
        raise UsageError(f"a run has one supernet, and {entry.name} names another: leave {entry.supernet}/ out")
    device = prepare(run, how)
    data, search, seed = pick(DataSettings, args), pick(SearchSettings, args), args.get("seed", 0)
    scores, genotype = select_on(folder, folder, Images(data, device, seed), search, entry, run.seed or seed)
    write_report(folder)
    say(
        f"{entry.name}, {entry.strategy}: {scores['evaluations']:.6g} evaluations, {scores['saved']:.6g} saved, in "
        f"{scores['seconds']:.1f} s{_known(genotype)}"
    )
    for note in scores["notes"]:
        say(f"note: {note}")
    print(genotype.to_text())
    return genotype


def run_retrain(target: Path, run: RunSettings, data: DataSettings, settings: RetrainSettings) -> dict:
    """Trains the network of a run's genotype.json (on the run's data), or of a genotype file (on `data`), from
    scratch."""
    if target.is_dir():
        args, path = read_args(target), target / "genotype.json"
        if not path.exists():
            inside = next(iter(sorted(target.glob("seed*/*/genotype.json"))), None)
            mend = (
                f"of its own: give one of those inside, as {inside}" if inside else f"yet: `select {target}` makes one"
            )
            raise UsageError(f"{target} has no genotype {mend}")
        data, space, default = (
            pick(DataSettings, args),
            read_space(pick(SearchSettings, args)) if "space" in args else None,
            target,
        )
    elif target.is_file():
        path, space, default = target, None, Path(f"runs/retrain-{digest(read_genotype(target))}")
    else:
        raise UsageError(f"{target} is neither a run nor a genotype file")
    genotype = read_genotype(path)
    if space:
        space.check(genotype)
    device, asked = prepare(run, data, settings), {"genotype": genotype.to_text(), **flat(run, data, settings)}
    folder = Path(run.out) if run.out else default
    if folder != target:
        check_folder(folder, "retrain", asked)
    check_folder(folder / "evaluate", "retrain", asked)
    images = Images(data, device, run.seed)
    stage = retrain_stage(genotype, images, settings)
    if folder != target:
        write_settings(folder, "retrain", asked)
        write_whole(folder / "genotype.json", genotype.to_json())
    write_settings(folder / "evaluate", "retrain", asked)
    row = train_child(folder / "evaluate", stage, images)
    write_report(folder)
    for pruned in row["pruned"][1:]:
        print(f"without {pruned['pruned']:.0%} of the nodes, those of smallest scale: {pruned['test_accuracy']:.2f} %")
    print(
        f"test accuracy {row['test_accuracy']:.2f} %, {row['parameters']:,} parameters, weights in "
        f"{folder / 'evaluate' / 'model.safetensors'}"
    )
    return row


def run_report(folder: Path) -> Path:
    """Writes report.html of a run or a comparison anew."""
    page = write_report(folder)
    print(f"report: {page}")
    return page


def _known(genotype: Genotype) -> str:
    """What NAS-Bench-201 knows of it, as the end of a sentence."""
    known = in_table(genotype)
    return (
        f"; in NAS-Bench-201 {known['table_cifar10']:.2f} / {known['table_cifar100']:.2f} / {known['table_in16']:.2f} %"
        if known
        else ""
    )


def search_stage(images: Images, settings: SearchSettings) -> Search:
    """The training of a supernet."""
    net = build_supernet(images, settings, images.seed)
    batches = _halves(images, settings, ("train", "val"))
    tracker = Tracker(settings, *batches, images.seed, in_table) if settings.track else None
    return Search(net, settings, *batches, images.seed, judge=in_table, tracker=tracker)


def _halves(images: Images, settings: SearchSettings, streams: tuple[str, str]) -> tuple[Batches, Batches, Batches]:
    """Batches of the weights' half and of the alphas', and of the latter as they are."""
    train, val = halves(images.dataset, settings.train_portion, images.seed)
    return *(
        images.augmented(half, settings.batch_size, stream) for half, stream in zip((train, val), streams)
    ), images.clean(val)


def train_supernet(folder: Path, stage: Search) -> float:
    """Trains the supernet of a run to the end; returns its seconds."""
    options = {choice: list(names) for choice, names in stage.net.space.choices().items()}
    with event_writer(folder / "tb", stage.settings.tensorboard) as events:

        def after(row: dict) -> None:
            write_whole(folder / "search" / "alphas.json", json.dumps({"choices": options, "epochs": stage.mixing}))
            events(row)

        history = run_epochs(stage, stage.settings.epochs, folder / "search" / "last.pt", folder / "summary.csv", after)
    return sum(float(row.get("seconds", 0)) for row in history)  # one that was imported has none


def load_supernet(folder: Path, images: Images, settings: SearchSettings) -> tuple[Supernet, Split]:
    """The trained supernet of a run (its averaged weights, where it has them) and the half that trained its alphas."""
    path = folder / "search" / "last.pt"
    if not path.exists():
        inside = next((f"; try {place.parents[1]}" for place in sorted(folder.glob("seed*/search/last.pt"))), "")
        raise UsageError(f"{folder} has no trained supernet of its own{inside or ': `search` makes one'}")
    checkpoint = load_checkpoint(path)
    if len(checkpoint["history"]) < settings.epochs:
        raise UsageError(
            f"the search in {folder} stopped after {len(checkpoint['history'])} of {settings.epochs} epochs: repeat "
            f"its command to resume it"
        )
    state = checkpoint["stage"]
    averaged = {
        name.removeprefix("module."): tensor for name, tensor in state["average"].items() if name.startswith("module.")
    }
    net = build_supernet(images, settings)
    try:
        net.load_state_dict(averaged or state["net"])
    except RuntimeError:
        raise UsageError(f"{path} belongs to another network than {folder / 'args.yaml'} describes") from None
    return net, halves(images.dataset, settings.train_portion, images.seed)[1]


def select_on(
    run: Path, out: Path, images: Images, settings: SearchSettings, entry: Entry, seed: int
) -> tuple[dict, Genotype]:
    """Chooses on the supernet of `run` and writes into `out`; a comparison's choice that is there already is taken as
    it is."""
    scores, chosen = out / "scores.json", out / "genotype.json"
    if out != run and scores.exists() and chosen.exists():
        return json.loads(scores.read_text()), read_genotype(chosen)
    net, val = load_supernet(run, images, settings)
    supernet = hashlib.sha256((run / "search" / "last.pt").read_bytes()).hexdigest()
    selection = choose(
        net,
        entry,
        selection_batches(images, val, settings, entry),
        seed=seed,
        checkpoint=out / "select" / "last.pt",
        asked={"entry": asdict(entry), "supernet": supernet, "seed": seed},
        tuning=_tuning(net, images, settings, entry),
        build=_initial(net, images, settings, entry),
    )
    genotype = net.genotype(selection.decisions, selection.inputs)
    found = {"entry": entry.name, "measure": entry.measure, **asdict(selection), "settings": entry.taken}
    write_whole(scores, to_json(found))
    write_whole(chosen, genotype.to_json())
    return found, genotype


def selection_batches(images: Images, val: Split, settings: SearchSettings, entry: Entry) -> list | Fresh:
    """What a criterion sees of the validation half."""
    limit = entry.taken["select_images"]
    val = val if limit is None else val.subset(range(min(limit, len(val))))
    if entry.taken["protocol"] == "darts-pt":
        return Fresh(images.augmented(val, settings.batch_size, "select", whole=True))
    return list(images.clean(val, max(2, settings.batch_size)).epoch(0))


def _tuning(net: Supernet, images: Images, settings: SearchSettings, entry: Entry) -> Tuning | None:
    epochs = entry.taken.get("tune_epochs")
    if not epochs:
        return None
    batches = _halves(images, settings, ("tune train", "tune val"))
    return Tuning(net, settings, *batches, images.seed, epochs=epochs, factor=entry.taken["tune_learning_rate_factor"])


def _initial(net: Supernet, images: Images, settings: SearchSettings, entry: Entry) -> Callable | None:
    """Builds a candidate as a network of its own, of the supernet's size."""
    if entry.taken.get("candidate_weights") != "initial":
        return None

    def built(options: dict[str, str], inputs: dict[str, list[str]]) -> torch.nn.Module:
        genotype = net.genotype(options, inputs)
        layers = settings.layers or find_macro(genotype.format).supernet_sizes.layers
        return build(
            genotype,
            channels=settings.channels,
            layers=layers,
            seed=images.seed,
            **task(images, settings, genotype.format),
        ).to(images.device)

    return built


def prepare(run: RunSettings, *stages: object) -> torch.device:
    """Checks what can be checked before any work, sets the threads and picks the device."""
    check_numbers(run, *stages)
    for stage in stages:
        if isinstance(stage, SearchSettings):
            read_space(stage)
    if run.threads:
        torch.set_num_threads(run.threads)
    return pick_device(run.device)


def flat(*settings) -> dict[str, object]:
    """The fields of several settings, by name."""
    return {name: value for part in settings for name, value in asdict(part).items()}


def pick(kind: type, args: dict):
    return kind(**{field.name: args[field.name] for field in fields(kind) if field.name in args})


def short(data: str) -> str:
    """A data set's name as part of a folder's.

    >>> short("folder:some/images")
    'images'
    """
    return Path(data.removeprefix("folder:")).name
