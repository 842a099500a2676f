#include "serve/usual_instances.hpp"

#include <array>
#include <cstdint>

#include "base/limits.hpp"

namespace iris::serve {
namespace {

// An integer below 10^15 and a power of ten up to 10^22 are doubles without rounding, so that their
// quotient is rounded once: it is the double nearest to the decimal number (Clinger, "How to Read
// Floating Point Numbers Accurately", 1990).
constexpr std::ptrdiff_t kDigits = 15;
constexpr std::array<double, kDigits + 1> kPowersOfTen = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  // Takes what comes next, behind white space, if it is that.
  bool take(char wanted) {
    skip_space();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view wanted) {
    skip_space();
    if (!std::string_view(at_, end_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  bool take_number(double& number) {
    skip_space();
    const bool negative = at_ != end_ && *at_ == '-';
    if (negative) ++at_;
    std::uint64_t digits = 0;
    const char* const integer = at_;
    const auto integer_digits = take_digits(digits);
    if (integer_digits == 0 || (integer_digits > 1 && *integer == '0')) return false;
    std::ptrdiff_t fraction_digits = 0;
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      fraction_digits = take_digits(digits);
      if (fraction_digits == 0) return false;
    }
    if (integer_digits + fraction_digits > kDigits) return false;
    const double magnitude =
        static_cast<double>(digits) / kPowersOfTen[static_cast<std::size_t>(fraction_digits)];
    number = negative ? -magnitude : magnitude;
    return true;
  }

  bool at_end() {
    skip_space();
    return at_ == end_;
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  // Appends the digits that come next, and returns how many they are; too many wrap around.
  std::ptrdiff_t take_digits(std::uint64_t& digits) {
    const char* const first = at_;
    for (; at_ != end_; ++at_) {
      const auto digit = static_cast<unsigned char>(*at_ - '0');
      if (digit > 9) break;
      digits = 10 * digits + digit;
    }
    return at_ - first;
  }

  const char* at_;
  const char* const end_;
};

bool take_row(Scanner& scanner, std::size_t features, Instances& instances) {
  if (!scanner.take('[')) return false;
  for (std::size_t feature = 0; feature < features; ++feature) {
    double number = 0;
    if (feature > 0 && !scanner.take(',')) return false;
    if (!scanner.take_number(number)) return false;
    instances.values.push_back(static_cast<float>(number));
  }
  return scanner.take(']');
}

}  // namespace

bool read_usual_instances(std::string_view body, std::size_t features, Instances& instances) {
  instances.values.clear();
  instances.rows = 0;
  instances.probabilities = false;
  Scanner scanner(body);
  if (!scanner.take('{') || !scanner.take("\"instances\"") || !scanner.take(':') ||
      !scanner.take('[')) {
    return false;
  }
  do {
    if (instances.rows == limits::kRowsPerRequest) return false;
    if (!take_row(scanner, features, instances)) return false;
    ++instances.rows;
  } while (scanner.take(','));
  return scanner.take(']') && scanner.take('}') && scanner.at_end();
}

}  // namespace iris::serve
