// SPDX-License-Identifier: Apache-2.0
#include "agent/config/config_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "base/status.h"

namespace berth::agent {
namespace {

using base::InvalidArgument;

constexpr std::string_view kKubeletVersion = "kubelet.config.k8s.io/v1beta1";
constexpr std::string_view kProxyVersion = "kubeproxy.config.k8s.io/v1alpha1";

std::string_view TextOf(const YamlNode& document, std::string_view field) {
  const YamlNode* node = document.Find(field);
  return node == nullptr ? "" : std::string_view(node->text);
}

absl::Status WrongVersion(std::string_view file, const YamlNode& document, std::string_view want) {
  const YamlNode* version = document.Find("apiVersion");
  const int line = version == nullptr ? document.line : version->line;
  return InvalidArgument(file, ":", line, ": apiVersion: want ", want, ", got \"",
                         TextOf(document, "apiVersion"), "\"");
}

// Unless asked to merge, naming one hard threshold switches the others off.
void SettleEvictionDefaults(Config& config) {
  KubeletConfig& kubelet = config.kubelet;
  if (!config.kubelet_read.lines.contains("evictionHard")) return;
  if (!kubelet.merge_default_eviction_settings) return;
  for (const auto& [signal, threshold] : KubeletConfig().eviction_hard) {
    kubelet.eviction_hard.emplace(signal, threshold);
  }
}

absl::Status ReadKubelet(const YamlNode& document, std::string_view file, Config& config) {
  if (TextOf(document, "apiVersion") != kKubeletVersion) {
    return WrongVersion(file, document, kKubeletVersion);
  }
  if (config.has_kubelet) {
    return InvalidArgument(file, ":", document.line, ": a second KubeletConfiguration");
  }
  config.has_kubelet = true;
  config.file = file;
  RETURN_IF_ERROR(ReadDocument(
      document, file, [&config](FieldVisitor& v) { VisitFields(v, config.kubelet); },
      config.kubelet_read));
  SettleEvictionDefaults(config);
  // Asking for another cadence without saying how often to report means: report at that cadence.
  const auto& lines = config.kubelet_read.lines;
  if (lines.contains("nodeStatusUpdateFrequency") && !lines.contains("nodeStatusReportFrequency")) {
    config.kubelet.node_status_report_frequency = config.kubelet.node_status_update_frequency;
  }
  // Pulling in parallel is what a limit of two or more asks for.
  if (config.kubelet.max_parallel_image_pulls > 1 && !lines.contains("serializeImagePulls")) {
    config.kubelet.serialize_image_pulls = false;
  }
  return absl::OkStatus();
}

absl::Status ReadProxy(const YamlNode& document, std::string_view file, Config& config) {
  if (TextOf(document, "apiVersion") != kProxyVersion) {
    return WrongVersion(file, document, kProxyVersion);
  }
  if (config.has_proxy) {
    return InvalidArgument(file, ":", document.line, ": a second KubeProxyConfiguration");
  }
  config.has_proxy = true;
  config.proxy_file = file;
  return ReadDocument(
      document, file, [&config](FieldVisitor& v) { VisitFields(v, config.proxy); },
      config.proxy_read);
}

}  // namespace

std::vector<std::string> Config::WithoutEffect() const {
  std::vector<std::string> out;
  for (const auto& [field, line] : kubelet_read.lines) {
    if (field.find('.') == std::string::npos && IsWithoutEffect(field)) out.push_back(field);
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::Status ParseConfig(std::string_view text, std::string_view file, Config& config) {
  auto documents = ParseYaml(text);
  if (!documents.ok()) return InvalidArgument(file, ":", base::Message(documents.status()));
  if (documents->empty()) return InvalidArgument(file, ":1: the file holds no configuration");
  for (const YamlNode& document : *documents) {
    const std::string_view kind = TextOf(document, "kind");
    if (kind == "KubeletConfiguration") {
      RETURN_IF_ERROR(ReadKubelet(document, file, config));
    } else if (kind == "KubeProxyConfiguration") {
      RETURN_IF_ERROR(ReadProxy(document, file, config));
    } else {
      const YamlNode* node = document.Find("kind");
      return InvalidArgument(file, ":", node == nullptr ? document.line : node->line,
                             ": kind: want KubeletConfiguration or KubeProxyConfiguration, got \"",
                             kind, "\"");
    }
  }
  return absl::OkStatus();
}

absl::Status LoadConfig(std::string_view file, Config& config) {
  std::ifstream in{std::string(file)};
  if (!in) return base::FromErrno(errno, base::StrCat("reading ", file));
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return base::FromErrno(EIO, base::StrCat("reading ", file));
  return ParseConfig(text, file, config);
}

}  // namespace berth::agent
