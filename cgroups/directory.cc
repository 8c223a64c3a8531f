// SPDX-License-Identifier: Apache-2.0
#include "cgroups/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace berth::cgroups {
namespace {

absl::Status CheckName(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
      name.find('\0') != name.npos) {
    return base::InvalidArgument("bad cgroup name \"", name, "\"");
  }
  return absl::OkStatus();
}

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

}  // namespace

absl::StatusOr<Directory> Directory::Open(std::string_view path) {
  const std::string name(path);
  kernel::UniqueFd fd(open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return base::FromErrno(errno, base::StrCat("opening ", path));
  return Directory(std::move(fd));
}

absl::StatusOr<Directory> Directory::Child(std::string_view name) const {
  RETURN_IF_ERROR(CheckName(name));
  const std::string text(name);
  kernel::UniqueFd fd(
      openat(fd_.get(), text.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return base::FromErrno(errno, base::StrCat("opening cgroup ", name));
  return Directory(std::move(fd));
}

absl::StatusOr<Directory> Directory::MakeChild(std::string_view name) const {
  RETURN_IF_ERROR(CheckName(name));
  const std::string text(name);
  if (mkdirat(fd_.get(), text.c_str(), 0755) != 0 && errno != EEXIST) {
    return base::FromErrno(errno, base::StrCat("making cgroup ", name));
  }
  return Child(name);
}

absl::StatusOr<std::vector<std::string>> Directory::Children() const {
  const int fd = openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return base::FromErrno(errno, "reading a cgroup directory");
  std::unique_ptr<DIR, CloseDir> dir(fdopendir(fd));
  if (dir == nullptr) {
    const int error = errno;
    close(fd);
    return base::FromErrno(error, "reading a cgroup directory");
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_dir = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat st {};
      is_dir = fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
    }
    if (is_dir) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Directory::RemoveTree(std::string_view name) const {
  auto child = Child(name);
  if (absl::IsNotFound(child.status())) return absl::OkStatus();
  RETURN_IF_ERROR(child.status());
  ASSIGN_OR_RETURN(const auto names, child->Children());
  for (const auto& below : names) RETURN_IF_ERROR(child->RemoveTree(below));
  const std::string text(name);
  if (unlinkat(fd_.get(), text.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  if (errno == EBUSY) return base::FailedPrecondition("cgroup ", name, " still has processes");
  return base::FromErrno(errno, base::StrCat("removing cgroup ", name));
}

absl::StatusOr<std::string> Directory::Read(std::string_view file) const {
  RETURN_IF_ERROR(CheckName(file));
  const std::string text(file);
  kernel::UniqueFd fd(openat(fd_.get(), text.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return base::FromErrno(errno, base::StrCat("opening ", file));
  std::string out;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::FromErrno(errno, base::StrCat("reading ", file));
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status Directory::Write(std::string_view file, std::string_view value) const {
  RETURN_IF_ERROR(CheckName(file));
  const std::string text(file);
  kernel::UniqueFd fd(openat(fd_.get(), text.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!fd.valid()) return base::FromErrno(errno, base::StrCat("opening ", file));
  if (write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return base::FromErrno(errno, base::StrCat("writing \"", value, "\" to ", file));
  }
  return absl::OkStatus();
}

bool Directory::Has(std::string_view file) const {
  const std::string text(file);
  return CheckName(file).ok() && faccessat(fd_.get(), text.c_str(), F_OK, 0) == 0;
}

absl::StatusOr<std::vector<pid_t>> Directory::ProcessesBelow() const {
  std::vector<pid_t> pids;
  if (const auto text = Read("cgroup.procs"); text.ok()) {
    for (const auto line : base::Split(*text, '\n')) {
      // 0 stands for a process outside of our pid namespace.
      if (const auto pid = base::ParseInt<pid_t>(line); pid.has_value() && *pid > 0) {
        pids.push_back(*pid);
      }
    }
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  ASSIGN_OR_RETURN(const auto names, Children());
  for (const auto& name : names) {
    const auto child = Child(name);
    if (absl::IsNotFound(child.status())) continue;
    RETURN_IF_ERROR(child.status());
    ASSIGN_OR_RETURN(const auto below, child->ProcessesBelow());
    pids.insert(pids.end(), below.begin(), below.end());
  }
  return pids;
}

}  // namespace berth::cgroups
