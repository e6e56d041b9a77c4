"""The supernet of a run: built, trained, and loaded again."""

import json
from pathlib import Path

from supernet import Genotype, Macro, MLPSpace, Relaxation, Space, Supernet, create_relaxation, find_macro

from ..config import RetrainSettings, SearchSettings
from ..data import ImageBatches, Images, Split, halves
from ..runtime.epochs import run_epochs
from ..runtime.errors import UsageError
from ..runtime.events import event_writer
from ..runtime.files import load_checkpoint, write_whole
from ..runtime.news import say
from ..tabular import describe_known, in_table
from .bilevel import Search
from .paths import PATHS
from .space import read_space
from .stopping import find_end
from .track import Tracker
from .tuning import Tuning


def build_supernet(images: Images, settings: SearchSettings, seed: int | None = None) -> Supernet:
    """Builds the supernet of a search, on the images' device."""
    space = read_space(settings)
    arguments = network_arguments(images, settings, find_macro(space.macro))
    relaxation = read_relaxation(settings)
    arguments |= _read_changes_of_cells(settings, space)
    net = Supernet(
        space, seed=seed, channels=settings.channels, layers=settings.layers, relaxation=relaxation, **arguments
    )
    if settings.skip_start:
        net.start_skips(settings.skip_start)
    return net.to(images.device)


def _read_changes_of_cells(settings: SearchSettings, space: Space | MLPSpace) -> dict[str, object]:
    """Returns the arguments of a supernet of cells that are not as they are by default."""
    changes = {}
    for name, default in (("auxiliary_skip", False), ("partial_channels", 1)):
        if getattr(settings, name) != default:
            changes[name] = getattr(settings, name)
    if changes and isinstance(space, MLPSpace):
        raise UsageError(f"{' and '.join(changes)} is of cells, and space mlp has none: leave it out")
    return changes


def read_relaxation(settings: SearchSettings) -> Relaxation:
    """Creates the relaxation of a search, with those of its settings that are given."""
    given = {}
    for name in ("temperature", "temperature_min", "zero_one", "kl"):
        if getattr(settings, name) is not None:
            given[name] = getattr(settings, name)
    return create_relaxation(settings.relaxation, **given)


def network_arguments(images: Images, settings: SearchSettings | RetrainSettings, macro: Macro) -> dict[str, object]:
    """Returns what a network must know of the images, and of how fully-connected layers are parametrised."""
    arguments = dict(images.task)
    if not macro.made_of_cells:
        arguments["image_size"] = images.dataset.image_size
        arguments["parametrisation"] = settings.parametrisation
    return arguments


def build_search(images: Images, settings: SearchSettings) -> Search:
    """Builds the training of a supernet."""
    net = build_supernet(images, settings, images.seed)
    batches = halved_batches(images, settings, ("train", "val"))
    tracker = Tracker(settings, *batches, images.seed, in_table) if settings.track else None
    return Search(net, settings, *batches, images.seed, lookup=in_table, tracker=tracker)


def build_tuning(net: Supernet, images: Images, settings: SearchSettings, *, epochs: float, factor: float) -> Tuning:
    """Builds the training of a supernet between decisions.

    Raises:
        UsageError: its weights were trained by paths, which have no decisions in between.
    """
    if settings.relaxation in PATHS:
        raise UsageError(
            f"tune_epochs trains a mixture between decisions, and this supernet is trained by {settings.relaxation}: "
            f"leave it out"
        )
    batches = halved_batches(images, settings, ("tune train", "tune val"))
    return Tuning(net, settings, *batches, images.seed, epochs=epochs, factor=factor)


def halved_batches(
    images: Images, settings: SearchSettings, streams: tuple[str, str]
) -> tuple[ImageBatches, ImageBatches, ImageBatches]:
    """Returns batches of the weights' half and of the alphas' half, both augmented, and of the latter as it is."""
    train, val = halves(images.dataset, settings.train_portion, images.seed)
    train_stream, val_stream = streams
    return (
        images.augmented(train, settings.batch_size, train_stream),
        images.augmented(val, settings.batch_size, val_stream),
        images.clean(val),
    )


def train_supernet(folder: Path, search: Search) -> float:
    """Trains the supernet of a run to the end; returns the seconds that its epochs took."""
    with event_writer(folder / "tb", search.settings.tensorboard) as write_events:

        def after_epoch(row: dict) -> None:
            write_alphas(folder, search)
            write_events(row)

        last = folder / "search" / "last.pt"
        history = run_epochs(
            search,
            search.settings.epochs,
            last,
            folder / "summary.csv",
            after_epoch,
            lambda rows: find_end(rows, search.settings) is not None,
        )
    write_alphas(folder, search)  # a kill may have come between the last checkpoint and these
    if (end := find_end(history, search.settings)) and end.epochs < search.settings.epochs:
        chosen = Genotype.from_text(str(history[end.best - 1]["genotype"]))
        say(
            f"the search ended after {end.epochs} of {search.settings.epochs} epochs: {end.reason}; after {end.best} "
            f"alpha chose {chosen.to_text()}{describe_known(chosen)}"
        )
    return sum(float(row.get("seconds", 0)) for row in history)  # an imported run has no seconds


def write_alphas(folder: Path, search: Search) -> None:
    """Writes alphas.json: the options of every choice, and their mixing weights after every epoch."""
    options = {choice: list(names) for choice, names in search.net.space.choices().items()}
    write_whole(folder / "search" / "alphas.json", json.dumps({"choices": options, "epochs": search.mixing}))


def load_supernet(folder: Path, images: Images, settings: SearchSettings) -> tuple[Supernet, Split]:
    """Loads the trained supernet of a run (its averaged weights, where it has them), and the half that trained its
    alphas.

    Raises:
        UsageError: there is none, its search is not finished, or it is another network's.
    """
    path = folder / "search" / "last.pt"
    if not path.exists():
        raise UsageError(f"{folder} has no trained supernet of its own{_suggest_run(folder)}")
    checkpoint = load_checkpoint(path)
    epochs = len(checkpoint["history"])
    if epochs < settings.epochs and find_end(checkpoint["history"], settings) is None:
        raise UsageError(
            f"the search in {folder} stopped after {epochs} of {settings.epochs} epochs: repeat its command to "
            f"resume it"
        )
    net = build_supernet(images, settings)
    try:
        net.load_state_dict(_read_weights(checkpoint["stage"]))
    except RuntimeError:
        raise UsageError(f"{path} belongs to another network than {folder / 'args.yaml'} describes") from None
    _, val = halves(images.dataset, settings.train_portion, images.seed)
    return net, val


def _suggest_run(folder: Path) -> str:
    inside = sorted(folder.glob("seed*/search/last.pt"))
    if inside:
        return f"; try {inside[0].parents[1]}"
    return ": `search` makes one"


def _read_weights(stage: dict) -> dict:
    """Returns the averaged weights of a checkpoint, or the last ones where it has none."""
    prefix = "module."
    averaged = {}
    for name, tensor in stage["average"].items():
        if name.startswith(prefix):
            averaged[name.removeprefix(prefix)] = tensor
    return averaged or stage["net"]
