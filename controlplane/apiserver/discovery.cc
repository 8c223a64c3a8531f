// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/discovery.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "controlplane/apiserver/json_text.h"
#include "controlplane/apiserver/resource_descriptor.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

struct GroupVersion {
  std::string_view group;
  std::string_view version;
  bool operator==(const GroupVersion&) const = default;
  std::string Text() const {
    return group.empty() ? std::string(version) : StrCat(group, "/", version);
  }
};

// In the order of the table, each once; the core group first.
std::vector<GroupVersion> GroupVersions() {
  std::vector<GroupVersion> out;
  for (const ResourceDescriptor& resource : AllResources()) {
    const GroupVersion one{resource.group, resource.version};
    if (std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
  }
  return out;
}

std::vector<std::string_view> VerbsOf(const ResourceDescriptor& resource) {
  if (!resource.stored) return {"create"};
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

std::vector<Subresource> SubresourcesOf(const ResourceDescriptor& resource) {
  std::vector<Subresource> out = resource.subresources;
  if (resource.has_status) {
    out.push_back({.name = "status", .verbs = {"get", "patch", "update"}});
  }
  return out;
}

template <class Range>
std::string OptionalList(const char* name, const Range& texts) {
  return texts.empty() ? "" : StrCat(",\"", name, "\":", JsonStrings(texts));
}

void AppendResource(const ResourceDescriptor& resource, std::string& out) {
  base::StrAppend(out, out.back() == '[' ? "" : ",", "{\"name\":\"", resource.plural,
                  "\",\"singularName\":\"", resource.Singular(),
                  "\",\"namespaced\":", resource.namespaced, ",\"kind\":\"", resource.kind,
                  "\",\"verbs\":", JsonStrings(VerbsOf(resource)),
                  OptionalList("shortNames", resource.short_names),
                  OptionalList("categories", resource.categories), "}");
  for (const Subresource& sub : SubresourcesOf(resource)) {
    base::StrAppend(out, ",{\"name\":\"", resource.plural, "/", sub.name,
                    "\",\"singularName\":\"\",\"namespaced\":", resource.namespaced);
    if (!sub.group.empty()) {
      base::StrAppend(out, ",\"group\":\"", sub.group, "\",\"version\":\"", sub.version, "\"");
    }
    base::StrAppend(out, ",\"kind\":\"", sub.kind.empty() ? resource.kind : sub.kind,
                    "\",\"verbs\":", JsonStrings(sub.verbs), "}");
  }
}

std::string ResourceList(const GroupVersion& wanted) {
  std::string out =
      StrCat("{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"",
             wanted.Text(), "\",\"resources\":[");
  for (const ResourceDescriptor& resource : AllResources()) {
    if (GroupVersion{resource.group, resource.version} == wanted) AppendResource(resource, out);
  }
  return out += "]}";
}

// The groups in the order of the table, each with its versions, the preferred one first.
std::vector<std::vector<GroupVersion>> Groups() {
  std::vector<std::vector<GroupVersion>> out;
  for (const GroupVersion& one : GroupVersions()) {
    const auto it = std::find_if(out.begin(), out.end(),
                                 [&](const auto& group) { return group[0].group == one.group; });
    if (it == out.end()) {
      out.push_back({one});
    } else {
      it->push_back(one);
    }
  }
  return out;
}

std::string Group(const std::vector<GroupVersion>& group, bool with_kind) {
  std::vector<std::string> versions;
  for (const GroupVersion& one : group) {
    versions.push_back(
        StrCat("{\"groupVersion\":\"", one.Text(), "\",\"version\":\"", one.version, "\"}"));
  }
  return StrCat("{", with_kind ? "\"kind\":\"APIGroup\",\"apiVersion\":\"v1\"," : "", "\"name\":\"",
                group[0].group, "\",\"versions\":[", base::Join(versions, ","),
                "],\"preferredVersion\":", versions[0], "}");
}

std::string GroupList() {
  std::string out = "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[";
  for (const auto& group : Groups()) {
    if (group[0].group.empty()) continue;
    base::StrAppend(out, out.back() == '[' ? "" : ",", Group(group, false));
  }
  return out += "]}";
}

std::string ResponseKind(std::string_view group, std::string_view version, std::string_view kind) {
  return StrCat("{\"group\":\"", group, "\",\"version\":\"", version, "\",\"kind\":\"", kind,
                "\"}");
}

void AppendAggregated(const ResourceDescriptor& resource, std::string& out) {
  base::StrAppend(
      out, out.back() == '[' ? "" : ",", "{\"resource\":\"", resource.plural,
      "\",\"responseKind\":", ResponseKind(resource.group, resource.version, resource.kind),
      ",\"scope\":\"", resource.namespaced ? "Namespaced" : "Cluster", "\",\"singularResource\":\"",
      resource.Singular(), "\",\"verbs\":", JsonStrings(VerbsOf(resource)),
      OptionalList("shortNames", resource.short_names),
      OptionalList("categories", resource.categories));
  std::string subs;
  for (const Subresource& sub : SubresourcesOf(resource)) {
    const bool own = sub.kind.empty();
    base::StrAppend(subs, subs.empty() ? "" : ",", "{\"subresource\":\"", sub.name,
                    "\",\"responseKind\":",
                    own ? ResponseKind(resource.group, resource.version, resource.kind)
                        : ResponseKind(sub.group, sub.version, sub.kind),
                    ",\"verbs\":", JsonStrings(sub.verbs), "}");
  }
  if (!subs.empty()) base::StrAppend(out, ",\"subresources\":[", subs, "]");
  out += "}";
}

std::string Aggregated(bool core) {
  std::string out =
      "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\","
      "\"metadata\":{},\"items\":[";
  for (const auto& group : Groups()) {
    if (group[0].group.empty() != core) continue;
    base::StrAppend(out, out.back() == '[' ? "" : ",", "{\"metadata\":{");
    if (!core) base::StrAppend(out, "\"name\":\"", group[0].group, "\",");
    out += "\"creationTimestamp\":null},\"versions\":[";
    for (const GroupVersion& one : group) {
      base::StrAppend(out, out.back() == '[' ? "" : ",", "{\"version\":\"", one.version,
                      "\",\"freshness\":\"Current\",\"resources\":[");
      for (const ResourceDescriptor& resource : AllResources()) {
        if (GroupVersion{resource.group, resource.version} == one) AppendAggregated(resource, out);
      }
      out += "]}";
    }
    out += "]}";
  }
  return out += "]}";
}

}  // namespace

bool WantsAggregatedDiscovery(std::string_view accept) {
  for (std::string_view element : base::Split(accept, ',')) {
    if (element.find("as=APIGroupDiscoveryList") != std::string_view::npos &&
        element.find("v=v2;") != std::string_view::npos) {
      return true;
    }
    if (element.find("v=v2") != std::string_view::npos && element.ends_with("v=v2")) return true;
  }
  return false;
}

std::optional<std::string> DiscoveryDocument(std::string_view path, bool aggregated) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/api") {
    if (aggregated) return Aggregated(true);
    return "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[]}";
  }
  if (path == "/apis") return aggregated ? Aggregated(false) : GroupList();
  if (path == "/api/v1") return ResourceList({"", "v1"});
  if (!path.starts_with("/apis/")) return std::nullopt;
  const auto [group, version] = base::SplitOnce(path.substr(6), '/');
  for (const auto& versions : Groups()) {
    if (versions[0].group != group || group.empty()) continue;
    if (!version.has_value()) return Group(versions, true);
    for (const GroupVersion& one : versions) {
      if (one.version == *version) return ResourceList(one);
    }
  }
  return std::nullopt;
}

std::string VersionDocument(const VersionFacts& facts) {
  const auto parts = base::Split(std::string_view(facts.git_version).substr(1), '.');
  return StrCat("{\n  \"major\": \"", parts[0], "\",\n  \"minor\": \"",
                parts.size() > 1 ? parts[1] : "", "\",\n  \"gitVersion\": \"", facts.git_version,
                "\",\n  \"gitCommit\": \"\",\n  \"gitTreeState\": \"\",\n  \"buildDate\": "
                "\"1970-01-01T00:00:00Z\",\n  \"goVersion\": \"\",\n  \"compiler\": \"gcc\",\n"
                "  \"platform\": \"linux/amd64\"\n}");
}

}  // namespace berth::controlplane
