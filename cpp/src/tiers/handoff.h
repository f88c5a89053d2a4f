#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eenet/manifest.h"

#include "decision/exit_state.h"

namespace eenet {

/// How the numbers of a tensor travel; the values are those of the format.
enum class Transport : std::uint8_t {
  kFloat32 = 0,
  kInt64 = 1,
  kRounded = 2,  ///< A float32 tensor, as float16.
  kFloat16 = 3,
  kInt32 = 4,
  kUInt8 = 5,
};

/// How a tensor travels as it is.
Transport transport_of(DType dtype);

/// Of the tensor that travels so.
DType tensor_dtype(Transport transport);

/// Bytes of one number.
std::size_t transport_size(Transport transport);

/// A live tensor of one sample, without the batch axis.
struct HandoffTensor {
  std::string name;
  Transport transport = Transport::kFloat32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  ///< Borrowed, as it travels; need not be aligned.
};

/// A sample that no exit so far has accepted, on its way to whoever holds the next one; see
/// docs/handoff.md.
struct Handoff {
  std::string network;  ///< Id of the whole network's bundle.
  std::size_t next_exit = 0;
  std::size_t num_exits = 0;           ///< Of the network.
  std::string policy;                  ///< ExitPolicy::digest() of the policy; empty: full depth.
  std::vector<double> thresholds;      ///< Of every exit of the network; none at full depth.
  std::vector<float> scores;           ///< Of the exits passed, as emitted; 0 at full depth.
  std::vector<std::byte> readout;      ///< Of the exits passed, as Readout::save() wrote it.
  std::vector<HandoffTensor> tensors;  ///< In ascending order of their names.
};

/// What a sample takes along that no exit so far has accepted; its tensors are for the caller to
/// add.
/// @param next_exit That it goes on with.
/// @param policy That it is under; null: full depth.
/// @param state After the step of the exit before, which full depth does without.
/// @param outputs Of the exits passed, one after the other, where the readout carries any.
Handoff make_handoff(const Manifest& manifest, std::size_t next_exit, const ExitPolicy* policy,
                     const ExitState& state, std::span<const float> outputs);

/// Puts a sample where it was when it was handed on.
/// @param state Begun under the hand-off's policy.
/// @param outputs Takes those of the exits passed; may be empty.
/// @throws Error(kInput) if the readout cannot be where the hand-off says.
void restore(const Handoff& handoff, ExitState& state, std::span<float> outputs);

/// The bytes that travel. Equal samples give equal bytes.
/// @param handoff As decode_handoff() would return it.
std::vector<std::byte> encode_handoff(const Handoff& handoff);

/// Takes untrusted bytes apart and checks all that can be checked without a bundle.
/// @param bytes Borrowed by the result's tensors.
/// @throws Error(kInput) if they are damaged, of another version, or contradict themselves.
Handoff decode_handoff(std::span<const std::byte> bytes);

/// @throws Error(kInput) if it is of another network, Error(kConfiguration) if the bundle does not
///   hold its next exit.
void check_handoff(const Manifest& manifest, const Handoff& handoff);

/// @throws Error(kConfiguration) if the bundle does not begin with exit 0, so that no sample can
///   begin there.
void check_begins(const Manifest& manifest);

/// The numbers rounded to half precision.
/// @param name Of the tensor, for messages.
/// @throws Error(kInput) if a finite number is beyond what half precision holds.
std::vector<std::uint16_t> to_half(const std::string& name, std::span<const float> values);

/// Copies a tensor's numbers to where the network computes, in the tensor's dtype.
/// @param to Aligned for them, with room for all.
void unpack(const HandoffTensor& tensor, std::byte* to);

}  // namespace eenet
