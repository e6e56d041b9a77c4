"""Brief training: architectures trained for a few epochs, the better half of them for a few more (successive halving,
Jamieson & Talwalkar 2016)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from supernet import Genotype, MLPSpace, Space

from ..data import ImageBatches
from ..runtime.files import load_checkpoint, save_checkpoint, to_json
from ..runtime.genotypes import digest
from ..runtime.news import say
from ..runtime.processes import Spread
from ..runtime.seed import seed_epoch
from ..runtime.training import CLASSIFICATION, check_finite, cosine, evaluate, set_learning_rate
from .candidates import NetworkBuild

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 5e-4  # of NAS-Bench-201 (Dong & Yang 2020)


@dataclass(frozen=True)
class Recipe:
    """How every network is trained; can be sent to another process.

    Args:
        train: augmented images that the weights learn from. val: the images that it is judged on, never the test's.
        epochs: of a round, whose learning rate falls along half a cosine.
    """

    build: NetworkBuild
    train: ImageBatches
    val: ImageBatches
    epochs: int
    seed: int


@dataclass(frozen=True)
class Part:
    """A round of one network.

    Args:
        number: of the round, from 0.
        checkpoint: where the network is after its last round, and will be after this one.
    """

    genotype: Genotype
    number: int
    checkpoint: Path


@dataclass(frozen=True)
class BriefTraining:
    """Judges architectures by their accuracy after brief training; what is finished in `folder` is not trained again.

    Args:
        rounds: after each but the last the better half goes on.
        folder: of the checkpoints.
    """

    space: Space | MLPSpace
    recipe: Recipe
    rounds: int
    folder: Path
    spread: Spread

    def judge_all(self, architectures: Sequence[tuple[dict, dict]]) -> list[dict[str, float]]:
        """Returns {"epochs": as many as it was trained, "accuracy": per cent of the validation images} of each."""
        genotypes = [self.space.genotype(options, inputs) for options, inputs in architectures]
        verdicts: list[dict[str, float]] = [{} for _ in genotypes]
        going_on = list(range(len(genotypes)))
        for number in range(self.rounds):
            epochs = (number + 1) * self.recipe.epochs
            parts = [Part(genotypes[index], number, self._place(genotypes[index])) for index in going_on]
            accuracies = self.spread(_Train(self.recipe), parts)
            title = f"brief training, {epochs} epochs"
            for index, accuracy in zip(going_on, tqdm(accuracies, title, len(parts), leave=False, disable=None)):
                verdicts[index] = {"epochs": epochs, "accuracy": accuracy}
            going_on.sort(key=lambda index: -verdicts[index]["accuracy"])
            best = verdicts[going_on[0]]["accuracy"]
            say(f"{len(going_on)} architectures trained for {epochs} epochs: the best has {best:.2f} %")
            going_on = going_on[: ceil(len(going_on) / 2)]
        return verdicts

    def _place(self, genotype: Genotype) -> Path:
        return self.folder / f"{digest(genotype)}.pt"


@dataclass(frozen=True)
class _Train:
    """Trains a round of one network."""

    recipe: Recipe

    def __call__(self, part: Part) -> float:
        recipe = self.recipe
        saved = load_checkpoint(part.checkpoint) if part.checkpoint.exists() else {"accuracies": []}
        accuracies = list(saved["accuracies"])
        if len(accuracies) > part.number:
            return accuracies[part.number]
        net = recipe.build(part.genotype, recipe.seed)
        if accuracies:
            net.load_state_dict(saved["net"])
        optimizer = torch.optim.SGD(
            net.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
        )
        for epoch in range(recipe.epochs):
            whole_epoch = part.number * recipe.epochs + epoch
            seed_epoch(recipe.seed, "brief", whole_epoch)
            set_learning_rate(optimizer, cosine(LEARNING_RATE, 0.0, epoch, recipe.epochs))
            _train_epoch(net, optimizer, recipe.train, whole_epoch)
        row = evaluate(net, recipe.val.epoch(0), "val")
        accuracies.append(row["val_accuracy"])
        save_checkpoint(part.checkpoint, {"accuracies": accuracies, "net": net.state_dict()})
        return accuracies[part.number]


def _train_epoch(net: nn.Module, optimizer: torch.optim.Optimizer, batches: ImageBatches, epoch: int) -> None:
    net.train()
    for x, y in batches.epoch(epoch):
        loss = CLASSIFICATION.compute_loss(net(x), y)
        check_finite(loss, f"epoch {epoch + 1} of brief training", "--brief_epochs, or judge by something else")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()


def name_folder(run: Path, settings: dict) -> Path:
    """Returns the folder of the networks of a run that are trained alike."""
    return run / "brief" / hashlib.sha256(to_json(settings).encode()).hexdigest()[:10]
