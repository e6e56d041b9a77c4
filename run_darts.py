"""DARTS supernets, and architectures chosen by perturbation and by the neural tangent kernel: python run_darts.py
--help."""

import sys

from darts_ext.cli import main

if __name__ == "__main__":
    sys.exit(main())
