// SPDX-License-Identifier: Apache-2.0
// What the node may run out of, and how much of it there is.
#ifndef BERTH_AGENT_EVICTION_SIGNALS_H_
#define BERTH_AGENT_EVICTION_SIGNALS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace berth::agent {

enum class Signal {
  kMemory,
  kAllocatableMemory,  // of kubepods, below its limit
  kNodeFs,
  kNodeFsInodes,
  kImageFs,
  kImageFsInodes,
  kContainerFs,
  kContainerFsInodes,
  kPids
};

// "memory.available" and so on, as the configuration and metrics have them.
std::string_view NameOf(Signal signal);
std::optional<Signal> SignalOf(std::string_view name);
// "memory", "ephemeral-storage", "inodes", "pids".
std::string_view ResourceOf(Signal signal);

enum class Pressure { kMemory, kDisk, kPid };
Pressure PressureOf(Signal signal);
using Pressures = std::set<Pressure>;
// "[MemoryPressure DiskPressure]"
std::string TextOf(const Pressures& pressures);

struct SignalValue {
  int64_t available = 0;
  int64_t capacity = 0;
};
// What could not be read is not there.
using SignalValues = std::map<Signal, SignalValue>;

// The file systems of the node: which signals of images are about a disk of their own.
struct DiskLayout {
  bool image_fs = false;      // images do not lie on the node's file system
  bool container_fs = false;  // but writable layers do
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_EVICTION_SIGNALS_H_
