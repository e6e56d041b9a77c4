"""Numerics that know nothing of architecture search."""
