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

}  // namespace

class DeviceMemory::Buffer : public DeviceBuffer {
 public:
  Buffer(const DeviceMemory& memory, std::size_t bytes)
      : memory_(memory), bytes_(bytes), block_(memory.allocate_block(bytes)) {}

  void* data() const noexcept override { return block_.get(); }

  void write(std::span<const std::byte> bytes) override {
    std::vector<std::int64_t> all = {0};
    // Only read: a binding takes inputs and outputs alike.
    void* const from = const_cast<std::byte*>(bytes.data());
    memory_.gather(from, false, all, bytes.size() / sizeof(float), block_.get());
  }

  void keep_rows(std::span<const std::size_t> rows, std::size_t row_bytes) override {
    if (rows.empty()) return;
    // There and back again: what gathers must not write over what it reads, and the address stays.
    if (!spare_) spare_ = memory_.allocate_block(bytes_);
    const std::size_t width =
        row_bytes / sizeof(float);  // Of any type: rows are copied as they are.
    std::vector<std::int64_t> indices(rows.begin(), rows.end());
    memory_.gather(block_.get(), true, indices, width, spare_.get());
    std::iota(indices.begin(), indices.end(), std::int64_t{0});
    memory_.gather(spare_.get(), true, indices, width, block_.get());
  }

 private:
  const DeviceMemory& memory_;
  std::size_t bytes_;
  Block block_;
  Block spare_;  // From the first time that rows are dropped.
};

DeviceMemory::DeviceMemory(const Environment& environment, SessionSetup setup)
    : environment_(environment),
      setup_(std::move(setup)),
      gather_(environment, setup_, "gathering of rows", make_gather_model(), {}),
      allocator_(make(environment.functions(), environment.functions().ReleaseAllocator, kWhat,
                      environment.functions().CreateAllocator,
                      static_cast<const Session*>(gather_.session()),
                      static_cast<const MemoryInfo*>(setup_.device_memory.get()))) {}

std::unique_ptr<DeviceBuffer> DeviceMemory::allocate(std::size_t bytes) const {
  return std::make_unique<Buffer>(*this, bytes);
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

void DeviceMemory::gather(void* from, bool on_device, std::vector<std::int64_t>& rows,
                          std::size_t width, void* to) const {
  const auto columns = static_cast<std::int64_t>(width);
  const auto kept = static_cast<std::int64_t>(rows.size());
  const BoundTensor inputs[] = {
      {"data", DType::kFloat32, {rows.back() + 1, columns}, from, on_device},
      {"rows", DType::kInt64, {kept}, rows.data(), false},
  };
  const BoundTensor output{"kept", DType::kFloat32, {kept, columns}, to, true};
  gather_.bind(inputs, {&output, 1}, {})->run();
}

}  // namespace eenet::ort
