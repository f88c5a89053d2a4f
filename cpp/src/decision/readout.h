#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace eenet {

class ByteReader;
class ByteWriter;
class ExitPolicy;
struct Answers;

/// A tensor that an exit puts out, of one sample: float32, without the batch axis. Borrowed.
struct ExitTensor {
  std::span<const float> values;
  std::span<const std::int64_t> shape;
};

/// What an exit puts out for one sample, in the manifest's order; borrowed.
using ExitOutput = std::span<const ExitTensor>;

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

  /// K.
  virtual std::size_t num_exits() const noexcept = 0;
  /// F_k, the same for all samples; 0 for an exit that a slice does not hold, where only that would
  /// say it.
  virtual std::size_t num_features(std::size_t exit) const noexcept = 0;

  /// Whether a policy's Combiner says how exits are merged. Else there may be none.
  virtual bool combines() const noexcept = 0;

  /// Starts a sample.
  /// @param policy Says how exits are merged, and outlives the sample; null: full depth, where no
  ///   features but only the answer of the last exit is asked for.
  virtual void begin(const ExitPolicy* policy) noexcept = 0;

  /// Takes what exit k puts out; with a policy, for k = 0, 1, ... in order.
  /// @param output Not kept.
  /// @param features Room for F_k numbers; the answer may be read from there until the next call.
  /// @throws Error(kNonFinite) naming the exit if one of the numbers is NaN or infinite.
  virtual void read(std::size_t exit, ExitOutput output, std::span<float> features) = 0;

  /// How many numbers that the exit puts out travel with a sample that is handed on.
  virtual std::size_t num_carried(std::size_t exit) const noexcept = 0;

  /// Writes what another machine needs to go on after exits 0 .. passed - 1, in so many bytes for
  /// equal networks and policies.
  /// @param outputs Of these exits, one after the other, where any are carried.
  virtual void save(std::size_t passed, std::span<const float> outputs, ByteWriter& out) const = 0;

  /// Puts exits 0 .. passed - 1 where they were on another machine: the next read() does what it
  /// would have done there, to the bit.
  /// @param in What save() wrote there, untrusted.
  /// @param outputs Takes those of the exits passed, where any are carried; may be empty.
  /// @throws Error naming what is wrong with it.
  virtual void restore(std::size_t passed, ByteReader& in, std::span<float> outputs) = 0;

  enum class Detail {
    kAll,
    kAnswer,  ///< Not how likely it and others are.
  };
  /// Room for the answers of samples of this task.
  virtual Answers make_answers(std::size_t samples, Detail detail) const = 0;
  /// Writes the answer of the last read().
  /// @param answers As make_answers() makes them.
  virtual void put_answer(std::size_t sample, Answers& answers) const = 0;
  /// Whether the last read() answers as a sample was answered.
  virtual bool agrees(std::size_t sample, const Answers& answers) const = 0;

  /// What a feature is called in explanations.
  /// @param feature Below F_k.
  /// @param class_names The network's.
  virtual std::string feature_name(std::size_t exit, std::size_t feature,
                                   std::span<const std::string> class_names) const = 0;
};

}  // namespace eenet
