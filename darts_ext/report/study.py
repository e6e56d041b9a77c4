"""A study: comparisons that differ in a number, as the layers of their networks, and in whatever else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..runtime.errors import UsageError
from .runfolder import Contents, read_folder

# what says where and how long a comparison ran, or what was added to it, is no difference between two
NO_DIFFERENCE = ("out", "criteria", "seeds", "device", "threads", "data_root", "download", "tensorboard", "run")


class Comparison(NamedTuple):
    """A comparison of a study, and its place below the study's folder."""

    contents: Contents
    place: str


@dataclass(frozen=True)
class Study:
    """Comparisons over a number.

    Attributes:
        name: of the folder.
        axis: the setting that is that number.
        panels: {the other settings in words: {number: comparison}}, numbers rising.
    """

    name: str
    axis: str
    panels: dict[str, dict[float, Comparison]]


def is_study(folder: Path) -> bool:
    """Whether there are comparisons in the folder, and it is none itself."""
    return not (folder / "args.yaml").exists() and len(_find_comparisons(folder)) > 1


def read_study(folder: Path) -> Study:
    """Reads the comparisons in a folder, or in folders of it.

    Raises:
        UsageError: they differ in no number, or two are of the same settings.
    """
    found = {path: read_folder(path) for path in _find_comparisons(folder)}
    settings = {path: _flatten(contents.args) for path, contents in found.items()}
    differing = _find_differences(list(settings.values()))
    numbers = {name: values for name, values in differing.items() if all(_is_number(value) for value in values)}
    if not numbers:
        raise UsageError(f"the comparisons in {folder} differ in no number over which they could be drawn")
    axis = max(numbers, key=lambda name: len(set(numbers[name])))
    panels: dict[str, dict[float, Comparison]] = {}
    for path, contents in found.items():
        others = [f"{name} {settings[path].get(name)}" for name in differing if name != axis]
        panel = panels.setdefault(", ".join(others), {})
        x = float(settings[path][axis])
        if x in panel:
            raise UsageError(f"{path} and {folder / panel[x].place} are of the same settings: remove one of them")
        panel[x] = Comparison(contents, path.relative_to(folder).as_posix())
    ordered = {title: dict(sorted(panel.items())) for title, panel in panels.items()}
    return Study(folder.resolve().name, axis, ordered)


def _find_comparisons(folder: Path) -> list[Path]:
    found = [*folder.glob("*/comparison.csv"), *folder.glob("*/*/comparison.csv")]
    return sorted(path.parent for path in found if (path.parent / "args.yaml").is_file())


def _flatten(settings: Mapping, prefix: str = "") -> dict[str, object]:
    """Returns {name: value}, names as on the command line.

    >>> _flatten({"layers": 4, "retrain": {"channels": 8}})
    {'layers': 4, 'retrain.channels': 8}
    """
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _find_differences(settings: Sequence[Mapping[str, object]]) -> dict[str, tuple]:
    """Returns the settings in which some differ, with the values of all; of those that go together, the first."""
    names: dict[str, None] = {}
    for row in settings:
        names |= dict.fromkeys(row)
    differing: dict[str, tuple] = {}
    partitions = []
    for name in names:
        values = tuple(row.get(name) for row in settings)
        partition = [values.index(value) for value in values]
        if name in NO_DIFFERENCE or len(set(partition)) == 1 or partition in partitions:
            continue
        partitions.append(partition)
        differing[name] = values
    return differing


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def list_criteria(comparisons: Iterable[Comparison]) -> list[str]:
    """Lists the criteria of some comparisons, in the order of their settings, then as their tables have them."""
    names: dict[str, None] = {}
    for comparison in comparisons:
        asked = str(comparison.contents.args.get("criteria") or "").split(",")
        rows = [row["criterion"] for row in comparison.contents.criteria]
        names |= dict.fromkeys(name for name in asked if name in rows)
        names |= dict.fromkeys(rows)
    return list(names)
