"""Mixed operations found by search: modules that hold a list of candidates, and the tensors that are their alphas."""

from collections.abc import Iterator
from posixpath import commonpath

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import HostChoice

Path = tuple[str | int, ...]
PlacedTensors = list[tuple[Path, Tensor]]
Candidates = dict[str, nn.Module]  # {key in the ModuleList or ModuleDict: candidate}
LISTS = (nn.ModuleList, nn.ModuleDict)
GIVE_MAPPING = (
    "say which is which: adapt(net, kind='generic', mapping={choice: {option: [modules]}}, "
    "logits={choice: alpha [options]})"
)


def find_choices(host: nn.Module) -> dict[str, HostChoice]:
    """Finds the choices of a network whose mixed operations each hold a ModuleList or ModuleDict of candidates.

    They are called cell/0/op, cell/1/op, ... in module order. The alphas are a tensor [options] on the mixed operation
    itself; or one tensor [edges, options], or a list of them, held by a module around it: a row for each mixed
    operation of the network, or of each of its cells, which then share the rows.

    Raises:
        SelectionError: there are none, or no alphas fit, or several do; the line says what was found and what to give.
    """
    mixed = _find_mixed_operations(host)
    choices = _match_own_alphas(host, mixed)
    if choices:
        _check_no_others(host, mixed, choices)
    else:
        choices = _match_shared_alphas(host, mixed)
    return {f"cell/{index}/op": choice for index, choice in enumerate(choices)}


def _find_mixed_operations(host: nn.Module) -> dict[str, Candidates]:
    """Finds {path: candidates} of the modules that hold one list of several candidates, none of which holds another."""
    holders = {}
    for path, module in host.named_modules():
        if not path or isinstance(module, LISTS):
            continue
        lists = [child for child in module.children() if isinstance(child, LISTS)]
        if len(lists) == 1:
            holders[path] = dict(lists[0].named_children())
    mixed = {}
    for path, candidates in holders.items():
        holds_another = any(other.startswith(f"{path}.") for other in holders)
        if len(candidates) > 1 and not holds_another:
            mixed[path] = candidates
    return mixed


def _match_own_alphas(host: nn.Module, mixed: dict[str, Candidates]) -> list[HostChoice]:
    """Returns a choice for every mixed operation that has a tensor [options] itself."""
    choices = []
    for path, candidates in mixed.items():
        module = host.get_submodule(path)
        fitting: dict[int, Path] = {}  # one tensor may be held under several names
        for place, tensor in _list_tensors(module):
            if tensor.shape == (len(candidates),):
                fitting.setdefault(id(tensor), place)
        places = list(fitting.values())
        if len(places) > 1:
            named = " and ".join(".".join(map(str, place)) for place in places)
            raise SelectionError(
                f"{path}: {named} may each be the alphas of its {len(candidates)} candidates: {GIVE_MAPPING}"
            )
        if places:
            choices.append(HostChoice(_name_options([candidates]), module, places[0]))
    return choices


def _match_shared_alphas(host: nn.Module, mixed: dict[str, Candidates]) -> list[HostChoice]:
    """Returns a choice for every row of the one tensor, or list of tensors, that has a row for each mixed operation of
    the network or of each cell."""
    matches = _list_matches(host, mixed)
    if len(matches) != 1:
        raise _describe_mismatch(list(mixed), [_name_rows(rows) for rows, _ in matches])
    rows, cells = matches[0]
    choices = []
    for index, row in enumerate(rows):
        carriers = [mixed[cell[index]] for cell in cells]
        choices.append(HostChoice(_name_options(carriers), host, row))
    return choices


def _list_matches(host: nn.Module, mixed: dict[str, Candidates]) -> list[tuple[list[Path], list[list[str]]]]:
    """Lists the tensors around the mixed operations that have a row for each: (rows, cells of mixed operations)."""
    matches = []
    for count in sorted({len(candidates) for candidates in mixed.values()}):
        paths = [path for path, candidates in mixed.items() if len(candidates) == count]
        for tensors in _list_tensors_around(host, paths):
            rows = _list_rows(tensors, count)
            cells = _split_into_cells(paths, len(rows))
            if cells:
                matches.append((rows, cells))
    return matches


def _name_rows(rows: list[Path]) -> str:
    """Returns the name of the tensor, or the list of tensors, of which these are rows."""
    return ".".join(map(str, rows[0][:-1] or rows[0]))


def _check_no_others(host: nn.Module, mixed: dict[str, Candidates], own: list[HostChoice]) -> None:
    """Raises SelectionError where, besides tensors on the mixed operations, one around them could be the alphas; a list
    of the same tensors is no other."""
    known = {choice.alpha.data_ptr() for choice in own}
    for rows, _ in _list_matches(host, mixed):
        if any(HostChoice({}, host, row).alpha.data_ptr() not in known for row in rows):
            inside = ".".join(map(str, own[0].path))
            raise SelectionError(
                f"{_name_rows(rows)}, and {inside} of each of {len(own)} mixed operations, may each be their alphas: "
                f"{GIVE_MAPPING}"
            )


def _describe_mismatch(paths: list[str], matches: list[str]) -> SelectionError:
    shown = paths[:2]
    if len(paths) > 2:
        shown.append("...")
    holders = ", ".join(shown) or "none"
    fit = f"{len(matches)} tensors fit, {' and '.join(matches)}" if matches else "no tensor has a row for each"
    return SelectionError(
        f"{len(paths)} modules hold a list of candidates ({holders}), and as their alphas {fit}: {GIVE_MAPPING}"
    )


def _list_tensors_around(host: nn.Module, mixed: list[str]) -> list[PlacedTensors]:
    """Lists the tensors that the modules around the mixed operations hold; a list of tensors counts as one."""
    around = {""}
    for path in mixed:
        parts = path.split(".")
        around |= {".".join(parts[:end]) for end in range(1, len(parts))}
    attributes: dict[Path, PlacedTensors] = {}
    known: set[int] = set()
    for path in sorted(around):
        parts = path.split(".") if path else []
        for place, tensor in _list_tensors(host.get_submodule(path)):
            if id(tensor) in known:
                continue
            known.add(id(tensor))
            attribute = (*parts, place[0])
            attributes.setdefault(attribute, []).append(((*parts, *place), tensor))
    return list(attributes.values())


def _list_tensors(module: nn.Module) -> Iterator[tuple[Path, Tensor]]:
    """Yields the trained tensors that a module holds by itself: parameters, plain attributes, and lists of them."""
    lists = [(name, child) for name, child in module.named_children() if isinstance(child, nn.ParameterList)]
    for name, attribute in [*module._parameters.items(), *vars(module).items(), *lists]:
        if isinstance(attribute, (list, tuple, nn.ParameterList)):
            parts = [((name, index), part) for index, part in enumerate(attribute)]
        else:
            parts = [((name,), attribute)]
        for place, part in parts:
            if isinstance(part, Tensor) and part.requires_grad:
                yield place, part


def _list_rows(tensors: PlacedTensors, count: int) -> list[Path]:
    """Lists where each row [count] of some tensors is; empty where one of them is neither [count] nor [rows, count]."""
    rows: list[Path] = []
    for place, tensor in tensors:
        if tensor.shape[-1:] != (count,) or tensor.dim() > 2:
            return []
        if tensor.dim() == 1:
            rows.append(place)
        else:
            rows += [(*place, index) for index in range(len(tensor))]
    return rows


def _split_into_cells(paths: list[str], edges: int) -> list[list[str]]:
    """Splits the mixed operations into cells of so many edges; empty where the network does not consist of such
    cells."""
    if edges == 0 or len(paths) % edges != 0:
        return []
    cells = [paths[start : start + edges] for start in range(0, len(paths), edges)]
    if len(cells) == 1:
        return cells
    stems = [commonpath([path.replace(".", "/") for path in cell]) for cell in cells]
    layouts = set()
    for cell, stem in zip(cells, stems):
        layouts.add(tuple(path[len(stem) :] for path in cell))
    are_alike = len(layouts) == 1
    are_apart = len(set(stems)) == len(cells)
    return cells if are_alike and are_apart else []


def _name_options(carriers: list[Candidates]) -> dict[str, list[nn.Module]]:
    """Returns {option: [modules]}: keys of a ModuleDict; of a ModuleList the classes, with the position where one comes
    twice."""
    first = carriers[0]
    classes = [type(module).__name__ for module in first.values()]
    options = {}
    for index, (key, class_name) in enumerate(zip(first, classes)):
        if not key.isdigit():
            name = key
        elif classes.count(class_name) == 1:
            name = class_name
        else:
            name = f"{class_name}_{key}"
        options[name] = [list(candidates.values())[index] for candidates in carriers]
    return options
