# make demo    labels the published sample clip, or where it cannot be had a synthetic video
# make check   lint, types and the fast tests     make test        all tests but the slow ones
# make bench   every speed claim                  make test-slow   only those
# make docs    the pages of docs/ and of the API, into site/; a warning is an error
# make fuzz    mutated files of every kind that is read (ROUNDS of each, SEED; what is found is kept)
PYTHON ?= python3
BIN := .venv/bin
ROUNDS ?= 300
SEED ?= 1
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-slow check bench docs fuzz clean

.venv/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

.venv/.installed-docs: .venv/.installed
	$(BIN)/pip install --quiet --editable '.[docs]'
	touch $@

demo: .venv/.installed
	$(BIN)/python evaluate_sample.py --eval_type joint

test: .venv/.installed
	$(PYTEST) -m 'not slow'

test-slow: .venv/.installed
	$(PYTEST) -m slow

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m 'not slow and not long' -q

bench: .venv/.installed
	$(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python benchmarks/flow.py
	$(BIN)/python benchmarks/prepare.py
	$(BIN)/python -m benchmarks.stored_flow
	$(BIN)/python -m benchmarks.input
	$(BIN)/python -m benchmarks.train
	$(BIN)/python -m benchmarks.features
	$(BIN)/python -m benchmarks.detect
	$(BIN)/python -m benchmarks.localizers
	$(BIN)/python -m benchmarks.serve

docs: .venv/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

fuzz: .venv/.installed
	$(BIN)/python -m tests.fuzz --rounds=$(ROUNDS) --seed=$(SEED) --keep=build/fuzz

clean:
	rm -rf .venv build site *.egg-info
