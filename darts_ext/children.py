"""The chosen networks, trained from scratch in a folder each."""

import hashlib
import json
from pathlib import Path

from safetensors.torch import save

from supernet import Genotype

from .config import RetrainSettings
from .data import Images
from .evaluate import Retrain, pruning
from .networks import build_child
from .runtime.epochs import run_epochs
from .runtime.files import write_csv, write_whole


def retrain_stage(genotype: Genotype, images: Images, settings: RetrainSettings) -> Retrain:
    """The training from scratch of a genotype's network."""
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


def train_child(folder: Path, stage: Retrain, images: Images) -> dict:
    """Trains the network of a genotype to the end; returns its last row, its seconds, its parameters and what pruning
    leaves."""
    history = run_epochs(stage, stage.settings.epochs, folder / "last.pt", folder / "summary.csv")
    weights = {name: tensor.contiguous().cpu() for name, tensor in stage.final.state_dict().items()}
    pruned = [] if stage.settings.node_scale is None else pruning(stage.final, stage.test)
    if pruned:
        write_csv(folder / "pruning.csv", pruned)
    metadata = {"genotype": stage.net.genotype.to_json(), "images": json.dumps(images.statistics)}
    write_whole(folder / "model.safetensors", _in_order(save(weights, metadata)))
    parameters = sum(
        parameter.numel() for name, parameter in stage.net.named_parameters() if not name.startswith("auxiliary_head.")
    )
    return {
        **history[-1],
        "seconds": sum(float(row["seconds"]) for row in history),
        "parameters": parameters,
        "pruned": pruned,
    }


def _in_order(content: bytes) -> bytes:
    """A safetensors file whose header is sorted: safetensors itself writes metadata in another order each time."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:end]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[end:]


def digest(genotype: Genotype) -> str:
    """A short name of a genotype."""
    return hashlib.sha256(genotype.to_json().encode()).hexdigest()[:10]
