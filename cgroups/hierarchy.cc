// SPDX-License-Identifier: Apache-2.0
#include "cgroups/hierarchy.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "base/status.h"
#include "base/strings.h"

namespace berth::cgroups {
namespace {

// Super options that are no controllers.
bool IsController(std::string_view option) {
  static const std::set<std::string_view> kControllers = {
      "cpu",  "cpuacct", "cpuset",     "memory",  "devices",  "freezer", "blkio",
      "pids", "hugetlb", "perf_event", "net_cls", "net_prio", "rdma",    "misc"};
  return kControllers.contains(option) || option.starts_with("name=");
}

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      if (const auto code = base::ParseInt<int>(text.substr(i + 1, 3), 8)) {
        out.push_back(static_cast<char>(*code));
        i += 3;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace

bool Hierarchy::Has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

absl::StatusOr<Hierarchies> ParseMountInfo(std::string_view mountinfo) {
  Hierarchies found;
  for (const auto line : base::Split(mountinfo, '\n')) {
    // 31 23 0:26 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu
    const size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    const auto left = base::Split(line.substr(0, dash), ' ');
    const auto right = base::Split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    Hierarchy hierarchy;
    hierarchy.mount_point = Unescape(left[4]);
    if (right[0] == "cgroup2") {
      hierarchy.v2 = true;
    } else if (right[0] == "cgroup") {
      for (const auto option : base::Split(right[2], ',')) {
        if (IsController(option)) hierarchy.controllers.emplace_back(option);
      }
    } else {
      continue;
    }
    // A later mount hides an earlier one at the same place; a second mount of one hierarchy
    // elsewhere adds nothing.
    std::erase_if(found.all, [&](const Hierarchy& other) {
      return other.mount_point == hierarchy.mount_point;
    });
    const bool known = std::any_of(found.all.begin(), found.all.end(), [&](const auto& other) {
      return other.v2 == hierarchy.v2 && other.controllers == hierarchy.controllers;
    });
    if (!known) found.all.push_back(std::move(hierarchy));
  }
  if (found.all.empty()) return base::NotFound("no cgroup file system is mounted");
  found.v2 = std::none_of(found.all.begin(), found.all.end(), [](const Hierarchy& h) {
    return h.Has("cpu") || h.Has("memory") || h.Has("pids");
  });
  if (found.v2) std::erase_if(found.all, [](const Hierarchy& h) { return !h.v2; });
  if (found.all.empty()) return base::NotFound("no cgroup hierarchy has controllers");
  return found;
}

absl::StatusOr<Hierarchies> DiscoverHierarchies() {
  std::ifstream file("/proc/self/mountinfo");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseMountInfo(text);
}

}  // namespace berth::cgroups
