// SPDX-License-Identifier: Apache-2.0
// Makes sure that a container's image is there before the container is made: pull policy, parallel
// pulls of one image done once, back-off between failures. Thread-safe; blocks while pulling.
#ifndef BERTH_AGENT_IMAGES_IMAGE_PULLER_H_
#define BERTH_AGENT_IMAGES_IMAGE_PULLER_H_

#include <string>

#include "absl/time/time.h"

namespace berth::api::core::v1 {
class Container;
class Pod;
}  // namespace berth::api::core::v1

namespace berth::agent {

struct ImageResult {
  // "" when the image is there, else the waiting reason: ErrImagePull, ImagePullBackOff,
  // InvalidImageName, ErrImageNeverPull, ImageInspectError.
  std::string reason;
  std::string message;
  std::string image_ref;       // what CreateContainer takes; set when reason is ""
  absl::Duration retry_after;  // with ImagePullBackOff: when it makes sense to ask again
};

class ImagePuller {
 public:
  virtual ~ImagePuller() = default;
  // Records the events Pulling, Pulled, Failed, BackOff on the Pod as the kubelet does.
  virtual ImageResult EnsureImage(const api::core::v1::Pod& pod,
                                  const api::core::v1::Container& container,
                                  absl::Duration timeout) = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_IMAGE_PULLER_H_
