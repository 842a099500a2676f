// A shared library that is loaded when it is needed and not when the program starts. It stays
// loaded.
//
//   auto curl = SharedLibrary::load("libcurl.so.4");
//   decltype(&::curl_easy_init) easy_init;
//   curl->find("curl_easy_init", easy_init);
#pragma once

#include <string>

#include "base/result.hpp"

namespace iris {

class SharedLibrary {
 public:
  // Fails, as the environment's fault, with the loader's words.
  static Result<SharedLibrary> load(const char* name);

  // Returns whether the library has it.
  template <class Function>
  bool find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(address(name));
    return function != nullptr;
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* address(const char* name) const;

  void* handle_;
};

}  // namespace iris
