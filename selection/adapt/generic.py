"""Any other network: the choices are told, or found by search."""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn

from ..errors import SelectionError
from .adapter import Adapter, Choice
from .search import found_in
from .wiring import Kept

Mapped = Mapping[str, Mapping[str, list[nn.Module]]]
Rows = Mapping[str, Tensor] | Callable[[nn.Module], Mapping[str, Tensor]]
Nodes = Mapping[str, tuple[int, list[str]]]


class Generic(Adapter):
    """A network whose choices are given, or mixed operations that are found by search: modules that hold a list of candidates, and their alphas.

    Args:
        mapping: {choice: {option: [modules]}}; where None, what `search.found_in` finds.
        logits: {choice: alpha [options]}, tensors that share memory with the network's own; or a function of the network that returns them, which also
            holds where tensors are replaced, as by `.to`.
        inputs: {node: (edges it keeps, [choices])}; {} where all stay.
        excluded: options that are mixed but never chosen.
        output: which part of the network's output is the logits, where it returns a tuple or a dict.
    """

    form, barred, keep = "generic", (), None

    def __init__(
        self, host: nn.Module, *, mapping: Mapped | None = None, logits: Rows | None = None, inputs: Nodes | None = None, excluded: Iterable[str] = (),
        output: int | str | None = None,
    ) -> None:  # fmt: skip
        if (mapping is None) != (logits is None):
            raise SelectionError("mapping={choice: {option: [modules]}} and logits={choice: alpha [options]} are given together")
        _check_modules(host, mapping or {})
        super().__init__(host, found_in(host) if mapping is None else {name: Choice(dict(options), None) for name, options in mapping.items()})
        self.given, self.nodes, self.barred, self.output = logits, dict(inputs or {}), tuple(excluded), output

    def forward(self, x: Tensor) -> Tensor:
        """inputs [B, ...] -> logits [B, classes]."""
        found = self.host(x)
        return found if self.output is None else found[self.output]

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

    def kept(self, decisions: Mapping[str, str] | None = None, inputs: Mapping[str, Iterable[str]] | None = None) -> dict[str, str]:
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
    for choice, options in mapping.items():
        for option, modules in options.items():
            if not isinstance(modules, (list, tuple)) or not all(module in own for module in modules):
                raise SelectionError(f"mapping: {option} of {choice} is not a list of modules of the network, [module, ...]")
