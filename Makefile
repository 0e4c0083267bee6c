# Two targets for a fresh machine: `make demo` and `make test`. Both make the virtual environment .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# `make fuzz`: the same tests on new random examples.
.PHONY: demo test fuzz lint format clean

demo: $(VENV)/ready
	$(BIN)/filterfront search --out runs/demo --resume

test: $(VENV)/ready-test lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal --doctest-modules --doctest-glob='*.md' \
	  tests costmodels searches reports explorer README.md docs $(PYTEST)

fuzz: PYTEST = --hypothesis-profile random
fuzz: test

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/ready-test: $(VENV)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
