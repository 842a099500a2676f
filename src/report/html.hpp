// The report as one HTML page that needs nothing else: no network, no other file.
#pragma once

#include <string>
#include <vector>

#include "report/records.hpp"

namespace iris::report {

// A content security policy in the page lets only its own two scripts run and nothing be fetched.
std::string to_html(const std::vector<Run>& runs);

}  // namespace iris::report
