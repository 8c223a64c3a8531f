// SPDX-License-Identifier: Apache-2.0
#include "agent/node/host_setup.h"

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

struct Parameter {
  std::string_view path;
  int64_t value;
};
// What the kubelet expects of a kernel that runs pods.
constexpr Parameter kParameters[] = {{"vm/overcommit_memory", 1},
                                     {"vm/panic_on_oom", 0},
                                     {"kernel/panic", 10},
                                     {"kernel/panic_on_oops", 1},
                                     {"kernel/keys/root_maxkeys", 1'000'000},
                                     {"kernel/keys/root_maxbytes", 25'000'000}};

std::optional<int64_t> ReadNumber(const std::string& path) {
  std::ifstream in(path);
  int64_t value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

bool WriteNumber(const std::string& path, int64_t value) {
  std::ofstream out(path);
  out << value;
  out.flush();
  return out.good();
}

// Raises the limit as far as it goes; true when it went all the way.
bool RaiseOpenFiles(int64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const auto want = static_cast<rlim_t>(wanted);
  if (limit.rlim_cur >= want) return true;
  const rlimit all{want, std::max(want, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &all) == 0) return true;
  limit.rlim_cur = std::min(want, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  return false;
}

}  // namespace

bool HostHasCgroupV2() {
  struct statfs fs {};
  return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

absl::Status CheckHost(const KubeletConfig& config, bool cgroup_v2, int swaps) {
  if (!cgroup_v2 && config.fail_cgroup_v1) {
    return base::FailedPrecondition(
        "this host uses cgroup v1; set failCgroupV1: false to run on it nevertheless");
  }
  if (swaps > 0 && config.fail_swap_on) {
    return base::FailedPrecondition(
        "running with swap on is not supported: switch swap off or set failSwapOn: false");
  }
  return absl::OkStatus();
}

absl::Status TuneHost(const KubeletConfig& config, std::string_view root) {
  const std::string proc = StrCat(root == "/" ? "" : root, "/proc");
  std::vector<std::string> refused;
  for (const Parameter& parameter : kParameters) {
    const std::string path = StrCat(proc, "/sys/", parameter.path);
    const auto now = ReadNumber(path);
    if (now == parameter.value) continue;
    if (config.protect_kernel_defaults) {
      return base::FailedPrecondition("protectKernelDefaults: ", parameter.path, " is ",
                                      now ? StrCat(*now) : "unknown", ", want ", parameter.value);
    }
    if (!WriteNumber(path, parameter.value)) refused.emplace_back(parameter.path);
  }
  if (!WriteNumber(proc + "/self/oom_score_adj", config.oom_score_adj)) {
    refused.emplace_back("oom_score_adj");
  }
  if (!RaiseOpenFiles(config.max_open_files)) refused.emplace_back("maxOpenFiles");
  if (!refused.empty()) {
    BERTH_WARNING("some kernel parameters and limits cannot be set here",
                  {"which", base::Join(refused, " ")});
  }
  return absl::OkStatus();
}

}  // namespace berth::agent
