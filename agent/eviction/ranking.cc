// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/ranking.h"

#include <algorithm>
#include <tuple>

#include "agent/env/amount.h"
#include "agent/resources/quantities.h"
#include "agent/sources/static_pod.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

constexpr int32_t kSystemCritical = 2'000'000'000;

int64_t RequestOf(const Pod& pod, std::string_view resource) {
  const Amounts requests = AmountsOf(pod.spec()).requests;
  const auto it = requests.find(std::string(resource));
  return it == requests.end() ? 0 : it->second;
}

// Of which parts the file system of a signal consists.
DiskUse UseOn(Signal signal, const DiskLayout& disks, const PodUse& use) {
  DiskUse on_node = use.Logs();
  on_node += use.Volumes();
  if (!disks.image_fs) {
    on_node += use.RootFs();
    return on_node;
  }
  const bool node = signal == Signal::kNodeFs || signal == Signal::kNodeFsInodes;
  if (disks.container_fs) {
    if (!node) return {};
    on_node += use.RootFs();
    return on_node;
  }
  return node ? on_node : use.RootFs();
}

struct Rank {
  bool known = false;
  bool exceeds = false;
  int32_t priority = 0;
  int64_t beyond = 0;  // the request
};

Rank RankOf(Signal signal, const DiskLayout& disks, const Candidate& candidate) {
  Rank rank;
  rank.priority = candidate.pod->spec().priority();
  rank.known = candidate.use.has_value();
  if (!rank.known) return rank;
  int64_t used = 0;
  int64_t asked = 0;
  switch (PressureOf(signal)) {
    case Pressure::kMemory:
      rank.known = candidate.use->memory.has_value();
      used = candidate.use->memory.value_or(0);
      asked = RequestOf(*candidate.pod, "memory");
      break;
    case Pressure::kDisk: {
      const DiskUse on = UseOn(signal, disks, *candidate.use);
      const bool inodes = ResourceOf(signal) == "inodes";
      used = inodes ? on.inodes : on.bytes;
      asked = inodes ? 0 : RequestOf(*candidate.pod, "ephemeral-storage");
      break;
    }
    case Pressure::kPid:
      rank.known = true;
      rank.beyond = candidate.use->processes.value_or(0);
      return rank;  // nobody asks for processes
  }
  rank.exceeds = used > asked;
  rank.beyond = used - asked;
  return rank;
}

}  // namespace

DiskUse PodUse::RootFs() const {
  DiskUse sum;
  for (const auto& container : containers) sum += container.rootfs;
  return sum;
}
DiskUse PodUse::Logs() const {
  DiskUse sum = other;
  for (const auto& container : containers) sum += container.logs;
  return sum;
}
DiskUse PodUse::Volumes() const {
  DiskUse sum;
  for (const auto& [name, use] : volumes) sum += use;
  return sum;
}

bool IsCritical(const Pod& pod) {
  return IsStaticPod(pod) || IsMirrorPod(pod) || pod.spec().priority() >= kSystemCritical;
}

void RankForEviction(Signal signal, const DiskLayout& disks, std::vector<Candidate>& candidates) {
  const bool by_process = PressureOf(signal) == Pressure::kPid;
  std::vector<std::pair<Rank, Candidate>> ranked;
  for (auto& candidate : candidates) {
    ranked.emplace_back(RankOf(signal, disks, candidate), std::move(candidate));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [&](const auto& left, const auto& right) {
    const Rank& a = left.first;
    const Rank& b = right.first;
    // Of whom nothing is known goes first: he cannot be judged later either.
    const auto key = [&](const Rank& r) {
      return std::tuple(by_process || r.known, by_process || !r.exceeds, r.priority, -r.beyond);
    };
    return key(a) < key(b);
  });
  for (size_t i = 0; i < ranked.size(); ++i) candidates[i] = std::move(ranked[i].second);
}

EvictionWords WordsFor(const Threshold& threshold, const SignalValues& values,
                       const Candidate& evicted) {
  EvictionWords words;
  const std::string_view resource = ResourceOf(threshold.signal);
  words.message = base::StrCat("The node was low on resource: ", resource, ". ");
  const bool bytes = resource == "memory" || resource == "ephemeral-storage";
  const auto text = [&](int64_t amount) {
    return bytes ? BinaryText(amount) : base::StrCat(amount);
  };
  if (const auto at = values.find(threshold.signal); at != values.end()) {
    base::StrAppend(words.message, "Threshold quantity: ",
                    text(AmountOf(threshold, at->second.capacity, /*with_reclaim=*/false)),
                    ", available: ", text(at->second.available), ". ");
  }
  std::vector<std::string> names;
  std::vector<std::string> amounts;
  const auto blame = [&](const auto& containers, const ContainerUse& use) {
    for (const auto& container : containers) {
      if (container.name() != use.name) continue;
      std::optional<int64_t> used;
      if (resource == "memory") used = use.memory;
      if (resource == "ephemeral-storage") used = use.rootfs.bytes + use.logs.bytes;
      const Amounts requests = RequestsOf(container);
      const auto asked = requests.find(std::string(resource));
      const int64_t request = asked == requests.end() ? 0 : asked->second;
      if (!used.has_value() || *used <= request) continue;
      base::StrAppend(words.message, "Container ", use.name, " was using ", BinaryText(*used),
                      ", request is ", BinaryText(request), ", has larger consumption of ",
                      resource, ". ");
      names.push_back(use.name);
      amounts.push_back(BinaryText(*used));
    }
  };
  if (evicted.use.has_value()) {
    for (const ContainerUse& use : evicted.use->containers) {
      blame(evicted.pod->spec().containers(), use);
      blame(evicted.pod->spec().init_containers(), use);
    }
  }
  words.annotations = {{"offending_containers", base::Join(names, ",")},
                       {"offending_containers_usage", base::Join(amounts, ",")},
                       {"starved_resource", std::string(resource)}};
  return words;
}

}  // namespace berth::agent
