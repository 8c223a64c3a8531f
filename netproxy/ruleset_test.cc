// SPDX-License-Identifier: Apache-2.0
#include "netproxy/ruleset.h"

#include <random>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "netproxy/classes.h"
#include "netproxy/fake_backend.h"
#include "netproxy/frontend_elements.h"

namespace berth::netproxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Endpoint Ep(int last, bool local = false) {
  return {*IpAddress::Parse(base::StrCat("10.244.0.", last)), 8080, local};
}

Frontend Web(std::string_view ip, std::vector<Endpoint> endpoints) {
  Frontend out;
  out.key = {*IpAddress::Parse(ip), Protocol::kTcp, 80};
  out.endpoints = std::move(endpoints);
  return out;
}

Change Take(Ruleset& ruleset) {
  Consequences ignored;
  return ruleset.TakeChange(ignored);
}

TEST(KeepSlots, WhoStaysKeepsItsPlace) {
  EXPECT_THAT(KeepSlots({Ep(5), Ep(1), Ep(3)}, {Ep(1), Ep(3), Ep(5)}),
              ElementsAre(Ep(5), Ep(1), Ep(3)));
}
TEST(KeepSlots, TheLastOneFillsAGap) {
  EXPECT_THAT(KeepSlots({Ep(1), Ep(2), Ep(3), Ep(4)}, {Ep(1), Ep(3), Ep(4)}),
              ElementsAre(Ep(1), Ep(4), Ep(3)));
}
TEST(KeepSlots, ANewcomerTakesAFreedPlace) {
  EXPECT_THAT(KeepSlots({Ep(1), Ep(2), Ep(3)}, {Ep(1), Ep(3), Ep(9)}),
              ElementsAre(Ep(1), Ep(9), Ep(3)));
}
TEST(KeepSlots, DoublesCountOnce) {
  EXPECT_THAT(KeepSlots({}, {Ep(1), Ep(1)}), ElementsAre(Ep(1)));
}

TEST(Classes, HoldAtLeastAsManySlotsAsEndpointsAndAtMostTwice) {
  for (size_t n = 2; n <= kMaxEndpoints; ++n) {
    ASSERT_GE(ClassOf(n), n);
    ASSERT_LT(ClassOf(n), 2 * n);
  }
}

// The probability of slot `slot` among n endpoints, as the rules of a class draw it.
double Share(size_t n, size_t slot) {
  const double size = ClassOf(n);
  if (size <= kExactClasses) return 1 / size;
  double missed = 1, share = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    share += missed / size;
    missed *= 1 - static_cast<double>(n) / size;
  }
  if (static_cast<double>(slot) < size / 2) share += missed / (size / 2);
  return share;
}

TEST(Classes, NoEndpointsShareIsOffByOnePercent) {
  for (size_t n = 2; n <= kMaxEndpoints; ++n) {
    for (const size_t slot : {size_t{0}, n - 1}) {
      ASSERT_NEAR(Share(n, slot) * static_cast<double>(n), 1, 0.01) << n << " slot " << slot;
    }
  }
}

TEST(Ruleset, ReplacingAnEndpointOfALargeServiceChangesOneSlot) {
  Ruleset ruleset;
  std::vector<Endpoint> many;
  for (int i = 1; i <= 200; ++i) many.push_back(Ep(i));
  ruleset.Update("ns/web", {Web("10.96.0.1", many)});
  Take(ruleset);
  many[7] = Ep(250);
  ruleset.Update("ns/web", {Web("10.96.0.1", many)});
  const Change change = Take(ruleset);
  EXPECT_EQ(change.remove.size(), 1u);
  EXPECT_EQ(change.add.size(), 1u);
}

TEST(Ruleset, GrowingIntoAnotherClassMovesTheKeyAndAddsASlot) {
  Ruleset ruleset;
  ruleset.Update("ns/web", {Web("10.96.0.1", {Ep(1), Ep(2)})});
  Take(ruleset);
  ruleset.Update("ns/web", {Web("10.96.0.1", {Ep(1), Ep(2), Ep(3)})});
  const Change change = Take(ruleset);
  ASSERT_EQ(change.remove.size(), 1u);
  EXPECT_EQ(SetName(change.remove[0].kind(), change.remove[0].param()), "services-2");
  EXPECT_EQ(change.add.size(), 2u);
}

TEST(Ruleset, WhatComesBackBeforeTheSyncIsNoChange) {
  Ruleset ruleset;
  ruleset.Update("ns/web", {Web("10.96.0.1", {Ep(1)})});
  Take(ruleset);
  ruleset.Update("ns/web", {});
  ruleset.Update("ns/web", {Web("10.96.0.1", {Ep(1)})});
  EXPECT_TRUE(Take(ruleset).empty());
}

TEST(Ruleset, AnAddressStaysWhileOneOfItsPortsDoes) {
  Ruleset ruleset;
  Frontend dns = Web("10.96.0.10", {Ep(1)});
  Frontend metrics = dns;
  metrics.key.port = 9153;
  ruleset.Update("ns/dns", {dns, metrics});
  Take(ruleset);
  ruleset.Update("ns/dns", {dns});
  for (const Element& e : Take(ruleset).remove) EXPECT_NE(e.kind(), SetKind::kClusterIps);
  ruleset.Update("ns/dns", {});
  Take(ruleset);
  EXPECT_THAT(ruleset.All(), IsEmpty());
}

TEST(Ruleset, TheServiceThatSortsFirstHasAContestedFrontend) {
  Ruleset ruleset;
  ruleset.Update("ns/b", {Web("10.96.0.1", {Ep(2)})});
  ruleset.Update("ns/a", {Web("10.96.0.1", {Ep(1)})});
  const FrontendKey key = Web("10.96.0.1", {}).key;
  EXPECT_THAT(ruleset.Find(key)->endpoints, ElementsAre(Ep(1)));
  ruleset.Update("ns/a", {});
  EXPECT_THAT(ruleset.Find(key)->endpoints, ElementsAre(Ep(2)));
}

TEST(Ruleset, ALostUdpEndpointMakesStaleFlowsButALastOneDoesNot) {
  Ruleset ruleset;
  Frontend dns = Web("10.96.0.10", {Ep(1), Ep(2)});
  dns.key.protocol = Protocol::kUdp;
  ruleset.Update("ns/dns", {dns});
  Take(ruleset);
  Consequences consequences;
  dns.endpoints = {Ep(1)};
  ruleset.Update("ns/dns", {dns});
  ruleset.TakeChange(consequences);
  EXPECT_THAT(consequences.udp, ElementsAre(dns.key));
  dns.endpoints = {};
  ruleset.Update("ns/dns", {dns});
  ruleset.TakeChange(consequences);
  EXPECT_THAT(consequences.udp, IsEmpty());
  dns.endpoints = {Ep(3)};  // flows that found nobody must look again
  ruleset.Update("ns/dns", {dns});
  ruleset.TakeChange(consequences);
  EXPECT_THAT(consequences.udp, ElementsAre(dns.key));
}

// Endpoints may lie in other slots; everything else must be the same.
std::vector<std::string> WithoutOrder(const std::vector<Element>& elements) {
  std::vector<std::string> out;
  for (const Element& e : elements) {
    std::string_view key = e.key();
    if (e.kind() == SetKind::kEndpoints || e.kind() == SetKind::kLocalEndpoints) {
      // The slots in use and the endpoints in them, but not which is where.
      out.push_back(base::StrCat("slot ", key));
      key.remove_suffix(4);
    }
    out.push_back(base::StrCat(SetName(e.kind(), e.param()), " ", key, " ", e.data()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Frontend> RandomFrontends(std::mt19937& random) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<Frontend> out;
  for (int i = pick(4); i > 0; --i) {
    Frontend f;
    f.key = {*IpAddress::Parse(base::StrCat("10.96.0.", pick(6))),
             pick(2) == 0 ? Protocol::kTcp : Protocol::kUdp, static_cast<uint16_t>(80 + pick(2))};
    f.external = f.key.port == 81;
    for (int n = pick(12); n > 0; --n) f.endpoints.push_back(Ep(pick(30), pick(2) == 0));
    if (f.external && pick(2) == 0) {
      f.local_policy = true;
      for (const Endpoint& e : f.endpoints) {
        if (e.local) f.local_endpoints.push_back(e);
      }
    }
    f.drop_when_empty = f.endpoints.empty() && pick(2) == 0;
    f.affinity_seconds = pick(3) == 0 ? 10u + static_cast<uint32_t>(pick(2)) : 0;
    f.restricted = f.external && pick(3) == 0;
    if (f.restricted) f.source_ranges.push_back(*IpPrefix::Parse("192.168.0.0/16"));
    out.push_back(std::move(f));
  }
  return out;
}

TEST(Ruleset, ChangesAddUpToWhatAFreshStartWouldMake) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Ruleset ruleset;
    FakeBackend backend;
    LayoutOptions layout;
    layout.affinity_seconds = {10, 11};
    ASSERT_TRUE(backend.Replace(layout, {}).ok());
    std::map<std::string, std::vector<Frontend>> truth;
    for (int step = 0; step < 60; ++step) {
      for (unsigned n = random() % 3; n > 0; --n) {
        const std::string name = base::StrCat("ns/s", random() % 6);
        truth[name] = random() % 4 == 0 ? std::vector<Frontend>() : RandomFrontends(random);
        ruleset.Update(name, truth[name]);
      }
      const absl::Status applied = backend.Apply(layout, Take(ruleset));
      ASSERT_TRUE(applied.ok()) << "seed " << seed << " step " << step << ": " << applied;
      ASSERT_EQ(backend.elements(), ruleset.All()) << "seed " << seed << " step " << step;
    }
    Ruleset fresh;
    for (const auto& [name, frontends] : truth) fresh.Update(name, frontends);
    ASSERT_EQ(WithoutOrder(fresh.All()), WithoutOrder(ruleset.All())) << "seed " << seed;
    ASSERT_EQ(fresh.AffinitySeconds(), ruleset.AffinitySeconds());
  }
}

}  // namespace
}  // namespace berth::netproxy
