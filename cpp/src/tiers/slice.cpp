#include "tiers/slice.h"

#include <algorithm>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "eenet/error.h"
#include "eenet/manifest.h"

#include "bundle/bundle.h"
#include "bundle/format.h"
#include "bundle/manifest_text.h"
#include "util/context.h"
#include "util/json.h"
#include "util/replacement.h"
#include "util/text.h"

namespace eenet {
namespace {

using Json = nlohmann::ordered_json;  // Keys stay where the writer put them.

void check_range(const Manifest& manifest, std::size_t begin, std::size_t end) {
  if (begin < manifest.first_exit() || end > manifest.end_exit() || begin >= end) {
    throw Error(ErrorCode::kInput,
                cat("exits: ", begin, ":", end, " came, the bundle holds ", manifest.first_exit(),
                    ":", manifest.end_exit(), ", exits ", manifest.first_exit(), " to ",
                    manifest.end_exit() - 1, ": a part of that expected, the end not included"));
  }
  if (end - begin == manifest.num_exits()) {
    throw Error(ErrorCode::kInput, cat("exits: ", begin, ":", end,
                                       " came, which is the whole network: a part of it "
                                       "expected"));
  }
}

/// Names of the files that segments are in, whatever engine they are for.
std::set<std::string> segment_files(const Json& segments) {
  std::set<std::string> names;
  for (const Json& segment : segments) {
    for (const Json& file : segment.at("files")) {
      if (file.is_string()) names.insert(file.get<std::string>());
    }
  }
  return names;
}

/// Keeps the members of an object that a function wants.
template <typename Wanted>
void filter(Json& object, Wanted&& wanted) {
  Json kept = Json::object();
  for (const auto& [name, member] : object.items()) {
    if (wanted(name)) kept[name] = member;
  }
  object = std::move(kept);
}

/// The manifest of a slice.
class Cut {
 public:
  /// @param document What `manifest` was parsed from.
  Cut(const Json& document, const Manifest& manifest, std::size_t begin, std::size_t end)
      : manifest_(manifest), out_(document) {
    const auto at = [&](std::size_t exit) {
      return out_["segments"].begin() + static_cast<std::ptrdiff_t>(exit - manifest.first_exit());
    };
    const std::set<std::string> before = segment_files(out_["segments"]);
    out_["segments"] = Json(std::vector<Json>(at(begin), at(end)));
    if (begin > manifest.first_exit()) out_["inputs"] = names(live_tensors(manifest, begin));
    out_["parent"] = manifest.network();
    out_["slice"] = {{"first_exit", begin},
                     {"segments", segment_hashes(manifest)},
                     {"live", names(live_tensors(manifest, end))}};
    keep_tensors();
    keep_files(before);
    std::vector<std::string> own;
    for (std::size_t k = begin; k < end; ++k) own.push_back(segment_hashes(manifest)[k]);
    out_["id"] = network_id(own);
  }

  std::string text() const { return out_.dump(1) + '\n'; }

 private:
  std::vector<std::string> names(const std::vector<std::size_t>& tensors) const {
    std::vector<std::string> out;
    for (const std::size_t tensor : tensors) out.push_back(manifest_.tensors[tensor].name);
    return out;
  }

  void keep_tensors() {
    std::set<std::string> used;
    const auto use = [&used](const Json& list) { used.insert(list.begin(), list.end()); };
    use(out_["inputs"]);
    for (const Json& segment : out_["segments"]) {
      use(segment.at("inputs"));
      use(segment.at("outputs"));
    }
    filter(out_["tensors"], [&used](const std::string& name) { return used.contains(name); });
  }

  void keep_files(const std::set<std::string>& before) {
    const std::set<std::string> now = segment_files(out_["segments"]);
    filter(out_["files"], [&](const std::string& name) {
      return name != format::kCalibration && (now.contains(name) || !before.contains(name));
    });
  }

  const Manifest& manifest_;
  Json out_;
};

/// A bundle's folder is its own.
void refuse_bundles_around(const std::filesystem::path& out) {
  std::error_code unknown;
  std::filesystem::path folder = std::filesystem::weakly_canonical(out, unknown);
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    if (!std::filesystem::exists(folder / format::kManifest, unknown)) continue;
    try {
      Bundle::open(folder);
    } catch (const Error&) {
      continue;  // Somebody else's manifest.
    }
    throw Error(ErrorCode::kInput,
                cat("out: ", quote_name(out.native()), " lies inside the bundle ",
                    quote_name(folder.native()), ", a path outside it expected"));
  }
}

}  // namespace

void slice_bundle(const std::filesystem::path& path, std::size_t begin, std::size_t end,
                  const std::filesystem::path& out) {
  std::error_code unknown;  // Left to whoever writes there.
  if (std::filesystem::exists(std::filesystem::symlink_status(out, unknown))) {
    throw Error(ErrorCode::kInput,
                cat("out: ", quote_name(out.native()), " is there, a new name expected"));
  }
  refuse_bundles_around(out);
  const auto write = [&](const Bundle& bundle) {
    const Manifest& manifest = bundle.manifest();
    check_range(manifest, begin, end);
    const Json document =
        parse_ordered_json(bundle.manifest_text(), format::kManifest, ErrorCode::kBundle);
    const std::string text = Cut(document, manifest, begin, end).text();
    const Manifest slice = parse_manifest(text);
    // A hand-off that nobody could go on from is of no use: the rest must be a bundle, too.
    if (end < manifest.end_exit()) {
      parse_manifest(Cut(document, manifest, end, manifest.end_exit()).text());
    }
    Replacement folder(out, Replacement::Kind::kFolder, ErrorCode::kBundle);
    for (const FileSpec& file : slice.files) folder.add(file.name, bundle.read(file.name));
    folder.add(format::kManifest, std::as_bytes(std::span(text)));
    folder.publish();
  };
  in_context(cat("bundle ", quote_name(path.native())), [&] { with_bundle(path, write); });
}

}  // namespace eenet
