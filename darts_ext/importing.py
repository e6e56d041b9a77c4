"""A supernet that another code trained, as a run: what follows a search goes on from it."""

import hashlib
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from supernet import SpaceError, Supernet, from_nasbench201, from_ptdarts, from_quark0

from .config import DataSettings, ImportSettings, RunSettings, SearchSettings
from .data import Images, halves
from .pipeline import flat, load_supernet, prepare, say, search_stage
from .report import write_report
from .runtime.errors import UsageError, unknown
from .runtime.files import save_checkpoint, write_whole
from .runtime.folder import check_folder, write_settings
from .runtime.training import evaluate
from .search import Search
from .search.observe import mixing_weights

SEEN = 2048  # images for statistics and for a first look


def run_import(checkpoint: Path, run: RunSettings, data: DataSettings, settings: ImportSettings) -> Path:
    """Writes args.yaml and search/last.pt of a run whose search took place elsewhere; `select`, `retrain` and `report`
    take the folder.

    Raises:
        UsageError, SpaceError: the file is no such checkpoint, is not finite, or does not fit the data; nothing is
            written.
    """
    net = read_supernet(checkpoint, settings.format)
    device, search = prepare(run, data, settings), _search_settings(net, settings)
    origin = {
        "imported": str(checkpoint),
        "format": settings.format,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    asked = {**flat(run, data, search), **origin}
    folder = check_folder(Path(run.out or f"runs/import-{checkpoint.name.partition('.')[0]}"), "search", asked)
    images = Images(data, device, run.seed)
    _check_task(net, images, data)
    stage = search_stage(images, search)
    _adopt(stage, net, images)
    write_settings(folder, "search", asked)
    choices = {choice: list(names) for choice, names in stage.net.space.choices().items()}
    write_whole(folder / "search" / "alphas.json", json.dumps({"choices": choices, "epochs": stage.mixing}))
    save_checkpoint(
        folder / "search" / "last.pt",
        {"stage": stage.state(), "history": [{"epoch": 1, "genotype": net.genotype().to_text()}]},
    )
    _look(folder, images, search)
    write_report(folder)
    return folder


def read_supernet(path: Path, kind: str) -> Supernet:
    """The supernet of a checkpoint.

    Raises:
        UsageError, SpaceError: the format is unknown, or the file is not of it; what would be is said.
    """
    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    convert, recipe = FORMATS[kind]
    try:
        return convert(_load(path))
    except _NotOfFormatError as error:
        raise UsageError(f"{path} {error}: in the code that wrote it, {recipe}") from None


class _NotOfFormatError(Exception):
    """What is wrong with a file, so that the way to write it must be said."""


def _load(path: Path) -> object:
    """What the file holds, tensors and built-in types; anything else in it could run code, and is not loaded."""
    if not path.is_file():
        raise UsageError(f"{path} is not there, or not a file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, BadZipFile, pickle.UnpicklingError) as error:
        if "Unsupported operand" not in str(error) and "Unsupported" in str(error):
            raise _NotOfFormatError("holds objects besides tensors, and loading those can run their code") from None
        raise UsageError(f"{path} is not a file of torch.save") from None


def _quark0(content: object) -> Supernet:
    state, *alphas = (_part(content, name) for name in ("state_dict", "alphas_normal", "alphas_reduce"))
    return from_quark0(_tensors(state), *map(_tensor, alphas))


def _ptdarts(content: object) -> Supernet:
    return from_ptdarts(_tensors(_inner(content, "state_dict")))


def _dartspt(content: object) -> Supernet:
    state, alphas = _part(content, "state_dict"), _part(content, "alpha")
    flags = content.get("candidate_flags")
    decided = sum(
        int((~part.bool()).sum())
        for part in (flags.values() if isinstance(flags, Mapping) else [flags])
        if isinstance(part, Tensor)
    )
    if decided:
        raise SpaceError(
            f"the checkpoint was written in the middle of a projection (decided edges: {decided}): import that of the "
            f"search before it"
        )
    if not isinstance(alphas, (list, tuple)) or len(alphas) not in (1, 2):
        raise _NotOfFormatError("has an alpha that is no list of one or two tensors")
    convert: Callable[..., Supernet] = from_quark0 if len(alphas) == 2 else from_nasbench201
    return convert(_tensors(state), *map(_tensor, alphas))


def _nasbench201(content: object) -> Supernet:
    if isinstance(content, Mapping) and "alpha" in content:
        return _dartspt(content)
    return from_nasbench201(_tensors(_inner(_inner(content, "search_model"), "state_dict")))


FORMATS: dict[
    str, tuple[Callable[[object], Supernet], str]
] = {  # name: (converter, what the other code must do for its file to be read)
    "quark0": (
        _quark0,
        'torch.save({"state_dict": model.state_dict(), "alphas_normal": model.alphas_normal, "alphas_reduce": '
        "model.alphas_reduce}, FILE) "
        "(its own weights.pt has no alphas)",
    ),
    "ptdarts": (_ptdarts, 'torch.save(torch.load("best.pth.tar", weights_only=False).state_dict(), FILE)'),
    "darts-pt": (_dartspt, 'torch.save({"state_dict": model.state_dict(), "alpha": model.arch_parameters()}, FILE)'),
    "nasbench201": (_nasbench201, 'torch.save(torch.load(CHECKPOINT, weights_only=False)["search_model"], FILE)'),
}


def _inner(content: object, name: str) -> object:
    return content[name] if isinstance(content, Mapping) and name in content else content


def _part(content: object, name: str) -> object:
    if not isinstance(content, Mapping) or name not in content:
        raise _NotOfFormatError(f"has no {name}")
    return content[name]


def _tensors(state: object) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise _NotOfFormatError("holds no state_dict")
    return dict(state)


def _tensor(value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise _NotOfFormatError("has alphas that are no tensors")
    return value


def _search_settings(net: Supernet, settings: ImportSettings) -> SearchSettings:
    """As of a search of one epoch, which is done."""
    width, cells = net.stem[0].out_channels, len(net.cells)
    channels, layers = (width // 3, cells) if net.space.macro == "darts" else (width, (cells - 2) // 3)
    own = {name: value for name, value in asdict(settings).items() if name != "format"}
    return SearchSettings(space=net.space.name, channels=channels, layers=layers, epochs=1, **own)


def _check_task(net: Supernet, images: Images, data: DataSettings) -> None:
    for name, what in (("num_classes", "classes"), ("in_chans", "channels of images")):
        mine, asked = getattr(net, name), images.task[name]
        if mine != asked:
            raise UsageError(
                f"the checkpoint has {mine} {what}, and data {data.data} has {asked}: name the data that it was "
                f"trained on with --data"
            )


def _adopt(stage: Search, net: Supernet, images: Images) -> None:
    """Gives the stage the network's tensors; statistics that it never had are taken from training images."""
    state = net.state_dict()
    lacking = stage.net.load_state_dict(state, strict=False).missing_keys
    if lacking:
        train, _ = halves(images.dataset, stage.settings.train_portion, images.seed)
        train = train.subset(range(min(SEEN, len(train))))
        update_bn(images.clean(train).epoch(0), stage.net)
        stage.net.load_state_dict(state, strict=False)
        say(f"its BatchNorms have no running statistics: taken from {len(train)} training images")
    stage.mixing = [mixing_weights(stage.net)]


def _look(folder: Path, images: Images, search: SearchSettings) -> None:
    """Shows what a wrong data set or another normalisation would spoil."""
    net, val = load_supernet(folder, images, search)
    val = val.subset(range(min(SEEN, len(val))))
    accuracy = evaluate(net, images.clean(val).epoch(0), "val")["val_accuracy"]
    say(
        f"accuracy {accuracy:.2f} % on {len(val)} images of --data, some of which may have trained it; genotype by "
        f"alpha: {net.genotype().to_text()}"
    )
