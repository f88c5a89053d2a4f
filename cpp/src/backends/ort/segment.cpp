#include "backends/ort/segment.h"

#include <array>
#include <utility>

#include "eenet/error.h"

#include "util/denormals.h"
#include "util/text.h"

namespace eenet::ort {
namespace {

std::string element_name(int type) {
  // By the numbers of the ONNX standard.
  constexpr std::array<const char*, 17> kNames = {
      "undefined", "float32", "uint8",     "int8",       "uint16",  "int16",
      "int32",     "int64",   "string",    "bool",       "float16", "float64",
      "uint32",    "uint64",  "complex64", "complex128", "bfloat16"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : cat("element type ", type);
}

ElementType element_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return kFloat;
    case DType::kInt64:
      return kInt64;
    case DType::kFloat16:
      return kFloat16;
    case DType::kInt32:
      return kInt32;
    case DType::kUInt8:
      return kUInt8;
  }
  return kFloat;
}

/// Throws what is to be said of a failure that was asked for; for any other, returns.
void explain_failure(const std::stop_token& stop, const std::string& name) {
  stay_out_of_exit();
  if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, cat(name, ": cancelled"));
}

/// The flag that ends the opening of a session, where the library has one.
class LoadCancellation {
 public:
  LoadCancellation(const Functions& api, SessionOptions* options) : api_(api), options_(options) {}
  LoadCancellation(const LoadCancellation&) = delete;
  LoadCancellation& operator=(const LoadCancellation&) = delete;
  ~LoadCancellation() { set(false); }  // The options are those of later sessions, too.

  void set(bool cancel) const noexcept {
    if (api_.SessionOptionsSetLoadCancellationFlag == nullptr) return;
    Status* const status = api_.SessionOptionsSetLoadCancellationFlag(options_, cancel);
    if (status != nullptr) api_.ReleaseStatus(status);
  }

 private:
  const Functions& api_;
  SessionOptions* options_;
};

}  // namespace

OrtSegment::OrtSegment(const Environment& environment, const SessionSetup& setup, std::string name,
                       std::span<const std::byte> bytes, const std::stop_token& stop)
    : environment_(environment),
      setup_(setup),
      name_(std::move(name)),
      session_(open(bytes, stop)) {
  const Functions& api = environment.functions();
  inputs_ =
      read_ports(api.SessionGetInputCount, api.SessionGetInputTypeInfo, api.SessionGetInputName);
  outputs_ =
      read_ports(api.SessionGetOutputCount, api.SessionGetOutputTypeInfo, api.SessionGetOutputName);
}

Handle<Session> OrtSegment::open(std::span<const std::byte> bytes,
                                 const std::stop_token& stop) const {
  const Functions& api = environment_.functions();
  const LoadCancellation cancellation(api, setup_.options.get());
  Activity activity([&] { cancellation.set(true); });
  const std::stop_callback on_stop(stop, [&] { cancellation.set(true); });
  const Activity::Run opening(activity);
  try {
    return make(api, api.ReleaseSession, name_, api.CreateSessionFromArray,
                static_cast<const Env*>(environment_.env()), static_cast<const void*>(bytes.data()),
                bytes.size(), static_cast<const SessionOptions*>(setup_.options.get()));
  } catch (const Error&) {
    explain_failure(stop, name_);
    throw;
  }
}

std::vector<Port> OrtSegment::read_ports(GetCount get_count, GetType get_type,
                                         GetName get_name) const {
  std::size_t count = 0;
  check(environment_.functions(), get_count(session_.get(), &count), name_);
  std::vector<Port> ports;
  for (std::size_t i = 0; i < count; ++i) ports.push_back(read_port(i, get_type, get_name));
  return ports;
}

Port OrtSegment::read_port(std::size_t index, GetType get_type, GetName get_name) const {
  const Functions& api = environment_.functions();
  const Handle<TypeInfo> type =
      make(api, api.ReleaseTypeInfo, name_, get_type, session_.get(), index);
  Port port;
  char* name = nullptr;
  check(api, get_name(session_.get(), index, environment_.allocator(), &name), name_);
  port.name = name;
  check(api, api.AllocatorFree(environment_.allocator(), name), name_);
  const TensorInfo* info = nullptr;  // Part of the type.
  check(api, api.CastTypeInfoToTensorInfo(type.get(), &info), name_);
  if (info == nullptr) {
    port.dtype = "not a tensor";
    return port;
  }
  int element = 0;
  check(api, api.GetTensorElementType(info, &element), name_);
  port.dtype = element_name(element);
  std::size_t rank = 0;
  check(api, api.GetDimensionsCount(info, &rank), name_);
  port.shape.resize(rank);
  check(api, api.GetDimensions(info, port.shape.data(), rank), name_);
  return port;
}

std::unique_ptr<Binding> OrtSegment::bind(std::span<const BoundTensor> inputs,
                                          std::span<const BoundTensor> outputs,
                                          const std::stop_token& stop) const {
  auto binding = std::make_unique<OrtBinding>(environment_, setup_, session_.get(), name_, stop);
  for (const BoundTensor& tensor : inputs) binding->bind_input(tensor);
  for (const BoundTensor& tensor : outputs) binding->bind_output(tensor);
  return binding;
}

OrtBinding::OrtBinding(const Environment& environment, const SessionSetup& setup, Session* session,
                       const std::string& name, const std::stop_token& stop)
    : environment_(environment),
      setup_(setup),
      session_(session),
      name_(name),
      binding_(make(environment.functions(), environment.functions().ReleaseIoBinding, name,
                    environment.functions().CreateIoBinding, session)),
      run_options_(make(environment.functions(), environment.functions().ReleaseRunOptions, name,
                        environment.functions().CreateRunOptions)),
      activity_([this] { terminate(); }),
      stop_(stop),
      on_stop_(stop, [this] { terminate(); }) {}

const Value* OrtBinding::wrap(const BoundTensor& tensor) {
  const Functions& api = environment_.functions();
  const std::size_t bytes = dtype_size(tensor.dtype) * count_elements(tensor.shape);
  const MemoryInfo* const memory =
      tensor.on_device ? setup_.device_memory.get() : environment_.cpu_memory();
  values_.push_back(make(api, api.ReleaseValue, name_, api.CreateTensorWithDataAsOrtValue, memory,
                         tensor.data, bytes, tensor.shape.data(), tensor.shape.size(),
                         element_type(tensor.dtype)));
  return values_.back().get();
}

void OrtBinding::bind_input(const BoundTensor& tensor) {
  const Input input{tensor.name, wrap(tensor)};
  if (setup_.copies_inputs && !tensor.on_device) {
    copied_inputs_.push_back(input);
  } else {
    bind_input(input);
  }
}

void OrtBinding::bind_input(const Input& input) {
  const Functions& api = environment_.functions();
  check(api, api.BindInput(binding_.get(), input.name.c_str(), input.value), name_);
}

void OrtBinding::bind_output(const BoundTensor& tensor) {
  const Functions& api = environment_.functions();
  check(api, api.BindOutput(binding_.get(), tensor.name.c_str(), wrap(tensor)), name_);
}

void OrtBinding::terminate() const noexcept {
  const Functions& api = environment_.functions();
  Status* const status = api.RunOptionsSetTerminate(run_options_.get());
  if (status != nullptr) api.ReleaseStatus(status);
}

void OrtBinding::run() {
  const Functions& api = environment_.functions();
  Status* status = nullptr;
  {
    const Activity::Run running(activity_);
    for (const Input& input : copied_inputs_) bind_input(input);
    const FlushDenormals flush;
    status = api.RunWithBinding(session_, run_options_.get(), binding_.get());
  }
  if (status == nullptr) return;
  try {
    check(api, status, name_);
  } catch (const Error&) {
    explain_failure(stop_, name_);
    throw;
  }
}

}  // namespace eenet::ort
