"""Numbers as text; a dash stands for a missing one."""

from math import isfinite

DASH = "\u2013"


def format_amount(value: object, form: str = "{:.4g}", missing: str = DASH) -> str:
    """Returns a number as readers see it, and `missing` where there is no finite number.

    >>> format_amount(0.25), format_amount(None), format_amount(12.5, "{:,.1f}")
    ('0.25', '–', '12.5')
    """
    if isinstance(value, (int, float)) and isfinite(value):
        return form.format(value)
    return missing


def format_mean(mean: float, deviation: float) -> str:
    """Returns a mean with its standard deviation, or alone where the deviation is not known.

    >>> format_mean(96.5, 0.25), format_mean(96.5, float("nan"))
    ('96.50\\xa0±\\xa00.25', '96.50')
    """
    return format_amount(mean, "{:.2f}") + format_amount(deviation, "\u00a0\u00b1\u00a0{:.2f}", missing="")
