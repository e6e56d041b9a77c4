"""Sizes and seeds of the wrong type are refused in one line; numbers of numpy are numbers."""

import numpy as np
import pytest
import torch

from supernet import Genotype, SpaceError, Supernet, build, create_space

CELL = Genotype.from_text("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", "a"),
        ("channels", 2.5),
        ("layers", "a"),
        ("num_classes", None),
        ("in_chans", True),
        ("seed", "a"),
        ("seed", -1),
        ("seed", 2**70),
    ],
)
def test_sizes_and_seeds_of_the_wrong_type_are_refused(name, value):
    sizes = {"channels": 2, "layers": 1, "num_classes": 3, name: value}
    for make in (lambda: build(CELL, **sizes), lambda: Supernet(create_space("tiny"), **sizes)):
        with pytest.raises(SpaceError, match=name if name == "seed" else f"^{name} is a whole number") as caught:
            make()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("activations", [3, "relu", (3,), ()])
def test_activations_of_the_wrong_type_are_refused(activations):
    with pytest.raises(SpaceError, match="activation"):
        create_space("darts", activations=activations)


def test_numbers_of_numpy_are_numbers():
    sizes = {"channels": np.int64(2), "layers": np.int32(1), "num_classes": np.int64(3), "seed": np.int64(5)}
    net, plain = build(CELL, **sizes), build(CELL, channels=2, layers=1, num_classes=3, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), plain.state_dict().values()))
