# `make` alone lists the targets. The environment .venv is made on demand and follows constraints.txt.

PYTHON ?= python3
TORCH ?= torch==2.13.0
DEMO ?= demo
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check format-check lint types layers laws bench bench-penalties compare-initial reproduce hospital format docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "isthmus needs Python 3.11 or later: name one by make PYTHON=python3.12" >&2; exit 1; }
	@echo "Making the environment in .venv (some minutes, once)"
	$(PYTHON) -m venv .venv
	$(PIP) $(TORCH)
	$(PIP) --editable '.[dev,docs,plot]'
	@touch $@

demo: $(READY) ## Install into .venv, train on digits, compare with PCA, write demo/report.html
	$(BIN)/isthmus demo --out $(DEMO)

test: $(READY) ## Everyday tests, under five minutes on two cores (ARGS="-k name" for some)
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

test-slow: $(READY) ## The tests marked slow: long trainings, kills, large data
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow $(ARGS)

check: format-check lint types layers laws docs test ## Everything that must hold: format, lint, types, layers, laws, docs, tests

format-check: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

laws: $(READY)
	$(BIN)/python -m checks

bench: $(READY) ## Benchmarks beside other libraries, each in its own environment (ARGS="epochs --quick")
	$(BIN)/python -m benchmarks $(ARGS)

bench-penalties: $(READY) ## What a step of training costs with each penalty, corruption or code more
	$(BIN)/python -m benchmarks penalties $(ARGS)

compare-initial: $(READY) ## The error that deep networks reach from each kind of initial weights at equal seconds
	$(BIN)/python -m benchmarks initial_weights $(ARGS)

reproduce: $(READY) ## Published results beside ours, slow; one by reproduce-NAME; writes docs/reproductions.md
	$(BIN)/python -m reproductions $(ARGS)

reproduce-%: $(READY)
	$(BIN)/python -m reproductions $* $(ARGS)

hospital: $(READY) ## How well the doctor finds models that were broken on purpose; writes docs/hospital.md
	$(BIN)/python -m hospital $(ARGS)

format: $(READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

clean: ## Remove the environment and everything made
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist docs/_build docs/api
	find src tests checks -name __pycache__ -type d -prune -exec rm -rf {} +
