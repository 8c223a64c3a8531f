// SPDX-License-Identifier: Apache-2.0
// Configuration files: YAML (or JSON) with one KubeletConfiguration, one KubeProxyConfiguration, or
// both as documents of one file. Also the JSON of a configuration, for /configz.
#ifndef BERTH_AGENT_CONFIG_CONFIG_FILE_H_
#define BERTH_AGENT_CONFIG_CONFIG_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config/field_reader.h"
#include "agent/config/kube_proxy_config.h"
#include "agent/config/kubelet_config.h"

namespace berth::agent {

struct Config {
  KubeletConfig kubelet;
  KubeProxyConfig proxy;
  std::string file, proxy_file;  // where they come from; "" is nowhere
  ReadFields kubelet_read, proxy_read;
  bool has_kubelet = false, has_proxy = false;

  // Fields that the files give and that have no effect here.
  std::vector<std::string> WithoutEffect() const;
};

// Reads the documents of `text` into `config`. Errors are InvalidArgument and name file, line and
// field: "/etc/berth/config.yaml:12: evictionHard.foo: unknown eviction signal".
absl::Status ParseConfig(std::string_view text, std::string_view file, Config& config);
// The same from disk; a file that is not there is NotFound.
absl::Status LoadConfig(std::string_view file, Config& config);

// What the fields say together; after the flags have been applied.
absl::Status ValidateConfig(const Config& config);

std::string KubeletConfigJson(const KubeletConfig& config);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_CONFIG_FILE_H_
