#include "backends/ort/provider.h"

#include <algorithm>
#include <array>
#include <span>

#include "eenet/error.h"

#include "backends/ort/openvino.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet::ort {
namespace {

struct DeviceType {
  const char* name;
  HardwareType type;
};
constexpr std::array<DeviceType, 3> kDeviceTypes = {{{"CPU", kCpu}, {"GPU", kGpu}, {"NPU", kNpu}}};

constexpr const char* kDeviceTypeOption = "device_type";

/// Removes an option that is ours rather than the library's.
std::string take_option(std::map<std::string, std::string>& options, const char* name,
                        const char* otherwise) {
  const auto node = options.extract(name);
  return node.empty() ? otherwise : node.mapped();
}

const DeviceType& device_type(const std::string& name) {
  const auto found = std::find_if(kDeviceTypes.begin(), kDeviceTypes.end(),
                                  [&name](const DeviceType& each) { return name == each.name; });
  if (found != kDeviceTypes.end()) return *found;
  throw Error(ErrorCode::kInput, cat("option '", kDeviceTypeOption, "': ", quote_name(name),
                                     " came, CPU, GPU or NPU expected"));
}

void check_known(const std::map<std::string, std::string>& options,
                 std::span<const std::string_view> known) {
  for (const auto& [name, value] : options) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Error(ErrorCode::kInput,
                cat("option ", quote_name(name), " came, ",
                    known.empty() ? "none" : cat("one of ", join(known)), " expected"));
  }
}

/// A captured graph holds addresses and a batch size, and runs on them whatever is bound later.
void refuse_graphs(const std::map<std::string, std::string>& options) {
  for (const char* const name : {"enable_cuda_graph", "trt_cuda_graph_enable"}) {
    if (!options.contains(name)) continue;
    throw Error(ErrorCode::kInput, cat("option '", name,
                                       "' came, which cannot be used: CUDA graphs fix the batch "
                                       "size, and here samples leave a batch on its way"));
  }
}

bool take_device_memory(std::map<std::string, std::string>& options) {
  const std::string value = take_option(options, kDeviceMemoryOption, "1");
  if (value == "0" || value == "1") return value == "1";
  throw Error(ErrorCode::kInput, cat("option '", kDeviceMemoryOption, "': ", quote_name(value),
                                     " came, 0 or 1 expected"));
}

const EpDevice* find_device(const Environment& environment, const KnownProvider& known,
                            const DeviceType& wanted) {
  const Functions& api = environment.functions();
  std::vector<const char*> there;
  for (const EpDevice* const device : environment.devices(known.official_name)) {
    const HardwareType type = api.HardwareDevice_Type(api.EpDevice_Device(device));
    if (type == wanted.type) return device;
    there.push_back(kDeviceTypes[static_cast<std::size_t>(type)].name);
  }
  const std::string vendor = known.vendor.empty() ? ""
                                                  : cat("; ", known.package, " serves hardware of ",
                                                        known.vendor, " alone");
  throw Error(ErrorCode::kBackend,
              cat("a ", wanted.name, " expected, but of its devices ",
                  there.empty() ? "none is here" : join(there) + " is here", vendor));
}

void complete_openvino(Provider& provider, const DeviceType& type, int threads) {
  constexpr std::array<std::string_view, 3> kOptions = {kDeviceMemoryOption, kDeviceTypeOption,
                                                        "load_config"};
  // The plug-in itself passes over options that it does not know.
  check_known(provider.options, kOptions);
  std::string& config = provider.options["load_config"];
  config = openvino_load_config(config, type.name, threads);
}

void open_plugin(const Environment& environment, const LoadOptions& options, Provider& provider) {
  const KnownProvider& known = *provider.known;
  const bool openvino = known.name == "openvino";
  const DeviceType& type =
      device_type(take_option(provider.options, kDeviceTypeOption, openvino ? "CPU" : "GPU"));
  if (openvino) complete_openvino(provider, type, options.threads);
  const auto library = options.files.plugins.find(std::string(known.name));
  if (library == options.files.plugins.end()) {
    throw Error(ErrorCode::kBackend, cat("its plug-in was not found; install it with `pip install ",
                                         known.package, "`"));
  }
  environment.register_plugin(library->first, library->second);
  provider.device = find_device(environment, known, type);
  const Functions& api = environment.functions();
  const char* const version = api.GetKeyValue(api.EpDevice_EpMetadata(provider.device), "version");
  if (version != nullptr) provider.version = cat(known.name, " ", version);
  // What a sample costs depends on the device; the processor goes without saying.
  if (type.type != kCpu && openvino) provider.key += type.type == kGpu ? ":gpu" : ":npu";
}

void open_builtin(const Environment& environment, Provider& provider) {
  const KnownProvider& known = *provider.known;
  const std::vector<std::string> there = environment.library().built_in();
  if (std::find(there.begin(), there.end(), known.official_name) != there.end()) return;
  throw Error(ErrorCode::kBackend,
              cat("ONNX Runtime ", environment.library().version, " from ",
                  quote_name(environment.library().path), " was built without it; it has ",
                  join(there), "; install one that has it with `pip install ", known.package, "`"));
}

Provider open_provider(const Environment& environment, const LoadOptions& options,
                       const KnownProvider& known, const ProviderSpec& spec) {
  Provider provider{&known, spec.options, nullptr, std::string(known.name), {}, false};
  if (known.kind == ProviderKind::kCpu) {
    check_known(provider.options, {});
    return provider;
  }
  provider.device_memory = take_device_memory(provider.options);
  refuse_graphs(provider.options);
  switch (known.kind) {
    case ProviderKind::kCpu:
      break;
    case ProviderKind::kCuda:
      // Left to itself it multiplies in TF32, and a bundle promises float32.
      provider.options.emplace("use_tf32", "0");
      [[fallthrough]];
    case ProviderKind::kTensorRt:
      open_builtin(environment, provider);
      break;
    case ProviderKind::kPlugin:
      open_plugin(environment, options, provider);
      break;
  }
  return provider;
}

/// Tensors go from segment to segment where the first provider has them.
void check_first(const std::vector<ProviderSpec>& specs) {
  for (const ProviderSpec& spec : std::span(specs).subspan(1)) {
    if (!spec.options.contains(kDeviceMemoryOption)) continue;
    throw Error(ErrorCode::kInput,
                cat("provider ", quote_name(spec.name), ": option '", kDeviceMemoryOption,
                    "' came, which only the first provider takes"));
  }
}

}  // namespace

std::vector<Provider> open_providers(const Environment& environment, const LoadOptions& options) {
  const std::vector<const KnownProvider*> known = check_providers(options.providers);
  check_first(options.providers);
  std::vector<Provider> out;
  for (std::size_t i = 0; i < known.size(); ++i) {
    out.push_back(in_context(cat("provider '", known[i]->name, "'"), [&] {
      return open_provider(environment, options, *known[i], options.providers[i]);
    }));
  }
  return out;
}

Provider gathering_provider(const Provider& provider) {
  Provider out = provider;
  // TensorRT would build an engine, and the CUDA provider has the same memory.
  if (provider.known->kind == ProviderKind::kTensorRt)
    out.known = &known_provider("onnxruntime:cuda");
  // Of the options, those that say where and how it computes; others may be about segments.
  std::erase_if(out.options, [](const auto& option) {
    return option.first != "device_id" && option.first != "load_config";
  });
  return out;
}

}  // namespace eenet::ort
