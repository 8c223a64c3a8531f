// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/pod_cgroups.h"

#include <algorithm>
#include <utility>

#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr QosClass kAllQos[] = {QosClass::kGuaranteed, QosClass::kBurstable, QosClass::kBestEffort};

std::vector<std::string> QosParts(std::string_view root, QosClass qos) {
  std::vector<std::string> parts;
  for (const auto part : base::Split(root, '/')) {
    if (!part.empty()) parts.emplace_back(part);
  }
  parts.emplace_back("kubepods");
  if (qos == QosClass::kBurstable) parts.emplace_back("burstable");
  if (qos == QosClass::kBestEffort) parts.emplace_back("besteffort");
  return parts;
}

// systemd nests by the dashes in a slice's name: a-b.slice lies in a.slice.
std::vector<std::string> Slices(const std::vector<std::string>& parts) {
  std::vector<std::string> out;
  std::string name;
  for (std::string part : parts) {
    std::replace(part.begin(), part.end(), '-', '_');
    name = name.empty() ? part : base::StrCat(name, "-", part);
    out.push_back(base::StrCat(name, ".slice"));
  }
  return out;
}

std::vector<std::string> PodParts(std::string_view root, QosClass qos, std::string_view uid) {
  std::vector<std::string> parts = QosParts(root, qos);
  parts.push_back(base::StrCat("pod", uid));
  return parts;
}

cgroups::Limits LimitsFor(const api::core::v1::PodSpec& spec, const PodCgroups::Options& options) {
  const QosClass qos = QosOf(spec);
  PodAmounts amounts = AmountsOf(spec);
  cgroups::Limits limits;
  limits.cpu_shares = qos == QosClass::kBestEffort
                          ? cgroups::SharesFromMilliCpu(0)
                          : cgroups::SharesFromMilliCpu(amounts.requests["cpu"]);
  if (qos != QosClass::kBestEffort && amounts.all_limit_cpu && options.cpu_quota) {
    limits.cpu_quota_us = cgroups::QuotaFromMilliCpu(amounts.limits["cpu"]);
  }
  if (qos != QosClass::kBestEffort && amounts.all_limit_memory) {
    limits.memory_bytes = amounts.limits["memory"];
  }
  if (options.pids_limit > 0) limits.pids = options.pids_limit;
  return limits;
}

}  // namespace

std::string CgroupParentFor(CgroupDriver driver, std::string_view root, QosClass qos,
                            std::string_view uid) {
  const auto parts = PodParts(root, qos, uid);
  return driver == CgroupDriver::kSystemd ? Slices(parts).back()
                                          : base::StrCat("/", base::Join(parts, "/"));
}

std::string CgroupPathFor(CgroupDriver driver, std::string_view root, QosClass qos,
                          std::string_view uid) {
  const auto parts = PodParts(root, qos, uid);
  return base::Join(driver == CgroupDriver::kSystemd ? Slices(parts) : parts, "/");
}

std::optional<std::string> PodUidOf(CgroupDriver driver, std::string_view group) {
  if (driver == CgroupDriver::kCgroupfs) {
    return group.starts_with("pod") ? std::optional<std::string>(group.substr(3)) : std::nullopt;
  }
  constexpr std::string_view kSuffix = ".slice", kPod = "-pod";
  const size_t dash = group.rfind(kPod);
  if (!group.ends_with(kSuffix) || dash == group.npos) return std::nullopt;
  std::string uid(group.substr(dash + kPod.size()));
  uid.resize(uid.size() - kSuffix.size());
  if (uid.find('-') != uid.npos) return std::nullopt;
  std::replace(uid.begin(), uid.end(), '_', '-');
  return uid;
}

PodCgroups::PodCgroups(std::unique_ptr<cgroups::Groups> groups, Options options)
    : groups_(std::move(groups)), options_(std::move(options)) {}

std::string PodCgroups::PathOf(QosClass qos) const {
  const auto parts = QosParts(options_.root, qos);
  return base::Join(options_.driver == CgroupDriver::kSystemd ? Slices(parts) : parts, "/");
}

absl::Status PodCgroups::Prepare(const Amounts& allocatable) {
  if (groups_ == nullptr) return absl::OkStatus();
  for (const QosClass qos : kAllQos) {
    const std::string path = PathOf(qos);
    RETURN_IF_ERROR(groups_->Create(path), "making cgroup ", path);
  }
  cgroups::Limits top;
  if (const auto cpu = allocatable.find("cpu"); cpu != allocatable.end()) {
    top.cpu_shares = cgroups::SharesFromMilliCpu(cpu->second);
  }
  if (const auto memory = allocatable.find("memory"); memory != allocatable.end()) {
    top.memory_bytes = memory->second;
  }
  const std::string path = PathOf(QosClass::kGuaranteed);
  RETURN_IF_ERROR(groups_->Apply(path, top), "limits of cgroup ", path);
  cgroups::Limits least;
  least.cpu_shares = cgroups::SharesFromMilliCpu(0);
  return groups_->Apply(PathOf(QosClass::kBestEffort), least);
}

absl::StatusOr<std::string> PodCgroups::EnsurePod(const api::core::v1::Pod& pod) {
  if (groups_ == nullptr) return std::string();
  const std::string& uid = pod.metadata().uid();
  const QosClass qos = QosOf(pod.spec());
  const std::string path = CgroupPathFor(options_.driver, options_.root, qos, uid);
  const cgroups::Limits limits = LimitsFor(pod.spec(), options_);
  bool known = false;
  {
    base::MutexLock l(mu_);
    const auto it = applied_.find(uid);
    known = it != applied_.end() && it->second == limits;
    if (qos == QosClass::kBurstable) {
      burstable_milli_[uid] = AmountsOf(pod.spec()).requests["cpu"];
    }
  }
  if (!known || !groups_->Exists(path)) {
    RETURN_IF_ERROR(groups_->Create(path), "making cgroup ", path);
    RETURN_IF_ERROR(groups_->Apply(path, limits), "limits of cgroup ", path);
    base::MutexLock l(mu_);
    applied_[uid] = limits;
  }
  RETURN_IF_ERROR(ShareQos());
  return CgroupParentFor(options_.driver, options_.root, qos, uid);
}

absl::Status PodCgroups::ShareQos() {
  uint64_t shares = 0;
  {
    base::MutexLock l(mu_);
    int64_t milli = 0;
    for (const auto& [uid, cpu] : burstable_milli_) milli += cpu;
    shares = cgroups::SharesFromMilliCpu(milli);
    if (shares == burstable_shares_) return absl::OkStatus();
    burstable_shares_ = shares;
  }
  // Pods change it beside each other; whoever writes last writes the latest.
  while (true) {
    cgroups::Limits limits;
    limits.cpu_shares = shares;
    const absl::Status applied = groups_->Apply(PathOf(QosClass::kBurstable), limits);
    base::MutexLock l(mu_);
    if (!applied.ok()) {
      burstable_shares_ = 0;  // to be written again
      return applied;
    }
    if (shares == burstable_shares_ || burstable_shares_ == 0) return absl::OkStatus();
    shares = burstable_shares_;
  }
}

absl::Status PodCgroups::RemovePod(std::string_view uid) {
  if (groups_ == nullptr) return absl::OkStatus();
  for (const QosClass qos : kAllQos) {
    const std::string path = CgroupPathFor(options_.driver, options_.root, qos, uid);
    RETURN_IF_ERROR(groups_->Remove(path), "removing cgroup ", path);
  }
  {
    base::MutexLock l(mu_);
    if (const auto it = applied_.find(uid); it != applied_.end()) applied_.erase(it);
    const auto milli = burstable_milli_.find(uid);
    if (milli == burstable_milli_.end()) return absl::OkStatus();
    burstable_milli_.erase(milli);
  }
  return ShareQos();
}

absl::StatusOr<cgroups::Usage> PodCgroups::UsageOf(std::string_view uid) const {
  if (groups_ == nullptr) return base::FailedPrecondition("cgroups are not managed here");
  if (uid.empty()) return groups_->ReadUsage(PathOf(QosClass::kGuaranteed));
  for (const QosClass qos : kAllQos) {
    const std::string path = CgroupPathFor(options_.driver, options_.root, qos, uid);
    if (groups_->Exists(path)) return groups_->ReadUsage(path);
  }
  return base::NotFound("pod ", uid, " has no cgroup");
}

std::vector<std::string> PodCgroups::ListPods() const {
  std::vector<std::string> uids;
  if (groups_ == nullptr) return uids;
  for (const QosClass qos : kAllQos) {
    for (const auto& name : groups_->Children(PathOf(qos))) {
      if (auto uid = PodUidOf(options_.driver, name)) uids.push_back(*std::move(uid));
    }
  }
  return uids;
}

}  // namespace berth::agent
