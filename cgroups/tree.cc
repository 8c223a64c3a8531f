// SPDX-License-Identifier: Apache-2.0
#include "cgroups/tree.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/status.h"
#include "base/strings.h"

namespace berth::cgroups {
namespace {

constexpr std::array<std::string_view, 7> kOurControllers = {
    "cpu", "cpuacct", "cpuset", "memory", "pids", "hugetlb", "name=systemd"};

std::vector<std::string_view> Components(std::string_view path) {
  std::vector<std::string_view> out;
  for (const auto part : base::Split(path, '/')) {
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

// A fresh v1 cpuset has no cpus and takes no process until it has.
absl::Status InheritCpuset(const Directory& parent, const Directory& child) {
  for (const std::string_view file : {"cpuset.cpus", "cpuset.mems"}) {
    ASSIGN_OR_RETURN(const std::string own, child.Read(file));
    if (!base::Trim(own).empty()) continue;
    ASSIGN_OR_RETURN(const std::string inherited, parent.Read(file));
    if (base::Trim(inherited).empty()) continue;
    RETURN_IF_ERROR(child.Write(file, base::Trim(inherited)));
  }
  return absl::OkStatus();
}

// Children of a v2 group have the controllers that its subtree_control names.
absl::Status EnableControllers(const Directory& group) {
  ASSIGN_OR_RETURN(const std::string available, group.Read("cgroup.controllers"));
  ASSIGN_OR_RETURN(const std::string enabled, group.Read("cgroup.subtree_control"));
  const auto on = base::Split(base::Trim(enabled), ' ');
  std::vector<std::string> wanted;
  for (const auto name : base::Split(base::Trim(available), ' ')) {
    if (std::find(kOurControllers.begin(), kOurControllers.end(), name) != kOurControllers.end() &&
        std::find(on.begin(), on.end(), name) == on.end()) {
      wanted.push_back(base::StrCat("+", name));
    }
  }
  if (wanted.empty()) return absl::OkStatus();
  return group.Write("cgroup.subtree_control", base::Join(wanted, " "));
}

absl::Status CreateAt(const Hierarchy& hierarchy, std::string_view path) {
  ASSIGN_OR_RETURN(Directory group, Directory::Open(hierarchy.mount_point));
  for (const auto name : Components(path)) {
    if (hierarchy.v2) RETURN_IF_ERROR(EnableControllers(group), "above ", name);
    ASSIGN_OR_RETURN(Directory child, group.MakeChild(name));
    if (hierarchy.Has("cpuset")) RETURN_IF_ERROR(InheritCpuset(group, child), "cpuset of ", name);
    group = std::move(child);
  }
  return absl::OkStatus();
}

absl::Status ApplyV2(const Directory& group, const Limits& limits) {
  const auto or_max = [](int64_t n) { return n < 0 ? std::string("max") : base::StrCat(n); };
  if (limits.cpu_shares.has_value()) {
    RETURN_IF_ERROR(group.Write("cpu.weight", base::StrCat(WeightFromShares(*limits.cpu_shares))));
  }
  if (limits.cpu_quota_us.has_value()) {
    RETURN_IF_ERROR(
        group.Write("cpu.max", base::StrCat(or_max(*limits.cpu_quota_us), " ", kCpuPeriodUs)));
  }
  if (limits.memory_bytes.has_value()) {
    RETURN_IF_ERROR(group.Write("memory.max", or_max(*limits.memory_bytes)));
  }
  if (limits.pids.has_value()) {
    RETURN_IF_ERROR(group.Write("pids.max", or_max(*limits.pids)));
  }
  return absl::OkStatus();
}

uint64_t FieldOf(std::string_view text, std::string_view name) {
  for (const auto line : base::Split(text, '\n')) {
    const auto [key, value] = base::SplitOnce(line, ' ');
    if (key == name && value.has_value()) {
      return base::ParseInt<uint64_t>(base::Trim(*value)).value_or(0);
    }
  }
  return 0;
}

uint64_t NumberIn(const absl::StatusOr<std::string>& text) {
  return text.ok() ? base::ParseInt<uint64_t>(base::Trim(*text)).value_or(0) : 0;
}

}  // namespace

absl::StatusOr<Directory> Tree::OpenAt(const Hierarchy& hierarchy, std::string_view path) const {
  ASSIGN_OR_RETURN(Directory group, Directory::Open(hierarchy.mount_point));
  for (const auto name : Components(path)) {
    ASSIGN_OR_RETURN(Directory child, group.Child(name));
    group = std::move(child);
  }
  return group;
}

absl::StatusOr<Directory> Tree::OpenFor(std::string_view controller, std::string_view path) const {
  for (const Hierarchy& hierarchy : hierarchies_.all) {
    if (hierarchies_.v2 || hierarchy.Has(controller)) return OpenAt(hierarchy, path);
  }
  return base::FailedPrecondition("cgroup controller ", controller, " is not mounted");
}

absl::Status Tree::Create(std::string_view path) {
  for (const Hierarchy& hierarchy : hierarchies_.all) {
    const bool ours =
        hierarchies_.v2 || std::any_of(kOurControllers.begin(), kOurControllers.end(),
                                       [&](auto name) { return hierarchy.Has(name); });
    if (ours) RETURN_IF_ERROR(CreateAt(hierarchy, path), "in ", hierarchy.mount_point);
  }
  return absl::OkStatus();
}

absl::Status Tree::Apply(std::string_view path, const Limits& limits) {
  if (hierarchies_.v2) {
    ASSIGN_OR_RETURN(const Directory group, OpenAt(hierarchies_.all.front(), path));
    return ApplyV2(group, limits);
  }
  if (limits.cpu_shares.has_value() || limits.cpu_quota_us.has_value()) {
    ASSIGN_OR_RETURN(const Directory cpu, OpenFor("cpu", path));
    if (limits.cpu_shares.has_value()) {
      RETURN_IF_ERROR(cpu.Write("cpu.shares", base::StrCat(*limits.cpu_shares)));
    }
    if (limits.cpu_quota_us.has_value()) {
      RETURN_IF_ERROR(cpu.Write("cpu.cfs_period_us", base::StrCat(kCpuPeriodUs)));
      RETURN_IF_ERROR(cpu.Write("cpu.cfs_quota_us", base::StrCat(*limits.cpu_quota_us)));
    }
  }
  if (limits.memory_bytes.has_value()) {
    ASSIGN_OR_RETURN(const Directory memory, OpenFor("memory", path));
    RETURN_IF_ERROR(memory.Write("memory.limit_in_bytes", base::StrCat(*limits.memory_bytes)));
  }
  if (limits.pids.has_value()) {
    ASSIGN_OR_RETURN(const Directory pids, OpenFor("pids", path));
    RETURN_IF_ERROR(pids.Write("pids.max", *limits.pids < 0 ? "max" : base::StrCat(*limits.pids)));
  }
  return absl::OkStatus();
}

absl::Status Tree::Kill(std::string_view path) const {
  for (const Hierarchy& hierarchy : hierarchies_.all) {
    const auto group = OpenAt(hierarchy, path);
    if (!group.ok()) continue;
    if (hierarchy.v2 && group->Has("cgroup.kill")) {
      RETURN_IF_ERROR(group->Write("cgroup.kill", "1"));
      continue;
    }
    ASSIGN_OR_RETURN(const auto pids, group->ProcessesBelow());
    for (const pid_t pid : pids) kill(pid, SIGKILL);
  }
  return absl::OkStatus();
}

absl::Status Tree::Remove(std::string_view path) {
  const auto names = Components(path);
  if (names.empty()) return base::InvalidArgument("the root cgroup stays");
  const std::string parent =
      base::Join(std::vector<std::string_view>(names.begin(), names.end() - 1), "/");
  RETURN_IF_ERROR(Kill(path));
  for (const Hierarchy& hierarchy : hierarchies_.all) {
    const auto above = OpenAt(hierarchy, parent);
    if (!above.ok()) continue;
    RETURN_IF_ERROR(above->RemoveTree(names.back()), "in ", hierarchy.mount_point);
  }
  return absl::OkStatus();
}

bool Tree::Exists(std::string_view path) const {
  return std::any_of(hierarchies_.all.begin(), hierarchies_.all.end(),
                     [&](const Hierarchy& h) { return OpenAt(h, path).ok(); });
}

std::vector<std::string> Tree::Children(std::string_view path) const {
  std::set<std::string> names;
  for (const Hierarchy& hierarchy : hierarchies_.all) {
    const auto group = OpenAt(hierarchy, path);
    if (!group.ok()) continue;
    if (const auto below = group->Children(); below.ok()) {
      names.insert(below->begin(), below->end());
    }
  }
  return {names.begin(), names.end()};
}

absl::StatusOr<Usage> Tree::ReadUsage(std::string_view path) const {
  Usage usage;
  ASSIGN_OR_RETURN(const Directory memory, OpenFor("memory", path));
  const auto stat = memory.Read("memory.stat");
  uint64_t inactive = 0;
  if (hierarchies_.v2) {
    const auto cpu = memory.Read("cpu.stat");
    usage.cpu_ns = cpu.ok() ? FieldOf(*cpu, "usage_usec") * 1000 : 0;
    usage.memory_bytes = NumberIn(memory.Read("memory.current"));
    inactive = stat.ok() ? FieldOf(*stat, "inactive_file") : 0;
    usage.processes = NumberIn(memory.Read("pids.current"));
  } else {
    if (const auto cpu = OpenFor("cpuacct", path); cpu.ok()) {
      usage.cpu_ns = NumberIn(cpu->Read("cpuacct.usage"));
    }
    usage.memory_bytes = NumberIn(memory.Read("memory.usage_in_bytes"));
    inactive = stat.ok() ? FieldOf(*stat, "total_inactive_file") : 0;
    if (const auto pids = OpenFor("pids", path); pids.ok()) {
      usage.processes = NumberIn(pids->Read("pids.current"));
    }
  }
  usage.working_set_bytes = usage.memory_bytes > inactive ? usage.memory_bytes - inactive : 0;
  return usage;
}

}  // namespace berth::cgroups
