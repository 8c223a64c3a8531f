// SPDX-License-Identifier: Apache-2.0
// The files of configMap, secret, downwardAPI and projected volumes.
#ifndef BERTH_AGENT_VOLUMES_PAYLOADS_H_
#define BERTH_AGENT_VOLUMES_PAYLOADS_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/env/container_env.h"
#include "agent/volumes/atomic_writer.h"
#include "agent/volumes/token_cache.h"

namespace berth::api::core::v1 {
class ConfigMapVolumeSource;
class DownwardAPIVolumeSource;
class ProjectedVolumeSource;
class SecretVolumeSource;
}  // namespace berth::api::core::v1

namespace berth::agent {

// Makes payloads for one pod. Errors say what is missing: `configmap "x" not found`.
class PayloadMaker {
 public:
  PayloadMaker(const api::core::v1::Pod& pod, ObjectReader& objects, TokenCache& tokens)
      : pod_(pod), objects_(objects), tokens_(tokens) {}

  absl::StatusOr<Payload> ConfigMap(const api::core::v1::ConfigMapVolumeSource& source);
  absl::StatusOr<Payload> Secret(const api::core::v1::SecretVolumeSource& source);
  absl::StatusOr<Payload> Downward(const api::core::v1::DownwardAPIVolumeSource& source);
  absl::StatusOr<Payload> Projected(const api::core::v1::ProjectedVolumeSource& source);

 private:
  template <class Source>
  absl::Status AddConfigMap(const Source& source, const std::string& name, mode_t mode,
                            Payload& out);
  template <class Source>
  absl::Status AddSecret(const Source& source, const std::string& name, mode_t mode, Payload& out);
  template <class Items>
  absl::Status AddDownward(const Items& items, mode_t mode, Payload& out);
  template <class Source>
  absl::Status AddToken(const Source& source, mode_t mode, Payload& out);

  const api::core::v1::Pod& pod_;
  ObjectReader& objects_;
  TokenCache& tokens_;
};

// The user that every container of the pod runs as, when they all say the same.
std::optional<uid_t> CommonUser(const api::core::v1::Pod& pod);

}  // namespace berth::agent

#endif  // BERTH_AGENT_VOLUMES_PAYLOADS_H_
