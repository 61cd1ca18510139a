# Two commands set everything up on a machine that has Python >= 3.11, make and git: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Text in, text out: no socket, no process; in seconds. They share the processors. The others do not: those that wait for
# a process or a socket, and tests/search, which looks far and wide for texts and moments that break something.
PURE := tests/report tests/ami tests/plan tests/lang tests/engine tests/tools
SECONDS ?= 600
LAB := PYTHONPATH=tests $(BIN)/python -m support.lab

# Without its compiled modules kept, every process of the tests would compile all of them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test properties mutants fuzz faults soak growth test-asterisk bench bench-short wheel-check clean docs

help:
	@echo "make demo           install amiflow into $(VENV) and run a recipe on the simulated PBX"
	@echo "make test           linters and the whole test suite"
	@echo "make properties     search for counter-examples of each property, forty times as long as make test does"
	@echo "make mutants        break each recipe in every way that a compiler can know, and print what it told of"
	@echo "make fuzz           feed the compiler with texts that nobody would write, a run with servers, configurations"
	@echo "                    and journals that mean ill, for SECONDS each (default 600); others each time, but for a SEED"
	@echo "make faults         inject every fault that a connection, a disk or a process can have, and print the table"
	@echo "make soak           two million events through a run, one in a hundred acted upon, and what memory that takes"
	@echo "make growth         200,000 short calls in virtual time, and what a run then holds more than before"
	@echo "make test-asterisk  install Asterisk 16 and 22 (as root, on Debian) and run the tests on them"
	@echo "make bench          measure amiflow beside other AMI clients, which it installs into a cache folder; ROWS=\"3 7\" only those"
	@echo "make bench-short    a short form of it, which only counts: nothing lost, nothing twice"
	@echo "make wheel-check    build the wheel, install it into an empty environment, run the demo from there"
	@echo "make docs           build the documentation site into build/site"
	@echo "make clean          remove what these commands made in this folder"

demo: $(VENV)/.installed
	$(BIN)/amiflow run recipes/both_legs_to_conference.flow --simulate

test: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict amiflow
	$(BIN)/pytest -q --numprocesses auto --dist worksteal $(PURE)
	$(BIN)/amiflow test recipes --coverage --min 100
	$(BIN)/pytest $(addprefix --ignore=,$(PURE)) tests

properties: $(VENV)/.installed-dev
	$(BIN)/pytest -q --numprocesses auto --dist worksteal --hypothesis-profile=deep -m hypothesis $(PURE) tests/live tests/search

mutants: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m support.mutation

growth: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m support.soak --calls 200000

fuzz: $(VENV)/.installed-dev
	PYTHONPATH=tests $(BIN)/python -m support.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))
	PYTHONPATH=tests $(BIN)/python -m support.fuzz_live --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

faults: $(VENV)/.installed-dev
	$(BIN)/pytest -q --numprocesses auto --dist worksteal tests/faults

soak: $(VENV)/.installed-dev
	PYTHONPATH=tests:. $(BIN)/python -m support.load

test-asterisk: $(VENV)/.installed-dev
	$(LAB) install
	@# Real servers have races of their own: what failed is tried once more, and both outcomes are printed.
	$(BIN)/pytest tests/asterisk || $(BIN)/pytest tests/asterisk --last-failed

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(ROWS)

bench-short: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks --short

docs: $(VENV)/.installed-dev
	$(BIN)/mkdocs build --quiet

wheel-check: $(VENV)/.installed-dev
	.ci/wheel-check $(BIN)/python

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "amiflow needs Python >= 3.11; name one with: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo "this Python cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed
