// SPDX-License-Identifier: Apache-2.0
#include "api/quantity.h"

#include <gtest/gtest.h>

#include <random>

#include "api/quantity_list.h"
#include "base/status.h"

namespace berth::api {
namespace {

struct Case {
  std::string_view in;
  std::string_view out;
};

TEST(Quantity, CanonicalFormKeepsTheFamilyAndHasNoFraction) {
  const Case cases[] = {
      {"0", "0"},
      {"0m", "0"},
      {"0Ki", "0"},
      {"-0", "0"},
      {"00100m", "100m"},
      {"100m", "100m"},
      {"1024Mi", "1Gi"},
      {"1500m", "1500m"},
      {"1.5", "1500m"},
      {"0.1", "100m"},
      {".5", "500m"},
      {"1.G", "1G"},
      {"1000k", "1M"},
      {"1000m", "1"},
      {"1e3", "1e3"},
      {"1E3", "1e3"},
      {"1e+3", "1e3"},
      {"12e6", "12e6"},
      {"1e4", "10e3"},
      {"1e-3", "1e-3"},
      {"100e-5", "1e-3"},
      {"1.5e3", "1500"},
      {"1.5Gi", "1536Mi"},
      {"1.1Mi", "1153433600m"},
      {"0.5Ki", "512"},
      {"0.5Mi", "512Ki"},
      {"1023", "1023"},
      {"1024", "1024"},
      {"1023Ki", "1023Ki"},
      {"1Ki", "1Ki"},
      {"0.0009765625Ki", "1"},
      {"2048Ki", "2Mi"},
      {"123E", "123E"},
      {"1000E", "1000E"},
      {"1e21", "1e21"},
      {"9Ei", "9223372036854775807"},
      {"-9Ei", "-9223372036854775807"},
      {"7Ei", "7Ei"},
      {"100000000000000000000Ki", "9223372036854775807"},
      {"0.0000000001", "1n"},
      {"1.0000000001", "1000000001n"},
      {"-0.0000000001", "-1n"},
      {"0.00000000000000000001Ki", "1n"},
      {"1u", "1u"},
      {"1000n", "1u"},
      {"+1", "1"},
      {"-1500m", "-1500m"},
      {"-2Gi", "-2Gi"},
      {"5Ti", "5Ti"},
      {"3P", "3P"},
      {"10M", "10M"},
      {"1100k", "1100k"},
      {"999999999999999999999", "999999999999999999999"},
      {"16323552Ki", "16323552Ki"},
      {"100", "100"},
      {"10", "10"},
      {"1000", "1k"},
      {"12000000", "12M"},
  };
  for (const auto& [in, out] : cases) {
    const auto text = CanonicalQuantity(in);
    ASSERT_TRUE(text.ok()) << in << ": " << text.status();
    EXPECT_EQ(*text, out) << "of " << in;
  }
}

TEST(Quantity, WhatIsNoQuantityIsRefusedWithUpstreamsText) {
  const std::string format =
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  for (const std::string_view text :
       {"", "1.1.M", "1+1.0M", "aoeu", "1a", "1 Gi", "1Gi ", " 1", "1G i"}) {
    const auto amount = ParseQuantity(text);
    ASSERT_FALSE(amount.ok()) << text;
    EXPECT_EQ(base::Message(amount.status()), format) << text;
  }
  for (const std::string_view text : {"1i", "--1", "0.1mi-", "1K", "1ki", "1mi", "1e", "1e1e",
                                      "1G3", "1Mi1", "1kk", "3.01i", "1e99999999999"}) {
    const auto amount = ParseQuantity(text);
    ASSERT_FALSE(amount.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(amount.status()));
  }
}

Amount Q(std::string_view text) {
  const auto amount = ParseQuantity(text);
  EXPECT_TRUE(amount.ok()) << text;
  return amount.ok() ? *amount : Amount();
}

TEST(Quantity, ValueRoundsAwayFromZeroAndSaturates) {
  EXPECT_EQ(Q("1m").Value(), 1);
  EXPECT_EQ(Q("1001m").Value(), 2);
  EXPECT_EQ(Q("-1001m").Value(), -2);
  EXPECT_EQ(Q("1Gi").Value(), 1073741824);
  EXPECT_EQ(Q("1n").MilliValue(), 1);
  EXPECT_EQ(Q("2").MilliValue(), 2000);
  EXPECT_EQ(Q("0.25").MilliValue(), 250);
  EXPECT_EQ(Q("100E").Value(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Q("-100E").Value(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Q("1e900").Value(), std::numeric_limits<int64_t>::max());
  EXPECT_DOUBLE_EQ(Q("1500m").ToDouble(), 1.5);
}

TEST(Quantity, ComparesByValueAcrossFormats) {
  EXPECT_EQ(Q("1Gi"), Q("1073741824"));
  EXPECT_EQ(Q("1"), Q("1000m"));
  EXPECT_EQ(Q("1e3"), Q("1k"));
  EXPECT_LT(Q("1G"), Q("1Gi"));
  EXPECT_LT(Q("-2"), Q("-1"));
  EXPECT_LT(Q("-1"), Q("0"));
  EXPECT_LT(Q("1n"), Q("1e50"));
  EXPECT_GT(Q("1e51"), Q("9e50"));
  EXPECT_GT(Q("-1e50"), Q("-1e51"));
  EXPECT_LT(Q("999m"), Q("1"));
}

TEST(Quantity, SumsKeepTheFormatOfTheFirstThatIsNotZero) {
  EXPECT_EQ((Q("1Gi") + Q("1Gi")).ToString(), "2Gi");
  EXPECT_EQ((Q("0") + Q("1Gi")).ToString(), "1Gi");
  EXPECT_EQ((Q("1Gi") + Q("1")).ToString(), "1073741825");
  EXPECT_EQ((Q("100m") + Q("1")).ToString(), "1100m");
  EXPECT_EQ((Q("1") - Q("250m")).ToString(), "750m");
  EXPECT_EQ((Q("1") - Q("1")).ToString(), "0");
  EXPECT_EQ((Q("1") - Q("2")).ToString(), "-1");
  EXPECT_EQ((Q("4Gi") - Q("512Mi")).ToString(), "3584Mi");
  EXPECT_EQ((Q("1e60") + Q("1n")).ToString(), "1e60");
}

TEST(Quantity, ListsAddRaiseAndFit) {
  ResourceList total;
  Add({{"cpu", Q("500m")}, {"memory", Q("1Gi")}}, total);
  Add({{"cpu", Q("1")}}, total);
  EXPECT_EQ(AmountIn(total, "cpu").ToString(), "1500m");
  EXPECT_EQ(AmountIn(total, "memory").ToString(), "1Gi");
  EXPECT_TRUE(AmountIn(total, "pods").IsZero());
  RaiseTo({{"cpu", Q("1")}, {"memory", Q("2Gi")}, {"pods", Q("3")}}, total);
  EXPECT_EQ(AmountIn(total, "cpu").ToString(), "1500m");
  EXPECT_EQ(AmountIn(total, "memory").ToString(), "2Gi");
  EXPECT_EQ(AmountIn(total, "pods").ToString(), "3");
  EXPECT_TRUE(Fits({{"cpu", Q("1500m")}, {"gpu", Q("0")}}, total));
  EXPECT_EQ(Shortages({{"cpu", Q("1501m")}, {"gpu", Q("1")}, {"pods", Q("3")}}, total),
            (std::vector<std::string>{"cpu", "gpu"}));
  Subtract({{"cpu", Q("2")}}, total);
  EXPECT_EQ(AmountIn(total, "cpu").ToString(), "-500m");
}

// Whatever the text: no crash, and the canonical form of a canonical form is itself, with the
// same value.
TEST(Quantity, MutatedTextsParseToStableCanonicalForms) {
  std::mt19937 random(20240601);
  const std::string_view alphabet = "0123456789.+-eEinumkKMGTP";
  int good = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    const size_t length = random() % 12;
    for (size_t j = 0; j < length; ++j) text.push_back(alphabet[random() % (j < 6 ? 12 : 25)]);
    const auto amount = ParseQuantity(text);
    if (!amount.ok()) continue;
    ++good;
    const std::string canonical = amount->ToString();
    const auto again = ParseQuantity(canonical);
    ASSERT_TRUE(again.ok()) << text << " -> " << canonical;
    ASSERT_EQ(*again, *amount) << text << " -> " << canonical;
    ASSERT_EQ(again->ToString(), canonical) << text;
    ASSERT_TRUE((*amount - *again).IsZero());
  }
  EXPECT_GT(good, 1000);
}

}  // namespace
}  // namespace berth::api
