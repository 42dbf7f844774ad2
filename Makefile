# Everything runs in .venv, which the first target to need it makes.
PYTHON ?= python3
BIN := .venv/bin
MIN_PYTHON := $(shell sed -n 's/^min_python = //p' settings.ini)
comma := ,

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile

demo: .venv/ready  ## train, test and run a tagger, into demo/
	$(BIN)/fashion-tagger demo --out demo

test: .venv/ready  ## run every notebook and tests/
	$(BIN)/python .ci/tests.py

nb: .venv/ready  ## one notebook: export, run, clean, test, render (make nb NB=25_metrics)
	$(BIN)/python .ci/nb.py $(NB)

export: .venv/ready  ## notebooks to fashion_tagger/, cleaned
	$(BIN)/nbdev-export
	$(BIN)/nbdev-clean

order: .venv/ready  ## sidebar, table and all.py from nbs/contents.yml
	$(BIN)/python .ci/order.py

style: .venv/ready  ## wide lines, nested statements, names that are shown
	$(BIN)/python .ci/style.py

hooks: .venv/ready  ## git hooks that clean notebooks and merge them
	$(BIN)/nbdev-install-hooks

readme: .venv/ready order  ## README.md from nbs/index.ipynb
	$(BIN)/python .ci/readme.py

docs: .venv/ready  ## the docs site, into _docs/
	$(BIN)/python .ci/docs.py

docs-serve: .venv/ready  ## the same, shown on http://localhost:8000
	$(BIN)/python .ci/docs.py --serve

clean:  ## remove what the other targets made, but for .venv
	rm -rf build dist demo *.egg-info _docs _proc

# An interrupted run leaves no 'ready' behind; what it did finish is used again.
.venv/ready: settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < ($(subst .,$(comma),$(MIN_PYTHON))))' || \
	    { echo "fashion_tagger needs Python $(MIN_PYTHON) or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --editable '.[dev]'
	touch $@

.PHONY: help demo test nb export order style hooks readme docs docs-serve clean
