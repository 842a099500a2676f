#include "kube/node.hpp"

#include <fmt/format.h>

namespace iris::kube {
namespace {

using nlohmann::json;

// A value as an error shows it: short, and with its type where the text alone would mislead.
std::string shown(const json& value) {
  constexpr std::size_t kLongest = 64;
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  if (value.is_boolean()) return "the boolean " + text;
  if (value.is_number()) return "the number " + text;
  return text;
}

}  // namespace

void Problem::report(const std::string& path, const std::string& what) {
  if (found()) return;
  message_ = place_;
  if (!path.empty()) message_ += (message_.empty() ? "" : ": ") + path;
  message_ += (message_.empty() ? "" : ": ") + what;
}

void Node::expected(std::string_view what) const {
  if (value_ == nullptr) return fail(fmt::format("expected {}, found nothing", what));
  fail(fmt::format("expected {}, found {}", what, shown(*value_)));
}

Node Node::operator[](std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  if (value_ == nullptr) return {nullptr, std::move(path), *problem_};
  if (!value_->is_object()) {
    expected("an object");
    return {nullptr, std::move(path), *problem_};
  }
  const auto member = value_->find(key);
  return {member == value_->end() ? nullptr : &*member, std::move(path), *problem_};
}

std::vector<Node> Node::items() const {
  std::vector<Node> nodes;
  if (value_ == nullptr) return nodes;
  if (!value_->is_array()) {
    expected("a list");
    return nodes;
  }
  nodes.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    Node item(&(*value_)[i], fmt::format("{}[{}]", path_, i), *problem_);
    if (!item.present()) item.fail("expected an element, found null");
    nodes.push_back(std::move(item));
  }
  return nodes;
}

std::vector<std::pair<std::string, Node>> Node::members() const {
  std::vector<std::pair<std::string, Node>> nodes;
  if (value_ == nullptr) return nodes;
  if (!value_->is_object()) {
    expected("an object");
    return nodes;
  }
  for (const auto& [key, unused] : value_->items()) nodes.emplace_back(key, (*this)[key]);
  return nodes;
}

std::string Node::string() const {
  if (value_ != nullptr && value_->is_string()) return value_->get<std::string>();
  if (value_ != nullptr && (value_->is_boolean() || value_->is_number())) {
    expected("a string (quote it)");
  } else {
    expected("a string");
  }
  return {};
}

std::string Node::string_or(std::string_view otherwise) const {
  return present() ? string() : std::string(otherwise);
}

std::int64_t Node::integer(std::int64_t least, std::int64_t most) const {
  const auto bad = [&] {
    expected(fmt::format("an integer from {} to {}", least, most));
    return least;
  };
  if (value_ == nullptr || !value_->is_number_integer()) return bad();
  if (value_->is_number_unsigned() &&
      value_->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    return bad();
  }
  const auto number = value_->get<std::int64_t>();
  return number < least || number > most ? bad() : number;
}

std::int64_t Node::integer_or(std::int64_t otherwise, std::int64_t least, std::int64_t most) const {
  return present() ? integer(least, most) : otherwise;
}

std::int32_t Node::int32_or(std::int32_t otherwise, std::int32_t least, std::int32_t most) const {
  return static_cast<std::int32_t>(integer_or(otherwise, least, most));
}

double Node::number_or(double otherwise, double least, double most) const {
  if (!present()) return otherwise;
  const double number = value_->is_number() ? value_->get<double>() : least - 1;
  if (number >= least && number <= most) return number;
  expected(fmt::format("a number from {} to {}", least, most));
  return otherwise;
}

Quantity Node::quantity() const {
  const Quantity quantity = signed_quantity();
  if (quantity.negative()) expected("a quantity that is not negative");
  return quantity;
}

Quantity Node::signed_quantity() const {
  if (value_ == nullptr || !(value_->is_string() || value_->is_number())) {
    expected("a quantity such as 250m or 128Mi");
    return {};
  }
  const auto quantity =
      Quantity::parse(value_->is_string() ? value_->get<std::string>() : value_->dump());
  if (!quantity) {
    fail(quantity.error().message);
    return {};
  }
  return *quantity;
}

WallTime Node::time() const {
  const auto time = parse_rfc3339(string());
  if (time) return *time;
  expected("an RFC 3339 time such as 2025-01-31T12:00:00Z");
  return {};
}

std::vector<std::string> Node::strings() const {
  std::vector<std::string> texts;
  for (const auto& item : items()) texts.push_back(item.string());
  return texts;
}

std::map<std::string, std::string> Node::string_map() const {
  std::map<std::string, std::string> texts;
  for (const auto& [key, member] : members()) texts.emplace(key, member.string_or(""));
  return texts;
}

std::map<std::string, Quantity> Node::quantity_map() const {
  std::map<std::string, Quantity> quantities;
  for (const auto& [key, member] : members()) quantities.emplace(key, member.quantity());
  return quantities;
}

}  // namespace iris::kube
