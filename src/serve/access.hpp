// Bearer tokens (RFC 6750): who may ask a port. A token is read from a file and never logged.
//
//   auto token = AccessToken::read("token.txt", log);
//   AccessTokens tokens(*token);
//   AccessCheck check(&tokens);                     // one for each thread
//   if (const auto refusal = check.refuse(request, response); !refusal.empty()) …
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/replaceable.hpp"
#include "base/result.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "serve/answers.hpp"

namespace iris::serve {

class AccessToken {
 public:
  // A file of one line. Fails when it holds nothing, more than limits::kTokenBytes, or what cannot
  // be sent in a header field; warns when everybody on the machine may read it.
  static Result<std::shared_ptr<const AccessToken>> read(const std::string& path, Log& log);

  explicit AccessToken(std::string token) : token_(std::move(token)) {}

  // Takes the same time for every `token` of the right length.
  bool matches(std::string_view token) const;
  bool operator==(const AccessToken& other) const { return matches(other.token_); }

 private:
  const std::string token_;
};

using AccessTokens = Replaceable<AccessToken>;

class AccessCheck {
 public:
  // Null: everybody may ask. The tokens must outlive it.
  explicit AccessCheck(const AccessTokens* tokens) {
    if (tokens != nullptr) token_.emplace(*tokens);
  }

  bool asks_for_token() const { return token_.has_value(); }

  // Whether the request has the token, or needs none.
  bool admits(const http::Request& request) { return !token_ || has_token(request); }
  // Answers with 401 and returns why, unless the request has the token; empty if it may go on.
  Refusal refuse(const http::Request& request, http::Response& response);

 private:
  bool has_token(const http::Request& request);

  std::optional<AccessTokens::View> token_;
};

}  // namespace iris::serve
