#include "backends/ort/device_memory.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "backends/ort/gather_model.h"

namespace eenet::ort {
namespace {

const std::string kWhat = "device memory";
const std::string kGathering = "gathering of rows";

/// What rows are copied as: numbers of that width, and so as they are.
DType copied_as(DType dtype) {
  return dtype_size(dtype) % sizeof(float) == 0 ? DType::kFloat32 : dtype;
}

}  // namespace

class DeviceMemory::Buffer : public DeviceBuffer {
 public:
  Buffer(const DeviceMemory& memory, DType dtype, std::size_t bytes)
      : memory_(memory), dtype_(dtype), bytes_(bytes), block_(memory.allocate_block(bytes)) {}

  void* data() const noexcept override { return block_.get(); }

  void write(std::span<const std::byte> bytes) override {
    std::vector<std::int64_t> all = {0};
    // Only read: a binding takes inputs and outputs alike.
    void* const from = const_cast<std::byte*>(bytes.data());
    memory_.gather(dtype_, from, false, all, bytes.size() / dtype_size(dtype_), block_.get());
  }

  void keep_rows(std::span<const std::size_t> rows, std::size_t row_bytes) override {
    if (rows.empty()) return;
    // There and back again: what gathers must not write over what it reads, and the address stays.
    if (!spare_) spare_ = memory_.allocate_block(bytes_);
    const std::size_t width = row_bytes / dtype_size(dtype_);
    std::vector<std::int64_t> indices(rows.begin(), rows.end());
    memory_.gather(dtype_, block_.get(), true, indices, width, spare_.get());
    std::iota(indices.begin(), indices.end(), std::int64_t{0});
    memory_.gather(dtype_, spare_.get(), true, indices, width, block_.get());
  }

 private:
  const DeviceMemory& memory_;
  DType dtype_;  // That rows are copied as.
  std::size_t bytes_;
  Block block_;
  Block spare_;  // From the first time that rows are dropped.
};

DeviceMemory::DeviceMemory(const Environment& environment, SessionSetup setup)
    : environment_(environment),
      setup_(std::move(setup)),
      gather_(environment, setup_, kGathering, make_gather_model(kFloat), {}),
      allocator_(make(environment.functions(), environment.functions().ReleaseAllocator, kWhat,
                      environment.functions().CreateAllocator,
                      static_cast<const Session*>(gather_.session()),
                      static_cast<const MemoryInfo*>(setup_.device_memory.get()))) {}

std::unique_ptr<DeviceBuffer> DeviceMemory::allocate(DType dtype, std::size_t bytes) const {
  return std::make_unique<Buffer>(*this, copied_as(dtype), bytes);
}

const OrtSegment& DeviceMemory::gathering(DType dtype) const {
  if (dtype == DType::kFloat32) return gather_;
  const std::lock_guard lock(opening_);
  const bool half = dtype == DType::kFloat16;
  std::unique_ptr<OrtSegment>& gather = half ? gather_float16_ : gather_uint8_;
  if (!gather) {
    const auto model = make_gather_model(half ? kFloat16 : kUInt8);
    gather =
        std::make_unique<OrtSegment>(environment_, setup_, kGathering, model, std::stop_token{});
  }
  return *gather;
}

DeviceMemory::Block DeviceMemory::allocate_block(std::size_t bytes) const {
  const Functions& api = environment_.functions();
  void* block = nullptr;
  check(api, api.AllocatorAlloc(allocator_.get(), bytes, &block), kWhat);
  return {block, [this](void* freed) {
            if (forked()) return;
            const Functions& functions = environment_.functions();
            Status* const status = functions.AllocatorFree(allocator_.get(), freed);
            if (status != nullptr) functions.ReleaseStatus(status);  // Nobody could mend it.
          }};
}

void DeviceMemory::gather(DType dtype, void* from, bool on_device, std::vector<std::int64_t>& rows,
                          std::size_t width, void* to) const {
  const auto columns = static_cast<std::int64_t>(width);
  const auto kept = static_cast<std::int64_t>(rows.size());
  const BoundTensor inputs[] = {
      {"data", dtype, {rows.back() + 1, columns}, from, on_device},
      {"rows", DType::kInt64, {kept}, rows.data(), false},
  };
  const BoundTensor output{"kept", dtype, {kept, columns}, to, true};
  gathering(dtype).bind(inputs, {&output, 1}, {})->run();
}

}  // namespace eenet::ort
