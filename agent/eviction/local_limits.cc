// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/local_limits.h"

#include <algorithm>

#include "agent/env/amount.h"
#include "agent/resources/quantities.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::Pod;

constexpr char kStorage[] = "ephemeral-storage";

std::optional<std::string> LimitText(const Container& container) {
  const auto it = container.resources().limits().find(kStorage);
  if (it == container.resources().limits().end()) return std::nullopt;
  return it->second.string();
}

bool AnyLimit(const google::protobuf::RepeatedPtrField<Container>& containers) {
  return std::any_of(containers.begin(), containers.end(),
                     [](const Container& c) { return LimitText(c).has_value(); });
}

std::optional<LocalExcess> EmptyDirs(const Pod& pod, const PodUse& use) {
  for (const auto& volume : pod.spec().volumes()) {
    const auto& source = volume.volume_source().empty_dir();
    if (!volume.volume_source().has_empty_dir() || !source.has_size_limit()) continue;
    const int64_t limit = UnitsOf(source.size_limit().string()).value_or(0);
    const auto used = use.volumes.find(volume.name());
    if (limit <= 0 || used == use.volumes.end() || used->second.bytes <= limit) continue;
    return LocalExcess{"emptydirfs.limit", base::StrCat("Usage of EmptyDir volume \"",
                                                        volume.name(), "\" exceeds the limit \"",
                                                        source.size_limit().string(), "\". ")};
  }
  return std::nullopt;
}

std::optional<LocalExcess> WholePod(const Pod& pod, const PodUse& use) {
  const Amounts limits = AmountsOf(pod.spec()).limits;
  const auto limit = limits.find(kStorage);
  if (limit == limits.end()) return std::nullopt;
  DiskUse sum = use.RootFs();
  sum += use.Logs();
  sum += use.Volumes();
  if (sum.bytes <= limit->second) return std::nullopt;
  return LocalExcess{"ephemeralpodfs.limit",
                     base::StrCat("Pod ephemeral local storage usage exceeds the total limit of "
                                  "containers ",
                                  BinaryText(limit->second), ". ")};
}

std::optional<LocalExcess> EachContainer(const Pod& pod, const PodUse& use,
                                         const DiskLayout& disks) {
  for (const Container& container : pod.spec().containers()) {
    const auto text = LimitText(container);
    if (!text.has_value()) continue;
    const int64_t limit = UnitsOf(*text).value_or(0);
    for (const ContainerUse& used : use.containers) {
      if (used.name != container.name()) continue;
      DiskUse sum = used.logs;
      if (!disks.image_fs) sum += used.rootfs;
      if (sum.bytes <= limit) continue;
      return LocalExcess{
          "ephemeralcontainerfs.limit",
          base::StrCat("Container ", container.name(),
                       " exceeded its local ephemeral storage limit \"", *text, "\". ")};
    }
  }
  return std::nullopt;
}

}  // namespace

bool HasLocalLimits(const Pod& pod) {
  return AnyLimit(pod.spec().containers()) || AnyLimit(pod.spec().init_containers()) ||
         std::any_of(pod.spec().volumes().begin(), pod.spec().volumes().end(),
                     [](const auto& volume) {
                       return volume.volume_source().empty_dir().has_size_limit();
                     });
}

std::optional<LocalExcess> FindLocalExcess(const Pod& pod, const PodUse& use,
                                           const DiskLayout& disks) {
  if (auto excess = EmptyDirs(pod, use)) return excess;
  if (auto excess = WholePod(pod, use)) return excess;
  return EachContainer(pod, use, disks);
}

}  // namespace berth::agent
