// Typed access to one JSON record that remembers the first thing that is wrong with it, so that a
// reader can take all fields in a row and ask once.
//
//   Fields fields(record);
//   run.title = fields.text("title");
//   Fields machine = fields.object("machine");
//   if (fields.failed()) return input_error("{}:{}: {}", source, line, fields.problem());
//
// A field that is absent or null is empty; a field of another type than expected is a problem.
// Unknown fields are nobody's business.
#pragma once

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace iris::report {

class Fields {
 public:
  explicit Fields(const nlohmann::json& record)
      : json_(&record), problem_(std::make_shared<std::string>()) {}

  bool failed() const { return !problem_->empty(); }
  const std::string& problem() const { return *problem_; }

  std::optional<double> number(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) return mismatch(key, "a number", *value), std::nullopt;
    const double number = value->get<double>();
    if (!std::isfinite(number))
      return complain(key, "a finite number", "one too large"), std::nullopt;
    return number;
  }

  // A figure that counts or measures an amount, which cannot be negative.
  std::optional<double> amount(const char* key) const {
    const auto value = number(key);
    if (value && *value < 0) return complain(key, "no negative number", "one"), std::nullopt;
    return value;
  }

  double required_number(const char* key) const {
    const auto value = number(key);
    if (!value) complain(key, "a number", "none");
    return value.value_or(0);
  }

  std::string text(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return mismatch(key, "a string", *value), std::string();
    return value->get<std::string>();
  }

  std::string required_text(const char* key) const {
    auto value = text(key);
    if (value.empty()) complain(key, "a string that is not empty", "none");
    return value;
  }

  std::optional<bool> boolean(const char* key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) return mismatch(key, "true or false", *value), std::nullopt;
    return value->get<bool>();
  }

  bool has(const char* key) const { return find(key) != nullptr; }

  // An empty object when the field is absent or null.
  Fields object(const char* key) const {
    const auto* value = find(key);
    if (value != nullptr && !value->is_object()) {
      mismatch(key, "an object", *value);
      value = nullptr;
    }
    return {value == nullptr ? nothing() : *value, path_ + key + ".", problem_};
  }

  // The objects of an array, at most `most`.
  std::vector<Fields> objects(const char* key, std::size_t most) const {
    std::vector<Fields> all;
    each(key, most, [&](const nlohmann::json& item, const std::string& place) {
      if (!item.is_object()) return mismatch(place.c_str(), "an object", item);
      all.push_back({item, path_ + place + ".", problem_});
    });
    return all;
  }

  std::vector<std::string> texts(const char* key, std::size_t most) const {
    std::vector<std::string> all;
    each(key, most, [&](const nlohmann::json& item, const std::string& place) {
      if (!item.is_string()) return mismatch(place.c_str(), "a string", item);
      all.push_back(item.get<std::string>());
    });
    return all;
  }

  std::vector<double> numbers(const char* key, std::size_t most) const {
    std::vector<double> all;
    each(key, most, [&](const nlohmann::json& item, const std::string& place) {
      if (!item.is_number()) return mismatch(place.c_str(), "a number", item);
      all.push_back(item.get<double>());
    });
    return all;
  }

  // Notes what is wrong with a field, unless something was wrong before.
  void complain(const std::string& key, const std::string& expected,
                const std::string& found) const {
    if (failed()) return;
    *problem_ = "field \"" + path_ + key + "\": found " + found + ", expected " + expected;
  }

 private:
  Fields(const nlohmann::json& record, std::string path, std::shared_ptr<std::string> problem)
      : json_(&record), path_(std::move(path)), problem_(std::move(problem)) {}

  static const nlohmann::json& nothing() {
    static const nlohmann::json empty = nlohmann::json::object();
    return empty;
  }

  const nlohmann::json* find(const char* key) const {
    const auto at = json_->find(key);
    return at == json_->end() || at->is_null() ? nullptr : &*at;
  }

  void mismatch(const char* key, const char* expected, const nlohmann::json& found) const {
    complain(key, expected, std::string("a value of type ") + found.type_name());
  }

  template <class Visit>
  void each(const char* key, std::size_t most, const Visit& visit) const {
    const auto* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return mismatch(key, "an array", *value);
    if (value->size() > most) {
      return complain(key, "at most " + std::to_string(most) + " items",
                      std::to_string(value->size()));
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
      visit((*value)[i], std::string(key) + "[" + std::to_string(i) + "]");
    }
  }

  const nlohmann::json* json_;
  std::string path_;
  std::shared_ptr<std::string> problem_;  // one for a record and all its parts
};

}  // namespace iris::report
