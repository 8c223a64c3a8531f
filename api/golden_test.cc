// SPDX-License-Identifier: Apache-2.0
// Every golden object of the Kubernetes API: .pb, .json and .yaml mean the same and come back as
// they were. The folder lies beside the project, or where BERTH_GOLDEN_DIR says.
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "api/codec.h"
#include "api/object.h"
#include "base/strings.h"

namespace berth::api {
namespace {

std::filesystem::path GoldenDir() {
  if (const char* dir = std::getenv("BERTH_GOLDEN_DIR")) return dir;
  return std::filesystem::path(BERTH_SOURCE_DIR) / "../shared/golden/k8s-api";
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::set<std::string> GoldenNames() {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(GoldenDir(), error)) {
    names.insert(entry.path().stem().string());
  }
  return names;
}

// "apps.v1.Deployment", "core.v1.Pod", "discovery.k8s.io.v1.EndpointSlice".
GroupVersionKind KindOfName(const std::string& name) {
  const auto parts = base::Split(name, '.');
  const size_t n = parts.size();
  std::string group =
      base::Join(std::vector<std::string_view>(parts.begin(), parts.end() - 2), ".");
  if (group == "core") group.clear();
  return {group, std::string(parts[n - 2]), std::string(parts[n - 1])};
}

class GoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(GoldenDir())) {
      GTEST_SKIP() << "no golden objects at " << GoldenDir() << "; set BERTH_GOLDEN_DIR";
    }
  }
};

TEST_F(GoldenTest, ThereAreSeventySeven) { EXPECT_EQ(GoldenNames().size(), 77u); }

TEST_F(GoldenTest, EveryFormMeansTheSameAndComesBackAsItWas) {
  for (const std::string& name : GoldenNames()) {
    SCOPED_TRACE(name);
    const auto from_json = NewObject(KindOfName(name));
    ASSERT_NE(from_json, nullptr);
    const auto from_yaml = NewObject(KindOfName(name));
    const auto from_wire = NewObject(KindOfName(name));
    const std::string json = ReadFile(GoldenDir() / (name + ".json"));
    const std::string wire = ReadFile(GoldenDir() / (name + ".pb"));
    const DecodeOptions strict{.strict = true};
    absl::Status status = DecodeJson(json, *from_json, strict);
    ASSERT_TRUE(status.ok()) << status;
    status = DecodeYaml(ReadFile(GoldenDir() / (name + ".yaml")), *from_yaml, strict);
    ASSERT_TRUE(status.ok()) << status;
    status = DecodeProto(wire, *from_wire);
    ASSERT_TRUE(status.ok()) << status;

    EXPECT_EQ(EncodeProtoBody(*from_json), EncodeProtoBody(*from_wire));
    EXPECT_EQ(EncodeProtoBody(*from_yaml), EncodeProtoBody(*from_wire));
    // The golden JSON and wire of a WatchEvent carry no kind.
    if (name == "core.v1.WatchEvent") {
      EXPECT_EQ(EncodeJson(*from_wire, JsonStyle::kPretty), json);
      continue;
    }
    EXPECT_EQ(EncodeJson(*from_json, JsonStyle::kPretty), json);
    EXPECT_EQ(EncodeJson(*from_wire, JsonStyle::kPretty), json);
    std::string again = EncodeProto(*from_wire);
    EXPECT_EQ(again, wire);
  }
}

}  // namespace
}  // namespace berth::api
