#include "base/thread.hpp"

#include <sys/resource.h>

#include <string>

namespace iris {

tl::unexpected<Error> no_thread(const std::system_error& error) {
  rlimit limit{};
  std::string most = "no limit";
  if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    most = std::to_string(limit.rlim_cur);
  }
  return environment_error(
      "cannot start a thread: {}. Raise the user's limit on processes (ulimit -u, now {}), the "
      "control group's pids.max, or the memory limit",
      error.code().message(), most);
}

}  // namespace iris
