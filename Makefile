# Needs Python 3.11 or newer, make and git; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Bytecode is kept, whatever the shell says: the tests start some hundred processes, and each would compile the package.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test quick check torture docs release bench study study-smoke format clean

help:
	@echo "make demo    install into .venv, render a scene, fuse it, write demo/report.html"
	@echo "make test    run the tests, as many side by side as there are cores; make quick: without those over 2 s"
	@echo "make check   formatting, lint, types, and that the tables in the docs are up to date"
	@echo "make docs    build the site into site/; open site/index.html"
	@echo "make release build a release, try it in empty environments, into dist/ (docs/releasing.md)"
	@echo "make torture try hostile inputs, mutated files, kills and full disks (docs/trust.md), going on where it was stopped"
	@echo "make bench   measure how fast this machine fuses (docs/speed.md), in some minutes, and print the table"
	@echo "make study   run the study of the paper (docs/paper.md) as far as it has not been run: BUDGET=cpu, gpu or smoke (tiny)"
	@echo "make format  put the code into the form that make check wants"
	@echo "make clean   remove .venv, demo, dist, site and caches"

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("anypan needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/anypan demo demo --overwrite

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --dist worksteal

quick: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n logical --dist worksteal -m 'not slow'

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/python runs/docs.py --check
	$(BIN)/python runs/concepts.py --check
	$(BIN)/python runs/paper/page.py --check
	$(BIN)/python runs/paper/literature.py --check
	$(BIN)/python runs/pretrain/prediction.py --check
	$(BIN)/python runs/pretrain/realism.py --check
	$(BIN)/python runs/benchmark/seeds.py --check
	$(BIN)/python runs/benchmark/frontier.py --check
	$(BIN)/python speed/speed.py --check
	$(BIN)/python runs/benchmark/uncertainty.py --check
	$(BIN)/python runs/benchmark/truth.py --check
	$(BIN)/python runs/benchmark/ranks.py --check
	$(BIN)/python tests/torture/page.py --check

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

release: $(INSTALLED)
	$(BIN)/python runs/release.py $(if $(PYTHONS),--python $(PYTHONS))

torture: $(INSTALLED)
	OMP_NUM_THREADS=1 nice $(BIN)/python tests/torture/run.py && $(BIN)/python tests/torture/page.py

bench: $(INSTALLED)
	@mkdir -p work
	$(BIN)/python speed/roofline.py --out work/speed.jsonl

BUDGET ?= cpu
CELLS ?= *

study: $(INSTALLED)
	$(BIN)/python runs/paper/study.py runs/paper/study.toml --budget $(BUDGET) --cells $(foreach cell,$(CELLS),'$(cell)') $(if $(OUT),--out $(OUT),$(if $(filter smoke,$(BUDGET)),--out work/study/smoke.jsonl))
	$(BIN)/python runs/paper/page.py

study-smoke: $(INSTALLED)
	rm -rf work/study/smoke work/study/smoke.jsonl
	$(MAKE) study BUDGET=smoke

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv demo dist site .pytest_cache .ruff_cache .hypothesis
