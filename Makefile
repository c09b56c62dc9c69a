# Short names of real commands. `make demo`, `make test`; MODEL picks one of the README's models.
MODEL ?= hanlp_ner
SAVED = mlflow_models/models/$(MODEL)
PORT ?= 8080
VERSION ?= latest
BIN = .venv/bin

.PHONY: setup demo build serve image test lint bench kong-validate pins

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	$(BIN)/uv pip install --python $(BIN)/python --requirements requirements.txt --editable .
	touch $@

demo: setup
	$(BIN)/python -m zoo.demo $(MODEL) $(if $(JSON),--json)

build: setup
	$(BIN)/python mlflow_models/$(MODEL)/build.py

serve: setup
	THERESA_PORT=$(PORT) $(BIN)/python -m zoo.launch $(SAVED)

image: setup
	$(BIN)/mlflow models build-docker --model-uri $(SAVED) --name theresa/$(MODEL):stock --env-manager local
	docker build --build-arg STOCK=theresa/$(MODEL):stock --build-arg PYTHON=$$($(BIN)/python -c "import platform; print(platform.python_version())") --tag theresa/$(MODEL):$(VERSION) - < mlflow_models/zoo/Dockerfile

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m tests.benchmarks $(if $(DATA),--data $(DATA))

kong-validate: setup
	$(BIN)/python kong/declare.py --check

pins:
	$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --override overrides.txt requirements.in --output-file requirements.txt
	for file in mlflow_models/*/requirements*.in; do $(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --constraints requirements.txt $$file --output-file $${file%.in}.txt; done
