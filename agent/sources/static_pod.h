// SPDX-License-Identifier: Apache-2.0
// Pods that this node has from its own files or from a URL instead of from the API, and their
// likenesses in the API, the mirror pods. Pure.
#ifndef BERTH_AGENT_SOURCES_STATIC_POD_H_
#define BERTH_AGENT_SOURCES_STATIC_POD_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

inline constexpr char kConfigSource[] = "kubernetes.io/config.source";
inline constexpr char kConfigHash[] = "kubernetes.io/config.hash";
inline constexpr char kConfigSeen[] = "kubernetes.io/config.seen";
inline constexpr char kConfigMirror[] = "kubernetes.io/config.mirror";

struct ManifestOrigin {
  enum class Kind { kFile, kUrl };
  Kind kind = Kind::kFile;
  std::string where;  // the path or the URL
  std::string node_name;
};

// The pods of a manifest, YAML or JSON: one Pod, from a URL also a PodList. Each has its defaults,
// the node's name behind its own, a uid that changes with its content, and the kubelet's
// annotations. InvalidArgument says what is wrong; then there are none.
absl::StatusOr<std::vector<std::shared_ptr<const api::core::v1::Pod>>> ReadManifest(
    std::string_view text, const ManifestOrigin& origin, absl::Time now);

// A pod of ReadManifest. Pods of the API lose what would make them look so: see AsApiPod.
bool IsStaticPod(const api::core::v1::Pod& pod);
bool IsMirrorPod(const api::core::v1::Pod& pod);
// The pod as it is taken from the API: nobody makes a static pod there.
std::shared_ptr<const api::core::v1::Pod> AsApiPod(std::shared_ptr<const api::core::v1::Pod> pod);

// What stands for `pod` in the API; `node_uid` is of the Node that owns it.
api::core::v1::Pod MirrorOf(const api::core::v1::Pod& pod, std::string_view node_uid);
// Whether `mirror` is of this very version of `pod`.
bool Mirrors(const api::core::v1::Pod& mirror, const api::core::v1::Pod& pod);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SOURCES_STATIC_POD_H_
