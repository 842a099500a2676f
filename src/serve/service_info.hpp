// What the routes tell of the service as a whole.
#pragma once

#include <functional>
#include <string>

namespace iris::serve {

struct ServiceInfo {
  std::string version{};                        // of the program
  bool asks_for_token = false;                  // for all but its health and what it is
  std::function<std::string()> live_figures{};  // the answer of GET /live.json; from any thread
};

}  // namespace iris::serve
