"""The empirical neural tangent kernel K_ij = <J_i, J_j> of any network."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ..errors import SelectionError
from ..preserve import preserved
from .blocks import Take, assemble
from .capture import Capture
from .statistics import batch_norms, frozen_statistics

Cotangents = Callable[[Tensor, slice], list[Tensor]]


def ntk(
    model: nn.Module, x: Tensor, x2: Tensor | None = None, *, outputs: str | int = "sum",
    parameters: str | Callable[[str, nn.Parameter], bool] = "all", batchnorm: str = "frozen", dtype: torch.dtype = torch.float64, block: int | None = None,
    seed: int = 0,
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
        block: inputs a side of the blocks that the same kernel is put together from, so that memory is that of two; n blocks take about n/2 times as long.
            With "frozen" a pass without gradients takes the statistics of the whole x first. None is all inputs at once.
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

    def cotangents(logits: Tensor, _: slice) -> list[Tensor]:
        if outputs == "sum":
            return [torch.ones_like(logits)]
        if outputs == "trace":
            return [torch.zeros_like(logits).index_fill(1, torch.tensor([k], device=logits.device), 1.0) for k in range(logits.shape[1])]
        signs = torch.randint(0, 2, (outputs, logits.shape[1]), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        return [row.to(logits).expand_as(logits) / outputs**0.5 for row in signs]

    return gram(model, x, x2, cotangents, parameters=parameters, batchnorm=batchnorm, dtype=dtype, block=block)


def loss_gram(model: nn.Module, x: Tensor, y: Tensor, **settings) -> Tensor:
    """The products of the samples' loss gradients [B, B], cross entropy; settings as in `ntk`."""

    def cotangents(logits: Tensor, rows: slice) -> list[Tensor]:
        return [logits.detach().softmax(1) - nn.functional.one_hot(y[rows], logits.shape[1]).to(logits)]

    return gram(model, x, None, cotangents, **settings)


def gram(
    model: nn.Module, x: Tensor, x2: Tensor | None, cotangents: Cotangents, *,
    parameters: str | Callable[[str, nn.Parameter], bool] = "all", batchnorm: str = "frozen", dtype: torch.dtype = torch.float64, block: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum over cotangents v of the products of grad <v_i, f(x_i)>; settings as in `ntk`.

    Args:
        cotangents: from logits [b, K], and the slice of the inputs that they belong to, to a list of [b, K], row i used for sample i.
    """
    if len(x) < 2:
        raise SelectionError(f"a kernel needs at least 2 inputs, not {len(x)}")
    if batchnorm not in ("frozen", "running", "coupled"):
        raise SelectionError(f"batchnorm is 'frozen', 'running' or 'coupled', not {batchnorm!r}")
    if block is not None and not (isinstance(block, int) and block > 0):
        raise SelectionError(f"block is a number of inputs or None, not {block!r}")
    if batchnorm == "coupled" and (x2 is not None or block is not None):
        raise SelectionError("blocks and cross kernels need samples that do not depend on each other: batchnorm is 'frozen' or 'running', not 'coupled'")
    state = {name: t.detach().to(dtype) if t.is_floating_point() else t for name, t in model.named_parameters()}
    state |= {name: t.to(dtype, copy=True) if t.is_floating_point() else t.clone() for name, t in model.named_buffers()}
    chosen = _chosen(model, parameters)
    x, x2 = x.to(dtype), x2 if x2 is None else x2.to(dtype)
    with preserved(model):
        if batchnorm == "coupled":
            return _coupled(model, state, chosen, x, cotangents)
        kernel, uncovered = _separate(model, state, chosen, x, x2, cotangents, batchnorm == "frozen", block)
    if uncovered:
        warnings.warn(f"ntk: no layerwise formula for {', '.join(sorted(uncovered))}; taken by vmap over grad", stacklevel=3)
    return kernel


def _separate(
    model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, x2: Tensor | None, cotangents: Cotangents, frozen: bool, block: int | None
) -> tuple[Tensor, set[str]]:
    """The kernel in eval mode, where no sample depends on another, and the parameters that were taken by vmap."""
    model.eval()
    batch_norms(model)  # or they would make samples depend on each other
    recording = partial(frozen_statistics, model, state) if frozen else nullcontext
    capture, turns = Capture(model, state, names), [slice(None)]
    if block is not None or x2 is not None:  # the statistics are those of the whole x; a cotangent a turn, so that factors of one only are kept
        with torch.no_grad(), recording():
            logits = _logits(functional_call(model, state, (x if frozen else x[:1],)))
        turns = [slice(k, k + 1) for k in range(len(cotangents(logits, slice(len(logits)))))]
        recording = nullcontext

    def passage(turn: slice, inputs: Tensor, rows: slice, take: Take) -> None:
        with recording():
            output = _logits(capture.forward(inputs))
        directions = cotangents(output, rows)[turn]
        for number, v in enumerate(directions):
            capture.backward(output, v, take, keep=number + 1 < len(directions))
            if capture.uncovered:
                take("by vmap", _by_vmap(model, state, sorted(capture.uncovered), inputs, v.detach()))

    return sum(assemble(partial(passage, turn), x, x2, block) for turn in turns), capture.uncovered


def _logits(output: Tensor) -> Tensor:
    if output.dim() != 2:
        raise SelectionError(f"the network's output is {list(output.shape)}; a kernel needs logits [B, K]")
    return output


def _by_vmap(model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, v: Tensor) -> Tensor:
    """Per-sample gradients by some parameters, [B, P]."""

    def projected(p: dict[str, Tensor], one: Tensor, v: Tensor) -> Tensor:
        return (functional_call(model, {**state, **p}, (one[None],))[0] * v).sum()

    gradients = vmap(grad(projected), in_dims=(None, 0, 0), randomness="different")({name: state[name] for name in names}, x, v)
    return torch.cat([g.reshape(len(x), -1) for g in gradients.values()], dim=1)


def _coupled(model: nn.Module, state: dict[str, Tensor], names: list[str], x: Tensor, cotangents: Cotangents) -> Tensor:
    """The kernel in training mode, a backward pass a sample: BatchNorm's statistics depend on every parameter and every sample."""
    model.train()
    free = {name: state[name].requires_grad_() for name in names}
    with torch.enable_grad():
        logits = functional_call(model, {**state, **free}, (x,))
        kernel = 0.0
        for v in cotangents(logits, slice(len(x))):
            values = (logits * v).sum(1)
            rows = [torch.autograd.grad(value, list(free.values()), retain_graph=True, allow_unused=True, materialize_grads=True) for value in values]
            rows = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
            kernel = kernel + rows @ rows.T
    return kernel


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
