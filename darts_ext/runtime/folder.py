"""The folder of a run: its settings, the machine that it ran on, and the check that a resumed run has the same
settings."""

import json
import os
import platform
import sys
import textwrap
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
import yaml

from ..config import is_default
from .errors import UsageError
from .files import write_whole
from .lock import LOCK, hold_folder
from .reading import parse_yaml, read_text

# settings that may change between two calls on the same folder
_FREE = ("out", "device", "threads", "download", "data_root", "tensorboard")


def check_folder(folder: Path, command: str, settings: Mapping[str, object], free: Sequence[str] = ()) -> Path:
    """Returns the folder, if it is new or was made by the same command with the same settings; nothing is written.

    Args:
        free: settings that may differ.

    Raises:
        UsageError: the folder holds something else, or a run with other settings (the first difference is named).
    """
    if (folder / "args.yaml").exists():
        _check_same(folder, {"command": command, **settings}, (*_FREE, *free))
    elif folder.exists() and not _is_unused(folder):
        raise UsageError(f"{folder} exists and is not a folder of this program: give another --out")
    return folder


def claim_folder(folder: Path, command: str, settings: Mapping[str, object], free: Sequence[str] = ()) -> Path:
    """Returns the folder after `check_folder`; from then on no other command writes in it, if it is there already."""
    if (folder / "args.yaml").exists() or (folder / LOCK).exists():
        hold_folder(folder, command)
    return check_folder(folder, command, settings, free)


def begin_run(folder: Path, command: str, settings: Mapping[str, object], free: Sequence[str] = ()) -> None:
    """Holds the folder, which another command may have taken meanwhile, and writes its settings.

    Raises:
        UsageError: as `check_folder` and `hold_folder`.
    """
    hold_folder(folder, command)
    check_folder(folder, command, settings, free)
    write_settings(folder, command, settings)


def _check_same(folder: Path, settings: Mapping[str, object], free: Sequence[str]) -> None:
    before = read_args(folder)
    for name, value in settings.items():
        if name in free or before.get(name) == value:
            continue
        if name not in before and is_default(name, value):
            continue  # the folder was made before there was this setting
        old, new = (textwrap.shorten(str(word), 40, placeholder="...") for word in (before.get(name), value))
        raise UsageError(
            f"{folder} was made with {name}={old}, now it is {new}: repeat the old setting or give another --out"
        )


def _is_unused(folder: Path) -> bool:
    """Whether a folder is empty, but for what a kill left behind."""
    return folder.is_dir() and all(path.suffix == ".part" or path.name == LOCK for path in folder.iterdir())


def write_settings(folder: Path, command: str, settings: Mapping[str, object]) -> None:
    """Writes args.yaml and environment.json."""
    write_whole(folder / "args.yaml", yaml.safe_dump({"command": command, **settings}, sort_keys=False))
    write_whole(folder / "environment.json", json.dumps(_environment(), indent=1))


def read_args(folder: Path) -> dict:
    """Returns the settings of a run.

    Raises:
        UsageError: the folder is not a run.
    """
    path = folder / "args.yaml"
    if not path.is_file():
        raise UsageError(f"{folder} is not a run: it has no args.yaml; `search` makes one")
    try:
        args = parse_yaml(read_text(path))
    except ValueError:
        args = None
    if not isinstance(args, dict):
        raise UsageError(f"{path} is broken: it does not hold settings; bring it back, or give another folder")
    return args


def _version() -> str:
    try:
        return version("darts_ext")
    except PackageNotFoundError:
        return "not installed: run from its folder"


def _find_gpu() -> str | None:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "mps" if torch.backends.mps.is_available() else None


def _environment() -> dict[str, object]:
    return {
        "darts_ext": _version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": _find_gpu(),
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "arguments": sys.argv[1:],
    }
