// Classifies samples from a file with a bundle, on several threads:
//
//     classify densenet121.eenet images.f32 [BUDGET]
//
// images.f32 holds samples of the network's only input one after the other, preprocessed, as
// numpy's tofile() writes them: float32, row-major, no header. BUDGET is a share of full cost, as
// 65%, or a number in the unit of the bundle's schedules.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <eenet/error.h>
#include <eenet/runtime.h>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

/// The numbers of a file and the shape of a sample.
struct Samples {
  std::vector<float> values;
  std::vector<std::int64_t> shape;

  std::size_t size_of_one() const {
    return static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  std::size_t count() const { return values.size() / size_of_one(); }
  eenet::TensorView at(std::size_t i) const {
    return {eenet::DType::kFloat32, shape, values.data() + i * size_of_one()};
  }
};

Samples read_samples(const std::string& path, const eenet::Manifest& manifest) {
  const eenet::TensorSpec& input = manifest.tensors[manifest.inputs.front()];
  Samples samples;
  for (std::size_t i = 1; i < input.shape.size(); ++i) {  // The first dimension is the batch.
    samples.shape.push_back(input.shape[i].size);
  }
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  const std::size_t size = samples.size_of_one() * sizeof(float);
  if (!file || bytes.empty() || bytes.size() % size != 0) {
    throw eenet::Error(eenet::ErrorCode::kInput,
                       path + ": " + (file ? std::to_string(bytes.size()) + " bytes" : "no file") +
                           " came, samples of " + std::to_string(size) + " bytes expected");
  }
  samples.values.resize(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), samples.values.size() * sizeof(float),
              reinterpret_cast<char*>(samples.values.data()));
  return samples;
}

/// Every thread takes every second sample; the runtime is shared.
std::vector<eenet::Result> classify(eenet::Runtime& runtime, const Samples& samples) {
  constexpr std::size_t kThreads = 2;
  std::vector<eenet::Result> results(samples.count());
  std::vector<std::future<void>> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.push_back(std::async(std::launch::async, [&, t] {
      for (std::size_t i = t; i < results.size(); i += kThreads) {
        const eenet::TensorView input = samples.at(i);
        results[i] = runtime.infer({&input, 1});
      }
    }));
  }
  for (std::future<void>& thread : threads) thread.get();  // Throws what the thread has thrown.
  return results;
}

void run(const std::string& bundle, const std::string& file, std::optional<eenet::Budget> budget) {
  eenet::LoadOptions options;
  options.files.libraries["onnxruntime"] = {
      "libonnxruntime.so"};  // Where EENET_ORT_LIB names no other.
  const auto loaded = eenet::Runtime::load(bundle, options);
  eenet::Runtime& runtime = *loaded;
  if (budget && !runtime.set_budget(*budget)) {
    std::cerr << "classify: warning: " << runtime.budgets().full_depth_notice(*budget) << "\n";
  }
  const eenet::Manifest& manifest = runtime.manifest();
  const Samples samples = read_samples(file, manifest);
  for (const eenet::Result& result : classify(runtime, samples)) {
    std::cout << "label " << result.label << " (" << manifest.class_names[result.label]
              << "), probability " << result.probabilities[result.label] << ", exit " << result.exit
              << "\n";
  }
  const eenet::Stats stats = runtime.stats();
  std::cout << stats.count << " sample(s), " << stats.latency.mean_ms.value_or(0)
            << " ms on average\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: classify BUNDLE IMAGES [BUDGET]\n";
    return 2;
  }
  try {
    std::optional<eenet::Budget> budget;
    if (argc == 4) budget = eenet::Budget::parse(argv[3]);  // 65% of full cost, or a number.
    run(argv[1], argv[2], budget);
    return 0;
  } catch (const eenet::Error& error) {
    std::cerr << "classify: " << error.what() << "\n";
    return 2;
  }
}
