// SPDX-License-Identifier: Apache-2.0
#include "netproxy/proxy.h"

#include <utility>

#include "api/object.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "kernel/links.h"
#include "netproxy/kube_proxy_leftovers.h"
#include "netproxy/nft_backend.h"
#include "netproxy/node_network.h"
#include "netproxy/service_frontends.h"

namespace berth::netproxy {
namespace {

namespace core = api::core::v1;
namespace discovery = api::discovery::v1;

constexpr char kSync[] = "sync";
constexpr char kFull[] = "full";
constexpr char kLook[] = "look";  // for what others did
constexpr absl::Duration kLookPeriod = absl::Seconds(1);
constexpr absl::Duration kRepairPeriod = absl::Seconds(10);  // somebody may repair what we repair
constexpr absl::Duration kSyncedPoll = absl::Milliseconds(50);
constexpr char kServiceNameLabel[] = "kubernetes.io/service-name";
constexpr char kOurServices[] =
    "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name";

std::vector<IpPrefix> Prefixes(const std::vector<std::string>& texts) {
  std::vector<IpPrefix> out;
  for (const std::string& text : texts) {
    if (const auto prefix = IpPrefix::Parse(text)) out.push_back(*prefix);
  }
  return out;
}

// "" when the slice belongs to none.
std::string ServiceOf(const client::InformerBase::Snapshot& slice) {
  if (slice == nullptr) return "";
  const auto& meta = static_cast<const discovery::EndpointSlice&>(*slice).metadata();
  const auto label = meta.labels().find(kServiceNameLabel);
  if (label == meta.labels().end() || label->second.empty()) return "";
  return api::KeyOf(meta.namespace_(), label->second);
}

}  // namespace

absl::Status ProxyOptions::Check() const {
  for (const auto* list : {&cluster_cidrs, &service_cidrs}) {
    for (const std::string& text : *list) {
      if (!IpPrefix::Parse(text).has_value()) {
        return base::InvalidArgument("\"", text, "\" is no CIDR, such as 10.244.0.0/16");
      }
    }
  }
  for (const std::string& text : node_port_addresses) {
    if (text == "primary" && node_port_addresses.size() == 1) continue;
    if (!IpPrefix::Parse(text).has_value()) {
      return base::InvalidArgument("nodePortAddresses: \"", text, "\" is no CIDR");
    }
  }
  if (masquerade_bit < 0 || masquerade_bit > 31) {
    return base::InvalidArgument("masqueradeBit ", masquerade_bit, " is not within 0 to 31");
  }
  return absl::OkStatus();
}

// What informers hold, for the sync.
class Proxy::Directory : public ServiceDirectory {
 public:
  explicit Directory(Proxy& proxy) : proxy_(proxy) {}

  std::vector<std::string> ServiceKeys() const override {
    std::vector<std::string> out;
    for (const auto& service : proxy_.informers_.services.List())
      out.push_back(api::KeyOf(*service));
    return out;
  }
  std::shared_ptr<const core::Service> FindService(std::string_view key) const override {
    return proxy_.informers_.services.Get(key);
  }
  Slices SlicesOf(std::string_view service_key) const override {
    std::vector<std::string> keys;
    {
      base::MutexLock lock(proxy_.mu_);
      const auto found = proxy_.slices_.find(service_key);
      if (found != proxy_.slices_.end()) keys.assign(found->second.begin(), found->second.end());
    }
    Slices out;
    for (const std::string& key : keys) {
      if (auto slice = proxy_.informers_.endpoint_slices.Get(key)) out.push_back(std::move(slice));
    }
    return out;
  }

 private:
  Proxy& proxy_;
};

ProxyBackends KernelBackends() {
  ProxyBackends out;
  const auto connection = std::make_shared<NftConnection>();
  out.four = std::make_unique<NftBackend>(kernel::NftFamily::kIp4, connection);
  out.six = std::make_unique<NftBackend>(kernel::NftFamily::kIp6, connection);
  out.after_first_sync = [] {
    if (const absl::Status removed = RemoveKubeProxyChains(); !removed.ok()) {
      BERTH_WARNING("kube-proxy's iptables chains may still be there", {"error", removed});
    }
  };
  out.foreign_edits = [connection] { return connection->TakeForeignEdits(); };
  out.clean_four = [](const Ruleset& ruleset, const std::set<FrontendKey>& frontends) {
    return DeleteStaleFlows(ruleset, frontends, false);
  };
  out.clean_six = [](const Ruleset& ruleset, const std::set<FrontendKey>& frontends) {
    return DeleteStaleFlows(ruleset, frontends, true);
  };
  return out;
}

client::InformerOptions SliceInformerOptions() {
  client::InformerOptions out;
  out.label_selector = kOurServices;
  return out;
}

struct Proxy::Link {
  base::Mutex mu;
  Proxy* proxy BERTH_GUARDED_BY(mu) = nullptr;
};

Proxy::Proxy(ProxyInformers informers, base::Executor& executor, base::Clock& clock,
             ProxyOptions options, ProxyBackends backends, ProxyMetrics* metrics)
    : clock_(clock),
      options_(std::move(options)),
      metrics_(metrics),
      health_(clock, options_.sync_period),
      after_first_sync_(std::move(backends.after_first_sync)),
      foreign_edits_(std::move(backends.foreign_edits)),
      schedule_(options_.min_sync_period),
      informers_(informers),
      link_(std::make_shared<Link>()) {
  FamilyOptions family;
  family.cluster_cidrs = Prefixes(options_.cluster_cidrs);
  family.service_cidrs = Prefixes(options_.service_cidrs);
  family.masquerade_all = options_.masquerade_all;
  family.masquerade_bit = options_.masquerade_bit;
  if (backends.four != nullptr) {
    families_.push_back(std::make_unique<FamilyProxy>(family, std::move(backends.four),
                                                      std::move(backends.clean_four)));
  }
  family.six = true;
  if (backends.six != nullptr) {
    families_.push_back(std::make_unique<FamilyProxy>(family, std::move(backends.six),
                                                      std::move(backends.clean_six)));
  }
  queue_ = std::make_unique<base::KeyedQueue>(
      executor, clock, [this](const std::string& key) { HandleQueue(key); },
      base::Backoff{options_.min_sync_period, options_.sync_period});

  {
    base::MutexLock lock(link_->mu);
    link_->proxy = this;
  }
  informers_.services.OnChange([link = link_](const std::string& key) {
    base::MutexLock lock(link->mu);
    if (link->proxy != nullptr) link->proxy->OnService(key);
  });
  informers_.endpoint_slices.OnChangeWithObjects(
      [link = link_](const std::string& key, const auto& before, const auto& after) {
        base::MutexLock lock(link->mu);
        if (link->proxy != nullptr) link->proxy->OnSlice(key, before, after);
      });
  informers_.own_node.OnChange([link = link_, own = options_.node_name](const std::string& key) {
    if (key != own) return;
    base::MutexLock lock(link->mu);
    if (link->proxy != nullptr) link->proxy->RequestSync();
  });
}

Proxy::~Proxy() {
  base::MutexLock lock(link_->mu);
  link_->proxy = nullptr;
}

void Proxy::Start() {
  RequestSync();
  queue_->AddAfter(kFull, options_.full_sync_period);
  if (foreign_edits_) queue_->AddAfter(kLook, kLookPeriod);
}

void Proxy::UseHealthCheckPorts(HealthCheckPorts& ports) {
  health_checks_ = &ports;
  ports.SetProxyHealthy([link = link_] {
    base::MutexLock lock(link->mu);
    return link->proxy != nullptr && link->proxy->health_.Healthy();
  });
}

void Proxy::UpdateHealthChecks(const std::set<std::string>& changed) {
  if (health_checks_ == nullptr) return;
  const Directory directory(*this);
  for (const std::string& key : changed) {
    const auto service = directory.FindService(key);
    int port = 0;
    int local = 0;
    if (service != nullptr && IsProxied(*service) && service->spec().type() == "LoadBalancer" &&
        service->spec().external_traffic_policy() == "Local") {
      port = service->spec().health_check_node_port();
      local = CountLocalEndpoints(directory.SlicesOf(key), options_.node_name);
    }
    if (const absl::Status status = health_checks_->Set(key, port, local); !status.ok()) {
      BERTH_WARNING("health check port is not served", {"service", key}, {"error", status});
    }
  }
}

bool Proxy::Ready() const {
  base::MutexLock lock(mu_);
  return ready_;
}

void Proxy::OnService(const std::string& key) {
  {
    base::MutexLock lock(mu_);
    changed_.insert(key);
  }
  if (metrics_ != nullptr) metrics_->ServiceChanged();
  RequestSync();
}

void Proxy::OnSlice(const std::string& key, const client::InformerBase::Snapshot& before,
                    const client::InformerBase::Snapshot& after) {
  const std::string old_service = ServiceOf(before);
  const std::string service = ServiceOf(after);
  {
    base::MutexLock lock(mu_);
    if (!old_service.empty() && old_service != service) {
      const auto found = slices_.find(old_service);
      if (found != slices_.end()) {
        found->second.erase(key);
        if (found->second.empty()) slices_.erase(found);
      }
      changed_.insert(old_service);
    }
    if (!service.empty()) {
      slices_[service].insert(key);
      changed_.insert(service);
    }
  }
  if (metrics_ != nullptr) metrics_->EndpointsChanged();
  RequestSync();
}

void Proxy::RequestSync() {
  health_.Queued();
  base::MutexLock lock(mu_);
  const absl::Duration delay = schedule_.DelayAt(clock_.Now());
  if (delay > absl::ZeroDuration()) {
    queue_->AddAfter(kSync, delay);
  } else {
    queue_->Add(kSync);
  }
}

void Proxy::HandleQueue(const std::string& key) {
  if (key == kSync) {
    Sync();
    return;
  }
  if (key == kLook) {
    LookForForeignEdits();
    return;
  }
  {
    base::MutexLock lock(mu_);
    full_ = true;
  }
  RequestSync();
  queue_->AddAfter(kFull, options_.full_sync_period);
}

void Proxy::LookForForeignEdits() {
  const std::vector<ForeignEdit> edits = foreign_edits_();
  for (const ForeignEdit& edit : edits) {
    BERTH_WARNING("somebody else changed the proxy's table; it is repaired",
                  {"table", edit.six ? "ip6 netproxy" : "ip netproxy"}, {"by", edit.by},
                  {"structure", edit.structure});
    base::MutexLock lock(mu_);
    full_ = true;
    rebuild_ = rebuild_ || edit.structure;
  }
  if (!edits.empty()) RequestSync();
  queue_->AddAfter(kLook, edits.empty() ? kLookPeriod : kRepairPeriod);
}

std::optional<NodeNetwork> Proxy::Node() {
  const auto node = informers_.own_node.Get(options_.node_name);
  if (node == nullptr) return std::nullopt;
  health_.SetNodeEligible(NodeEligible(*node));
  std::vector<kernel::InterfaceAddress> local;
  const auto& wanted = options_.node_port_addresses;
  if (!wanted.empty() && wanted[0] != "primary") {
    auto listed = kernel::ListAddresses();
    if (listed.ok()) {
      local = *std::move(listed);
    } else {
      BERTH_WARNING("node port addresses are unknown", {"error", listed.status()});
    }
  }
  return ReadNodeNetwork(*node, wanted, local, options_.masquerade_pod_egress);
}

void Proxy::Sync() {
  if (!informers_.services.HasSynced() || !informers_.endpoint_slices.HasSynced() ||
      !informers_.own_node.HasSynced()) {
    queue_->AddAfter(kSync, kSyncedPoll);
    return;
  }
  std::set<std::string> changed;
  bool full = false;
  bool rebuild = false;
  {
    base::MutexLock lock(mu_);
    const absl::Time now = clock_.Now();
    if (const absl::Duration delay = schedule_.DelayAt(now); delay > absl::ZeroDuration()) {
      queue_->AddAfter(kSync, delay);
      return;
    }
    schedule_.Ran(now);
    changed.swap(changed_);
    full = std::exchange(full_, false);
    rebuild = std::exchange(rebuild_, false);
  }
  for (auto& family : families_) {
    if (full) family->RequestFullSync();
    if (rebuild) family->RequestRebuild();
  }
  NodeNetwork network;
  network.context.name = options_.node_name;  // until the node is registered
  if (auto node = Node()) network = *std::move(node);

  const absl::Status status = SyncFamilies(network, changed);
  if (status.ok()) {
    queue_->Forget(kSync);
    bool waiting = false;
    bool first = false;
    {
      base::MutexLock lock(mu_);
      first = !std::exchange(ready_, true);
      waiting = !changed_.empty();
    }
    UpdateHealthChecks(changed);
    health_.Updated();
    if (first && after_first_sync_) after_first_sync_();
    if (waiting) health_.Queued();
    return;
  }
  BERTH_ERROR("proxy rules were not updated", {"error", status});
  if (metrics_ != nullptr) metrics_->SyncFailed();
  {
    base::MutexLock lock(mu_);
    changed_.merge(changed);
  }
  queue_->AddWithBackoff(kSync);
}

absl::Status Proxy::SyncFamilies(const NodeNetwork& node, const std::set<std::string>& changed) {
  const Directory directory(*this);
  absl::Status first_failure;
  for (auto& family : families_) {
    const absl::Time start = clock_.Now();
    const auto result = family->Sync(directory, node, changed);
    if (!result.ok()) {
      if (first_failure.ok()) first_failure = result.status();
      continue;
    }
    const absl::Duration took = clock_.Now() - start;
    if (metrics_ != nullptr) metrics_->Synced(took, result->full, result->flows_deleted);
    if (result->elements > 0) {
      BERTH_INFO("proxy rules updated", {"services", family->ruleset().services()},
                 {"elements", result->elements}, {"full", result->full},
                 {"milliseconds", absl::ToDoubleMilliseconds(took)});
    }
  }
  return first_failure;
}

absl::Status Proxy::Cleanup(ProxyBackends backends) {
  absl::Status out;
  for (auto* backend : {backends.four.get(), backends.six.get()}) {
    if (backend != nullptr) out.Update(backend->Cleanup());
  }
  return out;
}

}  // namespace berth::netproxy
