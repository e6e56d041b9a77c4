"""What the report knows of the macro structures: all else is read from the files."""

HEADINGS = {"cell": "cell", "layer": "layers"}  # of NAS-Bench-201 and of fully-connected networks


def head_cell(name: str) -> str:
    """Returns the heading above a cell's drawing.

    >>> head_cell("normal"), head_cell("layer")
    ('normal cell', 'layers')
    """
    return HEADINGS.get(name, f"{name} cell")


def is_dense(operation: str) -> bool:
    """Whether all layers have this operation, so that only their activations tell them apart."""
    return operation == "linear"
