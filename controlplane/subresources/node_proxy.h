// SPDX-License-Identifier: Apache-2.0
// pods/log, exec, attach and portforward: passed on to the kubelet of the pod's node. Logs stream
// through. Upgraded connections are tunnelled byte for byte, but for the two protocols by which
// kubectl speaks WebSocket: those are translated to the SPDY that kubelets speak. Thread-safe.
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_NODE_PROXY_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_NODE_PROXY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/auth/authorizer.h"
#include "controlplane/pki/certificate.h"
#include "controlplane/subresources/subresources.h"
#include "http/client.h"
#include "http/io_context.h"

namespace berth::controlplane {

class NodeProxy {
 public:
  // `identity` is what the API server shows to kubelets.
  NodeProxy(http::IoContext& io, const ObjectCache& cache, const Authorizer& authorizer,
            KeyPair identity)
      : io_(io), cache_(cache), authorizer_(authorizer), identity_(std::move(identity)) {}
  void AddTo(SubresourceTable& table);

 private:
  struct Destination {
    std::string host;
    int port = 10250;
    std::string path;
  };
  absl::Status Log(RequestScope& scope);
  absl::Status Connect(RequestScope& scope, std::string_view action);
  // What a client that speaks v5.channel.k8s.io gets of the kubelet's `path`.
  absl::Status TranslateChannels(RequestScope& scope, http::Client& client,
                                 const std::string& path);
  // For a client that tunnels SPDY in a WebSocket.
  absl::Status TunnelPorts(RequestScope& scope, http::Client& client, const std::string& path,
                           const std::vector<std::string>& protocols);
  // `action` is the first segment of the kubelet's path. Picks the container where one is needed.
  absl::StatusOr<Destination> Resolve(const RequestScope& scope, std::string_view action) const;
  absl::StatusOr<std::shared_ptr<http::Client>> ClientFor(const Destination& destination);

  http::IoContext& io_;
  const ObjectCache& cache_;
  const Authorizer& authorizer_;
  const KeyPair identity_;
  base::Mutex mu_;
  std::map<std::string, std::shared_ptr<http::Client>> clients_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_NODE_PROXY_H_
