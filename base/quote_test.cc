// SPDX-License-Identifier: Apache-2.0
#include "base/quote.h"

#include <gtest/gtest.h>

namespace berth::base {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string Go(std::string_view text) {
  std::string out;
  AppendGoQuoted(out, text);
  return out;
}

TEST(Quote, JsonIsWhatGosEncoderWrites) {
  EXPECT_EQ(Json("a\"b\\c\n\r\t\b\f\x01\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\x7f\"");
  EXPECT_EQ(Json("<a&b>"), R"("\u003ca\u0026b\u003e")");
  EXPECT_EQ(Json("größe\u2028\xff"), R"("größe\u2028\ufffd")");
  EXPECT_EQ(Json(""), "\"\"");
}

TEST(Quote, GosVerbQKeepsWhatIsPrintable) {
  EXPECT_EQ(Go("a\"b\\c\n\r\t\b\f\a\v"), R"("a\"b\\c\n\r\t\b\f\a\v")");
  EXPECT_EQ(Go("<größe>\x01\x7f\xff"), R"("<größe>\x01\x7f\xff")");
}

}  // namespace
}  // namespace berth::base
