// Request bytes, cut anywhere, against a plain Beast request_parser as the oracle: whatever
// RequestParser accepts, Beast accepts and reads alike; how the bytes are cut changes nothing, nor
// that the same head came before.
//
// The first byte of the input says how the rest is cut.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/request_parser.hpp"

namespace {

namespace beast = boost::beast;
using iris::http::Progress;

constexpr iris::http::ParserLimits kLimits{.header_bytes = 1024, .body_bytes = 256};

struct Outcome {
  Progress progress = Progress::kHead;
  int status = 0;
  std::string path, body;
  bool keep_alive = false;
  std::size_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

void require(bool holds) {
  if (!holds) std::abort();
}

// Feeds a growing prefix, each time as memory of its own, so that a stale pointer is seen.
Outcome parse(iris::http::RequestParser& parser, std::string_view message, std::size_t step) {
  parser.reset();
  Outcome outcome;
  for (std::size_t size = 0; size < message.size();) {
    size = std::min(size + step, message.size());
    const std::string copy(message.substr(0, size));
    outcome.progress = parser.feed(copy);
    if (outcome.progress == Progress::kFault) {
      outcome.status = parser.fault().status;
      return outcome;
    }
    if (outcome.progress == Progress::kComplete) {
      const auto request = parser.request(copy);
      outcome.path = request.path;
      outcome.body = request.body;
      outcome.keep_alive = parser.keep_alive();
      outcome.consumed = parser.consumed();
      require(outcome.consumed <= size && outcome.body.size() <= kLimits.body_bytes);
      return outcome;
    }
  }
  return outcome;
}

void compare_with_beast(std::string_view message, const Outcome& outcome) {
  beast::http::request_parser<beast::http::string_body> oracle;
  // As much as RequestParser leaves to Beast, which counts trailers, too; its own bound on heads is
  // tighter.
  oracle.header_limit(static_cast<std::uint32_t>(2 * kLimits.header_bytes));
  oracle.body_limit(kLimits.body_bytes);
  beast::error_code ec;
  // The head alone first: Beast takes fields of the trailer for those of the head, and what a
  // sender says of the connection there must not be heeded (RFC 9110, section 6.5.1).
  std::size_t consumed = oracle.put(boost::asio::const_buffer(message.data(), message.size()), ec);
  if (outcome.progress != Progress::kComplete) return;
  require(!ec && oracle.is_header_done());
  require(oracle.keep_alive() == outcome.keep_alive);
  oracle.eager(true);
  if (!oracle.is_done()) {
    const auto rest = message.substr(consumed);
    consumed += oracle.put(boost::asio::const_buffer(rest.data(), rest.size()), ec);
  }
  require(!ec && oracle.is_done());
  require(consumed == outcome.consumed);
  require(oracle.get().body() == outcome.body);
  const auto target = oracle.get().target();
  require(std::string_view(target.data(), target.size()).find(outcome.path) !=
          std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 4096) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data + 1), size - 1);
  iris::http::RequestParser parser(kLimits);
  const Outcome whole = parse(parser, message, message.size());
  compare_with_beast(message, whole);
  // At every byte or so, and long messages not into so many parts that the copies take the time.
  const Outcome cut = parse(parser, message, 1 + data[0] % 16 + message.size() / 128);
  // A fault may be seen at another byte; that it is one, and what is accepted, may not differ.
  require((whole.progress == Progress::kComplete) == (cut.progress == Progress::kComplete));
  if (whole.progress == Progress::kComplete) require(whole == cut);
  require(parse(parser, message, message.size()) == whole);
  return 0;
}
