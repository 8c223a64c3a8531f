// SPDX-License-Identifier: Apache-2.0
#include "agent/server/node_stats.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/node/system_facts.h"
#include "agent/observe/kubelet_metrics.h"
#include "agent/pods/pod_directory.h"
#include "api/codec.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"
#include "cri/runtime.h"

namespace berth::agent {
namespace {

using base::StrCat;
using Json = nlohmann::ordered_json;

constexpr absl::Duration kTimeout = absl::Seconds(10);

std::string ReadText(const char* path) {
  std::ifstream in(path);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

std::string Time(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", at, absl::UTCTimeZone());
}
std::string TimeOfNanos(int64_t nanos) { return Time(absl::FromUnixNanos(nanos)); }

void Metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::string_view labels, double value) {
  base::StrAppend(out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n", name, labels,
                  " ", value, "\n");
}

// User and system time, and resident memory, of this process.
void ProcessMetrics(std::string& out, absl::Time started) {
  const std::string stat = ReadText("/proc/self/stat");
  const size_t end = stat.rfind(')');
  if (end == std::string::npos || end + 2 > stat.size()) return;
  const std::string rest = stat.substr(end + 2);
  const auto fields = base::Split(rest, ' ');  // from the third of proc(5) on
  if (fields.size() < 22) return;
  const auto number = [&](size_t i) {
    return static_cast<double>(base::ParseInt<int64_t>(fields[i]).value_or(0));
  };
  Metric(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time in seconds.",
         "", (number(11) + number(12)) / static_cast<double>(sysconf(_SC_CLK_TCK)));
  Metric(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", "",
         number(21) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  Metric(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", "",
         number(20));
  Metric(out, "process_start_time_seconds", "gauge",
         "Start time of the process since unix epoch in seconds.", "",
         static_cast<double>(absl::ToUnixSeconds(started)));
}

Json CpuJson(const cri::v1::CpuUsage& cpu) {
  return {{"time", TimeOfNanos(cpu.timestamp())},
          {"usageNanoCores", cpu.usage_nano_cores().value()},
          {"usageCoreNanoSeconds", cpu.usage_core_nano_seconds().value()}};
}
Json MemoryJson(const cri::v1::MemoryUsage& memory) {
  return {{"time", TimeOfNanos(memory.timestamp())},
          {"usageBytes", memory.usage_bytes().value()},
          {"workingSetBytes", memory.working_set_bytes().value()},
          {"rssBytes", memory.rss_bytes().value()},
          {"pageFaults", memory.page_faults().value()},
          {"majorPageFaults", memory.major_page_faults().value()}};
}

Json NodeJson(const NodeStatsSource& source, absl::Time now) {
  Json node{{"nodeName", source.node_name}, {"startTime", Time(source.started)}};
  // "cpu  user nice system idle iowait irq softirq steal ...", in ticks.
  const std::string stat = ReadText("/proc/stat");
  const auto fields = base::Split(std::string_view(stat).substr(0, stat.find('\n')), ' ');
  int64_t busy = 0;
  for (size_t i = 2; i < fields.size() && i < 10; ++i) {
    if (i != 5 && i != 6) busy += base::ParseInt<int64_t>(fields[i]).value_or(0);
  }
  node["cpu"] = {{"time", Time(now)},
                 {"usageCoreNanoSeconds", busy * (1'000'000'000 / sysconf(_SC_CLK_TCK))}};
  if (const auto memory = ReadMemoryNow(); memory.ok()) {
    const int64_t used = memory->total_bytes - memory->available_bytes;
    node["memory"] = {{"time", Time(now)},
                      {"availableBytes", memory->available_bytes},
                      {"usageBytes", used},
                      {"workingSetBytes", used}};
  }
  if (const auto pids = ReadPidsNow(); pids.ok()) {
    node["rlimit"] = {{"time", Time(now)}, {"maxpid", pids->max}, {"curproc", pids->running}};
  }
  return node;
}

std::string Label(const google::protobuf::Map<std::string, std::string>& labels, const char* name) {
  const auto at = labels.find(name);
  return at == labels.end() ? std::string() : at->second;
}

}  // namespace

std::string MetricsText(const NodeStatsSource& source) {
  std::string out;
  Metric(out, "kubelet_node_name", "gauge", "The node's name. The count is always 1.",
         StrCat("{node=\"", source.node_name, "\"}"), 1);
  Metric(out, "kubernetes_build_info", "gauge", "A metric with a constant '1' value.",
         StrCat("{git_version=\"", source.version, "\",major=\"1\",minor=\"35\"}"), 1);
  int running_pods = 0;
  std::map<std::string, int> containers{{"running", 0}, {"exited", 0}, {"created", 0}};
  for (const auto& pod : source.pods->Pods()) {
    bool runs = false;
    for (const auto& status : pod->status().container_statuses()) {
      if (status.state().has_running()) {
        ++containers["running"];
        runs = true;
      } else if (status.state().has_terminated()) {
        ++containers["exited"];
      }
    }
    running_pods += runs ? 1 : 0;
  }
  Metric(out, "kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox", "",
         running_pods);
  base::StrAppend(out,
                  "# HELP kubelet_running_containers Number of containers currently running\n"
                  "# TYPE kubelet_running_containers gauge\n");
  for (const auto& [state, count] : containers) {
    base::StrAppend(out, "kubelet_running_containers{container_state=\"", state, "\"} ", count,
                    "\n");
  }
  ProcessMetrics(out, source.started);
  if (source.metrics != nullptr) out += source.metrics->Text();
  return out;
}

absl::StatusOr<std::string> StatsSummaryJson(const NodeStatsSource& source) {
  cri::v1::ListContainerStatsResponse stats;
  RETURN_IF_ERROR(
      source.runtime->ListContainerStats(cri::v1::ListContainerStatsRequest(), stats, kTimeout));
  std::map<std::string, Json> pods;
  for (const auto& container : stats.stats()) {
    const auto& labels = container.attributes().labels();
    const std::string uid = Label(labels, "io.kubernetes.pod.uid");
    if (uid.empty()) continue;
    Json& pod = pods[uid];
    if (pod.is_null()) {
      pod["podRef"] = {{"name", Label(labels, "io.kubernetes.pod.name")},
                       {"namespace", Label(labels, "io.kubernetes.pod.namespace")},
                       {"uid", uid}};
      pod["containers"] = Json::array();
    }
    Json entry{{"name", container.attributes().metadata().name()},
               {"cpu", CpuJson(container.cpu())},
               {"memory", MemoryJson(container.memory())}};
    if (container.has_writable_layer()) {
      entry["rootfs"] = {{"time", TimeOfNanos(container.writable_layer().timestamp())},
                         {"usedBytes", container.writable_layer().used_bytes().value()},
                         {"inodesUsed", container.writable_layer().inodes_used().value()}};
    }
    pod["containers"].push_back(std::move(entry));
  }
  Json out{{"node", NodeJson(source, absl::Now())}, {"pods", Json::array()}};
  for (auto& [uid, pod] : pods) out["pods"].push_back(std::move(pod));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::string> RunningPodsJson(cri::Runtime& runtime) {
  cri::v1::ListPodSandboxRequest sandbox_request;
  cri::v1::ListPodSandboxResponse sandboxes;
  sandbox_request.mutable_filter()->mutable_state()->set_state(cri::v1::SANDBOX_READY);
  RETURN_IF_ERROR(runtime.ListPodSandbox(sandbox_request, sandboxes, kTimeout));
  cri::v1::ListContainersRequest request;
  cri::v1::ListContainersResponse containers;
  request.mutable_filter()->mutable_state()->set_state(cri::v1::CONTAINER_RUNNING);
  RETURN_IF_ERROR(runtime.ListContainers(request, containers, kTimeout));
  api::core::v1::PodList list;
  for (const auto& sandbox : sandboxes.items()) {
    auto* pod = list.add_items();
    pod->mutable_metadata()->set_name(sandbox.metadata().name());
    pod->mutable_metadata()->set_namespace_(sandbox.metadata().namespace_());
    pod->mutable_metadata()->set_uid(sandbox.metadata().uid());
    for (const auto& container : containers.containers()) {
      if (container.pod_sandbox_id() != sandbox.id()) continue;
      auto* entry = pod->mutable_spec()->add_containers();
      entry->set_name(container.metadata().name());
      entry->set_image(container.image().image());
    }
  }
  return api::EncodeJson(list);
}

}  // namespace berth::agent
