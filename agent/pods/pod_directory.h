// SPDX-License-Identifier: Apache-2.0
// What the rest of the daemon may ask about the pods of this node: the :10250 server, node status.
// Thread-safe.
#ifndef BERTH_AGENT_PODS_POD_DIRECTORY_H_
#define BERTH_AGENT_PODS_POD_DIRECTORY_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

struct ContainerRef {
  std::string container_id;  // as the runtime names it, without "containerd://"
  std::string sandbox_id;
  std::string pod_uid;
  std::string log_path;  // host path of the current log file
  int restart_count = 0;
  bool running = false;
};

class PodDirectory {
 public:
  virtual ~PodDirectory() = default;
  // Every pod the node knows, with the status that it would report now.
  virtual std::vector<std::shared_ptr<const api::core::v1::Pod>> Pods() const = 0;
  virtual std::shared_ptr<const api::core::v1::Pod> FindPod(std::string_view namespace_,
                                                            std::string_view name) const = 0;
  // The latest instance of a container (init and ephemeral ones too); with `previous` the one
  // before it. Nothing when there is none.
  virtual std::optional<ContainerRef> FindContainer(std::string_view namespace_,
                                                    std::string_view pod,
                                                    std::string_view container,
                                                    bool previous) const = 0;
  virtual std::optional<std::string> FindSandbox(std::string_view namespace_,
                                                 std::string_view pod) const = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_POD_DIRECTORY_H_
