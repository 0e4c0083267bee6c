# Three targets for a fresh machine: `make demo`, `make test` and `make docs`. They make the virtual environment .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SITE := site

# `make fuzz`: the same tests on new random examples.
.PHONY: demo test tests fuzz lint style types docs notebook format clean

demo: $(VENV)/ready
	$(BIN)/filterfront search --out runs/demo --resume

# What is found within seconds comes first. The type checker takes one processor for a minute, in which the site is built
# and the tests begin on the other.
test: style
	$(MAKE) --no-print-directory --jobs 2 types tests

tests: docs
	OMP_NUM_THREADS=1 FILTERFRONT_SITE=$(SITE) $(BIN)/pytest --numprocesses 2 --dist worksteal \
	  --doctest-modules --doctest-glob='*.md' \
	  tests costmodels searches reports explorer filterfront.py README.md docs $(PYTEST)

fuzz: export PYTEST = --hypothesis-profile random
fuzz: test

lint: style types

style: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/ready-test
	$(BIN)/mypy

# The pages that people read in site/index.html; a warning is an error.
docs: $(VENV)/ready-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir $(SITE)

# Runs the notebook of the tutorial again, and stores what its cells show.
notebook: $(VENV)/ready-test
	rm -rf build/notebook && mkdir -p build/notebook && cp docs/tutorial/notebook.ipynb build/notebook/
	$(BIN)/python -m nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
	  build/notebook/notebook.ipynb
	mv build/notebook/notebook.ipynb docs/tutorial/

format: $(VENV)/ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# pip compiles the 16,000 files that it installs in one process; here all processors do it. Some packages bring files
# of other versions of Python, which cannot be compiled and are not imported.
COMPILE = $(BIN)/python -m compileall -qq --workers 0 $(VENV)/lib || true

$(VENV)/ready: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --no-compile --quiet --constraint constraints.txt --editable .
	$(COMPILE)
	touch $@

$(VENV)/ready-test: $(VENV)/ready
	$(BIN)/pip install --no-compile --quiet --constraint constraints.txt --editable '.[test]'
	$(COMPILE)
	touch $@

clean:
	rm -rf $(VENV) $(SITE) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
