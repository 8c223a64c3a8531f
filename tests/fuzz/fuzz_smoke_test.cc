// SPDX-License-Identifier: Apache-2.0
// A few thousand mutations of good input through every fuzz target, the same ones in every run, so
// that builds without libFuzzer try them, too.
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "api/codec.h"
#include "http/spdy.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {
namespace {

constexpr int kMutations = 3000;

constexpr std::string_view kJson =
    R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","labels":{"a":"b"},)"
    R"("creationTimestamp":"2008-01-01T01:01:01Z"},"spec":{"containers":[{"name":"c","image":"i",)"
    R"("ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"100m","memory":"1Gi"}},)"
    R"("livenessProbe":{"httpGet":{"port":"http"}},"env":[{"name":"\u00e9\ud83d\ude00"}]}],)"
    R"("volumes":[{"name":"v","configMap":{"name":"m","defaultMode":420}}]},"unknown":[{},1e5]})";
constexpr std::string_view kYaml =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: &m\n  name: a\n  labels: {x: 'y', n: \"1\"}\n"
    "data:\n  text: |\n    one\n    two\n  folded: >-\n    three\n  <<: {k: v}\nmore: *m\n"
    "list:\n- 0x1f\n- 1_0.5e3\n- ~\n- yes\n---\nsecond: !!binary YQ==\n";

using Target = int (*)(const uint8_t*, size_t);

// Changes, drops, doubles or splices a few bytes.
std::string Mutated(std::string_view seed, std::mt19937& random) {
  std::string text(seed);
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  for (size_t changes = 1 + below(4); changes > 0; --changes) {
    const size_t at = below(text.size());
    const size_t length = below(16);
    switch (below(5)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), length));
        break;
      case 3:
        text.insert(at, 1, "{}[]\",:\\&*-\n\x80\xff"[below(14)]);
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

void Feed(Target target, std::string_view seed) {
  std::mt19937 random(20080101);
  target(reinterpret_cast<const uint8_t*>(seed.data()), seed.size());
  for (int i = 0; i < kMutations; ++i) {
    const std::string input = Mutated(seed, random);
    EXPECT_EQ(target(reinterpret_cast<const uint8_t*>(input.data()), input.size()), 0);
  }
}

TEST(FuzzSmoke, JsonKeepsItsPromises) { Feed(Json, kJson); }

TEST(FuzzSmoke, YamlKeepsItsPromises) { Feed(Yaml, kYaml); }

TEST(FuzzSmoke, TheWireKeepsItsPromises) {
  const auto object = api::DecodeJsonObject(kJson);
  ASSERT_TRUE(object.ok()) << object.status();
  Feed(Proto, api::EncodeProto(**object));
}

TEST(FuzzSmoke, WebSocketFramesKeepTheirPromises) {
  std::string frames;
  // A message in two fragments with a ping between them, a long one, a close; masks are zeros.
  for (const std::string_view frame :
       {std::string_view("\x01\x83\0\0\0\0one", 9), std::string_view("\x89\x82\0\0\0\0hi", 8),
        std::string_view("\x80\x83\0\0\0\0two", 9),
        std::string_view("\x82\xfe\0\x80\0\0\0\0", 8)}) {
    frames += frame;
  }
  frames += std::string(128, 'x');
  frames += std::string_view("\x88\x82\0\0\0\0\x03\xe8", 8);
  Feed(WebSocket, frames);
}

TEST(FuzzSmoke, SpdyFramesKeepTheirPromises) {
  std::string frames;
  http::SpdyWriter::Data(frames, 1, "one", /*fin=*/false);
  frames += std::string_view("\x80\x03\0\x02\0\0\0\x06\0\0\0\x03zz", 14);
  http::SpdyWriter::Data(frames, 1, "two", /*fin=*/true);
  http::SpdyWriter::Ping(frames, 2);
  frames += std::string_view("\x80\x03\0\x03\0\0\0\x08\0\0\0\x03\0\0\0\x05", 16);
  http::SpdyWriter::Data(frames, 3, std::string(100, 'x'), /*fin=*/false);
  Feed(Spdy, frames);
}

TEST(FuzzSmoke, HttpRequestsKeepTheirPromises) {
  Feed(HttpRequest,
       "POST /api/v1/pods?watch=1&x=%20 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
       "Accept: a, b\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n");
  Feed(HttpRequest,
       "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
}

TEST(FuzzSmoke, KubeconfigsKeepTheirPromises) {
  Feed(Kubeconfig,
       "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
       "clusters:\n- name: a\n  cluster: {server: 'https://[::1]:6443/', insecure-skip-tls-verify: "
       "true}\n"
       "contexts:\n- name: c\n  context: {cluster: a, user: u, namespace: n}\n"
       "users:\n- name: u\n  user: {token: abc}\n");
}

TEST(FuzzSmoke, QuantitiesKeepTheirPromises) {
  for (const char* text : {"100m", "1.5Gi", "-12345678901234567890", "1e-9", "+0.000000001Ei"}) {
    Feed(Quantity, text);
  }
}

}  // namespace
}  // namespace berth::fuzz
