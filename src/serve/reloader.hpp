// Loads the model anew whenever it is asked to, in a thread of its own, and puts it in the place of
// the served one if it is fit for that: a good model with the same signature. Otherwise the served
// one stays, and the log, the metrics and whoever asked are told why.
//
//   Reloader reloader(path, models, counters, clock, log, [](auto retired) { … });
//   if (auto started = reloader.start(); !started) …;  // is tried again by each request
//   reloader.request(Reloader::Cause::kSignal);                              // any thread
//   reloader.request(Reloader::Cause::kAdmin, [](const auto& outcome) { … });  // called there
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "serve/metrics.hpp"
#include "serve/model_store.hpp"

namespace iris::serve {

class Reloader {
 public:
  enum class Cause { kSignal, kAdmin, kFileChanged };
  struct Outcome {
    ReloadResult result = ReloadResult::kUnchanged;
    std::string message;                       // why it was refused
    std::shared_ptr<const ServedModel> model;  // that is served now
  };
  using Done = std::function<void(const Outcome&)>;
  // Gets the model that was replaced, so that no serving thread is the one to free it.
  using Replaced = std::function<void(std::shared_ptr<const ServedModel> retired)>;

  Reloader(std::string path, ModelStore& models, ReloadCounters& counters, const Clock& clock,
           Log& log, Replaced replaced);
  // Waits for what is under way; what was not begun is not done.
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // Starts the thread, which inherits the caller's signal mask. Fails when the machine lets no
  // other thread start.
  Result<void> start();

  // Requests that come while a model is loaded are all answered by the next load. Where the thread
  // could not be started, and cannot be now, the request is refused.
  void request(Cause cause, Done done = {});

  // Has other files read in the same thread: a file on a mount that hangs must hold up nothing but
  // this thread.
  void run_soon(std::function<void()> task);

  // Nothing more is begun. False when what is under way has not ended after `patience`: then the
  // process can only end without its destructors.
  bool stop(Nanoseconds patience);

 private:
  struct Request {
    Cause cause;
    Done done;
    std::function<void()> task;  // in place of a load
  };

  Result<void> start_locked();
  void run();
  void work_on(const std::vector<Request>& requests);
  void answer(const std::vector<Request>& requests);
  Outcome reload(bool asked_for);
  Outcome try_reload(bool asked_for);
  Outcome refuse(bool asked_for, std::string why, std::string digest);
  void count(ReloadResult result);

  const std::string path_;
  ModelStore& models_;
  ReloadCounters& counters_;
  const Clock& clock_;
  Log& log_;
  const Replaced replaced_;
  // Of the file that was refused last; empty when one was good since.
  std::string refused_digest_;
  std::string refused_why_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable at_rest_;
  std::vector<Request> requests_;
  bool ends_ = false;
  bool busy_ = false;
  std::thread thread_;
};

// Fails with the first difference when clients of `served` would not understand `candidate`.
Result<void> same_signature(const model::Signature& served, const model::Signature& candidate);

}  // namespace iris::serve
