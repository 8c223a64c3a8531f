// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/manifest_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "agent/sources/static_pod.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

using base::StrCat;

constexpr size_t kMaxBytes = 10 << 20;

// NotFound when it has gone since it was listed, FailedPrecondition for what is no plain file.
absl::StatusOr<std::string> ReadPlainFile(const std::string& path) {
  // A fifo would hold up the reader.
  const kernel::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return base::FromErrno(errno, "reading");
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return base::FromErrno(errno, "reading");
  if (!S_ISREG(info.st_mode)) return base::FailedPrecondition("not a file");
  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got == 0) return text;
    if (got < 0) return base::FromErrno(errno, "reading");
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxBytes) return base::InvalidArgument("larger than 10 MiB");
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ManifestFolder::List() const {
  std::error_code error;
  const auto status = std::filesystem::status(path_, error);
  if (!std::filesystem::exists(status)) return std::vector<std::string>();
  if (std::filesystem::is_regular_file(status)) return std::vector<std::string>{path_};
  if (!std::filesystem::is_directory(status)) {
    return base::FailedPrecondition(path_, ": neither a folder nor a file");
  }
  std::vector<std::string> paths;
  auto it = std::filesystem::directory_iterator(path_, error);
  if (error) return base::FromErrno(error.value(), path_);
  for (const auto end = std::filesystem::directory_iterator(); it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (!name.starts_with('.')) paths.push_back(it->path());
  }
  if (error) return base::FromErrno(error.value(), path_);
  std::sort(paths.begin(), paths.end());
  return paths;
}

void ManifestFolder::ReadFile(const std::string& path, absl::Time now, Reading& out) {
  auto text = ReadPlainFile(path);
  if (absl::IsFailedPrecondition(text.status())) return;
  File& file = files_[path];
  const bool same = text.ok() && *text == file.text;
  if (same && file.good) return;
  absl::Status problem = text.status();
  if (text.ok()) {
    file.text = *std::move(text);
    file.told = file.told && same;
    auto pods = ReadManifest(file.text, {ManifestOrigin::Kind::kFile, path, node_name_}, now);
    problem = pods.status();
    file.good = pods.ok();
    if (pods.ok()) file.pods = *std::move(pods);
  }
  if (problem.ok() || file.told) return;
  // The second look in vain is worth a word.
  if (text.ok() && !same) {
    out.look_again = true;
    return;
  }
  file.told = true;
  out.problems.push_back(StrCat(path, ": ", problem.message(),
                                file.pods.empty() ? "" : "; its pod stays as it was before"));
}

absl::StatusOr<ManifestFolder::Reading> ManifestFolder::Read(absl::Time now) {
  ASSIGN_OR_RETURN(const auto paths, List());
  Reading out;
  for (const auto& path : paths) ReadFile(path, now, out);
  const std::set<std::string> there(paths.begin(), paths.end());
  std::erase_if(files_, [&](const auto& entry) { return !there.contains(entry.first); });
  std::map<std::string, std::string> owner;  // of a pod's name
  for (auto& [path, file] : files_) {
    for (const auto& pod : file.pods) {
      const auto [it, is_new] = owner.try_emplace(api::KeyOf(*pod), path);
      if (is_new) {
        out.pods.push_back(pod);
      } else if (!file.told) {
        file.told = true;
        out.problems.push_back(StrCat(path, ": pod ", it->first, " is in ", it->second, ", too"));
      }
    }
  }
  return out;
}

}  // namespace berth::agent
