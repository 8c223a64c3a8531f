// SPDX-License-Identifier: Apache-2.0
// The ImagePuller over a runtime's image service.
#ifndef BERTH_AGENT_IMAGES_CRI_IMAGE_PULLER_H_
#define BERTH_AGENT_IMAGES_CRI_IMAGE_PULLER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/images/image_puller.h"
#include "base/clock.h"

namespace berth::cri {
class Runtime;
}

namespace berth::agent {

class ImageLeases;
class ObjectReader;

struct ImagePullerOptions {
  int max_parallel_pulls = 1;  // 0: as many as are asked for
  absl::Duration first_backoff = absl::Seconds(10);
  absl::Duration max_backoff = absl::Seconds(300);
  absl::Duration call_timeout = absl::Minutes(2);  // of everything but pulls
  double pull_qps = 0;                             // of pulls that begin; 0: as they come
  int pull_burst = 1;                              // so many may begin at once after a rest
  std::string node_docker_config;  // path of a config.json; "" or a missing file: none
  ImageLeases* leases = nullptr;   // told of images that are needed; outlives the puller
};

// Puts an event on a Pod; see client::EventRecorder::Record.
using PodEventSink = std::function<void(const api::core::v1::Pod& pod, std::string_view type,
                                        std::string_view reason, std::string_view message,
                                        std::string_view field_path)>;

class CriImagePuller : public ImagePuller {
 public:
  // `runtime`, `objects` and `clock` outlive the puller.
  CriImagePuller(ImagePullerOptions options, cri::Runtime& runtime, ObjectReader& objects,
                 base::Clock& clock, PodEventSink events);
  ~CriImagePuller() override;

  ImageResult EnsureImage(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                          absl::Duration timeout) override;

  int waiting() const;  // callers that wait for a pull that another one makes

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Always, IfNotPresent or Never: the container's own, else by the tag ("latest" is Always).
std::string PullPolicyOf(const api::core::v1::Container& container);

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_CRI_IMAGE_PULLER_H_
