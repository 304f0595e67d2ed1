# Every target sets up what it needs; what is there already costs a glance. Chatter of the setup goes to stderr,
# so that with `make -s` nothing but the program's own words reaches stdout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup test demo run worker bench bench-positioning bench-growth soak torture lint format

PYTHON := .venv/bin/python
# Many images forbid Python to keep what it has compiled; each of our processes then compiles all modules anew, which is
# seconds of every start.
unexport PYTHONDONTWRITEBYTECODE

help:  ## List the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

setup:  ## Set up all that is missing: PostgreSQL with PostGIS, the locked Python environment
	@scripts/setup >&2

demo: setup  ## Shoppers walk, offers appear; WALKS=DIR replays recorded walks, ARGS=--once ends by itself
	@$(PYTHON) -m simulators.demo $(if $(WALKS),--walks $(WALKS)) $(ARGS)

test: setup  ## Run every check: lint, types, import contracts, tests with coverage
	@$(MAKE) --no-print-directory lint
	@$(PYTHON) -m pytest -n 2 --cov --cov-report=term $(ARGS)

lint: setup  ## Check style, types and import contracts
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: setup  ## Put the code in its usual form
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

run: setup  ## Answer HTTP requests (settings: docs/operations.md)
	@.venv/bin/beacon-service migrate
	@.venv/bin/beacon-service serve

worker: setup  ## Fire timers and clean up, beside `make run`
	@.venv/bin/beacon-service worker

bench: setup  ## Compare with the obvious build and with what could be; ARGS="--quick --json", ARGS=--profile
	@$(PYTHON) -m benchmarks $(ARGS)

bench-positioning: setup  ## Find walkers' zones, beside plain methods; DATA=DIR, ARGS="--folds 4 --density --json"
	@$(PYTHON) -m benchmarks.positioning $(if $(DATA),$(DATA)) $(ARGS)

bench-growth: setup  ## Measure as everything grows; ARGS="--sizes medium --json --plot FILE"
	@$(PYTHON) -m benchmarks.growth $(ARGS)

soak: setup  ## Send for long and see whether anything grows; ARGS="--minutes 30"
	@$(PYTHON) -m benchmarks.soak $(ARGS)

torture: setup  ## Kill and hammer, then recount; ARGS="--minutes N --large --json"
	@$(PYTHON) -m tests.torture $(ARGS)
