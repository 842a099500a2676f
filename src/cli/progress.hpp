// How far a transfer is: a bar that redraws itself on a terminal, a line now and then elsewhere,
// nothing when quiet. Both on standard error, from the first second on: what is done sooner needs
// no progress.
//
//   Progress progress("fetching", context.clock, context.log, quiet);
//   pull(repository, outs, {.watcher = &progress});
//   progress.finish();
#pragma once

#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "dataset/transfer.hpp"

namespace iris::cli {

// "3,858 bytes".
std::string bytes_text(std::uint64_t bytes);

class Progress final : public dataset::TransferWatcher {
 public:
  Progress(std::string verb, const Clock& clock, Log& log);

  void objects_planned(std::size_t count) override;
  void bytes_expected(std::uint64_t bytes) override;
  void bytes_moved(std::int64_t bytes) override;
  void object_done() override;

  // Removes the bar, so that other lines can follow. To be called before the results are printed.
  void finish();

 private:
  void show();
  std::string bar() const;

  const std::string verb_;
  const Clock& clock_;
  Log& log_;
  const bool terminal_;
  const SteadyTime begin_;
  SteadyTime shown_;
  std::mutex mutex_;
  bool drawn_ = false;
  std::size_t planned_ = 0;
  std::size_t done_ = 0;
  std::uint64_t expected_bytes_ = 0;
  std::int64_t moved_bytes_ = 0;
};

}  // namespace iris::cli
