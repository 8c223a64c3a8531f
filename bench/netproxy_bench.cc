// SPDX-License-Identifier: Apache-2.0
// netproxy on the real kernel, in a network namespace of its own: services and endpoint slices in
// memory until the rules are committed, then one endpoint's change. Prints JSON.
//
//   netproxy_bench [services...]     (root; default 1000 10000)
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/strings.h"
#include "kernel/network_namespace.h"
#include "netproxy/family_proxy.h"
#include "netproxy/nft_backend.h"

namespace berth {
namespace {

using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

long MaxRssKb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Services with 2 to 5 endpoints, 3.5 on average.
class Cluster : public netproxy::ServiceDirectory {
 public:
  explicit Cluster(int services) {
    for (int i = 0; i < services; ++i) {
      const std::string key = base::StrCat("ns", i % 50, "/svc", i);
      keys_.push_back(key);
      auto service = std::make_shared<Service>();
      service->mutable_spec()->set_cluster_ip(
          base::StrCat("10.", 96 + (i >> 16), ".", (i >> 8) & 255, ".", i & 255));
      auto& port = *service->mutable_spec()->add_ports();
      port.set_port(80);
      port.set_protocol("TCP");
      services_[key] = service;
      for (int n = 0; n < 2 + i % 4; ++n) SetEndpoint(key, n, next_++);
    }
  }

  const std::vector<std::string>& keys() const { return keys_; }
  int NewAddress() { return next_++; }
  void SetEndpoint(const std::string& key, int index, int address) {
    auto slice = std::make_shared<EndpointSlice>();
    if (slices_.contains(key)) *slice = *slices_[key];
    if (slice->ports().empty()) {
      slice->set_address_type("IPv4");
      auto& port = *slice->add_ports();
      port.set_port(8080);
      port.set_protocol("TCP");
    }
    while (slice->endpoints_size() <= index) slice->add_endpoints()->add_addresses();
    *slice->mutable_endpoints(index)->mutable_addresses(0) = base::StrCat(
        "10.", 128 + ((address >> 16) & 127), ".", (address >> 8) & 255, ".", address & 255);
    slices_[key] = slice;
  }

  std::vector<std::string> ServiceKeys() const override { return keys_; }
  std::shared_ptr<const Service> FindService(std::string_view key) const override {
    return services_.find(key)->second;
  }
  netproxy::Slices SlicesOf(std::string_view key) const override {
    return {slices_.find(key)->second};
  }

 private:
  std::vector<std::string> keys_;
  std::map<std::string, std::shared_ptr<Service>, std::less<>> services_;
  std::map<std::string, std::shared_ptr<EndpointSlice>, std::less<>> slices_;
  int next_ = 1;
};

double Percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(p * static_cast<double>(values.size() - 1))];
}

bool Run(int services, bool last) {
  Cluster cluster(services);
  const long rss_before = MaxRssKb();
  netproxy::FamilyOptions options;
  options.cluster_cidrs = {*kernel::IpPrefix::Parse("10.128.0.0/9")};
  options.service_cidrs = {*kernel::IpPrefix::Parse("10.96.0.0/12")};
  netproxy::FamilyProxy proxy(
      options, std::make_unique<netproxy::NftBackend>(kernel::NftFamily::kIp4),
      [](const netproxy::Ruleset&, const std::set<netproxy::FrontendKey>&) { return 0; });
  const netproxy::NodeNetwork node;

  const auto start = Clock::now();
  const auto loaded = proxy.Sync(cluster, node, {});
  const double cold = Milliseconds(start);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", loaded.status().ToString().c_str());
    return false;
  }
  const long rss = MaxRssKb() - rss_before;

  std::vector<double> changes;
  for (int i = 0; i < 2000; ++i) {
    const std::string& key = cluster.keys()[static_cast<size_t>(i) * 7919 % cluster.keys().size()];
    cluster.SetEndpoint(key, i % 2, cluster.NewAddress());
    const auto begin = Clock::now();
    const auto changed = proxy.Sync(cluster, node, {key});
    changes.push_back(Milliseconds(begin) * 1000);
    if (!changed.ok()) {
      std::fprintf(stderr, "%s\n", changed.status().ToString().c_str());
      return false;
    }
  }
  proxy.RequestFullSync();
  const auto again = Clock::now();
  const auto warm = proxy.Sync(cluster, node, {});
  const double full = Milliseconds(again);
  std::printf(
      "  {\"services\": %d, \"elements\": %zu, \"cold_load_ms\": %.1f, \"change_p50_us\": %.1f, "
      "\"change_p99_us\": %.1f, \"full_comparison_ms\": %.1f, \"stale_elements\": %zu, "
      "\"rss_growth_kb\": %ld}%s\n",
      services, loaded->elements, cold, Percentile(changes, 0.5), Percentile(changes, 0.99), full,
      warm.ok() ? warm->elements : 0, rss, last ? "" : ",");
  return warm.ok() && proxy.Cleanup().ok();
}

int Main(int argc, char** argv) {
  auto made = kernel::NetworkNamespace::Create();
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
    return 1;
  }
  const auto inside = kernel::EnterNetworkNamespace::Enter(*made);
  if (!inside.ok()) return 1;
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(base::ParseInt<int>(argv[i]).value_or(1000));
  if (sizes.empty()) sizes = {1000, 10'000};
  std::printf("[\n");
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (!Run(sizes[i], i + 1 == sizes.size())) return 1;
  }
  std::printf("]\n");
  return 0;
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) { return berth::Main(argc, argv); }
