// SPDX-License-Identifier: Apache-2.0
#include "api/patch_order.h"

#include <algorithm>
#include <vector>

namespace berth::api::internal {
namespace {

constexpr size_t kNowhere = static_cast<size_t>(-1);

size_t Position(const Json& list, const Json& element, const std::string& merge_key) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (SameElement(list[i], element, merge_key)) return i;
  }
  return kNowhere;
}

struct Placed {
  const Json* element;
  size_t in_order;
  size_t in_live;
};

}  // namespace

bool SameElement(const Json& a, const Json& b, const std::string& merge_key) {
  if (merge_key.empty() || !a.is_object() || !b.is_object()) return SameJson(a, b);
  const Json* left = MemberOf(a, merge_key);
  const Json* right = MemberOf(b, merge_key);
  return left != nullptr && right != nullptr && *left == *right;
}

Json InOrder(const Json& merged, const Json& order, const Json& live,
             const std::string& merge_key) {
  std::vector<Placed> named;
  std::vector<Placed> others;
  for (const Json& element : merged) {
    const Placed placed{&element, Position(order, element, merge_key),
                        Position(live, element, merge_key)};
    (placed.in_order == kNowhere ? others : named).push_back(placed);
  }
  std::stable_sort(named.begin(), named.end(),
                   [](const Placed& a, const Placed& b) { return a.in_order < b.in_order; });
  std::stable_sort(others.begin(), others.end(),
                   [](const Placed& a, const Placed& b) { return a.in_live < b.in_live; });
  Json result = Json::array();
  size_t i = 0;
  size_t j = 0;
  while (i < others.size() || j < named.size()) {
    const bool other_first =
        i < others.size() &&
        (j == named.size() || (others[i].in_live != kNowhere && named[j].in_live != kNowhere &&
                               others[i].in_live < named[j].in_live));
    result.push_back(*(other_first ? others[i++] : named[j++]).element);
  }
  return result;
}

}  // namespace berth::api::internal
