"""The contract tests that plug-in authors get: our own measures, lifts and criteria pass them, and what breaks the
contract is caught."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import selection
from selection import registry
from selection.testing import Planted, check_criterion, check_lift, check_measure, textures

ROOT = Path(__file__).parents[2]


def network(*, cut=False, width=8, blocks=5):
    """A small network of blocks at initialisation; cut, its blocks let nothing through."""
    torch.manual_seed(0)
    inputs = [1, *[width] * (blocks - 1)]
    body = [nn.Sequential(nn.Conv2d(a, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()) for a in inputs]
    if cut:
        for block in body:
            for parameter in block.parameters():
                nn.init.zeros_(parameter)
    return nn.Sequential(nn.Sequential(*body), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 2))


def noise(count=12):
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(count, 1, 8, 8, generator=generator), torch.arange(count) % 2)]


def without_convolutions():
    net = Planted()
    for edge in net.edges:
        nn.init.zeros_(edge["nor_conv_3x3"].weight)
    return net


def alike():
    """Images that are nearly one, all of one class: their gradients agree."""
    x, _ = noise()[0]
    return [(x[:1] + 0.01 * x, torch.zeros(12, dtype=torch.long))]


class Layered(nn.Identity):
    """A network that tells the architecture of its kernel at infinite width."""

    def __init__(self, activation):
        super().__init__()
        self.activation = activation

    def layers_of_kernel(self):
        return {"activations": [self.activation] * 2, "skips": [True], "weight_variance": 2.0}


SOLVED = ((Planted(), [textures()]), (without_convolutions(), [textures()]))
LIVE = ((network(), noise()), (network(cut=True), noise()))
LARGER = ((network(width=9), noise()), (network(), noise()))
AGREEING = ((network(), alike()), (network(), noise()))
CASES = {
    **dict.fromkeys(("accuracy", "loss", "ntk_complexity", "ntk_alignment"), SOLVED),
    **dict.fromkeys(("parameters", "flops"), LARGER),
    "weight_layers": ((network(blocks=6), noise()), (network(), noise())),
    "gradalign_2": ((network(), noise()), (network(), alike())),
    **dict.fromkeys(
        ("ntk_infinite_min", "ntk_infinite_min_relative"), ((Layered("relu"), noise()), (Layered("sigmoid"), noise()))
    ),
    **dict.fromkeys(("gradalign_1", "gradient_cosine", "gradient_conflict", "gradsign"), AGREEING),
}
SIGNED = {"plain", "grasp"}  # sums of signed terms: of two networks neither is known to be the better


@pytest.mark.parametrize("name", sorted(set(selection.list_measures()) - SIGNED))
def test_every_measure_keeps_the_contract(name):
    better, worse = CASES.get(name, LIVE)
    check_measure(name, better, worse)


@pytest.mark.parametrize("name", selection.list_lifts())
def test_every_lift_keeps_the_contract(name):
    check_lift(name, None if name in ("magnitude", "random", "size", "residual") else "loss")


@pytest.mark.parametrize("name", selection.list_criteria())
def test_every_criterion_keeps_the_contract(name):
    # magnitude is what the case is planted against, random is blind, and 22 parameters have no kernel of full rank over
    # 20 images
    check_criterion(name, finds_planted=name not in ("magnitude", "random", "ntk"))


@pytest.fixture
def register(monkeypatch):
    """A registry of its own."""
    for names in ("_MEASURES", "_LIFTS", "_CRITERIA"):
        monkeypatch.setattr(registry, names, dict(getattr(registry, names)))
    return registry


def test_a_measure_that_moves_statistics_is_caught(register):
    @register.register_measure("leaky")
    def leaky(net, batches):
        net.train()(batches[0][0])
        return 1.0

    with pytest.raises(AssertionError, match="leaky does not leave the network"):
        check_measure("leaky", *LIVE)


def test_a_measure_of_the_wrong_sign_is_caught(register):
    register.register_measure("upside_down")(lambda net, batches: -registry.find_measure("accuracy")(net, batches))
    with pytest.raises(AssertionError, match="higher must be better"):
        check_measure("upside_down", *SOLVED)


def test_lifts_that_break_the_contract_are_caught(register):
    calls = []

    @register.register_lift("by_place")
    def by_place(evaluator, choice):
        return {option: float(place) for place, option in enumerate(evaluator.net.choices()[choice])}

    @register.register_lift("forgetful")
    def forgetful(evaluator, choice):
        return {"skip_connect": 1.0}

    @register.register_lift("moody")
    def moody(evaluator, choice):
        calls.append(choice)
        return {option: float(len(calls)) for option in evaluator.net.choices()[choice]}

    for name, says in (
        ("by_place", "depends on the order"),
        ("forgetful", "does not score every option"),
        ("moody", "does not repeat itself"),
    ):
        with pytest.raises(AssertionError, match=says):
            check_lift(name, None)


def test_a_criterion_of_ones_own(register):
    """A lift and a measure by decorator, a criterion made of them, and selection by it."""

    @register.register_measure("brightness")
    def brightness(net, batches):
        with selection.preserved(net), torch.no_grad():
            return float(net.eval()(batches[0][0]).abs().mean())

    register.register_criterion("bright", "removal", "brightness", "mean size of the logits that is lost")
    assert "bright" in selection.list_criteria()
    assert selection.describe_criteria()["bright"].startswith("mean size")
    check_criterion("bright", finds_planted=False)
    assert selection.score(Planted(), "bright", [textures()]) == selection.score(
        Planted(), "removal:brightness", [textures()]
    )
    with pytest.raises(selection.SelectionError, match="named 'bright' is registered already"):
        register.register_criterion("bright", "removal", "brightness", "again")
    with pytest.raises(selection.SelectionError, match="did you mean 'removal'"):
        register.register_criterion("other", "removing", "brightness", "a lift that is not there")


def test_names_that_cannot_be_asked_for_are_not_registered(register):
    for name in ("a+b", "a:b", "a b", "", "a@b", "a,b", "a\n"):
        for add in (
            lambda: register.register_measure(name)(len),
            lambda: register.register_lift(name)(len),
            lambda: register.register_criterion(name, "removal", "accuracy", "x"),
        ):
            with pytest.raises(
                selection.SelectionError, match=r"is made of letters, digits, _ and -, which .* is not$"
            ):
                add()
    for decorator in (register.register_measure, register.register_lift):
        with pytest.raises(selection.SelectionError, match=r'use @register_(measure|lift)\("name"\)$'):
            decorator(lambda net, batches: 1.0)
    with pytest.raises(selection.SelectionError, match="a criterion is given by name"):
        register.register_criterion(None, "removal", "accuracy", "x")
    for measure, message in (
        ("acuracy", "unknown measure 'acuracy': did you mean 'accuracy'"),
        ("", "unknown measure ''"),
        (3, "a measure is given by name"),
    ):
        with pytest.raises(selection.SelectionError, match=message):
            register.register_criterion("mine", "removal", measure, "x")
    assert "mine" not in selection.list_criteria()
    register.register_criterion("my-own_2", "removal", "accuracy", "x")


def installed(folder, name, code, value):
    """A package as pip would install it, with an entry point."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[darts_ext.criteria]\n{name} = {value}\n")


def listed_with(folder):
    code = "import selection; print(selection.list_criteria('mine*'), selection.list_criteria('perturbation'))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": ""},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip(), run.stderr


def test_installed_packages_add_criteria_by_entry_point_and_one_that_cannot_be_loaded_does_no_harm(tmp_path):
    installed(
        tmp_path,
        "mine_package",
        "from selection import register_criterion\nregister_criterion('mine', 'alone', 'naswot', 'my own')\n",
        "mine_package",
    )
    installed(tmp_path, "broken_package", "raise RuntimeError('half installed')\n", "broken_package")
    out, err = listed_with(tmp_path)
    assert out == "['mine'] ['perturbation']"
    assert "the plug-in broken_package (broken_package) cannot be loaded: half installed" in err
