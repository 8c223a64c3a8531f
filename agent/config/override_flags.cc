// SPDX-License-Identifier: Apache-2.0
#include "agent/config/override_flags.h"

#include "agent/config/flags.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using base::StrCat;

// A flag's text as the YAML value of its field, so that one reader checks both.
enum class Shape { kPlain, kText, kList, kMap, kTaints };

struct Entry {
  OverrideFlag flag;
  Shape shape;
};

const std::vector<Entry>& Entries() {
  static const auto* entries = new std::vector<Entry>{
      {{"container-runtime-endpoint", "containerRuntimeEndpoint"}, Shape::kText},
      {{"image-service-endpoint", "imageServiceEndpoint"}, Shape::kText},
      {{"register-with-taints", "registerWithTaints", false}, Shape::kTaints},
      {{"register-node", "registerNode", true, true}, Shape::kPlain},
      {{"provider-id", "providerID", false}, Shape::kText},
      {{"max-pods", "maxPods"}, Shape::kPlain},
      {{"pods-per-core", "podsPerCore"}, Shape::kPlain},
      {{"pod-cidr", "podCIDR"}, Shape::kText},
      {{"pod-manifest-path", "staticPodPath"}, Shape::kText},
      {{"cluster-dns", "clusterDNS"}, Shape::kList},
      {{"cluster-domain", "clusterDomain"}, Shape::kText},
      {{"resolv-conf", "resolvConf"}, Shape::kText},
      {{"cgroup-driver", "cgroupDriver"}, Shape::kText},
      {{"cgroup-root", "cgroupRoot"}, Shape::kText},
      {{"fail-swap-on", "failSwapOn", true, true}, Shape::kPlain},
      {{"fail-cgroupv1", "failCgroupV1", false, true}, Shape::kPlain},
      {{"protect-kernel-defaults", "protectKernelDefaults", true, true}, Shape::kPlain},
      {{"eviction-hard", "evictionHard"}, Shape::kMap},
      {{"eviction-soft", "evictionSoft"}, Shape::kMap},
      {{"eviction-soft-grace-period", "evictionSoftGracePeriod"}, Shape::kMap},
      {{"kube-reserved", "kubeReserved"}, Shape::kMap},
      {{"system-reserved", "systemReserved"}, Shape::kMap},
      {{"address", "address"}, Shape::kText},
      {{"port", "port"}, Shape::kPlain},
      {{"read-only-port", "readOnlyPort"}, Shape::kPlain},
      {{"healthz-port", "healthzPort"}, Shape::kPlain},
      {{"healthz-bind-address", "healthzBindAddress"}, Shape::kText},
      {{"rotate-certificates", "rotateCertificates", true, true}, Shape::kPlain},
      {{"rotate-server-certificates", "serverTLSBootstrap", true, true}, Shape::kPlain},
      {{"authorization-mode", "authorization.mode"}, Shape::kText},
      {{"client-ca-file", "authentication.x509.clientCAFile"}, Shape::kText},
      {{"anonymous-auth", "authentication.anonymous.enabled", true, true}, Shape::kPlain},
      {{"authentication-token-webhook", "authentication.webhook.enabled", true, true},
       Shape::kPlain},
      {{"tls-cert-file", "tlsCertFile"}, Shape::kText},
      {{"tls-private-key-file", "tlsPrivateKeyFile"}, Shape::kText},
      {{"serialize-image-pulls", "serializeImagePulls", true, true}, Shape::kPlain},
      {{"node-status-update-frequency", "nodeStatusUpdateFrequency"}, Shape::kPlain},
      {{"sync-frequency", "syncFrequency"}, Shape::kPlain},
      {{"feature-gates", "featureGates", false}, Shape::kMap},
      {{"logging-format", "logging.format", false}, Shape::kText},
      {{"oom-score-adj", "oomScoreAdj"}, Shape::kPlain},
      {{"max-open-files", "maxOpenFiles"}, Shape::kPlain},
      {{"pod-max-pids", "podPidsLimit"}, Shape::kPlain},
      {{"hairpin-mode", "hairpinMode"}, Shape::kText},
      {{"runtime-request-timeout", "runtimeRequestTimeout"}, Shape::kPlain},
      {{"kube-api-qps", "kubeAPIQPS"}, Shape::kPlain},
      {{"kube-api-burst", "kubeAPIBurst"}, Shape::kPlain},
      {{"event-qps", "eventRecordQPS"}, Shape::kPlain},
      {{"event-burst", "eventBurst"}, Shape::kPlain},
  };
  return *entries;
}

YamlNode Scalar(std::string_view text, bool quoted) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = text;
  node.quoted = quoted;
  return node;
}

// "key=value:effect".
YamlNode Taint(std::string_view text) {
  YamlNode taint;
  taint.kind = YamlNode::Kind::kMap;
  const auto [key_value, effect] = base::SplitOnce(text, ':');
  const auto [key, value] = base::SplitOnce(key_value, '=');
  taint.fields.emplace_back("key", Scalar(key, true));
  taint.fields.emplace_back("value", Scalar(value.value_or(""), true));
  taint.fields.emplace_back("effect", Scalar(effect.value_or(""), true));
  return taint;
}

// "a=1,b=2"; eviction thresholds are written "a<1".
YamlNode Map(std::string_view text, bool quoted) {
  YamlNode map;
  map.kind = YamlNode::Kind::kMap;
  for (std::string_view pair : base::Split(text, ',')) {
    if (pair.empty()) continue;
    const size_t at = pair.find_first_of("=<");
    const std::string_view value = at == pair.npos ? "" : pair.substr(at + 1);
    map.fields.emplace_back(std::string(base::Trim(pair.substr(0, at))), Scalar(value, quoted));
  }
  return map;
}

YamlNode List(std::string_view text, bool taints) {
  YamlNode list;
  list.kind = YamlNode::Kind::kList;
  for (std::string_view item : base::Split(text, ',')) {
    if (!item.empty()) list.items.push_back(taints ? Taint(item) : Scalar(item, true));
  }
  return list;
}

YamlNode Value(const Entry& entry, std::string_view text) {
  switch (entry.shape) {
    case Shape::kPlain:
      return Scalar(text, false);
    case Shape::kText:
      return Scalar(text, true);
    case Shape::kList:
      return List(text, false);
    case Shape::kTaints:
      return List(text, true);
    case Shape::kMap:
      return Map(text, entry.flag.field != "featureGates");
  }
  return YamlNode();
}

// {a: {b: value}} for the path "a.b".
YamlNode Nested(std::string_view path, YamlNode value) {
  YamlNode map;
  map.kind = YamlNode::Kind::kMap;
  const auto [first, rest] = base::SplitOnce(path, '.');
  map.fields.emplace_back(std::string(first),
                          rest ? Nested(*rest, std::move(value)) : std::move(value));
  return map;
}

}  // namespace

const std::vector<OverrideFlag>& OverrideFlags() {
  static const auto* flags = [] {
    auto* out = new std::vector<OverrideFlag>;
    for (const Entry& entry : Entries()) out->push_back(entry.flag);
    return out;
  }();
  return *flags;
}

absl::Status ApplyFlags(const Flags& flags, Config& config) {
  for (const auto& [name, text] : flags.overrides) {
    for (const Entry& entry : Entries()) {
      if (entry.flag.name != name) continue;
      const YamlNode document = Nested(entry.flag.field, Value(entry, text));
      ReadFields read;
      const absl::Status status = ReadDocument(
          document, "flag", [&config](FieldVisitor& v) { VisitFields(v, config.kubelet); }, read);
      if (!status.ok()) {
        return base::InvalidArgument("--", name, ": wrong value \"", text, "\" for ",
                                     entry.flag.field);
      }
      // What the flag says now comes from no line of the file.
      config.kubelet_read.lines.erase(std::string(entry.flag.field));
    }
  }
  if (flags.verbosity >= 0) config.kubelet.logging.verbosity = flags.verbosity;
  return absl::OkStatus();
}

}  // namespace berth::agent
