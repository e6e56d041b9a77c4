"""The empirical neural tangent kernel K_ij = <J_i, J_j> of any network."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ..errors import SelectionError
from ..preserve import preserved
from .capture import Capture

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Cotangents = Callable[[Tensor], list[Tensor]]


def ntk(
    model: nn.Module, x: Tensor, x2: Tensor | None = None, *, outputs: str | int = "sum",
    parameters: str | Callable[[str, nn.Parameter], bool] = "all", batchnorm: str = "frozen", dtype: torch.dtype = torch.float64, seed: int = 0,
) -> Tensor:  # fmt: skip
    """The neural tangent kernel on a batch (Jacot et al. 2018), exact, layer by layer, for about one forward and backward pass.

    Args:
        x: inputs [B, ...]. x2: a second batch [B2, ...] for a cross kernel.
        outputs: "sum" of the logits (TE-NAS, Chen et al. 2021), "trace" over the logits (one backward pass each), or an int: the mean over so many random
            projections, which estimates the trace.
        parameters: "all", "weight" (names that contain "weight", as TE-NAS), or a predicate(name, parameter). A supernet's alphas never count.
        batchnorm: "frozen" (x's statistics, taken as constants), "running" (running statistics, as in eval mode), or "coupled" (training mode: a sample's
            logits depend on the others; one backward pass a sample).
        dtype: of the whole computation; float64, because the smallest eigenvalue is lost in float32.
        seed: of the random projections.

    Returns:
        [B, B] or [B, B2], not divided by the number of outputs; the model's mode, buffers and gradients are left as they were. Parameters for which there is no
        formula (see `numerics.layers`) are taken by vmap over grad, with a warning that names them.

    Raises:
        SelectionError: fewer than two inputs, or an unknown setting.

    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> ntk(nn.Linear(2, 1, bias=False), x)
    tensor([[1., 1.],
            [1., 2.]], dtype=torch.float64)
    """
    if outputs not in ("sum", "trace") and not (isinstance(outputs, int) and outputs > 0):
        raise SelectionError(f"outputs is 'sum', 'trace' or a number of random projections, not {outputs!r}")

    def cotangents(logits: Tensor) -> list[Tensor]:
        if outputs == "sum":
            return [torch.ones_like(logits)]
        if outputs == "trace":
            return [torch.zeros_like(logits).index_fill(1, torch.tensor([k], device=logits.device), 1.0) for k in range(logits.shape[1])]
        signs = torch.randint(0, 2, (outputs, logits.shape[1]), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        return [row.to(logits).expand_as(logits) / outputs**0.5 for row in signs]

    return gram(model, x, x2, cotangents, parameters=parameters, batchnorm=batchnorm, dtype=dtype)


def loss_gram(model: nn.Module, x: Tensor, y: Tensor, **settings) -> Tensor:
    """The products of the samples' loss gradients [B, B], cross entropy; settings as in `ntk`."""

    def cotangents(logits: Tensor) -> list[Tensor]:
        return [logits.detach().softmax(1) - nn.functional.one_hot(y, logits.shape[1]).to(logits)]

    return gram(model, x, None, cotangents, **settings)


def gram(
    model: nn.Module, x: Tensor, x2: Tensor | None, cotangents: Cotangents, *,
    parameters: str | Callable[[str, nn.Parameter], bool] = "all", batchnorm: str = "frozen", dtype: torch.dtype = torch.float64,
) -> Tensor:  # fmt: skip
    """The sum over cotangents v of the products of grad <v_i, f(x_i)>; settings as in `ntk`.

    Args:
        cotangents: from logits [B, K] to a list of [B, K], row i used for sample i.
    """
    if len(x) < 2:
        raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
    if batchnorm not in ("frozen", "running", "coupled"):
        raise SelectionError(f"batchnorm is 'frozen', 'running' or 'coupled', not {batchnorm!r}")
    if batchnorm == "coupled" and x2 is not None:
        raise SelectionError("a cross kernel needs samples that do not depend on each other: batchnorm is 'frozen' or 'running', not 'coupled'")
    state = {name: t.detach().to(dtype, copy=True) if t.is_floating_point() else t.clone() for name, t in _tensors(model)}
    chosen = _chosen(model, parameters)
    inputs, split = (x, None) if x2 is None else (torch.cat([x, x2]), len(x))
    inputs = inputs.to(dtype)
    with preserved(model):
        if batchnorm == "coupled":
            return _coupled(model, state, chosen, inputs, cotangents)
        model.eval()
        capture = Capture(model, state, chosen, split)
        with _frozen_statistics(model, state, len(x)) if batchnorm == "frozen" else preserved(model):
            output = capture.forward(inputs)
        if output.dim() != 2:
            raise SelectionError(f"the network's output is {list(output.shape)}; a kernel needs logits [B, K]")
        directions = cotangents(output)
        kernel = sum(capture.backward(output, v, keep=number + 1 < len(directions)) for number, v in enumerate(directions))
        if capture.uncovered:
            warnings.warn(f"ntk: no layerwise formula for {', '.join(sorted(capture.uncovered))}; taken by vmap over grad", stacklevel=3)
            kernel = kernel + _by_vmap(model, state, sorted(capture.uncovered), inputs, directions, split)
    size = (len(x), len(inputs) - (split or 0))
    return kernel if isinstance(kernel, Tensor) else torch.zeros(size, dtype=dtype, device=x.device)


def _by_vmap(model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, directions: list[Tensor], split: int | None) -> Tensor:
    """The same for some parameters, by per-sample gradients."""
    free = {name: state[name] for name in names}

    def projected(p: dict[str, Tensor], one: Tensor, v: Tensor) -> Tensor:
        return (functional_call(model, {**state, **p}, (one[None],))[0] * v).sum()

    def kernel(v: Tensor) -> Tensor:
        gradients = vmap(grad(projected), in_dims=(None, 0, 0), randomness="different")(free, x, v.detach())
        rows = torch.cat([g.reshape(len(x), -1) for g in gradients.values()], dim=1)
        return rows @ rows.T if split is None else rows[:split] @ rows[split:].T

    return sum(map(kernel, directions))


def _coupled(model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, cotangents: Cotangents) -> Tensor:
    """The kernel in training mode, a backward pass a sample: BatchNorm's statistics depend on every parameter and every sample."""
    model.train()
    free = {name: state[name].requires_grad_() for name in names}
    with torch.enable_grad():
        logits = functional_call(model, {**state, **free}, (x,))
        kernel = 0.0
        for v in cotangents(logits):
            values = (logits * v).sum(1)
            rows = [torch.autograd.grad(value, list(free.values()), retain_graph=True, allow_unused=True, materialize_grads=True) for value in values]
            rows = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
            kernel = kernel + rows @ rows.T
    return kernel


@contextmanager
def _frozen_statistics(model: nn.Module, state: dict[str, Tensor], count: int) -> Iterator[None]:
    """While a batch passes, each BatchNorm's running statistics in `state` become those of its first `count` inputs, before it uses them."""
    seen = set()

    def record(name: str) -> Callable:
        def hook(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if name in seen:
                raise SelectionError(f"{name} is used twice, so it has no one statistics to freeze: batchnorm='running' or 'coupled'")
            seen.add(name)
            x = inputs[0].detach()[:count]
            var, mean = torch.var_mean(x, [axis for axis in range(x.dim()) if axis != 1], correction=0)
            state[f"{name}.running_mean"].copy_(mean)
            state[f"{name}.running_var"].copy_(var)

        return hook

    norms = {name: module for name, module in model.named_modules() if isinstance(module, _NORMS)}
    for name, norm in norms.items():
        if norm.running_mean is None:
            raise SelectionError(f"{name} keeps no running statistics to freeze: batchnorm='coupled'")
    handles = [norm.register_forward_pre_hook(record(name)) for name, norm in norms.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _chosen(model: nn.Module, parameters: str | Callable[[str, nn.Parameter], bool]) -> list[str]:
    alphas = {row.untyped_storage().data_ptr() for row in model.logits().values()} if hasattr(model, "logits") else set()
    rules = {"all": lambda name, p: True, "weight": lambda name, p: "weight" in name}
    rule = rules.get(parameters, parameters) if isinstance(parameters, str) else parameters
    if not callable(rule):
        raise SelectionError(f"parameters is 'all', 'weight' or a predicate(name, parameter), not {parameters!r}")
    chosen = [name for name, p in model.named_parameters() if p.untyped_storage().data_ptr() not in alphas and rule(name, p)]
    if not chosen:
        raise SelectionError("no parameter is left to differentiate by")
    return chosen
