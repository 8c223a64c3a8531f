// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/prober.h"

#include <algorithm>
#include <optional>

#include "agent/probes/grpc_health.h"
#include "agent/probes/tcp_connect.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"
#include "http/client.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;

constexpr size_t kMaxOutput = 10 * 1024;

// A number, or the name of one of the container's ports.
std::optional<int> PortOf(const api::IntOrString& port, const Container& container) {
  if (port.type() == 0) {
    return port.int_val() > 0 ? std::optional<int>(port.int_val()) : std::nullopt;
  }
  for (const auto& named : container.ports()) {
    if (named.name() == port.str_val()) return named.container_port();
  }
  return base::ParseInt<int>(port.str_val());
}

absl::StatusOr<HttpCall> CallFor(const api::core::v1::HTTPGetAction& get, const ProbeTarget& target,
                                 std::string_view agent) {
  const auto port = PortOf(get.port(), target.container);
  if (!port.has_value()) return base::InvalidArgument("couldn't find port: ", get.port().str_val());
  HttpCall call;
  call.https = get.scheme() == "HTTPS";
  call.host = get.host().empty() ? target.pod_ip : get.host();
  call.port = *port;
  call.request.target = get.path().starts_with("/") ? get.path() : base::StrCat("/", get.path());
  for (const auto& header : get.http_headers()) {
    call.request.headers.Add(header.name(), header.value());
  }
  const auto set_default = [&](std::string_view name, std::string_view value) {
    if (!call.request.headers.Find(name).has_value()) call.request.headers.Set(name, value);
  };
  set_default("User-Agent", agent);
  set_default("Accept", "*/*");
  set_default("Connection", "close");
  const bool v6 = call.host.find(':') != std::string::npos;
  set_default("Host", base::StrCat(v6 ? "[" : "", call.host, v6 ? "]" : "", ":", call.port));
  return call;
}

std::string UrlOf(const HttpCall& call) {
  return base::StrCat(call.https ? "https://" : "http://", call.host, ":", call.port,
                      call.request.target);
}

// False when it leads to another host, or nowhere.
bool FollowRedirect(std::string_view location, HttpCall& call) {
  if (location.starts_with("/") && !location.starts_with("//")) {
    call.request.target = std::string(location);
    return true;
  }
  const bool https = location.starts_with("https://");
  if (!https && !location.starts_with("http://")) return false;
  std::string_view rest = location.substr(https ? 8 : 7);
  const size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with("[") && host.ends_with("]")) host = host.substr(1, host.size() - 2);
  if (host != call.host) return false;
  const auto port = colon == authority.npos ? std::optional<int>(https ? 443 : 80)
                                            : base::ParseInt<int>(authority.substr(colon + 1));
  if (!port.has_value()) return false;
  call.https = https;
  call.port = *port;
  call.request.headers.Set("Host", authority);
  call.request.target = slash == rest.npos ? "/" : std::string(rest.substr(slash));
  return true;
}

std::string Cut(std::string text) {
  if (text.size() > kMaxOutput) text.resize(kMaxOutput);
  return text;
}

}  // namespace

ProbeAnswer Prober::Http(HttpCall call, absl::Duration timeout) {
  for (int redirects = 0; redirects <= 10; ++redirects) {
    const auto response = fetch_(call, timeout);
    if (!response.ok()) {
      const bool late = absl::IsDeadlineExceeded(response.status());
      return {ProbeOutcome::kFailure,
              base::StrCat("Get \"", UrlOf(call), "\": ",
                           late ? absl::string_view("context deadline exceeded (Client.Timeout "
                                                    "exceeded while awaiting headers)")
                                : response.status().message())};
    }
    if (response->status >= 200 && response->status < 300) return {ProbeOutcome::kSuccess, ""};
    if (response->status < 200 || response->status >= 400) {
      return {ProbeOutcome::kFailure,
              base::StrCat("HTTP probe failed with statuscode: ", response->status)};
    }
    // A redirect to another host counts as alive and is not followed.
    if (!FollowRedirect(response->headers.Get("Location"), call)) {
      return {ProbeOutcome::kWarning,
              Cut(base::StrCat("Probe terminated redirects, Response body: ", response->body))};
    }
  }
  return {ProbeOutcome::kFailure, "stopped after 10 redirects"};
}

ProbeAnswer Prober::Exec(const ProbeTarget& target, const api::core::v1::Probe& probe,
                         absl::Duration timeout) {
  cri::v1::ExecSyncRequest request;
  request.set_container_id(target.container_id);
  *request.mutable_cmd() = probe.handler().exec().command();
  request.set_timeout(absl::ToInt64Seconds(timeout));
  cri::v1::ExecSyncResponse response;
  // The runtime ends the command at its own timeout; ours is for a runtime that hangs.
  const absl::Status status = runtime_.ExecSync(request, response, timeout + absl::Seconds(5));
  if (absl::IsDeadlineExceeded(status)) {
    return {ProbeOutcome::kFailure,
            base::StrCat("command timed out: \"", base::Join(request.cmd(), " "),
                         "\" timed out after ", absl::FormatDuration(timeout))};
  }
  if (!status.ok()) return {ProbeOutcome::kUnknown, std::string(status.message())};
  const std::string output = Cut(base::StrCat(response.stdout(), response.stderr()));
  return {response.exit_code() == 0 ? ProbeOutcome::kSuccess : ProbeOutcome::kFailure, output};
}

ProbeAnswer Prober::Probe(const api::core::v1::Probe& probe, const ProbeTarget& target) {
  const auto& handler = probe.handler();
  const absl::Duration timeout = absl::Seconds(std::max(1, probe.timeout_seconds()));
  if (handler.has_exec()) return Exec(target, probe, timeout);
  if (handler.has_http_get()) {
    auto call = CallFor(handler.http_get(), target, "kube-probe/1.35");
    if (!call.ok()) return {ProbeOutcome::kUnknown, std::string(call.status().message())};
    return Http(*std::move(call), timeout);
  }
  if (handler.has_tcp_socket()) {
    const auto port = PortOf(handler.tcp_socket().port(), target.container);
    if (!port.has_value()) return {ProbeOutcome::kUnknown, "couldn't find the port"};
    const std::string& host =
        handler.tcp_socket().host().empty() ? target.pod_ip : handler.tcp_socket().host();
    const absl::Status status = TcpConnect(host, *port, timeout);
    return {status.ok() ? ProbeOutcome::kSuccess : ProbeOutcome::kFailure,
            std::string(status.message())};
  }
  if (handler.has_grpc()) {
    return CheckGrpcHealth(target.pod_ip, handler.grpc().port(), handler.grpc().service(), timeout);
  }
  return {ProbeOutcome::kUnknown, "the probe has no handler"};
}

absl::Status Prober::RunHook(const api::core::v1::LifecycleHandler& hook, const ProbeTarget& target,
                             absl::Duration timeout) {
  if (hook.has_exec()) {
    cri::v1::ExecSyncRequest request;
    request.set_container_id(target.container_id);
    *request.mutable_cmd() = hook.exec().command();
    request.set_timeout(absl::ToInt64Seconds(timeout));
    cri::v1::ExecSyncResponse response;
    const std::string command = base::Join(hook.exec().command(), " ");
    RETURN_IF_ERROR(runtime_.ExecSync(request, response, timeout + absl::Seconds(5)), "Exec '",
                    command, "'");
    if (response.exit_code() == 0) return absl::OkStatus();
    return base::MakeStatus(absl::StatusCode::kUnknown, "Exec '", command, "' exited with ",
                            response.exit_code(), ": ",
                            Cut(base::StrCat(response.stdout(), response.stderr())));
  }
  if (hook.has_http_get()) {
    ASSIGN_OR_RETURN(const HttpCall call, CallFor(hook.http_get(), target, "kube-lifecycle/1.35"));
    ASSIGN_OR_RETURN(const http::Response response, fetch_(call, timeout), "Get \"", UrlOf(call),
                     "\"");
    if (response.status < 400) return absl::OkStatus();
    return base::MakeStatus(absl::StatusCode::kUnknown, "HTTP lifecycle hook (",
                            call.request.target, ") failed with status ", response.status);
  }
  if (hook.has_tcp_socket()) {
    const auto port = PortOf(hook.tcp_socket().port(), target.container);
    if (!port.has_value()) return base::InvalidArgument("couldn't find the port");
    return TcpConnect(target.pod_ip, *port, timeout);
  }
  return absl::OkStatus();
}

Prober::Fetch MakeProbeFetch(http::IoContext& io) {
  return [&io](const HttpCall& call, absl::Duration timeout) -> absl::StatusOr<http::Response> {
    http::ClientOptions options;
    options.host = call.host;
    options.port = call.port;
    options.max_idle_connections = 0;
    options.connect_timeout = timeout;
    if (call.https) {
      options.tls.emplace();
      options.tls->insecure_skip_verify = true;
    }
    ASSIGN_OR_RETURN(const auto client, http::MakeClient(io, std::move(options)));
    return client->Do(call.request, timeout);
  };
}

}  // namespace berth::agent
