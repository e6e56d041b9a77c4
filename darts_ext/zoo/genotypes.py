"""The names: `darts_ext.NAME` in timm's registry, for the genotypes that are shipped and for those that are registered.

timm reads `darts_ext.NAME` as architecture `darts_ext` with the pretrained tag NAME, and lists architectures; so each
name is registered twice, as a tag of the architecture that builds it, and in full, for
`timm.list_models("darts_ext*")`.
"""

import json
import re
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from inspect import signature
from pathlib import Path
from typing import Any

import timm
from timm.models import DefaultCfg, PretrainedCfg, build_model_with_cfg, register_model
from torch import nn

from supernet import Genotype

from ..runtime.errors import UsageError, unknown
from .network import TimmNetwork
from .sources import Found, no_weights, read_source

__all__ = ["create_model", "list_genotypes", "register"]  # timm adds every name that it registers

DEFAULT = "darts_v2"
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
}
_SIZES = {*signature(TimmNetwork).parameters} - {"genotype"}
_OPTIONS = _SIZES | {"features_only", "out_indices", "pretrained_cfg", "checkpoint_path"}
_known: dict[str, Found] = {}
default_cfgs: dict[str, DefaultCfg] = {}  # where timm looks for it


def darts_ext(pretrained: bool = False, genotype: Genotype | str | Path | None = None, **options: Any) -> TimmNetwork:
    """The network of a name (the tag that timm cut off), or of whatever `genotype` is given as; see `create_model`."""
    asked = options.pop("pretrained_cfg", None)
    asked = asked.to_dict() if isinstance(asked, PretrainedCfg) else asked
    tag = asked if isinstance(asked, str) else (asked or {}).get("tag")
    if tag and genotype is not None:
        raise UsageError(
            f"darts_ext.{tag} has its genotype: leave {genotype} out, or name the architecture darts_ext alone"
        )
    source = genotype if genotype is not None else tag or DEFAULT
    found = _find(source)
    options = found.sizes | options
    cfg = asked if isinstance(asked, dict) else {**_cfg(options.get("stem", "cifar")), **found.cfg, "tag": tag}
    levels = {"feature_cls": "getter", "out_indices": None}
    with _in_one_line(source, cfg):
        return build_model_with_cfg(
            TimmNetwork,
            "darts_ext",
            pretrained,
            pretrained_cfg=cfg,
            feature_cfg=levels,
            genotype=found.genotype,
            **options,
        )


def create_model(source: Genotype | str | Path, *, pretrained: bool | None = None, **options: Any) -> nn.Module:
    """A timm model of a registered name, a genotype, its text or file, a run's folder, or the weights that `retrain`
    wrote.

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
    source = _bare(source)
    found = _find(source)
    if pretrained and "file" not in found.cfg and not {"pretrained_cfg", "pretrained_cfg_overlay"} & options.keys():
        raise no_weights(source)
    weights = "file" in found.cfg if pretrained is None else pretrained
    name = f"darts_ext.{source}"
    if source not in _known:
        name, options = "darts_ext", found.sizes | options
        cfg = {**_cfg(options.get("stem", "cifar")), **found.cfg, **options.pop("pretrained_cfg", {})}
        # as text it is part of what timm writes beside weights that it saves
        options |= {"pretrained_cfg": cfg, "genotype": found.genotype.to_text()}
    return timm.create_model(name, pretrained=weights, **options)


def register(name: str, genotype: Genotype | str | Path, **sizes: Any) -> None:
    """Makes `timm.create_model("darts_ext.NAME")` build a genotype.

    Args:
        name: letters, digits, _ and -.
        genotype: as `create_model` takes it; weights are loaded where `pretrained=True`.
        sizes: channels, layers, stem where they are not asked for; by default those of the papers.

    Raises:
        UsageError: the name is taken by another network, or cannot be one; or a size is unknown.

    >>> register("all_skips", "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|", layers=1)
    >>> timm.create_model("darts_ext.all_skips", num_classes=3).num_classes
    3
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UsageError(f"a name is made of letters, digits, _ and -, not {name!r}")
    for size in sizes:
        if size not in _SIZES:
            raise unknown("size", size, _SIZES)
    read = _find(genotype)
    found = Found(read.genotype, read.sizes | sizes, read.cfg)
    if name in _known and _known[name] != found:
        raise UsageError(f"darts_ext.{name} is another network already: choose another name")
    _known[name] = found
    _enter([name])


def list_genotypes() -> list[str]:
    """The names behind `darts_ext.`.

    >>> {"darts_v1", "darts_v2", "darts_v2_imagenet", "pc_darts_c10", "nasbench201_cifar10"} <= set(list_genotypes())
    True
    """
    return sorted(_known)


def _bare(source: Genotype | str | Path) -> Genotype | str | Path:
    """A name as it is listed here; everything else as it is."""
    named = isinstance(source, str) and source.startswith("darts_ext.") and not Path(source).exists()
    return source.removeprefix("darts_ext.") if named else source


def _find(source: Genotype | str | Path) -> Found:
    source = _bare(source)
    if isinstance(source, str) and source in _known:
        return _known[source]
    if isinstance(source, str) and re.fullmatch(r"[\w-]+", source) and not Path(source).exists():
        raise unknown("genotype", source, _known)
    return read_source(source)


@contextmanager
def _in_one_line(source: Genotype | str | Path, cfg: dict[str, Any]) -> Iterator[None]:
    """What timm finds wrong, where the user can mend it."""
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


def _cfg(stem: str) -> dict[str, Any]:
    return {**_STEMS.get(stem, _STEMS["cifar"]), "first_conv": "stem.0", "classifier": "classifier"}


def _enter(names: list[str]) -> None:
    """Tells timm."""
    cfgs = {
        name: PretrainedCfg(**(_cfg(found.sizes.get("stem", "cifar")) | found.cfg)) for name, found in _known.items()
    }
    default_cfgs["darts_ext"] = DefaultCfg(deque([DEFAULT, *(name for name in cfgs if name != DEFAULT)]), cfgs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Overwriting darts_ext")  # the architecture gets a tag more
        register_model(darts_ext)
        for name in names:
            globals()[f"darts_ext.{name}"] = register_model(_full(name))


def _full(name: str):
    def build(pretrained: bool = False, **options: Any) -> TimmNetwork:
        return darts_ext(pretrained, **{**options, "pretrained_cfg": name})

    build.__name__, build.__module__ = f"darts_ext.{name}", __name__
    build.__doc__ = f"The network of {name}."
    return build


def _enter_shipped() -> None:
    for name, entry in json.loads(files(__package__).joinpath("genotypes.json").read_text()).items():
        genotype = Genotype.from_text(entry["genotype"])
        _known[name] = Found(genotype)
        if genotype.format == "darts":
            _known[f"{name}_imagenet"] = Found(genotype, {"stem": "imagenet"})
    _enter(list(_known))


_enter_shipped()
