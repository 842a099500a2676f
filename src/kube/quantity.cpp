#include "kube/quantity.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

namespace iris::kube {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr int kSignificantDigits = 19;

struct Suffix {
  std::string_view text;
  int decimal_exponent;
  int binary_exponent;
};

constexpr std::array kSuffixes = {
    Suffix{"", 0, 0},    Suffix{"n", -9, 0},  Suffix{"u", -6, 0},  Suffix{"m", -3, 0},
    Suffix{"k", 3, 0},   Suffix{"M", 6, 0},   Suffix{"G", 9, 0},   Suffix{"T", 12, 0},
    Suffix{"P", 15, 0},  Suffix{"E", 18, 0},  Suffix{"Ki", 0, 10}, Suffix{"Mi", 0, 20},
    Suffix{"Gi", 0, 30}, Suffix{"Ti", 0, 40}, Suffix{"Pi", 0, 50}, Suffix{"Ei", 0, 60}};

std::optional<Suffix> find_suffix(std::string_view text) {
  for (const auto& suffix : kSuffixes) {
    if (suffix.text == text) return suffix;
  }
  // A decimal exponent: e3, E-2. A bare E was exa, above.
  if (text.size() < 2 || (text.front() != 'e' && text.front() != 'E')) return std::nullopt;
  text.remove_prefix(1);
  if (text.front() == '+') {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int exponent = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  // Beyond these every quantity is the largest or the smallest there is.
  if (exponent < -40 || exponent > 40) return std::nullopt;
  return Suffix{text, exponent, 0};
}

// The digits of "12.50" as one integer, and how many of them follow the point.
struct Digits {
  Wide number = 0;
  int fraction = 0;
};

std::optional<Digits> take_digits(std::string_view& text) {
  Digits digits;
  int count = 0;
  int significant = 0;
  bool point = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() == '.' && !point) {
      point = true;
      continue;
    }
    if (text.front() < '0' || text.front() > '9') break;
    ++count;
    if (point) ++digits.fraction;
    if (significant > 0 || text.front() != '0') ++significant;
    if (significant > kSignificantDigits || count > 64) return std::nullopt;
    digits.number = digits.number * 10 + (text.front() - '0');
  }
  if (count == 0) return std::nullopt;
  return digits;
}

// number × 10^exponent, rounded up when the exponent is negative; `limit` when it is above it.
Wide scale_by_ten(Wide number, int exponent, Wide limit) {
  for (; exponent > 0 && number != 0; --exponent) {
    if (number > limit / 10) return limit;
    number *= 10;
  }
  bool rest = false;
  for (; exponent < 0 && number != 0; ++exponent) {
    rest = rest || number % 10 != 0;
    number /= 10;
  }
  number += rest ? 1 : 0;
  return number > limit ? limit : number;
}

double power_of_ten(int exponent) {
  // from_chars gives the nearest double, as Go's table does; std::pow need not.
  const std::string text = "1e" + std::to_string(exponent);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  const auto bad = [whole = text] {
    return input_error("expected a quantity such as 250m, 0.5, 128Mi or 1e3, found \"{}\"",
                       whole.substr(0, 64));
  };
  std::string_view rest = text;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  const auto digits = take_digits(rest);
  if (!digits) return bad();
  const auto suffix = find_suffix(rest);
  if (!suffix) return bad();

  // 19 digits × 2^60 stay below 2^127.
  const Wide scaled = digits->number << suffix->binary_exponent;
  const int exponent = suffix->decimal_exponent - digits->fraction;
  const Wide nanos = scale_by_ten(scaled, exponent + 9, Wide{kLargest} * kNanos);
  Quantity quantity;
  const std::int64_t sign = minus ? -1 : 1;
  quantity.value_ = sign * static_cast<std::int64_t>(nanos / kNanos);
  quantity.nano_ = sign * static_cast<std::int64_t>(nanos % kNanos);
  const double magnitude = exponent == 0 ? static_cast<double>(scaled)
                                         : static_cast<double>(scaled) * power_of_ten(exponent);
  quantity.approximate_ = minus ? -magnitude : magnitude;
  return quantity;
}

Quantity Quantity::from_milli(std::int64_t milli) {
  Quantity quantity;
  quantity.value_ = milli / 1000;
  quantity.nano_ = milli % 1000 * 1'000'000;
  quantity.approximate_ = static_cast<double>(milli) * 1e-3;
  return quantity;
}

Quantity Quantity::from_value(std::int64_t value) {
  Quantity quantity;
  quantity.value_ = value;
  quantity.approximate_ = static_cast<double>(value);
  return quantity;
}

std::int64_t Quantity::value() const {
  return nano_ > 0 && value_ < kLargest ? value_ + 1 : value_;
}

std::string Quantity::to_string() const {
  static constexpr std::array<const char*, 10> kDecimal = {"n", "u", "m", "",  "k",
                                                           "M", "G", "T", "P", "E"};
  Wide number = Wide{value_} * kNanos + nano_;
  if (number == 0) return "0";
  std::size_t suffix = 0;
  for (; number % 1000 == 0 && suffix + 1 < kDecimal.size(); ++suffix) number /= 1000;
  // 128 bits have no printer of their own.
  std::string digits;
  const bool minus = number < 0;
  for (; number != 0; number /= 10) {
    const int digit = static_cast<int>(number % 10);
    digits.insert(digits.begin(), static_cast<char>('0' + (minus ? -digit : digit)));
  }
  return (minus ? "-" : "") + digits + kDecimal[suffix];
}

std::int64_t Quantity::milli() const {
  const Wide nanos = Wide{value_} * kNanos + nano_;
  Wide milli = nanos / 1'000'000;
  if (nanos % 1'000'000 > 0) ++milli;
  if (milli > kLargest) return kLargest;
  if (milli < -Wide{kLargest}) return -kLargest;
  return static_cast<std::int64_t>(milli);
}

}  // namespace iris::kube
