// SPDX-License-Identifier: Apache-2.0
#include "agent/server/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::FromErrno;
using kernel::UniqueFd;

constexpr size_t kChunk = 64 << 10;
// A line that never ends must not fill the memory.
constexpr size_t kLongestLine = 1 << 20;

absl::StatusOr<size_t> ReadSome(int fd, std::array<char, kChunk>& buffer) {
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return FromErrno(errno, "reading a log");
  }
}

}  // namespace

std::optional<LogEntry> ParseLogEntry(std::string_view line) {
  LogEntry entry;
  const size_t first = line.find(' ');
  if (first == line.npos) return std::nullopt;
  entry.time = line.substr(0, first);
  const size_t second = line.find(' ', first + 1);
  if (second == line.npos) return std::nullopt;
  entry.stream = line.substr(first + 1, second - first - 1);
  if (entry.stream != "stdout" && entry.stream != "stderr") return std::nullopt;
  size_t third = line.find(' ', second + 1);
  if (third == line.npos) third = line.size();
  // Tags are separated by colons; the first says whether the line goes on.
  const std::string_view tags = line.substr(second + 1, third - second - 1);
  const std::string_view tag = tags.substr(0, tags.find(':'));
  if (tag != "F" && tag != "P") return std::nullopt;
  entry.partial = tag == "P";
  entry.text = third < line.size() ? line.substr(third + 1) : std::string_view();
  return entry;
}

absl::StatusOr<LogFile> LogFile::Open(std::string path, const LogOptions& options) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FromErrno(errno, base::StrCat("opening ", path));
  LogFile file(std::move(path), options, std::move(fd));
  RETURN_IF_ERROR(file.SkipToTail());
  return file;
}

// Remembers where the last lines begin while reading once through the file, which rotation keeps
// small.
absl::Status LogFile::SkipToTail() {
  if (!options_.tail_lines) return absl::OkStatus();
  const size_t want = static_cast<size_t>(*options_.tail_lines);
  std::deque<off_t> starts;  // of logical lines, the last `want` of them
  std::array<char, kChunk> buffer;
  std::string line;
  off_t offset = 0, line_start = 0;
  bool begins = true;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, ReadSome(fd_.get(), buffer));
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i, ++offset) {
      if (buffer[i] != '\n') {
        if (line.size() < 128) line.push_back(buffer[i]);
        continue;
      }
      if (begins) starts.push_back(line_start);
      if (starts.size() > want) starts.pop_front();
      const auto entry = ParseLogEntry(line);
      begins = !entry || !entry->partial;
      line.clear();
      line_start = offset + 1;
    }
  }
  const off_t start = starts.empty() ? (want == 0 ? line_start : 0) : starts.front();
  if (lseek(fd_.get(), start, SEEK_SET) < 0) return FromErrno(errno, path_);
  return absl::OkStatus();
}

// True when there is more to read: of this file, which was cut off, or of another under its path.
bool LogFile::FindNext() {
  struct stat mine {
  }, there{};
  if (fstat(fd_.get(), &mine) != 0 || stat(path_.c_str(), &there) != 0) return false;
  if (mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
    // Cut off in place: begin anew.
    if (there.st_size < lseek(fd_.get(), 0, SEEK_CUR)) return lseek(fd_.get(), 0, SEEK_SET) == 0;
    return false;
  }
  next_ = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  return next_.valid();
}

absl::StatusOr<bool> LogFile::Read(size_t at_most, std::string& out) {
  std::array<char, kChunk> buffer;
  for (size_t taken = 0; taken < at_most && !exhausted();) {
    ASSIGN_OR_RETURN(const size_t count, ReadSome(fd_.get(), buffer));
    if (count == 0) {
      // The runtime wrote to this file until the next one was there: it is read to its end again.
      if (next_.valid()) {
        fd_ = std::move(next_);
      } else if (!FindNext()) {
        return false;
      }
      continue;
    }
    taken += count;
    unfinished_.append(buffer.data(), count);
    Consume(out);
  }
  return !exhausted();
}

void LogFile::Consume(std::string& out) {
  size_t start = 0;
  while (!exhausted()) {
    const size_t end = unfinished_.find('\n', start);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(unfinished_).substr(start, end - start);
    start = end + 1;
    // What is not in the format is not the container's word.
    if (const auto entry = ParseLogEntry(line)) Emit(*entry, out);
  }
  unfinished_.erase(0, start);
  if (unfinished_.size() > kLongestLine) unfinished_.clear();
}

void LogFile::Emit(const LogEntry& entry, std::string& out) {
  if (at_line_start_ && options_.since) {
    absl::Time at;
    const bool known = absl::ParseTime(absl::RFC3339_full, base::Av(entry.time), &at, nullptr);
    skipping_ = known && at < *options_.since;
  }
  const size_t before = out.size();
  if (!skipping_) {
    if (at_line_start_ && options_.timestamps) base::StrAppend(out, entry.time, " ");
    out.append(entry.text);
    if (!entry.partial) out.push_back('\n');
  }
  at_line_start_ = !entry.partial;
  if (!options_.limit_bytes) return;
  const int64_t added = static_cast<int64_t>(out.size() - before);
  if (added > left_) out.resize(before + static_cast<size_t>(left_));
  left_ -= std::min(added, left_);
}

}  // namespace berth::agent
