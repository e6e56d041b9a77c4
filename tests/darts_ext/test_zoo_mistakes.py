"""What the zoo refuses, in one line."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from darts_ext import zoo
from darts_ext.runtime.errors import UsageError
from supernet import Genotype, SpaceError, build

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda folder: timm.create_model("darts_ext.darts_v3"),
            UsageError,
            "unknown genotype 'darts_v3': did you mean 'darts_v2'",
        ),
        (lambda folder: zoo.create_model("darts_v3"), UsageError, "did you mean"),
        (lambda folder: zoo.create_model(folder), UsageError, "has no genotype.json"),
        (lambda folder: zoo.create_model(folder / "none.json"), UsageError, "cannot be read"),
        (
            lambda folder: zoo.create_model(folder / "none.safetensors"),
            UsageError,
            "cannot be read as a file of weights",
        ),
        (lambda folder: zoo.create_model("Genotype(normal=1)"), SpaceError, "normal"),
        (lambda folder: zoo.create_model("MLP(relu, tanh)"), SpaceError, "networks of cells"),
        (
            lambda folder: zoo.create_model(CELL, stem="imagenet", channels=4, layers=1),
            SpaceError,
            "no stem 'imagenet'",
        ),
        (
            lambda folder: zoo.create_model(CELL, chanels=4),
            UsageError,
            "unknown option of create_model 'chanels': did you mean 'channels'",
        ),
        (
            lambda folder: timm.create_model("darts_ext.darts_v2", chanels=4),
            UsageError,
            "unknown option of create_model 'chanels'.*'channels'",
        ),
        (lambda folder: zoo.register("m3", CELL, chanels=4), UsageError, "unknown size 'chanels'.*'channels'"),
        (lambda folder: zoo.create_model("darts_ext.darts_v3"), UsageError, "unknown genotype 'darts_v3'"),
        (lambda folder: zoo.create_model(3), UsageError, "not as int"),
        (lambda folder: zoo.create_model(CELL, channels="a"), SpaceError, "channels is a whole number, not 'a'"),
        (lambda folder: zoo.create_model(CELL, num_classes="a"), SpaceError, "num_classes is a whole number, not 'a'"),
        (
            lambda folder: zoo.create_model("darts_v2", pretrained=True),
            UsageError,
            "darts_v2 has no weights: .* RUN/evaluate/model.safetensors",
        ),
        (lambda folder: zoo.create_model(CELL, pretrained=True), UsageError, "^a genotype has no weights"),
        (
            lambda folder: timm.create_model("darts_ext.darts_v2", pretrained=True),
            UsageError,
            "darts_v2 has no weights",
        ),
        (lambda folder: zoo.create_model(CELL, num_classes=-1), SpaceError, "num_classes must be at least 0"),
        (lambda folder: zoo.create_model(CELL, channels=4, layers=1, global_pool="max"), SpaceError, "global_pool"),
        (lambda folder: zoo.create_model(CELL, channels=4, layers=1, global_pool=""), SpaceError, "global_pool"),
        (lambda folder: timm.create_model("darts_ext.darts_v1", genotype=CELL), UsageError, "leave"),
        (
            lambda folder: zoo.create_model(CELL, layers=1).forward_intermediates(
                torch.zeros(1, 3, 8, 8), output_fmt="NLC"
            ),
            SpaceError,
            "NCHW",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path, call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_other_sizes_are_refused_in_one_line(tmp_path):
    path = tmp_path / "model.safetensors"
    net = build(Genotype.from_text(CELL), channels=4, layers=1, num_classes=5)
    save_file(net.state_dict(), path, {"genotype": net.genotype.to_json(), "images": json.dumps({"size": 8})})
    with pytest.raises(UsageError, match="of other sizes") as caught:
        zoo.create_model(path, channels=8)
    assert "\n" not in str(caught.value)
    zoo.register("mine_of_other_sizes", path)
    with pytest.raises(UsageError, match=f"the weights of {path} are of a network of other sizes"):
        timm.create_model("darts_ext.mine_of_other_sizes", pretrained=True, channels=8)


def folder_of(place, *files):
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(Genotype.from_text(CELL).to_json())
    return place


@pytest.mark.parametrize(
    "create", [zoo.create_model, lambda run, **options: timm.create_model("darts_ext", genotype=run, **options)]
)
def test_a_run_without_weights_says_where_some_are(tmp_path, create):
    run = folder_of(tmp_path / "run", "genotype.json")
    with pytest.raises(
        UsageError, match=f"{run} has no weights: those of a retrained run are RUN/evaluate/model.safetensors"
    ):
        create(run, pretrained=True, channels=4, layers=1)
    folder_of(run, "evaluate/model.safetensors")
    with pytest.raises(UsageError, match=f"those of this run are {run}/evaluate/model.safetensors"):
        create(run, pretrained=True, channels=4, layers=1)


@pytest.mark.parametrize(
    ("files", "says", "not_said"),
    [
        (["args.yaml"], "`select {}` makes one", "comparison"),
        (["comparison.csv"], "in seedN/CRITERION/genotype.json", "select"),
        (["args.yaml", "seed0/args.yaml"], "in seedN/CRITERION/genotype.json", "select"),
        (
            ["args.yaml", "comparison.csv", "seed0/ntk/genotype.json", "seed0/random/genotype.json"],
            ", as {}/seed0/ntk/genotype.json",
            "select",
        ),
        (["evaluate/model.safetensors"], "with the weights in {}/evaluate/model.safetensors", "select"),
        (
            ["args.yaml", "search/last.pt", "ntk/genotype.json"],
            "there is one in it, {}/ntk/genotype.json",
            "select",
        ),  # a seed of a comparison
        (["notes.txt"], "is no run", "select"),
    ],
)
def test_a_folder_without_a_genotype_says_where_some_are(tmp_path, files, says, not_said):
    folder = folder_of(tmp_path / "found", *files)
    with pytest.raises(UsageError, match=r"has no genotype\.json") as caught:
        zoo.create_model(folder)
    message = str(caught.value)
    assert says.format(folder) in message
    assert not_said not in message
    assert "\n" not in message


def test_weights_without_a_genotype_are_refused(tmp_path):
    save_file({"stem.0.weight": torch.zeros(1)}, tmp_path / "m.safetensors")
    with pytest.raises(UsageError, match="holds no genotype"):
        zoo.create_model(tmp_path / "m.safetensors")
