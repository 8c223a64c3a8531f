// SPDX-License-Identifier: Apache-2.0
// Reads a container's log as the runtime writes it: "<time> <stdout|stderr> <F|P> <text>", where P
// is a part of a line that goes on. Single-threaded.
#ifndef BERTH_AGENT_SERVER_LOG_FILE_H_
#define BERTH_AGENT_SERVER_LOG_FILE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/server/log_options.h"
#include "kernel/fd.h"

namespace berth::agent {

struct LogEntry {
  std::string_view time, stream, text;
  bool partial = false;
};
// Of a line without its newline; nothing when it is not in the format.
std::optional<LogEntry> ParseLogEntry(std::string_view line);

class LogFile {
 public:
  // NotFound when there is no such file.
  static absl::StatusOr<LogFile> Open(std::string path, const LogOptions& options);

  // Appends what is there to `out`, about `at_most` bytes of the file; false at its end for now.
  // When the runtime has begun a new file under the path, goes on with that one.
  absl::StatusOr<bool> Read(size_t at_most, std::string& out);
  // No more output will come: limitBytes is reached.
  bool exhausted() const { return options_.limit_bytes && left_ <= 0; }
  const std::string& path() const { return path_; }

 private:
  LogFile(std::string path, const LogOptions& options, kernel::UniqueFd fd)
      : path_(std::move(path)),
        options_(options),
        fd_(std::move(fd)),
        left_(options.limit_bytes.value_or(0)) {}
  absl::Status SkipToTail();
  void Consume(std::string& out);
  void Emit(const LogEntry& entry, std::string& out);
  bool FindNext();

  std::string path_;
  LogOptions options_;
  kernel::UniqueFd fd_;
  kernel::UniqueFd next_;   // the file that goes on, once the end of this one has been read
  int64_t left_ = 0;        // of limitBytes
  std::string unfinished_;  // bytes after the last newline
  bool at_line_start_ = true;
  bool skipping_ = false;  // within a line that is older than `since`
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_LOG_FILE_H_
