#include <filesystem>
#include <map>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "bundle/bundle.h"
#include "support.h"

namespace eenet {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::TemporaryFolder;

const std::map<std::string, std::string> kFiles = {
    {"segment_0.onnx", "zero"}, {"segment_1.onnx", "one"}, {"calibration.safetensors", "data"}};

class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    for (const auto& [name, content] : kFiles) folder_.write(name, content);
    folder_.write("manifest.json", test::make_manifest(kFiles).dump());
  }

  fs::path file(const std::string& name) const { return folder_.path() / name; }

  void expect_unreadable(const std::string& name, const std::vector<std::string>& message) const {
    const Bundle bundle = Bundle::open(folder_.path());
    expect_error(ErrorCode::kBundle, message, [&] { bundle.read(name); });
    expect_error(ErrorCode::kBundle, message, [&] { bundle.verify(name); });
  }

  TemporaryFolder folder_;
};

TEST_F(BundleTest, ReadsWhatTheManifestVouchesFor) {
  const Bundle bundle = Bundle::open(folder_.path());
  EXPECT_EQ(bundle.manifest().model, "tiny");
  const std::vector<std::byte> bytes = bundle.read("segment_0.onnx");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "zero");
  bundle.verify("calibration.safetensors");
}

TEST_F(BundleTest, StaysWithTheFolderThatWasChecked) {
  const Bundle bundle = Bundle::open(folder_.path());
  const fs::path elsewhere = folder_.path().string() + "-moved";
  fs::rename(folder_.path(), elsewhere);
  EXPECT_EQ(bundle.read("segment_1.onnx").size(), 3U);
  fs::rename(elsewhere, folder_.path());
}

TEST_F(BundleTest, RefusesAlteredFiles) {
  folder_.write("segment_0.onnx", "zer0");
  expect_unreadable("segment_0.onnx", {"segment_0.onnx", "SHA-256", "altered"});
  folder_.write("segment_0.onnx", "zer");
  expect_unreadable("segment_0.onnx", {"segment_0.onnx", "3 bytes came", "4 expected"});
  folder_.write("segment_0.onnx", "zero!");
  expect_unreadable("segment_0.onnx", {"5 bytes came", "4 expected"});
}

TEST_F(BundleTest, RefusesWhatIsNotARegularFile) {
  const fs::path path = file("segment_0.onnx");
  fs::remove(path);
  expect_unreadable("segment_0.onnx", {"segment_0.onnx", "No such file"});
  // A link is refused even to the very content.
  folder_.write("copy", "zero");
  fs::create_symlink("copy", path);
  expect_unreadable("segment_0.onnx", {"segment_0.onnx", "a link came"});
  fs::remove(path);
  fs::create_symlink("/dev/zero", path);
  expect_unreadable("segment_0.onnx", {"a link came"});
  fs::remove(path);
  fs::create_directory(path);
  expect_unreadable("segment_0.onnx", {"not a regular file"});
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_unreadable("segment_0.onnx", {"not a regular file"});
}

TEST_F(BundleTest, RefusesFilesThatTheManifestDoesNotName) {
  folder_.write("extra", "x");
  expect_unreadable("extra", {"'extra'", "missing"});
  expect_unreadable("manifest.json", {"'manifest.json'", "missing"});
}

TEST_F(BundleTest, RefusesBadManifestFiles) {
  const auto refuse = [&](const std::vector<std::string>& message) {
    expect_error(ErrorCode::kBundle, message, [&] { Bundle::open(folder_.path()); });
  };
  fs::rename(file("manifest.json"), file("elsewhere.json"));
  refuse({"manifest.json", "No such file"});
  fs::create_symlink("elsewhere.json", file("manifest.json"));
  refuse({"manifest.json", "a link came"});
  fs::remove(file("manifest.json"));
  folder_.write("manifest.json", std::string((16U << 20U) + 1, ' '));
  refuse({"manifest.json", "at most 16777216"});
  folder_.write("manifest.json", "{}");
  refuse({"manifest.json", "format_version"});
}

TEST_F(BundleTest, RefusesWhatIsNotAFolder) {
  expect_error(ErrorCode::kBundle, {"folder"}, [&] { Bundle::open(file("segment_0.onnx")); });
  expect_error(ErrorCode::kBundle, {"folder"}, [&] { Bundle::open(file("nothing")); });
}

TEST_F(BundleTest, FolderItselfMayBeALink) {
  const fs::path link = folder_.path().string() + "-link";
  fs::create_directory_symlink(folder_.path(), link);
  EXPECT_EQ(Bundle::open(link).manifest().model, "tiny");
  fs::remove(link);
}

}  // namespace
}  // namespace eenet
