#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <locale>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/drift.h"
#include "eenet/error.h"
#include "eenet/tensor.h"

#include "core/device.h"
#include "core/dtype.h"
#include "support.h"
#include "util/denormals.h"
#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

TEST(AllFinite, FindsEveryKindAtEveryPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t size = 0; size < 40; ++size) {
    std::vector<float> values(size, std::numeric_limits<float>::max());
    EXPECT_TRUE(all_finite(values));
    for (std::size_t i = 0; i < size; ++i) {
      for (const float bad : {inf, -inf, nan, -nan}) {
        values[i] = bad;
        EXPECT_FALSE(all_finite(values));
      }
      values[i] = i % 2 == 0 ? std::numeric_limits<float>::lowest()
                             : std::numeric_limits<float>::denorm_min();
      EXPECT_TRUE(all_finite(values));
    }
  }
}

TEST(AllFinite, KnowsHalfPrecision) {
  EXPECT_TRUE(all_finite(std::span<const Float16>()));
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Float16 values[] = {{0x3C00}, {static_cast<std::uint16_t>(bits)}, {0xFBFF}};
    EXPECT_EQ(all_finite(values), std::isfinite(static_cast<float>(values[1]))) << bits;
  }
}

TEST(DTypes, HaveTheNamesAndSizesOfNumpy) {
  const std::vector<std::pair<DType, std::size_t>> sizes = {{DType::kFloat32, 4},
                                                            {DType::kInt64, 8},
                                                            {DType::kFloat16, 2},
                                                            {DType::kInt32, 4},
                                                            {DType::kUInt8, 1}};
  const std::vector<std::string> names = {"float32", "int64", "float16", "int32", "uint8"};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto& [dtype, size] = sizes[i];
    EXPECT_EQ(dtype_name(dtype), names[i]);
    EXPECT_EQ(dtype_size(dtype), size);
    EXPECT_EQ(find_dtype(names[i]), dtype);
  }
  EXPECT_EQ(find_dtype("bool"), std::nullopt);
}

TEST(QuoteName, MakesAnythingFitForALine) {
  EXPECT_EQ(quote_name("segment_0.onnx"), "'segment_0.onnx'");
  EXPECT_EQ(quote_name(std::string("a\0\n\x7f", 4)), "'a\\x00\\x0a\\x7f'");
  EXPECT_EQ(quote_name("\xc3\xa4"), "'\xc3\xa4'");
  EXPECT_EQ(quote_name(std::string(80, 'x')), cat("'", std::string(80, 'x'), "'"));
  const std::string x(40, 'x');
  EXPECT_EQ(quote_name(x + x), cat("'", x, x, "'"));
  EXPECT_EQ(quote_name(x + "z" + x), cat("'", x, "...", x, "'"));
  // A character of two bytes that the cut would split.
  const std::string short_by_one(39, 'x');
  EXPECT_EQ(quote_name(short_by_one + "\xc3\xa4" + x), cat("'", short_by_one, "...", x, "'"));
  EXPECT_EQ(quote_name(x + "\xc3\xa4" + short_by_one), cat("'", x, "...", short_by_one, "'"));
}

TEST(Shorten, CutsAndSaysSo) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("abcdefgh", 7), "abcd...");
  EXPECT_EQ(shorten("abc\xc3\xa4xyz", 7), "abc...");
  EXPECT_EQ(shorten(std::string(5, '\x80'), 4), "...");
}

TEST(Error, KeepsMessagesShort) {
  const std::string text = Error(ErrorCode::kBackend, std::string(20'000'000, 'x')).what();
  EXPECT_EQ(text.size(), 2000U);
  EXPECT_EQ(text.substr(1996), "x...");
  EXPECT_STREQ(Error(ErrorCode::kBackend, "short").what(), "short");
}

/// How numbers are written in many countries.
class Grouping : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(Text, DoesNotDependOnTheLocale) {
  const std::locale before = std::locale::global({std::locale(), new Grouping});
  const std::string written = cat("schedule.", 1000, ".thresholds ", 1234.5);
  const std::string joined = join(std::vector<double>{1000, 0.5});
  Alarm alarm;
  alarm.sample = 1000;
  const std::string text = alarm.text();
  std::locale::global(before);
  EXPECT_EQ(written, "schedule.1000.thresholds 1234.5");
  EXPECT_EQ(joined, "1000, 0.5");
  EXPECT_EQ(text,
            "drift after 1000 samples: schedule 0, exit 0: 0.0 % of the latest samples left, "
            "0.0 % to 100.0 % expected");
}

TEST(FlushDenormals, HoldsForItsScope) {
  volatile float tiny = 1e-40F;
  volatile float product = tiny * 1.0F;
  EXPECT_GT(product, 0);
  {
    const FlushDenormals flush;
    product = tiny * 1e10F;  // What is read counts as zero,
    EXPECT_EQ(product, 0);
    volatile float small = 1e-30F;
    product = small * 1e-10F;  // and what is written.
    EXPECT_EQ(product, 0);
  }
  product = tiny * 1.0F;
  EXPECT_GT(product, 0);
}

TEST(AlignedBuffer, StartsAtACacheLine) {
  for (const std::size_t bytes : {1U, 63U, 64U, 1000U}) {
    const AlignedBuffer buffer(bytes);
    EXPECT_EQ(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % AlignedBuffer::kAlignment, 0U);
  }
}

TEST(DeviceName, IsAlwaysTheSameAndNeverEmpty) {
  EXPECT_FALSE(device_name().empty());
  EXPECT_EQ(device_name(), device_name());
}

/// The name of a machine whose kernel says so much.
std::string name_of(const std::string& cpuinfo, const std::string& model) {
  const test::TemporaryFolder root;
  std::filesystem::create_directories(root.path() / "proc/device-tree");
  std::ofstream(root.path() / "proc/cpuinfo") << cpuinfo;
  // The device tree ends its strings with a zero.
  if (!model.empty()) {
    std::ofstream(root.path() / "proc/device-tree/model") << model << '\0';
  }
  return device_name(Accelerator::kNone, root.path());
}

TEST(DeviceName, OnArmIsTheBoards) {
  // As every Jetson with a kernel of NVIDIA's has it; others have no model name at all.
  const std::string jetson =
      "processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nBogoMIPS\t: 62.50\n"
      "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd42\n";
  const std::string orin = "NVIDIA Jetson AGX Orin Developer Kit";
  EXPECT_EQ(name_of(jetson, orin), orin);
  EXPECT_NE(name_of(jetson, "NVIDIA Jetson Orin Nano Developer Kit"), orin);
  const std::string raspberry = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n";
  EXPECT_EQ(name_of(raspberry, "Raspberry Pi 5 Model B Rev 1.0"), "Raspberry Pi 5 Model B Rev 1.0");
  EXPECT_EQ(name_of(raspberry, ""), "0x41 0xd0b");  // As servers, which have no device tree.
}

/// A machine by files of its own, for instance recorded ones.
class Machine {
 public:
  void record(const std::filesystem::path& path, const std::string& content) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    root_.write(path, content);
  }
  std::string name(Accelerator accelerator = Accelerator::kNone) const {
    return device_name(accelerator, root_.path());
  }

 private:
  test::TemporaryFolder root_;
};

TEST(DeviceName, HasThePowerModeOfAJetson) {
  Machine orin;
  orin.record("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n");
  const std::string board = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super";
  orin.record("proc/device-tree/model", board + '\0');
  EXPECT_EQ(orin.name(), board);
  orin.record("var/lib/nvpmodel/status", "pmode:0001");
  EXPECT_EQ(orin.name(), board + ", power mode 1");
  // As JetPack 6.2 has it; in JetPack 5 mode 1 of this board was 7W.
  orin.record("etc/nvpmodel.conf",
              "# FILE NAME: nvpmodel_p3767_0003_super.conf\n"
              "< PARAM TYPE=FILE NAME=CPU_ONLINE >\nCORE_0 /sys/devices/system/cpu/cpu0/online\n\n"
              "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n"
              "< POWER_MODEL ID=1 NAME=25W >\nCPU_ONLINE CORE_0 1\n"
              "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\nCPU_ONLINE CORE_0 1\n"
              "< PM_CONFIG DEFAULT=1 >\n");
  EXPECT_EQ(orin.name(), board + ", 25W");
  orin.record("var/lib/nvpmodel/status", "pmode:0002 fmode:quiet\n");
  EXPECT_EQ(orin.name(), board + ", MAXN_SUPER");
  EXPECT_EQ(orin.name(Accelerator::kNvidia), board + ", MAXN_SUPER");  // The board says its GPU.
  orin.record("var/lib/nvpmodel/status", "pmode:0012");
  EXPECT_EQ(orin.name(), board + ", power mode 12");
  for (const char* const other : {"", "pmode", "pmode:", "pmode:x", "fmode:0001"}) {
    orin.record("var/lib/nvpmodel/status", other);
    EXPECT_EQ(orin.name(), board) << other;
  }
}

TEST(DeviceName, HasTheGpusWhereOneComputes) {
  Machine server;
  server.record("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9334\n");
  EXPECT_EQ(server.name(Accelerator::kNvidia), "AMD EPYC 9334");
  const auto gpu = [&](const std::string& bus, const std::string& model) {
    server.record("proc/driver/nvidia/gpus/" + bus + "/information",
                  "Model: \t\t " + model + "\nIRQ:   \t\t 174\nGPU UUID: \t GPU-0123\n");
  };
  gpu("0000:c1:00.0", "NVIDIA H100 PCIe");
  gpu("0000:41:00.0", "NVIDIA H100 PCIe");
  EXPECT_EQ(server.name(), "AMD EPYC 9334");
  EXPECT_EQ(server.name(Accelerator::kNvidia), "AMD EPYC 9334, NVIDIA H100 PCIe");
  gpu("0000:81:00.0", "NVIDIA A2");
  server.record("proc/driver/nvidia/gpus/0000:01:00.0/registry", "Binary: \"\"\n");
  EXPECT_EQ(server.name(Accelerator::kNvidia), "AMD EPYC 9334, NVIDIA A2, NVIDIA H100 PCIe");
}

TEST(DeviceName, ElsewhereIsTheProcessors) {
  EXPECT_EQ(name_of("processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Processor\n", ""),
            "Intel(R) Xeon(R) Processor");
  EXPECT_EQ(name_of("processor\t: 0\nisa\t: rv64imafdc\n", "SiFive HiFive Unmatched A00"),
            "SiFive HiFive Unmatched A00");
  EXPECT_FALSE(name_of("", "").empty());
}

}  // namespace
}  // namespace eenet
