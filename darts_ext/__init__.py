"""Differentiable architecture search whose last step can be trusted: data, search, selection, retraining, comparison,
report."""
