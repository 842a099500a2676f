// One answer, written straight into the buffer that goes to the socket: a head with room for the
// length, the body behind it, then the length.
//
//   Response response(buffer, options);
//   response.begin(200);
//   append(response.body(), …);
//   response.finish();
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace iris::http {

// Grows and keeps its room when cleared.
using Buffer = fmt::basic_memory_buffer<char, 4096>;

// In place, so that of a literal nothing is left but stores.
inline void append(Buffer& buffer, std::string_view text) {
  const std::size_t size = buffer.size();
  buffer.resize(size + text.size());
  std::copy(text.begin(), text.end(), buffer.data() + size);
}

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kOctets = "application/octet-stream";

std::string_view reason_phrase(int status);

// How the heads of the usual answers begin, made once and not for each.
struct UsualHeads {
  std::string json;     // 200, JSON
  std::string tensors;  // 200, JSON and binary tensors behind it
};
UsualHeads usual_heads(std::string_view date);

// What the connection knows and the handler need not.
struct ResponseOptions {
  std::string_view date{};            // the whole Date field with its line end, or empty
  const UsualHeads* usual = nullptr;  // of that date, or none
  bool head_only = false;             // the answer to HEAD: the length of the body without the body
  bool close = false;                 // the last answer on this connection
  bool keep_alive_1_0 = false;        // a client of HTTP/1.0 waits for permission to go on
  std::string_view request_id{};      // repeated in the answer, if there is one
};

class Response;

// An answer that comes some time after its request was handled, e.g. from another thread's work.
// Until then the connection reads nothing more.
class Later {
 public:
  using Write = std::function<void(Response&)>;

  // Once, and in the loop's thread. Nothing happens where the connection has ended meanwhile.
  void answer(const Write& write) {
    if (const auto deliver = std::exchange(deliver_, nullptr)) deliver(write);
  }

 private:
  friend class Connection;
  std::function<void(const Write&)> deliver_;
};

class Response {
 public:
  Response(Buffer& out, const ResponseOptions& options) : out_(out), options_(options) {}
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  // Starts the answer, or starts it again: what was written before is taken back. `fields` are
  // whole lines, e.g. "Retry-After: 1\r\n".
  void begin(int status, std::string_view media_type = kJson, std::string_view fields = {});
  // The same for 200 and JSON with binary tensors behind it (Open Inference Protocol V2, "Binary
  // Tensor Data Extension"): the head tells how long the JSON is, once end_json() was called.
  void begin_tensors();
  void end_json();
  Buffer& body() { return out_; }
  void finish();

  // In place of begin(): the answer comes by what is returned, from wherever that is passed to.
  std::shared_ptr<Later> answer_later() { return later_ = std::make_shared<Later>(); }
  const std::shared_ptr<Later>& later() const { return later_; }

  int status() const { return status_; }
  // So far, head and body.
  std::size_t size() const { return out_.size() - start_; }

 private:
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  void begin_head(int status);
  void end_head(std::string_view last_field = {});

  Buffer& out_;
  const ResponseOptions options_;
  std::size_t start_ = kNowhere;
  std::size_t body_at_ = 0;
  int status_ = 0;
  std::shared_ptr<Later> later_;
};

}  // namespace iris::http
