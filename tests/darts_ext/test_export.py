"""Retrained networks as ONNX and as programs of torch.export: the same logits, at any number of images."""

import json
import sys

import numpy as np
import pytest
import torch

from darts_ext import zoo
from darts_ext.cli import main

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
DARTS = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('max_pool_3x3', 1), ('dil_conv_3x3', 1), ('skip_connect', 0)], "
    "normal_concat=range(2, 4), reduce=[('avg_pool_3x3', 0), ('skip_connect', 1), ('sep_conv_5x5', 2), "
    "('skip_connect', 0)], reduce_concat=range(2, 4))"
)
SMALL = "--data digits --train_limit 60 --test_limit 20 --epochs 1 --batch_size 20 --threads 1".split()


def retrain(folder, text, *sizes):
    file = folder / "cell.txt"
    file.write_text(text)
    assert main(["retrain", str(file), *SMALL, *sizes, "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module", params=[(CELL, "4", "1"), (DARTS, "4", "3")], ids=["nasbench201", "darts"])
def run(request, tmp_path_factory):
    text, channels, layers = request.param
    return retrain(tmp_path_factory.mktemp("run"), text, "--channels", channels, "--layers", layers)


def images(count):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(count))


@torch.no_grad()
def expected(run, x):
    return zoo.create_model(run / "evaluate" / "model.safetensors").eval()(x)


def test_an_onnx_model_gives_the_same_logits_at_any_number_of_images(run, capsys):
    runtime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    assert main(["export", str(run), "--onnx"]) == 0
    assert "written: " in capsys.readouterr().out
    session = runtime.InferenceSession(str(run / "evaluate" / "model.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 2, 5):
        (logits,) = session.run(["logits"], {"images": images(count).numpy()})
        np.testing.assert_allclose(logits, expected(run, images(count)).numpy(), rtol=1e-4, atol=1e-5)
    told = session.get_modelmeta().custom_metadata_map
    assert told["genotype"] == zoo.create_model(run / "evaluate" / "model.safetensors").genotype.to_text()
    assert told["classes"] == "10"
    assert told["input_size"] == "(1, 8, 8)"
    assert {"mean", "std"} <= set(told)


def test_a_program_of_torch_export_gives_the_same_logits_at_any_number_of_images(run, tmp_path):
    assert main(["export", str(run / "evaluate" / "model.safetensors"), "--pt2", "--out", str(tmp_path)]) == 0
    extra = {"metadata.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    for count in (1, 4):
        torch.testing.assert_close(program.module()(images(count)), expected(run, images(count)))
    assert json.loads(extra["metadata.json"])["classes"] == "10"


def test_without_the_packages_one_line_says_what_to_install(run, fails, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    fails(
        "export", run, "--onnx", "--out", tmp_path / "out", says="pip install 'darts_ext[onnx]'", out=tmp_path / "out"
    )


def test_what_cannot_be_exported_is_refused_in_one_line(run, fails, tmp_path):
    fails("export", run, says="nothing to write: give --onnx, --pt2, or both")
    fails("export", tmp_path / "nowhere", "--pt2", says="is not there")
    fails("export", tmp_path, "--pt2", says="has no evaluate/model.safetensors yet")
    cell = tmp_path / "cell.txt"
    cell.write_text(CELL)
    fails("export", cell, "--pt2", says="holds no weights: give a run that was retrained")
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes((run / "evaluate" / "model.safetensors").read_bytes()[:100])
    fails("export", damaged, "--pt2", says="cannot be read as a file of weights")


def test_fully_connected_layers_are_refused_in_one_line(tmp_path, fails):
    run = retrain(tmp_path, "MLP(relu, tanh)", "--channels", "4")
    fails("export", run, "--pt2", says="is of fully-connected layers, and export writes networks of cells")
