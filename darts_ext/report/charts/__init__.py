"""Pure functions from numbers to SVG."""
