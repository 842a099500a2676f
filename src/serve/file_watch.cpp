#include "serve/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <utility>

namespace iris::serve {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// What makes a name in a folder stand for something else.
constexpr std::uint32_t kNameEvents =
    IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
// What is done to the files in a folder. To ask for it makes the kernel go through all the names of
// the folder that it knows, which takes milliseconds where they are many (/tmp); so it is asked for
// only where the file itself is.
constexpr std::uint32_t kContentEvents = IN_CLOSE_WRITE | IN_MODIFY;

// From the last event to being told, after a whole step (renamed, closed) and amidst writing.
constexpr auto kRest = 50ms;
constexpr auto kRestWhileWritten = 1s;
// A file that never comes to rest is told of all the same.
constexpr auto kPatience = 5s;

// As many links as the kernel follows, and as many steps as any sane path has.
constexpr int kMaxLinks = 40;
constexpr std::size_t kMaxSteps = 1024;

}  // namespace

std::vector<PathStep> path_steps(const std::string& path) {
  std::vector<PathStep> steps;
  std::error_code code;
  fs::path folder = "/";
  std::deque<fs::path> ahead;
  const auto go_through = [&](const fs::path& way) {
    if (way.is_absolute()) folder = "/";
    const auto relative = way.relative_path();
    ahead.insert(ahead.begin(), relative.begin(), relative.end());
  };
  go_through(fs::absolute(path, code));
  int links = 0;
  while (!ahead.empty() && steps.size() < kMaxSteps) {
    const fs::path name = ahead.front();
    ahead.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      folder = folder.parent_path();
      continue;
    }
    steps.push_back({folder.string(), name.string()});
    const auto target = fs::read_symlink(folder / name, code);
    if (code) {
      folder /= name;
    } else if (++links <= kMaxLinks) {
      go_through(target);
    } else {
      break;
    }
  }
  return steps;
}

FileWatch::FileWatch(http::EventLoop& loop, std::vector<WatchedFile> files)
    : loop_(loop), timer_(loop, [this] { tell(); }) {
  for (auto& file : files) files_.push_back({.file = std::move(file)});
}

FileWatch::~FileWatch() {
  if (inotify_) loop_.forget(inotify_.get(), *this);
}

Result<void> FileWatch::start() {
  inotify_ = Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return environment_error("inotify: {}", std::strerror(errno));
  if (!loop_.watch(inotify_.get(), http::EventLoop::Interest::kRead, *this)) {
    return environment_error("inotify: {}", std::strerror(errno));
  }
  follow();
  if (names_.empty()) return environment_error("inotify: {}", std::strerror(errno));
  for (auto& state : files_) {
    if (file_stamp(state.file.path) != state.file.known) stir(state, kRest);
  }
  arm();
  return {};
}

// Watches the folders on the way to the files as they are now, and no longer those of before.
void FileWatch::follow() {
  decltype(names_) names;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto steps = path_steps(files_[i].file.path);
    for (const auto& step : steps) {
      const bool last = &step == &steps.back();
      // Added to what is asked of the folder already, as the way to another file may lead through
      // it.
      const int watch =
          inotify_add_watch(inotify_.get(), step.folder.c_str(),
                            kNameEvents | (last ? kContentEvents : 0) | IN_ONLYDIR | IN_MASK_ADD);
      if (watch >= 0) names[watch][step.name].insert(i);
    }
  }
  for (const auto& [watch, files] : names_) {
    if (!names.contains(watch)) inotify_rm_watch(inotify_.get(), watch);
  }
  names_ = std::move(names);
}

void FileWatch::on_ready(const http::EventLoop::Readiness&) {
  alignas(inotify_event) char bytes[16 * 1024];
  const ssize_t size = read(inotify_.get(), bytes, sizeof bytes);
  if (size <= 0) return;
  read_events(bytes, static_cast<std::size_t>(size));
  // There may be more, without end where a file beside these is written: others have their turn
  // in between.
  loop_.change(inotify_.get(), http::EventLoop::Interest::kRead, *this);
  arm();
}

// For the first of those that are to be told of.
void FileWatch::arm() {
  auto due = SteadyTime::max();
  for (const auto& state : files_) {
    if (state.stirred) due = std::min(due, state.due);
  }
  if (due != SteadyTime::max()) timer_.expire_after(due - loop_.read_clock());
}

void FileWatch::read_events(const char* bytes, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    inotify_event event;
    std::memcpy(&event, bytes + at, sizeof event);
    const std::string_view name = event.len > 0 ? bytes + at + sizeof event : "";
    at += sizeof event + event.len;
    // Events were lost, or a folder on the way is another one now.
    if ((event.mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
      for (auto& state : files_) stir(state, kRest);
      continue;
    }
    const auto folder = names_.find(event.wd);
    if (folder == names_.end()) continue;
    const auto files = folder->second.find(name);
    if (files == folder->second.end()) continue;
    const bool being_written = (event.mask & IN_MODIFY) != 0;
    for (const auto index : files->second) {
      stir(files_[index], being_written ? Nanoseconds(kRestWhileWritten) : Nanoseconds(kRest));
    }
  }
}

void FileWatch::stir(State& state, Nanoseconds rest) {
  const SteadyTime now = loop_.read_clock();
  if (!std::exchange(state.stirred, true)) state.first = now;
  state.due = std::min(now + rest, state.first + kPatience);
}

void FileWatch::tell() {
  follow();
  const SteadyTime now = loop_.read_clock();
  for (auto& state : files_) {
    if (!state.stirred || state.due > now) continue;
    state.stirred = false;
    state.file.changed();
  }
  arm();
}

}  // namespace iris::serve
