#include "serve/access.hpp"

#include <nettle/memops.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "base/limits.hpp"

namespace iris::serve {
namespace {

constexpr std::string_view kScheme = "Bearer ";

// What follows the scheme, whose case does not matter; none where there is no such field.
std::optional<std::string_view> bearer_token(std::string_view authorization) {
  if (authorization.size() < kScheme.size()) return std::nullopt;
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  if (!std::equal(kScheme.begin(), kScheme.end(), authorization.begin(), same)) return std::nullopt;
  authorization.remove_prefix(kScheme.size());
  const auto first = authorization.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view{} : authorization.substr(first);
}

}  // namespace

Result<std::shared_ptr<const AccessToken>> AccessToken::read(const std::string& path, Log& log) {
  auto bytes = read_file(path, limits::kTokenBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto last = bytes->find_last_not_of(" \t\r\n");
  bytes->resize(last == std::string::npos ? 0 : last + 1);
  if (bytes->empty()) return input_error("{}: found nothing, expected a token", path);
  const bool printable =
      std::all_of(bytes->begin(), bytes->end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) {
    return input_error("{}: expected a token on one line, of printable ASCII without blanks", path);
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0) {
    log.warn("{}: everybody on this machine can read this token; chmod o-r {}", path, path);
  }
  return std::make_shared<const AccessToken>(std::move(*bytes));
}

bool AccessToken::matches(std::string_view token) const {
  return token.size() == token_.size() &&
         memeql_sec(token.data(), token_.data(), token_.size()) == 1;
}

bool AccessCheck::has_token(const http::Request& request) {
  const auto token = bearer_token(request.authorization);
  return token && token_->get().matches(*token);
}

Refusal AccessCheck::refuse(const http::Request& request, http::Response& response) {
  if (!token_) return {};
  const auto token = bearer_token(request.authorization);
  if (!token) {
    write_error(response, 401, "Authorization: expected 'Bearer' and the token of this port",
                "WWW-Authenticate: Bearer\r\n");
    return "token_missing";
  }
  if (!token_->get().matches(*token)) {
    write_error(response, 401, "Authorization: this is not the token of this port",
                "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n");
    return "token_wrong";
  }
  return {};
}

}  // namespace iris::serve
