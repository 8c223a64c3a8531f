// SPDX-License-Identifier: Apache-2.0
#include "kernel/run_program.h"

#define BOOST_PROCESS_USE_STD_FS  // Boost.Filesystem would be one more library to link
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/process.hpp>
#include <filesystem>
#include <future>

#include "base/status.h"
#include "base/strings.h"

namespace berth::kernel {

namespace process = boost::process;

absl::StatusOr<std::string> RunProgram(const std::string& name,
                                       const std::vector<std::string>& arguments,
                                       std::string_view input, absl::Duration deadline) {
  std::vector<std::filesystem::path> folders = boost::this_process::path();
  folders.insert(folders.end(), {"/usr/sbin", "/usr/bin", "/sbin", "/bin"});
  const std::filesystem::path program = process::search_path(name, folders);
  if (program.empty()) return base::NotFound("no program ", name);

  boost::asio::io_context io;
  std::future<std::string> output;
  std::future<std::string> complaint;
  std::error_code error;
  process::child child(
      program, process::args(arguments),
      process::std_in<boost::asio::buffer(input.data(), input.size()), process::std_out> output,
      process::std_err > complaint, io, error);
  if (error) return base::FromErrno(error.value(), name);
  io.run_for(absl::ToChronoNanoseconds(deadline));
  if (!io.stopped()) {
    child.terminate(error);
    io.run();
    return base::MakeStatus(absl::StatusCode::kDeadlineExceeded, name, " took longer than ",
                            absl::FormatDuration(deadline));
  }
  child.wait(error);
  if (child.exit_code() != 0) {
    return base::Internal(name, " ended with code ", child.exit_code(), ": ",
                          base::Trim(complaint.get()));
  }
  return output.get();
}

}  // namespace berth::kernel
