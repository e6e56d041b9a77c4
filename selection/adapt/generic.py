"""Any other network: the choices are told, or found by search."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sized

from torch import Tensor, nn

from ..errors import SelectionError, unknown
from .adapter import Adapter, Choice
from .search import found_in
from .wiring import Kept

Mapped = Mapping[str, Mapping[str, list[nn.Module]]]
Rows = Mapping[str, Tensor] | Callable[[nn.Module], Mapping[str, Tensor]]
Nodes = Mapping[str, tuple[int, list[str]]]


class Generic(Adapter):
    """A network whose choices are given, or mixed operations that are found by search: modules that hold a list of
    candidates, and their alphas.

    Args:
        mapping: {choice: {option: [modules]}}; where None, what `search.found_in` finds.
        logits: {choice: alpha [options]}, tensors that share memory with the network's own; or a function of the
            network that returns them, which also holds where tensors are replaced, as by `.to`.
        inputs: {node: (edges it keeps, [choices])}; {} where all stay.
        excluded: options that are mixed but never chosen.
        output: which part of the network's output is the logits, where it returns a tuple or a dict.
    """

    form, barred, keep = "generic", (), None

    def __init__(
        self,
        host: nn.Module,
        *,
        mapping: Mapped | None = None,
        logits: Rows | None = None,
        inputs: Nodes | None = None,
        excluded: Iterable[str] = (),
        output: int | str | None = None,
    ) -> None:
        if (mapping is None) != (logits is None):
            raise SelectionError(
                "mapping={choice: {option: [modules]}} and logits={choice: alpha [options]} are given together"
            )
        _check_modules(host, {} if mapping is None else mapping)
        _check_nodes({} if inputs is None else inputs)
        super().__init__(
            host,
            found_in(host)
            if mapping is None
            else {name: Choice(dict(options), None) for name, options in mapping.items()},
        )
        self.given, self.nodes, self.barred, self.output = (
            logits,
            dict(inputs or {}),
            _checked(excluded, self.chosen),
            output,
        )
        if logits is not None:
            _check_rows(logits(host) if callable(logits) else logits)

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]."""
        found = self.host(x)
        return found if self.output is None else _part(found, self.output)

    def logits(self) -> dict[str, Tensor]:
        """{choice: alpha [options]}, as given or found."""
        if self.given is None:
            return super().logits()
        return dict(self.given(self.host) if callable(self.given) else self.given)

    def strengths(self, name: str) -> Tensor:
        """softmax(alpha)."""
        return self.logits()[name].detach().softmax(0)

    def inputs(self) -> dict[str, tuple[int, list[str]]]:
        """As given."""
        return dict(self.nodes)

    def kept(
        self, decisions: Mapping[str, str] | None = None, inputs: Mapping[str, Iterable[str]] | None = None
    ) -> dict[str, str]:
        """{choice: option} of what stays."""
        decided = self._decided(decisions or {})
        stays = self._nodes(decided, inputs or {})
        gone = {name for node, (_, names) in self.nodes.items() for name in names if name not in stays[node]}
        return {name: option for name, option in decided.items() if name not in gone}

    def host_form(self, kept: Kept) -> object:
        """{choice: option} of what stays."""
        return kept

    def as_data(self, kept: Kept) -> dict:
        """{"format": "generic", "decisions": {choice: option}}: what the options make of a cell is not known."""
        return {"format": self.form, "decisions": kept}


def _check_modules(host: nn.Module, mapping: Mapped) -> None:
    """Raises SelectionError for an option whose modules are not a list of the network's own."""
    own = set(host.modules())
    if not isinstance(mapping, Mapping):
        raise SelectionError(
            f"mapping is a dict {{choice: {{option: [modules]}}}}, not an object of type {type(mapping).__name__}"
        )
    for choice, options in mapping.items():
        if not isinstance(options, Mapping):
            raise SelectionError(
                f"mapping: {choice} is a dict {{option: [modules]}}, not an object of type {type(options).__name__}"
            )
        for option, modules in options.items():
            if not isinstance(modules, (list, tuple)) or not all(
                isinstance(module, nn.Module) and module in own for module in modules
            ):
                raise SelectionError(
                    f"mapping: {option} of {choice} is not a list of modules of the network, [module, ...]"
                )


def _check_rows(rows: object) -> None:
    """Raises SelectionError unless these are {choice: alpha}."""
    if not isinstance(rows, Mapping):
        raise SelectionError(
            f"logits is a dict {{choice: alpha [options]}}, or a function that returns one, not an object of type "
            f"{type(rows).__name__}"
        )
    for choice, row in rows.items():
        if not isinstance(row, Tensor):
            raise SelectionError(
                f"logits: {choice} is a tensor with one alpha for each option, the network's own, not an object of "
                f"type {type(row).__name__}"
            )


def _check_nodes(nodes: object) -> None:
    """Raises SelectionError unless these are {node: (number, choices)}."""
    if not isinstance(nodes, Mapping):
        raise SelectionError(
            f"inputs is a dict {{node: (edges it keeps, [choices])}}, not an object of type {type(nodes).__name__}"
        )
    for node, pair in nodes.items():
        fits = (
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and isinstance(pair[0], int)
            and isinstance(pair[1], Collection)
        )
        if not fits or isinstance(pair[1], str):
            raise SelectionError(f"inputs: what {node} is given is no pair (edges it keeps, [choices])")


def _checked(excluded: object, chosen: Mapping[str, Choice]) -> tuple[str, ...]:
    """The excluded options, if they are a list of some that there are."""
    if isinstance(excluded, str) or not isinstance(excluded, Iterable):
        raise SelectionError(
            f"excluded is a list of option names, as ['none'], not an object of type {type(excluded).__name__}"
        )
    excluded, known = tuple(excluded), {option for choice in chosen.values() for option in choice.options}
    for option in excluded:
        if option not in known:
            raise unknown("option in excluded", option, known)
    return excluded


def _part(found: object, output: int | str) -> Tensor:
    """That part of what a network returns."""
    if isinstance(found, Tensor):
        raise SelectionError(f"the network returns one tensor, which has no part output={output!r}: leave output out")
    try:
        return found[output]
    except (LookupError, TypeError):
        parts = (
            f"the keys {', '.join(map(str, found))}"
            if isinstance(found, Mapping)
            else f"{len(found)} parts"
            if isinstance(found, Sized)
            else "no parts"
        )
        raise SelectionError(
            f"the network returns a {type(found).__name__} with {parts}, and output={output!r} is none of them"
        ) from None
