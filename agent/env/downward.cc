// SPDX-License-Identifier: Apache-2.0
#include "agent/env/downward.h"

#include <map>

#include "agent/env/amount.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/quote.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::InvalidArgument;
using base::StrCat;

using TextPairs = google::protobuf::Map<std::string, std::string>;

std::string Lines(const TextPairs& pairs) {
  const std::map<std::string, std::string> sorted(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [key, value] : sorted) {
    if (!out.empty()) out += '\n';
    base::StrAppend(out, key, "=");
    base::AppendGoQuoted(out, value);
  }
  return out;
}

// The key of metadata.labels['key']; nothing when `path` is not of that form.
std::optional<std::string_view> Subscript(std::string_view path, std::string_view field) {
  if (!path.starts_with(field)) return std::nullopt;
  path.remove_prefix(field.size());
  if (!path.starts_with("['") || !path.ends_with("']") || path.size() < 5) return std::nullopt;
  return path.substr(2, path.size() - 4);
}

std::string Lookup(const TextPairs& pairs, std::string_view key) {
  const auto at = pairs.find(std::string(key));
  return at == pairs.end() ? std::string() : at->second;
}

absl::Status Unsupported(std::string_view path) {
  return InvalidArgument("unsupported fieldPath: ", path);
}

}  // namespace

absl::StatusOr<std::string> MetadataField(const core::Pod& pod, std::string_view path) {
  const auto& meta = pod.metadata();
  if (path == "metadata.name") return meta.name();
  if (path == "metadata.namespace") return meta.namespace_();
  if (path == "metadata.uid") return meta.uid();
  if (path == "metadata.labels") return Lines(meta.labels());
  if (path == "metadata.annotations") return Lines(meta.annotations());
  if (const auto key = Subscript(path, "metadata.labels")) return Lookup(meta.labels(), *key);
  if (const auto key = Subscript(path, "metadata.annotations")) {
    return Lookup(meta.annotations(), *key);
  }
  return Unsupported(path);
}

absl::StatusOr<std::string> EnvironmentField(const core::Pod& pod, std::string_view path,
                                             const PodAddresses& addresses,
                                             std::string_view node_name) {
  auto first = [](const std::vector<std::string>& list) {
    return list.empty() ? std::string() : list.front();
  };
  if (path == "spec.nodeName") {
    return pod.spec().node_name().empty() ? std::string(node_name) : pod.spec().node_name();
  }
  if (path == "spec.serviceAccountName") return pod.spec().service_account_name();
  if (path == "status.hostIP") return first(addresses.host_ips);
  if (path == "status.hostIPs") return base::Join(addresses.host_ips, ",");
  if (path == "status.podIP") return first(addresses.pod_ips);
  if (path == "status.podIPs") return base::Join(addresses.pod_ips, ",");
  if (path == "metadata.labels" || path == "metadata.annotations") return Unsupported(path);
  return MetadataField(pod, path);
}

absl::StatusOr<std::string> ResourceField(const core::Container& container,
                                          const core::ResourceFieldSelector& selector,
                                          const base::StringMap<std::string>& allocatable) {
  const auto [which, resource] = base::SplitOnce(selector.resource(), '.');
  if (!resource || (which != "limits" && which != "requests") ||
      (*resource != "cpu" && *resource != "memory" && *resource != "ephemeral-storage" &&
       !resource->starts_with("hugepages-"))) {
    return InvalidArgument("unsupported container resource: ", selector.resource());
  }
  const bool limit = which == "limits";
  const auto& set = limit ? container.resources().limits() : container.resources().requests();
  std::string amount = "0";
  if (const auto at = set.find(std::string(*resource)); at != set.end()) {
    amount = at->second.string();
  } else if (const auto node = allocatable.find(*resource); limit && node != allocatable.end()) {
    amount = node->second;
  }
  std::string divisor = selector.divisor().string();
  if (divisor.empty() || divisor == "0") divisor = "1";
  const auto parse = *resource == "cpu" ? MilliOf : UnitsOf;
  const auto value = parse(amount), unit = parse(divisor);
  if (!value || !unit || *unit <= 0) {
    return InvalidArgument(selector.resource(), ": cannot divide ", amount, " by ", divisor);
  }
  return StrCat((*value + *unit - 1) / *unit);
}

}  // namespace berth::agent
