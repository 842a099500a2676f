#include "kube/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>

#include "base/file.hpp"

namespace iris::kube {
namespace {

using nlohmann::json;

constexpr int kDeepest = 64;
// Bounds what aliases can multiply ("billion laughs").
constexpr std::size_t kMostNodes = 200'000;

// Why a text cannot be read, thrown inside this file only.
struct Refused {
  std::string message;
};

std::string line_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? "" : fmt::format("line {}: ", mark.line + 1);
}

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// An integer in YAML 1.1's notations: 12, -7, +3, 0x1F, 0b11, 0o17, 017, 1_000.
std::optional<json> as_integer(std::string text) {
  std::erase(text, '_');
  std::string_view digits = text;
  const bool minus = digits.starts_with('-');
  if (minus || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  const auto prefix = [&](std::string_view with, int number) {
    if (base != 10 || !digits.starts_with(with) || digits.size() == with.size()) return;
    digits.remove_prefix(with.size());
    base = number;
  };
  prefix("0x", 16);
  prefix("0b", 2);
  prefix("0o", 8);
  prefix("0", 8);
  std::uint64_t value = 0;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  if (!minus) return json(value);
  if (value > std::uint64_t{1} << 63) return std::nullopt;
  return json(static_cast<std::int64_t>(-value));
}

std::optional<json> as_float(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos ||
      text.find_first_of("0123456789") == std::string_view::npos) {
    return std::nullopt;
  }
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return json(value);
}

// A plain (unquoted) scalar, as gopkg.in/yaml.v2's resolve.go takes it.
json plain_scalar(const std::string& text) {
  static constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 11> kTrue = {
      "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::array<std::string_view, 11> kFalse = {
      "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  if (one_of(text, kNull)) return nullptr;
  if (one_of(text, kTrue)) return true;
  if (one_of(text, kFalse)) return false;
  if (auto integer = as_integer(text)) return *integer;
  if (auto number = as_float(text)) return *number;
  return text;
}

// yaml-cpp 0.7 finds endless empty documents before a token that belongs to none, such as the comma
// of "- a\n, b", so the stream is walked once before anything is built of it.
class DocumentGuard final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == last_position_) {
      throw Refused{fmt::format("line {}, column {}: not YAML: found text outside of any value",
                                mark.line + 1, mark.column + 1)};
    }
    last_position_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int last_position_ = -1;
};

void refuse_endless(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentGuard guard;
  while (parser.HandleNextDocument(guard)) {
  }
}

class Converter {
 public:
  json convert(const YAML::Node& node, int depth = 0) {
    if (depth > kDeepest) {
      throw Refused{fmt::format("{}found nesting deeper than {}", line_of(node), kDeepest)};
    }
    if (++nodes_ > kMostNodes) {
      throw Refused{fmt::format("found more than {} values, aliases counted", kMostNodes)};
    }
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return nullptr;
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence: {
        json list = json::array();
        for (const auto& item : node) list.push_back(convert(item, depth + 1));
        return list;
      }
      case YAML::NodeType::Map:
        break;
    }
    json object = json::object();
    for (const auto& member : node) {
      if (!member.first.IsScalar()) {
        throw Refused{fmt::format("{}expected a key that is a string", line_of(member.first))};
      }
      const std::string& key = member.first.Scalar();
      if (key == "<<") {
        throw Refused{
            fmt::format("{}found a merge key (<<); write the fields out", line_of(member.first))};
      }
      if (!object.emplace(key, convert(member.second, depth + 1)).second) {
        throw Refused{fmt::format("{}found the key {} a second time", line_of(member.first), key)};
      }
    }
    return object;
  }

 private:
  // yaml-cpp tags plain scalars "?", quoted and block ones "!".
  static json scalar(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (tag == "?" || tag.empty()) return plain_scalar(node.Scalar());
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return node.Scalar();
    throw Refused{fmt::format("{}found the tag {}, expected none", line_of(node), tag)};
  }

  std::size_t nodes_ = 0;
};

void append(std::vector<Document>& documents, json body, std::string place) {
  if (body.is_null()) return;
  const bool list = body.is_object() && body.contains("kind") && body["kind"] == "List" &&
                    body.contains("items") && body["items"].is_array();
  if (!list) {
    documents.push_back({std::move(place), std::move(body)});
    return;
  }
  auto& items = body["items"];
  for (std::size_t i = 0; i < items.size(); ++i) {
    documents.push_back({fmt::format("{}: items[{}]", place, i), std::move(items[i])});
  }
}

// nlohmann's own messages begin with "[json.exception.parse_error.101] ".
std::string without_id(std::string_view message) {
  const auto end = message.find("] ");
  return std::string(end == std::string_view::npos ? message : message.substr(end + 2));
}

}  // namespace

Result<std::vector<Document>> parse_documents(std::string_view text, const std::string& place) {
  std::vector<Document> documents;
  try {
    if (const auto first = text.find_first_not_of(" \t\r\n");
        first != std::string_view::npos && text[first] == '{') {
      append(documents, json::parse(text), place);
      return documents;
    }
    const std::string stream(text);
    refuse_endless(stream);
    Converter converter;
    const auto nodes = YAML::LoadAll(stream);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      append(documents, converter.convert(nodes[i]),
             nodes.size() == 1 ? place : fmt::format("{} (document {})", place, i + 1));
    }
    return documents;
  } catch (const Refused& refused) {
    return input_error("{}: {}", place, refused.message);
  } catch (const YAML::Exception& error) {
    if (error.mark.is_null()) return input_error("{}: not YAML: {}", place, error.msg);
    return input_error("{}: line {}, column {}: not YAML: {}", place, error.mark.line + 1,
                       error.mark.column + 1, error.msg);
  } catch (const json::exception& error) {
    return input_error("{}: not JSON: {}", place, without_id(error.what()));
  }
}

Result<std::vector<Document>> read_documents(const std::string& path) {
  const auto text = read_file(path, limits::kConfigBytes);
  if (!text) return tl::unexpected(text.error());
  return parse_documents(*text, path);
}

}  // namespace iris::kube
