#include <cstdint>

namespace {

struct ApiBase {
  const void* (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};

const ApiBase kBase = {[](std::uint32_t) -> const void* { return nullptr; },
                       []() -> const char* { return "1.18.1"; }};

}  // namespace

extern "C" __attribute__((visibility("default"))) const ApiBase* OrtGetApiBase() {
  return &kBase;
}
