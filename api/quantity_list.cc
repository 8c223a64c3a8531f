// SPDX-License-Identifier: Apache-2.0
#include "api/quantity_list.h"

#include <google/protobuf/map.h>

#include "api/proto/special.pb.h"

namespace berth::api {

ResourceList ReadResources(const QuantityMap& quantities) {
  ResourceList resources;
  for (const auto& [name, quantity] : quantities) resources[name] = AmountOf(quantity);
  return resources;
}

void WriteResources(const ResourceList& resources, QuantityMap& quantities) {
  quantities.clear();
  for (const auto& [name, amount] : resources) SetQuantity(amount, quantities[name]);
}

Amount AmountIn(const ResourceList& resources, std::string_view name) {
  const auto found = resources.find(name);
  return found == resources.end() ? Amount() : found->second;
}

void Add(const ResourceList& more, ResourceList& total) {
  for (const auto& [name, amount] : more) total[name] += amount;
}

void Subtract(const ResourceList& less, ResourceList& total) {
  for (const auto& [name, amount] : less) total[name] -= amount;
}

void RaiseTo(const ResourceList& floor, ResourceList& total) {
  for (const auto& [name, amount] : floor) {
    const auto [at, inserted] = total.try_emplace(name, amount);
    if (!inserted && at->second < amount) at->second = amount;
  }
}

std::vector<std::string> Shortages(const ResourceList& wanted, const ResourceList& free) {
  std::vector<std::string> names;
  for (const auto& [name, amount] : wanted) {
    if (amount.Sign() > 0 && amount > AmountIn(free, name)) names.push_back(name);
  }
  return names;
}

bool Fits(const ResourceList& wanted, const ResourceList& free) {
  return Shortages(wanted, free).empty();
}

}  // namespace berth::api
