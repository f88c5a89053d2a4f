#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "backends/ort/environment.h"
#include "backends/ort/process.h"
#include "backends/ort/session_setup.h"
#include "backends/segment.h"

namespace eenet::ort {

/// One ONNX Runtime session.
class OrtSegment : public Segment {
 public:
  /// @param setup Outlives the segment.
  OrtSegment(const Environment& environment, const SessionSetup& setup, std::string name,
             std::span<const std::byte> bytes, const std::stop_token& stop);

  const std::vector<Port>& inputs() const noexcept override { return inputs_; }
  const std::vector<Port>& outputs() const noexcept override { return outputs_; }
  std::unique_ptr<Binding> bind(std::span<const BoundTensor> inputs,
                                std::span<const BoundTensor> outputs,
                                const std::stop_token& stop) const override;

  const Session* session() const noexcept { return session_.get(); }

 private:
  using GetCount = decltype(Functions::SessionGetInputCount);
  using GetType = decltype(Functions::SessionGetInputTypeInfo);
  using GetName = decltype(Functions::SessionGetInputName);

  Handle<Session> open(std::span<const std::byte> bytes, const std::stop_token& stop) const;
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
             const std::string& name, const std::stop_token& stop);

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
  void terminate() const noexcept;

  const Environment& environment_;
  const SessionSetup& setup_;
  Session* session_;
  const std::string& name_;
  std::vector<Input> copied_inputs_;  // To be bound anew before every run.
  std::vector<Handle<Value>> values_;
  Handle<IoBinding> binding_;
  Handle<RunOptions> run_options_;  // Its own, for they have the flag that ends a run.
  Activity activity_;
  std::stop_token stop_;
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace eenet::ort
