// SPDX-License-Identifier: Apache-2.0
#include "agent/node/system_facts.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

// "" when there is no such file.
std::string ReadText(std::string_view root, std::string_view path) {
  std::ifstream in(StrCat(root == "/" ? "" : root, path));
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

std::string FirstLine(std::string_view root, std::string_view path) {
  const std::string text = ReadText(root, path);
  return std::string(base::Trim(std::string_view(text).substr(0, text.find('\n'))));
}

// The kB value of a line of /proc/meminfo, in bytes.
int64_t MeminfoBytes(std::string_view meminfo, std::string_view name) {
  for (std::string_view line : base::Split(meminfo, '\n')) {
    const auto [key, rest] = base::SplitOnce(line, ':');
    if (key != name || !rest) continue;
    std::string_view value = base::Trim(*rest);
    if (value.ends_with(" kB")) value.remove_suffix(3);
    return base::ParseInt<int64_t>(base::Trim(value)).value_or(0) * 1024;
  }
  return 0;
}

std::string OsImage(std::string_view root) {
  std::string text = ReadText(root, "/etc/os-release");
  if (text.empty()) text = ReadText(root, "/usr/lib/os-release");
  for (std::string_view line : base::Split(text, '\n')) {
    const auto [key, value] = base::SplitOnce(line, '=');
    if (key != "PRETTY_NAME" || !value) continue;
    std::string_view name = base::Trim(*value);
    if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'')) {
      name = name.substr(1, name.size() - 2);
    }
    return std::string(name);
  }
  return "Linux";
}

std::string Architecture() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  const std::string_view machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "armv7l") return "arm";
  return std::string(machine);
}

std::map<int64_t, int64_t> HugePages(std::string_view root) {
  std::map<int64_t, int64_t> out;
  std::error_code error;
  const std::string folder = StrCat(root == "/" ? "" : root, "/sys/kernel/mm/hugepages");
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    std::string_view size = name;
    if (!size.starts_with("hugepages-") || !size.ends_with("kB")) continue;
    size = size.substr(10, size.size() - 12);
    const auto kb = base::ParseInt<int64_t>(size);
    const auto count = base::ParseInt<int64_t>(
        FirstLine(root, StrCat("/sys/kernel/mm/hugepages/", name, "/nr_hugepages")));
    if (kb && count) out[*kb * 1024] = *count;
  }
  return out;
}

}  // namespace

int CountCpuList(std::string_view list) {
  int count = 0;
  for (std::string_view part : base::Split(base::Trim(list), ',')) {
    const auto [first, last] = base::SplitOnce(part, '-');
    const auto from = base::ParseInt<int>(first);
    const auto to = last ? base::ParseInt<int>(*last) : from;
    if (from && to && *to >= *from) count += *to - *from + 1;
  }
  return count;
}

absl::StatusOr<SystemFacts> ReadSystemFacts(std::string_view root) {
  SystemFacts facts;
  facts.cpus = CountCpuList(FirstLine(root, "/sys/devices/system/cpu/online"));
  if (facts.cpus == 0) return base::NotFound("the number of processors cannot be read");
  const std::string meminfo = ReadText(root, "/proc/meminfo");
  facts.memory_bytes = MeminfoBytes(meminfo, "MemTotal");
  if (facts.memory_bytes == 0) return base::NotFound("the size of memory cannot be read");
  facts.swap_bytes = MeminfoBytes(meminfo, "SwapTotal");
  facts.huge_pages = HugePages(root);
  facts.machine_id = FirstLine(root, "/etc/machine-id");
  if (facts.machine_id.empty()) facts.machine_id = FirstLine(root, "/var/lib/dbus/machine-id");
  facts.system_uuid = FirstLine(root, "/sys/class/dmi/id/product_uuid");
  if (facts.system_uuid.empty()) facts.system_uuid = facts.machine_id;
  facts.boot_id = FirstLine(root, "/proc/sys/kernel/random/boot_id");
  facts.kernel_version = FirstLine(root, "/proc/sys/kernel/osrelease");
  facts.os_image = OsImage(root);
  facts.architecture = Architecture();
  return facts;
}

absl::StatusOr<FilesystemSize> ReadFilesystemSize(std::string_view path) {
  struct statvfs stat {};
  if (statvfs(std::string(path).c_str(), &stat) != 0) {
    return base::FromErrno(errno, StrCat("asking for the size of ", path));
  }
  FilesystemSize size;
  size.capacity_bytes = static_cast<int64_t>(stat.f_blocks * stat.f_frsize);
  size.available_bytes = static_cast<int64_t>(stat.f_bavail * stat.f_frsize);
  size.inodes = static_cast<int64_t>(stat.f_files);
  size.inodes_free = static_cast<int64_t>(stat.f_ffree);
  return size;
}

absl::StatusOr<MemoryNow> ReadMemoryNow(std::string_view root) {
  const std::string meminfo = ReadText(root, "/proc/meminfo");
  MemoryNow now{MeminfoBytes(meminfo, "MemTotal"), MeminfoBytes(meminfo, "MemAvailable")};
  if (now.total_bytes == 0) return base::NotFound("the size of memory cannot be read");
  return now;
}

absl::StatusOr<PidsNow> ReadPidsNow(std::string_view root) {
  PidsNow now;
  const auto pid_max = base::ParseInt<int64_t>(FirstLine(root, "/proc/sys/kernel/pid_max"));
  const auto threads_max = base::ParseInt<int64_t>(FirstLine(root, "/proc/sys/kernel/threads-max"));
  if (!pid_max) return base::NotFound("pid_max cannot be read");
  now.max = threads_max ? std::min(*pid_max, *threads_max) : *pid_max;
  // "0.20 0.18 0.12 1/80 11206": runnable and existing scheduling entities.
  const std::string loadavg = FirstLine(root, "/proc/loadavg");
  const auto parts = base::Split(loadavg, ' ');
  if (parts.size() >= 4) {
    const auto [runnable, all] = base::SplitOnce(parts[3], '/');
    now.running = base::ParseInt<int64_t>(all.value_or("")).value_or(0);
  }
  return now;
}

int CountSwaps(std::string_view root) {
  int lines = 0;
  const std::string swaps = ReadText(root, "/proc/swaps");
  for (std::string_view line : base::Split(swaps, '\n')) {
    if (!base::Trim(line).empty()) ++lines;
  }
  return std::max(lines - 1, 0);
}

}  // namespace berth::agent
