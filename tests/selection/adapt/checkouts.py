"""Networks built by other people's code, out of the folder that DARTS_PEERS names; nothing of it is kept here.

    git clone https://github.com/quark0/darts            DIR/darts
    git clone https://github.com/ruocwang/darts-pt       DIR/darts-pt
    git clone https://github.com/khanrc/pt.darts         DIR/pt.darts
    git clone https://github.com/yuhuixu1993/PC-DARTS    DIR/PC-DARTS
    git clone https://github.com/D-X-Y/AutoDL-Projects   DIR/AutoDL-Projects
    git clone https://github.com/automl/NASLib           DIR/NASLib
    git clone https://github.com/xiangning-chen/DrNAS    DIR/DrNAS
    git clone https://github.com/xiaomi-automl/FairDARTS DIR/FairDARTS
    git clone https://github.com/xiangning-chen/SmoothDARTS DIR/SmoothDARTS
    git clone https://github.com/automl/RobustDARTS      DIR/RobustDARTS
    git clone https://github.com/automl/ConfigurableOptimizer DIR/ConfigurableOptimizer
    DARTS_PEERS=DIR python -m pytest tests/peers -rs

A checkout that is absent, or that needs a package that is not installed, is skipped, with the reason.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn


@contextmanager
def checkout(name: str, *inside: str) -> Iterator[None]:
    """Inside the block a checkout's files are importable; afterwards the names that it took (`utils`, `operations`,
    ...) are free for the next."""
    folder = os.environ.get("DARTS_PEERS")
    if not folder:
        pytest.skip("DARTS_PEERS is not set: the folder of checkouts, see tests/selection/adapt/checkouts.py")
    root = Path(folder, name)
    if not root.is_dir():
        pytest.skip(f"no checkout {root}")
    before, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(root.joinpath(*inside)), str(root)]
    try:
        yield
    except ImportError as error:
        pytest.skip(f"{name} needs a package that is not installed: {error}")
    finally:
        sys.path[:] = path
        own = str(root.resolve())
        for key in set(sys.modules) - before:
            file = getattr(sys.modules[key], "__file__", None)
            if getattr(sys.modules[key], "stub", False) or (file and str(Path(file).resolve()).startswith(own)):
                del sys.modules[key]


@contextmanager
def no_gpu() -> Iterator[None]:
    """Inside the block `.cuda()` does nothing."""
    before = torch.Tensor.cuda, nn.Module.cuda
    torch.Tensor.cuda = nn.Module.cuda = lambda self, *_, **__: self
    try:
        yield
    finally:
        torch.Tensor.cuda, nn.Module.cuda = before


def settings() -> SimpleNamespace:
    """Command line options that darts-pt's networks read."""
    return SimpleNamespace(learning_rate=0.025, momentum=0.9, weight_decay=3e-4)


def quark0() -> nn.Module:
    with checkout("darts", "cnn"), no_gpu():
        return importlib.import_module("model_search").Network(4, 10, 3, nn.CrossEntropyLoss())


def pc_darts() -> nn.Module:
    with checkout("PC-DARTS"), no_gpu():
        return importlib.import_module("model_search").Network(8, 10, 3, nn.CrossEntropyLoss())


def dartspt(space: str = "s5", projecting: bool = True) -> nn.Module:
    with checkout("darts-pt"), no_gpu():
        spaces = importlib.import_module("sota.cnn.spaces").spaces_dict[space]
        module, name = ("model_search_darts_proj", "DartsNetworkProj") if projecting else ("model_search", "Network")
        build = getattr(importlib.import_module(f"sota.cnn.{module}"), name)
        return build(4, 10, 3, nn.CrossEntropyLoss(), spaces, settings())


def dartspt_bench() -> nn.Module:
    with checkout("darts-pt"), no_gpu():
        space = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
        build = importlib.import_module("nasbench201.search_model_darts_proj").TinyNetworkDartsProj
        return build(4, 1, 4, 10, nn.CrossEntropyLoss(), space, settings())


def ptdarts() -> nn.Module:
    with checkout("pt.darts"):
        return importlib.import_module("models.search_cnn").SearchCNNController(
            3, 4, 10, 3, nn.CrossEntropyLoss(), device_ids=[0]
        )


def autodl(name: str = "GenericNAS201Model") -> nn.Module:
    with checkout("AutoDL-Projects"):
        stub("xautodl", "xautodl")
        stub("xautodl.models", "xautodl/models")
        cells = importlib.import_module("xautodl.models.cell_searchs")
        space = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
        net = getattr(cells, name)(4, 1, 4, 10, space, False, False)
        if name == "GenericNAS201Model":
            net.set_algo("darts-v1")
        if hasattr(net, "set_cal_mode"):
            net.set_cal_mode("joint")
        return net


def naslib(bench: int) -> SimpleNamespace:
    """DARTSOptimizer on NasBench301SearchSpace or NasBench201SearchSpace; what their modules import and these networks
    do not need is left empty."""
    with checkout("NASLib"):
        for package in (
            "naslib",
            "naslib.search_spaces",
            "naslib.search_spaces.core",
            "naslib.optimizers",
            "naslib.optimizers.core",
            "naslib.optimizers.oneshot",
            "naslib.optimizers.oneshot.darts",
            "naslib.utils",
            f"naslib.search_spaces.nasbench{bench}",
        ):
            stub(package, package.replace(".", "/"))
        utils = sys.modules["naslib.utils"]
        utils.iter_flatten, utils.AttrDict = _flat, _Attributes
        utils.get_project_root, utils.count_parameters_in_MB = Path, None
        log = stub("naslib.utils.log")
        log.log_formats, log.log_first_n = str, lambda *_, **__: None
        stub("ConfigSpace", "ConfigSpace")
        stub("ConfigSpace.read_and_write").json = None
        space = getattr(
            importlib.import_module(f"naslib.search_spaces.nasbench{bench}.graph"), f"NasBench{bench}SearchSpace"
        )
        optimizer = importlib.import_module("naslib.optimizers.oneshot.darts.optimizer").DARTSOptimizer()
        space.OPTIMIZER_SCOPE = list(space.OPTIMIZER_SCOPE)
        optimizer.adapt_search_space(space(), "cifar10")
        optimizer.graph.optimizer = [optimizer]
        return optimizer.graph


def drnas(k: int, keep: int = 7) -> nn.Module:
    """The supernet of DrNAS on the space of DARTS, where 1/k of the channels is mixed, and an edge keeps so many of its
    7 operations."""
    with checkout("DrNAS", "DARTS-space"), no_gpu():
        _stub_drawing()
        net = importlib.import_module("model_search").Network(8, 10, 3, nn.CrossEntropyLoss(), k=k)
        if keep < 7:
            net.pruning(keep)
        return net


def drnas_bench(k: int, species: str = "dirichlet") -> nn.Module:
    """The supernet of DrNAS on NAS-Bench-201."""
    with checkout("DrNAS", "201-space"), no_gpu():
        _stub_drawing()
        space = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
        build = importlib.import_module("search_model").TinyNetwork
        return build(8, 1, 4, 10, nn.CrossEntropyLoss(), space, k=k, species=species)


def fairdarts(method: str = "darts") -> nn.Module:
    with checkout("FairDARTS", "fairdarts"), no_gpu():
        _stub_drawing()
        build = importlib.import_module("model_search").Network
        return build(4, 10, 3, nn.CrossEntropyLoss(), parse_method=method, op_threshold=0.85)


def _stub_drawing() -> None:
    """Leaves empty what the codes draw and log with, and these networks do not need, where it is not installed."""
    for name in ("matplotlib", "matplotlib.pyplot", "tensorboardX", "torchvision", "torchvision.transforms", "skimage"):
        try:
            importlib.import_module(name)
        except ImportError:
            stub(name)


def stub(name: str, path: str | None = None) -> ModuleType:
    """A package that runs no code of its own, over a folder of the checkout; or an empty module."""
    module = ModuleType(name)
    module.stub = True
    if path is not None:
        module.__path__ = [str(Path(entry, path)) for entry in sys.path[:2]]
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


def _flat(items):
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from _flat(item)
        else:
            yield item


class _Attributes(dict):
    __getattr__ = dict.__getitem__
