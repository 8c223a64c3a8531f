// SPDX-License-Identifier: Apache-2.0
// A pod's resolver configuration and host name. Pure.
#ifndef BERTH_AGENT_SYNC_DNS_H_
#define BERTH_AGENT_SYNC_DNS_H_

#include <string>
#include <string_view>
#include <vector>

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

struct Resolver {
  std::vector<std::string> servers;
  std::vector<std::string> searches;
  std::vector<std::string> options;
};

// The text of a resolv.conf; what is malformed is left out.
Resolver ParseResolvConf(std::string_view text);

struct ClusterDns {
  std::vector<std::string> servers;
  std::string domain;
};

// By dnsPolicy and dnsConfig, within the limits of 3 servers, 32 searches and 2048 characters.
// `warning` says what was cut off (event DNSConfigForming), or that a ClusterFirst pod falls back
// to the host's resolver because the node has no cluster DNS.
Resolver ResolverFor(const api::core::v1::Pod& pod, const ClusterDns& cluster, const Resolver& host,
                     std::string* warning);

// spec.hostname or the pod's name, at most 63 characters.
std::string HostnameOf(const api::core::v1::Pod& pod);
// "host.subdomain.ns.svc.<domain>" when the pod has a subdomain, else "".
std::string FqdnOf(const api::core::v1::Pod& pod, std::string_view domain);

}  // namespace berth::agent

#endif  // BERTH_AGENT_SYNC_DNS_H_
