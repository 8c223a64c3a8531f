// SPDX-License-Identifier: Apache-2.0
#include "netproxy/layout.h"

#include <cstdio>

#include "base/strings.h"
#include "kernel/nft_typeof.h"
#include "netproxy/classes.h"

namespace berth::netproxy {
namespace {

using kernel::HostU32;
using kernel::NftBase;
using kernel::NftCompare;
using kernel::NftDynamic;
using kernel::NftFamily;
using kernel::NftHook;
using kernel::NftReject;
using kernel::NftRule;
using kernel::NftType;
using kernel::NftTypeof;

constexpr int kDstNat = -100;  // the priorities that nft calls dstnat and srcnat
constexpr int kSrcNat = 100;
constexpr uint32_t kMaxAffinityEntries = 262'144;
constexpr uint32_t kRouteLocal = 2;   // RTN_LOCAL
constexpr uint32_t kStateNew = 8;     // the kernel's bit for a new connection
constexpr uint32_t kStatusDnat = 32;  // IPS_DST_NAT
constexpr int kResult = 10;           // the register where a drawn endpoint lands

// Rules of one family. A key takes registers 0 on: address, protocol, port, and then a slot or the
// client's address.
class Builder {
 public:
  explicit Builder(const LayoutOptions& options)
      : options_(options), six_(options.family == NftFamily::kIp6) {}

  Layout Build() {
    Sets();
    BaseChains();
    Traffic();
    Pool(false);
    Pool(true);
    Checks();
    Remember();
    Masquerading();
    Chain(FingerprintChain(options_));
    return std::move(out_);
  }

 private:
  int words() const { return six_ ? 4 : 1; }
  uint32_t address_length() const { return six_ ? 16 : 4; }
  NftType address_type() const { return six_ ? NftType::kIp6 : NftType::kIp4; }
  int slot_register() const { return words() + 2; }

  void Chain(std::string name) { out_.chains.push_back({std::move(name)}); }
  void Add(std::string_view chain, NftRule rule) {
    out_.rules.emplace_back(chain, std::move(rule));
  }
  NftRule& Source(NftRule& rule, int to) {
    return rule.Payload(NftBase::kNetwork, six_ ? 8 : 12, address_length(), to);
  }
  NftRule& Destination(NftRule& rule, int to) {
    return rule.Payload(NftBase::kNetwork, six_ ? 24 : 16, address_length(), to);
  }
  NftRule& Key(NftRule& rule) {
    Destination(rule, 0);
    return rule.L4Proto(words()).Payload(NftBase::kTransport, 2, 2, words() + 1);
  }
  NftRule KeyIn(SetKind kind, uint32_t param = 0) {
    NftRule rule;
    Key(rule).Lookup(SetName(kind, param), 0);
    return rule;
  }
  NftRule DestinationIn(SetKind kind) {
    NftRule rule;
    Destination(rule, 0).Lookup(SetName(kind, 0), 0);
    return rule;
  }
  void MatchPrefix(NftRule& rule, const kernel::IpPrefix& prefix, NftCompare how) {
    rule.Bitwise(0, prefix.Mask(), std::string(address_length(), '\0'))
        .Compare(0, how, prefix.address.bytes());
  }

  void Set(SetKind kind, uint32_t param, std::vector<NftType> key, std::vector<NftType> data = {}) {
    out_.sets.push_back(
        {.name = SetName(kind, param), .key = std::move(key), .data = std::move(data)});
  }

  void Sets() {
    using enum NftTypeof;
    const NftType ip = address_type();
    const std::vector<NftType> key = {ip, NftType::kProtocol, NftType::kPort};
    for (const uint32_t size : kClasses) Set(SetKind::kClass, size, key);
    for (const uint32_t size : kClasses) Set(SetKind::kLocalClass, size, key);
    for (const SetKind kind : {SetKind::kEndpoints, SetKind::kLocalEndpoints}) {
      Set(kind, 0, {ip, NftType::kProtocol, NftType::kPort, NftType::kInteger},
          {ip, NftType::kPort});
      out_.sets.back().userdata =
          NftTypeofUserdata(options_.family, {kDestination, kL4Proto, kDestinationPort, kRandom},
                            {kDestination, kDestinationPort});
    }
    Set(SetKind::kClusterIps, 0, {ip});
    Set(SetKind::kExternalIps, 0, {ip});
    for (const SetKind kind :
         {SetKind::kExternalCluster, SetKind::kExternalLocal, SetKind::kNoEndpoints,
          SetKind::kNoLocalEndpoints, SetKind::kFirewall}) {
      Set(kind, 0, key);
    }
    Set(SetKind::kHairpin, 0, {ip, ip});
    Set(SetKind::kFirewallSources, 0, {ip, NftType::kProtocol, NftType::kPort, ip});
    out_.sets.back().intervals = true;
    for (const uint32_t seconds : options_.affinity_seconds) {
      Set(SetKind::kAffinityServices, seconds, key);
      out_.sets.push_back({.name = AffinityMapName(seconds),
                           .key = {ip, NftType::kProtocol, NftType::kPort, ip},
                           .data = {ip, NftType::kPort},
                           .dynamic = true,
                           .timeout = absl::Seconds(seconds),
                           .max_elements = kMaxAffinityEntries});
      out_.sets.back().userdata =
          NftTypeofUserdata(options_.family, {kDestination, kL4Proto, kDestinationPort, kSource},
                            {kDestination, kDestinationPort});
    }
  }

  void Base(std::string name, std::string type, NftHook hook, int priority) {
    out_.chains.push_back({std::move(name), std::move(type), hook, priority});
  }

  void BaseChains() {
    Base("filter-prerouting", "filter", NftHook::kPrerouting, kDstNat - 10);
    Base("filter-input", "filter", NftHook::kInput, kDstNat - 10);
    Base("filter-forward", "filter", NftHook::kForward, kDstNat - 10);
    Base("filter-output", "filter", NftHook::kOutput, kDstNat - 10);
    Base("filter-output-post-dnat", "filter", NftHook::kOutput, kDstNat + 10);
    Base("nat-prerouting", "nat", NftHook::kPrerouting, kDstNat);
    Base("nat-output", "nat", NftHook::kOutput, kDstNat);
    Base("nat-postrouting", "nat", NftHook::kPostrouting, kSrcNat);
    for (const char* name : {"cluster-traffic", "external-traffic", "external-cluster-traffic",
                             "external-local-traffic", "endpoint-check", "firewall-check", "refuse",
                             "mark-for-masquerade", "masquerade-marked"}) {
      Chain(name);
    }
  }

  // Which of a service's policies a new connection falls under.
  void Traffic() {
    for (const char* hook : {"nat-prerouting", "nat-output"}) {
      Add(hook, DestinationIn(SetKind::kClusterIps).Goto("cluster-traffic"));
      Add(hook, DestinationIn(SetKind::kExternalIps).Goto("external-traffic"));
    }
    MasqueradeOffCluster();
    Add("cluster-traffic", NftRule().Goto("pick"));

    Add("external-traffic", KeyIn(SetKind::kExternalCluster).Goto("external-cluster-traffic"));
    Add("external-traffic", KeyIn(SetKind::kExternalLocal).Goto("external-local-traffic"));
    Add("external-cluster-traffic", NftRule().Jump("mark-for-masquerade"));
    Add("external-cluster-traffic", NftRule().Goto("pick"));

    // Pods and processes of this node reach any endpoint also where outsiders get local ones only.
    for (const auto& cidr : options_.cluster_cidrs) {
      NftRule rule;
      Source(rule, 0);
      MatchPrefix(rule, cidr, NftCompare::kEqual);
      Add("external-local-traffic", rule.Goto("pick"));
    }
    for (const bool then : {false, true}) {
      NftRule rule;
      rule.FibAddressType(/*of_source=*/true, 0)
          .Compare(0, NftCompare::kEqual, HostU32(kRouteLocal));
      Add("external-local-traffic", then ? rule.Goto("pick") : rule.Jump("mark-for-masquerade"));
    }
    Add("external-local-traffic", NftRule().Goto("local-pick"));
  }

  void MasqueradeOffCluster() {
    if (options_.cluster_cidrs.empty() && !options_.masquerade_all) return;
    NftRule rule;
    if (!options_.masquerade_all) {
      for (const auto& cidr : options_.cluster_cidrs) {
        Source(rule, 0);
        MatchPrefix(rule, cidr, NftCompare::kNotEqual);
      }
    }
    Add("cluster-traffic", rule.Jump("mark-for-masquerade"));
  }

  // One draw: the endpoint in a slot at random. A slot that is empty ends the rule, and the next
  // one draws again.
  NftRule Draw(bool local, uint32_t modulus) {
    NftRule rule;
    Key(rule).Random(modulus, slot_register());
    rule.LookupTo(SetName(local ? SetKind::kLocalEndpoints : SetKind::kEndpoints, 0), 0, kResult);
    return rule.DestinationNat(options_.family, kResult, kResult + words());
  }

  // The chains that find a service's class and draw from it: `prefix` and `prefix`-1, -2, ...
  void Classes(bool local, const std::string& prefix) {
    const std::string last = base::StrCat(prefix, "-1");
    for (const uint32_t size : kClasses) {
      const std::string chain = base::StrCat(prefix, "-", size);
      Chain(chain);
      Add(prefix, KeyIn(local ? SetKind::kLocalClass : SetKind::kClass, size).Goto(chain));
      const bool exact = size <= kExactClasses;
      for (int draw = 0; draw < (exact ? 1 : kDraws); ++draw) Add(chain, Draw(local, size));
      if (!exact) Add(chain, Draw(local, size / 2));
      // Reached when a service shrinks between two lookups of one packet.
      Add(chain, NftRule().Goto(last));
    }
    Chain(last);
    Add(prefix, NftRule().Goto(last));
    Add(last, Draw(local, 1));
  }

  void Pool(bool local) {
    const std::string prefix = local ? "local-pick" : "pick";
    Chain(prefix);
    for (const uint32_t seconds : options_.affinity_seconds) {
      // A client that is known goes where it went; the map has no other keys than clients of
      // services with this timeout.
      NftRule known = KeyIn(SetKind::kAffinityServices, seconds);
      Source(known, slot_register()).LookupTo(AffinityMapName(seconds), 0, kResult);
      Add(prefix, known.DestinationNat(options_.family, kResult, kResult + words()));
    }
    Classes(local, prefix);
  }

  // Clients are remembered where the draw is over and the packet goes to its endpoint. (While an
  // endpoint is drawn it could be done in one rule, but nft 1.0.6 aborts when it lists a map's
  // result that goes into another map.)
  void Remember() {
    Base("filter-postrouting", "filter", NftHook::kPostrouting, kSrcNat - 10);
    Chain("remember-clients");
    if (options_.affinity_seconds.empty()) return;
    for (const char* hook : {"filter-postrouting", "filter-input"}) {
      NftRule rule = WhenNew();
      rule.CtStatus(0)
          .Bitwise(0, HostU32(kStatusDnat), HostU32(0))
          .Compare(0, NftCompare::kNotEqual, HostU32(0));
      Add(hook, rule.Jump("remember-clients"));
    }
    for (const uint32_t seconds : options_.affinity_seconds) {
      NftRule rule;
      rule.CtOriginalDestination(options_.family, 0).L4Proto(words()).CtOriginalPort(words() + 1);
      rule.Lookup(SetName(SetKind::kAffinityServices, seconds), 0);
      rule.CtOriginalDestination(options_.family, 0).L4Proto(words()).CtOriginalPort(words() + 1);
      Source(rule, slot_register());
      Destination(rule, kResult).Payload(NftBase::kTransport, 2, 2, kResult + words());
      Add("remember-clients", rule.Dynamic(NftDynamic::kUpdate, AffinityMapName(seconds), 0,
                                           kResult, absl::Seconds(seconds)));
    }
  }

  NftRule WhenNew() {
    NftRule rule;
    rule.CtState(0)
        .Bitwise(0, HostU32(kStateNew), HostU32(0))
        .Compare(0, NftCompare::kNotEqual, HostU32(0));
    return rule;
  }

  void Checks() {
    for (const char* hook : {"filter-prerouting", "filter-output"}) {
      Add(hook, WhenNew().Jump("firewall-check"));
    }
    for (const char* hook : {"filter-input", "filter-forward", "filter-output-post-dnat"}) {
      Add(hook, WhenNew().Jump("endpoint-check"));
    }
    NftRule firewall = KeyIn(SetKind::kFirewall);
    Source(firewall, slot_register()).Lookup(SetName(SetKind::kFirewallSources, 0), 0, true);
    Add("firewall-check", firewall.Drop());

    Add("endpoint-check", KeyIn(SetKind::kNoEndpoints).Goto("refuse"));
    Add("endpoint-check", KeyIn(SetKind::kNoLocalEndpoints).Drop());
    Add("endpoint-check", DestinationIn(SetKind::kClusterIps).Goto("refuse"));
    for (const auto& cidr : options_.service_cidrs) {
      NftRule rule;
      Destination(rule, 0);
      MatchPrefix(rule, cidr, NftCompare::kEqual);
      Add("endpoint-check", rule.Drop());
    }
    // A reset reaches every client; ICMP is limited in rate by the kernel.
    NftRule tcp;
    tcp.L4Proto(0).Compare(0, NftCompare::kEqual, "\x06");
    Add("refuse", tcp.Reject(NftReject::kTcpReset, options_.family));
    Add("refuse", NftRule().Reject(NftReject::kPortUnreachable, options_.family));
  }

  void Masquerading() {
    const uint32_t bit = 1U << options_.masquerade_bit;
    Add("mark-for-masquerade",
        NftRule().Mark(0).Bitwise(0, HostU32(~bit), HostU32(bit)).SetMark(0));
    Add("masquerade-marked", NftRule().Mark(0).Bitwise(0, HostU32(~0U), HostU32(bit)).SetMark(0));
    Add("masquerade-marked", NftRule().Masquerade());

    NftRule marked;
    marked.Mark(0)
        .Bitwise(0, HostU32(bit), HostU32(0))
        .Compare(0, NftCompare::kEqual, HostU32(bit));
    Add("nat-postrouting", marked.Goto("masquerade-marked"));
    // An endpoint that reaches itself through its service must see an answer's way back.
    NftRule hairpin;
    hairpin.CtStatus(0)
        .Bitwise(0, HostU32(kStatusDnat), HostU32(0))
        .Compare(0, NftCompare::kNotEqual, HostU32(0));
    Source(hairpin, 0);
    Destination(hairpin, words()).Lookup(SetName(SetKind::kHairpin, 0), 0);
    Add("nat-postrouting", hairpin.Masquerade());
    if (options_.cluster_cidrs.empty()) return;
    for (const auto& cidr : options_.pod_cidrs) MasqueradeLeaving(cidr);
  }

  void MasqueradeLeaving(const kernel::IpPrefix& pods) {
    NftRule rule;
    Source(rule, 0);
    MatchPrefix(rule, pods, NftCompare::kEqual);
    for (const auto& cidr : options_.cluster_cidrs) {
      Destination(rule, 0);
      MatchPrefix(rule, cidr, NftCompare::kNotEqual);
    }
    const auto multicast = kernel::IpPrefix::Parse(six_ ? "ff00::/8" : "224.0.0.0/4");
    Destination(rule, 0);
    MatchPrefix(rule, *multicast, NftCompare::kNotEqual);
    Add("nat-postrouting", rule.Masquerade());
  }

  const LayoutOptions& options_;
  const bool six_;
  Layout out_;
};

}  // namespace

Layout BuildLayout(const LayoutOptions& options) { return Builder(options).Build(); }

std::string SetName(SetKind kind, uint32_t param) {
  switch (kind) {
    case SetKind::kClass:
      return base::StrCat("services-", param);
    case SetKind::kLocalClass:
      return base::StrCat("local-services-", param);
    case SetKind::kEndpoints:
      return "endpoints";
    case SetKind::kLocalEndpoints:
      return "local-endpoints";
    case SetKind::kClusterIps:
      return "cluster-ips";
    case SetKind::kExternalIps:
      return "external-ips";
    case SetKind::kExternalCluster:
      return "external-cluster";
    case SetKind::kExternalLocal:
      return "external-local";
    case SetKind::kNoEndpoints:
      return "no-endpoints";
    case SetKind::kNoLocalEndpoints:
      return "no-local-endpoints";
    case SetKind::kHairpin:
      return "hairpin";
    case SetKind::kFirewall:
      return "firewall";
    case SetKind::kFirewallSources:
      return "firewall-sources";
    case SetKind::kAffinityServices:
      return base::StrCat("affinity-services-", param);
  }
  return "";
}

std::string AffinityMapName(uint32_t seconds) { return base::StrCat("affinity-", seconds); }

std::string LayoutOptions::Fingerprint() const {
  LayoutOptions plain = *this;
  plain.affinity_seconds.clear();
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a, which is the same in every build
  const auto mix = [&](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  };
  for (const auto& cidrs : {plain.cluster_cidrs, plain.service_cidrs, plain.pod_cidrs}) {
    for (const auto& cidr : cidrs) mix(cidr.ToString() + ",");
    mix(";");
  }
  // The number goes up with every change of the rules above, so that an old table is replaced.
  mix(base::StrCat("layout 1 ", plain.masquerade_all, " ", plain.masquerade_bit));
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string FingerprintChain(const LayoutOptions& options) {
  return base::StrCat("layout-", options.Fingerprint());
}

}  // namespace berth::netproxy
