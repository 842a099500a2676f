// A certificate of its own making, for tests.
#pragma once

#include <string>

namespace iris::http {

struct Pem {
  std::string certificate;
  std::string key;
};

// Signed by its own key (P-256), for one day, with this common name.
Pem make_certificate(const std::string& name);

}  // namespace iris::http
