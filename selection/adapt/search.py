"""Mixed operations found by search: modules that hold a list of candidates, and the tensors that are their alphas."""

from collections import Counter
from collections.abc import Iterator
from posixpath import commonpath

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Choice

Path = tuple[str | int, ...]
GIVE = "say which is which: adapt(net, kind='generic', mapping={choice: {option: [modules]}}, logits={choice: alpha [options]})"


def found_in(host: nn.Module) -> dict[str, Choice]:
    """The choices of a network whose mixed operations each hold a ModuleList or ModuleDict of candidates; cell/0/op,
    cell/1/op, ... in module order.

    The alphas are a tensor [options] on the mixed operation itself; or one tensor [edges, options], or a list of them,
    held by a module around it: a row for each mixed operation of the network, or of each of its cells, which then share
    the rows.

    Raises:
        SelectionError: there are none, or no alphas fit, or several do; the line says what was found and what to give.
    """
    mixed = {path: candidates for path, candidates in _mixed(host).items() if len(candidates) > 1}
    own = {path: place for path in mixed if (place := _own(host.get_submodule(path), len(mixed[path])))}
    if own:
        places = [(host.get_submodule(path), place, [path]) for path, place in own.items()]
    else:
        places = [(host, place, paths) for place, paths in _shared(host, mixed)]
    return {
        f"cell/{row}/op": Choice(_options([mixed[path] for path in paths]), owner, place)
        for row, (owner, place, paths) in enumerate(places)
    }


def _mixed(host: nn.Module) -> dict[str, dict[str, nn.Module]]:
    """{path: {name: candidate}} of the modules that hold one list of candidates, none of which holds another."""
    found = {}
    for path, module in host.named_modules():
        lists = [child for child in module.children() if isinstance(child, (nn.ModuleList, nn.ModuleDict))]
        if path and len(lists) == 1 and not isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            found[path] = dict(lists[0].named_children())
    return {
        path: candidates
        for path, candidates in found.items()
        if not any(other.startswith(f"{path}.") for other in found)
    }


def _own(mixed: nn.Module, count: int) -> Path | None:
    """The tensor [count] on a mixed operation itself."""
    return next((place for place, row in _tensors(mixed) if row.shape == (count,)), None)


def _shared(host: nn.Module, mixed: dict[str, dict[str, nn.Module]]) -> Iterator[tuple[Path, list[str]]]:
    """(where a row of alphas is, the mixed operations that it weighs)."""
    fitting = []
    for count in sorted({len(candidates) for candidates in mixed.values()}):
        paths = [path for path, candidates in mixed.items() if len(candidates) == count]
        for held in _holders(host, paths):
            places = _rows(held, count)
            cells = _cells(paths, len(places))
            fitting += [list(zip(places, zip(*cells)))] * bool(cells)
    if len(fitting) != 1:
        some = ", ".join([*list(mixed)[:2], *["..."] * (len(mixed) > 2)]) or "none"
        fit = f"{len(fitting)} tensors fit" if fitting else "no tensor has a row for each"
        raise SelectionError(
            f"{len(mixed)} modules hold a list of candidates ({some}), and as their alphas {fit}: {GIVE}"
        )
    for place, paths in fitting[0]:
        yield place, list(paths)


def _holders(host: nn.Module, mixed: list[str]) -> list[list[tuple[Path, Tensor]]]:
    """The tensors that the modules around the mixed operations hold, a list of tensors as one."""
    around = {""} | {path[:end] for path in mixed for end, letter in enumerate(path) if letter == "."}
    found: dict[Path, list[tuple[Path, Tensor]]] = {}
    seen: set[int] = set()
    for path in sorted(around):
        parts = tuple(path.split(".")) if path else ()
        for place, tensor in _tensors(host.get_submodule(path)):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                found.setdefault((*parts, place[0]), []).append(((*parts, *place), tensor))
    return list(found.values())


def _tensors(module: nn.Module) -> Iterator[tuple[Path, Tensor]]:
    """The trained tensors that a module holds by itself: parameters, plain attributes, and lists of them."""
    lists = {name: child for name, child in module.named_children() if isinstance(child, nn.ParameterList)}
    for name, held in (*module._parameters.items(), *vars(module).items(), *lists.items()):
        several = isinstance(held, (list, tuple, nn.ParameterList))
        for place, tensor in (
            [((name, index), part) for index, part in enumerate(held)] if several else [((name,), held)]
        ):
            if isinstance(tensor, Tensor) and tensor.requires_grad:
                yield place, tensor


def _rows(held: list[tuple[Path, Tensor]], count: int) -> list[Path]:
    """Where each row [count] of some tensors is; nothing where one of them is no such rows."""
    if any(tensor.shape[-1:] != (count,) or tensor.dim() > 2 for _, tensor in held):
        return []
    return [
        row
        for place, tensor in held
        for row in ([place] if tensor.dim() == 1 else [(*place, index) for index in range(len(tensor))])
    ]


def _cells(paths: list[str], rows: int) -> list[list[str]]:
    """The mixed operations of each cell of so many edges; nothing where the network does not consist of such cells."""
    if not rows or len(paths) % rows:
        return []
    cells = [paths[start : start + rows] for start in range(0, len(paths), rows)]
    stems = [commonpath([path.replace(".", "/") for path in cell]) for cell in cells]
    within = {tuple(path[len(stem) :] for path in cell) for cell, stem in zip(cells, stems)}
    return cells if len(cells) == 1 or (len(within) == 1 and len(set(stems)) == len(cells)) else []


def _options(carriers: list[dict[str, nn.Module]]) -> dict[str, list[nn.Module]]:
    """{option: [modules]}: keys of a ModuleDict; of a ModuleList the classes, with the position where one comes
    twice."""
    first = carriers[0]
    kinds = [type(module).__name__ for module in first.values()]
    names = [
        (kind if Counter(kinds)[kind] == 1 else f"{kind}_{key}") if key.isdigit() else key
        for key, kind in zip(first, kinds)
    ]
    return {name: [list(candidates.values())[index] for candidates in carriers] for index, name in enumerate(names)}
