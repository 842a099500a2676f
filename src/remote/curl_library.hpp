// libcurl, loaded when a remote is opened and not when the program starts: with the thirty
// libraries that it brings along, it would otherwise be in every `iris serve` and in its image.
#pragma once

#include <curl/curl.h>

#include "base/result.hpp"

namespace iris::remote {

struct CurlLibrary {
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;

  // Fails, as the environment's fault, where libcurl.so.4 is not installed. It stays loaded.
  static Result<CurlLibrary> load();
};

}  // namespace iris::remote
