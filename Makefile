PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRESET ?= depth_decides
OUT ?= runs/demo
WORKERS ?= 2

.PHONY: help demo test coverage lint bench

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## search and compare twenty-layer networks on the embedded digits, then print where the report is
	$(BIN)/python run_darts.py compare --config $(PRESET) --out $(OUT)

# one thread a worker; workers that are done take tests from those that are not
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

test: lint  ## lint, layers, types, unit tests and doctests
	$(PYTEST) --durations 10

# apart from test: tracing lines makes Python code two to three times slower (3.11, tests of the command line)
coverage: $(VENV)/installed  ## which lines the tests reach
	$(PYTEST) --cov supernet --cov selection --cov darts_ext --cov-report term:skip-covered

lint: $(VENV)/installed  ## ruff, its layout, the layers of setup.cfg, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

bench: $(VENV)/installed  ## the claims of benchmarks/ that need no data, measured again on this machine
	$(BIN)/python benchmarks/supernet_step.py
	$(BIN)/python benchmarks/activations_are_mixed_once.py
	$(BIN)/python benchmarks/ntk_costs_one_backward.py
	$(BIN)/python benchmarks/lambda_min_landscape.py

# torch and torchvision must come from the same index: one pip call
$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
