"""The chosen networks, trained from scratch in a folder each."""

import json
from pathlib import Path

from safetensors.torch import save

from supernet import Genotype

from ..config import RetrainSettings
from ..data import Images
from ..runtime.epochs import run_epochs
from ..runtime.files import write_csv, write_whole
from .network import build_child
from .pruning import pruning
from .training import Retrain


def build_retraining(genotype: Genotype, images: Images, settings: RetrainSettings) -> Retrain:
    """Builds the training from scratch of a genotype's network."""
    net = build_child(genotype, images, settings)
    train = images.dataset.train
    return Retrain(
        net,
        settings,
        images.augmented(train, settings.batch_size, "retrain"),
        images.clean(train),
        images.clean(images.dataset.test),
        images.seed,
    )


def train_child(folder: Path, retraining: Retrain, images: Images) -> dict:
    """Trains the network of a genotype to the end, and writes its weights.

    Returns:
        the row of its last epoch, with its seconds, its parameters, and what pruning leaves of it.
    """
    history = run_epochs(retraining, retraining.settings.epochs, folder / "last.pt", folder / "summary.csv")
    pruned = []
    if retraining.settings.node_scale is not None:
        pruned = pruning(retraining.final, retraining.test)
        write_csv(folder / "pruning.csv", pruned)
    _write_weights(folder / "model.safetensors", retraining, images)
    seconds = sum(float(row["seconds"]) for row in history)
    return {**history[-1], "seconds": seconds, "parameters": _count_parameters(retraining.net), "pruned": pruned}


def _count_parameters(net) -> int:
    """Counts the parameters that are left once the network is trained: the auxiliary head goes."""
    counts = [p.numel() for name, p in net.named_parameters() if not name.startswith("auxiliary_head.")]
    return sum(counts)


def _write_weights(path: Path, retraining: Retrain, images: Images) -> None:
    weights = {name: tensor.contiguous().cpu() for name, tensor in retraining.final.state_dict().items()}
    metadata = {"genotype": retraining.net.genotype.to_json(), "images": json.dumps(images.statistics)}
    write_whole(path, _sort_header(save(weights, metadata)))


def _sort_header(content: bytes) -> bytes:
    """Returns a safetensors file with its header sorted: safetensors itself writes metadata in another order each
    time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]
