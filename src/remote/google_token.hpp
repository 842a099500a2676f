// Who we are for Google Cloud: access tokens, fetched when they are needed and kept in memory only.
//
// Looked for in this order, as Google's own libraries do (google.aip.dev/auth/4110):
//   1. the file that the remote's `credentialpath` names
//   2. the file that GOOGLE_APPLICATION_CREDENTIALS names
//   3. application_default_credentials.json of gcloud
//   4. the metadata server of the machine
// A file is a service account's key, a user's credentials (gcloud auth application-default login)
// or a workload identity federation's configuration (external_account, with a file or a URL).
#pragma once

#include <memory>
#include <string>

#include "remote/http_transfer.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

// Fails, as the environment's fault, when a file cannot be read or is of no known kind. Whether the
// credentials are accepted shows with the first request. `key_file` is 1.; it may be empty.
Result<std::unique_ptr<Authorization>> open_google_token(const std::string& key_file,
                                                         const RemoteOptions& options);

// The signed claim that a service account's key is exchanged for a token with (RFC 7523). `key` is
// the key file's content.
Result<std::string> service_account_claim(const std::string& key, WallTime now);

}  // namespace iris::remote
