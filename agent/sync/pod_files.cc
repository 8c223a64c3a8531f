// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/pod_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/sync/dns.h"
#include "agent/sync/sandbox_config.h"
#include "agent/sync/subpath.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;

absl::Status MakeDir(const std::string& path, mode_t mode) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return base::FromErrno(errno, base::StrCat("making ", path));
  }
  return absl::OkStatus();
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Written anew only when it changed: containers have the file itself mounted, so it keeps its
// inode.
absl::Status WriteText(const std::string& path, const std::string& text, mode_t mode) {
  if (ReadText(path) == text && fs::exists(path)) return absl::OkStatus();
  kernel::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd.valid()) return base::FromErrno(errno, base::StrCat("opening ", path));
  if (fchmod(fd.get(), mode) != 0 ||
      write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return base::FromErrno(errno, base::StrCat("writing ", path));
  }
  return absl::OkStatus();
}

bool MountsAt(const api::core::v1::Container& container, std::string_view path) {
  return std::any_of(container.volume_mounts().begin(), container.volume_mounts().end(),
                     [&](const auto& mount) { return mount.mount_path() == path; });
}

}  // namespace

std::string HostsText(const api::core::v1::Pod& pod, const std::vector<std::string>& pod_ips,
                      std::string_view cluster_domain, std::string_view host_text) {
  std::string out;
  if (pod.spec().host_network()) {
    out = base::StrCat("# Kubernetes-managed hosts file (host network).\n", host_text);
    if (!out.ends_with("\n")) out.push_back('\n');
  } else {
    out =
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n";
    const std::string fqdn = FqdnOf(pod, cluster_domain);
    for (const auto& ip : pod_ips) {
      base::StrAppend(out, ip, "\t", fqdn.empty() ? "" : base::StrCat(fqdn, "\t"), HostnameOf(pod),
                      "\n");
    }
  }
  if (pod.spec().host_aliases_size() > 0) {
    out.append("\n# Entries added by HostAliases.\n");
    for (const auto& alias : pod.spec().host_aliases()) {
      base::StrAppend(out, alias.ip(), "\t", base::Join(alias.hostnames(), "\t"), "\n");
    }
  }
  return out;
}

std::string PodFiles::PodDir(std::string_view uid) const {
  return base::StrCat(paths_.root_dir, "/pods/", uid);
}

absl::Status PodFiles::MakeDirs(const api::core::v1::Pod& pod) const {
  const std::string dir = PodDir(pod.metadata().uid());
  for (const char* below : {"", "/volumes", "/plugins", "/containers"}) {
    RETURN_IF_ERROR(MakeDir(dir + below, 0750));
  }
  return MakeDir(PodLogDir(paths_.pod_logs_dir, pod), 0755);
}

absl::StatusOr<std::string> PodFiles::WriteHosts(const api::core::v1::Pod& pod,
                                                 const std::vector<std::string>& pod_ips) const {
  const std::string path = base::StrCat(PodDir(pod.metadata().uid()), "/etc-hosts");
  const std::string host =
      pod.spec().host_network() ? ReadText(paths_.host_hosts_file) : std::string();
  RETURN_IF_ERROR(WriteText(path, HostsText(pod, pod_ips, paths_.cluster_domain, host), 0644));
  return path;
}

absl::StatusOr<std::vector<HostMount>> PodFiles::Mounts(
    const api::core::v1::Pod& pod, const api::core::v1::Container& container, int restart_count,
    const MountedVolumes& mounted, PodVolumes& volumes, const std::vector<std::string>& pod_ips,
    const std::vector<std::pair<std::string, std::string>>& env) const {
  std::vector<HostMount> mounts;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const auto& mount = container.volume_mounts(i);
    const auto volume = mounted.find(mount.name());
    if (volume == mounted.end()) {
      return base::InvalidArgument("volume \"", mount.name(), "\" of mount ", mount.mount_path(),
                                   " is not there");
    }
    HostMount out;
    out.container_path = mount.mount_path();
    if (!out.container_path.starts_with("/")) out.container_path.insert(0, "/");
    out.host_path = volume->second.host_path;
    out.read_only = mount.read_only() || volume->second.read_only;
    out.propagation = mount.mount_propagation();
    std::string subpath = mount.sub_path();
    if (!mount.sub_path_expr().empty()) {
      ASSIGN_OR_RETURN(subpath, ExpandSubpath(mount.sub_path_expr(), env), "subPathExpr of mount ",
                       mount.mount_path());
    }
    if (!subpath.empty()) {
      ASSIGN_OR_RETURN(out.host_path,
                       volumes.BindSubpath({pod.metadata().uid(), mount.name(), container.name(), i,
                                            volume->second.host_path, subpath}),
                       "failed to prepare subPath for volumeMount \"", mount.name(),
                       "\" of container \"", container.name(), "\"");
    }
    mounts.push_back(std::move(out));
  }
  if (!MountsAt(container, "/etc/hosts")) {
    ASSIGN_OR_RETURN(std::string hosts, WriteHosts(pod, pod_ips));
    mounts.push_back({"/etc/hosts", std::move(hosts), false, ""});
  }
  if (!container.termination_message_path().empty()) {
    const std::string dir =
        base::StrCat(PodDir(pod.metadata().uid()), "/containers/", container.name());
    RETURN_IF_ERROR(MakeDir(dir, 0750));
    const std::string path = base::StrCat(dir, "/", restart_count);
    std::error_code error;
    fs::remove(path, error);
    RETURN_IF_ERROR(WriteText(path, "", 0666));
    mounts.push_back({container.termination_message_path(), path, false, ""});
  }
  return mounts;
}

void PodFiles::LinkLog(const api::core::v1::Pod& pod, std::string_view container,
                       std::string_view id, int restart_count) const {
  if (paths_.container_logs_dir.empty()) return;
  const auto& meta = pod.metadata();
  std::error_code error;
  fs::create_directories(paths_.container_logs_dir, error);
  const std::string link = base::StrCat(paths_.container_logs_dir, "/", meta.name(), "_",
                                        meta.namespace_(), "_", container, "-", id, ".log");
  fs::remove(link, error);
  // Only log collectors miss it: without the directory pods run all the same.
  fs::create_symlink(
      base::StrCat(PodLogDir(paths_.pod_logs_dir, pod), "/", container, "/", restart_count, ".log"),
      link, error);
}

void PodFiles::RemoveLog(std::string_view log_path) const {
  std::error_code error;
  if (!log_path.empty()) {
    const fs::path path{std::string(log_path)};
    fs::remove(path, error);
    const std::string rotated = path.filename().string() + ".";
    for (const auto& entry : fs::directory_iterator(path.parent_path(), error)) {
      std::error_code ignored;
      if (entry.path().filename().string().starts_with(rotated)) fs::remove(entry, ignored);
    }
  }
  if (paths_.container_logs_dir.empty()) return;
  for (const auto& entry : fs::directory_iterator(paths_.container_logs_dir, error)) {
    std::error_code ignored;
    if (!entry.is_symlink(ignored)) continue;
    const fs::path target = fs::read_symlink(entry.path(), ignored);
    if (target.string().starts_with(paths_.pod_logs_dir) && !fs::exists(target, ignored)) {
      fs::remove(entry.path(), ignored);
    }
  }
}

absl::Status PodFiles::RemovePod(std::string_view namespace_, std::string_view name,
                                 std::string_view uid) const {
  std::error_code error;
  RemoveLogs({std::string(namespace_), std::string(name), std::string(uid)});
  const std::string dir = PodDir(uid);
  // Volumes belong to whoever mounted them: never walk into one that is still there.
  for (const char* below : {"volumes", "plugins", "volume-subpaths"}) {
    const fs::path path = fs::path(dir) / below;
    if (!fs::exists(path, error)) continue;
    for (const auto& plugin : fs::directory_iterator(path, error)) {
      std::error_code ignored;
      fs::remove(plugin.path(), ignored);
      if (fs::exists(plugin.path(), ignored)) {
        return base::FailedPrecondition("pod ", uid, " still has volumes");
      }
    }
    fs::remove(path, error);
  }
  fs::remove_all(fs::path(dir) / "containers", error);
  fs::remove(fs::path(dir) / "etc-hosts", error);
  fs::remove(fs::path(dir), error);
  if (error && fs::exists(dir)) return base::FailedPrecondition("removing ", dir, " failed");
  return absl::OkStatus();
}

void PodFiles::RemoveLogs(const LogOwner& pod) const {
  std::error_code error;
  fs::remove_all(
      base::StrCat(paths_.pod_logs_dir, "/", pod.namespace_, "_", pod.name, "_", pod.uid), error);
  RemoveLog("");
}

std::vector<PodFiles::LogOwner> PodFiles::ListLogDirs() const {
  std::vector<LogOwner> owners;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(paths_.pod_logs_dir, error)) {
    // None of the three has an underscore.
    const std::string dir = entry.path().filename().string();
    const auto parts = base::Split(dir, '_');
    if (parts.size() != 3) continue;
    owners.push_back({std::string(parts[0]), std::string(parts[1]), std::string(parts[2])});
  }
  return owners;
}

std::vector<std::string> PodFiles::ListPodDirs() const {
  std::vector<std::string> uids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(base::StrCat(paths_.root_dir, "/pods"), error)) {
    uids.push_back(entry.path().filename().string());
  }
  return uids;
}

}  // namespace berth::agent
