"""The 500 networks of lambda_min_landscape.py: three activations, and a skip or none around two layers."""

import itertools

ACTIVATIONS = ("relu", "leaky_relu", "swish", "tanh", "sigmoid")
SPACE = list(itertools.product(itertools.product(ACTIVATIONS, repeat=3), itertools.product((0, 1), repeat=2)))


def count_lowered(values: dict[tuple, float]) -> tuple[int, int]:
    """Counts how often one more skip lowers the value, and out of how many cases."""
    lowered = 0
    cases = 0
    for (activations, skips), value in values.items():
        for place, skip in enumerate(skips):
            if not skip:
                with_skip = (*skips[:place], 1, *skips[place + 1 :])
                lowered += values[activations, with_skip] < value
                cases += 1
    return lowered, cases
