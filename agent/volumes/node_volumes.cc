// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/node_volumes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/env/amount.h"
#include "agent/resources/quantities.h"
#include "agent/volumes/directory.h"
#include "agent/volumes/host_path.h"
#include "agent/volumes/payloads.h"
#include "agent/volumes/subpath_mounts.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::FromErrno;
using base::StrCat;

std::optional<gid_t> FsGroup(const core::Pod& pod) {
  if (!pod.spec().security_context().has_fs_group()) return std::nullopt;
  return static_cast<gid_t>(pod.spec().security_context().fs_group());
}

// A pod's uid becomes a directory: nothing that leads elsewhere.
absl::Status CheckName(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos) {
    return base::InvalidArgument("\"", name, "\" cannot name a directory");
  }
  return absl::OkStatus();
}

// Not more than all pods may have, the pod may have, and the volume itself wants.
std::optional<int64_t> MemoryVolumeSize(const core::Pod& pod,
                                        const core::EmptyDirVolumeSource& source,
                                        const base::StringMap<std::string>& allocatable) {
  std::optional<int64_t> size;
  const auto lower = [&size](std::optional<int64_t> to) {
    if (to.has_value() && *to > 0) size = std::min(*to, size.value_or(*to));
  };
  if (const auto all = allocatable.find("memory"); all != allocatable.end()) {
    lower(UnitsOf(all->second));
  }
  PodAmounts amounts = AmountsOf(pod.spec());
  if (amounts.all_limit_memory) lower(amounts.limits["memory"]);
  if (source.has_size_limit()) lower(UnitsOf(source.size_limit().string()));
  return size;
}

// The JSON name of the source that is set: "nfs", "persistentVolumeClaim".
std::string SourceName(const core::VolumeSource& source) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  source.GetReflection()->ListFields(source, &set);
  return set.empty() ? "(none)" : std::string(set[0]->json_name());
}

}  // namespace

NodeVolumes::NodeVolumes(std::string root_dir, Mounter& mounter, ObjectReader& objects,
                         TokenIssuer issuer, base::Clock& clock)
    : root_dir_(std::move(root_dir)),
      mounter_(mounter),
      objects_(objects),
      tokens_(std::move(issuer), clock),
      clock_(clock) {}

absl::StatusOr<MountedVolumes> NodeVolumes::SetUp(const core::Pod& pod, absl::Duration) {
  RETURN_IF_ERROR(CheckName(pod.metadata().uid()), "pod uid");
  MountedVolumes out;
  for (const core::Volume& volume : pod.spec().volumes()) {
    ASSIGN_OR_RETURN(out[volume.name()], SetUpOne(pod, volume),
                     "MountVolume.SetUp failed for volume \"", volume.name(), "\" ");
  }
  return out;
}

absl::StatusOr<MountedVolume> NodeVolumes::SetUpOne(const core::Pod& pod,
                                                    const core::Volume& volume) {
  RETURN_IF_ERROR(CheckName(volume.name()), "volume name");
  const core::VolumeSource& source = volume.volume_source();
  const auto path = [&](std::string_view plugin) {
    return StrCat(root_dir_, "/pods/", pod.metadata().uid(), "/volumes/kubernetes.io~", plugin, "/",
                  volume.name());
  };
  PayloadMaker maker(pod, objects_, tokens_);
  if (source.has_host_path()) {
    RETURN_IF_ERROR(CheckHostPath(source.host_path().path(), source.host_path().type()));
    return MountedVolume{source.host_path().path(), false};
  }
  if (source.has_empty_dir()) {
    RETURN_IF_ERROR(SetUpEmptyDir(pod, source.empty_dir(), path("empty-dir")));
    return MountedVolume{path("empty-dir"), false};
  }
  if (source.has_config_map()) {
    ASSIGN_OR_RETURN(const Payload payload, maker.ConfigMap(source.config_map()));
    RETURN_IF_ERROR(SetUpFiles(pod, path("configmap"), false, payload));
    return MountedVolume{path("configmap"), true};
  }
  if (source.has_secret()) {
    ASSIGN_OR_RETURN(const Payload payload, maker.Secret(source.secret()));
    RETURN_IF_ERROR(SetUpFiles(pod, path("secret"), true, payload));
    return MountedVolume{path("secret"), true};
  }
  if (source.has_downward_api()) {
    ASSIGN_OR_RETURN(const Payload payload, maker.Downward(source.downward_api()));
    RETURN_IF_ERROR(SetUpFiles(pod, path("downward-api"), true, payload));
    return MountedVolume{path("downward-api"), true};
  }
  if (source.has_projected()) {
    ASSIGN_OR_RETURN(const Payload payload, maker.Projected(source.projected()));
    RETURN_IF_ERROR(SetUpFiles(pod, path("projected"), true, payload));
    return MountedVolume{path("projected"), true};
  }
  return base::MakeStatus(absl::StatusCode::kUnimplemented, "volumes of type ", SourceName(source),
                          " are not supported");
}

absl::Status NodeVolumes::EnsureTmpfs(const std::string& path, std::optional<int64_t> bytes) {
  ASSIGN_OR_RETURN(const bool mounted, mounter_.IsMounted(path));
  return mounted ? absl::OkStatus() : mounter_.MountTmpfs(path, bytes);
}

absl::Status NodeVolumes::SetUpEmptyDir(const core::Pod& pod,
                                        const core::EmptyDirVolumeSource& source,
                                        const std::string& path) {
  struct stat st {};
  const bool existed = lstat(path.c_str(), &st) == 0;
  { ASSIGN_OR_RETURN(const kernel::UniqueFd made, MakeDirectory(path)); }
  if (source.medium() == "Memory") {
    const std::optional<int64_t> bytes = MemoryVolumeSize(pod, source, objects_.NodeAllocatable());
    ASSIGN_OR_RETURN(const bool mounted, mounter_.IsMounted(path));
    if (mounted) return absl::OkStatus();
    RETURN_IF_ERROR(EnsureTmpfs(path, bytes));
  } else if (!source.medium().empty()) {
    return base::MakeStatus(absl::StatusCode::kUnimplemented, "emptyDir medium ", source.medium(),
                            " is not supported");
  } else if (existed) {
    return absl::OkStatus();  // a container may have changed mode and owner; both are its own now
  }
  ASSIGN_OR_RETURN(const kernel::UniqueFd directory, OpenDirectory(path));
  const auto group = FsGroup(pod);
  if (group && fchown(directory.get(), static_cast<uid_t>(-1), *group) != 0) {
    return FromErrno(errno, path);
  }
  if (fchmod(directory.get(), group ? 02777 : 0777) != 0) return FromErrno(errno, path);
  return absl::OkStatus();
}

absl::Status NodeVolumes::SetUpFiles(const core::Pod& pod, const std::string& path, bool in_memory,
                                     const Payload& payload) {
  {
    ASSIGN_OR_RETURN(const kernel::UniqueFd directory, MakeDirectory(path));
    if (fchmod(directory.get(), 0755) != 0) return FromErrno(errno, path);
  }
  if (in_memory) {
    ASSIGN_OR_RETURN(const bool mounted, mounter_.IsMounted(path));
    if (!mounted) {
      RETURN_IF_ERROR(mounter_.MountTmpfs(path, std::nullopt));
      ASSIGN_OR_RETURN(const kernel::UniqueFd top, OpenDirectory(path));
      if (fchmod(top.get(), 0755) != 0) return FromErrno(errno, path);
    }
  }
  return WritePayload(path, payload, FsGroup(pod), clock_.Now()).status();
}

absl::StatusOr<std::string> NodeVolumes::BindSubpath(const SubpathMount& mount) {
  for (const std::string_view name : {mount.pod_uid, mount.volume, mount.container}) {
    RETURN_IF_ERROR(CheckName(name));
  }
  return MakeSubpathMount(StrCat(root_dir_, "/pods/", mount.pod_uid), mount, mounter_);
}

absl::Status NodeVolumes::TearDown(std::string_view pod_uid) {
  RETURN_IF_ERROR(CheckName(pod_uid), "pod uid");
  tokens_.ForgetPod(pod_uid);
  const std::string pod_path = StrCat(root_dir_, "/pods/", pod_uid);
  RETURN_IF_ERROR(RemoveSubpathMounts(pod_path, mounter_), "removing subPath mounts");
  const std::string volumes_path = pod_path + "/volumes";
  auto volumes = OpenDirectory(volumes_path);
  if (absl::IsNotFound(volumes.status())) return absl::OkStatus();
  RETURN_IF_ERROR(volumes.status());
  ASSIGN_OR_RETURN(const std::vector<std::string> plugins, ListDirectory(volumes->get()));
  for (const std::string& plugin : plugins) {
    ASSIGN_OR_RETURN(const kernel::UniqueFd folder, OpenDirectoryAt(volumes->get(), plugin));
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(folder.get()));
    for (const std::string& name : names) {
      RETURN_IF_ERROR(mounter_.Unmount(StrCat(volumes_path, "/", plugin, "/", name)));
      RETURN_IF_ERROR(RemoveTreeAt(folder.get(), name), "removing volume ", name);
    }
  }
  ASSIGN_OR_RETURN(const kernel::UniqueFd pod, OpenDirectory(pod_path));
  return RemoveTreeAt(pod.get(), "volumes");
}

}  // namespace berth::agent
