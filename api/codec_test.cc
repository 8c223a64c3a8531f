// SPDX-License-Identifier: Apache-2.0
#include "api/codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/rbac/v1/rbac.pb.h"
#include "base/status.h"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(EncodeJson, PrintsWhatGoPrintsForAnEmptyObject) {
  EXPECT_EQ(EncodeJson(core::v1::Pod()),
            R"({"kind":"Pod","apiVersion":"v1","metadata":{},"spec":{"containers":null},)"
            R"("status":{}})");
  EXPECT_EQ(EncodeJson(rbac::v1::ClusterRole()),
            R"({"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{},)"
            R"("rules":null})");
  EXPECT_EQ(EncodeJson(core::v1::PodList()),
            R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]})");
}

TEST(EncodeJson, TimesOfValuesAreNullAndThoseOfPointersAbsent) {
  core::v1::Event event;
  const std::string json = EncodeJson(event);
  EXPECT_THAT(json, HasSubstr(R"("firstTimestamp":null)"));
  EXPECT_THAT(json, HasSubstr(R"("eventTime":null)"));
  coordination::v1::Lease lease;
  EXPECT_EQ(EncodeJson(lease),
            R"({"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{},"spec":{}})");
  lease.mutable_spec()->mutable_renew_time()->set_seconds(0);
  lease.mutable_spec()->mutable_renew_time()->set_nanos(1500);
  EXPECT_THAT(EncodeJson(lease), HasSubstr(R"("renewTime":"1970-01-01T00:00:00.000001Z")"));
}

TEST(EncodeJson, EscapesWhatGoEscapes) {
  core::v1::ConfigMap map;
  (*map.mutable_data())["b"] = "<a&b>\n\t\x01\"\\\x7f\xE2\x80\xA8ü";
  (*map.mutable_data())["a"] = "";
  EXPECT_EQ(EncodeJson(map),
            "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{},\"data\":{\"a\":\"\","
            "\"b\":\"\\u003ca\\u0026b\\u003e\\n\\t\\u0001\\\"\\\\\x7f\\u2028ü\"}}");
}

TEST(EncodeJson, RawObjectsFromTheWireBecomeJson) {
  core::v1::Pod pod;
  pod.mutable_metadata()->set_name("a");
  meta::v1::WatchEvent event;
  event.set_type("ADDED");
  event.mutable_object()->set_raw(EncodeProto(pod));
  EXPECT_EQ(EncodeJson(event), base::StrCat(R"({"type":"ADDED","object":)", EncodeJson(pod), "}"));
  event.mutable_object()->set_raw(R"({ "a" : [ 1.50, "<" ] })");
  EXPECT_EQ(EncodeJson(event), R"({"type":"ADDED","object":{"a":[1.50,"\u003c"]}})");
}

TEST(DecodeJson, ReadsEitherNumberOrStringAndCanonicalQuantities) {
  core::v1::Service service;
  ASSERT_EQ(
      DecodeJson(R"({"spec":{"ports":[{"targetPort":"http"},{"targetPort":8080}]}})", service),
      absl::OkStatus());
  EXPECT_EQ(service.spec().ports(0).target_port().str_val(), "http");
  EXPECT_EQ(service.spec().ports(1).target_port().int_val(), 8080);
  core::v1::Pod pod;
  ASSERT_EQ(DecodeJson(R"({"spec":{"overhead":{"cpu":1,"memory":"1024Ki","x":"0.5"}}})", pod),
            absl::OkStatus());
  EXPECT_EQ(pod.spec().overhead().at("cpu").string(), "1");
  EXPECT_EQ(pod.spec().overhead().at("memory").string(), "1Mi");
  EXPECT_EQ(pod.spec().overhead().at("x").string(), "500m");
}

TEST(DecodeJson, NullLeavesAFieldUnset) {
  core::v1::Pod pod;
  ASSERT_EQ(DecodeJson(R"({"metadata":{"creationTimestamp":null,"labels":null},"spec":null,)"
                       R"("status":{"startTime":null}})",
                       pod),
            absl::OkStatus());
  EXPECT_FALSE(pod.metadata().has_creation_timestamp());
  EXPECT_FALSE(pod.has_spec());
  EXPECT_FALSE(pod.status().has_start_time());
}

TEST(DecodeJson, FlattenedMembersGoToTheirSubMessage) {
  core::v1::Pod pod;
  ASSERT_EQ(DecodeJson(R"({"spec":{"volumes":[{"name":"v","configMap":{"name":"c"}}]}})", pod),
            absl::OkStatus());
  EXPECT_EQ(pod.spec().volumes(0).volume_source().config_map().local_object_reference().name(),
            "c");
  EXPECT_THAT(EncodeJson(pod), HasSubstr(R"("volumes":[{"name":"v","configMap":{"name":"c"}}])"));
}

TEST(DecodeJson, ListsKeepTheirItemsAsBytes) {
  const auto list = DecodeJsonObject(
      R"({"kind":"List","apiVersion":"v1","items":[ {"kind": "Pod", "apiVersion": "v1"} ]})");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(static_cast<const meta::v1::List&>(**list).items(0).raw(),
            R"({"kind":"Pod","apiVersion":"v1"})");
}

TEST(DecodeJson, OptionsComeUnderEveryVersion) {
  for (const char* version : {"v1", "apps/v1", "meta.k8s.io/v1"}) {
    EXPECT_TRUE(DecodeJsonObject(base::StrCat(R"({"kind":"DeleteOptions","apiVersion":")", version,
                                              R"(","gracePeriodSeconds":0})"))
                    .ok())
        << version;
  }
}

TEST(DecodeProto, ZeroTimesAreUnset) {
  core::v1::Event event;
  const std::string wire = EncodeProto(event);
  core::v1::Event back;
  ASSERT_EQ(DecodeProto(wire, back), absl::OkStatus());
  EXPECT_EQ(EncodeJson(back), EncodeJson(event));
  EXPECT_EQ(EncodeProto(back), wire);
}

TEST(YamlToJson, ResolvesScalarsAsYaml11) {
  const auto json = YamlToJson(
      "a: yes\nb: 'yes'\nc: off\nd: 0x1F\ne: 017\nf: 1_000\ng: 1.50\nh: ~\ni: 2001-01-01\n"
      "j: \"1\"\nk: 1e3\nl: -5\nm: 1.2.3\nnn: \no: |\n  x\n  y\np: 12345678901234567890123\n"
      "q: 0o17\nr: .5\ns: 1:30\n5: t\ntrue: u\n");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json,
              ElementsAre(R"({"5":"t","a":true,"b":"yes","c":false,"d":31,"e":15,"f":1000,)"
                          R"("g":1.5,"h":null,"i":"2001-01-01","j":"1","k":1000,"l":-5,)"
                          R"("m":"1.2.3",)"
                          R"x("nn":null,"o":"x\ny\n","p":1.2345678901234568e+22,"q":15,"r":0.5,)x"
                          R"("s":"1:30","true":"u"})"));
}

TEST(YamlToJson, SplitsDocumentsAndDropsEmptyOnes) {
  const auto json = YamlToJson("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, ElementsAre(R"({"a":1})", R"({"b":2})"));
}

TEST(YamlToJson, ExpandsAnchorsAndMerges) {
  const auto json = YamlToJson(
      "base: &base {x: 1, w: 2}\none: {<<: *base, w: 3}\ntwo:\n  <<: [*base, {z: 4, x: 9}]\n");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_THAT(*json, ElementsAre(R"({"base":{"w":2,"x":1},"one":{"w":3,"x":1},)"
                                 R"("two":{"w":2,"x":1,"z":4}})"));
}

TEST(Object, KindsAndKeys) {
  EXPECT_EQ(KindOf(core::v1::Pod()), (GroupVersionKind{"", "v1", "Pod"}));
  EXPECT_EQ(KindOf(meta::v1::Status()), (GroupVersionKind{"", "v1", "Status"}));
  EXPECT_EQ(KindOf(core::v1::PodSpec()), GroupVersionKind{});
  EXPECT_EQ(GroupVersionKind::From("apps/v1", "Deployment").ApiVersion(), "apps/v1");
  EXPECT_EQ(NewObject({"", "v1", "Nothing"}), nullptr);
  core::v1::Pod pod;
  EXPECT_EQ(KeyOf(pod), "");
  MutableMetaOf(pod)->set_name("p");
  EXPECT_EQ(KeyOf(pod), "p");
  MutableMetaOf(pod)->set_namespace_("n");
  EXPECT_EQ(KeyOf(pod), "n/p");
  EXPECT_EQ(SplitKey("n/p"), (std::pair<std::string_view, std::string_view>("n", "p")));
  EXPECT_EQ(SplitKey("p"), (std::pair<std::string_view, std::string_view>("", "p")));
  EXPECT_EQ(ListMetaOf(pod), nullptr);
  EXPECT_NE(ListMetaOf(core::v1::PodList()), nullptr);
}

}  // namespace
}  // namespace berth::api
