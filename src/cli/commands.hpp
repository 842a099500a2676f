// The commands, in the order of the pipeline. A new command is a file of its own, a line here and
// a line in the table of main.cpp.
#pragma once

#include "cli/command.hpp"

namespace iris::cli {

Command check_command();
Command train_command();
Command evaluate_command();
Command predict_command();
Command inspect_command();
Command serve_command();
Command scale_command();
Command hpa_command();
Command report_command();
Command pull_command();
Command push_command();
Command doctor_command();
Command version_command();

}  // namespace iris::cli
