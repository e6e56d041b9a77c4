"""The settings of a comparison's supernets, and those that it takes from a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from selection import split_names
from supernet.edge import ADD_SKIP

from ..config import CompareSettings, DataSettings, RunSettings, SearchSettings
from ..data import Images
from ..runtime.device import find_device
from ..runtime.errors import UsageError, unknown
from ..runtime.folder import read_args
from ..runtime.settings import pick
from ..search import load_supernet, read_space
from ..select import Selector


@dataclass(frozen=True)
class Comparison:
    """The settings of a comparison, all together."""

    run: RunSettings
    data: DataSettings
    search: SearchSettings
    compare: CompareSettings

    @property
    def seeds(self) -> range:
        """The seed of every supernet."""
        return range(self.run.seed, self.run.seed + self.compare.seeds)


def join_residual(names: list[str], search: SearchSettings) -> list[str]:
    """Returns the criteria; to the default ones the baseline `residual` is joined where added skips can be chosen."""
    if names != split_names(CompareSettings.criteria):
        return names
    if not any(ADD_SKIP in options for options in read_space(search).choices().values()):
        return names
    return [*names, "residual"]


def adopt_run(comparison: Comparison) -> Comparison:
    """Returns the settings of a comparison on the supernet of a run: its data, search and seed are the run's.

    Raises:
        UsageError: the comparison asks for something else, or the run has no trained supernet.
    """
    compare = comparison.compare
    source = Path(compare.run)
    if compare.supernets:
        raise UsageError(f"{source} has one supernet, and supernets names others: leave --supernets or --run out")
    if compare.seeds not in (1, CompareSettings.seeds):
        raise UsageError(f"{source} has one supernet, of one seed: leave --seeds {compare.seeds} out")
    args = read_args(source)
    for part in (comparison.data, comparison.search):
        _check_agrees(part, args, source)
    run = replace(comparison.run, seed=args.get("seed", 0))
    data, search = pick(DataSettings, args), pick(SearchSettings, args)
    images = Images(data, find_device(run.device), run.seed)
    load_supernet(source, images, search)  # raises UsageError if it is not there, or not finished
    return Comparison(run, data, search, replace(compare, seeds=1))


def _check_agrees(settings: DataSettings | SearchSettings, args: Mapping, source: Path) -> None:
    """Raises UsageError for a setting that is given, and differs from the run's."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        of_run = args.get(field.name, field.default)
        if value not in (field.default, of_run):
            raise UsageError(f"{field.name} comes with {source}, where it is {of_run}: leave {field.name} {value} out")


def ask_all_supernets(names: Sequence[str], others: Mapping[str, Mapping] | None) -> list[str]:
    """Returns the criteria, */CRITERION once for each supernet.

    >>> ask_all_supernets(["*/magnitude", "random"], {"gdas": {}})
    ['magnitude', 'gdas/magnitude', 'random']
    """
    asked = []
    for name in names:
        criterion = name.removeprefix("*/")
        if criterion == name:
            asked.append(name)
        else:
            asked += [criterion, *(f"{other}/{criterion}" for other in others or {})]
    return list(dict.fromkeys(asked))


def read_searches(
    search: SearchSettings, others: Mapping[str, Mapping] | None, selectors: list[Selector]
) -> dict[str, SearchSettings]:
    """Returns {name: the settings of a supernet that criteria name}; "" is the command's own.

    Raises:
        UsageError: a criterion names one that is not there, one is named by none, or a setting that a search does not
            have.
    """
    searches = {"": search}
    for name, changes in (others or {}).items():
        searches[name] = _change_search(name, search, changes)
    used = list(dict.fromkeys(selector.supernet for selector in selectors))
    for name in used:
        if name in searches:
            continue
        if others:
            raise unknown("supernet", name, others)
        raise UsageError(f"there is no supernet {name}: --supernets '{{\"{name}\": {{...}}}}' names one")
    for name in searches:
        if name and name not in used:
            raise UsageError(
                f"no criterion is asked of supernet {name}: name one, as {name}/perturbation, or leave it out"
            )
    return {name: searches[name] for name in used}


def _change_search(name: str, search: SearchSettings, changes: object) -> SearchSettings:
    """Returns the settings of a search with some changes; their types are checked, since no parser has seen them."""
    if not name.isidentifier():
        raise UsageError(f"a supernet's name is made of letters, digits and _, not {name!r}")
    if not isinstance(changes, Mapping):
        raise UsageError(
            f"supernet {name} is given as what differs in its search, as {{alpha: fixed}}, not {changes!r}"
        )
    known = [field.name for field in fields(search)]
    for key, value in changes.items():
        if key not in known:
            raise unknown(f"setting of supernet {name}", key, known)
        kind = type(getattr(search, key))
        accepted = (float, int) if kind is float else kind
        if getattr(search, key) is not None and not isinstance(value, accepted):
            raise UsageError(f"supernet {name}: {key} takes a value of type {kind.__name__}, not {value!r}")
    return replace(search, **changes)
