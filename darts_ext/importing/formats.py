"""The checkpoints of other codes, and what those codes must do for their files to be read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from supernet import SpaceError, Supernet, from_nasbench201, from_ptdarts, from_quark0

from ..runtime.errors import UsageError, unknown


@dataclass(frozen=True)
class Format:
    """A format of checkpoints: what makes a supernet of its content, and how the other code writes such a file."""

    convert: Callable[[object], Supernet]
    recipe: str


def read_supernet(path: Path, name: str) -> Supernet:
    """Reads the supernet of a checkpoint.

    Raises:
        UsageError, SpaceError: the format is unknown, or the file has another format; the message says how to write it.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    try:
        return FORMATS[name].convert(_load(path))
    except _NotOfFormatError as error:
        raise UsageError(f"{path} {error}: in the code that wrote it, {FORMATS[name].recipe}") from None


class _NotOfFormatError(Exception):
    """Says what is wrong with a file; the user is told how to write it."""


def _load(path: Path) -> object:
    """Loads tensors and built-in types from a file; anything else in it could run code, and is refused."""
    if not path.is_file():
        raise UsageError(f"{path} is not there, or not a file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a broken file torch, zipfile and pickle raise many kinds
        if "Unsupported operand" not in str(error) and "Unsupported" in str(error):
            raise _NotOfFormatError("holds objects besides tensors, and loading those can run their code") from None
        raise UsageError(f"{path} is not a file of torch.save") from None


def _convert_quark0(content: object) -> Supernet:
    state = _read_state(_unwrap(content, "state_dict"))
    beside = set(content) - set(state)
    if "alphas_normal" in beside:
        alphas = [_read_tensor(_get_part(content, name)) for name in ("alphas_normal", "alphas_reduce")]
        return from_quark0(state, *alphas)
    if not any(re.search(r"(?:^|\.)_?(?:alphas?_normal|arch_parameters)\b", name) for name in state):
        raise _NotOfFormatError("has no alphas_normal, neither beside its state_dict nor in it")
    return from_quark0(state)


def _convert_ptdarts(content: object) -> Supernet:
    return from_ptdarts(_read_state(_unwrap(content, "state_dict")))


def _convert_dartspt(content: object) -> Supernet:
    state, alphas = _get_part(content, "state_dict"), _get_part(content, "alpha")
    decided = _count_decided(content.get("candidate_flags"))
    if decided:
        raise SpaceError(
            f"the checkpoint was written in the middle of a projection (decided edges: {decided}): import that of the "
            f"search before it"
        )
    if not isinstance(alphas, (list, tuple)) or len(alphas) not in (1, 2):
        raise _NotOfFormatError("has an alpha that is no list of one or two tensors")
    tensors = [_read_tensor(alpha) for alpha in alphas]
    if len(tensors) == 2:
        return from_quark0(_read_state(state), *tensors)
    return from_nasbench201(_read_state(state), *tensors)


def _count_decided(flags: object) -> int:
    """Counts the edges that darts-pt's projection has decided: their flags are off."""
    parts = flags.values() if isinstance(flags, Mapping) else [flags]
    decided = 0
    for part in parts:
        if isinstance(part, Tensor):
            decided += int((~part.bool()).sum())
    return decided


def _convert_nasbench201(content: object) -> Supernet:
    if isinstance(content, Mapping) and "alpha" in content:
        return _convert_dartspt(content)
    return from_nasbench201(_read_state(_unwrap(_unwrap(content, "search_model"), "state_dict")))


FORMATS = {
    "quark0": Format(
        _convert_quark0,
        'torch.save({"state_dict": model.state_dict(), "alphas_normal": model.alphas_normal, "alphas_reduce": '
        "model.alphas_reduce}, FILE) (its own weights.pt has no alphas)",
    ),
    "ptdarts": Format(
        _convert_ptdarts, 'torch.save(torch.load("best.pth.tar", weights_only=False).state_dict(), FILE)'
    ),
    "darts-pt": Format(
        _convert_dartspt, 'torch.save({"state_dict": model.state_dict(), "alpha": model.arch_parameters()}, FILE)'
    ),
    "nasbench201": Format(
        _convert_nasbench201, 'torch.save(torch.load(CHECKPOINT, weights_only=False)["search_model"], FILE)'
    ),
}


def _unwrap(content: object, name: str) -> object:
    """Returns the part of that name, or the content itself where it has none."""
    return content[name] if isinstance(content, Mapping) and name in content else content


def _get_part(content: object, name: str) -> object:
    if not isinstance(content, Mapping) or name not in content:
        raise _NotOfFormatError(f"has no {name}")
    return content[name]


def _read_state(state: object) -> dict[str, Tensor]:
    if not isinstance(state, Mapping):
        raise _NotOfFormatError("holds no state_dict")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise _NotOfFormatError("holds no state_dict")
    return dict(state)


def _read_tensor(value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise _NotOfFormatError("has alphas that are no tensors")
    return value
