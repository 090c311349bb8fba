# make demo    labels the published sample, or where that cannot be had a drawn video
# make check   lint, types and the fast tests     make test        all tests but the slow ones
# make bench   every speed claim                  make test-slow   only those
# make fuzz    mutated files of every kind that is read (ROUNDS of each, SEED; what is found is kept)
PYTHON ?= python3
BIN := .venv/bin
ROUNDS ?= 300
SEED ?= 1
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-slow check bench fuzz clean

.venv/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
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
	$(BIN)/python benchmarks/flow.py
	$(BIN)/python benchmarks/prepare.py
	$(BIN)/python -m benchmarks.stored_flow
	$(BIN)/python -m benchmarks.input
	$(BIN)/python -m benchmarks.train
	$(BIN)/python -m benchmarks.features

fuzz: .venv/.installed
	$(BIN)/python -m tests.fuzz --rounds=$(ROUNDS) --seed=$(SEED) --keep=build/fuzz

clean:
	rm -rf .venv build *.egg-info
