// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/subpath_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "agent/sync/subpath.h"
#include "agent/volumes/directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr char kFolder[] = "/volume-subpaths";

absl::StatusOr<bool> IsThere(const std::string& path, const struct stat& wanted, Mounter& mounter) {
  ASSIGN_OR_RETURN(const bool mounted, mounter.IsMounted(path));
  struct stat st {};
  if (!mounted || lstat(path.c_str(), &st) != 0) return false;
  return st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino;
}

// A mount point of the kind that is to be mounted; one of the other kind makes place.
absl::Status MakeMountPoint(const std::string& folder, const std::string& name, bool directory) {
  ASSIGN_OR_RETURN(const kernel::UniqueFd parent, MakeDirectory(folder));
  struct stat st {};
  if (fstatat(parent.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(st.st_mode) == directory) return absl::OkStatus();
    if (unlinkat(parent.get(), name.c_str(), S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) != 0) {
      return base::FromErrno(errno, base::StrCat(folder, "/", name));
    }
  }
  if (directory) {
    if (mkdirat(parent.get(), name.c_str(), 0750) == 0) return absl::OkStatus();
    return base::FromErrno(errno, base::StrCat("making ", folder, "/", name));
  }
  return WriteNewFileAt(parent.get(), name, "", 0640, std::nullopt, std::nullopt);
}

}  // namespace

absl::StatusOr<std::string> MakeSubpathMount(const std::string& pod_dir, const SubpathMount& mount,
                                             Mounter& mounter) {
  ASSIGN_OR_RETURN(const kernel::UniqueFd found, OpenSubpath(mount.volume_path, mount.subpath));
  struct stat wanted {};
  if (fstat(found.get(), &wanted) != 0) return base::FromErrno(errno, "subPath");
  const std::string folder =
      base::StrCat(pod_dir, kFolder, "/", mount.volume, "/", mount.container);
  const std::string name = base::StrCat(mount.index);
  const std::string path = base::StrCat(folder, "/", name);
  ASSIGN_OR_RETURN(const bool there, IsThere(path, wanted, mounter));
  if (there) return path;
  RETURN_IF_ERROR(mounter.Unmount(path));
  RETURN_IF_ERROR(MakeMountPoint(folder, name, S_ISDIR(wanted.st_mode)));
  RETURN_IF_ERROR(mounter.Bind(found.get(), path));
  return path;
}

absl::Status RemoveSubpathMounts(const std::string& pod_dir, Mounter& mounter) {
  const std::string top = base::StrCat(pod_dir, kFolder);
  const auto volumes = OpenDirectory(top);
  if (absl::IsNotFound(volumes.status())) return absl::OkStatus();
  RETURN_IF_ERROR(volumes.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(volumes->get()));
  for (const std::string& volume : names) {
    ASSIGN_OR_RETURN(const kernel::UniqueFd folder, OpenDirectoryAt(volumes->get(), volume));
    ASSIGN_OR_RETURN(const std::vector<std::string> containers, ListDirectory(folder.get()));
    for (const std::string& container : containers) {
      ASSIGN_OR_RETURN(const kernel::UniqueFd mounts, OpenDirectoryAt(folder.get(), container));
      ASSIGN_OR_RETURN(const std::vector<std::string> all, ListDirectory(mounts.get()));
      for (const std::string& index : all) {
        RETURN_IF_ERROR(
            mounter.Unmount(base::StrCat(top, "/", volume, "/", container, "/", index)));
      }
    }
  }
  ASSIGN_OR_RETURN(const kernel::UniqueFd pod, OpenDirectory(pod_dir));
  return RemoveTreeAt(pod.get(), "volume-subpaths");
}

}  // namespace berth::agent
