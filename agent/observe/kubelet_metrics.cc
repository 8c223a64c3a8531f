// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/kubelet_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "base/mutex.h"

namespace berth::agent {
namespace {

using prometheus::Histogram;

// Half a millisecond to a second finely, for what the daemon itself adds; then coarsely, for pulls.
const Histogram::BucketBoundaries& Buckets() {
  static const auto* const buckets = new Histogram::BucketBoundaries{
      0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04,
      0.05,   0.075, 0.1,    0.15,  0.2,   0.3,   0.5,   0.75,   1,    2.5,   5,    10,   60};
  return *buckets;
}

Histogram& AddHistogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, Buckets());
}

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& AddCounter(prometheus::Registry& registry, const char* name,
                                const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

// Of the age at which serving certificates are replaced: a minute to four years.
const Histogram::BucketBoundaries& AgeBuckets() {
  static const auto* const buckets = new Histogram::BucketBoundaries{
      60, 3600, 14400, 86400, 604800, 2592000, 7776000, 15552000, 31104000, 124416000};
  return *buckets;
}

}  // namespace

struct KubeletMetrics::Families {
  prometheus::Registry registry;
  base::Mutex mu;
  std::function<absl::Duration()> client_ttl BERTH_GUARDED_BY(mu), server_ttl BERTH_GUARDED_BY(mu);
  prometheus::Gauge& client_ttl_seconds =
      AddGauge(registry, "kubelet_certificate_manager_client_ttl_seconds",
               "Seconds until the client certificate of the node expires, negative afterwards.");
  prometheus::Counter& client_failures =
      AddCounter(registry, "kubelet_certificate_manager_client_expiration_renew_errors",
                 "Renewals of the client certificate that failed.");
  Histogram& worker =
      AddHistogram(registry, "kubelet_pod_worker_start_duration_seconds",
                   "Duration in seconds from kubelet seeing a pod to starting a worker.");
  Histogram& first_call = AddHistogram(
      registry, "berth_pod_first_cri_call_seconds",
      "From the arrival of a new pod's watch event to the first call to the runtime for it.");
  Histogram& sandbox = AddHistogram(
      registry, "berth_pod_sandbox_cri_call_seconds",
      "From the arrival of a new pod's watch event to the call that makes its sandbox.");
  Histogram& running = AddHistogram(
      registry, "berth_pod_running_to_status_seconds",
      "From the end of the call that starts a container to the API's answer to its status.");
  Histogram& turn = AddHistogram(
      registry, "berth_runtime_turn_seconds",
      "How long calls that make sandboxes and containers waited for their turn in the daemon.");
  prometheus::Family<Histogram>& calls =
      prometheus::BuildHistogram()
          .Name("kubelet_runtime_operations_duration_seconds")
          .Help("Duration in seconds of runtime operations. Broken down by operation type.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& evictions =
      prometheus::BuildCounter()
          .Name("kubelet_evictions")
          .Help("Cumulative number of pod evictions by eviction signal")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& images =
      prometheus::BuildCounter()
          .Name("kubelet_image_garbage_collected_total")
          .Help(
              "Total number of images garbage collected by the kubelet, whether through disk "
              "usage or image age.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& errors =
      prometheus::BuildCounter()
          .Name("kubelet_runtime_operations_errors_total")
          .Help("Cumulative number of runtime operation errors by operation type.")
          .Register(registry);
  prometheus::Gauge& server_ttl_seconds =
      AddGauge(registry, "kubelet_certificate_manager_server_ttl_seconds",
               "Seconds until the serving certificate of the node expires, negative afterwards.");
  prometheus::Counter& server_failures =
      AddCounter(registry, "kubelet_server_expiration_renew_errors",
                 "Renewals of the serving certificate that failed.");
  Histogram& server_age =
      prometheus::BuildHistogram()
          .Name("kubelet_certificate_manager_server_rotation_seconds")
          .Help("How many seconds the previous serving certificate lived before it was replaced.")
          .Register(registry)
          .Add({}, AgeBuckets());
};

KubeletMetrics::KubeletMetrics() : families_(std::make_unique<Families>()) {}
KubeletMetrics::~KubeletMetrics() = default;

std::function<void(std::string_view, absl::Duration, const absl::Status&)>
KubeletMetrics::OfRuntimeCalls() {
  return [this](std::string_view operation, absl::Duration took, const absl::Status& status) {
    const prometheus::Labels labels{{"operation_type", std::string(operation)}};
    families_->calls.Add(labels, Buckets()).Observe(absl::ToDoubleSeconds(took));
    if (!status.ok()) families_->errors.Add(labels).Increment();
  };
}

void KubeletMetrics::WorkerStarted(absl::Duration since_arrival) {
  families_->worker.Observe(absl::ToDoubleSeconds(since_arrival));
}

void KubeletMetrics::FirstRuntimeCall(absl::Duration since_arrival) {
  families_->first_call.Observe(absl::ToDoubleSeconds(since_arrival));
}

void KubeletMetrics::SandboxCall(absl::Duration since_arrival) {
  families_->sandbox.Observe(absl::ToDoubleSeconds(since_arrival));
}

void KubeletMetrics::RuntimeTurn(absl::Duration wait) {
  families_->turn.Observe(absl::ToDoubleSeconds(wait));
}

void KubeletMetrics::RunningWritten(absl::Duration since_start) {
  families_->running.Observe(absl::ToDoubleSeconds(since_start));
}

void KubeletMetrics::WatchClientCertificate(std::function<absl::Duration()> ttl) {
  base::MutexLock lock(families_->mu);
  families_->client_ttl = std::move(ttl);
}

void KubeletMetrics::WatchServerCertificate(std::function<absl::Duration()> ttl) {
  base::MutexLock lock(families_->mu);
  families_->server_ttl = std::move(ttl);
}

void KubeletMetrics::ClientRenewalFailed() { families_->client_failures.Increment(); }
void KubeletMetrics::ServerRenewalFailed() { families_->server_failures.Increment(); }

void KubeletMetrics::ServerCertificateReplaced(absl::Duration age) {
  families_->server_age.Observe(absl::ToDoubleSeconds(age));
}

void KubeletMetrics::Evicted(std::string_view signal) {
  families_->evictions.Add({{"eviction_signal", std::string(signal)}}).Increment();
}

void KubeletMetrics::ImageCollected(std::string_view reason) {
  families_->images.Add({{"reason", std::string(reason)}}).Increment();
}

std::string KubeletMetrics::Text() const {
  std::function<absl::Duration()> client, server;
  {
    base::MutexLock lock(families_->mu);
    client = families_->client_ttl;
    server = families_->server_ttl;
  }
  const auto seconds = [](const std::function<absl::Duration()>& ttl) {
    return absl::ToDoubleSeconds(ttl ? ttl() : absl::InfiniteDuration());
  };
  families_->client_ttl_seconds.Set(seconds(client));
  families_->server_ttl_seconds.Set(seconds(server));
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace berth::agent
