// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/usage_reader.h"

#include <sys/stat.h>

#include <filesystem>

#include "agent/eviction/disk_walk.h"
#include "agent/node/system_facts.h"
#include "agent/sync/names.h"
#include "agent/sync/sandbox_config.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace fs = std::filesystem;
using api::core::v1::Pod;

// Volumes that lie on the node's own disk.
constexpr const char* kDiskVolumes[] = {"kubernetes.io~empty-dir", "kubernetes.io~configmap",
                                        "kubernetes.io~downward-api"};

dev_t DeviceOf(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? st.st_dev : 0;
}

void AddVolumes(const std::string& pod_dir, PodUse& use) {
  for (const char* plugin : kDiskVolumes) {
    const std::string folder = base::StrCat(pod_dir, "/volumes/", plugin);
    const dev_t disk = DeviceOf(folder);
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const std::string path = it->path();
      // One in memory is mounted there.
      if (DeviceOf(path) == disk) use.volumes[it->path().filename()] = MeasureTree(path);
    }
  }
}

}  // namespace

UsageReader::UsageReader(Options options, cri::Runtime& runtime, GroupUsage groups,
                         std::function<int64_t()> pods_memory_limit)
    : options_(std::move(options)),
      runtime_(runtime),
      groups_(std::move(groups)),
      pods_memory_limit_(std::move(pods_memory_limit)) {}

UsageReader::Folders UsageReader::Ask() {
  {
    base::MutexLock l(mu_);
    if (!folders_.images.empty()) return folders_;
  }
  cri::v1::ImageFsInfoResponse response;
  if (!runtime_.ImageFsInfo({}, response, options_.call_timeout).ok()) return {};
  Folders found;
  if (response.image_filesystems_size() > 0) {
    found.images = response.image_filesystems(0).fs_id().mountpoint();
  }
  found.containers = response.container_filesystems_size() > 0
                         ? response.container_filesystems(0).fs_id().mountpoint()
                         : found.images;
  base::MutexLock l(mu_);
  folders_ = found;
  return found;
}

DiskLayout UsageReader::Disks() {
  const Folders folders = Ask();
  if (folders.images.empty()) return {};
  const dev_t node = DeviceOf(options_.root_dir);
  const dev_t images = DeviceOf(folders.images);
  DiskLayout disks;
  disks.image_fs = images != 0 && images != node;
  disks.container_fs = disks.image_fs && DeviceOf(folders.containers) == node;
  return disks;
}

SignalValues UsageReader::ReadSignals() {
  SignalValues out;
  if (const auto memory = ReadMemoryNow(options_.system_root); memory.ok()) {
    out[Signal::kMemory] = {memory->available_bytes, memory->total_bytes};
  }
  if (const int64_t limit = pods_memory_limit_(); limit > 0) {
    if (const auto used = groups_(""); used.ok()) {
      out[Signal::kAllocatableMemory] = {limit - static_cast<int64_t>(used->working_set_bytes),
                                         limit};
    }
  }
  if (const auto pids = ReadPidsNow(options_.system_root); pids.ok()) {
    out[Signal::kPids] = {pids->max - pids->running, pids->max};
  }
  const auto disk = [&](const std::string& path, Signal space, Signal inodes) {
    const auto size = ReadFilesystemSize(path);
    if (!size.ok()) return;
    out[space] = {size->available_bytes, size->capacity_bytes};
    // Some file systems count none.
    if (size->inodes > 0) out[inodes] = {size->inodes_free, size->inodes};
  };
  disk(options_.root_dir, Signal::kNodeFs, Signal::kNodeFsInodes);
  if (const Folders folders = Ask(); !folders.images.empty()) {
    disk(folders.images, Signal::kImageFs, Signal::kImageFsInodes);
  }
  return out;
}

std::map<std::string, PodUse> UsageReader::Measure(const Pods& pods) {
  std::map<std::string, PodUse> out;
  for (const auto& pod : pods) out[pod->metadata().uid()];
  cri::v1::ListContainerStatsResponse stats;
  if (const auto status = runtime_.ListContainerStats({}, stats, options_.call_timeout);
      !status.ok()) {
    BERTH_WARNING("the runtime does not say what containers use", {"error", status});
  }
  for (const auto& container : stats.stats()) {
    const auto& labels = container.attributes().labels();
    const auto uid = labels.find(std::string(kLabelPodUid));
    const auto known = uid == labels.end() ? out.end() : out.find(uid->second);
    if (known == out.end()) continue;
    ContainerUse use;
    use.name = container.attributes().metadata().name();
    if (container.memory().has_working_set_bytes()) {
      use.memory = static_cast<int64_t>(container.memory().working_set_bytes().value());
    }
    use.rootfs.bytes = static_cast<int64_t>(container.writable_layer().used_bytes().value());
    use.rootfs.inodes = static_cast<int64_t>(container.writable_layer().inodes_used().value());
    known->second.containers.push_back(std::move(use));
  }
  for (const auto& pod : pods) {
    PodUse& use = out[pod->metadata().uid()];
    if (const auto group = groups_(pod->metadata().uid()); group.ok()) {
      use.memory = static_cast<int64_t>(group->working_set_bytes);
      use.processes = static_cast<int64_t>(group->processes);
    }
    // Without groups of our own, what the runtime says of its containers.
    const bool by_runtime = !use.memory.has_value();
    for (const auto& container : use.containers) {
      if (by_runtime && container.memory) use.memory = use.memory.value_or(0) + *container.memory;
    }
    const std::string logs = PodLogDir(options_.pod_logs_dir, *pod);
    for (auto& container : use.containers) {
      container.logs = MeasureTree(base::StrCat(logs, "/", container.name));
    }
    const std::string dir = base::StrCat(options_.root_dir, "/pods/", pod->metadata().uid());
    AddVolumes(dir, use);
    use.other = MeasureTree(base::StrCat(dir, "/etc-hosts"));
  }
  return out;
}

}  // namespace berth::agent
