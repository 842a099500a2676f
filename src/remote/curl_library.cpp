#include "remote/curl_library.hpp"

#include "base/shared_library.hpp"

namespace iris::remote {

Result<CurlLibrary> CurlLibrary::load() {
  const auto library = SharedLibrary::load("libcurl.so.4");
  if (!library) {
    return environment_error(
        "http and gs remotes need libcurl.so.4, which cannot be loaded ({}); install it with "
        "'apt-get install libcurl4', or clone with a remote that is a folder",
        library.error().message);
  }
  CurlLibrary curl;
  decltype(&::curl_global_init) global_init = nullptr;
  const bool complete = library->find("curl_global_init", global_init) &&
                        library->find("curl_easy_init", curl.easy_init) &&
                        library->find("curl_easy_reset", curl.easy_reset) &&
                        library->find("curl_easy_setopt", curl.easy_setopt) &&
                        library->find("curl_easy_getinfo", curl.easy_getinfo) &&
                        library->find("curl_easy_perform", curl.easy_perform) &&
                        library->find("curl_easy_strerror", curl.easy_strerror) &&
                        library->find("curl_easy_cleanup", curl.easy_cleanup) &&
                        library->find("curl_slist_append", curl.slist_append) &&
                        library->find("curl_slist_free_all", curl.slist_free_all);
  if (!complete || global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return environment_error("libcurl.so.4 is not usable; expected version 7.85 or newer");
  }
  return curl;
}

}  // namespace iris::remote
