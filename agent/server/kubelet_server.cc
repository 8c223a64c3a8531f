// SPDX-License-Identifier: Apache-2.0
#include "agent/server/kubelet_server.h"

#include "agent/config/config_file.h"
#include "agent/pods/pod_directory.h"
#include "api/codec.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"
#include "cri/runtime.h"

namespace berth::agent {
namespace {

using base::StrCat;

constexpr char kJson[] = "application/json";
constexpr char kText[] = "text/plain; charset=utf-8";
constexpr char kMetrics[] = "text/plain; version=0.0.4; charset=utf-8";

bool Truthy(const http::Target& target, std::string_view name) {
  const std::string_view value = target.Get(name);
  return value == "1" || value == "true";
}

bool HasContainer(const api::core::v1::Pod& pod, std::string_view name) {
  for (const auto& container : pod.spec().containers()) {
    if (container.name() == name) return true;
  }
  for (const auto& container : pod.spec().init_containers()) {
    if (container.name() == name) return true;
  }
  for (const auto& container : pod.spec().ephemeral_containers()) {
    if (container.ephemeral_container_common().name() == name) return true;
  }
  return false;
}

// Why a container without an instance has none, for `kubectl logs`.
std::string WaitingReason(const api::core::v1::Pod& pod, std::string_view name) {
  for (const auto* list :
       {&pod.status().container_statuses(), &pod.status().init_container_statuses()}) {
    for (const auto& status : *list) {
      if (status.name() == name && status.state().has_waiting()) {
        return status.state().waiting().reason();
      }
    }
  }
  return "ContainerCreating";
}

}  // namespace

struct KubeletServer::Call {
  std::shared_ptr<http::Exchange> exchange;
  http::Target target;
  std::vector<std::string_view> path;  // without the first ""; views into target.path

  const std::string& method() const { return exchange->request().method; }
  bool Get() const { return method() == "GET" || method() == "HEAD"; }
  void Answer(int status, const char* type, std::string body) {
    exchange->Respond({status, {{"Content-Type", type}}, std::move(body)});
  }
  void Refuse(int status, std::string_view text) { Answer(status, kText, StrCat(text, "\n")); }
};

KubeletServer::KubeletServer(const KubeletConfig& config, std::string node_name,
                             std::string version, KubeletServerParts parts)
    : config_(config), parts_(std::move(parts)), stats_{std::move(node_name), std::move(version),
                                                        parts_.runtime,       parts_.pods,
                                                        parts_.clock->Now(),  parts_.metrics} {}

void KubeletServer::Handle(std::shared_ptr<http::Exchange> exchange) {
  Call call{exchange, http::Target::Parse(exchange->request().target), {}};
  call.path = base::Split(
      std::string_view(call.target.path).substr(call.target.path.starts_with('/') ? 1 : 0), '/');
  const auto caller = parts_.auth->Authenticate(*exchange);
  if (!caller.ok()) return call.Refuse(401, "Unauthorized");
  const absl::Status allowed = parts_.auth->Authorize(*caller, call.method(), call.target.path);
  if (absl::IsPermissionDenied(allowed)) return call.Refuse(403, base::Message(allowed));
  if (!allowed.ok()) {
    BERTH_WARNING("a request could not be authorized", {"path", call.target.path},
                  {"error", allowed});
    return call.Refuse(500, StrCat("Authorization error (user=", caller->user, ")"));
  }
  Route(call);
}

void KubeletServer::HandleHealthz(std::shared_ptr<http::Exchange> exchange) {
  Call call{exchange, http::Target::Parse(exchange->request().target), {}};
  if (call.target.path != "/healthz") return call.Refuse(404, "404 page not found");
  Health(call);
}

void KubeletServer::Route(Call& call) {
  const std::string_view first = call.path.empty() ? "" : call.path[0];
  const bool debugging = first == "exec" || first == "attach" || first == "portForward" ||
                         first == "containerLogs" || first == "runningpods" || first == "configz";
  if (debugging && !config_.enable_debugging_handlers) {
    return call.Refuse(405, "Debug endpoints are disabled.");
  }
  const bool streams = first == "exec" || first == "attach" || first == "portForward";
  if (!call.Get() && !(streams && call.method() == "POST")) {
    return call.Refuse(405, "405: Method Not Allowed");
  }
  if (first == "healthz") return Health(call);
  if (first == "pods" && call.path.size() <= 2) return Pods(call);
  if (first == "runningpods") {
    auto json = RunningPodsJson(*parts_.runtime);
    if (!json.ok()) return call.Refuse(500, base::Message(json.status()));
    return call.Answer(200, kJson, *std::move(json));
  }
  if (first == "metrics" && call.path.size() == 1) {
    return call.Answer(200, kMetrics, MetricsText(stats_));
  }
  if (call.target.path == "/stats/summary") {
    auto json = StatsSummaryJson(stats_);
    if (!json.ok()) return call.Refuse(500, base::Message(json.status()));
    return call.Answer(200, kJson, *std::move(json));
  }
  if (first == "configz") {
    return call.Answer(200, kJson,
                       StrCat("{\"kubeletconfig\":", KubeletConfigJson(config_), "}\n"));
  }
  if (first == "containerLogs") return ContainerLogs(call);
  if (first == "exec") return ExecOrAttach(call, true);
  if (first == "attach") return ExecOrAttach(call, false);
  if (first == "portForward") return PortForward(call);
  call.Refuse(404, "404 page not found");
}

void KubeletServer::Health(Call& call) {
  if (call.target.path == "/healthz/ping" || call.target.path == "/healthz/log") {
    return call.Answer(200, kText, "ok");
  }
  const absl::Status healthy = parts_.healthy();
  if (!healthy.ok()) {
    return call.Refuse(500,
                       StrCat("[-]syncloop failed: ", healthy.message(), "\nhealthz check failed"));
  }
  call.Answer(200, kText, "ok");
}

void KubeletServer::Pods(Call& call) {
  api::core::v1::PodList list;
  for (const auto& pod : parts_.pods->Pods()) *list.add_items() = *pod;
  call.Answer(200, kJson, api::EncodeJson(list));
}

// /containerLogs/{namespace}/{pod}/{container}
void KubeletServer::ContainerLogs(Call& call) {
  if (call.path.size() != 4) return call.Refuse(404, "404 page not found");
  const std::string_view ns = call.path[1], name = call.path[2], container = call.path[3];
  const auto options = ParseLogOptions(call.target, parts_.clock->Now());
  if (!options.ok()) return call.Refuse(422, base::Message(options.status()));
  const auto pod = parts_.pods->FindPod(ns, name);
  if (pod == nullptr) return call.Refuse(404, StrCat("pod \"", name, "\" does not exist"));
  if (!HasContainer(*pod, container)) {
    return call.Refuse(404,
                       StrCat("container \"", container, "\" not found in pod \"", name, "\""));
  }
  const auto found = parts_.pods->FindContainer(ns, name, container, options->previous);
  if (!found) {
    if (options->previous) {
      return call.Refuse(400, StrCat("previous terminated container \"", container, "\" in pod \"",
                                     name, "\" not found"));
    }
    return call.Refuse(400, StrCat("container \"", container, "\" in pod \"", name,
                                   "\" is waiting to start: ", WaitingReason(*pod, container)));
  }
  auto file = LogFile::Open(found->log_path, *options);
  if (!file.ok()) {
    return call.Refuse(500, StrCat("failed to try resolving symlinks in path \"", found->log_path,
                                   "\": ", file.status().message()));
  }
  const auto running = [pods = parts_.pods, ns = std::string(ns), name = std::string(name),
                        container = std::string(container), id = found->container_id] {
    const auto now = pods->FindContainer(ns, name, container, false);
    return now && now->container_id == id && now->running;
  };
  parts_.logs->Add(*std::move(file), options->follow, running, call.exchange);
}

// /exec/{namespace}/{pod}[/{uid}]/{container}
void KubeletServer::ExecOrAttach(Call& call, bool exec) {
  if (call.path.size() != 4 && call.path.size() != 5) {
    return call.Refuse(404, "404 page not found");
  }
  const std::string_view ns = call.path[1], name = call.path[2], container = call.path.back();
  const auto& target = call.target;
  const bool in = Truthy(target, "input") || Truthy(target, "stdin");
  const bool out = Truthy(target, "output") || Truthy(target, "stdout");
  const bool tty = Truthy(target, "tty");
  // A terminal has no second output.
  const bool err = !tty && (Truthy(target, "error") || Truthy(target, "stderr"));
  if (!in && !out && !err) {
    return call.Refuse(400, "you must specify at least 1 of stdin, stdout, stderr");
  }
  if (parts_.pods->FindPod(ns, name) == nullptr) {
    return call.Refuse(404, StrCat("pod \"", name, "\" does not exist"));
  }
  const auto found = parts_.pods->FindContainer(ns, name, container, false);
  if (!found || !found->running) {
    return call.Refuse(404, StrCat("container not found (\"", container, "\")"));
  }
  absl::Status status;
  std::string url;
  if (exec) {
    cri::v1::ExecRequest request;
    cri::v1::ExecResponse response;
    request.set_container_id(found->container_id);
    for (std::string_view part : target.All("command")) request.add_cmd(std::string(part));
    request.set_tty(tty);
    request.set_stdin(in);
    request.set_stdout(out);
    request.set_stderr(err);
    status = parts_.runtime->Exec(request, response, config_.runtime_request_timeout);
    url = response.url();
  } else {
    cri::v1::AttachRequest request;
    cri::v1::AttachResponse response;
    request.set_container_id(found->container_id);
    request.set_tty(tty);
    request.set_stdin(in);
    request.set_stdout(out);
    request.set_stderr(err);
    status = parts_.runtime->Attach(request, response, config_.runtime_request_timeout);
    url = response.url();
  }
  if (!status.ok()) return call.Refuse(500, base::Message(status));
  parts_.streaming->Pass(url, call.exchange);
}

// /portForward/{namespace}/{pod}[/{uid}]
void KubeletServer::PortForward(Call& call) {
  if (call.path.size() != 3 && call.path.size() != 4) {
    return call.Refuse(404, "404 page not found");
  }
  const auto sandbox = parts_.pods->FindSandbox(call.path[1], call.path[2]);
  if (!sandbox) return call.Refuse(404, StrCat("pod \"", call.path[2], "\" does not exist"));
  cri::v1::PortForwardRequest request;
  cri::v1::PortForwardResponse response;
  request.set_pod_sandbox_id(*sandbox);
  for (std::string_view text : call.target.All("port")) {
    const auto port = base::ParseInt<uint16_t>(text);
    if (!port || *port == 0) return call.Refuse(400, StrCat("invalid port \"", text, "\""));
    request.add_port(*port);
  }
  const absl::Status status =
      parts_.runtime->PortForward(request, response, config_.runtime_request_timeout);
  if (!status.ok()) return call.Refuse(500, base::Message(status));
  parts_.streaming->Pass(response.url(), call.exchange);
}

}  // namespace berth::agent
