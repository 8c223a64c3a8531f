// SPDX-License-Identifier: Apache-2.0
#include "netproxy/nft_backend.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "netproxy/classes.h"

namespace berth::netproxy {
namespace {

using kernel::NftBatch;
using kernel::NftElement;
using kernel::NftSocket;

constexpr std::string_view kKubeProxyTable = "kube-proxy";  // of kube-proxy's nftables mode
constexpr std::string_view kAffinityPrefix = "affinity-services-";

bool IsRange(SetKind kind) { return kind == SetKind::kFirewallSources; }

// The last key of a range: the same frontend, the last address.
std::string RangeEnd(const Element& element) {
  std::string end(element.key());
  end.resize(end.size() - element.data().size());
  return end.append(element.data());
}

void Put(NftBatch& batch, const Element& element, bool add) {
  const std::string set = SetName(element.kind(), element.param());
  std::string end;
  NftElement out{.key = element.key(), .key_end = {}, .data = element.data()};
  if (IsRange(element.kind())) {
    end = RangeEnd(element);
    out.key_end = end;
    out.data = {};
  }
  if (add) {
    batch.AddElement(set, out);
  } else {
    batch.DeleteElement(set, out);
  }
}

void PutLayout(NftBatch& batch, const Layout& layout) {
  for (const auto& set : layout.sets) batch.AddSet(set);
  for (const auto& chain : layout.chains) batch.AddChain(chain);
  for (const auto& [chain, rule] : layout.rules) batch.AddRule(chain, rule);
}

// The rules in force give way to those of `to` at one stroke; sets and their elements stay.
void PutLayoutChange(NftBatch& batch, const LayoutOptions& from, const LayoutOptions& to) {
  const Layout before = BuildLayout(from);
  const Layout after = BuildLayout(to);
  for (const auto& chain : before.chains) batch.FlushChain(chain.name);
  const auto has_set = [&](const std::string& name) {
    return std::any_of(before.sets.begin(), before.sets.end(),
                       [&](const auto& set) { return set.name == name; });
  };
  const auto has_chain = [](const Layout& layout, const std::string& name) {
    return std::any_of(layout.chains.begin(), layout.chains.end(),
                       [&](const auto& chain) { return chain.name == name; });
  };
  for (const auto& set : after.sets) {
    if (!has_set(set.name)) batch.AddSet(set);
  }
  for (const auto& chain : after.chains) {
    if (!has_chain(before, chain.name)) batch.AddChain(chain);
  }
  for (const auto& [chain, rule] : after.rules) batch.AddRule(chain, rule);
  for (const auto& chain : before.chains) {
    if (!has_chain(after, chain.name)) batch.DeleteChain(chain.name);
  }
}

std::optional<RememberedClient> DecodeClient(const NftElement& element) {
  const size_t ip = element.key.size() == 16 ? 4 : 16;
  if (element.key.size() != ip + 8 + ip || element.data.size() != ip + 4) return std::nullopt;
  const auto port = [](std::string_view bytes) {
    return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 |
                                 static_cast<uint8_t>(bytes[1]));
  };
  RememberedClient out;
  out.frontend.ip = *IpAddress::FromBytes(element.key.substr(0, ip));
  out.frontend.protocol = static_cast<Protocol>(element.key[ip]);
  out.frontend.port = port(element.key.substr(ip + 4));
  out.client = *IpAddress::FromBytes(element.key.substr(ip + 8));
  out.endpoint.ip = *IpAddress::FromBytes(element.data.substr(0, ip));
  out.endpoint.port = port(element.data.substr(ip));
  return out;
}

}  // namespace

absl::Status NftBackend::ReadSet(NftSocket& socket, SetKind kind, uint32_t param,
                                 std::vector<Element>& out) {
  const size_t start = out.size();
  return socket.DumpElements(
      family_, kTableName, SetName(kind, param), [&] { out.resize(start); },
      [&](const NftElement& e) {
        std::string_view data = e.data;
        if (IsRange(kind) && e.key_end.size() == e.key.size()) {
          data = e.key_end.substr(e.key_end.size() - (family_ == kernel::NftFamily::kIp6 ? 16 : 4));
        }
        if (e.key.size() + data.size() > Element::kMaxBytes) return;
        out.emplace_back(kind, param, e.key, data);
      });
}

absl::StatusOr<std::optional<std::vector<Element>>> NftBackend::Load(LayoutOptions& layout) {
  loaded_.reset();
  ASSIGN_OR_RETURN(NftSocket * socket, Socket());
  // Replace() takes its place.
  ASSIGN_OR_RETURN(const bool predecessor, socket->HasTable(family_, kKubeProxyTable));
  if (predecessor) return std::optional<std::vector<Element>>();
  ASSIGN_OR_RETURN(const auto chains, socket->ListChains(family_, kTableName));
  if (std::find(chains.begin(), chains.end(), FingerprintChain(layout)) == chains.end()) {
    return std::optional<std::vector<Element>>();
  }
  ASSIGN_OR_RETURN(const auto sets, socket->ListSets(family_, kTableName));
  LayoutOptions found = layout;
  found.affinity_seconds.clear();
  for (const std::string& name : sets) {
    if (!name.starts_with(kAffinityPrefix)) continue;
    const auto seconds = base::ParseInt<uint32_t>(name.substr(kAffinityPrefix.size()));
    if (seconds.has_value()) found.affinity_seconds.insert(*seconds);
  }
  std::vector<Element> all;
  for (int kind = 0; kind <= static_cast<int>(SetKind::kFirewallSources); ++kind) {
    const auto set = static_cast<SetKind>(kind);
    if (set == SetKind::kClass || set == SetKind::kLocalClass) {
      for (const uint32_t size : kClasses) {
        RETURN_IF_ERROR(ReadSet(*socket, set, size, all), "reading ", SetName(set, size));
      }
    } else {
      RETURN_IF_ERROR(ReadSet(*socket, set, 0, all), "reading ", SetName(set, 0));
    }
  }
  for (const uint32_t seconds : found.affinity_seconds) {
    RETURN_IF_ERROR(ReadSet(*socket, SetKind::kAffinityServices, seconds, all));
  }
  layout.affinity_seconds.insert(found.affinity_seconds.begin(), found.affinity_seconds.end());
  loaded_ = found;
  return std::optional<std::vector<Element>>(std::move(all));
}

absl::Status NftBackend::Replace(const LayoutOptions& layout, const std::vector<Element>& all) {
  loaded_.reset();
  ASSIGN_OR_RETURN(NftSocket * socket, Socket());
  ASSIGN_OR_RETURN(const bool predecessor, socket->HasTable(family_, kKubeProxyTable));
  NftBatch batch(family_, kTableName);
  batch.AddTable();  // so that there is one to delete
  batch.DeleteTable();
  batch.AddTable();
  PutLayout(batch, BuildLayout(layout));
  for (const Element& element : all) Put(batch, element, true);
  if (predecessor) batch.DeleteOtherTable(kKubeProxyTable);
  RETURN_IF_ERROR(socket->Commit(batch), "loading table ", kTableName);
  if (predecessor) BERTH_INFO("kube-proxy's table is taken over", {"table", kKubeProxyTable});
  loaded_ = layout;
  return absl::OkStatus();
}

absl::Status NftBackend::Apply(const LayoutOptions& layout, const Change& change) {
  if (!loaded_.has_value()) return base::FailedPrecondition("the table is not loaded");
  ASSIGN_OR_RETURN(NftSocket * socket, Socket());
  NftBatch batch(family_, kTableName);
  for (const Element& element : change.remove) Put(batch, element, false);
  if (!(layout == *loaded_)) PutLayoutChange(batch, *loaded_, layout);
  for (const Element& element : change.add) Put(batch, element, true);
  RETURN_IF_ERROR(socket->Commit(batch), "changing table ", kTableName);
  loaded_ = layout;
  return absl::OkStatus();
}

absl::Status NftBackend::ForgetClients(uint32_t affinity_seconds,
                                       const std::function<bool(const RememberedClient&)>& keep) {
  ASSIGN_OR_RETURN(NftSocket * socket, Socket());
  const std::string map = AffinityMapName(affinity_seconds);
  std::vector<std::string> stale;
  RETURN_IF_ERROR(socket->DumpElements(
      family_, kTableName, map, [&] { stale.clear(); },
      [&](const NftElement& element) {
        const auto client = DecodeClient(element);
        if (client.has_value() && !keep(*client)) {
          stale.emplace_back(element.key);
        }
      }));
  // One by one: an entry that expired meanwhile must not keep the others.
  for (const std::string& key : stale) {
    NftBatch batch(family_, kTableName);
    batch.DeleteElement(map, {.key = key});
    const absl::Status status = socket->Commit(batch);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

absl::Status NftBackend::Cleanup() {
  loaded_.reset();
  ASSIGN_OR_RETURN(NftSocket * socket, Socket());
  NftBatch batch(family_, kTableName);
  batch.DeleteTable();
  const absl::Status status = socket->Commit(batch);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace berth::netproxy
