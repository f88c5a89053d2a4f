#include "arguments.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "eenet/error.h"

#include "util/context.h"
#include "util/text.h"

namespace eenet::tools {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::kInput, message);
}

template <typename Number>
Number parse_number(const std::string& option, std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || last != end) {
    refuse(cat(option, ": ", quote_name(text), " came, a number expected"));
  }
  return number;
}

InputFile parse_input(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos) return {std::nullopt, word};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

bool set_flag(Arguments& arguments, const std::string& option) {
  const std::pair<const char*, bool Arguments::*> flags[] = {
      {"--full-depth", &Arguments::full_depth},
      {"--help", &Arguments::help},
      {"-h", &Arguments::help},
      {"--json", &Arguments::json},
      {"--outputs", &Arguments::outputs},
      {"--version", &Arguments::version}};
  for (const auto& [name, flag] : flags) {
    if (option != name) continue;
    arguments.*flag = true;
    return true;
  }
  return false;
}

void set_option(Arguments& arguments, const std::string& option, const std::string& value) {
  if (option == "--budget") {
    arguments.budget = in_context(option, [&] { return Budget::parse(value); });
  } else if (option == "--threads") {
    arguments.threads = parse_number<int>(option, value);
  } else {
    arguments.onnxruntime = value;
  }
}

bool takes_value(const std::string& option) {
  return option == "--budget" || option == "--threads" || option == "--ort-lib";
}

}  // namespace

const char* const kHelp =
    R"(usage: eenet-run BUNDLE INPUT [INPUT ...] [options]

Answers what is in .npy files: one sample, or a batch, of which each sample leaves at its own exit.

  BUNDLE          the folder NAME.eenet
  INPUT           FILE.npy, or NAME=FILE.npy where the network has several inputs: preprocessed,
                  of the dtype that the bundle says, with or without a batch axis

  --budget B      mean cost per sample, a share of full cost, as 65%, or a number in the unit of the
                  bundle's schedules; without it the schedule that the bundle names is in force
  --full-depth    no early exits
  --threads N     threads that compute one sample; 1 by default
  --ort-lib PATH  the ONNX Runtime library; by default that of EENET_ORT_LIB, else libonnxruntime.so,
                  where the system looks for libraries
  --json          print one JSON object
  --outputs       with --json: what the exits passed put out, too
  --version       print the version
  -h, --help      print this

Exit status: 0, or 2 and one line on stderr if something is wrong with what was asked for.
)";

Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  std::vector<std::string> places;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string option = words[i].substr(0, equals);
    if (!words[i].starts_with('-')) {
      places.push_back(words[i]);
    } else if (takes_value(option)) {
      if (equals == std::string::npos && i + 1 == words.size())
        refuse(option + ": a value expected");
      set_option(arguments, option,
                 equals == std::string::npos ? words[++i] : words[i].substr(equals + 1));
    } else if (!set_flag(arguments, words[i])) {
      refuse(
          cat("option ", quote_name(words[i]), " is not known; eenet-run --help says which are"));
    }
  }
  if (arguments.help || arguments.version) return arguments;
  if (places.size() < 2) refuse("a bundle and an input expected; eenet-run --help says more");
  if (arguments.outputs && !arguments.json) refuse("--outputs: needs --json");
  if (arguments.full_depth && arguments.budget) {
    refuse("--full-depth: came with --budget, one of them expected");
  }
  arguments.bundle = places.front();
  for (std::size_t i = 1; i < places.size(); ++i) {
    arguments.inputs.push_back(parse_input(places[i]));
  }
  return arguments;
}

}  // namespace eenet::tools
