// Any bytes as a question to `iris hpa`: exactly one line of JSON comes back.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "scale/hpa/line.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view question(reinterpret_cast<const char*>(data), size);
  const std::string answer = iris::scale::hpa::answer_line(question, {.history = true});
  const auto value = nlohmann::json::parse(answer, nullptr, false);
  if (!value.is_object() || !value.contains("error")) std::abort();
  if (answer.find('\n') != std::string::npos) std::abort();
  return 0;
}
