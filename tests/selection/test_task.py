"""Selection on tasks that are not ten classes: criteria beside their definitions, batches of every kind, mistakes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from selection import SelectionError, Task, adapt, masked, measure, ntk, score, select
from selection.kernels import loss_gram

NAMES = ("narrow", "wide", "skip")


class Mixed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.options = nn.ModuleDict(
            {
                "narrow": nn.Conv2d(channels, channels, 1),
                "wide": nn.Conv2d(channels, channels, 3, padding=1),
                "skip": nn.Identity(),
            }
        )

    def forward(self, x, weights):
        return sum(weight * option(x) for weight, option in zip(weights, self.options.values()))


class Supernet(nn.Module):
    """Two edges; dense outputs [B, outputs, H, W], or their means over the positions."""

    def __init__(self, outputs, dense=False):
        super().__init__()
        self.dense = dense
        self.stem = nn.Conv2d(2, 4, 1)
        self.edges = nn.ModuleList(Mixed(4) for _ in range(2))
        self.head = nn.Conv2d(4, outputs, 1)
        self.alphas = nn.Parameter(torch.randn(2, 3))

    def forward(self, x):
        x = self.stem(x)
        for edge, weights in zip(self.edges, self.alphas.softmax(-1)):
            x = torch.tanh(edge(x, weights) + 0 * x)
        maps = self.head(x)
        return maps if self.dense else maps.mean((2, 3))


def supernet(outputs, dense=False):
    torch.manual_seed(0)
    return adapt(Supernet(outputs, dense).double(), kind="generic")


def images(count=12, seed=0):
    return torch.randn(count, 2, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drops_by_hand(net, value):
    """{choice: {option: value(net) - value(net without it)}}."""
    drops = {}
    for choice, options in net.choices().items():
        drops[choice] = {}
        for option in options:
            with torch.no_grad(), masked(net, {choice: [option]}):
                without = value(net)
            with torch.no_grad():
                drops[choice][option] = value(net) - without
    return drops


def assert_same(got, want):
    for choice, row in want.items():
        assert got[choice] == pytest.approx({option: float(drop) for option, drop in row.items()}, abs=1e-11)


X = images()
LABELS = torch.arange(12) % 3
SEVERAL = torch.randint(2, (12, 5), generator=torch.Generator().manual_seed(1)).float()
NUMBERS = torch.randn(12, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
PIXELS = torch.randint(3, (12, 5, 4), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("outputs", "dense", "y", "by_hand", "note"),
    [
        (3, False, LABELS[:, None], lambda o: -F.cross_entropy(o, LABELS), None),
        (3, False, F.one_hot(LABELS), lambda o: -F.cross_entropy(o, LABELS), "probabilities of the classes"),
        (3, True, PIXELS, lambda o: -F.cross_entropy(o, PIXELS), "a class for each position"),
        (5, False, SEVERAL, lambda o: -F.binary_cross_entropy_with_logits(o, SEVERAL.double()), "yes or no"),
        (1, False, LABELS == 0, lambda o: -F.binary_cross_entropy_with_logits(o[:, 0], (LABELS == 0).double()), "yes"),
        (2, False, NUMBERS, lambda o: -F.mse_loss(o, NUMBERS), "read as numbers"),
    ],
)
def test_perturbation_of_the_loss_is_that_of_the_task(outputs, dense, y, by_hand, note):
    net = supernet(outputs, dense)
    batches = [(X[:5], y[:5]), (X[5:], y[5:])]
    assert_same(score(net, "perturbation_loss", batches), drops_by_hand(net, lambda net: by_hand(net(X))))
    notes = select(net, "perturbation_loss", "oneshot", batches=batches).notes
    assert any(note in line for line in notes) if note else not any("are read as" in line for line in notes)


def test_a_batch_that_happens_to_be_one_hot_is_read_as_the_others_are():
    several = torch.tensor([[1.0, 0, 0]] * 6 + [[1, 1, 0]] * 6)
    net = supernet(3)
    batches = [(X[:6], several[:6]), (X[6:], several[6:])]
    want = drops_by_hand(net, lambda net: -F.binary_cross_entropy_with_logits(net(X), several.double()))
    got = select(net, "perturbation_loss", "oneshot", batches=batches, race=0.05).scores
    assert max(got["cell/0/op"], key=got["cell/0/op"].get) == max(want["cell/0/op"], key=want["cell/0/op"].get)
    assert_same(score(net, "perturbation_loss", batches), want)


def test_taylor_is_the_derivative_of_the_tasks_loss():
    net = supernet(5)
    option = net.host.edges[0].options["wide"]
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    handle = option.register_forward_hook(lambda module, inputs, output: scale * output)
    (slope,) = torch.autograd.grad(F.binary_cross_entropy_with_logits(net(X), SEVERAL.double()), scale)
    handle.remove()
    for options in ({}, {"loss": nn.BCEWithLogitsLoss()}, {"loss": "binary_cross_entropy"}):
        batches = [(X, SEVERAL.double())]
        assert score(net, "taylor", batches, **options)["cell/0/op"]["wide"] == pytest.approx(-float(slope), rel=1e-10)


def rows_by_hand(net, functional):
    """A backward pass a sample, by the weights."""
    weights = [parameter for name, parameter in net.named_parameters() if "alphas" not in name]
    rows = []
    for index in range(len(X)):
        gradients = torch.autograd.grad(functional(net(X[index : index + 1]), index), weights, allow_unused=True)
        rows.append(torch.cat([g.flatten() for g in gradients if g is not None]))
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("outputs", "dense", "y", "loss", "functional"),
    [
        (3, True, PIXELS, None, lambda o, i: F.cross_entropy(o, PIXELS[i : i + 1])),
        (2, False, NUMBERS, None, lambda o, i: F.mse_loss(o[0], NUMBERS[i])),
        (2, False, NUMBERS, nn.HuberLoss(), lambda o, i: F.huber_loss(o[0], NUMBERS[i])),
    ],
)
def test_products_of_loss_gradients_are_those_of_a_loop(outputs, dense, y, loss, functional):
    net = supernet(outputs, dense)
    rows = rows_by_hand(net, functional)
    torch.testing.assert_close(loss_gram(net, X, y, loss=loss), rows @ rows.T, rtol=1e-9, atol=1e-10)


def test_the_kernel_of_dense_outputs_is_that_of_their_sum_their_trace_and_projections():
    net = supernet(3, dense=True)
    rows = rows_by_hand(net, lambda output, _: output.sum())
    torch.testing.assert_close(ntk(net, X), rows @ rows.T, rtol=1e-9, atol=1e-10)
    trace = 0
    for k in range(60):
        rows = rows_by_hand(net, lambda output, _, k=k: output.flatten()[k])
        trace = trace + rows @ rows.T
    torch.testing.assert_close(ntk(net, X, outputs="trace"), trace, rtol=1e-9, atol=1e-10)
    estimate = ntk(net, X, outputs=2000)
    assert (estimate - trace).norm() < 0.1 * trace.norm()


@pytest.mark.parametrize("name", ["grad_norm", "snip", "gradsign", "zico", "gradient_cosine", "fisher", "grasp"])
def test_measures_of_the_loss_take_one_by_name_or_of_ones_own(name):
    net = supernet(2)
    named = measure(name, net, X, NUMBERS, loss="mse")
    assert measure(name, net, X, NUMBERS) == pytest.approx(named, rel=1e-9)
    assert measure(name, net, X, NUMBERS, loss=nn.MSELoss()) == pytest.approx(named, rel=1e-9)
    assert measure(name, net, X, NUMBERS, loss=lambda o, y: (o - y).abs().mean()) != pytest.approx(named, rel=1e-3)


def worst_class_recall(output, y):
    """Of all batches at once; no mean over images."""
    right = output.argmax(1) == y
    return min(float(right[y == label].double().mean()) for label in range(3))


def test_a_metric_of_ones_own_is_asked_of_all_batches_at_once():
    net = supernet(3)
    batches = [(X[:5], LABELS[:5]), (X[5:], LABELS[5:])]
    want = drops_by_hand(net, lambda net: torch.tensor(worst_class_recall(net(X), LABELS)))
    assert_same(score(net, "perturbation", batches, metric=worst_class_recall), want)
    found = select(net, "perturbation", "oneshot", batches=batches, metric=worst_class_recall, race=0.05)
    assert_same(found.scores, want)


class Boxes(nn.Module):
    """Returns a dict, and is asked about a list."""

    def __init__(self):
        super().__init__()
        self.body = Supernet(4)

    def forward(self, x):
        maps = self.body(x)
        return {"box": maps[:, :2], "score": maps[:, 2:]}


def test_outputs_and_targets_of_several_parts_take_a_loss_and_a_metric_of_ones_own():
    torch.manual_seed(0)
    net = adapt(Boxes().double(), kind="generic")
    targets = [{"box": number} for number in NUMBERS]

    def loss(output, entries):
        return F.mse_loss(output["box"], torch.stack([entry["box"] for entry in entries]))

    batches = [(X[:5], targets[:5]), (X[5:], targets[5:])]
    want = drops_by_hand(net, lambda net: -F.mse_loss(net(X)["box"], NUMBERS))
    assert_same(score(net, "perturbation_loss", batches, loss=loss), want)
    assert_same(score(net, "perturbation", batches, metric=lambda o, y: -loss(o, y)), want)
    with pytest.raises(SelectionError, match=r"returns a dict, not logits"):
        score(net, "perturbation_loss", batches)


@pytest.mark.parametrize("criterion", ["perturbation+ntk", "perturbation_loss+taylor"])
def test_batches_may_be_a_loader_or_a_generator_that_several_criteria_read(criterion):
    net = supernet(3)
    loader = DataLoader(TensorDataset(X, LABELS), batch_size=5)
    expected = select(net, criterion, "beam", batches=list(loader), width=2).decisions
    for batches in (loader, (pair for pair in loader), iter(loader), tuple(loader)):
        assert select(net, criterion, "beam", batches=batches, width=2).decisions == expected


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        (3, "not an object of type int"),
        ((X, LABELS), "batches is a list of pairs"),
        ({"x": X}, "not an object of type dict"),
        ([(X, LABELS[:5])], "one holds 12 inputs, and targets of 5 samples"),
        ([(X, torch.tensor(1))], "of type Tensor it is unclear how many samples"),
        ([(X, None)], "of type NoneType it is unclear"),
        ([(X.to_sparse(), LABELS)], r"sparse or nested tensor: give x.to_dense"),
        (
            [(X.byte(), LABELS)],
            r"inputs are torch.uint8, and the network computes in torch.float64: .* x.float\(\) / 255",
        ),
        ([(X, LABELS + 0.0)], r"give y.long\(\)"),
    ],
)
def test_batches_that_cannot_be_are_refused_in_one_line(batches, says):
    with pytest.raises(SelectionError, match=says) as caught:
        select(supernet(3), "perturbation", "oneshot", batches=batches)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loss": "mce"}, "unknown loss 'mce': did you mean 'mse'"),
        ({"loss": nn.CrossEntropyLoss}, r"the class CrossEntropyLoss: give an instance, CrossEntropyLoss\(\)"),
        ({"loss": 3}, "not an object of type int"),
        ({"loss": nn.MSELoss(reduction="sum")}, "give reduction='mean'"),
        ({"metric": "f1"}, "metric is a function"),
    ],
)
def test_a_task_that_cannot_be_is_refused_before_anything_runs(options, says):
    for call in (lambda: select(supernet(3), batches=[(X, LABELS)], **options), lambda: Task(**options)):
        with pytest.raises(SelectionError, match=says):
            call()


def test_a_loss_or_metric_that_returns_no_number_is_told():
    net = supernet(3)
    with pytest.raises(SelectionError, match="metric returns no number, but a str"):
        score(net, "perturbation", [(X, LABELS)], metric=lambda output, y: "good")
    with pytest.raises(SelectionError, match="loss returns a float, not a tensor"):
        score(net, "perturbation_loss", [(X, LABELS)], loss=lambda output, y: 1.0)


def test_an_adapted_network_keeps_its_task():
    torch.manual_seed(0)
    host = Supernet(2).double()
    given, kept = adapt(host, kind="generic"), adapt(host, kind="generic", loss=nn.HuberLoss(), metric=r_squared)
    batches = [(X[:5], NUMBERS[:5]), (X[5:], NUMBERS[5:])]
    for criterion, task in (
        ("perturbation_loss", {"loss": nn.HuberLoss()}),
        ("taylor", {"loss": nn.HuberLoss()}),
        ("perturbation", {"metric": r_squared}),
    ):
        assert score(kept, criterion, batches) == score(given, criterion, batches, **task)
    assert measure("loss", kept, X, NUMBERS) == measure("loss", given, X, NUMBERS, loss=nn.HuberLoss())
    assert measure("loss", kept, X, NUMBERS, loss="mse") == measure("loss", given, X, NUMBERS)
    with pytest.raises(SelectionError, match="selectable as it is"):
        adapt(kept, loss="mse")


def r_squared(outputs, targets):
    return float(1 - (outputs - targets).square().mean() / targets.var())


def test_a_kernel_of_several_parts_is_that_of_the_outputs_that_are_made_of_them():
    torch.manual_seed(0)
    host = Boxes().double()
    net = adapt(host, kind="generic", output=lambda parts: torch.cat([parts["box"], parts["score"]], 1))
    rows = rows_by_hand(net, lambda output, _: output.sum())
    torch.testing.assert_close(ntk(net, X), rows @ rows.T, rtol=1e-9, atol=1e-10)
