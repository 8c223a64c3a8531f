// SPDX-License-Identifier: Apache-2.0
#include "netproxy/fake_backend.h"

#include <algorithm>

#include "base/status.h"

namespace berth::netproxy {

absl::Status FakeBackend::Insert(std::map<Element, Element>& table, const LayoutOptions& layout,
                                 const Element& element) const {
  if (element.kind() == SetKind::kAffinityServices &&
      !layout.affinity_seconds.contains(element.param())) {
    return base::NotFound("set ", SetName(element.kind(), element.param()));
  }
  const auto [it, added] = table.try_emplace(element.Place(), element);
  if (!added && !(it->second == element)) {
    return base::AlreadyExists("element of set ", SetName(element.kind(), element.param()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::vector<Element>>> FakeBackend::Load(LayoutOptions& layout) {
  if (!layout_.has_value() || layout_->Fingerprint() != layout.Fingerprint()) {
    return std::optional<std::vector<Element>>();
  }
  layout.affinity_seconds.insert(layout_->affinity_seconds.begin(),
                                 layout_->affinity_seconds.end());
  return std::optional(elements());
}

absl::Status FakeBackend::Replace(const LayoutOptions& layout, const std::vector<Element>& all) {
  if (!failure_.ok()) return std::exchange(failure_, absl::OkStatus());
  std::map<Element, Element> table;
  for (const Element& element : all) RETURN_IF_ERROR(Insert(table, layout, element));
  table_ = std::move(table);
  layout_ = layout;
  clients_.clear();
  ++replaced_;
  return absl::OkStatus();
}

absl::Status FakeBackend::Apply(const LayoutOptions& layout, const Change& change) {
  if (!failure_.ok()) return std::exchange(failure_, absl::OkStatus());
  if (!layout_.has_value()) return base::FailedPrecondition("the table is not loaded");
  std::map<Element, Element> table = table_;
  for (const Element& element : change.remove) {
    if (table.erase(element.Place()) == 0) {
      return base::NotFound("element of set ", SetName(element.kind(), element.param()));
    }
  }
  for (const Element& element : change.add) RETURN_IF_ERROR(Insert(table, layout, element));
  table_ = std::move(table);
  layout_ = layout;
  changes_.push_back(change);
  return absl::OkStatus();
}

absl::Status FakeBackend::ForgetClients(uint32_t affinity_seconds,
                                        const std::function<bool(const RememberedClient&)>& keep) {
  std::erase_if(clients_[affinity_seconds], [&](const auto& client) { return !keep(client); });
  return absl::OkStatus();
}

absl::Status FakeBackend::Cleanup() {
  layout_.reset();
  table_.clear();
  clients_.clear();
  return absl::OkStatus();
}

std::vector<Element> FakeBackend::elements() const {
  std::vector<Element> out;
  for (const auto& [place, element] : table_) out.push_back(element);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace berth::netproxy
