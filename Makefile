# Everything starts here: `make demo`, `make test`, `make run`. Each does its own set-up from poetry.lock;
# nothing but Python >= 3.11 and make is needed beforehand.

PYTHON ?= python3
POETRY_VERSION := 2.5.1

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INTEROP := $(VENV)/.interop
PEERS := .bench-peers
POETRY := .poetry/bin/poetry
.DEFAULT_GOAL := help
.PHONY: help install interop run demo test check lint format types bench bench-peers clean

help:  ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

install: $(INSTALLED)  ## Put the locked environment into .venv

interop: $(INTEROP)  ## Add the tools that exports are proven with: hftbacktest, nautilus_trader

run: install  ## Record BTCUSDT and ETHUSDT of both markets (settings: .env, see .env.example)
	@exec $(BIN)/orderflow-recorder run

demo: install  ## Record a simulated market for 30 s and show what was recorded; needs no network
	@exec $(BIN)/orderflow-recorder demo

test: install  ## Run the tests
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: interop lint types test  ## Everything that must be clean: lint, format, types, import contracts, tests

lint: install  ## Check style, format and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

format: install  ## Mend style and format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: install  ## Check types
	$(BIN)/mypy

bench: install  ## Measure the speed of everything, each against its ceiling (an hour; BENCH=--quick: minutes)
	@exec $(BIN)/python -m benchmarks.suite $(BENCH)

bench-peers: install $(PEERS)/.installed  ## Measure against cryptofeed on the same flood and the same server
	@exec $(BIN)/python -m benchmarks.peers $(BENCH)

clean:  ## Remove the environment and caches; recorded data stays
	rm -rf $(VENV) $(PEERS) .poetry .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

# Poetry lives in an environment of its own. It ignores whatever environment the caller has activated.
$(POETRY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: expected Python >= 3.11, got $$($(PYTHON) --version 2>/dev/null || echo "no $(PYTHON)"); install one, or run: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	rm -rf .poetry
	$(PYTHON) -m venv .poetry
	.poetry/bin/pip install --quiet --disable-pip-version-check poetry==$(POETRY_VERSION) poetry-plugin-pypi-mirror==0.6.5

$(INSTALLED): poetry.lock pyproject.toml poetry.toml | $(POETRY)
	@unset VIRTUAL_ENV CONDA_PREFIX; eval "$$(.poetry/bin/python tools/pip_settings.py)"; $(POETRY) sync --no-interaction
	@touch $@

$(INTEROP): $(INSTALLED)
	@unset VIRTUAL_ENV CONDA_PREFIX; eval "$$(.poetry/bin/python tools/pip_settings.py)"; $(POETRY) sync --no-interaction --with interop
	@touch $@

# Of its own: its dependencies are not ours.
$(PEERS)/.installed: benchmarks/peers/requirements.txt | $(INSTALLED)
	rm -rf $(PEERS)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
