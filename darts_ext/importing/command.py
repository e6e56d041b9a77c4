"""The command `import`: a supernet that another code trained becomes a run, from which everything goes on."""

import hashlib
from dataclasses import asdict
from pathlib import Path

from torch.optim.swa_utils import update_bn

from supernet import Supernet, find_macro

from ..config import DataSettings, ImportSettings, RunSettings, SearchSettings
from ..data import Images, halves
from ..runtime.device import prepare_device
from ..runtime.errors import UsageError
from ..runtime.files import save_checkpoint
from ..runtime.folder import begin_run, claim_folder
from ..runtime.lock import folders_held
from ..runtime.news import say
from ..runtime.settings import check_ranges, flatten
from ..runtime.training import evaluate
from ..search import Search, build_search, load_supernet, write_alphas
from ..search.observe import mixing_weights
from .formats import read_supernet

SEEN = 2048  # images for statistics and for a first accuracy


@folders_held()
def run_import(checkpoint: Path, run: RunSettings, data: DataSettings, settings: ImportSettings) -> Path:
    """Writes args.yaml and search/last.pt of a run whose search took place elsewhere; `select`, `retrain` and `report`
    take the folder.

    Raises:
        UsageError, SpaceError: the file is no such checkpoint, is not finite, or does not fit the data; nothing is
            written.
    """
    net = read_supernet(checkpoint, settings.format)
    check_ranges(run, data, settings)
    device = prepare_device(run)
    search_settings = _make_search_settings(net, settings)
    origin = {
        "imported": str(checkpoint),
        "format": settings.format,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    args = {**flatten(run, data, search_settings), **origin}
    out = Path(run.out or f"runs/import-{checkpoint.name.partition('.')[0]}")
    folder = claim_folder(out, "search", args)
    images = Images(data, device, run.seed)
    _check_task(net, images, data)
    search = build_search(images, search_settings)
    _adopt_tensors(search, net, images)
    begin_run(folder, "search", args)
    write_alphas(folder, search)
    history = [{"epoch": 1, "genotype": net.genotype().to_text()}]
    save_checkpoint(folder / "search" / "last.pt", {"stage": search.state(), "history": history})
    _show_accuracy(folder, images, search_settings)
    return folder


def _make_search_settings(net: Supernet, settings: ImportSettings) -> SearchSettings:
    """Returns the settings of a finished one-epoch search that match the checkpoint."""
    shapes = {name: tensor.shape for name, tensor in net.state_dict().items()}
    sizes = find_macro(net.space.macro).read_sizes(shapes)
    training = asdict(settings)
    del training["format"]
    return SearchSettings(space=net.space.name, channels=sizes.channels, layers=sizes.layers, epochs=1, **training)


def _check_task(net: Supernet, images: Images, data: DataSettings) -> None:
    """Raises UsageError unless the network takes such images."""
    for name, what in (("num_classes", "classes"), ("in_chans", "channels of images")):
        of_network, of_images = getattr(net, name), images.task[name]
        if of_network != of_images:
            raise UsageError(
                f"the checkpoint has {of_network} {what}, and data {data.data} has {of_images}: name the data that it "
                f"was trained on with --data"
            )


def _adopt_tensors(search: Search, net: Supernet, images: Images) -> None:
    """Gives the search the network's tensors; statistics that it never had are taken from training images."""
    state = net.state_dict()
    lacking = search.net.load_state_dict(state, strict=False).missing_keys
    if lacking:
        train, _ = halves(images.dataset, search.settings.train_portion, images.seed)
        train = train.subset(range(min(SEEN, len(train))))
        update_bn(images.clean(train).epoch(0), search.net)
        search.net.load_state_dict(state, strict=False)
        say(f"its BatchNorms have no running statistics: taken from {len(train)} training images")
    search.mixing = [mixing_weights(search.net)]


def _show_accuracy(folder: Path, images: Images, settings: SearchSettings) -> None:
    """Says the accuracy of the supernet, which a wrong data set or another normalisation would spoil."""
    net, val = load_supernet(folder, images, settings)
    val = val.subset(range(min(SEEN, len(val))))
    accuracy = evaluate(net, images.clean(val).epoch(0), "val")["val_accuracy"]
    say(
        f"accuracy {accuracy:.2f} % on {len(val)} images of --data, some of which may have trained it; "
        f"genotype by alpha: {net.genotype().to_text()}"
    )
