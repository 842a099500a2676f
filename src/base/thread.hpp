// Threads that may fail to start: a container's pids limit, a user's limit on processes.
//
//   auto thread = start_thread([] { work(); });
//   if (!thread) return tl::unexpected(thread.error());
#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "base/result.hpp"

namespace iris {

// What it means that no thread could be started, with the limits that may be the cause.
tl::unexpected<Error> no_thread(const std::system_error& error);

template <class Work>
Result<std::thread> start_thread(Work&& work) {
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error& error) {
    return no_thread(error);
  }
}

}  // namespace iris
