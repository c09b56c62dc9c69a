# Short names of real commands. `make demo`, `make check`, `make test`; MODEL picks one of the README's models.
MODEL ?= hanlp_ner
SAVED = mlflow_models/models/$(MODEL)
DEMO_MAP = mlflow_models/models/demo-map
PORT ?= 8080
VERSION ?= latest
TESTS ?= tests
BIN = .venv/bin
# Tests that share a model, a server or an engine run one after the other, in two lanes: those of models in one; in the
# other those of containers, of Spark and of the server alone, and then the browser's, which loses what it loads while
# Docker changes the network. Both use the models that the first of them builds. The others run beside them, two at a
# time: tests often wait for servers. All have one thread: with more, they would wait for each other. ALL=1 runs thorough
# tests, too.
ALONE = build or browser or container or gpu or server or spark
APART = container or spark or server or browser
DEPTH = $(if $(filter 1 yes,$(ALL)),, and not thorough)
check test test-together test-apart test-alone: export OMP_NUM_THREADS = 1
TOGETHER = $(BIN)/pytest $(TESTS) --numprocesses 2 --dist loadfile --junit-xml $(REPORTS)/check.xml
NONE = || test $$? = 5  # pytest's status where there was nothing to run
REPORTS = $(or $(SD_ARTIFACTS_DIR),reports)
KONG_FILES = private
SEVERITY = HIGH,CRITICAL
# Where this is set, as in many containers, each process would compile torch and MLflow for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo build serve pages image stock-image check test test-together test-apart test-alone lint cards bench bench-quick gpu-check gpu-bundle kong-validate pins
.PHONY: promote runner archive bom audit scan push user-data kong-credentials pipeline-validate

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	$(BIN)/uv pip install --python $(BIN)/python --requirements requirements.txt --editable .
	touch $@

demo: setup
	$(BIN)/python -m zoo.building.demo $(MODEL) $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) $(if $(JSON),--json)

build: setup
	$(BIN)/python mlflow_models/$(MODEL)/build.py $(if $(filter 1 yes,$(GPU)),--gpu) $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) $(if $(ALIAS),--alias $(ALIAS))

promote: setup
	$(BIN)/python -m zoo.promote $(MODEL) $(if $(BACK),--back $(BACK),--data $(DATA) $(if $(FIRST),--first))

serve: setup
	THERESA_PORT=$(PORT) $(BIN)/python -m zoo.serving.launch $(SAVED)

pages: setup $(if $(DEMO),$(DEMO_MAP)/map)
	$(BIN)/python -m zoo.building.pages $(if $(DEMO),--demo) $(if $(HOST),--host $(HOST))

$(DEMO_MAP)/map: | .venv/ready
	$(BIN)/python -m demos.clip_caption.scenes -o $(DEMO_MAP)/scenes --count 200 --seed 2026 --width 192
	$(BIN)/python mlflow_models/clip_caption/explore.py embed $(DEMO_MAP)/scenes/manifest.csv -o $(DEMO_MAP)/embeddings --captions greedy --thumbnail 96
	$(BIN)/python mlflow_models/clip_caption/explore.py map $(DEMO_MAP)/embeddings -o $@ --neighbours 60 --smallest 8

image: stock-image
	docker build --force-rm --build-arg STOCK=theresa/$(MODEL):stock --build-arg PYTHON=$$($(BIN)/python -c "import platform; print(platform.python_version())") --tag theresa/$(MODEL):$(VERSION) - < mlflow_models/zoo/serving/Dockerfile

stock-image: setup
	$(BIN)/mlflow models build-docker --model-uri $(SAVED) --name theresa/$(MODEL):stock --env-manager local

check: setup
	$(TOGETHER) -m "not ($(ALONE) or training or thorough)" $(NONE)

test: setup
	export TEST_MODELS=$$(mktemp --directory); \
	  $(MAKE) --jobs 3 --keep-going --output-sync=target test-together test-alone test-apart; \
	  status=$$?; rm --recursive --force "$$TEST_MODELS"; exit $$status

test-together:
	$(TOGETHER) -m "not ($(ALONE))$(DEPTH)" $(NONE)

test-apart:
	$(BIN)/pytest $(TESTS) -m "($(APART))$(DEPTH)" --junit-xml $(REPORTS)/apart.xml $(NONE)

test-alone:
	$(BIN)/pytest $(TESTS) -m "($(ALONE)) and not ($(APART))$(DEPTH)" --junit-xml $(REPORTS)/tests.xml $(NONE)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

cards: setup
	$(BIN)/python -m zoo.building.cards

bench: setup
	$(BIN)/python -m benchmarks $(if $(DATA),--data $(DATA))

bench-quick: setup
	$(BIN)/python -m benchmarks --quick

# On a machine without a network there is no .venv: docs/gpu.md.
gpu-check:
	$(firstword $(wildcard $(BIN)/python) python3) -m benchmarks.gpu check $(if $(SECONDS),--seconds $(SECONDS))

gpu-bundle: setup
	$(BIN)/python -m benchmarks.gpu bundle $(GROUPS) $(if $(PYTHON),--python $(PYTHON))

kong-validate: setup
	$(BIN)/python kong/declare.py --check

# The steps of screwdriver.yaml that aren't above; docs/deploying.md says what they are for.
runner:
	apt-get update --quiet
	apt-get install --quiet --yes --no-install-recommends docker.io make nginx-light nodejs npm openjdk-17-jre-headless chromium fonts-noto-cjk fonts-thai-tlwg

archive: setup
	mkdir -p $(REPORTS)
	tar --create --gzip --directory $(dir $(SAVED)) --file $(REPORTS)/$(MODEL).tar.gz $(notdir $(SAVED))

bom: setup
	mkdir -p $(REPORTS)
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements $(SAVED)/requirements.txt --output-reproducible --output-file $(REPORTS)/$(MODEL).cdx.json

audit: setup
	mkdir -p $(REPORTS)
	$(BIN)/uv tool run pip-audit==2.10.1 --requirement $(SAVED)/requirements.txt --no-deps --disable-pip --strict --format json --output $(REPORTS)/$(MODEL).audit.json $(addprefix --ignore-vuln ,$(ACCEPTED))

scan:
	mkdir -p $(REPORTS)
	$(if $(shell command -v trivy),trivy image --exit-code 1 --severity $(SEVERITY) --ignore-unfixed --format json --output $(REPORTS)/$(MODEL).trivy.json theresa/$(MODEL):$(VERSION),@echo "Trivy isn't installed here: theresa/$(MODEL):$(VERSION) was not scanned.")

push: setup
	$(BIN)/python deploy/push.py $(MODEL) --image theresa/$(MODEL):$(VERSION) --report $(REPORTS)/$(MODEL).release.json

user-data: setup
	@$(BIN)/python deploy/user_data.py $(MODEL) --image $(IMAGE) $(if $(filter 1 yes,$(GPU)),--gpu)

kong-credentials:
	@umask 077 && mkdir -p $(KONG_FILES) && cd $(KONG_FILES) \
	  && printenv KONG_CA_BASE64 | base64 --decode > ca.pem \
	  && printenv KONG_CLIENT_CERT_BASE64 | base64 --decode > client.pem \
	  && printenv KONG_CLIENT_KEY_BASE64 | base64 --decode > client.key

pipeline-validate: setup deploy/parser/node_modules
	$(BIN)/python deploy/pipeline.py

deploy/parser/node_modules: deploy/parser/package-lock.json
	cd deploy/parser && npm ci
	touch $@

pins:
	$(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --override overrides.txt requirements.in --output-file requirements.txt
	for file in mlflow_models/*/requirements*.in mlflow_models/zoo/serving/requirements.in; do $(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --constraints requirements.txt $$(if grep --quiet '^onnxruntime-gpu' $$file; then echo --override overrides-gpu.txt; fi) $$file --output-file $${file%.in}.txt; done
	for file in benchmarks/peers/*/requirements.in; do grep --invert-match '^opentelemetry-' requirements.txt | $(BIN)/uv pip compile --quiet --no-emit-index-url --python-version 3.11 --constraints /dev/stdin $$file --output-file $${file%.in}.txt; done  # BentoML needs another opentelemetry
