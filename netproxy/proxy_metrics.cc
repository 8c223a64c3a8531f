// SPDX-License-Identifier: Apache-2.0
#include "netproxy/proxy_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

#include "base/strings.h"

namespace berth::netproxy {
namespace {

const prometheus::Histogram::BucketBoundaries& Buckets() {
  // 1 ms, doubled 14 times, as kube-proxy has them.
  static const auto* const buckets = new prometheus::Histogram::BucketBoundaries{
      0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128,
      0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384};
  return *buckets;
}

prometheus::Counter& AddCounter(prometheus::Registry& registry, const char* name,
                                const char* help) {
  return prometheus::BuildCounter()
      .Name(base::StrCat("kubeproxy_", name))
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge()
      .Name(base::StrCat("kubeproxy_", name))
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Histogram& AddHistogram(prometheus::Registry& registry, const char* name,
                                    const char* help) {
  return prometheus::BuildHistogram()
      .Name(base::StrCat("kubeproxy_", name))
      .Help(help)
      .Register(registry)
      .Add({}, Buckets());
}

}  // namespace

struct ProxyMetrics::Families {
  explicit Families(prometheus::Registry& r)
      : sync(AddHistogram(r, "sync_proxy_rules_duration_seconds", "Time of a sync")),
        full(AddHistogram(r, "sync_full_proxy_rules_duration_seconds", "Time of a full sync")),
        partial(AddHistogram(r, "sync_partial_proxy_rules_duration_seconds",
                             "Time of a sync of what changed")),
        last(AddGauge(r, "sync_proxy_rules_last_timestamp_seconds", "The last sync that worked")),
        queued(AddGauge(r, "sync_proxy_rules_last_queued_timestamp_seconds",
                        "The last time that a sync was asked for")),
        endpoints(
            AddCounter(r, "sync_proxy_rules_endpoint_changes_total", "Changes of endpoint slices")),
        services(AddCounter(r, "sync_proxy_rules_service_changes_total", "Changes of services")),
        endpoints_pending(AddGauge(r, "sync_proxy_rules_endpoint_changes_pending",
                                   "Changes of endpoint slices that wait")),
        services_pending(AddGauge(r, "sync_proxy_rules_service_changes_pending",
                                  "Changes of services that wait")),
        failures(
            AddCounter(r, "sync_proxy_rules_nftables_sync_failures_total", "Syncs that failed")),
        flows(AddCounter(r, "conntrack_reconciler_deleted_entries_total",
                         "Stale UDP flows that were deleted")) {}

  prometheus::Histogram& sync;
  prometheus::Histogram& full;
  prometheus::Histogram& partial;
  prometheus::Gauge& last;
  prometheus::Gauge& queued;
  prometheus::Counter& endpoints;
  prometheus::Counter& services;
  prometheus::Gauge& endpoints_pending;
  prometheus::Gauge& services_pending;
  prometheus::Counter& failures;
  prometheus::Counter& flows;
};

ProxyMetrics::ProxyMetrics(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(registry)) {}
ProxyMetrics::~ProxyMetrics() = default;

void ProxyMetrics::ServiceChanged() {
  families_->services.Increment();
  families_->services_pending.Increment();
  families_->queued.SetToCurrentTime();
}

void ProxyMetrics::EndpointsChanged() {
  families_->endpoints.Increment();
  families_->endpoints_pending.Increment();
  families_->queued.SetToCurrentTime();
}

void ProxyMetrics::Synced(absl::Duration took, bool full, int flows_deleted) {
  const double seconds = absl::ToDoubleSeconds(took);
  families_->sync.Observe(seconds);
  (full ? families_->full : families_->partial).Observe(seconds);
  families_->last.SetToCurrentTime();
  families_->endpoints_pending.Set(0);
  families_->services_pending.Set(0);
  families_->flows.Increment(flows_deleted);
}

void ProxyMetrics::SyncFailed() { families_->failures.Increment(); }

}  // namespace berth::netproxy
