# Two commands for a fresh machine with Python 3.11 and make:
#   make report   a full report on the embedded simulated MuVi, in report/index.html
#   make test     the whole test suite
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := $(shell find muvistats -type f -not -name '*.pyc')

.PHONY: report test check docs bench clean

report: report/index.html
	@echo "The report is in $(abspath report/index.html)"

report/index.html: $(VENV)/core.stamp $(SOURCES)
	$(BIN)/muvistats report --out report

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules muvistats -p no:cacheprovider

docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "The pages are in $(abspath docs/_build/html/index.html)"

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

# A stamp tells that an extra is installed; it is made anew when what it depends on changes.
$(VENV)/core.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/test.stamp $(VENV)/docs.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	$(PIP) --editable ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) report docs/_build docs/api/generated docs/gallery
