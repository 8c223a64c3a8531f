// SPDX-License-Identifier: Apache-2.0
// Lists of resources (name -> amount): what containers ask for, what nodes have. A name that is
// absent counts as zero. Used by scheduler, admission, QoS and eviction.
#ifndef BERTH_API_QUANTITY_LIST_H_
#define BERTH_API_QUANTITY_LIST_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/quantity.h"

namespace google::protobuf {
template <typename Key, typename T>
class Map;
}

namespace berth::api {

using QuantityMap = google::protobuf::Map<std::string, Quantity>;
using ResourceList = std::map<std::string, Amount, std::less<>>;

ResourceList ReadResources(const QuantityMap& quantities);
// Replaces what `quantities` holds.
void WriteResources(const ResourceList& resources, QuantityMap& quantities);

Amount AmountIn(const ResourceList& resources, std::string_view name);
void Add(const ResourceList& more, ResourceList& total);
// May go below zero.
void Subtract(const ResourceList& less, ResourceList& total);
// Every amount of `total` becomes at least that of `floor`.
void RaiseTo(const ResourceList& floor, ResourceList& total);
// The names of which `wanted` asks more than `free` has; zero is always there. Empty: it fits.
std::vector<std::string> Shortages(const ResourceList& wanted, const ResourceList& free);
bool Fits(const ResourceList& wanted, const ResourceList& free);

}  // namespace berth::api

#endif  // BERTH_API_QUANTITY_LIST_H_
