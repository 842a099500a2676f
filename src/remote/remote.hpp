// A place that keeps objects under keys: a folder, a web server, a bucket. It knows nothing of what
// the objects mean; who asks verifies what comes.
//
//   auto remote = open_remote({.url = "gs://bucket/prefix"}, {});
//   auto file = PartialFile::open("x.part", {});
//   if (auto found = (*remote)->get("files/md5/ab/cdef", *file); found && *found) …
//
// All of it may be called from several threads. Errors name the object with its place and never
// hold a key, a token or a password: kInput where the remote's content is at fault, kEnvironment
// where it cannot be reached or does not let us.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace iris::remote {

struct ObjectInfo {
  std::optional<std::uint64_t> bytes;
  std::string md5;  // as the service has it, hexadecimal; empty when it gives none
};

// What a download writes to. It may hold the beginning already.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;

  virtual std::uint64_t size() const = 0;
  virtual Result<void> append(std::string_view bytes) = 0;
  // Appends what an open file holds from byte size() on. An error names `source`.
  virtual Result<void> append_file(int file, const std::filesystem::path& source) = 0;
  // Forgets everything: the remote begins at the beginning.
  virtual Result<void> restart() = 0;
  // Tells how large the whole will be, once that is known.
  virtual void expect(std::uint64_t bytes) = 0;
};

// A file on its way to a remote.
struct Upload {
  std::filesystem::path file;
  std::uint64_t bytes = 0;
  std::string md5;  // of its content, hexadecimal, for services that verify
  // Where an upload that can be resumed keeps its session; it holds a secret. Empty: nowhere.
  std::filesystem::path session;
  // Called as bytes leave, from the calling thread; less than 0 when some must be sent again.
  std::function<void(std::int64_t)> on_bytes;
};

class Remote {
 public:
  Remote() = default;
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  virtual ~Remote() = default;

  // The object's place as messages show it: "gs://bucket/prefix/key".
  virtual std::string place_of(const std::string& key) const = 0;
  // Nothing when there is no such object.
  virtual Result<std::optional<ObjectInfo>> find(const std::string& key) = 0;
  // Appends what the sink has not yet; false when there is no such object. On an error the sink
  // keeps what came, to be continued.
  virtual Result<bool> get(const std::string& key, ByteSink& sink) = 0;
  // Stores the object, replacing another.
  virtual Result<void> put(const std::string& key, const Upload& upload) = 0;
  // False when there was no such object.
  virtual Result<bool> remove(const std::string& key) = 0;
};

// How often and how patiently a request is tried.
struct RetryPolicy {
  int attempts = 6;  // in a row without any progress
  Nanoseconds first_pause = std::chrono::milliseconds(500);
  Nanoseconds longest_pause = std::chrono::seconds(30);
};

// What comes from the outside, so that tests can own it.
struct RemoteOptions {
  RetryPolicy retry{};
  Nanoseconds connect_timeout = std::chrono::seconds(10);
  Nanoseconds stall_timeout = std::chrono::seconds(60);                  // without a single byte
  std::uint64_t large_upload_bytes = std::uint64_t{8} << 20;             // from here on: resumable
  std::function<void(Nanoseconds)> sleep{};                              // default: of the thread
  std::function<double()> random{};                                      // in [0, 1), for jitter
  std::function<std::optional<std::string>(const char*)> environment{};  // default: the process's
  std::function<WallTime()> now{};                                       // default: the system's
  // Hosts other than Google's that may see a Google Cloud token: HOST or HOST:PORT.
  std::vector<std::string> token_hosts{};
};

// One remote of .dvc/config: its URL and the other keys of its section, as DVC names them. Paths
// among them are absolute.
struct RemoteSettings {
  std::string url;
  std::map<std::string, std::string> options;
};

// A folder (a path or file://), http://, https:// or gs://. Fails, as the environment's fault, for
// other URLs, a folder that is not there, credentials that cannot be read, or without libcurl.
Result<std::unique_ptr<Remote>> open_remote(const RemoteSettings& settings,
                                            const RemoteOptions& options);

}  // namespace iris::remote
