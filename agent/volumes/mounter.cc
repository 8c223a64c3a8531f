// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/mounter.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {

absl::Status SystemMounter::MountTmpfs(const std::string& path, std::optional<int64_t> bytes) {
  const std::string size = bytes ? base::StrCat("size=", *bytes) : std::string();
  // noswap came with Linux 6.4; older kernels refuse the word.
  for (const bool no_swap : {true, false}) {
    std::string options = size;
    if (no_swap) options += options.empty() ? "noswap" : ",noswap";
    if (mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0) return absl::OkStatus();
    if (errno != EINVAL) break;
  }
  return base::FromErrno(errno, base::StrCat("mounting a tmpfs on ", path));
}

absl::Status SystemMounter::Bind(int descriptor, const std::string& path) {
  // The kernel takes the descriptor's own place: no name is looked up again.
  const std::string from = base::StrCat("/proc/self/fd/", descriptor);
  if (mount(from.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0) return absl::OkStatus();
  return base::FromErrno(errno, base::StrCat("bind mounting on ", path));
}

absl::StatusOr<bool> SystemMounter::IsMounted(const std::string& path) {
  struct statx st {};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
            &st) != 0) {
    if (errno == ENOENT) return false;
    return base::FromErrno(errno, path);
  }
  return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

absl::Status SystemMounter::Unmount(const std::string& path) {
  while (true) {
    ASSIGN_OR_RETURN(const bool mounted, IsMounted(path));
    if (!mounted) return absl::OkStatus();
    if (umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    // Somebody still looks at it: the mount goes when he is done.
    if (errno == EBUSY && umount2(path.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) == 0) continue;
    return base::FromErrno(errno, base::StrCat("unmounting ", path));
  }
}

}  // namespace berth::agent
