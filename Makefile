# Two commands for a fresh machine with Python 3.11 and make:
#   make report   a full report on the embedded simulated MuVi, in report/index.html
#   make test     the whole test suite, but for what runs networks
#   make test-networks   that; torch, torchvision and TensorFlow, in an environment of their own,
#                        take 9 GB
PYTHON ?= python3
VENV ?= .venv
NETWORKS ?= .venv-networks
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check
PIP := $(BIN)/python -m pip install $(QUIET) --constraint constraints.txt
SOURCES := $(shell find muvistats -type f -not -name '*.pyc')

.PHONY: report test test-networks check docs bench clean

report: report/index.html
	@echo "The report is in $(abspath report/index.html)"

report/index.html: $(VENV)/core.stamp $(SOURCES)
	$(BIN)/muvistats report --out report

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2

test-networks: $(NETWORKS)/test-networks.stamp
	$(NETWORKS)/bin/python -m pytest -n 2 tests/networks
	$(NETWORKS)/bin/python -m pytest -p no:cacheprovider --doctest-modules muvistats/deep

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules muvistats -p no:cacheprovider \
		$(addprefix --ignore=muvistats/deep/,comparison.py models.py networks.py settings.py transfer.py)

docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "The pages are in $(abspath docs/_build/html/index.html)"

bench: $(VENV)/test.stamp $(NETWORKS)/test-networks.stamp
	$(BIN)/python -m benchmarks
	$(NETWORKS)/bin/python -m benchmarks vision deep

# A stamp tells that an extra is installed; it is made anew when what it depends on changes.
$(VENV)/core.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/test.stamp $(VENV)/docs.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	$(PIP) --editable ".[$*]"
	touch $@

# ultralytics brings the OpenCV that draws windows, which needs libraries of a desktop and shares
# its files with the one without: that one is put back.
$(NETWORKS)/test-networks.stamp: pyproject.toml constraints.txt
	test -x $(NETWORKS)/bin/python || $(PYTHON) -m venv $(NETWORKS)
	$(NETWORKS)/bin/python -m pip install $(QUIET) --constraint constraints.txt \
		--editable ".[test-networks]"
	$(NETWORKS)/bin/python -m pip uninstall $(QUIET) --yes opencv-python
	$(NETWORKS)/bin/python -m pip install $(QUIET) --constraint constraints.txt --no-deps \
		--force-reinstall opencv-python-headless
	touch $@

clean:
	rm -rf $(VENV) $(NETWORKS) report docs/_build docs/api/generated docs/gallery
