"""Foreign checkpoints as runs, by the command line."""

import argparse
import copy
import functools
import json
import operator
import shutil
from pathlib import Path

import pytest
import recorded_supernets as peers
import torch
import yaml

from darts_ext import zoo
from darts_ext.cli import main
from darts_ext.config import DataSettings, SearchSettings
from darts_ext.data import Images
from darts_ext.runtime.settings import pick
from darts_ext.search import load_supernet
from supernet import from_nasbench201, from_ptdarts, from_quark0

QUARK0 = torch.load(Path(__file__).parents[1] / "fixtures" / "quark0.pt", weights_only=True)
HOSTS = peers.recorded()
# ten classes and three channels, as the recorded networks have
DATA = "--data synthetic --train_limit 80 --test_limit 20 --batch_size 20 --threads 1".split()


def host(name):
    return peers.values(HOSTS[name]["shapes"])


def dartspt(name, **more):
    state = host(name)
    alphas = [
        torch.nn.Parameter(state.pop(key))
        for key in ("alphas_normal", "alphas_reduce", "arch_parameters")
        if key in state
    ]
    return {"epoch": 50, "state_dict": state, "alpha": alphas, "optimizer": {"state": {}}, **more}


def quark0():
    return {name: QUARK0[name] for name in ("state_dict", "alphas_normal", "alphas_reduce")}


def quark0_with_alphas_inside():
    return {**QUARK0["state_dict"], **{name: QUARK0[name] for name in ("alphas_normal", "alphas_reduce")}}


CHECKPOINTS = {
    "quark0": ("quark0", quark0, lambda content: from_quark0(**content)),
    "ptdarts": ("ptdarts", lambda: host("ptdarts"), from_ptdarts),
    "quark0-alphas-inside": (
        "quark0",
        lambda: {f"module.{name}": tensor for name, tensor in quark0_with_alphas_inside().items()},
        lambda content: from_quark0(content),
    ),
    "dartspt-s2": (
        "darts-pt",
        lambda: dartspt("dartspt_s2"),
        lambda content: from_quark0(content["state_dict"], *content["alpha"]),
    ),
    "dartspt-201": (
        "darts-pt",
        lambda: dartspt("dartspt_nasbench201"),
        lambda content: from_nasbench201(content["state_dict"], *content["alpha"]),
    ),
    "dartspt-201-as-nasbench201": (
        "nasbench201",
        lambda: dartspt("dartspt_nasbench201"),
        lambda content: from_nasbench201(content["state_dict"], *content["alpha"]),
    ),
    "autodl": (
        "nasbench201",
        lambda: {"epoch": 1, "search_model": host("autodl_tiny")},
        lambda content: from_nasbench201(content["search_model"]),
    ),
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The checkpoint of darts-pt on NAS-Bench-201, the command that imports it, and its run: to be copied."""
    folder = tmp_path_factory.mktemp("imported")
    file, out = folder / "net.pt", folder / "run"
    torch.save(dartspt("dartspt_nasbench201"), file)
    argv = ["import", str(file), "--format", "darts-pt", *DATA, "--out"]
    assert main([*argv, str(out)]) == 0
    return argv, out


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_run_holds_the_foreign_supernet(tmp_path, case, capsys):
    kind, content, convert = CHECKPOINTS[case]
    file, out = tmp_path / "net.pt", tmp_path / "run"
    torch.save(content(), file)
    assert main(["import", str(file), "--format", kind, *DATA, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"run: {out}\n"
    args = yaml.safe_load((out / "args.yaml").read_text())
    assert (args["command"], args["imported"], args["format"]) == ("search", str(file), kind)
    images = Images(pick(DataSettings, args), torch.device("cpu"), args["seed"])
    net, val = load_supernet(out, images, pick(SearchSettings, args))
    expected, x = convert(content()).float(), peers.images().float()
    assert torch.equal(net.eval()(x), expected.eval()(x))
    assert len(val) == 40
    assert net.genotype() == expected.genotype()
    assert (out / "report.html").exists()
    assert json.loads((out / "search" / "alphas.json").read_text())["epochs"]


def test_what_follows_a_search_goes_on(imported, tmp_path):
    argv, run = imported
    out = shutil.copytree(run, tmp_path / "run")
    before = (out / "search" / "last.pt").read_bytes()
    assert main([*argv, str(out)]) == 0
    assert (out / "search" / "last.pt").read_bytes() == before
    select = "--criterion perturbation --tune_epochs 0.5 --select_images 20".split()
    assert main(["select", str(out), *select]) == 0
    assert main(["retrain", str(out), "--epochs", "1", "--channels", "2", "--layers", "1", "--batch_size", "20"]) == 0
    assert main(["report", str(out)]) == 0
    net = zoo.create_model(out / "evaluate" / "model.safetensors")
    assert (net.genotype.to_json(), net.num_classes, net.in_chans) == ((out / "genotype.json").read_text(), 10, 3)
    page = (out / "report.html").read_text()
    assert "Test accuracy" in page
    assert "The search ran" not in page


def test_missing_statistics_are_taken_from_images(tmp_path, capsys):
    file, out = tmp_path / "net.pt", tmp_path / "run"
    torch.save({"search_model": host("autodl_generic")}, file)
    assert main(["import", str(file), "--format", "nasbench201", *DATA, "--out", str(out)]) == 0
    assert "no running statistics: taken from 40 training images" in capsys.readouterr().err
    state = torch.load(out / "search" / "last.pt", weights_only=True)["stage"]["net"]
    expected = from_nasbench201(host("autodl_generic")).state_dict()
    assert all(torch.equal(state[name], value.to(state[name].dtype)) for name, value in expected.items())
    means = [value for name, value in state.items() if name.startswith("cells.0.") and name.endswith("running_mean")]
    assert means
    assert all(mean.abs().sum() > 0 for mean in means)


def save_quark0_without_alphas(file):
    torch.save(QUARK0["state_dict"], file)


def saved(content):
    return lambda file: torch.save(content() if callable(content) else content, file)


def broken(case, *keys):
    """A checkpoint in which one value of the tensor under these keys is infinite."""

    def write(file):
        content = copy.deepcopy(CHECKPOINTS[case][1]())
        tensor = functools.reduce(operator.getitem, keys, content)
        tensor.data.view(-1)[-1] = torch.inf
        torch.save(content, file)

    return write


def changed(**changes):
    return saved(lambda: {**quark0(), **changes})


@pytest.mark.parametrize(
    ("write", "kind", "says"),
    [
        (lambda file: None, "quark0", "is not there"),
        (lambda file: file.mkdir(), "quark0", "is not there, or not a file"),
        (lambda file: file.write_text("# hello"), "quark0", "is not a file of torch.save"),
        (lambda file: file.write_bytes(b""), "quark0", "is not a file of torch.save"),
        (saved(quark0), "quark", ["unknown format 'quark'", "'quark0'"]),
        (save_quark0_without_alphas, "quark0", ["has no alphas_normal", "weights.pt has no alphas"]),
        (
            saved({"args": argparse.Namespace(), "search_model": {}}),
            "nasbench201",
            ["objects besides tensors", "weights_only=False"],
        ),
        (saved(lambda: torch.nn.Linear(1, 1)), "ptdarts", ["objects besides tensors", "state_dict()"]),
        (saved([1, 2]), "ptdarts", "holds no state_dict"),
        (changed(state_dict={"a": 1}), "quark0", "holds no state_dict"),
        (changed(alphas_normal=[1.0]), "quark0", "has alphas that are no tensors"),
        (changed(alphas_normal=torch.zeros(14, 5)), "quark0", "alphas_normal is [14, 5]"),
        (
            saved(lambda: {**dartspt("dartspt_s2"), "alpha": torch.zeros(3)}),
            "darts-pt",
            "no list of one or two tensors",
        ),
        (
            saved(lambda: dartspt("dartspt_s2", candidate_flags={"normal": torch.tensor([True, False])})),
            "darts-pt",
            "projection (decided edges: 1)",
        ),
        (saved(lambda: {"net.stem.0.weight": torch.zeros(1)}), "ptdarts", "net.stem.0.weight is [1]"),
        (saved(lambda: {"state_dict": {"net.stem.0.weight": torch.zeros(2)}}), "ptdarts", "net.stem.0.weight is [2]"),
        (saved({}), "nasbench201", "stem.0.weight is missing"),
        (
            changed(alphas_reduce=torch.full((14, 8), torch.nan)),
            "quark0",
            "alphas_reduce holds values that are not finite (112 of 112)",
        ),
        (
            broken("quark0", "state_dict", "cells.0.preprocess0.op.1.weight"),
            "quark0",
            "cells.0.preprocess0.op.1.weight holds values that are not finite (1 of",
        ),
        (
            broken("quark0", "state_dict", "stem.1.running_var"),
            "quark0",
            "stem.1.running_var holds values that are not finite",
        ),
        (broken("ptdarts", "net.stem.1.running_mean"), "ptdarts", "net.stem.1.running_mean holds"),
        (broken("ptdarts", "alpha_reduce.3"), "ptdarts", "alpha_reduce.3 holds"),
        (broken("dartspt-s2", "state_dict", "stem.0.weight"), "darts-pt", "stem.0.weight holds"),
        (broken("dartspt-201", "alpha", 0), "darts-pt", "arch_parameters holds"),
        (broken("autodl", "search_model", "arch_parameters"), "nasbench201", "arch_parameters holds"),
        (broken("autodl", "search_model", "classifier.bias"), "nasbench201", "classifier.bias holds"),
    ],
)
def test_a_file_that_is_no_such_checkpoint_is_refused_in_one_line(tmp_path, fails, write, kind, says):
    file, out = tmp_path / "net.pt", tmp_path / "run"
    write(file)
    fails("import", file, "--format", kind, *DATA, "--out", out, says=says, out=out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data", "digits"], "the checkpoint has 3 channels of images, and data digits has 1"),
        (["--data", "digit"], "unknown data 'digit'"),
        (["--alpha", "free"], "alpha is learned or fixed"),
        (["--batch_size", "500"], "larger than the split"),
        (["--train_portion", "2"], "train_portion must lie between"),
        (["--space", "s2"], "unknown option 'space'"),
    ],
)
def test_settings_that_do_not_fit_the_checkpoint_are_refused(tmp_path, fails, words, says):
    file, out = tmp_path / "net.pt", tmp_path / "run"
    torch.save(dartspt("dartspt_s2"), file)
    fails("import", file, "--format", "darts-pt", *DATA, *words, "--out", out, says=says, out=out)


def test_another_file_of_the_same_name_does_not_replace_a_run(tmp_path, fails):
    file, out = tmp_path / "net.pt", tmp_path / "run"
    torch.save(host("autodl_tiny"), file)
    assert main(["import", str(file), "--format", "nasbench201", *DATA, "--out", str(out)]) == 0
    state = host("autodl_tiny")
    torch.save({**state, "arch_parameters": -state["arch_parameters"]}, file)
    fails("import", file, "--format", "nasbench201", *DATA, "--out", out, says="was made with sha256=")


def test_the_format_must_be_given(tmp_path, fails):
    fails("import", tmp_path / "net.pt", says="--format is missing")
