// A query's answer on standard output: what the commands that ask SQL share.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/command_line.h"
#include "cli/log_source.h"
#include "query/engine.h"

namespace weir::cli {

/// Adds `--output table|json|csv|markdown|parquet`.
void add_answer_form_option(Command& command, std::string& form);
/// Error: the form is not for a terminal.
base::Expected<void> check_answer_form(const std::string& form);

/// Runs the query, prints its answer and what did not fit; Ctrl-C ends it. Returns the exit code.
int print_answer(query::Engine& engine, const std::string& sql, const LogSource& source,
                 const std::string& form);

}  // namespace weir::cli
