// SPDX-License-Identifier: Apache-2.0
// Who asks.
#ifndef BERTH_CONTROLPLANE_APISERVER_USER_INFO_H_
#define BERTH_CONTROLPLANE_APISERVER_USER_INFO_H_

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace berth::controlplane {

inline constexpr std::string_view kMasters = "system:masters";
inline constexpr std::string_view kNodes = "system:nodes";
inline constexpr std::string_view kNodeUserPrefix = "system:node:";

struct UserInfo {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;

  bool In(std::string_view group) const {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  }
  // The node whose kubelet this is, "" when it is none.
  std::string_view Node() const {
    const bool node = In(kNodes) && name.starts_with(kNodeUserPrefix);
    return node ? std::string_view(name).substr(kNodeUserPrefix.size()) : std::string_view();
  }
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_USER_INFO_H_
