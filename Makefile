# Three targets for a fresh machine: `make demo`, `make test` and `make docs`. They make the virtual environment .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SITE := site

# `make fuzz`: the same tests on new random examples.
.PHONY: demo test fuzz lint docs format clean

demo: $(VENV)/ready
	$(BIN)/filterfront search --out runs/demo --resume

test: $(VENV)/ready-test lint docs
	OMP_NUM_THREADS=1 FILTERFRONT_SITE=$(SITE) $(BIN)/pytest --numprocesses 2 --dist worksteal \
	  --doctest-modules --doctest-glob='*.md' \
	  tests costmodels searches reports explorer filterfront.py README.md docs $(PYTEST)

fuzz: PYTEST = --hypothesis-profile random
fuzz: test

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The pages that people read in site/index.html; a warning is an error.
docs: $(VENV)/ready-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir $(SITE)

format: $(VENV)/ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/ready-test: $(VENV)/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(SITE) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
