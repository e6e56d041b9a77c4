"""The name by which the program was called."""

import os
import sys

PROGRAM = "run-darts" if os.path.splitext(os.path.basename(sys.argv[0]))[0] == "run-darts" else "run_darts.py"
