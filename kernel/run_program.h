// SPDX-License-Identifier: Apache-2.0
// Runs another program, for the few things that have no interface but a command line.
#ifndef BERTH_KERNEL_RUN_PROGRAM_H_
#define BERTH_KERNEL_RUN_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::kernel {

// Looks for `name` on $PATH and in the folders of system programs, gives it `input` and returns
// what it printed. NotFound: there is no such program. DeadlineExceeded: it was killed. Internal:
// another exit code than 0, with what it wrote to its standard error. Blocks; any thread.
absl::StatusOr<std::string> RunProgram(const std::string& name,
                                       const std::vector<std::string>& arguments,
                                       std::string_view input, absl::Duration deadline);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_RUN_PROGRAM_H_
