// SPDX-License-Identifier: Apache-2.0
#include "netproxy/pod_routes.h"

#include <algorithm>
#include <utility>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"

namespace berth::netproxy {
namespace {

namespace core = api::core::v1;
using kernel::IpAddress;
using kernel::IpPrefix;
using kernel::Route;

constexpr char kSync[] = "routes";
constexpr absl::Duration kRecheck = absl::Minutes(1);  // somebody may have removed one

IpAddress InternalIp(const core::Node& node, bool six) {
  for (const auto& address : node.status().addresses()) {
    const auto ip = IpAddress::Parse(address.address());
    if (address.type() == "InternalIP" && ip.has_value() && ip->is_v6() == six) return *ip;
  }
  return {};
}

std::vector<IpPrefix> PodCidrs(const core::Node& node) {
  std::vector<std::string> texts(node.spec().pod_cidrs().begin(), node.spec().pod_cidrs().end());
  if (texts.empty()) texts.push_back(node.spec().pod_cidr());
  std::vector<IpPrefix> out;
  for (const std::string& text : texts) {
    if (const auto prefix = IpPrefix::Parse(text)) out.push_back(*prefix);
  }
  return out;
}

bool Same(const Route& a, const Route& b) {
  return a.destination == b.destination && a.gateway == b.gateway;
}

bool Contains(const std::vector<Route>& routes, const Route& route) {
  return std::any_of(routes.begin(), routes.end(), [&](const Route& r) { return Same(r, route); });
}

}  // namespace

std::vector<Route> DesiredPodRoutes(const NodeList& nodes, std::string_view own_name) {
  std::vector<Route> out;
  for (const auto& node : nodes) {
    if (node->metadata().name() == own_name) continue;
    for (const IpPrefix& cidr : PodCidrs(*node)) {
      const IpAddress gateway = InternalIp(*node, cidr.address.is_v6());
      if (!gateway.bytes().empty()) out.push_back({.destination = cidr, .gateway = gateway});
    }
  }
  return out;
}

RouteChange DifferenceOfRoutes(const std::vector<Route>& present,
                               const std::vector<Route>& desired) {
  RouteChange out;
  for (const Route& route : desired) {
    if (!Contains(present, route)) out.set.push_back(route);
  }
  for (const Route& route : present) {
    // A route that is set to the same destination takes the old one's place.
    const bool replaced = std::any_of(desired.begin(), desired.end(), [&](const Route& r) {
      return r.destination == route.destination;
    });
    if (!replaced) out.remove.push_back(route);
  }
  return out;
}

absl::Status ApplyPodRoutes(const NodeList& nodes, std::string_view own_name) {
  ASSIGN_OR_RETURN(const auto present, kernel::ListRoutes(kernel::kBerthRouteProtocol));
  const RouteChange change = DifferenceOfRoutes(present, DesiredPodRoutes(nodes, own_name));
  absl::Status out;
  for (const Route& route : change.remove) {
    const absl::Status status = kernel::DeleteRoute(route);
    if (status.ok()) BERTH_INFO("pod route removed", {"route", route.ToString()});
    out.Update(status);
  }
  for (const Route& route : change.set) {
    const absl::Status status = kernel::SetRoute(route);
    if (status.ok()) BERTH_INFO("pod route set", {"route", route.ToString()});
    out.Update(status);
  }
  return out;
}

absl::Status CleanupPodRoutes() { return ApplyPodRoutes({}, ""); }

struct PodRoutes::Shared {
  base::Mutex mu;
  base::KeyedQueue* queue BERTH_GUARDED_BY(mu) = nullptr;  // null once the owner is gone
};

PodRoutes::PodRoutes(client::Informer<core::Node>& nodes, base::Executor& executor,
                     base::Clock& clock, std::string own_name)
    : nodes_(nodes), own_name_(std::move(own_name)), shared_(std::make_shared<Shared>()) {
  queue_ =
      std::make_unique<base::KeyedQueue>(executor, clock, [this](const std::string&) { Sync(); });
  {
    base::MutexLock lock(shared_->mu);
    shared_->queue = queue_.get();
  }
  nodes_.OnChange([shared = shared_](const std::string&) {
    base::MutexLock lock(shared->mu);
    if (shared->queue != nullptr) shared->queue->Add(kSync);
  });
  queue_->Add(kSync);
}

PodRoutes::~PodRoutes() {
  base::MutexLock lock(shared_->mu);
  shared_->queue = nullptr;
}

void PodRoutes::Sync() {
  // Before the list is complete, missing nodes would lose their routes.
  if (!nodes_.HasSynced()) {
    queue_->AddAfter(kSync, absl::Milliseconds(100));
    return;
  }
  const absl::Status status = ApplyPodRoutes(nodes_.List(), own_name_);
  if (!status.ok()) {
    BERTH_WARNING("pod routes are incomplete", {"error", status});
    queue_->AddWithBackoff(kSync);
    return;
  }
  queue_->Forget(kSync);
  queue_->AddAfter(kSync, kRecheck);
}

}  // namespace berth::netproxy
