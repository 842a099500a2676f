// A remote in a bucket of Google Cloud Storage, by its JSON API. DVC's settings: credentialpath,
// endpointurl, allow_anonymous_login. With an emulator's endpoint (STORAGE_EMULATOR_HOST, or an
// endpointurl that is no https) no credentials are sent unless credentialpath names them, and then
// to loopback only.
//
// API: cloud.google.com/storage/docs/json_api/v1/objects, …/docs/performing-resumable-uploads.
#pragma once

#include "remote/remote.hpp"

namespace iris::remote {

Result<std::unique_ptr<Remote>> open_gs_remote(const RemoteSettings& settings,
                                               const RemoteOptions& options);

}  // namespace iris::remote
