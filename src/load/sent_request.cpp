#include "load/sent_request.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/limits.hpp"
#include "http/listen.hpp"

namespace iris::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanoseconds kPatience = seconds(10);
constexpr Nanoseconds kLastWords = milliseconds(500);  // for what wrk writes beside its request
constexpr std::size_t kConnections = 16;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

// The value of a header as a number; 0 when there is none.
std::size_t content_length(std::string_view head) {
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::string_view kName = "\r\ncontent-length:";
  auto at = lower.find(kName);
  if (at == std::string::npos) return 0;
  at = lower.find_first_not_of(' ', at + kName.size());
  std::size_t length = 0;
  if (at != std::string::npos) {
    std::from_chars(lower.data() + at, lower.data() + lower.size(), length);
  }
  return length;
}

// The size of the whole request at the beginning of `bytes`; none while it is not there whole.
std::optional<std::size_t> request_size(std::string_view bytes) {
  const auto end = bytes.find(kEndOfHead);
  if (end == std::string_view::npos) return std::nullopt;
  const auto head = end + kEndOfHead.size();
  const auto body = content_length(bytes.substr(0, end));
  if (body > bytes.size() - head) return std::nullopt;
  return head + body;
}

struct Arrival {
  Fd socket;
  std::string bytes;
};

// Takes what has come; true when a whole request is there.
bool receive(Arrival& arrival) {
  std::array<char, 16384> buffer{};
  constexpr std::size_t kMost = limits::kHeaderBytes + limits::kBodyBytes;
  while (arrival.bytes.size() <= kMost) {
    const auto size = ::recv(arrival.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) {
      // wrk's own look whether it can connect closes at once and sends nothing.
      if (size == 0) arrival.socket = Fd();
      break;
    }
    arrival.bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
  const auto whole = request_size(arrival.bytes);
  if (whole) arrival.bytes.resize(*whole);
  return whole.has_value();
}

// The first whole request on any connection; none when wrk ended or the time is over.
std::optional<std::string> await_request(const Fd& listener, WrkRun& wrk, const Clock& clock) {
  std::vector<Arrival> arrivals;
  const auto deadline = clock.steady() + kPatience;
  while (clock.steady() < deadline) {
    std::vector<pollfd> watched = {{listener.get(), POLLIN, 0}};
    for (const auto& arrival : arrivals) watched.push_back({arrival.socket.get(), POLLIN, 0});
    (void)::poll(watched.data(), watched.size(), 50);
    if ((watched[0].revents & POLLIN) != 0 && arrivals.size() < kConnections) {
      Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket) arrivals.push_back({std::move(socket), {}});
    }
    for (auto& arrival : arrivals) {
      if (arrival.socket && receive(arrival)) return std::move(arrival.bytes);
    }
    if (wrk.poll()) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::string SentRequest::method() const {
  return bytes.substr(0, bytes.find(' '));
}

std::string SentRequest::target() const {
  const auto begin = std::min(bytes.find(' '), bytes.size() - 1) + 1;
  return bytes.substr(begin, bytes.find_first_of(" \r\n", begin) - begin);
}

std::size_t SentRequest::body_bytes() const {
  return bytes.size() - std::min(bytes.find(kEndOfHead) + kEndOfHead.size(), bytes.size());
}

std::string SentRequest::to(const http::Endpoint& peer) const {
  const std::string host = "\r\nHost: " + authority + "\r\n";
  const auto at = bytes.find(host);
  if (at == std::string::npos) return bytes;  // the script's own
  return bytes.substr(0, at) +
         fmt::format("\r\nHost: {}:{}\r\n", peer.address().to_string(), peer.port()) +
         bytes.substr(at + host.size());
}

Result<SentRequest> find_sent_request(WrkOptions options) {
  auto listeners = http::listen_on("127.0.0.1", 0, 1);
  if (!listeners) return tl::unexpected(listeners.error());
  const auto& listener = listeners->front();
  SentRequest sent;
  sent.authority = http::local_address(listener);
  const auto path = options.url.find('/', std::string_view("http://").size());
  options.url = "http://" + sent.authority +
                (path == std::string::npos ? std::string() : options.url.substr(path));
  options.threads = options.connections = 1;
  options.duration = std::chrono::duration_cast<Nanoseconds>(kPatience) + seconds(1);
  auto wrk = WrkRun::start(options);
  if (!wrk) return tl::unexpected(wrk.error());
  const SystemClock clock;
  auto bytes = await_request(listener, *wrk, clock);
  // An error of the script was written before the request; the pipe may still hold it.
  const auto deadline = clock.steady() + kLastWords;
  while (!bytes && !wrk->poll() && clock.steady() < deadline) (void)::poll(nullptr, 0, 10);
  wrk->poll();
  sent.errors = wrk->errors();
  sent.lua_error = lua_error(sent.errors, options.script);
  if (!bytes && sent.lua_error.empty()) {
    return environment_error("wrk sent no request within {:.0f} s{}{}", to_seconds(kPatience),
                             sent.errors.empty() ? "" : "; it said: ", sent.errors);
  }
  if (bytes) sent.bytes = std::move(*bytes);
  return sent;
}

}  // namespace iris::load
