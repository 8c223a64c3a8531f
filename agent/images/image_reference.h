// SPDX-License-Identifier: Apache-2.0
// Names of images: "nginx", "localhost:5000/team/app:v1", "docker.io/library/x@sha256:...".
// Thread-safe: no state.
#ifndef BERTH_AGENT_IMAGES_IMAGE_REFERENCE_H_
#define BERTH_AGENT_IMAGES_IMAGE_REFERENCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace berth::agent {

struct ImageReference {
  std::string registry;    // "docker.io" when the name gives none
  std::string repository;  // "library/nginx"
  std::string tag;         // "" when there is none
  std::string digest;      // "sha256:...", "" when there is none

  // InvalidArgument "invalid reference format" and the like.
  static absl::StatusOr<ImageReference> Parse(std::string_view text);
  // "docker.io/library/nginx:latest"; the tag "latest" when there is neither tag nor digest.
  std::string Full() const;
};

// `image` as it was written, with ":latest" when it has neither tag nor digest.
absl::StatusOr<std::string> WithDefaultTag(std::string_view image);

}  // namespace berth::agent

#endif  // BERTH_AGENT_IMAGES_IMAGE_REFERENCE_H_
