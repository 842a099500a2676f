// A remote behind http:// or https://, with the settings that DVC has for it: auth (basic, custom),
// user, password, custom_auth_header, method (of uploads, POST unless told), ssl_verify.
#pragma once

#include "remote/remote.hpp"

namespace iris::remote {

Result<std::unique_ptr<Remote>> open_http_remote(const RemoteSettings& settings,
                                                 const RemoteOptions& options);

}  // namespace iris::remote
