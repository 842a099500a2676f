// Any bytes as questions to `iris hpa`: whatever they are, each answer is one line of JSON, and a
// question after them is answered.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "scale/hpa/questions.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string last;
  iris::scale::hpa::Questions questions({.history = true}, [&](const std::string& answer) {
    const auto value = nlohmann::json::parse(answer, nullptr, false);
    if (!value.is_object() || !value.contains("error")) std::abort();
    if (answer.find('\n') != std::string::npos) std::abort();
    last = answer;
  });
  std::string_view input(reinterpret_cast<const char*>(data), size);
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    questions.take_line(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  questions.take_line(R"({"hpa": "the last"})");
  questions.finish();
  if (last.find("the last") == std::string::npos) std::abort();
  return 0;
}
