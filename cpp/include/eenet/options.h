#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

class ExitPolicy;

/// What computes segments, asked for by name.
struct ProviderSpec {
  /// `cpu`, `openvino`, or `BACKEND:NAME`, as `onnxruntime:cuda`: one of provider_names().
  std::string name;
  /// What docs/providers.md lists for it; every value as text.
  std::map<std::string, std::string> options = {};
};

/// Where the libraries are that backends open.
struct LibraryFiles {
  /// Name of a backend to the libraries to try in order, after those that docs/cpp.md names.
  std::map<std::string, std::vector<std::string>> libraries = {};
  /// Name of a provider to the library that plugs it in.
  std::map<std::string, std::string> plugins = {};
};

/// How a bundle is loaded, and what the load may take.
struct LoadOptions {
  /// Threads that compute one sample; the same for every model of the process.
  int threads = 1;
  /// Milliseconds per sample leaving at each exit, in place of the bundle's profiles; none: use
  /// the profile that was measured on such a device.
  std::optional<std::vector<double>> cost_profile;
  /// What computes, in order of preference; all of one backend. What none of them takes is an
  /// error: `cpu`, which takes everything, is asked for like any other, and comes last.
  std::vector<ProviderSpec> providers = {{"cpu"}};
  LibraryFiles files = {};
  /// How long the load may take; none: as long as it likes. With ONNX Runtime before 1.22 the
  /// opening of a segment cannot be ended, only what comes before and after it.
  std::optional<std::chrono::duration<double>> timeout;
  /// Bytes of memory that the load may take; none: what there is. Counted before it is taken: the
  /// segments' files, the largest file once more, and the tensors of the largest sample. On Linux
  /// also watched: what the process grows by meanwhile, whoever makes it grow.
  std::optional<std::uint64_t> memory_limit = std::uint64_t{4} << 30U;
  /// Ends the load with Error(kCancelled).
  std::stop_token stop;
};

/// What a caller may ask of one call.
struct CallOptions {
  /// Leave at exactly this exit, whatever the scores: for measuring what it costs. Goes with
  /// neither of the next two.
  std::optional<std::size_t> forced_exit;
  /// Leave at this exit at the latest.
  std::optional<std::size_t> max_exit;
  /// Milliseconds from the call on. A segment that would miss it in more than one of twenty cases
  /// is not begun; the deepest exit passed then answers. For one sample, not for batches. See
  /// docs/design/runtime.md for the call now and then that is let through.
  std::optional<double> deadline_ms;
  /// Copy what every exit passed puts out into the result.
  bool return_outputs = false;
  /// Take the decisions of the exits passed apart.
  bool explain = false;
  /// Round the live tensors of a sample that is handed on to half precision.
  bool half_handoff = false;
  /// Ends the call with Error(kCancelled), also within a segment if the library can. Nothing is
  /// counted then, and the next call is as any other.
  std::stop_token stop;
};

/// As CallOptions, and when to stop.
struct InferOptions : CallOptions {
  /// When to stop. None: what is in force. Null: full depth, the last exit answers alone.
  std::optional<const ExitPolicy*> policy;
  /// What this sample costs if it leaves at each exit, (K), of a batch (N, K), where that depends
  /// on the sample, as on the length of a text: what statistics and a controller book. In the unit
  /// of the costs in force; empty: those.
  std::vector<double> costs;
};

/// A provider that is installed.
struct ProviderInfo {
  std::string name;           ///< As in ProviderSpec.
  std::string backend;        ///< Name of the inference library, as `onnxruntime`.
  std::string official_name;  ///< That library's own name of it.
  std::string version;        ///< Of that library.
  std::string library;        ///< The file that holds it: that library, or a plug-in.
};

/// All that can be asked for, whether or not it is here.
std::vector<std::string_view> provider_names();

/// The providers that are here. Whether a device that they need works is only known when one is
/// opened.
/// @throws Error(kBackend) if no usable ONNX Runtime is found.
std::vector<ProviderInfo> list_providers(const LibraryFiles& files);

}  // namespace eenet
