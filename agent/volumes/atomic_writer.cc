// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/atomic_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "agent/volumes/directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::FromErrno;
using base::StrCat;
using kernel::UniqueFd;

constexpr char kData[] = "..data";
constexpr char kDataNew[] = "..data_tmp";

absl::Status CheckPath(std::string_view path) {
  if (path.empty() || path.front() == '/') {
    return base::InvalidArgument("invalid path \"", path, "\": must be relative");
  }
  if (path.starts_with("..")) {
    return base::InvalidArgument("invalid path \"", path, "\": must not start with \"..\"");
  }
  for (std::string_view part : base::Split(path, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return base::InvalidArgument("invalid path \"", path, "\"");
    }
    if (part.size() > 255) return base::InvalidArgument("invalid path: a name is too long");
  }
  return absl::OkStatus();
}

std::string First(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

std::set<std::string> TopNames(const Payload& payload) {
  std::set<std::string> out;
  for (const auto& [path, file] : payload) out.insert(First(path));
  return out;
}

// The files below a directory, by path. For the version that is shown now: it is small.
absl::Status CollectFiles(int directory, const std::string& prefix,
                          std::map<std::string, std::string>& out) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory));
  for (const std::string& name : names) {
    struct stat st {};
    if (fstatat(directory, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      return FromErrno(errno, name);
    }
    if (S_ISDIR(st.st_mode)) {
      ASSIGN_OR_RETURN(const UniqueFd inner, OpenDirectoryAt(directory, name));
      RETURN_IF_ERROR(CollectFiles(inner.get(), prefix + name + "/", out));
    } else {
      ASSIGN_OR_RETURN(out[prefix + name], ReadFileAt(directory, name));
    }
  }
  return absl::OkStatus();
}

bool Shows(int directory, const std::string& version, const Payload& payload) {
  if (version.empty() || version.find('/') != std::string::npos) return false;
  const auto shown = OpenDirectoryAt(directory, version);
  std::map<std::string, std::string> files;
  if (!shown.ok() || !CollectFiles(shown->get(), "", files).ok()) return false;
  return files.size() == payload.size() &&
         std::equal(files.begin(), files.end(), payload.begin(), [](const auto& a, const auto& b) {
           return a.first == b.first && a.second == b.second.content;
         });
}

absl::Status OwnDirectory(int directory, std::optional<gid_t> group) {
  if (group && fchown(directory, static_cast<uid_t>(-1), *group) != 0) {
    return FromErrno(errno, "changing a directory's group");
  }
  const mode_t mode = group ? (S_ISGID | 0755 | 0050) : 0755;
  if (fchmod(directory, mode) != 0) return FromErrno(errno, "changing a directory's mode");
  return absl::OkStatus();
}

absl::Status WriteFile(int version, const std::string& path, const VolumeFile& file,
                       std::optional<gid_t> group) {
  UniqueFd folder(dup(version));
  const auto parts = base::Split(path, '/');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::string name(parts[i]);
    if (mkdirat(folder.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
      return FromErrno(errno, path);
    }
    ASSIGN_OR_RETURN(UniqueFd inner, OpenDirectoryAt(folder.get(), name));
    RETURN_IF_ERROR(OwnDirectory(inner.get(), group));
    folder = std::move(inner);
  }
  const mode_t mode = group ? (file.mode | 0440) : file.mode;
  return WriteNewFileAt(folder.get(), std::string(parts.back()), file.content, mode & 07777,
                        file.uid, group);
}

// A new directory "..2006_01_02_15_04_05.123456789" with the payload.
absl::StatusOr<std::string> WriteVersion(int directory, const std::string& path,
                                         const Payload& payload, std::optional<gid_t> group,
                                         absl::Time now) {
  const std::string stamp = absl::FormatTime("..%Y_%m_%d_%H_%M_%S.", now, absl::UTCTimeZone());
  std::string name = StrCat(path, "/", stamp, "XXXXXX");
  if (mkdtemp(name.data()) == nullptr) return FromErrno(errno, name);
  name = name.substr(path.size() + 1);
  ASSIGN_OR_RETURN(const UniqueFd version, OpenDirectoryAt(directory, name));
  RETURN_IF_ERROR(OwnDirectory(version.get(), group));
  for (const auto& [file_path, file] : payload) {
    RETURN_IF_ERROR(WriteFile(version.get(), file_path, file, group), "writing ", file_path);
  }
  return name;
}

absl::Status Show(int directory, const std::string& version) {
  unlinkat(directory, kDataNew, 0);  // of an attempt that was cut short
  if (symlinkat(version.c_str(), directory, kDataNew) != 0) return FromErrno(errno, kDataNew);
  if (renameat(directory, kDataNew, directory, kData) != 0) return FromErrno(errno, kData);
  return absl::OkStatus();
}

absl::Status LinkNames(int directory, const std::set<std::string>& names) {
  for (const std::string& name : names) {
    const std::string target = StrCat(kData, "/", name);
    const auto link = ReadLinkAt(directory, name);
    if (link.ok() && *link == target) continue;
    RETURN_IF_ERROR(RemoveTreeAt(directory, name));
    if (symlinkat(target.c_str(), directory, name.c_str()) != 0) return FromErrno(errno, name);
  }
  return absl::OkStatus();
}

// Versions that are not shown.
absl::Status RemoveOtherVersions(int directory, const std::string& version) {
  ASSIGN_OR_RETURN(const std::vector<std::string> entries, ListDirectory(directory));
  for (const std::string& entry : entries) {
    if (entry.starts_with("..2") && entry != version) {
      RETURN_IF_ERROR(RemoveTreeAt(directory, entry));
    }
  }
  return absl::OkStatus();
}

// Links of ours to names that are no more.
absl::Status RemoveStaleLinks(int directory, const std::set<std::string>& names) {
  ASSIGN_OR_RETURN(const std::vector<std::string> entries, ListDirectory(directory));
  for (const std::string& entry : entries) {
    const auto link = ReadLinkAt(directory, entry);
    if (link.ok() && link->starts_with("..data/") && !names.contains(entry)) {
      RETURN_IF_ERROR(RemoveTreeAt(directory, entry));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> WritePayload(const std::string& directory, const Payload& payload,
                                  std::optional<gid_t> group, absl::Time now) {
  for (const auto& [path, file] : payload) RETURN_IF_ERROR(CheckPath(path));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory));
  const std::set<std::string> names = TopNames(payload);
  const std::string before = ReadLinkAt(fd.get(), kData).value_or("");
  if (Shows(fd.get(), before, payload)) {
    RETURN_IF_ERROR(LinkNames(fd.get(), names));
    return false;
  }
  const auto version = WriteVersion(fd.get(), directory, payload, group, now);
  if (!version.ok()) {
    // What is shown stays; the half-written version goes.
    RETURN_IF_ERROR(RemoveOtherVersions(fd.get(), before));
    return version.status();
  }
  RETURN_IF_ERROR(Show(fd.get(), *version));
  RETURN_IF_ERROR(LinkNames(fd.get(), names));
  RETURN_IF_ERROR(RemoveStaleLinks(fd.get(), names));
  RETURN_IF_ERROR(RemoveOtherVersions(fd.get(), *version));
  return true;
}

}  // namespace berth::agent
