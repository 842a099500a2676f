#include "serve/reloader.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/thread.hpp"

namespace iris::serve {
namespace {

// Loading gives way to serving, where both want the same processor.
constexpr int kNiceness = 10;

Result<void> same_names(std::string_view what, const std::vector<std::string>& served,
                        const std::vector<std::string>& candidate) {
  if (candidate.size() != served.size()) {
    return input_error("found {} {}s, expected the {} of the served model", candidate.size(), what,
                       served.size());
  }
  const auto [found, expected] = std::mismatch(candidate.begin(), candidate.end(), served.begin());
  if (found == candidate.end()) return {};
  return input_error("{} {}: found '{}', expected '{}' as in the served model", what,
                     found - candidate.begin() + 1, *found, *expected);
}

std::vector<std::string> tensor_names(const model::Signature& signature) {
  return {signature.input_name, signature.label_name, signature.probabilities_name};
}

}  // namespace

Result<void> same_signature(const model::Signature& served, const model::Signature& candidate) {
  if (auto same = same_names("feature", served.feature_names, candidate.feature_names); !same) {
    return same;
  }
  if (auto same = same_names("class", served.class_labels, candidate.class_labels); !same) {
    return same;
  }
  return same_names("tensor", tensor_names(served), tensor_names(candidate));
}

Reloader::Reloader(std::string path, ModelStore& models, ReloadCounters& counters,
                   const Clock& clock, Log& log, Replaced replaced)
    : path_(std::move(path)),
      models_(models),
      counters_(counters),
      clock_(clock),
      log_(log),
      replaced_(std::move(replaced)) {}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<void> Reloader::start() {
  const std::lock_guard lock(mutex_);
  return start_locked();
}

Result<void> Reloader::start_locked() {
  if (thread_.joinable()) return {};
  auto thread = start_thread([this] { run(); });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void Reloader::request(Cause cause, Done done) {
  std::unique_lock lock(mutex_);
  if (auto started = start_locked(); !started) {
    const auto outcome = refuse(true, started.error().message, {});
    lock.unlock();
    if (done) done(outcome);
    return;
  }
  requests_.push_back({cause, std::move(done), {}});
  wake_.notify_one();
}

void Reloader::run_soon(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (auto started = start_locked(); !started) {
    return log_.error("reload: refused, the files from before stay in use: {}",
                      started.error().message);
  }
  requests_.push_back({{}, {}, std::move(task)});
  wake_.notify_one();
}

bool Reloader::stop(Nanoseconds patience) {
  std::unique_lock lock(mutex_);
  ends_ = true;
  wake_.notify_one();
  return at_rest_.wait_for(lock, patience, [this] { return !busy_; });
}

void Reloader::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ends_ || !requests_.empty(); });
    if (ends_) return;
    const auto requests = std::exchange(requests_, {});
    busy_ = true;
    lock.unlock();
    work_on(requests);
    lock.lock();
    busy_ = false;
    at_rest_.notify_all();
  }
}

void Reloader::work_on(const std::vector<Request>& requests) {
  std::vector<Request> loads;
  for (const auto& request : requests) {
    if (!request.task) {
      loads.push_back(request);
      continue;
    }
    try {
      request.task();
    } catch (const std::exception& error) {
      log_.error("reload: refused, the files from before stay in use: {}", error.what());
    }
  }
  if (!loads.empty()) answer(loads);
}

void Reloader::answer(const std::vector<Request>& requests) {
  const bool asked_for = std::any_of(requests.begin(), requests.end(), [](const Request& request) {
    return request.cause != Cause::kFileChanged;
  });
  const Outcome outcome = try_reload(asked_for);
  for (const auto& request : requests) {
    if (request.done) request.done(outcome);
  }
}

// Whatever is wrong with a file, the process serves on.
Reloader::Outcome Reloader::try_reload(bool asked_for) {
  try {
    return reload(asked_for);
  } catch (const std::bad_alloc&) {
    return refuse(asked_for, path_ + ": the memory that is left does not suffice to load it", {});
  } catch (const std::exception& error) {
    return refuse(asked_for, fmt::format("{}: {}", path_, error.what()), {});
  }
}

Reloader::Outcome Reloader::reload(bool asked_for) {
  auto file = read_model_file(path_, clock_);
  if (!file) return refuse(asked_for, file.error().message, {});
  auto served = models_.current();
  if (file->digest == served->digest) {
    refused_why_.clear();
    count(ReloadResult::kUnchanged);
    log_.info("reload: {} holds the model being served (sha256 {}); nothing to do", path_,
              served->digest);
    return {ReloadResult::kUnchanged, {}, std::move(served)};
  }
  auto candidate = load_served_model(*file, clock_);
  if (!candidate) return refuse(asked_for, candidate.error().message, file->digest);
  const auto& model = *candidate;
  if (auto same = same_signature(served->signature, model->signature); !same) {
    return refuse(asked_for, fmt::format("{}: {}", path_, same.error().message), file->digest);
  }
  served.reset();
  refused_why_.clear();
  replaced_(models_.replace(model));
  count(ReloadResult::kReplaced);
  log_.info("reload: now serving {} (sha256 {}), loaded in {:.1f} ms", path_, model->digest,
            1e3 * to_seconds(model->load_duration));
  return {ReloadResult::kReplaced, {}, model};
}

// A file that is written in many steps gives an event for each; what is wrong with the same bytes
// is said and counted once, unless somebody asks.
Reloader::Outcome Reloader::refuse(bool asked_for, std::string why, std::string digest) {
  const bool known = digest == refused_digest_ && why == refused_why_;
  if (asked_for || !known) {
    count(ReloadResult::kRefused);
    log_.error("reload: refused, the model from before is served on: {}", why);
  }
  refused_digest_ = std::move(digest);
  refused_why_ = why;
  return {ReloadResult::kRefused, std::move(why), models_.current()};
}

void Reloader::count(ReloadResult result) {
  counters_[static_cast<std::size_t>(result)].add();
}

}  // namespace iris::serve
