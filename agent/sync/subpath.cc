// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/subpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

kernel::UniqueFd OpenBeneath(int dir, const std::string& path) {
  struct open_how how {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return kernel::UniqueFd(
      static_cast<int>(syscall(SYS_openat2, dir, path.c_str(), &how, sizeof(how))));
}

absl::StatusOr<std::string> RealPath(int fd) {
  const std::string link = base::StrCat("/proc/self/fd/", fd);
  char buffer[4096];
  const ssize_t n = readlink(link.c_str(), buffer, sizeof(buffer));
  if (n <= 0) return base::FromErrno(errno, "reading a subPath's real path");
  return std::string(buffer, static_cast<size_t>(n));
}

}  // namespace

absl::StatusOr<std::string> ResolveSubpath(std::string_view volume, std::string_view subpath) {
  ASSIGN_OR_RETURN(const kernel::UniqueFd found, OpenSubpath(volume, subpath));
  return RealPath(found.get());
}

absl::StatusOr<kernel::UniqueFd> OpenSubpath(std::string_view volume, std::string_view subpath) {
  if (subpath.starts_with("/")) {
    return base::InvalidArgument("subPath \"", subpath, "\" must not be an absolute path");
  }
  std::vector<std::string> parts;
  for (const auto part : base::Split(subpath, '/')) {
    if (part == "..") {
      return base::InvalidArgument("subPath \"", subpath, "\" must not contain \"..\"");
    }
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  const std::string root(volume);
  kernel::UniqueFd base_fd(open(root.c_str(), O_PATH | O_CLOEXEC));
  if (!base_fd.valid()) return base::FromErrno(errno, base::StrCat("opening volume ", volume));
  if (parts.empty()) return base_fd;
  struct stat st {};
  const bool have_mode = fstat(base_fd.get(), &st) == 0;
  std::string path;
  kernel::UniqueFd here;
  for (const auto& part : parts) {
    const std::string next = path.empty() ? part : base::StrCat(path, "/", part);
    here = OpenBeneath(base_fd.get(), next);
    if (!here.valid() && errno == ENOENT) {
      const kernel::UniqueFd parent = OpenBeneath(base_fd.get(), path.empty() ? "." : path);
      if (!parent.valid()) return base::FromErrno(errno, base::StrCat("subPath ", subpath));
      // Made with the volume's own mode, as the kubelet does.
      const mode_t mode = have_mode ? (st.st_mode & 0777) : 0750;
      if (mkdirat(parent.get(), part.c_str(), mode) != 0 && errno != EEXIST) {
        return base::FromErrno(errno, base::StrCat("making subPath ", subpath));
      }
      here = OpenBeneath(base_fd.get(), next);
    }
    if (!here.valid()) return base::FromErrno(errno, base::StrCat("subPath ", subpath));
    path = next;
  }
  return here;
}

absl::StatusOr<std::string> ExpandSubpath(
    std::string_view expression, const std::vector<std::pair<std::string, std::string>>& env) {
  std::string out;
  for (size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] != '$' || i + 1 >= expression.size()) {
      out.push_back(expression[i]);
      continue;
    }
    if (expression[i + 1] == '$') {
      out.push_back('$');
      ++i;
      continue;
    }
    const size_t close = expression[i + 1] == '(' ? expression.find(')', i) : expression.npos;
    if (close == expression.npos) {
      out.push_back('$');
      continue;
    }
    const std::string_view name = expression.substr(i + 2, close - i - 2);
    const auto it = std::find_if(env.begin(), env.end(),
                                 [&](const auto& entry) { return entry.first == name; });
    if (it == env.end()) {
      return base::InvalidArgument("missing value for \"", name, "\"");
    }
    out.append(it->second);
    i = close;
  }
  return out;
}

}  // namespace berth::agent
