// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/signals.h"

#include "base/strings.h"

namespace berth::agent {
namespace {

struct About {
  Signal signal;
  std::string_view name, resource;
  Pressure pressure;
};

constexpr About kAll[] = {
    {Signal::kMemory, "memory.available", "memory", Pressure::kMemory},
    {Signal::kAllocatableMemory, "allocatableMemory.available", "memory", Pressure::kMemory},
    {Signal::kNodeFs, "nodefs.available", "ephemeral-storage", Pressure::kDisk},
    {Signal::kNodeFsInodes, "nodefs.inodesFree", "inodes", Pressure::kDisk},
    {Signal::kImageFs, "imagefs.available", "ephemeral-storage", Pressure::kDisk},
    {Signal::kImageFsInodes, "imagefs.inodesFree", "inodes", Pressure::kDisk},
    {Signal::kContainerFs, "containerfs.available", "ephemeral-storage", Pressure::kDisk},
    {Signal::kContainerFsInodes, "containerfs.inodesFree", "inodes", Pressure::kDisk},
    {Signal::kPids, "pid.available", "pids", Pressure::kPid},
};

const About& Of(Signal signal) { return kAll[static_cast<size_t>(signal)]; }

}  // namespace

std::string_view NameOf(Signal signal) { return Of(signal).name; }
std::string_view ResourceOf(Signal signal) { return Of(signal).resource; }
Pressure PressureOf(Signal signal) { return Of(signal).pressure; }

std::optional<Signal> SignalOf(std::string_view name) {
  for (const About& about : kAll) {
    if (about.name == name) return about.signal;
  }
  return std::nullopt;
}

std::string TextOf(const Pressures& pressures) {
  static constexpr std::string_view kNames[] = {"MemoryPressure", "DiskPressure", "PIDPressure"};
  std::vector<std::string> names;
  for (const Pressure pressure : pressures) {
    names.emplace_back(kNames[static_cast<size_t>(pressure)]);
  }
  return base::StrCat("[", base::Join(names, " "), "]");
}

}  // namespace berth::agent
