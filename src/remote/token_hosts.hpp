// Which servers may see a Google Cloud credential. A repository's files choose endpoints and
// credentials files, so that they must not choose who gets the user's token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace iris::remote {

// True for https to Google's hosts, for this machine, and for https to one of the `allowed` ones
// (HOST or HOST:PORT), which the user names.
bool may_see_token(std::string_view url, const std::vector<std::string>& allowed);

}  // namespace iris::remote
