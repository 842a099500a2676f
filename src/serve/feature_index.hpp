// A model's features by name.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace iris::serve {

class FeatureIndex {
 public:
  explicit FeatureIndex(const std::vector<std::string>& names) : names_(names) {
    for (std::size_t f = 0; f < names_.size(); ++f) feature_of_.emplace(names_[f], f);
  }

  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t feature) const { return names_[feature]; }

  // The feature's column, or size(). Clients mostly send the model's order, so `guess` is tried
  // first.
  std::size_t find(std::string_view name, std::size_t guess) const {
    if (guess < names_.size() && names_[guess] == name) return guess;
    const auto found = feature_of_.find(name);
    return found == feature_of_.end() ? names_.size() : found->second;
  }

  // The names for a message, the first of them when they are many.
  std::string text() const;

 private:
  const std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> feature_of_;
};

}  // namespace iris::serve
