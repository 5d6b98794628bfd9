// Credentials from a program that the user names in a profile.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "aws/failure.h"
#include "aws/signer.h"

namespace weir::aws {

/// Runs `command`, as the CLI does without a shell, and reads the JSON that it prints. What it says
/// on stderr the user sees; what it prints is shown to nobody, and neither is `command`: errors
/// have `where`. A program that has not ended after `timeout`, or soon after `is_cancelled` is set
/// (which may be null), is killed.
Result<Credentials> credentials_of_process(const std::string& command, const std::string& where,
                                           const std::atomic<bool>* is_cancelled,
                                           std::chrono::seconds timeout = std::chrono::seconds(60));

}  // namespace weir::aws
