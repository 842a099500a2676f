// Tells when a file has changed: rewritten, renamed into place, or swapped by a symbolic link
// anywhere on its path, as Kubernetes does with the files of ConfigMaps and Secrets. Tells once the
// file is at rest: a writer that has not closed it yet is waited for.
//
//   FileWatch watch(loop, {{"models/model.onnx", stamp_before_it_was_read, [&] { reload(); }}});
//   if (auto started = watch.start(); !started) log.warn(…);   // the machine has no inotify left
//
// A network file system does not tell of changes made on other machines.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "http/event_loop.hpp"

namespace iris::serve {

struct WatchedFile {
  std::string path;
  FileStamp known;                // what has changed already when the watch starts is told, too
  std::function<void()> changed;  // called from the loop
};

class FileWatch final : http::EventLoop::Watcher {
 public:
  FileWatch(http::EventLoop& loop, std::vector<WatchedFile> files);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  Result<void> start();

 private:
  // One file, and when it is to be told of.
  struct State {
    WatchedFile file;
    bool stirred = false;  // there was an event since it was told of
    SteadyTime first{};    // the time of the first
    SteadyTime due{};      // when it is at rest
  };

  void on_ready(const http::EventLoop::Readiness& readiness) override;
  void read_events(const char* bytes, std::size_t size);
  void stir(State& state, Nanoseconds rest);
  void follow();
  void arm();
  void tell();

  http::EventLoop& loop_;
  http::Timer timer_;
  Fd inotify_;
  std::vector<State> files_;
  // Which names within which watched folder are on the way to which files.
  std::map<int, std::map<std::string, std::set<std::size_t>, std::less<>>> names_;
};

// The folders and names that the kernel goes through to open `path`, links followed:
// {"/srv", "models"}, {"/srv/models", "model.onnx"}, … Exposed for tests.
struct PathStep {
  std::string folder;
  std::string name;
};
std::vector<PathStep> path_steps(const std::string& path);

}  // namespace iris::serve
