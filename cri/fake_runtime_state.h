// SPDX-License-Identifier: Apache-2.0
// What a FakeRuntime holds. For its own sources only.
#ifndef BERTH_CRI_FAKE_RUNTIME_STATE_H_
#define BERTH_CRI_FAKE_RUNTIME_STATE_H_

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {

struct FakeRuntime::Sandbox {
  v1::PodSandboxStatus status;
  v1::PodSandboxConfig config;
};

struct FakeRuntime::Container {
  v1::ContainerStatus status;
  v1::ContainerConfig config;
  std::string sandbox_id;
};

struct FakeRuntime::State {
  std::map<std::string, Sandbox> sandboxes;
  std::map<std::string, Container> containers;
  std::map<std::string, v1::Image> images;
  std::set<std::string> pullable;
  std::map<std::string, Hook> hooks;
  std::map<std::string, std::pair<absl::Status, int>> failures;
  std::set<std::string> ignores_term;
  std::vector<std::string> calls;
  ExecHandler exec;
  int last_id = 0;
  int last_ip = 0;
};

inline bool Selected(const google::protobuf::Map<std::string, std::string>& want,
                     const google::protobuf::Map<std::string, std::string>& have) {
  return std::all_of(want.begin(), want.end(), [&](const auto& label) {
    const auto it = have.find(label.first);
    return it != have.end() && it->second == label.second;
  });
}

// Ids sort by age and look like the real thing: 64 characters.
inline std::string MakeId(std::string_view kind, int number) {
  std::string text = base::StrCat(number);
  return base::StrCat(kind, std::string(64 - kind.size() - text.size(), '0'), text);
}

}  // namespace berth::cri

#endif  // BERTH_CRI_FAKE_RUNTIME_STATE_H_
