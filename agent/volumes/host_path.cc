// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/host_path.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/status.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

absl::Status Create(const std::string& path, bool directory) {
  struct stat st {};
  if (stat(path.c_str(), &st) == 0) return absl::OkStatus();
  if (directory) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return base::FromErrno(error.value(), path);
    return absl::OkStatus();
  }
  const kernel::UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return base::FromErrno(errno, path);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHostPath(const std::string& path, std::string_view type) {
  if (path.empty() || path.front() != '/') {
    return base::InvalidArgument("hostPath \"", path, "\" is not absolute");
  }
  for (std::string_view part : base::Split(path, '/')) {
    if (part == "..") return base::InvalidArgument("hostPath \"", path, "\" contains \"..\"");
  }
  if (type.empty()) return absl::OkStatus();
  if (type == "DirectoryOrCreate" || type == "FileOrCreate") {
    RETURN_IF_ERROR(Create(path, type == "DirectoryOrCreate"));
  }
  struct stat st {};
  const bool exists = stat(path.c_str(), &st) == 0;
  const mode_t kind = st.st_mode & S_IFMT;
  static constexpr struct {
    std::string_view type;
    mode_t kind;
    std::string_view name;
  } kTypes[] = {{"Directory", S_IFDIR, "directory"},
                {"DirectoryOrCreate", S_IFDIR, "directory"},
                {"File", S_IFREG, "file"},
                {"FileOrCreate", S_IFREG, "file"},
                {"Socket", S_IFSOCK, "socket"},
                {"CharDevice", S_IFCHR, "character device"},
                {"BlockDevice", S_IFBLK, "block device"}};
  for (const auto& known : kTypes) {
    if (known.type != type) continue;
    if (exists && kind == known.kind) return absl::OkStatus();
    return base::FailedPrecondition("hostPath type check failed: ", path, " is not a ", known.name);
  }
  return base::InvalidArgument("hostPath type \"", type, "\" is unknown");
}

}  // namespace berth::agent
