#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

// What docs/spec/format.md fixes of a bundle: its version, names of files, and limits of what they
// may hold.
namespace eenet::format {

inline constexpr std::int64_t kVersion = 1;

inline constexpr const char* kManifest = "manifest.json";
inline constexpr const char* kSchedules = "scheduler.safetensors";
inline constexpr const char* kCalibration = "calibration.safetensors";

inline constexpr std::uint64_t kLargestManifest = 16U << 20U;  // Bytes.

inline constexpr std::size_t kMostExits = 64;
inline constexpr std::size_t kMostClasses = 65'536;
inline constexpr std::size_t kMostTensors = 4096;
inline constexpr std::size_t kMostDims = 8;
inline constexpr std::size_t kMostSymbols = 256;
inline constexpr std::size_t kMostProfiles = 4096;
inline constexpr std::size_t kMostFiles = 4096;
inline constexpr std::size_t kMostSchedules = 65'536;
inline constexpr std::size_t kMostBins = 64;
inline constexpr std::size_t kMostMarks = 1024;
inline constexpr std::int64_t kMostElements = std::numeric_limits<std::int32_t>::max();

}  // namespace eenet::format
