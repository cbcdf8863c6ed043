# Everything here works on a machine with git, make and Python 3.11; the targets install what they need into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
# Another floor to compare ours with, where there is one.
FLOOR ?= $(or $(EVENWEAVE_SHARED),../shared)/bench-floor/bench_floor.py
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test lint types floors unit format clean jq-conformance bench bench-jq bench-quick bench-peers torture

demo: $(STAMP)
	$(BIN)/evenweave demo

test: lint types floors unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

floors: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/pytest -n auto

# jq's own test files, where they are (see CONTRIBUTING.md).
jq-conformance: $(STAMP)
	$(BIN)/python bench/jq/conformance.py

# Microseconds an expression, next to libjq in the same run.
bench-jq: $(STAMP)
	$(BIN)/python bench/jq/bench_jq.py

# Orders a second, next to the floor and to DBOS in the same run: see docs/performance.md.
bench: $(STAMP) bench-peers
	-$(BIN)/python bench/agreement.py $(FLOOR)
	$(BIN)/python bench/orders.py --seconds 2
	$(BIN)/python bench/plots.py docs
	$(BIN)/python bench/networked.py --seconds 2
	$(BIN)/python bench/waiting.py
	$(BIN)/python bench/killed_workers.py

bench-quick: $(STAMP) bench-peers
	$(BIN)/python bench/orders.py --seconds 0.7

# What is measured beside us; without it the columns stay empty.
bench-peers: $(STAMP)
	@$(BIN)/python -c 'import dbos, uvloop' 2>/dev/null \
	|| $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]' \
	|| echo "not all of what is measured beside it can be installed here: it is left out"

# Kills and simulated histories until somebody would have lost an order: see docs/design/proof.md.
torture: $(STAMP)
	PYTHONPATH=tests/crash $(BIN)/python tests/crash/torture.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(STAMP)
