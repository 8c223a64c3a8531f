// SPDX-License-Identifier: Apache-2.0
#include "api/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"

namespace berth::api {
namespace {

using Labels = std::map<std::string, std::string>;
using testing::HasSubstr;

LabelSelector L(std::string_view text) {
  auto selector = LabelSelector::Parse(text);
  EXPECT_TRUE(selector.ok()) << text << ": " << selector.status();
  return selector.ok() ? *std::move(selector) : LabelSelector();
}

TEST(LabelSelector, MatchesWhatTheTextSays) {
  const Labels labels = {{"app", "web"}, {"tier", "front"}, {"n", "5"}, {"empty", ""}};
  for (const std::string_view text : {"",
                                      "app=web",
                                      "app==web",
                                      "app = web , tier=front",
                                      "app!=db",
                                      "other!=x",
                                      "app in (web,db)",
                                      "app in (web)",
                                      "app notin (db)",
                                      "other notin (x)",
                                      "app",
                                      "!other",
                                      "n>4",
                                      "n<6",
                                      "empty=",
                                      "empty in (,x)",
                                      "app in (web,)",
                                      "in!=x",
                                      "!in",
                                      "app,tier,!x"}) {
    EXPECT_TRUE(L(text).Matches(labels)) << text;
  }
  for (const std::string_view text :
       {"app=db", "app!=web", "app in (db)", "app notin (web,db)", "!app", "other", "n>5", "n<5",
        "app>1", "other>1", "empty=x", "app=web,tier=back", "other=", "other in (,a)"}) {
    EXPECT_FALSE(L(text).Matches(labels)) << text;
  }
}

TEST(LabelSelector, TextFormIsSortedAndParsesBack) {
  EXPECT_EQ(L("z,b!=c,a in (y,x),!q,n>3,m<4,k notin (2,1)").ToString(),
            "a in (x,y),b!=c,k notin (1,2),m<4,n>3,!q,z");
  EXPECT_EQ(L("a in (x)").ToString(), "a=x");
  EXPECT_EQ(L(L("z,b!=c,a in (y,x),!q").ToString()).ToString(), "a in (x,y),b!=c,!q,z");
}

TEST(LabelSelector, BadTextsSayWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"=a", "found '=', expected: !, identifier, or 'end of string'"},
      {"a,", "found '', expected: identifier after ','"},
      {"a=b c", "found 'c', expected: ',' or 'end of string'"},
      {"a in b", "found 'b' expected: '('"},
      {"a in (b", "found '', expected: ',' or ')'"},
      {"a in ()", "for 'in', 'notin' operators, values set can't be empty"},
      {"a>x", "for 'Gt', 'Lt' operators, the value must be an integer"},
      {"-a=b", "name part must consist of alphanumeric characters"},
      {"a/b/c=d", "a qualified name must consist of"},
      {"UP/b=d", "prefix part a lowercase RFC 1123 subdomain"},
      {"a=-b", "a valid label must be an empty string or consist of"},
      {"!", "found '', expected: identifier"},
      {"a=(", "found '(', expected: identifier"},
  };
  for (const auto& [text, error] : cases) {
    const auto selector = LabelSelector::Parse(text);
    ASSERT_FALSE(selector.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(selector.status()));
    EXPECT_THAT(std::string(base::Message(selector.status())), HasSubstr(std::string(error)));
  }
}

TEST(LabelSelector, MessageAndMapFormsMatch) {
  meta::v1::LabelSelector message;
  (*message.mutable_match_labels())["app"] = "web";
  auto* expression = message.add_match_expressions();
  expression->set_key("tier");
  expression->set_operator_("NotIn");
  expression->add_values("back");
  auto selector = LabelSelector::Of(message);
  ASSERT_TRUE(selector.ok()) << selector.status();
  EXPECT_EQ(selector->ToString(), "app=web,tier!=back");
  EXPECT_TRUE(selector->Matches(Labels{{"app", "web"}}));
  EXPECT_FALSE(selector->Matches(Labels{{"app", "web"}, {"tier", "back"}}));
  EXPECT_TRUE(LabelSelector::OfLabels(message.match_labels()).Matches(Labels{{"app", "web"}}));

  core::v1::Pod pod;
  (*pod.mutable_metadata()->mutable_labels())["app"] = "web";
  EXPECT_TRUE(selector->Matches(pod));
  EXPECT_TRUE(selector->Matches(pod.metadata().labels()));
  EXPECT_FALSE(selector->Matches(core::v1::Pod()));

  EXPECT_TRUE(LabelSelector::Of(meta::v1::LabelSelector())->MatchesEverything());
  EXPECT_FALSE(LabelSelector::Nothing().Matches(Labels{}));
  EXPECT_FALSE(LabelSelector::Nothing().MatchesEverything());

  expression->set_operator_("Near");
  EXPECT_EQ(base::Message(LabelSelector::Of(message).status()),
            "\"Near\" is not a valid label selector operator");
  expression->set_operator_("Exists");
  EXPECT_FALSE(LabelSelector::Of(message).ok());
}

constexpr std::string_view kPodFields[] = {"metadata.name", "spec.nodeName", "status.phase",
                                           "spec.hostNetwork", "status.podIP"};

TEST(FieldSelector, MatchesFieldsByTheirJsonPaths) {
  core::v1::Pod pod;
  pod.mutable_metadata()->set_name("web");
  pod.mutable_spec()->set_node_name("a=1,b");
  pod.mutable_status()->set_pod_ip("10.0.0.1");
  const std::pair<std::string_view, bool> cases[] = {
      {"", true},
      {"metadata.name=web", true},
      {"metadata.name==web", true},
      {"metadata.name!=web", false},
      {"metadata.name=web,status.podIP=10.0.0.1", true},
      {"metadata.name=web,status.podIP=10.0.0.2", false},
      {"spec.nodeName=a\\=1\\,b", true},
      {"spec.nodeName=", false},
      {"status.phase=", true},
      {"status.phase!=Running", true},
      {"spec.hostNetwork=false", true},
      {"spec.hostNetwork=true", false},
  };
  for (const auto& [text, match] : cases) {
    const auto selector = FieldSelector::Parse(text, kPodFields);
    ASSERT_TRUE(selector.ok()) << selector.status();
    EXPECT_EQ(selector->Matches(pod), match) << text;
  }
  const auto selector = FieldSelector::Parse("metadata.name=web,spec.nodeName!=a\\,b", kPodFields);
  EXPECT_EQ(selector->Required("metadata.name"), "web");
  EXPECT_EQ(selector->Required("spec.nodeName"), std::nullopt);
  EXPECT_EQ(selector->ToString(), "metadata.name=web,spec.nodeName!=a\\,b");
}

TEST(FieldSelector, RefusesUnknownFieldsAndBadTexts) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"spec.foo=x", "field label not supported: spec.foo"},
      {"metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
      {"metadata.name=a\\b", "invalid field selector: invalid escape sequence: \\b"},
      {"metadata.name=a=b", "invalid field selector: unescaped character in value: ="},
  };
  for (const auto& [text, error] : cases) {
    const auto selector = FieldSelector::Parse(text, kPodFields);
    ASSERT_FALSE(selector.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(selector.status()));
    EXPECT_EQ(base::Message(selector.status()), error);
  }
}

TEST(FieldSelector, FieldTextGoesThroughInlinedMembersAndNoFurther) {
  core::v1::Pod pod;
  EXPECT_EQ(FieldText(pod, "spec.terminationGracePeriodSeconds"), "0");
  EXPECT_EQ(FieldText(pod, "spec.containers"), std::nullopt);
  EXPECT_EQ(FieldText(pod, "spec.nope"), std::nullopt);
  EXPECT_EQ(FieldText(pod, "metadata.name.x"), std::nullopt);
  core::v1::Volume volume;
  volume.mutable_volume_source()->mutable_host_path()->set_path("/x");
  EXPECT_EQ(FieldText(volume, "hostPath.path"), "/x");
}

TEST(Selectors, SurviveAnyText) {
  std::mt19937 random(7);
  const std::string_view alphabet = "ab1-.=!(),<> \\innot/";
  for (int i = 0; i < 100000; ++i) {
    std::string text;
    for (size_t j = random() % 14; j > 0; --j) text.push_back(alphabet[random() % alphabet.size()]);
    const auto labels = LabelSelector::Parse(text);
    if (labels.ok()) {
      const auto again = LabelSelector::Parse(labels->ToString());
      ASSERT_TRUE(again.ok()) << text << " -> " << labels->ToString();
      ASSERT_EQ(again->ToString(), labels->ToString());
    }
    (void)FieldSelector::Parse(text, kPodFields);
  }
}

}  // namespace
}  // namespace berth::api
