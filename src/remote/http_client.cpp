#include "remote/http_client.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <span>
#include <utility>

#include "base/fd.hpp"
#include "remote/encoding.hpp"

namespace iris::remote {
namespace {

constexpr std::size_t kBodyBytes = std::size_t{1} << 20;
constexpr std::size_t kHeaderBytes = std::size_t{64} << 10;
constexpr int kRedirects = 5;
// What libcurl reads and hands over at once; its own 16 KiB cost a call each.
constexpr long kBufferBytes = 256 << 10;

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lowered;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Whether another try can help: everything that happens on the way, nothing that we did wrong.
bool may_pass(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

// Copies from the text's byte `at` on, as much as there is room for.
std::size_t copy_text(std::string_view text, std::uint64_t at, std::span<char> room) {
  const std::size_t size = std::min(room.size(), text.size() - static_cast<std::size_t>(at));
  std::memcpy(room.data(), text.data() + at, size);
  return size;
}

}  // namespace

// One request under way: what the callbacks of libcurl work on.
struct HttpClient::Exchange {
  const HttpRequest& request;
  HttpResponse response{};
  std::size_t header_bytes = 0;
  std::uint64_t sent = 0;  // of the body
  Fd file{};
  std::optional<Error> error{};  // that ended the request from our side
  std::array<char, CURL_ERROR_SIZE> message{};

  bool take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kHeaderBytes) return false;
    if (line.starts_with("HTTP/")) {  // a new head: what came before was 100 or the proxy's
      response.headers.clear();
      const auto space = line.find(' ');
      response.status = space == std::string_view::npos
                            ? 0
                            : std::atoi(std::string(line.substr(space + 1)).c_str());
      return true;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    auto value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front()))) {
      value.remove_prefix(1);
    }
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) {
      value.remove_suffix(1);
    }
    response.headers[lower(line.substr(0, colon))] = value;
    return true;
  }

  bool take_body(std::string_view bytes) {
    if (request.on_body && response.status / 100 == 2) {
      auto taken = request.on_body(response, bytes);
      if (!taken) error = std::move(taken.error());
      return taken.has_value();
    }
    // What is cut off here is no message that anyone reads to its end.
    response.body.append(bytes.substr(0, kBodyBytes - std::min(kBodyBytes, response.body.size())));
    return true;
  }

  // The next piece of the body; nothing at its end, and less than nothing when it cannot be read.
  ssize_t give_body(std::span<char> room) {
    const HttpBody& body = *request.body;
    std::uint64_t at = sent;
    if (at < body.before.size()) {
      const std::size_t size = copy_text(body.before, at, room);
      sent += size;
      return static_cast<ssize_t>(size);
    }
    at -= body.before.size();
    if (at < body.bytes) return give_file(at, room);
    const std::size_t size = copy_text(body.after, at - body.bytes, room);
    sent += size;
    return static_cast<ssize_t>(size);
  }

  ssize_t give_file(std::uint64_t at, std::span<char> room) {
    const HttpBody& body = *request.body;
    const auto most =
        static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), body.bytes - at));
    const ssize_t size =
        ::pread(file.get(), room.data(), most, static_cast<off_t>(body.offset + at));
    if (size <= 0) {
      error = Error{ExitCode::kInput,
                    fmt::format("{}: cannot read it to its end: {}", body.file.string(),
                                size == 0 ? "it became shorter" : std::strerror(errno))};
      return -1;
    }
    sent += static_cast<std::uint64_t>(size);
    if (body.on_bytes) body.on_bytes(size);
    return size;
  }

  static std::size_t on_header(char* bytes, std::size_t, std::size_t count, void* self) {
    return static_cast<Exchange*>(self)->take_header({bytes, count}) ? count : 0;
  }
  static std::size_t on_write(char* bytes, std::size_t, std::size_t count, void* self) {
    // Less than `count` makes libcurl end the request.
    return static_cast<Exchange*>(self)->take_body({bytes, count}) ? count : count + 1;
  }
  static std::size_t on_read(char* bytes, std::size_t size, std::size_t count, void* self) {
    const ssize_t given = static_cast<Exchange*>(self)->give_body({bytes, size * count});
    return given < 0 ? CURL_READFUNC_ABORT : static_cast<std::size_t>(given);
  }
  // libcurl begins a body anew when a kept connection turns out to be closed.
  static int on_seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    static_cast<Exchange*>(self)->sent = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
};

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

Result<std::unique_ptr<HttpClient>> HttpClient::open(const HttpClientOptions& options) {
  const auto curl = CurlLibrary::load();
  if (!curl) return tl::unexpected(curl.error());
  return std::unique_ptr<HttpClient>(new HttpClient(*curl, options));
}

HttpClient::HttpClient(const CurlLibrary& curl, const HttpClientOptions& options)
    : curl_(curl), options_(options) {}

HttpClient::~HttpClient() {
  for (CURL* handle : idle_) curl_.easy_cleanup(handle);
}

CURL* HttpClient::take_handle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return curl_.easy_init();
  CURL* handle = idle_.back();
  idle_.pop_back();
  return handle;
}

void HttpClient::return_handle(CURL* handle) {
  curl_.easy_reset(handle);  // its connections stay
  const std::lock_guard lock(mutex_);
  idle_.push_back(handle);
}

void HttpClient::set_options(CURL* handle, const HttpRequest& request, const std::string& url,
                             Exchange& exchange) const {
  const auto set = curl_.easy_setopt;
  const auto ms = [](Nanoseconds time) {
    return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
  };
  set(handle, CURLOPT_URL, url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_USERAGENT, "iris");
  set(handle, CURLOPT_BUFFERSIZE, kBufferBytes);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, ms(options_.connect_timeout));
  set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(handle, CURLOPT_LOW_SPEED_TIME,
      static_cast<long>(std::chrono::ceil<std::chrono::seconds>(options_.stall_timeout).count()));
  if (request.timeout > Nanoseconds{0}) set(handle, CURLOPT_TIMEOUT_MS, ms(request.timeout));
  if (!request.through_proxy) set(handle, CURLOPT_NOPROXY, "*");
  if (!options_.verify_peer) {
    set(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    set(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!options_.ca_file.empty()) set(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
  set(handle, CURLOPT_ERRORBUFFER, exchange.message.data());
  set(handle, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(handle, CURLOPT_HEADERDATA, &exchange);
  set(handle, CURLOPT_WRITEFUNCTION, &Exchange::on_write);
  set(handle, CURLOPT_WRITEDATA, &exchange);
  if (request.method == "HEAD") {
    set(handle, CURLOPT_NOBODY, 1L);
  } else {
    set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  if (!request.body) return;
  set(handle, CURLOPT_UPLOAD, 1L);
  set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
  set(handle, CURLOPT_READFUNCTION, &Exchange::on_read);
  set(handle, CURLOPT_READDATA, &exchange);
  set(handle, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
  set(handle, CURLOPT_SEEKDATA, &exchange);
}

tl::expected<HttpResponse, HttpFailure> HttpClient::send_once(const HttpRequest& request,
                                                              const std::string& url,
                                                              bool with_secrets,
                                                              std::string& redirect) {
  Exchange exchange{.request = request};
  if (request.body && !request.body->file.empty()) {
    exchange.file = Fd(::open(request.body->file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!exchange.file) {
      return tl::unexpected(HttpFailure{
          false,
          {ExitCode::kInput,
           fmt::format("{}: cannot open: {}", request.body->file.string(), std::strerror(errno))}});
    }
  }
  CURL* handle = take_handle();
  set_options(handle, request, url, exchange);
  // "Expect:" keeps libcurl from asking leave before each larger body.
  curl_slist* headers = curl_.slist_append(nullptr, "Expect:");
  for (const auto& header : request.headers) headers = curl_.slist_append(headers, header.c_str());
  for (const auto& header : request.secrets) {
    if (with_secrets) headers = curl_.slist_append(headers, header.c_str());
  }
  curl_.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);

  const CURLcode code = curl_.easy_perform(handle);
  const char* next = nullptr;
  curl_.easy_getinfo(handle, CURLINFO_REDIRECT_URL, &next);
  redirect = next == nullptr ? "" : next;
  curl_.slist_free_all(headers);
  return_handle(handle);
  if (code == CURLE_OK) return std::move(exchange.response);
  if (exchange.error) return tl::unexpected(HttpFailure{false, std::move(*exchange.error)});
  const char* said =
      exchange.message[0] != '\0' ? exchange.message.data() : curl_.easy_strerror(code);
  return tl::unexpected(HttpFailure{
      may_pass(code),
      {ExitCode::kEnvironment, fmt::format("{}: {}", shown_url(url), as_one_line(said))}});
}

tl::expected<HttpResponse, HttpFailure> HttpClient::send(const HttpRequest& request) {
  std::string url = request.url;
  bool with_secrets = true;
  const bool follows = request.method == "GET" || request.method == "HEAD";
  for (int redirects = 0;; ++redirects) {
    std::string next;
    auto response = send_once(request, url, with_secrets, next);
    if (!response || !follows || !is_redirect(response->status) || next.empty()) return response;
    const auto refuse = [&](std::string_view why) {
      return tl::unexpected(HttpFailure{
          false,
          {ExitCode::kEnvironment,
           fmt::format("{}: found a redirect to {}, {}", shown_url(url), shown_url(next), why)}});
    };
    if (redirects == kRedirects) return refuse("one too many in a row");
    if (!next.starts_with("https://") && !next.starts_with("http://")) {
      return refuse("expected one to http or https");
    }
    if (url.starts_with("https://") && !next.starts_with("https://")) {
      return refuse("expected one that stays with https");
    }
    with_secrets = with_secrets && origin_of(next) == origin_of(url);
    url = std::move(next);
  }
}

std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return lower(url);
  const auto begin = scheme + 3;
  std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
  std::string origin = lower(url.substr(0, begin)) + lower(authority);
  for (const std::string_view port : {"https://443", "http://80"}) {
    const auto number = port.substr(port.rfind('/') + 1);
    if (origin.starts_with(port.substr(0, port.rfind('/') + 1)) &&
        origin.ends_with(fmt::format(":{}", number))) {
      origin.resize(origin.size() - number.size() - 1);
    }
  }
  return origin;
}

std::string shown_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return as_one_line(url.substr(0, url.find_first_of("?#")));
  const auto begin = scheme + 3;
  const auto path = url.find_first_of("/?#", begin);
  const auto at = url.substr(0, path).rfind('@');
  const auto host = at == std::string_view::npos || at < begin ? begin : at + 1;
  const auto end = url.find_first_of("?#", begin);
  return as_one_line(
      fmt::format("{}{}", url.substr(0, begin),
                  url.substr(host, end == std::string_view::npos ? end : end - host)));
}

bool is_loopback_url(std::string_view url) {
  const std::string origin = origin_of(url);
  const auto host = std::string_view(origin).substr(origin.find("://") + 3);
  const auto name = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  // "127.example.org" is a name that anybody may own.
  const bool address = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return (name.starts_with("127.") && address) || name == "[::1]" || name == "localhost";
}

}  // namespace iris::remote
