// SPDX-License-Identifier: Apache-2.0
// For tests: a fake API server that also names, numbers and binds objects as controllers need it,
// and a fake kubelet that runs whatever is bound to a node.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_FAKE_CLUSTER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_FAKE_CLUSTER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "client/api_client.h"
#include "client/fake_api_server.h"
#include "controlplane/controllers/controllers.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();

  client::FakeApiServer& server() { return server_; }
  client::ApiClient& api() { return *api_; }

  void AddNode(std::string_view name);
  void StartControllers(ControllerOptions options = {});
  void StopControllers() { controllers_.reset(); }
  std::vector<PodPtr> Pods() const;

  // Runs bound pods and looks again until `done`; false when that takes longer than `timeout`.
  bool Until(const std::function<bool()>& done, absl::Duration timeout = absl::Seconds(30));

 private:
  void Handle(std::shared_ptr<http::Exchange> exchange);
  void RunBoundPods();

  client::FakeApiServer server_;
  const http::Handler inner_;
  base::RealClock clock_;
  base::ThreadPool pool_;
  std::unique_ptr<client::ApiClient> api_;
  std::unique_ptr<Controllers> controllers_;
  std::atomic<int> names_ = 0;
  int addresses_ = 0;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_FAKE_CLUSTER_H_
