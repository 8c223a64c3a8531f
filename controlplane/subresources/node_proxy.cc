// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/node_proxy.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/subresources/channel_translator.h"
#include "controlplane/subresources/log_relay.h"
#include "controlplane/subresources/websocket_tunnel.h"
#include "http/translation.h"
#include "http/websocket.h"
#include "http/websocket_exchange.h"

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

bool Offers(const http::Request& request, std::string_view protocol) {
  if (!http::IsWebSocketRequest(request)) return false;
  const auto offered = http::OfferedProtocols(request);
  return std::find(offered.begin(), offered.end(), protocol) != offered.end();
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

// A kubelet is asked for SPDY, whatever the client speaks.
http::Request SpdyRequest(std::string method, std::string target,
                          const std::vector<std::string>& protocols) {
  http::Request out{std::move(method), std::move(target), {}, ""};
  out.headers = {{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}};
  for (const std::string& protocol : protocols) {
    out.headers.Add("X-Stream-Protocol-Version", protocol);
  }
  if (out.method == "POST") out.headers.Set("Content-Length", "0");
  return out;
}

// The kubelet's or the runtime's refusal reaches the client as it is.
absl::Status Refuse(RequestScope& scope, const absl::Status& why, int code) {
  if (code == 0) return InternalError(StrCat("error dialing backend: ", base::Message(why)));
  scope.Respond(code, "text/plain; charset=utf-8", std::string(base::Message(why)));
  return absl::OkStatus();
}

// A log's pieces become messages.
absl::Status UseWebSocket(RequestScope& scope) {
  constexpr std::pair<std::string_view, http::MessageForm> kForms[] = {
      {"binary.k8s.io", http::MessageForm::kBinary},
      {"base64.binary.k8s.io", http::MessageForm::kBase64}};
  const auto offered = http::OfferedProtocols(scope.request());
  if (offered.empty()) {
    scope.exchange = http::OverWebSocket(scope.exchange, "", http::MessageForm::kBinary);
    return absl::OkStatus();
  }
  for (const std::string& protocol : offered) {
    for (const auto& [name, form] : kForms) {
      if (name != protocol) continue;
      scope.exchange = http::OverWebSocket(scope.exchange, name, form);
      return absl::OkStatus();
    }
  }
  return BadRequestError(StrCat("no protocol for logs among ", base::Join(offered, ", ")));
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
  if (http::IsWebSocketRequest(scope.request())) RETURN_IF_ERROR(UseWebSocket(scope));
  http::Request request;
  request.target = LogPath(scope.target, destination.path);
  RelayLog(scope, client, request);
  return absl::OkStatus();
}

absl::Status NodeProxy::TranslateChannels(RequestScope& scope, http::Client& client,
                                          const std::string& path) {
  auto headers = http::AcceptWebSocket(scope.request(), kChannelsV5);
  if (!headers.ok()) return BadRequestError(base::Message(headers.status()));
  const http::Target& target = scope.target;
  const WantedStreams wanted{.in = IsTrue(target.Get("stdin")),
                             .out = IsTrue(target.Get("stdout")),
                             .err = IsTrue(target.Get("stderr")),
                             .tty = IsTrue(target.Get("tty"))};
  int code = 0;
  auto upgraded =
      client.Upgrade(SpdyRequest("POST", path, {std::string(kStreamsV4)}), kUpgradeTimeout, &code);
  absl::Status failure = upgraded.status();
  std::unique_ptr<http::Tunnel> server;
  if (upgraded.ok()) {
    server = std::move(upgraded->tunnel);
  } else if (code != 0) {
    failure = base::Unavailable("unable to upgrade connection: ",
                                base::Trim(base::Message(upgraded.status())));
  }
  // The client is told on its error channel what went wrong behind.
  auto own = scope.exchange->Upgrade(*std::move(headers));
  if (!own.ok()) return absl::OkStatus();  // the client has gone
  http::Translate(*std::move(own), std::move(server),
                  std::make_unique<ChannelTranslator>(wanted, std::move(failure)));
  return absl::OkStatus();
}

absl::Status NodeProxy::TunnelPorts(RequestScope& scope, http::Client& client,
                                    const std::string& path,
                                    const std::vector<std::string>& protocols) {
  auto headers = http::AcceptWebSocket(scope.request(), "");
  if (!headers.ok()) return BadRequestError(base::Message(headers.status()));
  int code = 0;
  auto upgraded = client.Upgrade(SpdyRequest("GET", path, protocols), kUpgradeTimeout, &code);
  if (!upgraded.ok()) return Refuse(scope, upgraded.status(), code);
  headers->Set("Sec-WebSocket-Protocol",
               StrCat(kTunnelPrefix, upgraded->headers.Get("X-Stream-Protocol-Version")));
  auto own = scope.exchange->Upgrade(*std::move(headers));
  if (!own.ok()) return absl::OkStatus();  // the client has gone
  http::Translate(*std::move(own), std::move(upgraded->tunnel),
                  std::make_unique<WebSocketTunnel>());
  return absl::OkStatus();
}

absl::Status NodeProxy::Connect(RequestScope& scope, std::string_view action) {
  const http::Request& asked = scope.request();
  if (asked.headers.Get("Upgrade").empty()) return BadRequestError("Upgrade request required");
  // A WebSocket begins with a GET, which must not make exec something that readers may do.
  if (scope.info.verb != "create") {
    RequestInfo create = scope.info;
    create.verb = "create";
    const Verdict verdict = authorizer_.Authorize(scope.user, create);
    if (!verdict.allowed) return DeniedError(scope.user, create, verdict);
  }
  ASSIGN_OR_RETURN(const Destination destination, Resolve(scope, action));
  ASSIGN_OR_RETURN(const std::shared_ptr<http::Client> client, ClientFor(destination));
  std::string path = destination.path;
  if (action == "portForward") {
    for (const std::string_view port : scope.target.All("ports")) AddQuery(path, "port", port);
    const auto tunnelled = TunnelledProtocols(asked);
    if (!tunnelled.empty()) return TunnelPorts(scope, *client, path, tunnelled);
  } else {
    path = StreamPath(scope.target, std::move(path));
    if (Offers(asked, kChannelsV5)) return TranslateChannels(scope, *client, path);
  }
  int code = 0;
  auto upgraded = client->Upgrade(UpgradeRequest(asked, path), kUpgradeTimeout, &code);
  if (!upgraded.ok()) return Refuse(scope, upgraded.status(), code);
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
