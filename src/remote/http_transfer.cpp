#include "remote/http_transfer.hpp"

#include <charconv>
#include <utility>

#include "remote/retry.hpp"

namespace iris::remote {
namespace {

// Takes an answer's body to where the sink stands.
class Continuation {
 public:
  explicit Continuation(ByteSink& sink) : sink_(sink) {}

  void new_try() { begun_ = false; }

  // Before the first byte of an answer: a service that gives another range, or ignores that one was
  // asked for, makes the sink begin anew.
  Result<void> begin(const HttpResponse& head, const std::string& place) {
    if (std::exchange(begun_, true)) return {};
    const auto range = parse_content_range(head.header("content-range"));
    if (head.status == 206) {
      if (!range || range->first != sink_.size()) {
        return environment_error(
            "{}: found the range {:?}, expected one from byte {} on; the server or a proxy is at "
            "fault",
            place, head.header("content-range"), sink_.size());
      }
      if (range->total) sink_.expect(*range->total);
      return {};
    }
    if (sink_.size() > 0) {
      if (auto anew = sink_.restart(); !anew) return anew;
    }
    if (const auto size = parse_bytes(head.header("content-length"))) sink_.expect(*size);
    return {};
  }

 private:
  ByteSink& sink_;
  bool begun_ = false;
};

}  // namespace

HttpTransfer::HttpTransfer(std::unique_ptr<HttpClient> client,
                           std::unique_ptr<Authorization> authorization,
                           const RemoteOptions& options)
    : client_(std::move(client)), authorization_(std::move(authorization)), options_(options) {}

Answer HttpTransfer::send(const HttpRequest& request) {
  HttpRequest authorized = request;
  for (bool renewed = false;; renewed = true) {
    if (authorization_) {
      auto headers = authorization_->headers();
      if (!headers) return tl::unexpected(HttpFailure{false, std::move(headers.error())});
      authorized.secrets = std::move(*headers);
    }
    auto answer = client_->send(authorized);
    const bool refused = answer && answer->status == 401;
    if (!refused || renewed || !authorization_ || !authorization_->renew()) return answer;
  }
}

Answer HttpTransfer::send_without_authorization(const HttpRequest& request) {
  return client_->send(request);
}

Result<HttpResponse> HttpTransfer::exchange(const HttpRequest& request, const std::string& place) {
  return send_patiently([&] { return send(request); }, options_, place);
}

Result<bool> HttpTransfer::download(const std::string& url, const std::string& place,
                                    ByteSink& sink) {
  Retry retry(options_);
  Continuation continuation(sink);
  std::uint64_t furthest = sink.size();
  bool range_refused = false;
  while (true) {
    HttpRequest request{.url = url};
    if (sink.size() > 0) request.headers.push_back(fmt::format("Range: bytes={}-", sink.size()));
    continuation.new_try();
    request.on_body = [&](const HttpResponse& head, std::string_view bytes) -> Result<void> {
      if (auto begun = continuation.begin(head, place); !begun) return begun;
      return sink.append(bytes);
    };
    const auto answer = send(request);
    if (answer && (answer->status == 200 || answer->status == 206)) {
      // An empty object has no first byte.
      if (auto begun = continuation.begin(*answer, place); !begun) {
        return tl::unexpected(begun.error());
      }
      return true;
    }
    if (answer && (answer->status == 404 || answer->status == 410)) return false;
    if (answer && answer->status == 416 && !range_refused) {
      // Nothing is there from our size on: we have all of it, or something else.
      const auto range = parse_content_range(answer->header("content-range"));
      if (range && range->total == sink.size()) return true;
      range_refused = true;
      if (auto anew = sink.restart(); !anew) return tl::unexpected(anew.error());
      continue;
    }
    if (sink.size() > furthest) {
      furthest = sink.size();
      retry.progressed();
    }
    if (!may_pass(answer) || !retry.wait(answer)) return tl::unexpected(error_of(answer, place));
  }
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(const std::string& text) {
  constexpr std::string_view kUnit = "bytes ";
  const auto slash = text.find('/');
  if (!text.starts_with(kUnit) || slash == std::string::npos) return std::nullopt;
  ContentRange range;
  range.total = parse_bytes(std::string_view(text).substr(slash + 1));
  const auto span = std::string_view(text).substr(kUnit.size(), slash - kUnit.size());
  range.first = parse_bytes(span.substr(0, span.find('-')));
  if (!range.first && span != "*") return std::nullopt;
  return range;
}

}  // namespace iris::remote
