// eenet-run: answers arrays in .npy files with a bundle.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eenet/error.h"
#include "eenet/runtime.h"

#include "arguments.h"
#include "inputs/named_inputs.h"
#include "npy.h"
#include "report.h"

namespace eenet::tools {
namespace {

constexpr const char* kDefaultLibrary = "libonnxruntime.so";

std::unique_ptr<Runtime> load(const Arguments& arguments) {
  // What is asked for on the command line counts, whatever the environment says.
  if (arguments.onnxruntime) ::setenv("EENET_ORT_LIB", arguments.onnxruntime->c_str(), 1);
  LoadOptions options;
  options.threads = arguments.threads;
  options.files.libraries["onnxruntime"] = {kDefaultLibrary};
  std::unique_ptr<Runtime> runtime = Runtime::load(arguments.bundle, options);
  if (arguments.budget) runtime->set_budget(*arguments.budget);
  return runtime;
}

std::vector<NpyArray> read_inputs(const std::vector<InputFile>& files) {
  std::vector<NpyArray> arrays;
  for (const InputFile& file : files) arrays.push_back(read_npy(file.path));
  return arrays;
}

/// Whether one of the inputs has the batch axis; the runtime refuses the others if they have not.
bool is_batch(const Manifest& manifest, const std::vector<TensorView>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].shape.size() == manifest.tensors[manifest.inputs[i]].shape.size()) return true;
  }
  return false;
}

std::vector<Result> infer(Runtime& runtime, const Arguments& arguments,
                          const std::vector<NpyArray>& arrays) {
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    tensors.push_back({arguments.inputs[i].name, arrays[i].view()});
  }
  const Manifest& manifest = runtime.manifest();
  const std::vector<TensorView> inputs = order_inputs(manifest, tensors);
  InferOptions options;
  if (arguments.full_depth) options.policy = nullptr;
  options.return_outputs = arguments.outputs;
  if (!is_batch(manifest, inputs)) return {runtime.infer(inputs, options)};
  const BatchResult batch = runtime.infer_batch(inputs, options);
  std::vector<Result> results;
  for (std::size_t i = 0; i < batch.size(); ++i) results.push_back(batch.at(i));
  return results;
}

void run(const Arguments& arguments) {
  const std::vector<NpyArray> arrays = read_inputs(arguments.inputs);
  const std::unique_ptr<Runtime> loaded = load(arguments);
  Runtime& runtime = *loaded;
  if (arguments.budget && !runtime.schedule()) {
    std::cerr << "eenet-run: warning: " << runtime.budgets().full_depth_notice(*arguments.budget)
              << "\n";
  }
  const std::vector<Result> results = infer(runtime, arguments, arrays);
  const Manifest& manifest = runtime.manifest();
  std::cout << (arguments.json ? json_report(manifest, results) : text_report(manifest, results));
}

void main_work(const std::vector<std::string>& words) {
  const Arguments arguments = parse_arguments(words);
  if (arguments.help) {
    std::cout << kHelp;
  } else if (arguments.version) {
    std::cout << "eenet-run " << EENET_VERSION << "\n";
  } else {
    run(arguments);
  }
}

}  // namespace
}  // namespace eenet::tools

int main(int argc, char** argv) {
  constexpr int kUserError = 2;
  try {
    eenet::tools::main_work({argv + 1, argv + argc});
    if (std::cout.flush()) return EXIT_SUCCESS;
    throw eenet::Error(eenet::ErrorCode::kInput, "standard output could not be written");
  } catch (const eenet::Error& error) {
    std::cerr << "eenet-run: error: " << error.what() << "\n";
    return kUserError;
  } catch (const std::exception& error) {
    std::cerr << "eenet-run: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
