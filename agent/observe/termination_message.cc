// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/termination_message.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

constexpr size_t kMaxMessage = 4096;
constexpr size_t kMaxLogBytes = 2048;
constexpr size_t kMaxLogLines = 80;

// The container wrote to it: neither a symlink nor a fifo may lead us elsewhere or hold us up.
std::string ReadAt(std::string_view path, size_t limit, bool from_end) {
  const std::string name(path);
  kernel::UniqueFd fd(open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st {};
  if (!fd.valid() || fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return "";
  off_t offset = 0;
  if (from_end && st.st_size > static_cast<off_t>(limit)) {
    offset = st.st_size - static_cast<off_t>(limit);
  }
  std::string out(limit, '\0');
  const ssize_t n = pread(fd.get(), out.data(), out.size(), offset);
  out.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return out;
}

// "<time> stdout F text" -> "text\n"; a partial line has no newline of its own.
std::string PlainLog(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto line : base::Split(text, '\n')) {
    const auto [time, rest] = base::SplitOnce(line, ' ');
    if (!rest.has_value()) continue;
    const auto [stream, tagged] = base::SplitOnce(*rest, ' ');
    if (!tagged.has_value() || (stream != "stdout" && stream != "stderr")) continue;
    const auto [tag, content] = base::SplitOnce(*tagged, ' ');
    lines.push_back(base::StrCat(content.value_or(""), tag == "P" ? "" : "\n"));
  }
  const size_t skip = lines.size() > kMaxLogLines ? lines.size() - kMaxLogLines : 0;
  return base::Join(std::vector<std::string>(lines.begin() + static_cast<long>(skip), lines.end()),
                    "");
}

}  // namespace

std::string ReadTerminationMessage(std::string_view path, std::string_view log_path) {
  std::string message = ReadAt(path, kMaxMessage, false);
  if (!message.empty() || log_path.empty()) return message;
  message = PlainLog(ReadAt(log_path, 4 * kMaxLogBytes, true));
  if (message.size() > kMaxLogBytes) message.erase(0, message.size() - kMaxLogBytes);
  return message;
}

}  // namespace berth::agent
