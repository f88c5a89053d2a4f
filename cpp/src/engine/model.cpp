#include "engine/model.h"

#include <algorithm>
#include <utility>

#include "eenet/error.h"
#include "eenet/options.h"

#include "budget/profile_key.h"
#include "bundle/bundle.h"
#include "bundle/costs.h"
#include "bundle/format.h"
#include "bundle/schedule_file.h"
#include "core/device.h"
#include "decision/exit_policy.h"
#include "decision/readout/task.h"
#include "engine/load_watch.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

std::string describe(const Port& port) {
  return cat(port.dtype, " [", join(port.shape), "]");
}

bool agrees(const Port& port, const TensorSpec& spec) {
  if (port.dtype != dtype_name(spec.dtype) || port.shape.size() != spec.shape.size()) return false;
  for (std::size_t i = 0; i < port.shape.size(); ++i) {
    // Engines need not have inferred an inner size; a named dimension must stay free.
    const std::int64_t size = port.shape[i];
    const Dim& dim = spec.shape[i];
    if (dim.symbol ? size >= 0 : size >= 0 && size != dim.size) return false;
  }
  return true;
}

std::string describe(const Manifest& manifest, const TensorSpec& spec) {
  std::vector<std::string> dims;
  for (const Dim& dim : spec.shape) {
    dims.push_back(dim.symbol ? manifest.symbols[*dim.symbol].name : cat(dim.size));
  }
  return cat(dtype_name(spec.dtype), " [", join(dims), "]");
}

/// Refuses an engine whose inputs or outputs are not those that the manifest promises.
void check_ports(const Manifest& manifest, const std::string& file, const char* kind,
                 const std::vector<Port>& ports, const std::vector<std::size_t>& tensors) {
  if (ports.size() != tensors.size()) {
    throw Error(ErrorCode::kBundle, cat(file, ": ", ports.size(), " ", kind, "s came, ",
                                        tensors.size(), " expected by the manifest"));
  }
  for (const std::size_t index : tensors) {
    const TensorSpec& spec = manifest.tensors[index];
    const auto port = std::find_if(ports.begin(), ports.end(),
                                   [&spec](const Port& each) { return each.name == spec.name; });
    if (port == ports.end()) {
      throw Error(ErrorCode::kBundle, cat(file, ": it has no ", kind, " ", quote_name(spec.name),
                                          ", as the manifest promises"));
    }
    if (!agrees(*port, spec)) {
      throw Error(ErrorCode::kBundle,
                  cat(file, ": ", kind, " ", quote_name(spec.name), ": ", describe(*port),
                      " came, ", describe(manifest, spec), " expected by the manifest"));
    }
  }
}

std::unique_ptr<Segment> open_segment(const Bundle& bundle, const Backend& backend,
                                      const SegmentSpec& spec, const std::stop_token& stop) {
  const Manifest& manifest = bundle.manifest();
  const std::string& file = backend.file_of(spec);
  const std::int64_t most = manifest.symbols[manifest.batch_symbol].max;
  const OpenOptions options{.batch = {.most = most}, .stop = stop};
  std::unique_ptr<Segment> segment = backend.open(file, bundle.read(file), options);
  check_ports(manifest, file, "input", segment->inputs(), spec.inputs);
  check_ports(manifest, file, "output", segment->outputs(), spec.outputs);
  return segment;
}

ScheduleFile load_schedules(const Bundle& bundle) {
  const Manifest& manifest = bundle.manifest();
  if (manifest.find_file(format::kSchedules) == nullptr) return {};
  ScheduleFile file = parse_schedules(bundle.read(format::kSchedules));
  if (file.network != manifest.network()) {
    throw Error(ErrorCode::kSchedule,
                cat(format::kSchedules, ": schedules of network ", quote_name(file.network),
                    " came, of ", quote_name(manifest.network()), " expected"));
  }
  if (const auto spec = find_task(manifest.task)->feature_spec; file.feature_spec != spec) {
    throw Error(ErrorCode::kSchedule, cat(format::kSchedules, ": feature_spec: ", file.feature_spec,
                                          " came, ", spec, " expected, of ", manifest.task));
  }
  const std::unique_ptr<Readout> readout = make_readout(manifest);
  const std::vector<std::size_t> expected = count_features(*readout, file.num_features);
  if (file.num_features != expected) {
    throw Error(ErrorCode::kSchedule,
                cat(format::kSchedules, ": num_features: [", join(file.num_features), "] came, [",
                    join(expected), "] expected"));
  }
  const auto combines = [](const auto& each) { return each->exit_policy->combiner() != nullptr; };
  if (!readout->combines() && std::ranges::any_of(file.schedules, combines)) {
    throw Error(ErrorCode::kSchedule,
                cat(format::kSchedules, ": a combiner came, none expected of ", manifest.task));
  }
  return file;
}

std::optional<Profile> measured_profile(const Manifest& manifest, const Backend& backend,
                                        const LoadOptions& options) {
  const ProfileKey key{device_name(backend.accelerator()), backend.provider(), manifest.precision,
                       options.threads, 1};
  if (!options.cost_profile) {
    const Profile* found = find_profile(manifest.profiles, key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  check_costs(*options.cost_profile, manifest.num_exits(), ErrorCode::kInput, "cost_profile");
  return Profile{"ms",         *options.cost_profile, std::nullopt, key.device,
                 key.provider, key.precision,         key.threads,  key.batch};
}

}  // namespace

Model::Model(Manifest manifest, std::shared_ptr<const Backend> backend, ScheduleFile schedules,
             const LoadOptions& options)
    : manifest_(std::move(manifest)),
      backend_(std::move(backend)),
      threads_(options.threads),
      budgets_(std::move(schedules.schedules), measured_profile(manifest_, *backend_, options),
               manifest_.profiles),
      active_(schedules.active) {
  if (options.cost_profile && budgets_.unit() != "ms") {
    throw Error(ErrorCode::kInput, cat("cost_profile: costs in ms came, but the bundle's schedules "
                                       "are in ",
                                       budgets_.unit()));
  }
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path,
                                         const LoadOptions& options,
                                         std::shared_ptr<const Backend> backend) {
  return in_context(cat("bundle ", quote_name(path.native())), [&] {
    LoadWatch watch(options);
    return load(path, options, std::move(backend), watch);
  });
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path,
                                         const LoadOptions& options,
                                         std::shared_ptr<const Backend> backend, LoadWatch& watch) {
  const auto read = [&](const Bundle& bundle) {
    const Manifest& manifest = bundle.manifest();
    check_memory(manifest, options);
    // The constructor is private, which make_shared cannot call.
    const std::shared_ptr<Model> model(
        new Model(manifest, backend, load_schedules(bundle), options));
    std::vector<std::string> seen = {format::kSchedules};
    for (const SegmentSpec& spec : manifest.segments) {
      model->segments_.push_back(
          watch.run([&] { return open_segment(bundle, *backend, spec, watch.token()); }));
      seen.push_back(backend->file_of(spec));
    }
    for (const FileSpec& file : manifest.files) {
      if (std::find(seen.begin(), seen.end(), file.name) == seen.end()) bundle.verify(file.name);
    }
    return std::shared_ptr<const Model>(model);
  };
  return with_bundle(path, read);
}

}  // namespace eenet
