#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "eenet/tensor.h"

#include "backends/segment.h"
#include "decision/readout.h"
#include "engine/model.h"
#include "inputs/inputs.h"
#include "tiers/handoff.h"

namespace eenet {

/// The tensors of the samples in flight, one row a sample, and the segments bound to them.
///
/// Owns memory for the largest batch so far. Not thread-safe.
class Blackboard {
 public:
  /// @param model Outlives it.
  /// @throws Error(kBackend) if the memory for one sample cannot be had or bound.
  explicit Blackboard(const Model& model);

  /// Takes the network's inputs in the manifest's order; copied.
  /// @return Number of samples.
  /// @throws Error(kInput) if an input's dtype, shape or values are wrong, Error(kBackend) if there
  ///   is no memory.
  std::size_t load(std::span<const TensorView> inputs, InputLayout layout);

  /// As load(), for one sample as large as samples may be, of zeros (ones where they are integers:
  /// an index or a mask that lets everything pass).
  void load_blank();

  /// Takes one sample as it was handed on before an exit.
  /// @throws Error(kInput) if its tensors are not those that are live there, Error(kConfiguration)
  ///   if they leave open how large a later one is.
  void load(const Handoff& handoff);

  /// The live tensors of a sample that goes on elsewhere after this exit. Valid until the next
  /// call.
  /// @param half Round float32 to half precision.
  /// @throws Error(kInput) if half precision does not hold one of them.
  std::vector<HandoffTensor> hand_on(std::size_t exit, std::size_t row, bool half);

  /// Computes the segment of an exit on the rows that are there.
  /// @throws Error(kBackend) with the library's own words, Error(kCancelled) after a cancel().
  void run_segment(std::size_t exit);

  /// Ends a run_segment() that is under way in another thread, and refuses those that come.
  void cancel() noexcept { stop_.request_stop(); }
  /// Makes all as it was before a cancel().
  void recover();

  /// What an exit puts out whose segment has just run. Valid until the next call.
  ExitOutput outputs(std::size_t exit, std::size_t row);
  /// The shapes of these tensors, in this call, without the batch axis.
  std::vector<std::vector<std::int64_t>> output_shapes(std::size_t exit) const;

  /// Drops all other rows of every tensor that a segment after this exit reads.
  /// @param rows Ascending.
  void keep(std::size_t exit, std::span<const std::size_t> rows);

 private:
  /// A segment on the buffers, and the sizes of the symbolic dimensions it is bound for.
  struct BoundSegment {
    std::vector<std::int64_t> symbol_values;
    std::unique_ptr<Binding> binding;
    std::vector<std::vector<std::int64_t>> shapes;  // Of what the exit puts out, a sample.
    std::vector<ExitTensor> outputs;                // Borrow the shapes.
  };

  void reserve(std::size_t samples);
  void reserve(std::size_t tensor, std::size_t bytes);
  void copy_input(std::size_t tensor, const TensorView& input);
  void take(std::size_t tensor, const HandoffTensor& arrived);
  void check_decided(std::size_t exit) const;
  void bind(std::size_t exit);
  /// Of an exit's segment among those that the bundle holds.
  std::size_t place(std::size_t exit) const { return exit - model_.manifest().first_exit(); }

  const Model& model_;
  std::stop_source stop_;                       // Of all bindings.
  std::vector<std::vector<std::size_t>> live_;  // Per segment: tensors that a later one reads.
  std::vector<bool> hidden_;                    // Per tensor: the host has no part in it.
  std::size_t capacity_ = 0;                    // Rows of the buffers.
  std::vector<std::int64_t> symbol_values_;     // Of what the buffers hold: batch is the rows left.
  std::vector<AlignedBuffer> buffers_;          // Per tensor that is in host memory.
  std::vector<std::unique_ptr<DeviceBuffer>> device_buffers_;  // Per tensor that is not.
  std::vector<BoundSegment> bound_;                 // Per segment; they point into buffers.
  std::vector<std::vector<std::uint16_t>> halves_;  // Per tensor of hand_on().
};

}  // namespace eenet
