# make demo   set up, then run the sample shop; ends by itself with a summary
# make test   set up, then every test (CI runs `make check` too)
# make torture   thousands of random worlds and hundreds of kills (SEEDS=10000 KILLS=500); takes an hour on two cores
# make oracle   install the official mjml, which the tests hold ours against; needs Node.js
PYTHON ?= python3
BIN := .venv/bin
# as many test processes as cores (one more was slower: 616 s against 565 s on two)
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test oracle check format schemas torture bench clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

.venv/made: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/made-dev: .venv/made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .venv/made
	$(BIN)/lifecycle demo

test: .venv/made-dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal

tests/oracle/node_modules/.package-lock.json: tests/oracle/package-lock.json
	cd tests/oracle && npm ci --silent --ignore-scripts
	touch $@

oracle: tests/oracle/node_modules/.package-lock.json

check: .venv/made-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/lifecycle check
	$(BIN)/pytest -q tests/docs

format: .venv/made-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: .venv/made
	$(BIN)/lifecycle schema --out schemas

# many more random lives, worlds and kills than the gate has time for; the seed of whatever breaks a promise is printed
LIVES ?= 2000
SEEDS ?= 10000
KILLS ?= 500
torture: .venv/made-dev
	LIFECYCLE_LIVES=$(LIVES) LIFECYCLE_SEEDS=$(SEEDS) $(BIN)/pytest -n $(JOBS) --dist worksteal --timeout 0 \
		tests/unit/journey/test_promises.py tests/unit/deliver/test_simulated.py tests/unit/deliver/test_planted.py
	LIFECYCLE_KILLS=$(KILLS) $(BIN)/pytest --timeout 0 tests/e2e/test_torture.py tests/e2e/test_kill.py

# the other two are what benchmarks share
BENCHMARKS := $(filter-out benchmarks/crowd.py benchmarks/sink.py,$(sort $(wildcard benchmarks/*.py)))
bench: .venv/made-dev
	set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file; done

clean:
	rm -rf .venv demo-output artefacts .lifecycle tests/oracle/node_modules
