// SPDX-License-Identifier: Apache-2.0
// The order of a merged list. For patch*.cc.
#ifndef BERTH_API_PATCH_ORDER_H_
#define BERTH_API_PATCH_ORDER_H_

#include <string>

#include "api/patch_json.h"

namespace berth::api::internal {

// Do two elements stand for the same one? By `merge_key`, or by value when that is empty.
bool SameElement(const Json& a, const Json& b, const std::string& merge_key);

// `merged` in the order that the patch's author wants: what `order` names keeps the order of
// `order`; the others keep theirs from `live`, each placed before the first named element that
// followed it in `live`.
Json InOrder(const Json& merged, const Json& order, const Json& live, const std::string& merge_key);

}  // namespace berth::api::internal

#endif  // BERTH_API_PATCH_ORDER_H_
