# Every target makes what it needs; nothing is installed by hand.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export AWS_DEFAULT_REGION ?= eu-west-2
export SAM_CLI_TELEMETRY := 0
export PYTHONPATH := layers/driveway:.

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

$(VENV)/installed: requirements-dev.txt
	@echo "Installing the locked development environment into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/installed ## Install the development environment

.PHONY: up
up: setup ## The whole stack on this machine, left running (see .local/stack.json)
	@$(BIN)/python -m local up

.PHONY: down
down: setup ## Stop it
	@$(BIN)/python -m local down

.PHONY: demo
demo: setup ## One night of charging, told as a timeline
	@$(BIN)/python -m local.demo
