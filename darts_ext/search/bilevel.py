"""Bilevel training: alphas on one half of the images, weights on the other, in turn (Liu et al. 2019, algorithm 1)."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count, islice
from math import ceil

import torch
from torch import Tensor, nn

from selection import Task
from selection.architecture import Architecture
from selection.losses import Loss, Metric
from supernet import Genotype

from ..config import SearchSettings
from ..data import ImageBatches
from ..runtime.errors import UsageError, unknown
from ..runtime.training import Average, Means, check_finite, cosine, evaluate, set_learning_rate
from .curvature import find_dominant_eigenvalue
from .hypergradient import KINDS, hypergradient
from .observe import entropies, mixing_weights, skip_shares
from .paths import PATHS, compute_gradients, draw_paths, evaluate_paths
from .skipdrop import find_rate, skips_dropped
from .smoothing import find_radius, smoothed

Lookup = Callable[[Genotype], dict[str, float]]


def compute_beta_decay(alphas: list[Tensor]) -> Tensor:
    """Computes the mean over all choices of log sum exp of alpha: it keeps alphas from growing apart (beta-DARTS, Ye et
    al. 2022)."""
    return torch.cat([alpha.logsumexp(-1) for alpha in alphas]).mean()


@contextmanager
def one_draw(net: nn.Module) -> Iterator[None]:
    """Within the block all passes see one mixture of a relaxation that draws, as the terms of a hypergradient must."""
    net.draw_seed = int(torch.randint(2**62, (), device="cpu"))
    try:
        yield
    finally:
        net.draw_seed = None


OF_LEARNED_ALPHAS = ("beta_decay", "alpha_warm_up", "stop_skips", "curvature_every")


def _learns_alphas(net: nn.Module, settings: SearchSettings) -> bool:
    return settings.alpha == "learned" and net.relaxation.trains_alphas


def _check_settings(net: nn.Module, settings: SearchSettings) -> None:
    """Raises UsageError for settings that are unknown, or that would do nothing."""
    if settings.hypergradient not in KINDS:
        raise unknown("hypergradient", settings.hypergradient, KINDS)
    if settings.alpha not in ("learned", "fixed"):
        raise UsageError(f"alpha is learned or fixed, not {settings.alpha!r}")
    for name in OF_LEARNED_ALPHAS:
        if getattr(settings, name) and not _learns_alphas(net, settings):
            raise UsageError(f"{name} is of alphas that are learned, and here they stay as they are: leave it out")
    if settings.stop_curvature and not settings.curvature_every:
        raise UsageError("stop_curvature needs measurements of it: give curvature_every, as 2")
    if settings.smooth != "none" and not net.relaxation.adds_up:
        raise UsageError(
            f"smooth moves weights that add up to 1, as those of softmax, gumbel or dirichlet, and relaxation is "
            f"{net.relaxation.name}"
        )


class Search:
    """The search stage: `run_epoch`, `state` and `load`, as `runtime.epochs` calls them.

    Args:
        net: a Supernet, on its device.
        settings: learning rates and the like.
        train, val: batches that train the weights and the alphas. val_clean: the validation half without augmentation.
        seed: of the run.
        lookup: returns what a benchmark knows of the genotype that alpha would choose, as columns of the epoch's row;
            not called where alphas are fixed, and choose nothing.
        tracker: a Tracker, for what other criteria would choose, as columns of the row.
        loss, metric: of one's own task, see `selection.Task`; the row then has val_metric instead of val_accuracy.

    In each step the alphas move first, then the weights, as in the reference; but the validation batches pass over
    their whole half before one comes again.
    """

    name = "search"
    rates = "--learning_rate or --alpha_learning_rate"  # what to lower when the loss is no longer a number

    def __init__(
        self,
        net: nn.Module,
        settings: SearchSettings,
        train: ImageBatches,
        val: ImageBatches,
        val_clean: ImageBatches,
        seed: int,
        lookup: Lookup | None = None,
        tracker=None,
        *,
        loss: Loss = "cross_entropy",
        metric: Metric = None,
    ):
        _check_settings(net, settings)
        self.net = net
        self.task = Task(loss, metric)
        self.settings = settings
        self.seed = seed
        self.train = train
        self.val = val
        self.val_clean = val_clean
        self.learns_alphas = _learns_alphas(net, settings)
        self.lookup = lookup if self.learns_alphas else None
        self.tracker = tracker
        self.weights = list(net.weight_parameters())
        self.weight_optimizer = torch.optim.SGD(
            self.weights, settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
        self.alpha_optimizer = torch.optim.Adam(
            net.arch_parameters(),
            settings.alpha_learning_rate,
            betas=(0.5, 0.999),
            weight_decay=settings.alpha_weight_decay,
        )
        self.average = Average(
            net, settings.average, settings.ema_decay, first=int(settings.average_from * settings.epochs)
        )
        self.mixing = [mixing_weights(net)]

    def run_epoch(self, epoch: int, bar: Callable) -> dict[str, object]:
        """Trains for one pass over the weights' half, and returns the row of the summary that describes the result."""
        start = time.perf_counter()
        row = self.train_epoch(epoch, bar)
        net = self.average.after_epoch(self.train.epoch(epoch))
        mixing = mixing_weights(self.net)
        self.mixing.append(mixing)
        entropy = entropies(mixing)
        genotype = self.net.genotype()
        if self.net.relaxation.name in PATHS:
            row |= evaluate_paths(net, self.val_clean.epoch(0), self.seed, epoch, self.task)
        else:
            row |= evaluate(net, self.val_clean.epoch(0), "val", self.task)
        row |= skip_shares(mixing, self.net.space.choices(), self.net.excluded())
        row["entropy_mean"] = sum(entropy.values()) / len(entropy)
        row["seconds"] = time.perf_counter() - start
        row["genotype"] = genotype.to_text()
        if self.settings.curvature_every and not epoch % self.settings.curvature_every:
            row["curvature"] = self._measure_curvature()
        if self.lookup:
            row |= self.lookup(genotype)
        if self.tracker:
            row |= self.tracker.picks(net, epoch)
        row |= {f"entropy:{choice}": value for choice, value in entropy.items()}
        return row

    def _measure_curvature(self) -> float:
        """Returns the dominant eigenvalue of the Hessian in alpha of the loss on one batch of the alphas' half."""
        x, y = next(iter(self.val_clean.epoch(0)))
        net = self.net.eval()
        return find_dominant_eigenvalue(net, lambda: self.task.compute_loss(net(x), y))

    def try_tracked(self) -> None:
        """Raises SelectionError for a tracked criterion whose measure cannot be taken of the supernet."""
        if self.tracker:
            self.tracker.try_out(self.net)

    def train_epoch(self, epoch: int, bar: Callable, share: float = 1.0) -> dict[str, object]:
        """Trains alphas and weights in turn for one pass over the weights' half, or over a share of it."""
        settings = self.settings
        means = Means(self.task)
        rate = cosine(settings.learning_rate, settings.learning_rate_min, epoch, settings.epochs)
        set_learning_rate(self.weight_optimizer, rate)
        self.net.train()
        relaxation = self.net.relaxation
        relaxation.progress = self.progress_at(epoch)
        if settings.auxiliary_skip:
            self.net.auxiliary_weight = 1 - self.progress_at(epoch)
        number = ceil(share * len(self.train))
        paths = draw_paths(self.net, relaxation.name, self.seed, epoch)
        steps = islice(zip(self.train.epoch(epoch), self._validation(epoch)), number)
        with skips_dropped(self.net, find_rate(settings.skip_dropout, epoch)):
            for train, val in bar(steps, number):
                if self.learns_alphas and epoch >= settings.alpha_warm_up:
                    self._alpha_step(train, val, epoch)
                drawn = next(paths) if relaxation.name in PATHS else None
                loss, logits = self._weight_step(*train, epoch, drawn)
                means.add(loss, train[0], logits, train[1])
        return {"learning_rate": rate, **means.row("train")}

    def progress_at(self, epoch: int) -> float:
        """Returns the share of the training that is done: 0 in the first epoch, 1 in the last."""
        return epoch / max(1, self.settings.epochs - 1)

    def _validation(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields batches of the alphas' half without end, reshuffled in every pass; no two passes share a number."""
        for part in count():
            yield from self.val.epoch((epoch << 20) + part)

    def _list_penalties(self, epoch: int) -> list[Tensor]:
        """Returns what is added to the loss of the alphas."""
        alphas = list(self.net.alphas.values())  # numbers of whole edges are no choice of an option
        penalties = [self.net.relaxation.penalty(alphas)]
        if self.settings.beta_decay:
            weight = self.settings.beta_decay * epoch / self.settings.epochs
            penalties.append(weight * compute_beta_decay(alphas))
        return [penalty for penalty in penalties if penalty is not None]

    def _alpha_step(self, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], epoch: int = 0) -> None:
        alphas = self.net.arch_parameters()
        kind = self.settings.hypergradient
        with nullcontext() if kind == "first" else one_draw(self.net):
            gradients = hypergradient(kind, self.net, self.task.compute_loss, train, val, self.weight_optimizer)
        for penalty in self._list_penalties(epoch):
            added = torch.autograd.grad(penalty, alphas, allow_unused=True, materialize_grads=True)
            gradients = [sum(pair) for pair in zip(gradients, added)]
        for alpha, gradient in zip(alphas, gradients):
            alpha.grad = gradient
        self.alpha_optimizer.step()

    def _weight_step(self, x: Tensor, y: Tensor, epoch: int, paths: list[Architecture] | None) -> tuple[Tensor, Tensor]:
        """Makes a step of SGD on the mixture, or on some architectures; returns loss and logits before it."""
        if paths is None:
            with self._smoothed(x, y, epoch):
                logits = self.net(x)
            loss = self.task.compute_loss(logits, y)
            # options that a selection has switched off have no gradient, and stay as they are
            gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        else:
            loss, logits, gradients = compute_gradients(self.net, paths, x, y, self.weights, self.task)
        check_finite(loss, f"{self.name} epoch {epoch + 1}", self.rates)
        for weight, gradient in zip(self.weights, gradients):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(self.weights, self.settings.clip)
        self.weight_optimizer.step()
        self.average.after_step(epoch)
        return loss, logits

    def _smoothed(self, x: Tensor, y: Tensor, epoch: int) -> AbstractContextManager:
        if self.settings.smooth == "none":
            return nullcontext()
        radius = find_radius(self.settings.smooth_radius, epoch, self.settings.epochs)
        return smoothed(self.net, self.settings.smooth, radius, lambda: self.task.compute_loss(self.net(x), y))

    def state(self) -> dict:
        """Returns everything that the next epoch depends on."""
        return {
            "net": self.net.state_dict(),
            "average": self.average.state(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "alpha_optimizer": self.alpha_optimizer.state_dict(),
            "mixing": self.mixing,
        }

    def load(self, state: dict) -> None:
        """Restores what `state` returned."""
        self.net.load_state_dict(state["net"])
        self.average.load(state["average"])
        self.weight_optimizer.load_state_dict(state["weight_optimizer"])
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
        self.mixing = state["mixing"]
