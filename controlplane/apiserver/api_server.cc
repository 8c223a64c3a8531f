// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/api_server.h"

#include <google/protobuf/message.h>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/bootstrap.h"
#include "controlplane/apiserver/openapi.h"
#include "controlplane/apiserver/read_handler.h"
#include "controlplane/apiserver/write_handler.h"
#include "controlplane/auth/authenticator.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/auth/impersonation.h"
#include "controlplane/auth/tokens.h"
#include "controlplane/strategies/role_strategy.h"
#include "controlplane/subresources/node_proxy.h"
#include "controlplane/subresources/rules_review.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {

using base::StrCat;

struct ApiServer::Parts {
  Parts(Store& store, base::Clock& clock, http::IoContext& io, ApiServerOptions given,
        std::unique_ptr<ObjectCache> objects, PrivateKey token_key)
      : options(std::move(given)),
        clock(clock),
        cache(std::move(objects)),
        registry(store, *cache, clock),
        signer(std::move(token_key)),
        authenticator(signer, *cache, clock),
        authorizer(*cache),
        reader(store, *cache, clock),
        writer(registry),
        nodes(io, *cache, authorizer, options.kubelet_client),
        openapi(options.version) {
    AddPodSubresources(registry, subresources);
    AddEphemeralContainers(registry, subresources);
    AddEviction(registry, subresources);
    AddScale(registry, subresources);
    AddTokens(registry, signer, authenticator, subresources);
    AddReviews(authorizer, subresources);
    AddRulesReview(*cache, subresources);
    AddSigningRequests(registry, authorizer, subresources);
    nodes.AddTo(subresources);
  }

  const ApiServerOptions options;
  base::Clock& clock;
  const std::unique_ptr<ObjectCache> cache;
  Registry registry;
  const TokenSigner signer;
  const Authenticator authenticator;
  const Authorizer authorizer;
  const ReadHandler reader;
  const WriteHandler writer;
  NodeProxy nodes;
  const OpenApi openapi;
  SubresourceTable subresources;
  RequestMetrics metrics;
};

ApiServer::ApiServer() = default;
ApiServer::~ApiServer() = default;

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Make(Store& store, base::Clock& clock,
                                                           http::IoContext& io,
                                                           ApiServerOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<ObjectCache> cache, ObjectCache::Make(store));
  ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(options.token_key_pem),
                   "key of service account tokens");
  ASSIGN_OR_RETURN(std::unique_ptr<Strategy> services,
                   MakeServiceStrategy(*cache, options.services));
  std::unique_ptr<ApiServer> server(new ApiServer);
  server->parts_ = std::make_unique<Parts>(store, clock, io, std::move(options), std::move(cache),
                                           std::move(key));
  Registry& registry = server->parts_->registry;
  registry.SetStrategy("", "pods", MakePodStrategy(registry.cache()));
  registry.SetStrategy("", "namespaces", MakeNamespaceStrategy());
  registry.SetStrategy("", "secrets", MakeSecretStrategy());
  registry.SetStrategy("", "nodes", MakeNodeStrategy());
  registry.SetStrategy("", "services", std::move(services));
  registry.SetStrategy("batch", "jobs", MakeJobStrategy());
  registry.SetStrategy("coordination.k8s.io", "leases", MakeNodeNamedStrategy(NodeNamed::kLease));
  registry.SetStrategy("storage.k8s.io", "csinodes", MakeNodeNamedStrategy(NodeNamed::kCsiNode));
  AddRoleStrategies(registry);
  registry.SetStrategy("certificates.k8s.io", "certificatesigningrequests",
                       MakeSigningRequestStrategy());
  return server;
}

absl::Status ApiServer::Bootstrap() {
  const ApiServerOptions& options = parts_->options;
  return BootstrapCluster(parts_->registry, {.service_cidr = options.services.cidr,
                                             .address = options.advertise_address,
                                             .port = options.advertise_port});
}

Registry& ApiServer::registry() { return parts_->registry; }

http::Handler ApiServer::handler() {
  return [this](std::shared_ptr<http::Exchange> exchange) { Handle(std::move(exchange)); };
}

void ApiServer::Handle(std::shared_ptr<http::Exchange> exchange) {
  RequestScope scope;
  scope.exchange = std::move(exchange);
  scope.now = parts_->clock.Now();
  scope.target = http::Target::Parse(scope.request().target);
  scope.info = ParseRequestInfo(scope.request().method, scope.target);
  parts_->metrics.Count(scope.info.verb, scope.info.resource);
  const absl::Status status = Serve(scope);
  if (status.ok()) return;
  BERTH_DEBUG("request refused", {"method", scope.request().method}, {"path", scope.info.path},
              {"user", scope.user.name}, {"error", status});
  scope.RespondError(status);
}

absl::Status ApiServer::Serve(RequestScope& scope) {
  auto user = parts_->authenticator.Authenticate(*scope.exchange);
  if (!user.ok()) {
    BERTH_INFO("authentication failed", {"client", scope.exchange->remote_address()},
               {"error", user.status()});
    return UnauthorizedError();
  }
  ASSIGN_OR_RETURN(scope.user, Impersonate(parts_->authorizer, scope.request().headers, *user));
  const Verdict verdict =
      parts_->authorizer.Authorize(scope.user, scope.info, scope.target.Get("fieldSelector"));
  if (!verdict.allowed) return DeniedError(scope.user, scope.info, verdict);
  if (!scope.info.is_resource) return ServePath(scope);
  ASSIGN_OR_RETURN(scope.form, Negotiate(scope.request(), scope.target));
  return ServeResource(scope);
}

absl::Status ApiServer::ServePath(RequestScope& scope) {
  const std::string& path = scope.info.path;
  if (path.starts_with("/healthz") || path.starts_with("/livez") || path.starts_with("/readyz")) {
    const bool ready = ready_ || path.starts_with("/livez");
    scope.Respond(ready ? 200 : 500, "text/plain; charset=utf-8", ready ? "ok" : "not ready");
    return absl::OkStatus();
  }
  if (path == "/version" || path == "/version/") {
    scope.Respond(200, "application/json", VersionDocument(parts_->options.version));
    return absl::OkStatus();
  }
  if (path == "/metrics") {
    scope.Respond(200, "text/plain; version=0.0.4", parts_->metrics.Text());
    return absl::OkStatus();
  }
  if (path == "/") {
    scope.Respond(200, "application/json",
                  "{\"paths\":[\"/api\",\"/apis\",\"/healthz\",\"/livez\",\"/metrics\","
                  "\"/openapi/v2\",\"/openapi/v3\",\"/readyz\",\"/version\"]}");
    return absl::OkStatus();
  }
  if (path == "/openapi/v2") {
    const bool proto =
        scope.request().headers.Get("Accept").find("protobuf") != std::string_view::npos;
    scope.Respond(200, proto ? kOpenApiV2ProtoType : "application/json",
                  proto ? parts_->openapi.V2Proto() : parts_->openapi.V2Json());
    return absl::OkStatus();
  }
  if (const auto document = parts_->openapi.V3(path); document.has_value()) {
    scope.Respond(200, "application/json", *document);
    return absl::OkStatus();
  }
  const bool aggregated = WantsAggregatedDiscovery(scope.request().headers.Get("Accept")) &&
                          (path == "/api" || path == "/apis");
  if (const auto document = DiscoveryDocument(path, aggregated); document.has_value()) {
    scope.Respond(200, aggregated ? kAggregatedDiscoveryType : "application/json", *document);
    return absl::OkStatus();
  }
  return NoSuchPathError();
}

absl::Status ApiServer::ServeResource(RequestScope& scope) {
  const RequestInfo& info = scope.info;
  scope.resource = FindResource(info.group, info.version, info.resource);
  if (scope.resource == nullptr) return NoSuchPathError();
  const bool per_namespace = scope.resource->namespaced && !info.namespace_.empty();
  if (!info.name.empty() && scope.resource->namespaced && !per_namespace && info.verb != "list" &&
      info.verb != "watch") {
    return NoSuchPathError();
  }
  std::string key = StrCat(info.group, "/", info.resource);
  if (!info.subresource.empty()) base::StrAppend(key, "/", info.subresource);
  if (const auto found = parts_->subresources.find(key); found != parts_->subresources.end()) {
    if (!scope.resource->stored && info.verb != "create") {
      return MethodNotAllowedError(scope.resource->Subject(""), info.verb);
    }
    return found->second(scope);
  }
  return ServeObjects(scope);
}

absl::Status ApiServer::ServeObjects(RequestScope& scope) {
  const RequestInfo& info = scope.info;
  const ResourceDescriptor& resource = *scope.resource;
  Part part = Part::kMain;
  if (info.subresource == "status" && resource.has_status) {
    part = Part::kStatus;
  } else if (info.subresource == "finalize" && resource.plural == "namespaces") {
    part = Part::kWhole;
  } else if (!info.subresource.empty()) {
    return NoSuchPathError();
  }
  const std::string& method = scope.request().method;
  const bool named = !info.name.empty() && info.verb != "list" && info.verb != "watch";
  if (method == "GET" && named) return parts_->reader.Get(scope);
  if (method == "PUT" && named) return parts_->writer.Update(scope, part);
  if (method == "PATCH" && named) return parts_->writer.Patch(scope, part);
  if (part == Part::kMain) {
    if (info.verb == "list" && method == "GET") return parts_->reader.List(scope);
    if (info.verb == "watch" && method == "GET") return parts_->reader.Watch(scope);
    if (method == "POST" && !named) return parts_->writer.Create(scope);
    if (method == "DELETE" && named) return parts_->writer.Delete(scope);
    if (method == "DELETE") return parts_->writer.DeleteCollection(scope);
  }
  return MethodNotAllowedError(resource.Subject(info.name), info.verb);
}

}  // namespace berth::controlplane
