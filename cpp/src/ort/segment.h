#pragma once

#include <memory>
#include <string>
#include <vector>

#include "eenet/segment.h"

#include "ort/environment.h"
#include "ort/session_setup.h"

namespace eenet::ort {

/// One ONNX Runtime session.
class OrtSegment : public Segment {
 public:
  /// @param setup Outlives the segment.
  OrtSegment(const Environment& environment, const SessionSetup& setup, std::string name,
             std::span<const std::byte> bytes);

  const std::vector<Port>& inputs() const noexcept override { return inputs_; }
  const std::vector<Port>& outputs() const noexcept override { return outputs_; }
  std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                std::span<const BoundTensor> outputs) const override;

  const Session* session() const noexcept { return session_.get(); }

 private:
  using GetCount = decltype(Functions::SessionGetInputCount);
  using GetType = decltype(Functions::SessionGetInputTypeInfo);
  using GetName = decltype(Functions::SessionGetInputName);

  std::vector<Port> read_ports(GetCount get_count, GetType get_type, GetName get_name) const;
  Port read_port(std::size_t index, GetType get_type, GetName get_name) const;

  const Environment& environment_;
  const SessionSetup& setup_;
  std::string name_;
  Handle<Session> session_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

/// Fixed inputs and outputs of a session.
class OrtBinding : public Binding {
 public:
  OrtBinding(const Environment& environment, const SessionSetup& setup, Session* session,
             const std::string& name);

  void bind_input(const BoundTensor& tensor);
  void bind_output(const BoundTensor& tensor);
  void run() override;

 private:
  struct Input {
    std::string name;
    const Value* value;
  };

  const Value* wrap(const BoundTensor& tensor);
  void bind_input(const Input& input);

  const Environment& environment_;
  const SessionSetup& setup_;
  Session* session_;
  const std::string& name_;
  std::vector<Input> copied_inputs_;  // To be bound anew before every run.
  std::vector<Handle<Value>> values_;
  Handle<IoBinding> binding_;
};

}  // namespace eenet::ort
