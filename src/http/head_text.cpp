#include "http/head_text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace iris::http {
namespace {

constexpr std::size_t kRequestIdBytes = 128;
constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kEndOfLine = "\r\n";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

bool is_hex_digit(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

// Unreserved characters and sub-delimiters (RFC 3986, section 2).
bool is_name_character(char c) {
  return is_letter(c) || is_digit(c) ||
         std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

bool is_registered_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_name_character(text[i])) continue;
    const bool escape = text[i] == '%' && i + 2 < text.size() && is_hex_digit(text[i + 1]) &&
                        is_hex_digit(text[i + 2]);
    if (!escape) return false;
    i += 2;
  }
  return true;
}

// What stands within brackets: an address of IPv6, or of a version to come ("v1.…").
bool is_address_literal(std::string_view text) {
  if (text.starts_with('v') || text.starts_with('V')) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos || dot < 2 || dot + 1 == text.size()) return false;
    return std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(dot),
                       is_hex_digit) &&
           std::all_of(text.begin() + static_cast<std::ptrdiff_t>(dot) + 1, text.end(),
                       [](char c) { return c == ':' || is_name_character(c); });
  }
  std::array<char, INET6_ADDRSTRLEN> address{};
  if (text.size() >= address.size()) return false;
  std::copy(text.begin(), text.end(), address.begin());
  in6_addr parsed{};
  return inet_pton(AF_INET6, address.data(), &parsed) == 1;
}

// What precedes the host in absolute form, in bytes; 0 in any other form.
std::size_t scheme_bytes(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equals_ignoring_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Takes the next line off, without its end; none when its end is not there.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find(kEndOfLine);
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + kEndOfLine.size());
  return line;
}

void read_request_line(std::string_view line, Request& request) {
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  const bool whole = method_end != std::string_view::npos && method_end < target_end &&
                     line.substr(target_end + 1).starts_with("HTTP/");
  if (!whole) return;
  const auto method = line.substr(0, method_end);
  const auto target = line.substr(method_end + 1, target_end - method_end - 1);
  request.method = method == "GET"    ? Method::kGet
                   : method == "HEAD" ? Method::kHead
                   : method == "POST" ? Method::kPost
                                      : Method::kOther;
  request.path = path_of_target(target).value_or(target);
}

void read_field(std::string_view line, Request& request) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "X-Request-Id")) {
    if (is_request_id(value)) request.request_id = value;
  } else if (equals_ignoring_case(name, "traceparent")) {
    request.traceparent = value;
  }
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_authority(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_address_literal(text.substr(1, close - 1))) {
      return false;
    }
    port = text.substr(close + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    if (!is_registered_name(text.substr(0, colon))) return false;
    port = text.substr(colon);
  }
  if (port.empty()) return true;
  return port.front() == ':' && std::all_of(port.begin() + 1, port.end(), is_digit);
}

std::optional<std::string_view> path_of_target(std::string_view target) {
  if (const std::size_t scheme = scheme_bytes(target); scheme > 0) {
    const auto end = std::min(target.find_first_of("/?", scheme), target.size());
    const auto authority = target.substr(scheme, end - scheme);
    if (authority.empty() || !is_authority(authority)) return std::nullopt;
    // No path is the root, and a slash of the scheme is one that lies in the message.
    target =
        target.substr(end).starts_with('/') ? target.substr(end) : target.substr(scheme - 1, 1);
  }
  return target.substr(0, target.find('?'));
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

ContentCoding with_codings(ContentCoding before, std::string_view value) {
  ContentCoding coding = before;
  while (!value.empty()) {
    const auto end = std::min(value.find(','), value.size());
    const auto name = trimmed(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (name.empty() || equals_ignoring_case(name, "identity")) continue;
    const auto named = equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip")
                           ? ContentCoding::kGzip
                       : equals_ignoring_case(name, "deflate") ? ContentCoding::kDeflate
                                                               : ContentCoding::kOther;
    coding = coding == ContentCoding::kIdentity ? named : ContentCoding::kOther;
  }
  return coding;
}

Request read_refused_head(std::string_view message) {
  Request request;
  if (const auto line = take_line(message)) read_request_line(*line, request);
  while (const auto line = take_line(message)) {
    if (line->empty()) break;
    // A value that goes on on the next line is taken as not sent, as the parser has it.
    const bool folded = !message.empty() && kBlanks.find(message.front()) != std::string_view::npos;
    if (!folded) read_field(*line, request);
  }
  return request;
}

}  // namespace iris::http
