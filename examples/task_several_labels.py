"""Several labels an image: the targets say so by themselves, and a metric of your own may judge instead of accuracy.

A supernet of this package is searched on digits of which each is asked four questions (is it even, above four, round,
made of strokes only?), and an architecture is chosen by what is lost in accuracy, in loss, and in the F1 score.

    python examples/task_several_labels.py
"""

import torch
from sklearn.datasets import load_digits

import selection
from darts_ext.config import SearchSettings
from darts_ext.search import Search
from supernet import Supernet, create_space

QUESTIONS = {
    "even": {0, 2, 4, 6, 8},
    "above four": {5, 6, 7, 8, 9},
    "round": {0, 6, 8, 9},
    "strokes": {1, 4, 7},
}


class Batches:
    """The form in which a search takes data: `epoch(number)` yields (inputs, targets), `len` says how many."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor, size: int = 64):
        self.x = x
        self.y = y
        self.size = size

    def __len__(self) -> int:
        return len(self.x) // self.size

    def epoch(self, number: int):
        """Yields the batches of an epoch in a new order."""
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(number))
        for index in range(len(self)):
            rows = order[index * self.size : (index + 1) * self.size]
            yield self.x[rows], self.y[rows]


def load() -> tuple[torch.Tensor, torch.Tensor]:
    """Returns images [N, 1, 8, 8] and answers [N, 4] of 0 and 1."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
    answers = [[float(digit in digits_of) for digits_of in QUESTIONS.values()] for digit in digits.target.tolist()]
    return x, torch.tensor(answers)


def f1(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The mean over the questions of the F1 score."""
    guessed, right = outputs > 0, targets > 0.5
    hits = (guessed & right).sum(0)
    scores = 2 * hits / (guessed.sum(0) + right.sum(0)).clamp(min=1)
    return float(scores.mean())


def main() -> None:
    x, y = load()
    train, val = Batches(x[:512], y[:512]), Batches(x[512:1024], y[512:1024])
    net = Supernet(create_space("nasbench201"), channels=4, layers=1, num_classes=4, in_chans=1, seed=0)

    settings = SearchSettings(epochs=3, learning_rate=0.05, channels=4, layers=1)
    search = Search(net, settings, train, val, val, seed=0, loss="binary_cross_entropy", metric=f1)
    for epoch in range(settings.epochs):
        row = search.run_epoch(epoch, lambda steps, total: steps)
        print(f"epoch {epoch + 1}: loss {row['val_loss']:.3f}, F1 {row['val_metric']:.3f}")

    batches = list(val.epoch(0))[:3]
    for criterion, metric in (("perturbation", None), ("perturbation", f1), ("perturbation_loss", None), ("ntk", None)):
        chosen = selection.select(net, criterion, "oneshot", batches=batches, metric=metric)
        judge = "F1" if metric else "      "
        print(f"{criterion:18} {judge:8} {net.genotype(chosen.decisions).to_text()}")
    print(selection.select(net, "perturbation", "oneshot", batches=batches).notes[0])


if __name__ == "__main__":
    main()
