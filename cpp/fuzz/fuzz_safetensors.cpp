// scheduler.safetensors as a file: its header and where its tensors lie.
#include "eenet/schedule.h"

#include "bundle/safetensors.h"
#include "bundle/schedule_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  std::vector<std::byte> file(size);
  if (size > 0) std::memcpy(file.data(), data, size);
  // Its first eight bytes say how long the header is: a length that fits gets further.
  if (std::uint64_t length = 0; size >= sizeof length) {
    std::memcpy(&length, file.data(), sizeof length);
    if (length > size - sizeof length) {
      const std::size_t end = fuzz::text_of(data, size).rfind('}');
      length = end == std::string_view::npos || end < 8 ? size - 8 : end + 1 - 8;
      std::memcpy(file.data(), &length, sizeof length);
    }
  }
  fuzz::refuse_or([&] { SafeTensors(file, "file", ErrorCode::kSchedule); });
  fuzz::refuse_or([&] { parse_schedules(file); });
  return 0;
}
