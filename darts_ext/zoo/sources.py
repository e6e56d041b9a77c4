"""Sources of a network: a genotype, its text or file, a run, or a file of retrained weights."""

import json
import re
from dataclasses import dataclass, field
from os.path import exists, isdir  # False where a text is too long for a path
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from supernet import Genotype, Macro, find_macro

from ..runtime.errors import UsageError
from ..runtime.genotypes import read_genotype

WEIGHTS = Path("evaluate/model.safetensors")  # of a run that `retrain` went on with
_TEXT = re.compile(r"[Gg]enotype\w*\s*\(|Dict\(|\|[^|/]*~|\bMLP\s*\(|\n|^\s*[|(\[{\"'`\ufeff]|=\s*[(\[{]")  # of no path


@dataclass(frozen=True)
class Description:
    """A network as its source describes it.

    Args:
        genotype: the architecture.
        sizes: channels, layers, stem, node_scale, as `TimmNetwork` takes them, as far as they are known.
        cfg: fields of timm's PretrainedCfg, of weights and images; `file` where there are weights.
    """

    genotype: Genotype
    sizes: dict[str, Any] = field(default_factory=dict)
    cfg: dict[str, Any] = field(default_factory=dict)


def read_source(source: Genotype | str | Path) -> Description:
    """Reads a genotype from a text, a file, a run's folder, or a `.safetensors` file that `retrain` wrote.

    The last gives the sizes as well, by its tensors.

    Raises:
        UsageError, GenotypeError: it is none of them; one line says why.

    >>> read_source("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|").genotype.skips
    1
    """
    if isinstance(source, Genotype):
        return Description(source)
    if _is_text(source):
        return Description(Genotype.from_text(source))
    if not isinstance(source, (str, Path)):
        raise UsageError(f"a genotype is given as a Genotype, a text or a path, not as {type(source).__name__}")
    path = Path(source)
    if isdir(path):
        path = path / "genotype.json"
        if not path.is_file():
            raise UsageError(f"{source} has no genotype.json{_hint_elsewhere(path.parent)}")
    if path.suffix == ".safetensors":
        return _read_weights(path)
    return Description(read_genotype(path))


def _is_text(source: object) -> bool:
    """Returns whether a source is a genotype itself, and not where to find one."""
    return (
        isinstance(source, str) and bool(_TEXT.search(source)) and not exists(source)
    )  # a browser saves genotype (1).json


def no_weights(source: Genotype | str | Path) -> UsageError:
    """Returns the error for a source that is asked for weights and has none.

    >>> print(no_weights("runs/s3"))  # doctest: +NORMALIZE_WHITESPACE
    runs/s3 has no weights: those of a retrained run are RUN/evaluate/model.safetensors; pretrained=False draws
    new ones
    """
    name = "a genotype" if isinstance(source, Genotype) or _is_text(source) else str(source)
    file = Path(name) / WEIGHTS
    where = f"those of this run are {file}" if file.is_file() else f"those of a retrained run are RUN/{WEIGHTS}"
    return UsageError(f"{name} has no weights: {where}; pretrained=False draws new ones")


def _hint_elsewhere(folder: Path) -> str:
    """Returns the end of a sentence: where the genotypes of a folder are that has none itself."""
    if (folder / WEIGHTS).is_file():
        return f": it stands with the weights in {folder / WEIGHTS}"
    if (folder / "comparison.csv").exists() or any(path.is_dir() for path in folder.glob("seed*")):
        hint = ": a comparison has them in seedN/CRITERION/genotype.json"
        example = min(folder.glob("seed*/*/genotype.json"), default=None)
        return hint if example is None else f"{hint}, as {example}"
    example = min(folder.glob("*/genotype.json"), default=None)
    if example is not None:
        return f": there is one in it, {example}"
    if (folder / "args.yaml").exists():
        return f": `select {folder}` makes one"
    return ", and is no run"


def _read_weights(path: Path) -> Description:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} cannot be read as a file of weights: {error}") from None
    if "genotype" not in metadata or "stem.0.weight" not in shapes:
        raise UsageError(
            f"{path} holds no genotype beside its weights: `retrain` writes both; otherwise give the genotype, and "
            f"the weights as checkpoint_path"
        )
    genotype = Genotype.from_json(metadata["genotype"])
    images = json.loads(metadata.get("images", "{}"))
    cfg = {"file": str(path), **_describe_images(shapes, images)}
    return Description(genotype, read_sizes(shapes, find_macro(genotype.format)), cfg)


def read_sizes(shapes: dict[str, list[int]], macro: Macro) -> dict[str, Any]:
    """Reads the sizes of a network of cells off the shapes of its tensors.

    >>> shapes = {"stem.0.weight": [48, 3, 3, 3], "cells.0.edges": [], "cells.1.edges": []}
    >>> read_sizes(shapes, find_macro("darts"))
    {'channels': 16, 'layers': 2, 'stem': 'cifar', 'node_scale': None}
    """
    sizes = macro.read_sizes(shapes)
    scaled = any(name.endswith(".awake") for name in shapes)
    # any gamma will do: the scales themselves are among the tensors
    node_scale = 1.0 if scaled else None
    return {"channels": sizes.channels, "layers": sizes.layers, "stem": sizes.stem, "node_scale": node_scale}


def _describe_images(shapes: dict[str, list[int]], images: dict[str, Any]) -> dict[str, Any]:
    """Returns fields of PretrainedCfg: number of classes, and size, mean and deviation of the training images."""
    cfg: dict[str, Any] = {}
    if "classifier.weight" in shapes:
        cfg["num_classes"] = shapes["classifier.weight"][0]
    in_chans = shapes["stem.0.weight"][1]
    size = images.get("size", 32)
    cfg["input_size"] = (in_chans, size, size)
    for name in ("mean", "std"):
        if name in images:
            cfg[name] = tuple(images[name])
    return cfg
