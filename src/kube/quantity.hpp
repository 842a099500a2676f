// A Kubernetes quantity: 100m, 0.5, 128Mi, 1e3, 1Gi.
//
//   const auto cpu = Quantity::parse("100m");   // cpu->milli() == 100
//   const auto memory = Quantity::parse("1Gi"); // memory->value() == 1073741824
//
// Source: k8s.io/apimachinery/pkg/api/resource/quantity.go. Arithmetic is exact to a billionth;
// what is finer is rounded up, and what is larger than 2^63-1 is that, both as upstream does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace iris::kube {

class Quantity {
 public:
  Quantity() = default;
  // The error names the text. At most 19 significant digits, which is what 64 bits hold.
  static Result<Quantity> parse(std::string_view text);
  static Quantity from_milli(std::int64_t milli);
  static Quantity from_value(std::int64_t value);

  // In units (bytes of memory), rounded up.
  std::int64_t value() const;
  // In thousandths (of a CPU), rounded up; at most 2^63-1.
  std::int64_t milli() const;
  // Upstream's AsApproximateFloat64: digits × 10^exponent in one floating-point product.
  double approximate() const { return approximate_; }
  bool negative() const { return value_ < 0 || nano_ < 0; }
  bool positive() const { return value_ > 0 || nano_ > 0; }
  // In the shortest decimal form, as upstream prints it: "100m", "-1500m", "2k".
  std::string to_string() const;

  friend bool operator==(const Quantity& a, const Quantity& b) {
    return a.value_ == b.value_ && a.nano_ == b.nano_;
  }

 private:
  // value_ + nano_ / 1e9, both of the same sign, |nano_| < 1e9.
  std::int64_t value_ = 0;
  std::int64_t nano_ = 0;
  double approximate_ = 0;
};

}  // namespace iris::kube
