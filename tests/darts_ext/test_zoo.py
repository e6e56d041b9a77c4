"""Found networks as timm models: names, the network of `supernet.build`, features, weights."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import DropPath
from timm.models import load_state_dict, save_for_hf

from darts_ext import zoo
from darts_ext.cli import main
from darts_ext.config import DataSettings
from darts_ext.data import Images
from darts_ext.runtime.errors import UsageError
from supernet import Genotype, build

ROOT = Path(__file__).parents[2]
FIXTURE = json.loads((ROOT / "tests" / "fixtures" / "genotypes.json").read_text())
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
SMALL = {"darts": {"channels": 4, "layers": 3}, "nasbench201": {"channels": 4, "layers": 1}}


def small(name, **options):
    form = "nasbench201" if name.startswith("nasbench201") else "darts"
    return timm.create_model(f"darts_ext.{name}", **{**SMALL[form], **options}).eval()


@pytest.fixture
def weights(tmp_path):
    """A file such as `retrain` writes, of a network with an auxiliary head, and the network."""
    net = build(
        Genotype.from_text(FIXTURE["DARTS_V1"]), channels=4, layers=3, num_classes=5, in_chans=1, auxiliary=True, seed=0
    ).eval()
    images = json.dumps({"size": 8, "mean": [0.25], "std": [0.5]})
    save_file(net.state_dict(), tmp_path / "model.safetensors", {"genotype": net.genotype.to_json(), "images": images})
    return tmp_path / "model.safetensors", net


def test_every_name_is_listed_and_known_to_timm():
    listed = timm.list_models("darts_ext*")
    assert set(listed) == {"darts_ext", *(f"darts_ext.{name}" for name in zoo.list_genotypes())}
    assert {
        "darts_ext.darts_v1",
        "darts_ext.darts_v2",
        "darts_ext.darts_v2_imagenet",
        "darts_ext.nasbench201_cifar10",
    } <= set(listed)
    assert set(timm.list_models("darts_ext*", include_tags=True)) == set(listed) - {"darts_ext"}
    assert all(map(timm.is_model, listed))


@pytest.mark.parametrize("name", zoo.list_genotypes())
def test_every_network_is_built_and_gives_logits_and_features(name):
    size = 64 if name.endswith("_imagenet") else 16
    x = torch.randn(2, 3, size, size)
    assert small(name, num_classes=7)(x).shape == (2, 7)
    net = small(name, features_only=True)
    for features, channels, reduction in zip(
        net(x), net.feature_info.channels(), net.feature_info.reduction(), strict=True
    ):
        assert features.shape == (2, channels, size // reduction, size // reduction)


@pytest.mark.parametrize(
    ("name", "published"),
    [("darts_v1", "DARTS_V1"), ("darts_v2", "DARTS_V2"), ("nasnet_a", "NASNet"), ("amoebanet_a", "AmoebaNet")],
)
def test_shipped_genotypes_are_the_published_ones(name, published):
    assert small(name).genotype == Genotype.from_text(FIXTURE[published])


@pytest.mark.parametrize(
    ("name", "sizes", "parameters"),
    [
        ("darts_v2", {"num_classes": 10, "channels": 36, "layers": 20}, 3_349_342),
        ("darts_v2_imagenet", {"num_classes": 1000, "channels": 48, "layers": 14, "stem": "imagenet"}, 4_718_752),
        ("nasbench201_cifar10", {"num_classes": 10, "channels": 16, "layers": 5}, 1_073_466),
    ],
)
def test_a_bare_name_is_the_published_size(name, sizes, parameters):
    with torch.device("meta"):
        net = timm.create_model(f"darts_ext.{name}")
        plain = build(net.genotype, **sizes)
    assert {name: value.shape for name, value in net.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    assert sum(p.numel() for p in net.parameters()) == parameters


@pytest.mark.parametrize("name", ["darts_v2", "darts_v2_imagenet", "nasbench201_cifar10"])
def test_it_is_the_network_of_build_bit_for_bit(name):
    torch.manual_seed(3)
    net = small(name, num_classes=6, in_chans=2)
    sizes = SMALL[net.genotype.format]
    plain = build(
        net.genotype, num_classes=6, in_chans=2, stem="imagenet" if "imagenet" in name else "cifar", seed=3, **sizes
    ).eval()
    assert list(net.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 2, 64, 64)
    expected = plain(x)
    assert torch.equal(net(x), expected)
    assert torch.equal(net.forward_head(net.forward_features(x)), expected)
    final, levels = net.forward_intermediates(x)
    assert torch.equal(net.forward_head(final), expected)
    assert len(levels) == len(net.feature_info)


@pytest.mark.parametrize("name", ["darts_v2", "darts_v2_imagenet", "nasbench201_cifar10"])
def test_features_are_the_last_maps_of_every_resolution(name):
    torch.manual_seed(0)
    net = small(name, layers=6 if name != "nasbench201_cifar10" else 2)
    x, maps = torch.randn(1, 3, 64, 64), {}
    for block in [net.stem, net.second_stem, *net.cells]:
        if block is not None:
            block.register_forward_hook(lambda _, __, output: maps.__setitem__(output.shape[-1], output))
    net(x)
    levels = net.forward_intermediates(x, intermediates_only=True)
    assert len(levels) == len(maps)
    for features in levels:
        assert torch.equal(features, maps[features.shape[-1]])
    reductions = [level["reduction"] for level in net.feature_info]
    assert [64 // features.shape[-1] for features in levels] == reductions


@pytest.mark.parametrize("indices", [(0,), (0, 2), (-1,), (1,)])
@pytest.mark.parametrize("name", ["darts_v2", "darts_v2_imagenet", "nasbench201_cifar10"])
def test_some_features_by_timms_getter_and_by_hooks(name, indices):
    x = torch.randn(1, 3, 64, 64)
    nets = [
        small(name, layers=4, features_only=True, out_indices=indices, feature_cls=kind) for kind in ("getter", "hook")
    ]
    nets[0].load_state_dict(
        {f"model.{name.removeprefix('body.')}": value for name, value in nets[1].state_dict().items()}, strict=False
    )
    for net in nets:
        assert [level.shape[1] for level in net(x)] == net.feature_info.channels()
    assert all(torch.equal(a, b) for a, b in zip(nets[0](x), nets[1](x), strict=True))
    assert len(list(nets[0].parameters())) <= len(list(nets[1].parameters()))


def test_the_classifier_can_be_replaced_and_left_out():
    net, x = small("darts_v2", num_classes=4), torch.randn(2, 3, 16, 16)
    assert net.get_classifier().out_features == 4
    assert net(x).shape == (2, 4)
    net.reset_classifier(9)
    assert (net.num_classes, net(x).shape) == (9, (2, 9))
    net.reset_classifier(0)
    assert torch.equal(net(x), net.forward_head(net.forward_features(x), pre_logits=True))
    assert net(x).shape == (2, net.num_features)
    net.reset_classifier(0, "")
    assert torch.equal(net(x), net.forward_features(x))
    assert small("darts_v2", num_classes=0)(x).shape == (2, net.num_features)
    assert small("darts_v2", num_classes=0, global_pool="")(x).shape == (2, net.num_features, 4, 4)


def test_drop_path_and_dropout_act_in_training_only():
    net, x = small("darts_v2", drop_path_rate=0.3, drop_rate=0.5), torch.randn(2, 3, 16, 16)
    assert {module.drop_prob for module in net.modules() if isinstance(module, DropPath)} == {0.3}
    assert torch.equal(net(x), net(x))
    net.train()
    assert not torch.equal(net(x), net(x))


def test_an_auxiliary_head_only_when_asked():
    x = torch.randn(2, 3, 16, 16)
    assert not any("auxiliary" in name for name, _ in small("darts_v2").named_parameters())
    logits, auxiliary = small("darts_v2", auxiliary=True).train()(x)
    assert logits.shape == auxiliary.shape == (2, 10)


def test_retrained_weights_bring_genotype_sizes_and_statistics(weights):
    path, plain = weights
    net, x = zoo.create_model(path).eval(), torch.randn(2, 1, 8, 8)
    assert torch.equal(net(x), plain(x))
    assert net.auxiliary_head is None
    assert net.pretrained_cfg["input_size"] == (1, 8, 8)
    assert timm.data.resolve_model_data_config(net)["mean"] == (0.25,)
    named = timm.create_model(
        "darts_ext.darts_v1", checkpoint_path=path, channels=4, layers=3, num_classes=5, in_chans=1
    ).eval()
    assert torch.equal(named(x), plain(x))
    assert not torch.equal(zoo.create_model(path, pretrained=False).eval()(x), plain(x))
    assert zoo.create_model(path, auxiliary=True).train()(torch.randn(2, 1, 8, 8))[1].shape == (2, 5)


def test_weights_are_adapted_to_another_task_by_timm(weights):
    path, plain = weights
    net = zoo.create_model(path, num_classes=3, in_chans=3)
    torch.testing.assert_close(net.stem[0].weight, plain.stem[0].weight.repeat(1, 3, 1, 1) / 3)
    assert net.classifier.out_features == 3
    assert torch.equal(net.cells[0].edges[0][1].weight, plain.cells[0].edges[0][1].weight)
    levels = zoo.create_model(path, features_only=True).eval()(torch.randn(1, 1, 8, 8))
    assert [level.shape[-1] for level in levels] == [8, 4, 2]


@pytest.mark.parametrize(
    "sizes", [{"stem": "imagenet", "channels": 8, "layers": 3}, {"channels": 4, "layers": 2, "node_scale": 0.5}]
)
@pytest.mark.parametrize("text", [FIXTURE["DARTS_V2"], CELL])
def test_sizes_are_read_off_the_weights(tmp_path, text, sizes):
    if text == CELL and "stem" in sizes:
        pytest.skip("there is no such stem")
    plain, x = build(Genotype.from_text(text), num_classes=4, seed=1, **sizes).eval(), torch.randn(1, 3, 64, 64)
    save_file(plain.state_dict(), tmp_path / "m.safetensors", {"genotype": plain.genotype.to_json()})
    assert torch.equal(zoo.create_model(tmp_path / "m.safetensors").eval()(x), plain(x))


def test_what_timm_saves_of_it_is_complete(tmp_path, weights):
    path, plain = weights
    save_for_hf(zoo.create_model(path), tmp_path / "hub")
    net, x = timm.create_model(f"local-dir:{tmp_path / 'hub'}", pretrained=True).eval(), torch.randn(2, 1, 8, 8)
    assert torch.equal(net(x), plain(x))
    save_for_hf(small("nasbench201_cifar10"), tmp_path / "named")
    assert timm.create_model(f"local-dir:{tmp_path / 'named'}", pretrained=True).genotype.format == "nasbench201"


def test_a_genotype_is_read_from_files_runs_and_texts(tmp_path):
    genotype = Genotype.from_text(CELL)
    run = tmp_path / "run"
    run.mkdir()
    (run / "genotype.json").write_text(genotype.to_json())
    (tmp_path / "cell.txt").write_text(CELL)
    for source in (genotype, CELL, genotype.to_json(), run, str(run), run / "genotype.json", tmp_path / "cell.txt"):
        assert zoo.create_model(source, channels=4, layers=1).genotype == genotype
        assert timm.create_model("darts_ext", genotype=source, channels=4, layers=1).genotype == genotype


def test_a_registered_name_is_built_by_timm_and_by_us():
    zoo.register("mine", CELL, channels=4, layers=1)
    zoo.register("mine", Genotype.from_text(CELL), channels=4, layers=1)
    assert "darts_ext.mine" in timm.list_models("darts_ext*")
    assert "mine" in zoo.list_genotypes()
    assert timm.create_model("darts_ext.mine", num_classes=3).num_features == 16
    assert zoo.create_model("mine").num_features == 16
    assert zoo.create_model("darts_ext.mine").pretrained_cfg == zoo.create_model("mine").pretrained_cfg
    zoo.register("mine_again", "darts_ext.mine", layers=2)
    assert timm.create_model("darts_ext.mine_again").genotype == Genotype.from_text(CELL)


def test_registered_weights_are_loaded(weights):
    path, plain = weights
    zoo.register("mine_retrained", path)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(timm.create_model("darts_ext.mine_retrained", pretrained=True).eval()(x), plain(x))
    assert torch.equal(zoo.create_model("mine_retrained").eval()(x), plain(x))
    assert "darts_ext.mine_retrained" in timm.list_pretrained("darts_ext*")


def test_a_name_that_is_taken_or_malformed_is_refused():
    zoo.register("taken", CELL, channels=4, layers=1)
    with pytest.raises(UsageError, match="another network already"):
        zoo.register("taken", CELL)
    with pytest.raises(UsageError, match="letters"):
        zoo.register("my/net", CELL)


def test_a_checkpoint_of_timms_trainer_loads(tmp_path):
    net = small("darts_v2")
    torch.save({"arch": "darts_ext.darts_v2", "state_dict": net.state_dict()}, tmp_path / "last.pth.tar")
    again = small("darts_v2", checkpoint_path=tmp_path / "last.pth.tar")
    assert load_state_dict(str(tmp_path / "last.pth.tar")).keys() == again.state_dict().keys()
    assert torch.equal(again(torch.ones(1, 3, 8, 8)), net(torch.ones(1, 3, 8, 8)))


def test_the_launcher_gives_a_script_timm_with_the_names(tmp_path, monkeypatch, capsys):
    script = tmp_path / "train.py"
    script.write_text("import sys, timm\nprint(sys.argv[1:], timm.is_model('darts_ext.darts_v2'), __name__)\n")
    monkeypatch.setattr(sys, "argv", ["timm_train.py", str(script), "images", "--model", "darts_ext"])
    runpy.run_path(str(ROOT / "examples" / "timm_train.py"), run_name="__main__")
    assert capsys.readouterr().out == "['images', '--model', 'darts_ext'] True __main__\n"


def test_importing_is_quiet_and_all_names_can_be_imported():
    imports = "from darts_ext.zoo.genotypes import *; from darts_ext.zoo import *"
    quiet = "import warnings; warnings.simplefilter('error'); warnings.simplefilter('ignore', ResourceWarning)"
    code = f"{quiet}; {imports}"  # torch 2.6 leaves a file open at exit
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_what_retrain_writes_is_a_model_that_knows_its_images(tmp_path, capsys):
    (tmp_path / "genotype.json").write_text(Genotype.from_text(CELL).to_json())
    sizes = "--channels 4 --layers 1 --epochs 1 --batch_size 50 --train_limit 100 --test_limit 60 --threads 1"
    assert main(["retrain", str(tmp_path / "genotype.json"), *sizes.split(), "--out", str(tmp_path / "run")]) == 0
    net = zoo.create_model(tmp_path / "run" / "evaluate" / "model.safetensors").eval()
    images = Images(DataSettings(train_limit=100, test_limit=60), torch.device("cpu"), 0)
    assert net.pretrained_cfg["mean"] == tuple(images.mean.tolist())
    assert net.pretrained_cfg["input_size"] == (1, 8, 8)
    right = [net(x).argmax(1) == y for x, y in images.clean(images.dataset.test).epoch(0)]
    assert f"test accuracy {100 * torch.cat(right).float().mean():.2f} %" in capsys.readouterr().out


def test_a_cell_of_nothing_but_skips_comes_back_from_its_weights(tmp_path):
    """Its cells have no tensors: the layers are read off the residual blocks between them."""
    skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    (tmp_path / "genotype.json").write_text(Genotype.from_text(skips).to_json())
    argv = "--data digits --train_limit 40 --test_limit 20 --batch_size 20 --epochs 1 --channels 2 --layers 2".split()
    assert main(["retrain", str(tmp_path / "genotype.json"), *argv, "--out", str(tmp_path / "out")]) == 0
    net = zoo.create_model(tmp_path / "out" / "evaluate" / "model.safetensors")
    assert net.genotype.to_text() == skips
    assert len(net.cells) == 3 * 2 + 2
