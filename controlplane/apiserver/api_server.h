// SPDX-License-Identifier: Apache-2.0
// The API server as a handler of HTTP exchanges: authenticates, authorizes, and leads each request
// to the part that answers it. Thread-safe; it owns no thread and no socket.
#ifndef BERTH_CONTROLPLANE_APISERVER_API_SERVER_H_
#define BERTH_CONTROLPLANE_APISERVER_API_SERVER_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controlplane/apiserver/discovery.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/registry.h"
#include "controlplane/apiserver/request_metrics.h"
#include "controlplane/pki/certificate.h"
#include "controlplane/store/store.h"
#include "controlplane/strategies/strategies.h"
#include "http/io_context.h"
#include "http/server.h"

namespace berth::controlplane {

struct RequestScope;

struct ApiServerOptions {
  VersionFacts version;
  ServiceRange services;
  std::string token_key_pem;
  KeyPair kubelet_client;         // for calls to nodes
  std::string advertise_address;  // of the endpoints of the service "kubernetes"
  int advertise_port = 6443;
};

class ApiServer {
 public:
  // Reads every stored object. All arguments outlive the server.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Make(Store& store, base::Clock& clock,
                                                         http::IoContext& io,
                                                         ApiServerOptions options);
  ~ApiServer();

  // What a cluster needs to begin with: namespaces, roles, the service "kubernetes". Idempotent.
  absl::Status Bootstrap();
  void SetReady(bool ready) { ready_ = ready; }
  // Valid as long as the server is.
  http::Handler handler();
  Registry& registry();

 private:
  struct Parts;
  ApiServer();
  void Handle(std::shared_ptr<http::Exchange> exchange);
  absl::Status Serve(RequestScope& scope);
  absl::Status ServePath(RequestScope& scope);
  absl::Status ServeResource(RequestScope& scope);
  absl::Status ServeObjects(RequestScope& scope);

  std::unique_ptr<Parts> parts_;
  std::atomic<bool> ready_ = false;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_API_SERVER_H_
