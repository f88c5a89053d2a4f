#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/export.h"
#include "eenet/tensor.h"

namespace EENET_API eenet {

/// A named dimension that the caller's input decides, and the largest value it may take.
struct Symbol {
  std::string name;
  std::int64_t max = 0;
};

/// One dimension: a number, or an index into Manifest::symbols.
struct Dim {
  std::int64_t size = 0;              ///< Meaningless if symbolic.
  std::optional<std::size_t> symbol;  ///< Index into Manifest::symbols.
};

/// A tensor on the blackboard. The first dimension is always the symbol `batch`.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<Dim> shape;
};

/// The part of the network between two exits. Numbers are indices into Manifest::tensors.
struct SegmentSpec {
  std::string onnx_file;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
  std::vector<std::size_t> exit;  ///< Those of the outputs that are the exit's, as its task reads.
};

/// A file of the bundle, as the manifest vouches for it.
struct FileSpec {
  std::string name;
  std::uint64_t size = 0;  ///< Bytes.
  std::string sha256;      ///< Lower-case hex.
};

/// What each exit costs. The key fields hold for measured profiles (`ms`) only.
struct Profile {
  std::string unit;                   ///< `ms`, `flops` or `params`.
  std::vector<double> costs;          ///< Per sample leaving at exit k; positive, non-decreasing.
  std::optional<double> static_cost;  ///< The network without early exits.
  std::string device;
  std::string provider;
  std::string precision;
  std::int64_t threads = 0;
  std::int64_t batch = 0;
};

/// Where a slice lies in its network.
struct SliceSpec {
  std::size_t first_exit = 0;               ///< The network's exit that the first segment leads to.
  std::vector<std::string> segment_hashes;  ///< Lower-case hex, of all segments of the network.
  std::vector<std::size_t> live;  ///< Tensors that exits after the slice read; by ascending index.
};

/// manifest.json, checked: every index is in range, every name is known, every size is bounded.
struct Manifest {
  std::string id;
  std::optional<std::string> parent;  ///< Id of the whole network's bundle, of a slice only.
  std::optional<SliceSpec> slice;     ///< None: the bundle holds the whole network.
  std::string model;
  std::string task;
  std::string precision;  ///< What segments compute in, as `float32`: part of a profile's key.
  std::vector<std::string> class_names;   ///< C, of classification; else empty.
  std::vector<std::string> target_names;  ///< D, of regression: what the values are of; else empty.
  /// Of regression: the size of an error by which an answer is worth nothing. Else 0.
  double error_scale = 0;
  std::string preprocessing;  ///< A JSON object, for the caller; the runtime does not read it.
  std::vector<Symbol> symbols;
  std::size_t batch_symbol = 0;  ///< Index into symbols.
  std::vector<TensorSpec> tensors;
  std::vector<std::size_t> inputs;       ///< Indices into tensors.
  std::vector<SegmentSpec> segments;     ///< Of exits first_exit() .. end_exit() - 1.
  std::vector<std::int64_t> parameters;  ///< Up to and including each exit of the network.
  std::vector<Profile> profiles;
  std::vector<FileSpec> files;

  /// Of the whole network, as every exit number is.
  std::size_t num_exits() const noexcept {
    return slice ? slice->segment_hashes.size() : segments.size();
  }
  std::size_t first_exit() const noexcept { return slice ? slice->first_exit : 0; }
  std::size_t end_exit() const noexcept { return first_exit() + segments.size(); }
  /// Whether samples may leave the bundle without an answer: it does not hold the last exit.
  bool hands_on() const noexcept { return end_exit() < num_exits(); }
  /// The segment that leads to an exit of the network, which the bundle must hold.
  const SegmentSpec& segment(std::size_t exit) const { return segments[exit - first_exit()]; }
  /// Id of the whole network's bundle.
  const std::string& network() const noexcept { return parent ? *parent : id; }
  std::size_t num_classes() const noexcept { return class_names.size(); }
  /// @return Null if the bundle has no such file.
  const FileSpec* find_file(std::string_view name) const;
};

}  // namespace eenet
