// SPDX-License-Identifier: Apache-2.0
// What the decoders say about malformed input, and that they survive it.
#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"

namespace berth::api {
namespace {

using core::v1::Pod;
using testing::HasSubstr;

std::string PodError(std::string_view json, const DecodeOptions& options = {}) {
  Pod pod;
  const absl::Status status = DecodeJson(json, pod, options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(base::Message(status));
}

TEST(CodecError, NamesThePathOfAValueOfTheWrongType) {
  EXPECT_EQ(PodError(R"({"spec":{"containers":[{"ports":[{},{"containerPort":"80"}]}]}})"),
            "spec.containers[0].ports[1].containerPort: want a number, got a string");
  EXPECT_EQ(PodError(R"({"metadata":{"labels":{"a":1}}})"),
            "metadata.labels.a: want a string, got a number");
  EXPECT_EQ(PodError(R"({"spec":[]})"), "spec: want an object, got a list");
  EXPECT_EQ(PodError(R"({"spec":{"containers":{}}})"),
            "spec.containers: want a list, got an object");
  EXPECT_EQ(PodError(R"({"spec":{"hostNetwork":"yes"}})"),
            "spec.hostNetwork: want a boolean, got a string");
  EXPECT_EQ(PodError("[]"), "want an object, got a list");
}

TEST(CodecError, RefusesNumbersThatAreNoIntegersOfTheField) {
  const std::string start = R"({"spec":{"terminationGracePeriodSeconds":)";
  const std::string path = "spec.terminationGracePeriodSeconds: ";
  EXPECT_EQ(PodError(start + "1.5}}"), path + "want a whole number of 64 bits");
  EXPECT_EQ(PodError(start + "9223372036854775808}}"), path + "want a whole number of 64 bits");
  EXPECT_EQ(PodError(R"({"spec":{"priority":2147483648}})"),
            "spec.priority: want a whole number of 32 bits");
  EXPECT_THAT(PodError(start + std::string(100000, '9') + "}}"), HasSubstr("malformed JSON"));
  EXPECT_THAT(PodError(start + "01}}"), HasSubstr("malformed JSON"));
}

TEST(CodecError, RefusesBadTimesQuantitiesAndBase64) {
  EXPECT_THAT(PodError(R"({"metadata":{"creationTimestamp":"yesterday"}})"),
              HasSubstr("metadata.creationTimestamp: want a time"));
  EXPECT_THAT(PodError(R"({"metadata":{"creationTimestamp":"2023-02-30T00:00:00Z"}})"),
              HasSubstr("metadata.creationTimestamp: want a time"));
  EXPECT_THAT(PodError(R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"1 core"}}}]}})"),
              HasSubstr("spec.containers[0].resources.limits.cpu: "));
  core::v1::Secret secret;
  for (const char* bad : {"YQ=", "YQ", "Y===", "Y Q=", "YQ==YQ=="}) {
    const auto status = DecodeJson(base::StrCat(R"({"data":{"a":")", bad, "\"}}"), secret);
    EXPECT_EQ(base::Message(status), "data.a: want base64 with padding") << bad;
  }
}

TEST(CodecError, ListsUnknownAndDuplicateFields) {
  const std::string_view json =
      R"({"metadata":{"name":"a","name":"b","labels":{"x":"1","x":"2"}},)"
      R"("spec":{"replcas":1,"containers":[{"imag":{"deep":[1,{"a":null}]}}]}})";
  EXPECT_EQ(PodError(json, {.strict = true}),
            "strict decoding error: duplicate field \"metadata.name\", duplicate field "
            "\"metadata.labels.x\", unknown field \"spec.replcas\", unknown field "
            "\"spec.containers[0].imag\"");
  Pod pod;
  std::vector<std::string> found;
  ASSERT_EQ(DecodeJson(json, pod, {.unknown = &found}), absl::OkStatus());
  EXPECT_EQ(found.size(), 4u);
  EXPECT_EQ(pod.metadata().name(), "b");
  EXPECT_EQ(pod.metadata().labels().at("x"), "2");
  EXPECT_EQ(DecodeJson(json, pod), absl::OkStatus());
}

TEST(CodecError, MatchesNamesCaseSensitively) {
  EXPECT_EQ(PodError(R"({"Spec":{}})", {.strict = true}),
            "strict decoding error: unknown field \"Spec\"");
}

TEST(CodecError, RefusesAnotherKind) {
  EXPECT_EQ(PodError(R"({"kind":"Service","apiVersion":"v1"})"),
            "kind: want \"Pod\", got \"Service\"");
  EXPECT_EQ(PodError(R"({"kind":"Pod","apiVersion":"apps/v1"})"),
            "apiVersion: want \"v1\", got \"apps/v1\"");
  EXPECT_THAT(
      std::string(DecodeJsonObject(R"({"kind":"Foo","apiVersion":"v1"})").status().message()),
      "no kind \"Foo\" is registered for version \"v1\"");
  EXPECT_THAT(std::string(DecodeJsonObject(R"({"apiVersion":"v1"})").status().message()),
              HasSubstr("Object 'Kind' is missing"));
}

TEST(CodecError, RefusesBrokenSyntax) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "}",
                          R"({"a")",
                          R"({"a":})",
                          R"({"a":1,})",
                          R"({,})",
                          R"({"a":[1,]})",
                          R"({"a":[1 2]})",
                          R"({"a":tru})",
                          R"({"a":"\x"})",
                          R"({"a":"\u12"})",
                          "{\"a\":\"\n\"}",
                          R"({} {})",
                          R"({"a":"b)",
                          R"({"a":-})",
                          R"({"a":1.})",
                          R"({"a":1e})",
                          R"({a:1})",
                          R"({"metadata":{"name":"\)"}) {
    EXPECT_THAT(PodError(bad), HasSubstr("malformed JSON")) << bad;
  }
}

TEST(CodecError, DeepNestingIsRefused) {
  const std::string open(10001, '[');
  const std::string closed = base::StrCat(std::string(10000, '['), std::string(10000, ']'));
  EXPECT_THAT(PodError(base::StrCat("{\"x\":", open)), HasSubstr("malformed JSON"));
  EXPECT_THAT(PodError(base::StrCat("{\"x\":", closed, "}")), HasSubstr("too deep"));
  EXPECT_FALSE(YamlToJson(open).ok());
  EXPECT_FALSE(YamlToJson(base::StrCat("a: ", closed)).ok());
  // Flat text whose aliases stack up.
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 100000; ++i) {
    base::StrAppend(tower, "a", i, ": &a", i, " [*a", i - 1, "]\n");
  }
  EXPECT_THAT(std::string(YamlToJson(tower).status().message()), HasSubstr("nested too deeply"));
}

TEST(CodecError, InvalidUtf8IsRefusedAndNeverPrinted) {
  Pod pod;
  EXPECT_THAT(PodError("{\"metadata\":{\"name\":\"a\xff\"}}"), HasSubstr("UTF-8"));
  EXPECT_FALSE(DecodeYaml("metadata: {name: \"\xff\"}", pod).ok());
  pod.mutable_metadata()->set_name("b\xed\xa0\x80");
  EXPECT_THAT(EncodeJson(pod), HasSubstr(R"("name":"b\ufffd\ufffd\ufffd")"));
}

TEST(CodecError, EveryTruncationOfTheWireIsAnErrorOrAShorterObject) {
  Pod pod;
  ASSERT_EQ(DecodeJson(R"({"metadata":{"name":"a","labels":{"k":"v"}},"spec":{"containers":[)"
                       R"({"name":"c","image":"i","resources":{"limits":{"cpu":"1"}},)"
                       R"("ports":[{"containerPort":80}]}]}})",
                       pod),
            absl::OkStatus());
  const std::string wire = EncodeProto(pod);
  for (size_t length = 0; length < wire.size(); ++length) {
    const auto object = DecodeProtoObject(wire.substr(0, length));
    if (object.ok()) continue;
    EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument) << length;
  }
  // The envelope whole, its body cut: the path of the cut is named.
  std::string body = EncodeProtoBody(pod);
  const size_t image = body.find("\x12\x01i");
  ASSERT_NE(image, std::string::npos);
  body[image + 1] = 127;
  const std::string envelope = base::StrCat(
      std::string_view("k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12", 16),
      static_cast<char>((body.size() & 127) | 128), static_cast<char>(body.size() >> 7), body);
  const absl::Status status = DecodeProto(envelope, pod);
  EXPECT_EQ(base::Message(status), "spec.containers[0].image: malformed protobuf");
}

TEST(CodecError, ProtobufWithoutItsMagicOrWithAnotherKindIsRefused) {
  Pod pod;
  EXPECT_FALSE(DecodeProto("", pod).ok());
  EXPECT_FALSE(DecodeProto("{}", pod).ok());
  core::v1::Secret secret;
  EXPECT_THAT(std::string(DecodeProto(EncodeProto(secret), pod).message()),
              HasSubstr("want Pod, got Secret"));
}

TEST(CodecError, YamlBombsAreRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    base::StrAppend(bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) base::StrAppend(bomb, j > 0 ? "," : "", "*a", i - 1);
    bomb.append("]\n");
  }
  EXPECT_THAT(std::string(YamlToJson(bomb).status().message()), HasSubstr("excessive aliasing"));
  EXPECT_FALSE(YamlToJson("a: &a [*a]").ok());
  EXPECT_FALSE(YamlToJson("a: &a {<<: *a}").ok());
  std::string wide = base::StrCat("x: &x ", std::string(100000, 'y'), "\nl:\n");
  for (int i = 0; i < 1000; ++i) wide.append("- *x\n");
  EXPECT_FALSE(YamlToJson(wide).ok());
}

TEST(CodecError, YamlFaultsNameTheLine) {
  Pod pod;
  EXPECT_THAT(std::string(DecodeYaml("a: 1\nb: [\n", pod).message()), HasSubstr("line 3"));
  EXPECT_THAT(std::string(DecodeYaml("metadata:\n  name: 1\n", pod).message()),
              "metadata.name: want a string, got a number");
  EXPECT_THAT(
      std::string(DecodeYaml("metadata: {name: a, name: b}", pod, {.strict = true}).message()),
      HasSubstr("duplicate field \"metadata.name\""));
  EXPECT_FALSE(DecodeYaml("", pod).ok());
}

}  // namespace
}  // namespace berth::api
