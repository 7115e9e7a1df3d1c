# Every command of this repository. `make demo` and `make test` do all their own set-up: they need python3, make, git.
#   PYTHON=/path/to/python3.12   the Python to build .venv with (else the first of 3.11 to 3.13 found here)
#   ARGS="..."                   more arguments for demo, bench, lock and the test suites

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test fast lint fix lock bench live soak clean run-set dev-set

BIN := .venv/bin
SETUP := $(or $(shell command -v python3),$(PYTHON),python3) -m tools.setup
PYTEST := $(BIN)/python -m pytest
# a file stays in one worker, so that what its tests share is made once
WORKERS := -n logical --maxprocesses 4 --dist loadfile
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --quiet

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

demo: run-set ## trade recorded markets in the local world and show the whole trace
	@$(BIN)/python -m coliseum demo $(ARGS)

test: lint ## what CI runs: lint, the fast suite on every other Python here, the whole suite on this one
	@$(SETUP) others -m pytest -q -m "not slow and not live" $(WORKERS)
	@$(PYTEST) -m "not live" $(WORKERS) $(ARGS)

fast: dev-set ## the tests that take under a second each
	@$(PYTEST) -q -m "not slow and not live" $(WORKERS) $(ARGS)

lint: dev-set ## style, types and the layers between modules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: dev-set ## let ruff put right what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## renew both lock files from pyproject.toml (needs uv; ARGS=--upgrade takes newer versions)
	@command -v uv >/dev/null || { echo "error: make lock needs uv on PATH; it comes from PyPI: pipx install uv" >&2; exit 1; }
	@$(COMPILE) $(ARGS) -o requirements.lock
	@$(COMPILE) $(ARGS) --group dev -c requirements.lock -o requirements-dev.lock

bench: dev-set ## measure what tracing costs
	@$(BIN)/python -m benchmarks $(ARGS)

# pytest answers 5 when it selected nothing
live: dev-set ## tests against a real collector, Jaeger, Postgres and browser; each says how to get what it lacks
	@$(PYTEST) -m live $(ARGS) || [ $$? -eq 5 ]

soak: dev-set ## every repetition of the kill loops and soaks, of which `make test` runs a tenth
	@$(PYTEST) -m soak --soak $(ARGS) || [ $$? -eq 5 ]

clean: ## remove environments, caches and builds; recorded demos in .coliseum stay
	rm -rf .venv .venv-3.* dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

run-set:
	@$(SETUP) run

dev-set:
	@$(SETUP) dev
