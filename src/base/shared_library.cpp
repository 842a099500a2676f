#include "base/shared_library.hpp"

#include <dlfcn.h>

namespace iris {

Result<SharedLibrary> SharedLibrary::load(const char* name) {
  void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return environment_error("{}", ::dlerror());
  return SharedLibrary(handle);
}

void* SharedLibrary::address(const char* name) const {
  return ::dlsym(handle_, name);
}

}  // namespace iris
