#include "scale/hpa/questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.hpp"

namespace iris::scale::hpa {
namespace {

// A question never has another one on a line of its own inside it.
bool is_question(std::string_view line) {
  if (!line.starts_with('{') || line.find("\"hpa\"") == std::string_view::npos) return false;
  const auto value = nlohmann::json::parse(line, nullptr, false);
  return value.is_object() && value.contains("hpa");
}

std::string too_large() {
  return fmt::format(R"({{"error":"found more than {} bytes in one document"}})",
                     limits::kConfigBytes);
}

}  // namespace

void Questions::take_line(std::string_view line) {
  if (!document_.empty()) {
    if (is_question(line)) {
      end_document(true);
      skipping_ = false;
    } else {
      several_lines_ = true;
      document_ += '\n';
    }
  } else if (skipping_ && !line.starts_with('{')) {
    return;
  }
  skipping_ = false;
  while (!line.empty()) scan(line);
}

void Questions::take_long_line() {
  emit_(too_large());
  skipping_ = !document_.empty();
  document_.clear();
  open_.clear();
  several_lines_ = false;
}

void Questions::finish() {
  if (!document_.empty()) end_document(true);
}

void Questions::scan(std::string_view& line) {
  if (document_.empty()) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty()) return;
    if (line.front() != '{' && line.front() != '[') {
      emit_(answer_line(line, options_));
      line = {};
      return;
    }
  }
  bool in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open_ += c == '{' ? '}' : ']';
    } else if (closes && open_.back() == c) {
      open_.pop_back();
    } else if (closes) {
      document_ += line.substr(0, i + 1);
      line = {};
      return end_document(true);
    }
    if (open_.empty()) {
      document_ += line.substr(0, i + 1);
      line.remove_prefix(i + 1);
      return end_document(false);
    }
  }
  const bool fits = document_.size() + line.size() <= limits::kConfigBytes;
  if (fits) document_ += line;
  line = {};
  if (!fits) return take_long_line();
  if (in_string) end_document(true);  // no string of JSON goes over a line's end
}

void Questions::end_document(bool broken) {
  emit_(document_.size() > limits::kConfigBytes ? too_large() : answer_line(document_, options_));
  skipping_ = broken && several_lines_;
  document_.clear();
  open_.clear();
  several_lines_ = false;
}

}  // namespace iris::scale::hpa
