// SPDX-License-Identifier: Apache-2.0
#include "api/scheme.h"

#include <google/protobuf/descriptor.h>

#include <map>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/authentication/v1/authentication.pb.h"
#include "api/proto/authorization/v1/authorization.pb.h"
#include "api/proto/autoscaling/v1/autoscaling.pb.h"
#include "api/proto/autoscaling/v2/autoscaling.pb.h"
#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/certificates/v1/certificates.pb.h"
#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/cluster.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/persistent_volume.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/events/v1/events.pb.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "api/proto/networking/v1/networking.pb.h"
#include "api/proto/node/v1/node.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "api/proto/rbac/v1/rbac.pb.h"
#include "api/proto/scheduling/v1/scheduling.pb.h"
#include "api/proto/storage/v1/storage.pb.h"

namespace berth::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;

struct Scheme {
  std::map<GroupVersionKind, const Descriptor*> kinds;
  std::map<std::string, const Descriptor*, std::less<>> meta;
};

const FileDescriptor* const* Files(size_t* count) {
  static const FileDescriptor* const files[] = {
      apps::v1::Deployment::descriptor()->file(),
      authentication::v1::TokenReview::descriptor()->file(),
      authorization::v1::SubjectAccessReview::descriptor()->file(),
      autoscaling::v1::Scale::descriptor()->file(),
      autoscaling::v2::HorizontalPodAutoscaler::descriptor()->file(),
      batch::v1::Job::descriptor()->file(),
      certificates::v1::CertificateSigningRequest::descriptor()->file(),
      coordination::v1::Lease::descriptor()->file(),
      core::v1::LimitRange::descriptor()->file(),
      core::v1::ConfigMap::descriptor()->file(),
      core::v1::Event::descriptor()->file(),
      core::v1::Node::descriptor()->file(),
      core::v1::PersistentVolume::descriptor()->file(),
      core::v1::Pod::descriptor()->file(),
      core::v1::Service::descriptor()->file(),
      discovery::v1::EndpointSlice::descriptor()->file(),
      events::v1::Event::descriptor()->file(),
      networking::v1::Ingress::descriptor()->file(),
      node::v1::RuntimeClass::descriptor()->file(),
      policy::v1::Eviction::descriptor()->file(),
      rbac::v1::Role::descriptor()->file(),
      scheduling::v1::PriorityClass::descriptor()->file(),
      storage::v1::StorageClass::descriptor()->file(),
      meta::v1::Status::descriptor()->file(),
      meta::v1::ObjectMeta::descriptor()->file(),
  };
  *count = std::size(files);
  return files;
}

const Scheme& TheScheme() {
  static const Scheme& scheme = *[] {
    auto* s = new Scheme;
    size_t count = 0;
    const FileDescriptor* const* files = Files(&count);
    for (size_t i = 0; i < count; ++i) {
      for (int j = 0; j < files[i]->message_type_count(); ++j) {
        const Descriptor* type = files[i]->message_type(j);
        if (type == meta::v1::WatchEvent::descriptor()) {
          s->meta[type->name()] = type;
          continue;
        }
        const GroupVersionKind kind = KindOf(*type);
        if (kind.kind.empty()) continue;
        if (files[i]->package() == "berth.api.meta.v1") {
          s->meta[kind.kind] = type;
        } else {
          s->kinds[kind] = type;
        }
      }
    }
    return s;
  }();
  return scheme;
}

}  // namespace

const Descriptor* FindKind(const GroupVersionKind& kind) {
  const Scheme& scheme = TheScheme();
  if (const auto it = scheme.kinds.find(kind); it != scheme.kinds.end()) return it->second;
  const auto it = scheme.meta.find(kind.kind);
  return it == scheme.meta.end() ? nullptr : it->second;
}

std::vector<const Descriptor*> AllKinds() {
  std::vector<const Descriptor*> out;
  for (const auto& [kind, type] : TheScheme().kinds) out.push_back(type);
  for (const auto& [kind, type] : TheScheme().meta) out.push_back(type);
  return out;
}

}  // namespace berth::api
