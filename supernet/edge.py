"""One edge of an architecture, and the label that it has in texts: `sep_conv_3x3`, or `sep_conv_3x3:gelu` where it has
another activation than ReLU, and `avg_pool_3x3:add_skip` or `sep_conv_3x3:gelu:add_skip` where its input is added to
what the operation makes of it."""

from typing import NamedTuple

from .errors import GenotypeError, show

ADD_SKIP = "add_skip"
LINEAR = "linear"  # the one operation of fully-connected layers


class Edge(NamedTuple):
    """One edge of a cell: an operation from a source state to a node.

    Args:
        act: the activation of its convolution (or of a fully-connected layer); "relu" where there is none.
        skip: whether the source is added to what the operation makes of it (not to be confused with `skip_connect`, an
            operation that returns its input).

    >>> Edge("sep_conv_3x3", 0, 2, "gelu", skip=True).label
    'sep_conv_3x3:gelu:add_skip'
    """

    op: str
    source: int
    node: int
    act: str = "relu"
    skip: bool = False

    @property
    def label(self) -> str:
        """The operation, the activation if it is not ReLU, and `add_skip` if the input is added."""
        parts = [self.op]
        if self.act != "relu":
            parts.append(self.act)
        if self.skip:
            parts.append(ADD_SKIP)
        return ":".join(parts)

    @property
    def layer_label(self) -> str:
        """Of a fully-connected layer: the activation, and `add_skip` if the input is added."""
        return f"{self.act}:{ADD_SKIP}" if self.skip else self.act

    @classmethod
    def from_label(cls, label: str, source: int, node: int) -> "Edge":
        """Reads `label`."""
        op, *rest = label.split(":")
        skip = rest[-1:] == [ADD_SKIP]
        if skip:
            rest.pop()
        if len(rest) > 1 or rest == ["relu"]:
            raise GenotypeError(
                f"{show(label)} is not OPERATION, OPERATION:ACTIVATION or either with :{ADD_SKIP}, "
                f"where ReLU is not named"
            )
        return cls(op, source, node, *rest, skip=skip)


Cell = tuple[tuple[Edge, ...], tuple[int, ...]]
"""The edges of a cell, and the states that make its output."""
