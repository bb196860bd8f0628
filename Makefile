# Everything runs in .venv, which the first target that needs it makes. Works from any folder: make -C PATH.
# PORT=8001 make run     another port        PYTHON=/path/to/python3 make ...     another Python

PYTHON ?= python3
IN_VENV = exec $(PYTHON) "$(CURDIR)/scripts/bootstrap.py"

.DEFAULT_GOAL := help
.PHONY: help run stop test check bench shell reset requirements

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' "$(CURDIR)/Makefile"

run: ## start the whole product with demo data; Ctrl-C stops it
	@$(IN_VENV) python manage.py run_product

stop: ## stop the product that runs from this folder
	@$(IN_VENV) python -m middleoffice.embedded down

test: ## run every check and test
	@$(IN_VENV) python scripts/test.py

check: ## run the static checks only
	@$(IN_VENV) python scripts/test.py --static

bench: ## measure, and write var/bench.json
	@$(IN_VENV) python -m bench $(ARGS)

shell: ## open a Python shell on the running product's data
	@$(IN_VENV) python manage.py shell

reset: ## delete this folder's data (asks first; FORCE=1 does not)
	@$(IN_VENV) python scripts/reset.py

requirements: ## pin requirements.txt anew from pyproject.toml
	@$(IN_VENV) python scripts/requirements.py
