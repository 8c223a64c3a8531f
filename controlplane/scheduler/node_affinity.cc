// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/node_affinity.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::NodeSelector;
using api::core::v1::NodeSelectorRequirement;
using api::core::v1::NodeSelectorTerm;

bool Meets(const NodeSelectorRequirement& requirement, const std::string* value) {
  const auto& values = requirement.values();
  const std::string& op = requirement.operator_();
  const bool listed =
      value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  if (op == "In") return listed;
  if (op == "NotIn") return !listed;
  if (op == "Exists") return value != nullptr;
  if (op == "DoesNotExist") return value == nullptr;
  if (value == nullptr || values.size() != 1) return false;
  const auto have = base::ParseInt<int64_t>(*value);
  const auto bound = base::ParseInt<int64_t>(values[0]);
  if (!have || !bound) return false;
  if (op == "Gt") return *have > *bound;
  return op == "Lt" && *have < *bound;
}

const std::string* Label(const Node& node, const std::string& key) {
  const auto it = node.metadata().labels().find(key);
  return it == node.metadata().labels().end() ? nullptr : &it->second;
}

}  // namespace

bool Matches(const NodeSelectorTerm& term, const Node& node) {
  if (term.match_expressions_size() == 0 && term.match_fields_size() == 0) return false;
  for (const auto& requirement : term.match_expressions()) {
    if (!Meets(requirement, Label(node, requirement.key()))) return false;
  }
  for (const auto& requirement : term.match_fields()) {
    if (requirement.key() != "metadata.name") return false;
    if (!Meets(requirement, &node.metadata().name())) return false;
  }
  return true;
}

bool Matches(const NodeSelector& selector, const Node& node) {
  const auto& terms = selector.node_selector_terms();
  return std::any_of(terms.begin(), terms.end(),
                     [&](const NodeSelectorTerm& term) { return Matches(term, node); });
}

}  // namespace berth::controlplane
