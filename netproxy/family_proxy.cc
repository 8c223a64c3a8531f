// SPDX-License-Identifier: Apache-2.0
#include "netproxy/family_proxy.h"

#include <algorithm>
#include <utility>

#include "api/proto/core/v1/service.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "kernel/conntrack.h"
#include "netproxy/service_frontends.h"

namespace berth::netproxy {
namespace {

std::vector<IpPrefix> OfFamily(const std::vector<IpPrefix>& prefixes, bool six) {
  std::vector<IpPrefix> out;
  for (const IpPrefix& prefix : prefixes) {
    if (prefix.address.is_v6() == six) out.push_back(prefix);
  }
  return out;
}

bool Leads(const Frontend& frontend, const IpAddress& ip, uint16_t port) {
  const auto same = [&](const Endpoint& e) { return e.ip == ip && e.port == port; };
  return std::any_of(frontend.endpoints.begin(), frontend.endpoints.end(), same) ||
         std::any_of(frontend.local_endpoints.begin(), frontend.local_endpoints.end(), same);
}

}  // namespace

FamilyProxy::FamilyProxy(FamilyOptions options, std::unique_ptr<RulesetBackend> backend,
                         FlowCleaner cleaner)
    : options_(std::move(options)), backend_(std::move(backend)), cleaner_(std::move(cleaner)) {
  layout_.family = options_.six ? kernel::NftFamily::kIp6 : kernel::NftFamily::kIp4;
  layout_.cluster_cidrs = OfFamily(options_.cluster_cidrs, options_.six);
  layout_.service_cidrs = OfFamily(options_.service_cidrs, options_.six);
  layout_.masquerade_all = options_.masquerade_all;
  layout_.masquerade_bit = options_.masquerade_bit;
}

void FamilyProxy::UpdateService(const ServiceDirectory& directory, const std::string& key) {
  const auto service = directory.FindService(key);
  ruleset_.Update(key, service == nullptr ? std::vector<Frontend>()
                                          : BuildFrontends(*service, directory.SlicesOf(key),
                                                           node_->context, options_.six));
}

void FamilyProxy::UpdateAll(const ServiceDirectory& directory) {
  const auto keys = directory.ServiceKeys();
  const std::set<std::string> present(keys.begin(), keys.end());
  for (const std::string& known : ruleset_.ServiceNames()) {
    if (!present.contains(known)) ruleset_.Update(known, {});
  }
  for (const std::string& key : keys) UpdateService(directory, key);
}

absl::StatusOr<size_t> FamilyProxy::FullSync(LayoutOptions layout) {
  const std::vector<Element> wanted = ruleset_.All();
  LayoutOptions kept = layout;
  std::optional<std::vector<Element>> present;
  if (!rebuild_) {
    ASSIGN_OR_RETURN(present, backend_->Load(kept));
  }
  if (!present.has_value()) {
    RETURN_IF_ERROR(backend_->Replace(layout, wanted));
    layout_ = std::move(layout);
    rebuild_ = false;
    return wanted.size();
  }
  std::sort(present->begin(), present->end());
  const Change change = Difference(*present, wanted);
  RETURN_IF_ERROR(backend_->Apply(kept, change));
  layout_ = std::move(kept);
  return change.size();
}

absl::StatusOr<SyncResult> FamilyProxy::Sync(const ServiceDirectory& directory,
                                             const NodeNetwork& node,
                                             const std::set<std::string>& changed) {
  SyncResult result;
  if (!loaded_) ruleset_.TrackChanges(false);
  if (!loaded_ || !node_.has_value() || !(node_->context == node.context)) {
    node_ = node;
    UpdateAll(directory);
  } else {
    node_ = node;
    for (const std::string& key : changed) UpdateService(directory, key);
  }
  LayoutOptions layout = layout_;
  layout.pod_cidrs = OfFamily(node.pod_cidrs, options_.six);
  const auto seconds = ruleset_.AffinitySeconds();
  layout.affinity_seconds.insert(seconds.begin(), seconds.end());

  Consequences consequences;
  const Change change = ruleset_.TakeChange(consequences);
  owed_.udp.merge(consequences.udp);
  owed_.affinity.merge(consequences.affinity);
  if (!loaded_) {
    result.full = true;
    ASSIGN_OR_RETURN(result.elements, FullSync(std::move(layout)));
    loaded_ = true;
    ruleset_.TrackChanges(true);
  } else if (!change.empty() || !(layout == layout_)) {
    const absl::Status applied = backend_->Apply(layout, change);
    if (!applied.ok()) {
      loaded_ = false;
      return applied;
    }
    layout_ = std::move(layout);
    result.elements = change.size();
  }
  RETURN_IF_ERROR(ForgetClients(), "forgetting clients of endpoints that are gone");
  if (!owed_.udp.empty()) {
    ASSIGN_OR_RETURN(result.flows_deleted, cleaner_(ruleset_, owed_.udp), "deleting stale flows");
    owed_.udp.clear();
  }
  return result;
}

absl::Status FamilyProxy::ForgetClients() {
  std::set<uint32_t> timeouts;
  for (const FrontendKey& key : owed_.affinity) {
    const Frontend* frontend = ruleset_.Find(key);
    if (frontend != nullptr && frontend->affinity_seconds != 0) {
      timeouts.insert(frontend->affinity_seconds);
    }
  }
  for (const uint32_t seconds : timeouts) {
    RETURN_IF_ERROR(backend_->ForgetClients(seconds, [&](const RememberedClient& client) {
      if (!owed_.affinity.contains(client.frontend)) return true;
      const Frontend* frontend = ruleset_.Find(client.frontend);
      return frontend != nullptr &&
             StillLeads(*frontend, client, layout_.cluster_cidrs, node_->context.node_ips);
    }));
  }
  owed_.affinity.clear();
  return absl::OkStatus();
}

absl::StatusOr<int> DeleteStaleFlows(const Ruleset& ruleset, const std::set<FrontendKey>& frontends,
                                     bool six) {
  return kernel::DeleteFlows(
      static_cast<uint8_t>(Protocol::kUdp), six, [&](const kernel::TrackedFlow& flow) {
        const FrontendKey key{flow.destination, Protocol::kUdp, flow.destination_port};
        if (!frontends.contains(key)) return false;
        const Frontend* frontend = ruleset.Find(key);
        // Without endpoints there is nowhere better to go.
        if (frontend == nullptr || frontend->endpoints.empty()) return false;
        return !Leads(*frontend, flow.reply_source, flow.reply_source_port);
      });
}

}  // namespace berth::netproxy
