// A remote that is a folder: of this machine, or mounted.
#pragma once

#include "remote/remote.hpp"

namespace iris::remote {

Result<std::unique_ptr<Remote>> open_folder_remote(const std::string& folder);

}  // namespace iris::remote
