"""Names `darts_ext.NAME` in timm's registry, for the genotypes that are shipped and for those that are registered.

timm reads `darts_ext.NAME` as architecture `darts_ext` with the pretrained tag NAME, and lists architectures; so each
name is registered twice, as a tag of the architecture that builds it, and in full, for
`timm.list_models("darts_ext*")`.
"""

import json
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from inspect import signature
from os.path import exists  # False where a text is too long for a path
from pathlib import Path
from typing import Any

import timm
from timm.models import DefaultCfg, PretrainedCfg, build_model_with_cfg, register_model
from torch import nn

from supernet import Genotype, find_macro

from ..runtime.errors import UsageError, unknown
from .network import TimmNetwork
from .sources import Description, no_weights, read_source

__all__ = ["create_model", "list_genotypes", "register"]  # timm adds every name that it registers

DEFAULT = "darts_v2"
NATURAL_STRIDES = {"cifar": 4, "imagenet": 32}  # of the last feature maps, by the stem
_STEMS: dict[str, dict[str, Any]] = {
    "cifar": {
        "input_size": (3, 32, 32),
        "num_classes": 10,
        "pool_size": (8, 8),
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "mean": (0.4914, 0.4822, 0.4465),
        "std": (0.2470, 0.2435, 0.2616),
    },
    "imagenet": {"input_size": (3, 224, 224), "num_classes": 1000, "pool_size": (7, 7), "interpolation": "bilinear"},
}  # PretrainedCfg of each stem
_SIZES = {*signature(TimmNetwork).parameters} - {"genotype"}
_OPTIONS = _SIZES | {"features_only", "out_indices", "pretrained_cfg", "checkpoint_path"}
_registered: dict[str, Description] = {}
default_cfgs: dict[str, DefaultCfg] = {}  # where timm looks for it


def darts_ext(pretrained: bool = False, genotype: Genotype | str | Path | None = None, **options: Any) -> TimmNetwork:
    """Builds the network of a name (the tag that timm cut off) or of a `genotype`; see `create_model`."""
    cfg = options.pop("pretrained_cfg", None)
    if isinstance(cfg, PretrainedCfg):
        cfg = cfg.to_dict()
    tag = cfg if isinstance(cfg, str) else (cfg or {}).get("tag")
    if tag and genotype is not None:
        raise UsageError(
            f"darts_ext.{tag} has its genotype: leave {genotype} out, or name the architecture darts_ext alone"
        )
    source = genotype if genotype is not None else tag or DEFAULT
    description = _find(source)
    options = description.sizes | options
    _check_sizes_of_images(options)
    if not isinstance(cfg, dict):
        cfg = {**_default_cfg(options.get("stem", "cifar")), **description.cfg, "tag": tag}
    with _in_one_line(source, cfg):
        return build_model_with_cfg(
            TimmNetwork,
            "darts_ext",
            pretrained,
            pretrained_cfg=cfg,
            feature_cfg={"feature_cls": "getter", "out_indices": None},
            genotype=description.genotype,
            **options,
        )


def create_model(source: Genotype | str | Path, *, pretrained: bool | None = None, **options: Any) -> nn.Module:
    """Creates a timm model of a registered name, a genotype, its text or file, a run's folder, or retrained weights.

    Args:
        source: weights (`RUN/evaluate/model.safetensors`) bring genotype, sizes and the images' statistics with them; a
            run's folder gives its genotype only.
        pretrained: load the weights; by default if the source has some. timm adapts the first convolution and the
            classifier to other `in_chans` and `num_classes`.
        options: of `timm.create_model` and `TimmNetwork`, as num_classes, in_chans, features_only, drop_path_rate,
            channels, layers, stem.

    Raises:
        UsageError, SpaceError: the source is none of these or has no weights to load, sizes cannot be built or are not
            those of the weights, or an option is unknown.

    >>> net = create_model("nasbench201_cifar10", num_classes=7, features_only=True)
    >>> net.feature_info.channels(), net.feature_info.reduction()
    ([16, 32, 64], [1, 2, 4])
    """
    source = _strip_prefix(source)
    description = _find(source)
    has_weights = "file" in description.cfg
    if pretrained is None:
        pretrained = has_weights
    elif pretrained and not has_weights and not {"pretrained_cfg", "pretrained_cfg_overlay"} & options.keys():
        raise no_weights(source)
    if source in _registered:
        return timm.create_model(f"darts_ext.{source}", pretrained=pretrained, **options)
    options = description.sizes | options
    cfg = _default_cfg(options.get("stem", "cifar")) | description.cfg | options.pop("pretrained_cfg", {})
    # as text it is part of what timm writes beside weights that it saves
    options["genotype"] = description.genotype.to_text()
    return timm.create_model("darts_ext", pretrained=pretrained, pretrained_cfg=cfg, **options)


def register(name: str, genotype: Genotype | str | Path, **sizes: Any) -> None:
    """Makes `timm.create_model("darts_ext.NAME")` build a genotype.

    Args:
        name: letters, digits, _ and -.
        genotype: as `create_model` takes it; weights are loaded where `pretrained=True`.
        sizes: channels, layers, stem where they are not asked for; by default those of the papers.

    Raises:
        UsageError: the name is taken by another network, or cannot be one; or a size is unknown.

    >>> register("pool", "|avg_pool_3x3~0|+|none~0|none~1|+|none~0|avg_pool_3x3~1|none~2|", layers=1)
    >>> timm.create_model("darts_ext.pool", num_classes=3).num_classes
    3
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UsageError(f"a name is made of letters, digits, _ and -, not {name!r}")
    for size in sizes:
        if size not in _SIZES:
            raise unknown("size", size, _SIZES)
    description = _find(genotype)
    description = replace(description, sizes=description.sizes | sizes)
    if name in _registered and _registered[name] != description:
        raise UsageError(f"darts_ext.{name} is another network already: choose another name")
    _registered[name] = description
    _register_with_timm([name])


def list_genotypes() -> list[str]:
    """Lists the names behind `darts_ext.`.

    >>> {"darts_v1", "darts_v2", "darts_v2_imagenet", "pc_darts_c10", "nasbench201_cifar10"} <= set(list_genotypes())
    True
    """
    return sorted(_registered)


def _strip_prefix(source: Genotype | str | Path) -> Genotype | str | Path:
    """Returns a name without `darts_ext.`; everything else as it is."""
    if isinstance(source, str) and source.startswith("darts_ext.") and not exists(source):
        return source.removeprefix("darts_ext.")
    return source


def _find(source: Genotype | str | Path) -> Description:
    """Returns what is registered under a name, or reads the source."""
    source = _strip_prefix(source)
    if isinstance(source, str) and source in _registered:
        return _registered[source]
    if isinstance(source, str) and re.fullmatch(r"[\w-]+", source) and not exists(source):
        raise unknown("genotype", source, _registered)
    return read_source(source)


def _check_sizes_of_images(options: dict[str, Any]) -> None:
    """Takes off options of timm that these networks need not be told, or raises UsageError where they cannot be met."""
    options.pop("img_size", None)  # the network takes images of any size
    stride = options.pop("output_stride", None)
    natural = NATURAL_STRIDES.get(options.get("stem", "cifar"), 4)
    if stride not in (None, natural):
        raise UsageError(
            f"the last feature maps are {natural} times smaller than the images, and not {stride} times: cells that "
            f"reduce cannot be dilated, as their skips are factorised; take an earlier level, out_indices=..."
        )


@contextmanager
def _in_one_line(source: Genotype | str | Path, cfg: dict[str, Any]) -> Iterator[None]:
    """Turns timm's errors that the user can mend into one-line UsageErrors."""
    try:
        yield
    except TypeError as error:
        if stray := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            raise unknown("option of create_model", stray[1], _OPTIONS) from None
        raise
    except RuntimeError as error:
        if "No pretrained weights exist" in str(error):
            raise no_weights(source) from None
        if "Error(s) in loading state_dict" in str(error):
            name = cfg.get("file", "this source")
            raise UsageError(
                f"the weights of {name} are of a network of other sizes: leave them to the source, or give "
                f"pretrained=False"
            ) from None
        raise


def _default_cfg(stem: str) -> dict[str, Any]:
    """Returns fields of timm's PretrainedCfg for the images of a stem."""
    return {**_STEMS.get(stem, _STEMS["cifar"]), "first_conv": "stem.0", "classifier": "classifier"}


def _register_with_timm(names: list[str]) -> None:
    """Registers the names with timm."""
    cfgs = {}
    for name, description in _registered.items():
        fields = _default_cfg(description.sizes.get("stem", "cifar")) | description.cfg
        cfgs[name] = PretrainedCfg(**fields)
    tags = [DEFAULT, *(name for name in cfgs if name != DEFAULT)]
    default_cfgs["darts_ext"] = DefaultCfg(deque(tags), cfgs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Overwriting darts_ext")  # the architecture gets a tag more
        register_model(darts_ext)
        for name in names:
            # timm adds the name to __all__ of this module, so that the module must have it as an attribute
            globals()[f"darts_ext.{name}"] = register_model(_create_builder(name))


def _create_builder(name: str) -> Callable[..., TimmNetwork]:
    """Returns the function that timm registers under `darts_ext.NAME`."""

    def build(pretrained: bool = False, **options: Any) -> TimmNetwork:
        options["pretrained_cfg"] = name
        return darts_ext(pretrained, **options)

    build.__name__ = f"darts_ext.{name}"
    build.__module__ = __name__
    build.__doc__ = f"The network of {name}."
    return build


def _register_shipped() -> None:
    text = files(__package__).joinpath("genotypes.json").read_text()
    for name, entry in json.loads(text).items():
        genotype = Genotype.from_text(entry["genotype"])
        _registered[name] = Description(genotype)
        if "imagenet" in find_macro(genotype.format).stems:
            _registered[f"{name}_imagenet"] = Description(genotype, {"stem": "imagenet"})
    _register_with_timm(list(_registered))


_register_shipped()
