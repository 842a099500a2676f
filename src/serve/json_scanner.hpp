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

  bool take(char wanted) { return move_to(behind(skip_space(at_, end_), end_, wanted)); }
  bool take(std::string_view wanted) {
    at_ = skip_space(at_, end_);
    return take_exactly(wanted);
  }
  // With no white space before it.
  bool take_exactly(std::string_view wanted) {
    return rest().starts_with(wanted) && move_to(at_ + wanted.size());
  }

  // An array of just `count` numbers without exponents and of at most 15 digits, to where `out` and
  // those `stride` apart from it are.
  bool take_numbers(float* out, std::size_t count, std::size_t stride) {
    char before = '[';
    // In registers, whatever is written to `out`.
    const char* at = at_;
    const char* const end = end_;
    for (std::size_t i = 0; i < count; ++i) {
      at = behind(skip_space(at, end), end, before);
      if (at == nullptr) return false;
      at = read_number(skip_space(at, end), end, out[i * stride]);
      if (at == nullptr) return false;
      before = ',';
    }
    return move_to(at) && take(']');
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
  bool at_end() { return skip_space(at_, end_) == end_; }

 private:
  // An integer below 10^15 and a power of ten up to 10^22 are doubles without rounding, so that
  // their quotient is rounded once: it is the double nearest to the decimal number (Clinger, "How
  // to Read Floating Point Numbers Accurately", 1990).
  static constexpr std::ptrdiff_t kDigits = 15;
  static constexpr std::array<double, kDigits + 1> kPowersOfTen = {
      1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

  // The functions below go from `at` and return where they came to, or null: what is there is not
  // what they take.

  // Most often there is none, and one comparison tells.
  static const char* skip_space(const char* at, const char* end) {
    while (at != end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
      ++at;
    }
    return at;
  }

  static const char* behind(const char* at, const char* end, char wanted) {
    return at != end && *at == wanted ? at + 1 : nullptr;
  }

  // Appends the digits to `digits`; too many wrap around.
  static const char* read_digits(const char* at, const char* end, std::uint64_t& digits) {
    for (; at != end; ++at) {
      const auto digit = static_cast<unsigned char>(*at - '0');
      if (digit > 9) break;
      digits = 10 * digits + digit;
    }
    return at;
  }

  static const char* read_number(const char* at, const char* end, float& number) {
    const bool negative = at != end && *at == '-';
    if (negative) ++at;
    std::uint64_t digits = 0;
    const char* const integer = at;
    at = read_digits(at, end, digits);
    const auto integer_digits = at - integer;
    if (integer_digits == 0 || (integer_digits > 1 && *integer == '0')) return nullptr;
    std::ptrdiff_t fraction_digits = 0;
    if (at != end && *at == '.') {
      const char* const fraction = ++at;
      at = read_digits(at, end, digits);
      fraction_digits = at - fraction;
      if (fraction_digits == 0) return nullptr;
    }
    if (integer_digits + fraction_digits > kDigits) return nullptr;
    const double magnitude =
        static_cast<double>(digits) / kPowersOfTen[static_cast<std::size_t>(fraction_digits)];
    number = static_cast<float>(negative ? -magnitude : magnitude);
    return at;
  }

  bool move_to(const char* place) {
    if (place == nullptr) return false;
    at_ = place;
    return true;
  }

  const char* at_;
  const char* const end_;
};

}  // namespace iris::serve
