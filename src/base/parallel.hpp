// The same work on many things, a bounded number of them at a time.
//
//   for_each_parallel(objects.size(), 16, [&](std::size_t i) { fetch(objects[i]); });
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace iris {

// Calls work(0) … work(count - 1) from up to `workers` threads, and returns when all have returned.
// Begun in order; `work` must be safe to call from several threads and must not throw.
template <class Work>
void for_each_parallel(std::size_t count, std::size_t workers, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  const std::size_t threads = std::min(count, std::max<std::size_t>(workers, 1));
  if (threads <= 1) return run();
  std::vector<std::jthread> pool;
  pool.reserve(threads);
  try {
    // The caller's thread is one of them.
    for (std::size_t i = 1; i < threads; ++i) pool.emplace_back(run);
  } catch (const std::system_error&) {
    // No more threads may be started; those that were do the work.
  }
  run();
}

}  // namespace iris
