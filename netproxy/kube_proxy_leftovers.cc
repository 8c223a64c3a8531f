// SPDX-License-Identifier: Apache-2.0
#include "netproxy/kube_proxy_leftovers.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "kernel/nft_socket.h"
#include "kernel/run_program.h"

namespace berth::netproxy {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);  // iptables-restore is slow with many rules

constexpr std::array<std::string_view, 9> kChains = {
    "KUBE-SERVICES",     "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS",
    "KUBE-POSTROUTING",  "KUBE-MARK-MASQ",         "KUBE-FORWARD",
    "KUBE-PROXY-CANARY", "KUBE-PROXY-FIREWALL",    "KUBE-LOAD-BALANCER"};
constexpr std::array<std::string_view, 5> kPrefixes = {"KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-",
                                                       "KUBE-EXT-", "KUBE-FW-"};

bool IsKubeProxys(std::string_view chain) {
  return std::find(kChains.begin(), kChains.end(), chain) != kChains.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return chain.starts_with(prefix); });
}

// "-A INPUT -m comment --comment x -j KUBE-SERVICES": the chain, and where it leads.
std::pair<std::string_view, std::string_view> ChainAndTarget(std::string_view rule) {
  const std::string_view rest = rule.substr(3);
  std::string_view target;
  for (const std::string_view how : {" -j ", " -g "}) {
    const size_t at = rest.rfind(how);
    if (at != rest.npos) target = base::SplitOnce(rest.substr(at + how.size()), ' ').first;
  }
  return {base::SplitOnce(rest, ' ').first, target};
}

// Has this family's iptables a nat table with kube-proxy's entry chain? Of iptables over nf_tables
// the kernel tells; of the older ones only that there are tables.
bool MayHaveChains(kernel::NftFamily family) {
  std::ifstream names(family == kernel::NftFamily::kIp6 ? "/proc/net/ip6_tables_names"
                                                        : "/proc/net/ip_tables_names");
  if (names.peek() != std::ifstream::traits_type::eof()) return true;
  auto socket = kernel::NftSocket::Open();
  if (!socket.ok()) return true;
  const auto chains = socket->ListChains(family, "nat");
  return !chains.ok() ||
         std::find(chains->begin(), chains->end(), "KUBE-SERVICES") != chains->end();
}

absl::Status RemoveFrom(const std::string& iptables) {
  auto saved = kernel::RunProgram(iptables + "-save", {}, "", kPatience);
  if (absl::IsNotFound(saved.status())) return absl::OkStatus();
  if (!saved.ok()) return saved.status();
  const std::string removal = ChainsRemoval(*saved);
  if (removal.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(
      kernel::RunProgram(iptables + "-restore", {"--noflush"}, removal, kPatience).status(),
      "removing kube-proxy's chains");
  BERTH_INFO("kube-proxy's chains are removed", {"from", iptables});
  return absl::OkStatus();
}

}  // namespace

std::string ChainsRemoval(std::string_view saved) {
  std::string out;
  std::string_view table;
  std::vector<std::string_view> chains;
  std::string leading;  // rules of others that lead to one of them
  for (const std::string_view line : base::Split(saved, '\n')) {
    if (line.starts_with("*")) {
      table = line;
    } else if (line.starts_with(":")) {
      const std::string_view chain = base::SplitOnce(line.substr(1), ' ').first;
      if (IsKubeProxys(chain)) chains.push_back(chain);
    } else if (line.starts_with("-A ")) {
      const auto [chain, target] = ChainAndTarget(line);
      if (IsKubeProxys(target) && !IsKubeProxys(chain)) {
        base::StrAppend(leading, "-D", line.substr(2), "\n");
      }
    } else if (line == "COMMIT") {
      if (!chains.empty()) {
        base::StrAppend(out, table, "\n");
        for (const std::string_view chain : chains) base::StrAppend(out, ":", chain, " - [0:0]\n");
        out += leading;
        for (const std::string_view chain : chains) base::StrAppend(out, "-X ", chain, "\n");
        out += "COMMIT\n";
      }
      chains.clear();
      leading.clear();
    }
  }
  return out;
}

absl::Status RemoveKubeProxyChains() {
  absl::Status out;
  if (MayHaveChains(kernel::NftFamily::kIp4)) out.Update(RemoveFrom("iptables"));
  if (MayHaveChains(kernel::NftFamily::kIp6)) out.Update(RemoveFrom("ip6tables"));
  return out;
}

}  // namespace berth::netproxy
