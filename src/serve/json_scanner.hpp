// One pass over JSON text of a form that is expected: every call takes what comes next, behind
// white space, if it is that. Where it is not, the text may be any other, and is left to a JSON
// parser.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace iris::serve {

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool take(char wanted) {
    skip_space();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view wanted) {
    skip_space();
    return take_exactly(wanted);
  }
  // With no white space before it.
  bool take_exactly(std::string_view wanted) {
    if (!rest().starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  // Without an exponent and of at most 15 digits.
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

  // An array of just `count` of them, to where `out` and those `stride` apart from it are.
  bool take_numbers(float* out, std::size_t count, std::size_t stride) {
    if (!take('[')) return false;
    for (std::size_t i = 0; i < count; ++i) {
      double number = 0;
      if (i > 0 && !take(',')) return false;
      if (!take_number(number)) return false;
      out[i * stride] = static_cast<float>(number);
    }
    return take(']');
  }

  // A string of printable ASCII without escapes, of which `string` is what stands in the quotes.
  bool take_string(std::string_view& string) {
    if (!take('"')) return false;
    const char* const first = at_;
    while (at_ != end_ && *at_ >= ' ' && *at_ <= '~' && *at_ != '"' && *at_ != '\\') ++at_;
    string = {first, static_cast<std::size_t>(at_ - first)};
    return take_exactly("\"");
  }

  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
  bool at_end() {
    skip_space();
    return at_ == end_;
  }

 private:
  // An integer below 10^15 and a power of ten up to 10^22 are doubles without rounding, so that
  // their quotient is rounded once: it is the double nearest to the decimal number (Clinger, "How
  // to Read Floating Point Numbers Accurately", 1990).
  static constexpr std::ptrdiff_t kDigits = 15;
  static constexpr std::array<double, kDigits + 1> kPowersOfTen = {
      1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

  // Most often there is none, and one comparison tells.
  void skip_space() {
    while (at_ != end_ && *at_ <= ' ' && is_space(*at_)) ++at_;
  }
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

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

}  // namespace iris::serve
