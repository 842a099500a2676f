#include "remote/gs_upload.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "remote/encoding.hpp"
#include "remote/retry.hpp"

namespace iris::remote {
namespace {

using Json = nlohmann::json;

constexpr int kResumeIncomplete = 308;
constexpr std::size_t kSessionBytes = 16 << 10;

std::string metadata_of(const GsTarget& target, const Upload& upload) {
  return Json{{"name", target.name},
              {"contentType", "application/octet-stream"},
              {"md5Hash", to_base64(bytes_of_hex(upload.md5))}}
      .dump();
}

Result<void> compare(const HttpResponse& answer, const GsTarget& target, const Upload& upload) {
  const auto stored = stored_object(answer, target.place);
  if (!stored) return tl::unexpected(stored.error());
  if (stored->bytes == upload.bytes && (stored->md5.empty() || stored->md5 == upload.md5))
    return {};
  return environment_error(
      "{}: the service stored {} bytes with digest {}, expected {} bytes with {}; push it again",
      target.place, stored->bytes.value_or(0), stored->md5, upload.bytes, upload.md5);
}

}  // namespace

Result<ObjectInfo> stored_object(const HttpResponse& answer, const std::string& place) {
  const auto json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object()) {
    return environment_error("{}: found an answer that is no JSON, expected an object's", place);
  }
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ObjectInfo info;
  info.bytes = parse_bytes(text("size"));
  if (const auto md5 = from_base64(text("md5Hash"))) info.md5 = hex_of(*md5);
  return info;
}

Result<void> upload_at_once(HttpTransfer& transfer, const GsTarget& target, const Upload& upload) {
  // The digest of the content cannot be in the content: no line of it is this one.
  const std::string boundary = "iris-" + upload.md5;
  Retry retry(transfer.options());
  while (true) {
    std::int64_t sent = 0;
    const auto answer = transfer.send(
        {.method = "POST",
         .url = target.url + "?uploadType=multipart",
         .headers = {"Content-Type: multipart/related; boundary=" + boundary},
         .body = HttpBody{.before = "--" + boundary +
                                    "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
                                    metadata_of(target, upload) + "\r\n--" + boundary +
                                    "\r\nContent-Type: application/octet-stream\r\n\r\n",
                          .file = upload.file,
                          .bytes = upload.bytes,
                          .after = "\r\n--" + boundary + "--\r\n",
                          .on_bytes = [&](std::int64_t bytes) {
                            sent += bytes;
                            if (upload.on_bytes) upload.on_bytes(bytes);
                          }}});
    if (answer && answer->status == 200) return compare(*answer, target, upload);
    if (upload.on_bytes) upload.on_bytes(-sent);
    if (!may_pass(answer) || !retry.wait(answer)) {
      return tl::unexpected(error_of(answer, target.place));
    }
  }
}

Result<void> ResumableUpload::run() {
  Retry retry(transfer_.options());
  load_session();
  bool know_offset = session_.empty();  // a session of an earlier run stands somewhere
  std::uint64_t furthest = 0;
  for (int sessions = 0; sessions < 3;) {
    if (session_.empty()) {
      if (auto begun = begin(); !begun) return begun;
      know_offset = true;
    }
    const auto answer = know_offset ? send_rest() : ask_status();
    if (answer && (answer->status == 200 || answer->status == 201)) return stored(*answer);
    if (answer && (answer->status == 404 || answer->status == 410)) {
      // The session is over: it lives for a week.
      forget_session();
      ++sessions;
      continue;
    }
    if (answer && answer->status == kResumeIncomplete) {
      const std::string range = answer->header("range");  // "bytes=0-41", or none at all
      const auto last = parse_bytes(range.substr(range.find('-') + 1));
      stand_at(range.empty() || !last ? 0 : *last + 1);
      const bool asked = !std::exchange(know_offset, true);
      if (offset_ > furthest) {
        furthest = offset_;
        retry.progressed();
      } else if (!asked && !retry.wait(answer)) {
        return tl::unexpected(error_of(answer, target_.place));
      }
      continue;
    }
    if (!may_pass(answer) || !retry.wait(answer)) {
      // What was refused is not to be continued.
      if (answer && !may_pass(answer)) forget_session();
      return tl::unexpected(error_of(answer, target_.place));
    }
    know_offset = false;
  }
  return environment_error("{}: the service ended each upload session early; try again later",
                           target_.place);
}

Result<void> ResumableUpload::begin() {
  const auto answer =
      transfer_.exchange({.method = "POST",
                          .url = target_.url + "?uploadType=resumable",
                          .headers = {"Content-Type: application/json; charset=UTF-8",
                                      "X-Upload-Content-Type: application/octet-stream",
                                      fmt::format("X-Upload-Content-Length: {}", upload_.bytes)},
                          .body = HttpBody{.before = metadata_of(target_, upload_)}},
                         target_.place);
  if (!answer) return tl::unexpected(answer.error());
  session_ = answer->header("location");
  if (answer->status / 100 != 2 || session_.empty()) {
    return tl::unexpected(error_of(*answer, target_.place));
  }
  if (origin_of(session_) != origin_of(target_.url)) {
    session_.clear();
    return environment_error("{}: found an upload session at another server, expected one at {}",
                             target_.place, origin_of(target_.url));
  }
  stand_at(0);
  save_session();
  return {};
}

Answer ResumableUpload::send_rest() {
  HttpRequest request{.method = "PUT",
                      .url = session_,
                      .body = HttpBody{.file = upload_.file,
                                       .offset = offset_,
                                       .bytes = upload_.bytes - offset_,
                                       .on_bytes = [this](std::int64_t bytes) {
                                         told_ += static_cast<std::uint64_t>(bytes);
                                         if (upload_.on_bytes) upload_.on_bytes(bytes);
                                       }}};
  request.headers.push_back(
      fmt::format("Content-Range: bytes {}-{}/{}", offset_, upload_.bytes - 1, upload_.bytes));
  return transfer_.send_without_authorization(request);
}

Answer ResumableUpload::ask_status() {
  return transfer_.send_without_authorization(
      {.method = "PUT",
       .url = session_,
       .headers = {fmt::format("Content-Range: bytes */{}", upload_.bytes)},
       .body = HttpBody{}});
}

Result<void> ResumableUpload::stored(const HttpResponse& answer) {
  forget_session();
  stand_at(upload_.bytes);
  return compare(answer, target_, upload_);
}

void ResumableUpload::stand_at(std::uint64_t offset) {
  offset_ = std::min(offset, upload_.bytes);
  if (upload_.on_bytes && offset_ != told_) {
    upload_.on_bytes(static_cast<std::int64_t>(offset_) - static_cast<std::int64_t>(told_));
  }
  told_ = offset_;
}

// A session that does not fit, or cannot be read, is one that we do not have.
void ResumableUpload::load_session() {
  if (upload_.session.empty()) return;
  const auto text = read_file(upload_.session.string(), kSessionBytes);
  const auto json = Json::parse(text.value_or(""), nullptr, false);
  if (!json.is_object() || json.value("place", Json()) != target_.place ||
      json.value("md5", Json()) != upload_.md5 || json.value("bytes", Json()) != upload_.bytes) {
    return;
  }
  const Json url = json.value("url", Json());
  if (url.is_string() && origin_of(url.get<std::string>()) == origin_of(target_.url)) {
    session_ = url.get<std::string>();
  }
}

// Without it an interrupted upload begins anew, which is no error.
void ResumableUpload::save_session() const {
  if (upload_.session.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(upload_.session.parent_path(), ignored);
  // A repository may hold a link of this name, which must not lead the text elsewhere.
  const Fd file(::open(upload_.session.c_str(),
                       O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_nlink != 1 || ::ftruncate(file.get(), 0) != 0) {
    return;
  }
  const std::string text = Json{
      {"place", target_.place},
      {"md5", upload_.md5},
      {"bytes", upload_.bytes},
      {"url", session_}}.dump();
  [[maybe_unused]] const ssize_t written = ::write(file.get(), text.data(), text.size());
}

void ResumableUpload::forget_session() {
  session_.clear();
  if (!upload_.session.empty()) ::unlink(upload_.session.c_str());
}

}  // namespace iris::remote
