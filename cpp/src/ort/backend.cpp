#include "eenet/backend.h"

#include "eenet/error.h"

#include "ort/environment.h"
#include "ort/segment.h"
#include "util/text.h"

namespace eenet {
namespace {

class OrtBackend : public Backend {
 public:
  explicit OrtBackend(const ort::Environment& environment) : environment_(environment) {}

  std::string provider() const override { return "cpu"; }
  std::string version() const override { return cat("onnxruntime ", environment_.version()); }

  std::unique_ptr<Segment> open(const std::string& name,
                                std::span<const std::byte> bytes) const override {
    return std::make_unique<ort::OrtSegment>(environment_, name, bytes);
  }

 private:
  const ort::Environment& environment_;
};

}  // namespace

std::shared_ptr<const Backend> open_onnxruntime(const OnnxRuntimeOptions& options) {
  constexpr int kMostThreads = 1024;
  if (options.threads < 1 || options.threads > kMostThreads) {
    throw Error(ErrorCode::kConfiguration,
                cat("threads: ", options.threads, " came, 1 to ", kMostThreads, " expected"));
  }
  return std::make_shared<const OrtBackend>(ort::Environment::get(options));
}

}  // namespace eenet
