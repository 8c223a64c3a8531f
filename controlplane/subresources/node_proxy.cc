// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/node_proxy.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/subresources/log_relay.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;
using base::StrCat;

constexpr absl::Duration kUpgradeTimeout = absl::Seconds(30);

bool HasContainer(const Pod& pod, std::string_view name) {
  auto named = [name](const auto& container) { return container.name() == name; };
  const auto& spec = pod.spec();
  return std::any_of(spec.containers().begin(), spec.containers().end(), named) ||
         std::any_of(spec.init_containers().begin(), spec.init_containers().end(), named) ||
         std::any_of(spec.ephemeral_containers().begin(), spec.ephemeral_containers().end(),
                     [name](const auto& container) {
                       return container.ephemeral_container_common().name() == name;
                     });
}

absl::StatusOr<std::string> PickContainer(const Pod& pod, std::string_view wanted) {
  const std::string& name = pod.metadata().name();
  if (!wanted.empty()) {
    if (HasContainer(pod, wanted)) return std::string(wanted);
    return BadRequestError(StrCat("container ", wanted, " is not valid for pod ", name));
  }
  if (pod.spec().containers_size() == 1) return pod.spec().containers(0).name();
  std::vector<std::string> names;
  for (const auto& container : pod.spec().containers()) names.push_back(container.name());
  std::vector<std::string> init;
  for (const auto& container : pod.spec().init_containers()) init.push_back(container.name());
  std::string message = StrCat("a container name must be specified for pod ", name,
                               ", choose one of: [", base::Join(names, " "), "]");
  if (!init.empty()) {
    base::StrAppend(message, " or one of the init containers: [", base::Join(init, " "), "]");
  }
  return BadRequestError(message);
}

void AddQuery(std::string& path, std::string_view name, std::string_view value) {
  base::StrAppend(path, path.find('?') == std::string::npos ? "?" : "&", name, "=",
                  http::PercentEncode(value));
}

bool IsTrue(std::string_view text) { return text == "true" || text == "1"; }

std::string LogPath(const http::Target& target, std::string path) {
  for (const char* name : {"follow", "previous", "timestamps", "sinceSeconds", "sinceTime",
                           "tailLines", "limitBytes", "stream"}) {
    if (const auto value = target.Find(name); value.has_value()) AddQuery(path, name, *value);
  }
  return path;
}

// The kubelet's names for the streams differ from the API's.
std::string StreamPath(const http::Target& target, std::string path) {
  constexpr std::pair<const char*, const char*> kStreams[] = {
      {"stdin", "input"}, {"stdout", "output"}, {"stderr", "error"}, {"tty", "tty"}};
  for (const auto& [api_name, kubelet_name] : kStreams) {
    if (IsTrue(target.Get(api_name))) AddQuery(path, kubelet_name, "1");
  }
  for (const std::string_view word : target.All("command")) AddQuery(path, "command", word);
  return path;
}

// What a client's request for an upgrade says, less what is between the client and us.
http::Request UpgradeRequest(const http::Request& from, std::string target) {
  http::Request out;
  out.method = from.method;
  out.target = std::move(target);
  for (const auto& [name, value] : from.headers.fields()) {
    const std::string lower = base::ToLower(name);
    if (lower == "authorization" || lower == "host" || lower == "content-length" ||
        lower == "user-agent" || lower == "accept-encoding") {
      continue;
    }
    out.headers.Add(name, value);
  }
  return out;
}

}  // namespace

absl::StatusOr<NodeProxy::Destination> NodeProxy::Resolve(const RequestScope& scope,
                                                          std::string_view action) const {
  const RequestInfo& info = scope.info;
  ASSIGN_OR_RETURN(const CachedObject found,
                   cache_.Get(*FindResource("", "v1", "pods"), info.namespace_, info.name));
  const auto& pod = static_cast<const Pod&>(*found.object);
  Destination out;
  out.path = StrCat("/", action, "/", info.namespace_, "/", info.name);
  if (action != "portForward") {
    ASSIGN_OR_RETURN(const std::string container,
                     PickContainer(pod, scope.target.Get("container")));
    base::StrAppend(out.path, "/", container);
  }
  if (pod.spec().node_name().empty()) {
    return BadRequestError(StrCat("pod ", info.name, " does not have a host assigned"));
  }
  ASSIGN_OR_RETURN(const CachedObject node,
                   cache_.Get(*FindResource("", "v1", "nodes"), "", pod.spec().node_name()));
  const auto& status = static_cast<const Node&>(*node.object).status();
  for (const char* type : {"InternalIP", "ExternalIP", "Hostname"}) {
    for (const auto& address : status.addresses()) {
      if (address.type() == type && out.host.empty()) out.host = address.address();
    }
  }
  if (out.host.empty()) {
    return InternalError(StrCat("node ", pod.spec().node_name(), " has no address"));
  }
  const int port = status.daemon_endpoints().kubelet_endpoint().port();
  if (port > 0) out.port = port;
  return out;
}

absl::StatusOr<std::shared_ptr<http::Client>> NodeProxy::ClientFor(const Destination& destination) {
  const std::string key = StrCat(destination.host, ":", destination.port);
  {
    base::MutexLock lock(mu_);
    if (const auto found = clients_.find(key); found != clients_.end()) return found->second;
  }
  http::ClientOptions options;
  options.host = destination.host;
  options.port = destination.port;
  options.max_idle_connections = 2;
  // A kubelet's serving certificate signs itself, so there is nothing to check it against.
  options.tls = http::TlsClientOptions{.certificate_pem = identity_.certificate_pem,
                                       .key_pem = identity_.key_pem,
                                       .insecure_skip_verify = true};
  ASSIGN_OR_RETURN(std::shared_ptr<http::Client> client, http::MakeClient(io_, options));
  base::MutexLock lock(mu_);
  return clients_.emplace(key, std::move(client)).first->second;
}

absl::Status NodeProxy::Log(RequestScope& scope) {
  ASSIGN_OR_RETURN(const Destination destination, Resolve(scope, "containerLogs"));
  ASSIGN_OR_RETURN(const std::shared_ptr<http::Client> client, ClientFor(destination));
  http::Request request;
  request.target = LogPath(scope.target, destination.path);
  RelayLog(scope, client, request);
  return absl::OkStatus();
}

absl::Status NodeProxy::Connect(RequestScope& scope, std::string_view action) {
  const std::string protocol = base::ToLower(scope.request().headers.Get("Upgrade"));
  if (protocol.empty()) return BadRequestError("Upgrade request required");
  if (!protocol.starts_with("spdy/")) {
    // kubectl then tries SPDY.
    return BadRequestError(
        StrCat("unable to upgrade to \"", protocol, "\": only SPDY/3.1 is served"));
  }
  ASSIGN_OR_RETURN(const Destination destination, Resolve(scope, action));
  ASSIGN_OR_RETURN(const std::shared_ptr<http::Client> client, ClientFor(destination));
  const std::string path =
      action == "portForward" ? destination.path : StreamPath(scope.target, destination.path);
  int code = 0;
  auto upgraded = client->Upgrade(UpgradeRequest(scope.request(), path), kUpgradeTimeout, &code);
  if (!upgraded.ok()) {
    if (code == 400) return BadRequestError(base::Message(upgraded.status()));
    return InternalError(StrCat("error dialing backend: ", base::Message(upgraded.status())));
  }
  auto own = scope.exchange->Upgrade(std::move(upgraded->headers));
  if (!own.ok()) return absl::OkStatus();  // the client has gone
  http::Splice(*std::move(own), std::move(upgraded->tunnel));
  return absl::OkStatus();
}

void NodeProxy::AddTo(SubresourceTable& table) {
  table["/pods/log"] = [this](RequestScope& scope) { return Log(scope); };
  table["/pods/exec"] = [this](RequestScope& scope) { return Connect(scope, "exec"); };
  table["/pods/attach"] = [this](RequestScope& scope) { return Connect(scope, "attach"); };
  table["/pods/portforward"] = [this](RequestScope& scope) {
    return Connect(scope, "portForward");
  };
}

}  // namespace berth::controlplane
