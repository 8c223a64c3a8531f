// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/static_pod.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/sources/manifest_folder.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/pod_spec.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kWeb[] = R"(apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - {name: app, image: "busybox:1"}
)";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

ManifestOrigin File(const std::string& path = "/m/web.yaml", const std::string& node = "node1") {
  return {ManifestOrigin::Kind::kFile, path, node};
}

std::string Problem(const std::string& more) {
  return std::string(ReadManifest(base::StrCat(kWeb, more), File(), kNow).status().message());
}

TEST(ReadManifest, APodGetsTheNodesNameItsMarksAndItsDefaults) {
  const auto pods = ReadManifest(kWeb, File(), kNow);
  ASSERT_TRUE(pods.ok()) << pods.status();
  ASSERT_THAT(*pods, SizeIs(1));
  const Pod& pod = *pods->front();
  EXPECT_EQ(pod.metadata().name(), "web-node1");
  EXPECT_EQ(pod.metadata().namespace_(), "default");
  EXPECT_EQ(pod.metadata().uid().size(), 32u);
  EXPECT_EQ(pod.spec().node_name(), "node1");
  const auto& annotations = pod.metadata().annotations();
  EXPECT_EQ(annotations.at(kConfigHash), pod.metadata().uid());
  EXPECT_EQ(annotations.at(kConfigSource), "file");
  EXPECT_THAT(annotations.at(kConfigSeen), HasSubstr("2023-11-14T"));
  EXPECT_EQ(pod.spec().restart_policy(), "Always");
  EXPECT_EQ(pod.spec().containers(0).image_pull_policy(), "IfNotPresent");
  ASSERT_EQ(pod.spec().tolerations_size(), 1);
  EXPECT_EQ(pod.spec().tolerations(0).operator_(), "Exists");
  EXPECT_EQ(pod.spec().tolerations(0).effect(), "NoExecute");
  EXPECT_TRUE(IsStaticPod(pod));
  EXPECT_FALSE(IsMirrorPod(pod));
}

TEST(ReadManifest, TheUidIsOfContentNodeAndPlace) {
  const auto uid = [](const std::string& text, const ManifestOrigin& origin) {
    return (*ReadManifest(text, origin, kNow))[0]->metadata().uid();
  };
  const std::string one = uid(kWeb, File());
  EXPECT_EQ(uid(kWeb, File()), one);
  EXPECT_EQ(uid(base::StrCat("# a remark\n", kWeb), File()), one);
  EXPECT_NE(uid(base::StrCat(kWeb, "  hostNetwork: true\n"), File()), one);
  EXPECT_NE(uid(kWeb, File("/m/other.yaml")), one);
  EXPECT_NE(uid(kWeb, File("/m/web.yaml", "node2")), one);
}

TEST(ReadManifest, JsonAndListsOfAUrl) {
  constexpr char kJson[] =
      R"({"apiVersion":"v1","kind":"PodList","items":[
        {"metadata":{"name":"a","namespace":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}},
        {"metadata":{"name":"b"},"spec":{"containers":[{"name":"c","image":"i"}]}}]})";
  const auto pods = ReadManifest(kJson, {ManifestOrigin::Kind::kUrl, "http://h/", "n"}, kNow);
  ASSERT_TRUE(pods.ok()) << pods.status();
  ASSERT_THAT(*pods, SizeIs(2));
  EXPECT_EQ((*pods)[0]->metadata().name(), "a-n");
  EXPECT_EQ((*pods)[0]->metadata().namespace_(), "x");
  EXPECT_EQ((*pods)[0]->metadata().annotations().at(kConfigSource), "http");
  EXPECT_THAT(ReadManifest(kJson, File(), kNow).status().message(), HasSubstr("want a Pod"));
}

TEST(ReadManifest, SaysWhatIsWrong) {
  EXPECT_THAT(Problem("  restartPolicy: Sometimes\n"), HasSubstr("spec.restartPolicy"));
  EXPECT_THAT(Problem("  hostNetwork: 7\n"), HasSubstr("hostNetwork"));
  EXPECT_THAT(ReadManifest("", File(), kNow).status().message(), HasSubstr("empty"));
  EXPECT_FALSE(ReadManifest("a: [", File(), kNow).ok());
  EXPECT_FALSE(
      ReadManifest("apiVersion: v1\nkind: Node\nmetadata: {name: n}\n", File(), kNow).ok());
}

TEST(ReadManifest, RefusesWhatNeedsTheApi) {
  for (const auto& [more, resource] : std::map<std::string, std::string>{
           {"  serviceAccountName: x\n", "serviceaccounts"},
           {"  imagePullSecrets: [{name: x}]\n", "secrets"},
           {"  volumes: [{name: v, secret: {secretName: x}}]\n", "secrets"},
           {"  volumes: [{name: v, configMap: {name: x}}]\n", "configmaps"},
           {"  volumes: [{name: v, persistentVolumeClaim: {claimName: x}}]\n",
            "persistentvolumeclaims"},
           {"  volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]\n",
            "serviceaccounts"},
           {"    envFrom: [{configMapRef: {name: x}}]\n", ""}}) {
    if (resource.empty()) continue;
    EXPECT_EQ(Problem(more), base::StrCat("static pods may not reference ", resource)) << more;
  }
}

TEST(MirrorOf, IsOwnedByTheNodeAndKnowsItsPod) {
  const auto pod = (*ReadManifest(kWeb, File(), kNow))[0];
  const Pod mirror = MirrorOf(*pod, "node-uid");
  EXPECT_TRUE(IsMirrorPod(mirror));
  EXPECT_TRUE(Mirrors(mirror, *pod));
  EXPECT_EQ(mirror.metadata().uid(), "");
  ASSERT_EQ(mirror.metadata().owner_references_size(), 1);
  const auto& owner = mirror.metadata().owner_references(0);
  EXPECT_EQ(owner.kind(), "Node");
  EXPECT_EQ(owner.name(), "node1");
  EXPECT_EQ(owner.uid(), "node-uid");
  EXPECT_TRUE(owner.controller());
  const auto other = (*ReadManifest(base::StrCat(kWeb, "  hostPID: true\n"), File(), kNow))[0];
  EXPECT_FALSE(Mirrors(mirror, *other));
}

TEST(AsApiPod, NobodyMakesAStaticPodThroughTheApi) {
  auto pod = std::make_shared<Pod>();
  (*pod->mutable_metadata()->mutable_annotations())[kConfigSource] = "file";
  EXPECT_FALSE(IsStaticPod(*AsApiPod(pod)));
  auto plain = std::make_shared<const Pod>();
  EXPECT_EQ(AsApiPod(plain), plain);
}

class ManifestFolderTest : public ::testing::Test {
 protected:
  ManifestFolderTest() {
    char name[] = "/tmp/manifestsXXXXXX";
    dir_ = mkdtemp(name);
    folder_ = std::make_unique<ManifestFolder>(dir_, "n1");
  }
  ~ManifestFolderTest() override { std::filesystem::remove_all(dir_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text;
  }
  static std::string Named(const std::string& name) {
    return base::StrCat("apiVersion: v1\nkind: Pod\nmetadata: {name: ", name,
                        "}\nspec: {containers: [{name: c, image: i}]}\n");
  }
  ManifestFolder::Reading Read() {
    auto reading = folder_->Read(kNow);
    EXPECT_TRUE(reading.ok()) << reading.status();
    return reading.ok() ? *std::move(reading) : ManifestFolder::Reading();
  }
  static std::vector<std::string> Names(const ManifestFolder::Reading& reading) {
    std::vector<std::string> names;
    for (const auto& pod : reading.pods) names.push_back(pod->metadata().name());
    return names;
  }

  std::string dir_;
  std::unique_ptr<ManifestFolder> folder_;
};

TEST_F(ManifestFolderTest, ReadsEveryFileButHiddenOnesAndFolders) {
  Write("b.yaml", Named("b"));
  Write("a.json", Named("a"));
  Write(".swp", Named("hidden"));
  std::filesystem::create_directory(dir_ + "/sub");
  EXPECT_THAT(Names(Read()), ElementsAre("a-n1", "b-n1"));
  std::filesystem::remove(dir_ + "/a.json");
  EXPECT_THAT(Names(Read()), ElementsAre("b-n1"));
  ManifestFolder file(dir_ + "/b.yaml", "n1");
  EXPECT_THAT(Names(*file.Read(kNow)), ElementsAre("b-n1"));
  ManifestFolder none(dir_ + "/none", "n1");
  EXPECT_THAT(Names(*none.Read(kNow)), IsEmpty());
}

TEST_F(ManifestFolderTest, ABadFileIsToldOnceAndTheOthersRun) {
  Write("a.yaml", Named("a"));
  Write("bad.yaml", "kind: [");
  auto reading = Read();
  EXPECT_THAT(Names(reading), ElementsAre("a-n1"));
  EXPECT_THAT(reading.problems, IsEmpty());  // it may be half written
  EXPECT_TRUE(reading.look_again);
  reading = Read();
  EXPECT_THAT(reading.problems, ElementsAre(HasSubstr(dir_ + "/bad.yaml: ")));
  EXPECT_FALSE(reading.look_again);
  EXPECT_THAT(Read().problems, IsEmpty());
  Write("bad.yaml", Named("good"));
  EXPECT_THAT(Names(Read()), ElementsAre("a-n1", "good-n1"));
}

TEST_F(ManifestFolderTest, AFileThatBreaksKeepsItsPod) {
  Write("a.yaml", Named("a"));
  const auto before = Read();
  Write("a.yaml", "kind: [");
  Read();
  const auto reading = Read();
  EXPECT_THAT(reading.problems, ElementsAre(HasSubstr("its pod stays as it was before")));
  EXPECT_EQ(reading.pods, before.pods);
  Write("a.yaml", base::StrCat(Named("a"), "# fine again\n"));
  EXPECT_EQ(Read().pods[0]->metadata().uid(), before.pods[0]->metadata().uid());
}

TEST_F(ManifestFolderTest, OneNameIsOnePod) {
  Write("a.yaml", Named("a"));
  Write("b.yaml", Named("a"));
  const auto reading = Read();
  EXPECT_THAT(Names(reading), ElementsAre("a-n1"));
  EXPECT_THAT(reading.problems, ElementsAre(HasSubstr("b.yaml: pod default/a-n1 is in ")));
  EXPECT_THAT(Read().problems, IsEmpty());
}

}  // namespace
}  // namespace berth::agent
