// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/dns.h"

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

constexpr size_t kMaxServers = 3;
constexpr size_t kMaxSearches = 32;
constexpr size_t kMaxSearchChars = 2048;

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at < line.size()) {
    const size_t start = line.find_first_not_of(" \t\r", at);
    if (start == line.npos) break;
    size_t end = line.find_first_of(" \t\r", start);
    if (end == line.npos) end = line.size();
    words.emplace_back(line.substr(start, end - start));
    at = end;
  }
  return words;
}

void AddUnique(std::vector<std::string>& list, const std::string& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

std::string_view OptionName(std::string_view option) { return base::SplitOnce(option, ':').first; }

// The later of two options of the same name counts.
void SetOption(std::vector<std::string>& options, const std::string& option) {
  for (auto& have : options) {
    if (OptionName(have) == OptionName(option)) {
      have = option;
      return;
    }
  }
  options.push_back(option);
}

void Limit(Resolver& resolver, std::string* warning) {
  std::vector<std::string> cut;
  if (resolver.servers.size() > kMaxServers) {
    resolver.servers.resize(kMaxServers);
    cut.push_back(
        base::StrCat("Nameserver limits were exceeded, some nameservers have been omitted, the "
                     "applied nameserver line is: ",
                     base::Join(resolver.servers, " ")));
  }
  size_t chars = 0;
  size_t keep = 0;
  for (const auto& search : resolver.searches) {
    chars += search.size() + (keep > 0 ? 1 : 0);
    if (keep == kMaxSearches || chars > kMaxSearchChars) break;
    ++keep;
  }
  if (keep < resolver.searches.size()) {
    resolver.searches.resize(keep);
    cut.push_back(base::StrCat(
        "Search Line limits were exceeded, some search paths have been omitted, the applied search "
        "line is: ",
        base::Join(resolver.searches, " ")));
  }
  if (warning != nullptr && !cut.empty()) *warning = base::Join(cut, "; ");
}

}  // namespace

Resolver ParseResolvConf(std::string_view text) {
  Resolver out;
  for (const auto line : base::Split(text, '\n')) {
    const auto words = Words(line.substr(0, line.find_first_of("#;")));
    if (words.size() < 2) continue;
    if (words[0] == "nameserver") out.servers.push_back(words[1]);
    if (words[0] == "search") {
      out.searches.assign(words.begin() + 1, words.end());
      for (auto& search : out.searches) {
        if (search.size() > 1 && search.ends_with(".")) search.pop_back();
      }
    }
    if (words[0] == "options") {
      for (size_t i = 1; i < words.size(); ++i) out.options.push_back(words[i]);
    }
  }
  return out;
}

Resolver ResolverFor(const api::core::v1::Pod& pod, const ClusterDns& cluster, const Resolver& host,
                     std::string* warning) {
  const auto& spec = pod.spec();
  const std::string& policy = spec.dns_policy();
  bool use_cluster = policy == "ClusterFirstWithHostNet" ||
                     ((policy == "ClusterFirst" || policy.empty()) && !spec.host_network());
  std::string note;
  if (use_cluster && cluster.servers.empty()) {
    use_cluster = false;
    note = base::StrCat(
        "kubelet does not have ClusterDNS IP configured and cannot create Pod using "
        "\"",
        policy, "\" policy. Falling back to \"Default\" policy.");
  }
  Resolver out;
  if (policy == "None") {
  } else if (use_cluster) {
    out.servers = cluster.servers;
    if (!cluster.domain.empty()) {
      AddUnique(out.searches, base::StrCat(pod.metadata().namespace_(), ".svc.", cluster.domain));
      AddUnique(out.searches, base::StrCat("svc.", cluster.domain));
      AddUnique(out.searches, cluster.domain);
    }
    for (const auto& search : host.searches) AddUnique(out.searches, search);
    out.options = {"ndots:5"};
  } else {
    out = host;
  }
  for (const auto& server : spec.dns_config().nameservers()) AddUnique(out.servers, server);
  for (const auto& search : spec.dns_config().searches()) AddUnique(out.searches, search);
  for (const auto& option : spec.dns_config().options()) {
    SetOption(out.options, option.has_value() && !option.value().empty()
                               ? base::StrCat(option.name(), ":", option.value())
                               : option.name());
  }
  Limit(out, &note);
  if (warning != nullptr) *warning = note;
  return out;
}

std::string HostnameOf(const api::core::v1::Pod& pod) {
  const auto& spec = pod.spec();
  std::string name = !spec.hostname_override().empty() ? spec.hostname_override()
                     : !spec.hostname().empty()        ? spec.hostname()
                                                       : pod.metadata().name();
  if (name.size() > 63) name.resize(63);
  while (name.ends_with("-") || name.ends_with(".")) name.pop_back();
  return name;
}

std::string FqdnOf(const api::core::v1::Pod& pod, std::string_view domain) {
  if (pod.spec().subdomain().empty() || !pod.spec().hostname_override().empty()) return "";
  return base::StrCat(HostnameOf(pod), ".", pod.spec().subdomain(), ".",
                      pod.metadata().namespace_(), ".svc.", domain);
}

}  // namespace berth::agent
