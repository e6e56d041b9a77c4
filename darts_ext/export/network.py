"""The network of a file of weights, with what its users must know of the images."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..runtime.errors import UsageError
from ..zoo import create_model


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in eval mode, and the images that it was trained on.

    Args:
        genotype: as text.
        input_size: (channels, height, width).
        mean, std: of each channel, of pixel values in [0, 1].
    """

    net: nn.Module
    genotype: str
    classes: int
    input_size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def make_example(self) -> Tensor:
        """Returns images [2, C, H, W]: of a single one, exporters would make a constant."""
        return torch.zeros(2, *self.input_size)

    def describe_input(self) -> str:
        """Says what the network takes."""
        sizes = ", ".join(map(str, self.input_size))
        return f"[batch, {sizes}], (pixel / 255 - mean) / std with mean {_list(self.mean)} and std {_list(self.std)}"

    def list_metadata(self) -> dict[str, str]:
        """Returns what is written beside the network, as text."""
        return {
            "genotype": self.genotype,
            "classes": str(self.classes),
            "input_size": _list(self.input_size),
            "mean": _list(self.mean),
            "std": _list(self.std),
        }


def load_trained(weights: Path) -> TrainedNetwork:
    """Reads a network of cells.

    Raises:
        UsageError: the file is damaged, was not written by `retrain`, or is of fully-connected layers.
    """
    _refuse_layers(weights)
    net = create_model(weights).eval()
    cfg = net.pretrained_cfg
    return TrainedNetwork(
        net,
        net.genotype.to_text(),
        net.num_classes,
        tuple(cfg["input_size"]),
        tuple(cfg["mean"]),
        tuple(cfg["std"]),
    )


def _refuse_layers(weights: Path) -> None:
    try:
        with safe_open(weights, framework="pt") as file:
            names = set(file.keys())
    except (OSError, SafetensorError):
        return  # which the zoo says better
    if "readout.weight" in names:
        raise UsageError(f"{weights} is of fully-connected layers, and export writes networks of cells")


def _list(values: tuple) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
