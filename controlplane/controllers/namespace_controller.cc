// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/namespace_controller.h"

#include <algorithm>
#include <array>

#include "api/codec.h"
#include "api/proto/core/v1/config.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/discovery.h"
#include "http/message.h"

namespace berth::controlplane {
namespace {

using api::core::v1::ConfigMap;
using api::core::v1::Namespace;
using api::core::v1::ServiceAccount;

constexpr std::array<std::string_view, 4> kInitialNamespaces = {"default", "kube-system",
                                                                "kube-public", "kube-node-lease"};
constexpr std::string_view kRootCa = "kube-root-ca.crt";

absl::Status IgnoreExisting(absl::Status status) {
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

}  // namespace

NamespaceController::NamespaceController(Context& context)
    : context_(context),
      queue_(context, "namespace", [this](const std::string& name) { return Sync(name); }) {
  Informers& informers = context_.informers;
  informers.OnChange<Namespace>(
      informers.namespaces,
      [this](const std::string& name, const Namespace*, const Namespace*) { queue_.Add(name); });
  // What was taken away or changed is put back.
  informers.OnChange<ServiceAccount>(
      informers.service_accounts,
      [this](const std::string& key, const ServiceAccount*, const ServiceAccount* after) {
        const auto [space, name] = api::SplitKey(key);
        if (after == nullptr && name == "default") queue_.Add(space);
      });
  informers.OnChange<ConfigMap>(
      informers.config_maps,
      [this](const std::string& key, const ConfigMap* before, const ConfigMap*) {
        const auto [space, name] = api::SplitKey(key);
        if (before != nullptr && name == kRootCa) queue_.Add(space);
      });
}

void NamespaceController::Begin() {
  for (const std::string_view name : kInitialNamespaces) queue_.Add(name);
  queue_.AddAll(context_.informers.namespaces);
}

absl::Status NamespaceController::Sync(const std::string& name) {
  const auto space = context_.informers.namespaces.Get(name);
  if (space == nullptr) {
    for (const std::string_view initial : kInitialNamespaces) {
      if (name != initial) continue;
      Namespace made;
      made.mutable_metadata()->set_name(name);
      return IgnoreExisting(context_.api.Create(client::kNamespaces, made, nullptr));
    }
    return absl::OkStatus();
  }
  return space->metadata().has_deletion_timestamp() ? Empty(*space) : EnsureDefaults(name);
}

absl::Status NamespaceController::EnsureDefaults(const std::string& name) {
  if (context_.informers.service_accounts.Get(api::KeyOf(name, "default")) == nullptr) {
    ServiceAccount account;
    account.mutable_metadata()->set_namespace_(name);
    account.mutable_metadata()->set_name("default");
    RETURN_IF_ERROR(IgnoreExisting(context_.api.Create(client::kServiceAccounts, account, nullptr)),
                    "creating serviceaccount default");
  }
  if (context_.options.ca_bundle.empty()) return absl::OkStatus();
  const auto there = context_.informers.config_maps.Get(api::KeyOf(name, kRootCa));
  ConfigMap wanted;
  if (there != nullptr) wanted = *there;
  wanted.mutable_data()->clear();
  (*wanted.mutable_data())["ca.crt"] = context_.options.ca_bundle;
  if (there != nullptr) {
    const auto it = there->data().find("ca.crt");
    const bool same = there->data().size() == 1 && it != there->data().end() &&
                      it->second == context_.options.ca_bundle;
    return same ? absl::OkStatus() : context_.api.Update(client::kConfigMaps, wanted, nullptr);
  }
  wanted.mutable_metadata()->set_namespace_(name);
  wanted.mutable_metadata()->set_name(std::string(kRootCa));
  (*wanted.mutable_metadata()->mutable_annotations())["kubernetes.io/description"] =
      "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
      "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
      "guaranteed across distributions of Kubernetes clusters.";
  return IgnoreExisting(context_.api.Create(client::kConfigMaps, wanted, nullptr));
}

absl::Status NamespaceController::Empty(const Namespace& space) {
  const std::string& name = space.metadata().name();
  const auto& finalizers = space.spec().finalizers();
  if (std::find(finalizers.begin(), finalizers.end(), "kubernetes") == finalizers.end()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const int found, DeleteContents(name), "emptying namespace ", name);
  if (found == 0) return Finalize(space);
  // Pods take their grace period; other objects are gone at the next look.
  queue_.AddAfter(name, absl::Milliseconds(300));
  return absl::OkStatus();
}

absl::StatusOr<int> NamespaceController::DeleteContents(std::string_view name) {
  int found = 0;
  ASSIGN_OR_RETURN(const std::vector<DiscoveredResource> resources, Discover(context_.api));
  for (const DiscoveredResource& resource : resources) {
    if (!resource.namespaced) continue;
    ASSIGN_OR_RETURN(const std::vector<std::unique_ptr<api::Message>> items,
                     ListItems(context_.api, resource, name), "listing ", resource.plural);
    for (const auto& item : items) {
      ++found;
      const auto& meta = *api::MetaOf(*item);
      if (meta.has_deletion_timestamp()) continue;
      const absl::Status status = context_.api.Delete(resource.Resource(), name, meta.name(),
                                                      {.propagation_policy = "Background"});
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
  }
  return found;
}

absl::Status NamespaceController::Finalize(const Namespace& space) {
  const std::string& name = space.metadata().name();
  Namespace changed = space;
  auto& finalizers = *changed.mutable_spec()->mutable_finalizers();
  finalizers.erase(std::remove(finalizers.begin(), finalizers.end(), "kubernetes"),
                   finalizers.end());
  http::Request request;
  request.method = "PUT";
  request.target = client::kNamespaces.Path("", name, "finalize");
  request.headers.Set("Content-Type", "application/json");
  request.headers.Set("Accept", "application/json");
  request.body = api::EncodeJson(changed);
  ASSIGN_OR_RETURN(const http::Response response,
                   context_.api.transport().Do(request, absl::Seconds(30)), "finalizing ", name);
  if (response.status == 404) return absl::OkStatus();
  if (response.status == 409) return absl::AbortedError("the namespace changed meanwhile");
  if (response.status >= 300) {
    return base::Unavailable("finalizing namespace ", name, ": HTTP ", response.status);
  }
  BERTH_INFO("namespace emptied", {"namespace", name});
  return absl::OkStatus();
}

}  // namespace berth::controlplane
