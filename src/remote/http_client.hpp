// HTTP(S) requests, one at a time and thread, with connections kept open between them (libcurl).
//
//   auto client = HttpClient::open({});
//   auto response = (*client)->send({.url = "https://example.org/x"});
//   if (response && response->status == 200) …
//
// An answer with any status is a response; no answer is a failure. Nothing is tried again here
// (retry.hpp). Redirects of GET and HEAD are followed, but never from https to http, and secrets
// stay with the host that they are meant for. Proxies are taken from the environment, as curl does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "remote/curl_library.hpp"

namespace iris::remote {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers{};  // names in lower case; the last of equal ones
  std::string body{};                            // what on_body did not get, of at most 1 MiB

  std::string header(const std::string& name) const;  // empty when there is none
};

// What is sent: a text, part of a file, and a text again; each may be empty.
struct HttpBody {
  std::string before{};
  std::filesystem::path file{};
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // of the file, from offset on
  std::string after{};
  std::function<void(std::int64_t)> on_bytes{};  // called as bytes of the file leave

  std::uint64_t size() const { return before.size() + bytes + after.size(); }
};

struct HttpRequest {
  std::string method = "GET";
  std::string url{};
  std::vector<std::string> headers{};  // "Name: value"
  std::vector<std::string> secrets{};  // more headers, for this host alone
  std::optional<HttpBody> body{};
  // Gets the body of an answer with status 2xx piece by piece; an error ends the request.
  std::function<Result<void>(const HttpResponse& head, std::string_view bytes)> on_body{};
  bool through_proxy = true;
  Nanoseconds timeout{0};  // of the whole request; 0: only stalls are bounded
};

// Why there is no answer.
struct HttpFailure {
  bool may_pass = false;  // a matter of the network: trying again can help
  Error error;
};

struct HttpClientOptions {
  Nanoseconds connect_timeout = std::chrono::seconds(10);
  Nanoseconds stall_timeout = std::chrono::seconds(60);  // whole seconds
  bool verify_peer = true;
  std::string ca_file{};  // empty: the system's
};

class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> open(const HttpClientOptions& options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // May be called from several threads.
  tl::expected<HttpResponse, HttpFailure> send(const HttpRequest& request);

 private:
  struct Exchange;

  HttpClient(const CurlLibrary& curl, const HttpClientOptions& options);
  tl::expected<HttpResponse, HttpFailure> send_once(const HttpRequest& request,
                                                    const std::string& url, bool with_secrets,
                                                    std::string& redirect);
  void set_options(CURL* handle, const HttpRequest& request, const std::string& url,
                   Exchange& exchange) const;
  CURL* take_handle();
  void return_handle(CURL* handle);

  CurlLibrary curl_;
  HttpClientOptions options_;
  std::mutex mutex_;
  std::vector<CURL*> idle_;
};

// scheme://host:port of a URL, in lower case.
std::string origin_of(std::string_view url);
// A URL as messages may show it: without user, password, query and fragment.
std::string shown_url(std::string_view url);
// True for http://localhost, http://127.… and http://[::1].
bool is_loopback_url(std::string_view url);

}  // namespace iris::remote
