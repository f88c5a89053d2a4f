#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace eenet {

class ByteReader;
class ByteWriter;
class ExitPolicy;
struct BatchResult;

/// What an exit puts out for one sample, borrowed.
using ExitOutput = std::span<const float>;

/// What a network answers, seen from one sample: turns the outputs of exits 0..k into the answer of
/// exit k, and into the features that an ExitRule scores it by. One class a task; nothing else
/// knows what answers are. See docs/spec/decision-core.md.
///
/// Allocates in the constructor only. Not thread-safe.
class Readout {
 public:
  Readout() = default;
  Readout(const Readout&) = delete;
  Readout& operator=(const Readout&) = delete;
  virtual ~Readout() = default;

  /// F_k, the same for all samples.
  virtual std::size_t num_features(std::size_t exit) const noexcept = 0;

  /// Starts a sample.
  /// @param policy Says how exits are merged, and outlives the sample; null: full depth, where no
  ///   features but only the answer of the last exit is asked for.
  virtual void begin(const ExitPolicy* policy) noexcept = 0;

  /// Takes what exit k puts out; with a policy, for k = 0, 1, ... in order.
  /// @param output Not kept.
  /// @param features Room for F_k numbers; the answer may be read from there until the next call.
  /// @throws Error(kNonFinite) naming the exit if one of the numbers is NaN or infinite.
  virtual void read(std::size_t exit, ExitOutput output, std::span<float> features) = 0;

  /// Writes what another machine needs to go on after exits 0 .. passed - 1, in so many bytes for
  /// equal networks and policies.
  /// @param outputs Of these exits, one after the other.
  virtual void save(std::size_t passed, std::span<const float> outputs, ByteWriter& out) const = 0;

  /// Puts exits 0 .. passed - 1 where they were on another machine: the next read() does what it
  /// would have done there, to the bit.
  /// @param in What save() wrote there, untrusted.
  /// @param outputs Takes those of the exits passed; may be empty.
  /// @throws Error naming what is wrong with it.
  virtual void restore(std::size_t passed, ByteReader& in, std::span<float> outputs) = 0;

  /// The class that an exit so far answers; 0 where the task has no classes. Those before the last
  /// one with a policy only.
  virtual std::size_t label(std::size_t exit) const noexcept = 0;

  /// Writes the answer of the last read().
  virtual void put_answer(std::size_t sample, BatchResult& result) const = 0;
  /// Writes that the last exit answers this of an audited sample.
  virtual void put_audit(std::size_t sample, BatchResult& result) const = 0;

  /// What a feature is called in explanations.
  /// @param feature Below F_k.
  /// @param class_names The network's.
  virtual std::string feature_name(std::size_t feature,
                                   std::span<const std::string> class_names) const = 0;
};

}  // namespace eenet
