// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::FromErrno;
using base::StrCat;
using kernel::UniqueFd;

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

absl::Status RemoveContents(int directory, dev_t device) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  for (const std::string& name : names) {
    struct stat st {};
    if (fstatat(directory, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return FromErrno(errno, name);
    }
    if (!S_ISDIR(st.st_mode)) {
      if (unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
        return FromErrno(errno, name);
      }
      continue;
    }
    if (st.st_dev != device) {
      return base::FailedPrecondition(name, ": something is mounted here");
    }
    {
      ASSIGN_OR_RETURN(const UniqueFd inner, OpenDirectoryAt(directory, name));
      RETURN_IF_ERROR(RemoveContents(inner.get(), device), name);
    }
    if (unlinkat(directory, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      return FromErrno(errno, name);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> OpenDirectoryAt(int parent, const std::string& name) {
  const int fd = openat(parent, name.c_str(), kDirectoryFlags);
  if (fd < 0) return FromErrno(errno, name);
  return UniqueFd(fd);
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  return OpenDirectoryAt(AT_FDCWD, path);
}

absl::StatusOr<UniqueFd> MakeDirectory(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), 0750) != 0 && errno != EEXIST) return FromErrno(errno, part);
    if (at != std::string::npos) ++at;
  }
  return OpenDirectory(path);
}

absl::StatusOr<std::vector<std::string>> ListDirectory(int directory) {
  const int copy = openat(directory, ".", kDirectoryFlags);
  if (copy < 0) return FromErrno(errno, "opening a directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(copy), closedir);
  if (stream == nullptr) {
    const int error = errno;
    close(copy);
    return FromErrno(error, "opening a directory");
  }
  std::vector<std::string> out;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  if (errno != 0) return FromErrno(errno, "reading a directory");
  std::sort(out.begin(), out.end());
  return out;
}

absl::Status RemoveTreeAt(int parent, const std::string& name) {
  struct stat above {
  }, st{};
  if (fstat(parent, &above) != 0) return FromErrno(errno, name);
  if (fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? absl::OkStatus() : FromErrno(errno, name);
  }
  if (!S_ISDIR(st.st_mode)) {
    return unlinkat(parent, name.c_str(), 0) == 0 ? absl::OkStatus() : FromErrno(errno, name);
  }
  if (st.st_dev != above.st_dev) {
    return base::FailedPrecondition(name, ": something is mounted here");
  }
  {
    ASSIGN_OR_RETURN(const UniqueFd directory, OpenDirectoryAt(parent, name));
    RETURN_IF_ERROR(RemoveContents(directory.get(), st.st_dev), name);
  }
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0) return FromErrno(errno, name);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFileAt(int parent, const std::string& name) {
  const UniqueFd file(openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return FromErrno(errno, name);
  std::string out;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno(errno, name);
    if (count == 0) return out;
    out.append(buffer.data(), static_cast<size_t>(count));
  }
}

absl::Status WriteNewFileAt(int parent, const std::string& name, std::string_view content,
                            mode_t mode, std::optional<uid_t> uid, std::optional<gid_t> gid) {
  const UniqueFd file(
      openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return FromErrno(errno, name);
  for (std::string_view rest = content; !rest.empty();) {
    const ssize_t count = write(file.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno(errno, name);
    rest.remove_prefix(static_cast<size_t>(count));
  }
  if ((uid || gid) && fchown(file.get(), uid.value_or(-1), gid.value_or(-1)) != 0) {
    return FromErrno(errno, name);
  }
  // After the change of owner, which clears some bits; the umask has no say.
  if (fchmod(file.get(), mode) != 0) return FromErrno(errno, name);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadLinkAt(int parent, const std::string& name) {
  std::array<char, 4096> target;
  const ssize_t count = readlinkat(parent, name.c_str(), target.data(), target.size());
  if (count < 0) {
    return errno == EINVAL ? base::NotFound(name, ": no link") : FromErrno(errno, name);
  }
  return std::string(target.data(), static_cast<size_t>(count));
}

}  // namespace berth::agent
