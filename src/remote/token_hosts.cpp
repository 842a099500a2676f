#include "remote/token_hosts.hpp"

#include <algorithm>

#include "remote/http_client.hpp"

namespace iris::remote {
namespace {

bool is_googles(std::string_view host) {
  return host == "googleapis.com" || host.ends_with(".googleapis.com") ||
         host == "accounts.google.com";
}

}  // namespace

bool may_see_token(std::string_view url, const std::vector<std::string>& allowed) {
  if (url.find("://") == std::string_view::npos) return false;
  // Parsers disagree about these, and what is checked must be what is connected to.
  const std::string_view authority = url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
  if (authority.find_first_of("\\@%") != std::string_view::npos) return false;
  if (is_loopback_url(url)) return true;
  const std::string origin = origin_of(url);
  constexpr std::string_view kScheme = "https://";
  if (!origin.starts_with(kScheme)) return false;
  const std::string_view place = std::string_view(origin).substr(kScheme.size());
  if (is_googles(place)) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& host) {
    return origin_of(std::string(kScheme) + host) == origin;
  });
}

}  // namespace iris::remote
