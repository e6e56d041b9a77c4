"""The way back from a genotype to the decisions that make it."""

import pytest
import torch

from selection.architecture import draw_architecture
from supernet import Genotype, GenotypeError, Supernet, create_space, find_decisions, list_spaces

SPACES = [(name, skips) for name in list_spaces() for skips in (False, True)]


@pytest.mark.parametrize(("name", "skips"), SPACES)
def test_decisions_make_the_genotype_that_they_were_found_in(name, skips):
    space = create_space(name, activations=("gelu", "tanh"), added_skip=skips)
    net = Supernet(space, channels=4, num_classes=3, seed=0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        architecture = draw_architecture(net, generator)
        genotype = net.genotype(architecture.options, architecture.inputs)
        decisions, inputs = find_decisions(space, genotype)
        assert list(decisions) == list(space.choices())
        assert net.genotype(decisions, inputs) == genotype
        assert not set(decisions.values()) & set(space.excluded)


def test_a_genotype_of_another_space_is_refused():
    with pytest.raises(GenotypeError, match="has 4 hidden layers here, not 2"):
        find_decisions(create_space("mlp"), Genotype.from_text("MLP(relu, tanh)"))
