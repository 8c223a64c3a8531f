// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/static_pod.h"

#include <openssl/evp.h>

#include <algorithm>

#include "api/codec.h"
#include "api/defaults.h"
#include "api/object.h"
#include "api/pod_references.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/validation.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using base::InvalidArgument;
using base::StrCat;

std::string_view Annotation(const Pod& pod, const char* key) {
  const auto it = pod.metadata().annotations().find(key);
  return it == pod.metadata().annotations().end() ? "" : std::string_view(it->second);
}

// Not for safety: it tells versions of a manifest apart, in the length that uids of static pods
// have everywhere.
std::string Md5Hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &length, EVP_md5(), nullptr) != 1 &&
      EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr) != 1) {
    return "";
  }
  std::string out;
  constexpr char kDigits[] = "0123456789abcdef";
  for (unsigned int i = 0; i < std::min(length, 16u); ++i) {
    out.push_back(kDigits[digest[i] >> 4]);
    out.push_back(kDigits[digest[i] & 15]);
  }
  return out;
}

void TolerateEverything(Pod& pod) {
  auto& tolerations = *pod.mutable_spec()->mutable_tolerations();
  const bool there = std::any_of(tolerations.begin(), tolerations.end(), [](const auto& t) {
    return t.key().empty() && t.operator_() == "Exists" && t.effect() == "NoExecute";
  });
  if (there) return;
  auto* toleration = tolerations.Add();
  toleration->set_operator_("Exists");
  toleration->set_effect("NoExecute");
}

absl::Status Settle(Pod& pod, const ManifestOrigin& origin, absl::Time now) {
  const bool file = origin.kind == ManifestOrigin::Kind::kFile;
  api::ApplyDefaults(pod);
  auto& meta = *pod.mutable_metadata();
  if (meta.name().empty()) return InvalidArgument("metadata.name: Required value");
  if (meta.uid().empty()) {
    meta.set_uid(Md5Hex(StrCat(api::EncodeJson(pod), file ? "host:" : "url:",
                               file ? StrCat(origin.node_name, "file:") : "", origin.where)));
  }
  meta.set_name(StrCat(meta.name(), "-", base::ToLower(origin.node_name)));
  if (meta.namespace_().empty()) meta.set_namespace_("default");
  pod.mutable_spec()->set_node_name(origin.node_name);
  if (file) TolerateEverything(pod);
  auto& annotations = *meta.mutable_annotations();
  annotations[kConfigHash] = meta.uid();
  annotations[kConfigSource] = file ? "file" : "http";
  annotations[kConfigSeen] =
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9S%Ez", now, absl::LocalTimeZone());
  annotations.erase(kConfigMirror);
  pod.mutable_status()->Clear();
  pod.mutable_status()->set_phase("Pending");
  if (const auto resource = api::ReferencedResource(pod.spec()); !resource.empty()) {
    return InvalidArgument("static pods may not reference ", resource);
  }
  if (const auto errors = api::Validate(pod); !errors.empty()) {
    return InvalidArgument(api::InvalidText("Pod", meta.name(), errors));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<const Pod>>> ReadManifest(std::string_view text,
                                                                     const ManifestOrigin& origin,
                                                                     absl::Time now) {
  const std::string_view trimmed = base::Trim(text);
  if (trimmed.empty()) return InvalidArgument("the manifest is empty");
  ASSIGN_OR_RETURN(const auto object, trimmed.front() == '{' ? api::DecodeJsonObject(trimmed)
                                                             : api::DecodeYamlObject(text));
  std::vector<std::shared_ptr<Pod>> pods;
  if (const auto* pod = dynamic_cast<const Pod*>(object.get())) {
    pods.push_back(std::make_shared<Pod>(*pod));
  } else if (const auto* list = dynamic_cast<const api::core::v1::PodList*>(object.get());
             list != nullptr && origin.kind == ManifestOrigin::Kind::kUrl) {
    for (const Pod& item : list->items()) pods.push_back(std::make_shared<Pod>(item));
  } else {
    return InvalidArgument("want a Pod, got a ", api::KindOf(*object).kind);
  }
  std::vector<std::shared_ptr<const Pod>> out;
  for (auto& pod : pods) {
    RETURN_IF_ERROR(Settle(*pod, origin, now));
    out.push_back(std::move(pod));
  }
  return out;
}

bool IsStaticPod(const Pod& pod) {
  const std::string_view source = Annotation(pod, kConfigSource);
  return source == "file" || source == "http";
}

bool IsMirrorPod(const Pod& pod) { return pod.metadata().annotations().contains(kConfigMirror); }

std::shared_ptr<const Pod> AsApiPod(std::shared_ptr<const Pod> pod) {
  if (!IsStaticPod(*pod)) return pod;
  auto copy = std::make_shared<Pod>(*pod);
  (*copy->mutable_metadata()->mutable_annotations())[kConfigSource] = "api";
  return copy;
}

Pod MirrorOf(const Pod& pod, std::string_view node_uid) {
  Pod mirror = pod;
  auto& meta = *mirror.mutable_metadata();
  meta.clear_uid();
  (*meta.mutable_annotations())[kConfigMirror] = std::string(Annotation(pod, kConfigHash));
  meta.clear_owner_references();
  auto& owner = *meta.add_owner_references();
  owner.set_api_version("v1");
  owner.set_kind("Node");
  owner.set_name(pod.spec().node_name());
  owner.set_uid(std::string(node_uid));
  owner.set_controller(true);
  mirror.clear_status();
  return mirror;
}

bool Mirrors(const Pod& mirror, const Pod& pod) {
  return Annotation(mirror, kConfigMirror) == Annotation(pod, kConfigHash);
}

}  // namespace berth::agent
