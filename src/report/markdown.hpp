// The report as GitHub's Markdown.
#pragma once

#include <string>
#include <vector>

#include "report/records.hpp"
#include "report/summary.hpp"

namespace iris::report {

std::string to_markdown(const std::vector<Run>& runs);

// A table padded so that it reads as plain text too.
std::string to_markdown(const Table& table);

// The table of results with the reference's rows marked, as `iris report` prints it.
std::string results_markdown(const Summary& summary);

}  // namespace iris::report
