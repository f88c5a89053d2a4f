# Two targets for a newcomer: `make demo` and `make test`. Each sets up all it needs, on Debian also the system packages.
# Before a release: `make test-full`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
JOBS := $(shell nproc)
comma := ,
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt
OLDEST_ONNXRUNTIME := 1.19.2
PACKAGE_SOURCES := $(shell git ls-files CMakeLists.txt pyproject.toml README.md LICENSE NOTICE cmake cpp python export 2>/dev/null)
CPP_SOURCES := $(shell git ls-files cpp cmake tests/cpp CMakeLists.txt 2>/dev/null)
CONFIGURE_TESTS := $(BIN)/cmake -S . -DEENET_BUILD_TESTS=ON -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python --log-level=WARNING
PYTEST = mkdir -p build/pytest && cd build/pytest && EENET_TEST_ONNXRUNTIME_OLDEST="$(CURDIR)/$(VENV)/onnxruntime-oldest" \
	EENET_TEST_CPP_BUILD="$(CURDIR)/build/tests" \
	"$(CURDIR)/$(BIN)/python" -m pytest --config-file="$(CURDIR)/pyproject.toml" --rootdir="$(CURDIR)"
BUNDLE := build/demo/densenet121.eenet

.PHONY: demo test test-full setup system lint docs test-cpp test-python test-shared test-sdist test-no-watch test-sanitizers test-aarch64 fuzz wheel bench clean

demo: $(BUNDLE)
	@echo "== classify the sample images"
	@$(BIN)/python examples/demo.py $(BUNDLE)

$(BUNDLE): $(VENV)/.wheel
	@echo "== export densenet121: one ONNX file per segment, costs of this machine, schedules"
	@mkdir -p $(@D)
	@$(BIN)/eenet-export --model densenet121 --out $(@D)
	@touch $@

test:
	@MAKE="$(MAKE)" tools/run_stages.sh setup lint test-cpp test-sdist test-python

setup: system $(VENV)/.dev $(VENV)/.onnxruntime-oldest build/tests/.built

# What takes too long for every day.
test-full: test docs test-no-watch test-sanitizers test-aarch64 fuzz

system:
	@tools/system_packages.sh $(PYTHON) g++ make git libgtest-dev nlohmann-json3-dev pkg-config chromium

$(VENV)/.created: requirements/constraints.txt
	@tools/system_packages.sh $(PYTHON) g++ make git
	@echo "== virtual environment $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# One wheel, built once, from the sdist, installed as a user would; everything below runs against it.
$(VENV)/.wheel: $(VENV)/.created $(PACKAGE_SOURCES)
	@echo "== build sdist and wheel, and install it with its export and cpu extras (PyTorch, ONNX, ONNX Runtime)"
	@$(PIP) build
	@$(BIN)/python tools/build_wheel.py dist
	@$(PIP) "$$(ls dist/eenet-*.whl)[cpu,export]"
	@$(PIP) --force-reinstall --no-deps dist/eenet-*.whl
	@touch $@

$(VENV)/.dev: $(VENV)/.wheel
	@echo "== install the test and lint tools, and OpenVINO, which comes for x86-64 alone"
	@$(PIP) "$$(ls dist/eenet-*.whl)[dev,report$(if $(filter x86_64,$(shell uname -m)),$(comma)openvino)]"
	@touch $@

$(VENV)/.onnxruntime-oldest: $(VENV)/.created
	@echo "== install ONNX Runtime $(OLDEST_ONNXRUNTIME) beside, for the tests of the oldest version"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/onnxruntime-oldest onnxruntime==$(OLDEST_ONNXRUNTIME)
	@touch $@

lint: $(VENV)/.dev
	@echo "== lint: ruff, mypy, clang-format, gersemi, docs, stubs"
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/lint.sh

build/docs/.venv/.created: requirements/constraints.txt
	@tools/system_packages.sh $(PYTHON) git
	@echo "== install what builds the docs, in an environment of its own"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt mkdocs-material 'mkdocstrings[python]' ruff
	@touch $@

# Signatures and docstrings are read, nothing is imported: neither the wheel nor PyTorch is needed.
docs: build/docs/.venv/.created
	@echo "== docs with the API reference: build/docs/site/index.html"
	@$(<D)/bin/python tools/build_docs.py

build/tests/.built: $(VENV)/.dev $(CPP_SOURCES) | system
	@echo "== build the C++ tests"
	@$(CONFIGURE_TESTS) -B build/tests -DCMAKE_BUILD_TYPE=Release
	@$(BIN)/cmake --build build/tests --parallel $(JOBS)
	@touch $@

test-cpp: build/tests/.built
	@echo "== C++ tests"
	@$(BIN)/ctest --test-dir build/tests --output-on-failure

# Nothing but the watch itself needs it.
test-no-watch: $(VENV)/.dev | system
	@echo "== C++ tests of a build without the watch"
	@$(CONFIGURE_TESTS) -B build/no-watch -DCMAKE_BUILD_TYPE=Release -DEENET_WATCH=OFF -DEENET_INSTALL=OFF
	@$(BIN)/cmake --build build/no-watch --parallel $(JOBS) --target eenet_tests
	@build/no-watch/tests/cpp/eenet_tests --gtest_brief=1

# GoogleTest is built anew, so that sanitizers see into it, too. RelWithDebInfo names the lines in reports.
test-sanitizers: $(VENV)/.dev
	@tools/system_packages.sh $(PYTHON) g++ make libgtest-dev googletest
	@for sanitizer in address,undefined thread; do \
		echo "== C++ tests with -fsanitize=$$sanitizer"; \
		build=build/sanitize-$${sanitizer%%,*}; \
		$(CONFIGURE_TESTS) -B $$build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEENET_SANITIZE=$$sanitizer -DEENET_GTEST_SOURCE=/usr/src/googletest -Wno-deprecated; \
		$(BIN)/cmake --build $$build --parallel $(JOBS) --target eenet_tests >$$build/build.log || { tail -n 40 $$build/build.log; exit 1; }; \
		$$build/tests/cpp/eenet_tests --gtest_brief=1; \
	done

# Seconds for each of the targets of cpp/fuzz.
SECONDS := 60
fuzz: $(VENV)/.dev
	@tools/system_packages.sh $(PYTHON) clang libclang-rt-dev
	@echo "== build the fuzz targets"
	@$(BIN)/cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEENET_FUZZ=ON -DEENET_INSTALL=OFF -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python --log-level=WARNING
	@$(BIN)/cmake --build build/fuzz --parallel $(JOBS) >build/fuzz/build.log || { tail -n 40 build/fuzz/build.log; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/fuzz.sh build/fuzz $(SECONDS)

test-aarch64: $(BUNDLE) $(VENV)/.dev build/tests/.built
	@tools/system_packages.sh $(PYTHON) g++-aarch64-linux-gnu qemu-user googletest
	@echo "== cross-build for aarch64, C++ tests and eenet-run under qemu"
	@tools/test_aarch64.sh $(CURDIR)/$(BIN)/python $(BUNDLE) build/tests/cpp/tools/eenet-run

test-sdist: $(VENV)/.wheel
	@echo "== files of the wheel, which was built from the sdist"
	@$(BIN)/python tools/check_wheel.py dist/eenet-*.whl

# Run from another folder, so that the installed wheel is imported and never the source tree.
test-python: $(VENV)/.dev $(VENV)/.onnxruntime-oldest build/tests/.built
	@echo "== Python tests, against the installed wheel"
	@$(PYTEST) "$(CURDIR)/tests" --numprocesses $(JOBS)

# The tests that read the big data sets: EENET_SHARED, or ../shared, is the folder that holds data/.
test-shared: $(VENV)/.dev $(VENV)/.onnxruntime-oldest build/tests/.built
	@echo "== Python tests with the big data sets"
	@$(PYTEST) "$(CURDIR)/tests" -m shared_data

# As it would be released, and used in a fresh environment. For several interpreters: PYTHONS="python3.10 python3.13".
PYTHONS ?= $(PYTHON)
wheel:
	@tools/system_packages.sh $(PYTHON) g++ make git
	@tools/wheels.sh build/wheels $(PYTHONS)

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/run.py

clean:
	@rm -rf $(VENV) build dist
