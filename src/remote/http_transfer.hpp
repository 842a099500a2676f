// What http and gs remotes share: requests with credentials, and downloads that are continued.
#pragma once

#include <memory>
#include <string>

#include "remote/http_client.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

// Proves to a service who we are. May be called from several threads.
class Authorization {
 public:
  Authorization() = default;
  Authorization(const Authorization&) = delete;
  Authorization& operator=(const Authorization&) = delete;
  virtual ~Authorization() = default;

  // Headers, secret all of them.
  virtual Result<std::vector<std::string>> headers() = 0;
  // The service did not accept them (401). True when headers() will now give others.
  virtual bool renew() = 0;
};

class HttpTransfer {
 public:
  HttpTransfer(std::unique_ptr<HttpClient> client, std::unique_ptr<Authorization> authorization,
               const RemoteOptions& options);

  // Sends it, tries again what may pass, and returns every final answer, whatever its status.
  // Only for requests that may arrive twice. `place` begins the message of an error.
  Result<HttpResponse> exchange(const HttpRequest& request, const std::string& place);
  // One try.
  tl::expected<HttpResponse, HttpFailure> send(const HttpRequest& request);
  // One try, to a URL that is a secret of its own.
  tl::expected<HttpResponse, HttpFailure> send_without_authorization(const HttpRequest& request);
  // Fetches what the sink lacks; false when there is no such object (404, 410).
  Result<bool> download(const std::string& url, const std::string& place, ByteSink& sink);

  const RemoteOptions& options() const { return options_; }

 private:
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<Authorization> authorization_;
  RemoteOptions options_;
};

// "bytes 5-9/10", "bytes */10", "bytes 5-9/*".
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> total;
};
std::optional<ContentRange> parse_content_range(const std::string& text);

std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace iris::remote
