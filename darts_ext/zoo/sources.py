"""What a found network can be given as: a genotype, its text or file, a run, or a file of retrained weights."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from supernet import Genotype

from ..networks import read_genotype
from ..runtime.errors import UsageError

WEIGHTS = Path("evaluate/model.safetensors")  # of a run that `retrain` went on with
_TEXT = re.compile(r"\s*(Genotype\s*\(|\||MLP\s*\(|\{)")


@dataclass(frozen=True)
class Found:
    """A genotype, the sizes of its network as far as they are known, and what timm should know of its weights and
    images.

    Args:
        sizes: channels, layers, stem, node_scale, as `TimmNetwork` takes them.
        cfg: fields of timm's PretrainedCfg; `file` where there are weights.
    """

    genotype: Genotype
    sizes: dict[str, Any] = field(default_factory=dict)
    cfg: dict[str, Any] = field(default_factory=dict)


def read_source(source: Genotype | str | Path) -> Found:
    """The genotype of a text, a file, a run's folder, or a `.safetensors` file that `retrain` wrote, whose tensors give
    the sizes as well.

    Raises:
        UsageError, GenotypeError: it is none of them; one line says why.

    >>> read_source("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|").genotype.skips
    1
    """
    if isinstance(source, Genotype):
        return Found(source)
    if _TEXT.match(str(source)):
        text = str(source)
        return Found(Genotype.from_json(text) if text.lstrip().startswith("{") else Genotype.from_text(text))
    if not isinstance(source, (str, Path)):
        raise UsageError(f"a genotype is given as a Genotype, a text or a path, not as {type(source).__name__}")
    path = Path(source)
    if path.is_dir():
        path = path / "genotype.json"
        if not path.is_file():
            raise UsageError(f"{source} has no genotype.json{_elsewhere(path.parent)}")
    return _read_weights(path) if path.suffix == ".safetensors" else Found(read_genotype(path))


def no_weights(source: Genotype | str | Path) -> UsageError:
    """The error for a source whose weights are asked for.

    >>> str(no_weights("runs/s3"))
    'runs/s3 has no weights: those of a retrained run are RUN/evaluate/model.safetensors; pretrained=False draws new
    ones'
    """
    name = "a genotype" if isinstance(source, Genotype) or _TEXT.match(str(source)) else str(source)
    file = Path(name) / WEIGHTS
    where = f"those of this run are {file}" if file.is_file() else f"those of a retrained run are RUN/{WEIGHTS}"
    return UsageError(f"{name} has no weights: {where}; pretrained=False draws new ones")


def _elsewhere(folder: Path) -> str:
    """Where the genotypes of a folder are that has none itself, as the end of a sentence."""
    if (folder / WEIGHTS).is_file():
        return f": it stands with the weights in {folder / WEIGHTS}"
    if (folder / "comparison.csv").exists() or any(path.is_dir() for path in folder.glob("seed*")):
        example = "".join(f", as {path}" for path in sorted(folder.glob("seed*/*/genotype.json"))[:1])
        return f": a comparison has them in seedN/CRITERION/genotype.json{example}"
    for path in sorted(folder.glob("*/genotype.json")):
        return f": there is one in it, {path}"
    return f": `select {folder}` makes one" if (folder / "args.yaml").exists() else ", and is no run"


def _read_weights(path: Path) -> Found:
    try:
        with safe_open(path, framework="pt") as file:
            known = file.metadata() or {}
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} cannot be read as a file of weights: {error}") from None
    if "genotype" not in known or "stem.0.weight" not in shapes:
        raise UsageError(
            f"{path} holds no genotype beside its weights: `retrain` writes both; otherwise give the genotype, and "
            f"the weights as checkpoint_path"
        )
    genotype = Genotype.from_json(known["genotype"])
    sizes = read_sizes(shapes, genotype.format)
    return Found(genotype, sizes, {"file": str(path), **_image_cfg(shapes, json.loads(known.get("images", "{}")))})


def read_sizes(shapes: dict[str, list[int]], form: str) -> dict[str, Any]:
    """Sizes of a network of cells by the shapes of its tensors.

    >>> read_sizes({"stem.0.weight": [48, 3, 3, 3], "cells.0.edges": [], "cells.1.edges": []}, "darts")
    {'channels': 16, 'layers': 2, 'stem': 'cifar', 'node_scale': None}
    """
    stem = "imagenet" if any(name.startswith("second_stem.") for name in shapes) else "cifar"
    width, cells = shapes["stem.0.weight"][0], len({name.split(".")[1] for name in shapes if name.startswith("cells.")})
    channels = 2 * width if stem == "imagenet" else width // 3 if form == "darts" else width
    layers = cells if form == "darts" else (cells - 2) // 3
    scaled = any(name.endswith(".awake") for name in shapes)
    return {
        "channels": channels,
        "layers": layers,
        "stem": stem,
        "node_scale": 1.0 if scaled else None,
    }  # the scales themselves are among the tensors


def _image_cfg(shapes: dict[str, list[int]], images: dict[str, Any]) -> dict[str, Any]:
    """Classes, and channels, size, mean and deviation of the images that the weights were trained on."""
    classes = {"num_classes": shapes["classifier.weight"][0]} if "classifier.weight" in shapes else {}
    size = images.get("size", 32)
    statistics = {name: tuple(images[name]) for name in ("mean", "std") if name in images}
    return {**classes, "input_size": (shapes["stem.0.weight"][1], size, size), **statistics}
