// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/pod_template.h"

#include "api/codec.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using api::core::v1::PodTemplateSpec;

// The JSON form is the same for templates that came as JSON and as protobuf, where a zero may be
// absent or written out.
std::string TextOf(const PodTemplateSpec& pod_template) {
  PodTemplateSpec copy = pod_template;
  copy.mutable_metadata()->mutable_labels()->erase(std::string(kPodTemplateHash));
  return api::EncodeJson(copy);
}

}  // namespace

std::string HashTemplate(const PodTemplateSpec& pod_template, int collision_count) {
  std::string text = TextOf(pod_template);
  if (collision_count != 0) base::StrAppend(text, "#", collision_count);
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619u;
  constexpr std::string_view kSafe = "bcdfghjklmnpqrstvwxz2456789";
  std::string name = base::StrCat(hash);
  for (char& c : name) c = kSafe[static_cast<unsigned char>(c) % kSafe.size()];
  return name;
}

bool SameTemplate(const PodTemplateSpec& a, const PodTemplateSpec& b) {
  return TextOf(a) == TextOf(b);
}

}  // namespace berth::controlplane
