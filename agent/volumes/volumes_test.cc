// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "agent/volumes/atomic_writer.h"
#include "agent/volumes/directory.h"
#include "agent/volumes/host_path.h"
#include "agent/volumes/node_volumes.h"
#include "agent/volumes/payloads.h"
#include "agent/volumes/token_cache.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/volumes.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
namespace fs = std::filesystem;
using base::StrCat;
using ::testing::HasSubstr;

class TempFolder {
 public:
  TempFolder() {
    std::string name = testing::TempDir() + "/volXXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Text(const std::string& path) {
  std::ifstream in(path);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

mode_t ModeOf(const std::string& path) {
  struct stat st {};
  EXPECT_EQ(stat(path.c_str(), &st), 0) << path;
  return st.st_mode & 07777;
}

class AtomicWriterTest : public ::testing::Test {
 protected:
  absl::StatusOr<bool> Write(const Payload& payload) {
    now_ += absl::Seconds(1);
    return WritePayload(folder_.path(), payload, std::nullopt, now_);
  }
  std::string Read(const std::string& name) { return Text(folder_.path() + "/" + name); }
  size_t Entries() {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }
  TempFolder folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(AtomicWriterTest, FilesAppearThroughTheDataLink) {
  ASSERT_TRUE(*Write({{"a", {"1", 0600, {}}}, {"dir/b", {"2", 0444, {}}}}));
  EXPECT_EQ(Read("a"), "1");
  EXPECT_EQ(Read("dir/b"), "2");
  EXPECT_EQ(fs::read_symlink(folder_.path() + "/a"), "..data/a");
  EXPECT_EQ(fs::read_symlink(folder_.path() + "/dir"), "..data/dir");
  const std::string version = fs::read_symlink(folder_.path() + "/..data");
  EXPECT_THAT(version, ::testing::StartsWith("..2023_11_14_22_13_21."));
  EXPECT_EQ(ModeOf(folder_.path() + "/a"), 0600u);
  EXPECT_EQ(ModeOf(folder_.path() + "/dir/b"), 0444u);
  EXPECT_EQ(Entries(), 4u);
}

TEST_F(AtomicWriterTest, AnUpdateReplacesEverythingAtOnce) {
  ASSERT_TRUE(Write({{"a", {"1"}}, {"b", {"2"}}, {"c/d", {"3"}}}).ok());
  std::ifstream old_a(folder_.path() + "/a");
  const std::string before = fs::read_symlink(folder_.path() + "/..data");
  ASSERT_TRUE(*Write({{"a", {"new"}}, {"e", {"4"}}}));
  EXPECT_EQ(Read("a"), "new");
  EXPECT_EQ(Read("e"), "4");
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_.path() + "/b")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(folder_.path() + "/c")));
  EXPECT_FALSE(fs::exists(folder_.path() + "/" + before)) << "the old version is gone";
  std::string kept;
  old_a >> kept;
  EXPECT_EQ(kept, "1") << "an open file stays readable";
}

TEST_F(AtomicWriterTest, AnUnchangedPayloadWritesNothing) {
  ASSERT_TRUE(Write({{"a", {"1"}}}).ok());
  const std::string version = fs::read_symlink(folder_.path() + "/..data");
  EXPECT_FALSE(*Write({{"a", {"1"}}}));
  EXPECT_EQ(fs::read_symlink(folder_.path() + "/..data"), version);
  fs::remove(folder_.path() + "/a");
  EXPECT_FALSE(*Write({{"a", {"1"}}}));
  EXPECT_EQ(Read("a"), "1") << "a lost link is made again";
}

TEST_F(AtomicWriterTest, WhatAnInterruptedWriteLeftIsRemoved) {
  ASSERT_TRUE(Write({{"a", {"1"}}}).ok());
  fs::create_directory(folder_.path() + "/..2001_01_01_00_00_00.xxxxxx");
  fs::create_symlink("..2001_01_01_00_00_00.xxxxxx", folder_.path() + "/..data_tmp");
  ASSERT_TRUE(*Write({{"a", {"2"}}}));
  EXPECT_EQ(Read("a"), "2");
  EXPECT_EQ(Entries(), 3u);
}

TEST_F(AtomicWriterTest, PathsThatLeadElsewhereAreRefused) {
  for (std::string path : {"", "/a", "../a", "a/../b", "..a", "a//b", "a/", "./a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Write({{path, {"1"}}}).status())) << path;
  }
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(AtomicWriterTest, AGroupMayRead) {
  ASSERT_TRUE(WritePayload(folder_.path(), {{"d/a", {"1", 0600, {}}}}, getgid(), now_).ok());
  EXPECT_EQ(ModeOf(folder_.path() + "/d/a"), 0640u);
  EXPECT_EQ(ModeOf(folder_.path() + "/d"), 02755u);
}

TEST(RemoveTreeAt, DoesNotFollowLinks) {
  TempFolder inside, outside;
  std::ofstream(outside.path() + "/precious") << "x";
  fs::create_directories(inside.path() + "/tree/deep");
  fs::create_directory_symlink(outside.path(), inside.path() + "/tree/deep/link");
  const auto parent = OpenDirectory(inside.path());
  ASSERT_TRUE(RemoveTreeAt(parent->get(), "tree").ok());
  EXPECT_FALSE(fs::exists(inside.path() + "/tree"));
  EXPECT_TRUE(fs::exists(outside.path() + "/precious"));
  EXPECT_TRUE(RemoveTreeAt(parent->get(), "tree").ok()) << "gone already is success";
}

TEST(CheckHostPath, TypesAreChecked) {
  TempFolder folder;
  const std::string file = folder.path() + "/file", made = folder.path() + "/made/deep";
  std::ofstream{file} << "x";
  EXPECT_TRUE(CheckHostPath(folder.path(), "Directory").ok());
  EXPECT_TRUE(CheckHostPath(file, "File").ok());
  EXPECT_TRUE(CheckHostPath("/dev/null", "CharDevice").ok());
  EXPECT_TRUE(CheckHostPath("/not/there", "").ok());
  EXPECT_TRUE(CheckHostPath(made, "DirectoryOrCreate").ok());
  EXPECT_TRUE(fs::is_directory(made));
  EXPECT_TRUE(CheckHostPath(made + "/f", "FileOrCreate").ok());
  EXPECT_EQ(base::Message(CheckHostPath(file, "Directory")),
            StrCat("hostPath type check failed: ", file, " is not a directory"));
  EXPECT_FALSE(CheckHostPath(folder.path() + "/no", "Socket").ok());
  EXPECT_FALSE(CheckHostPath("relative", "").ok());
  EXPECT_FALSE(CheckHostPath("/a/../b", "").ok());
  EXPECT_FALSE(CheckHostPath("/", "Nonsense").ok());
}

class FakeMounter : public Mounter {
 public:
  absl::Status MountTmpfs(const std::string& path, std::optional<int64_t> bytes) override {
    mounted.insert(path);
    last_size = bytes;
    return absl::OkStatus();
  }
  absl::Status Bind(int descriptor, const std::string& path) override {
    mounted.insert(path);
    struct stat st {};
    EXPECT_EQ(fstat(descriptor, &st), 0);
    bound[path] = st.st_ino;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> IsMounted(const std::string& path) override {
    return mounted.contains(path);
  }
  absl::Status Unmount(const std::string& path) override {
    mounted.erase(path);
    return absl::OkStatus();
  }
  std::set<std::string> mounted;
  std::map<std::string, ino_t> bound;
  std::optional<int64_t> last_size;
};

class FakeObjects : public ObjectReader {
 public:
  base::StringMap<std::string> NodeAllocatable() override { return allocatable; }
  base::StringMap<std::string> allocatable;
  absl::StatusOr<std::shared_ptr<const core::ConfigMap>> GetConfigMap(
      std::string_view, std::string_view name) override {
    if (name != "cm") return base::NotFound("configmap \"", name, "\" not found");
    return std::make_shared<const core::ConfigMap>(config_map);
  }
  absl::StatusOr<std::shared_ptr<const core::Secret>> GetSecret(std::string_view,
                                                                std::string_view name) override {
    if (name != "s") return base::NotFound("secret \"", name, "\" not found");
    auto secret = std::make_shared<core::Secret>();
    (*secret->mutable_data())["key"] = "hidden";
    return secret;
  }
  std::vector<std::shared_ptr<const core::Service>> ListServices(std::string_view) override {
    return {};
  }
  core::ConfigMap config_map;
};

class NodeVolumesTest : public ::testing::Test {
 protected:
  NodeVolumesTest()
      : volumes_(
            root_.path(), mounter_, objects_,
            [this](const TokenRequestKey& key) -> absl::StatusOr<IssuedToken> {
              ++issued_;
              if (fail_tokens_) return absl::UnavailableError("no API");
              return IssuedToken{StrCat(key.service_account, ":", key.audience, ":", issued_),
                                 clock_.Now() + absl::Seconds(key.expiration_seconds)};
            },
            clock_) {
    pod_.mutable_metadata()->set_name("p");
    pod_.mutable_metadata()->set_namespace_("ns");
    pod_.mutable_metadata()->set_uid("uid-1");
    (*pod_.mutable_metadata()->mutable_labels())["a"] = "b";
    pod_.mutable_spec()->set_service_account_name("sa");
    (*objects_.config_map.mutable_data())["k1"] = "v1";
    (*objects_.config_map.mutable_data())["k2"] = "v2";
  }
  core::VolumeSource& Volume(std::string_view name) {
    auto* volume = pod_.mutable_spec()->add_volumes();
    volume->set_name(std::string(name));
    return *volume->mutable_volume_source();
  }
  std::string Path(std::string_view plugin, std::string_view name) {
    return StrCat(root_.path(), "/pods/uid-1/volumes/kubernetes.io~", plugin, "/", name);
  }
  absl::StatusOr<MountedVolumes> Sync() { return volumes_.SetUp(pod_, absl::Seconds(10)); }

  TempFolder root_;
  base::FakeClock clock_;
  FakeMounter mounter_;
  FakeObjects objects_;
  int issued_ = 0;
  bool fail_tokens_ = false;
  NodeVolumes volumes_;
  core::Pod pod_;
};

TEST_F(NodeVolumesTest, EmptyDirIsOpenToAllAndKeptOnTheNextSync) {
  Volume("tmp").mutable_empty_dir();
  auto set = Sync();
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->at("tmp").host_path, Path("empty-dir", "tmp"));
  EXPECT_FALSE(set->at("tmp").read_only);
  EXPECT_EQ(ModeOf(Path("empty-dir", "tmp")), 0777u);
  std::ofstream(Path("empty-dir", "tmp") + "/data") << "x";
  chmod(Path("empty-dir", "tmp").c_str(), 0700);
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(Text(Path("empty-dir", "tmp") + "/data"), "x");
  EXPECT_EQ(ModeOf(Path("empty-dir", "tmp")), 0700u) << "the container's own change stays";
}

TEST_F(NodeVolumesTest, EmptyDirInMemoryIsATmpfsOfItsSize) {
  auto& source = *Volume("ram").mutable_empty_dir();
  source.set_medium("Memory");
  source.mutable_size_limit()->set_string("16Mi");
  ASSERT_TRUE(Sync().ok());
  EXPECT_TRUE(mounter_.mounted.contains(Path("empty-dir", "ram")));
  EXPECT_EQ(mounter_.last_size, 16 << 20);
  source.set_medium("HugePages");
  EXPECT_EQ(base::Message(Sync().status()),
            "MountVolume.SetUp failed for volume \"ram\" : emptyDir medium HugePages is not "
            "supported");
}

TEST_F(NodeVolumesTest, EmptyDirInMemoryIsNoLargerThanThePodOrAllPodsMayBe) {
  auto& source = *Volume("ram").mutable_empty_dir();
  source.set_medium("Memory");
  const auto size = [&] {
    mounter_.mounted.clear();
    EXPECT_TRUE(Sync().ok());
    return mounter_.last_size;
  };
  EXPECT_EQ(size(), std::nullopt);
  objects_.allocatable["memory"] = "64Mi";
  EXPECT_EQ(size(), 64 << 20);
  auto& container = *pod_.mutable_spec()->add_containers();
  (*container.mutable_resources()->mutable_limits())["memory"].set_string("32Mi");
  EXPECT_EQ(size(), 32 << 20);
  source.mutable_size_limit()->set_string("48Mi");
  EXPECT_EQ(size(), 32 << 20);
  source.mutable_size_limit()->set_string("16Mi");
  EXPECT_EQ(size(), 16 << 20);
  // A container without a limit: the pod has none.
  source.clear_size_limit();
  pod_.mutable_spec()->add_containers();
  EXPECT_EQ(size(), 64 << 20);
}

TEST_F(NodeVolumesTest, FsGroupOwnsEmptyDir) {
  pod_.mutable_spec()->mutable_security_context()->set_fs_group(getgid());
  Volume("tmp").mutable_empty_dir();
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(ModeOf(Path("empty-dir", "tmp")), 02777u);
}

TEST_F(NodeVolumesTest, ConfigMapItemsModesAndRefresh) {
  auto& source = *Volume("c").mutable_config_map();
  source.mutable_local_object_reference()->set_name("cm");
  source.set_default_mode(0400);
  auto set = Sync();
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_TRUE(set->at("c").read_only);
  EXPECT_EQ(Text(Path("configmap", "c") + "/k1"), "v1");
  EXPECT_EQ(ModeOf(Path("configmap", "c") + "/k2"), 0400u);

  (*objects_.config_map.mutable_data())["k1"] = "changed";
  auto* item = source.add_items();
  item->set_key("k1");
  item->set_path("sub/x");
  item->set_mode(0440);
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(Text(Path("configmap", "c") + "/sub/x"), "changed");
  EXPECT_EQ(ModeOf(Path("configmap", "c") + "/sub/x"), 0440u);
  EXPECT_FALSE(fs::exists(Path("configmap", "c") + "/k1"));

  item->set_key("none");
  EXPECT_THAT(std::string(base::Message(Sync().status())),
              HasSubstr("references non-existent config key: none"));
  source.set_optional(true);
  EXPECT_TRUE(Sync().ok());
}

TEST_F(NodeVolumesTest, MissingObjectsAreNamedUnlessOptional) {
  auto& source = *Volume("v").mutable_secret();
  source.set_secret_name("gone");
  const auto set = Sync();
  EXPECT_EQ(base::Message(set.status()),
            "MountVolume.SetUp failed for volume \"v\" : secret \"gone\" not found");
  EXPECT_TRUE(absl::IsNotFound(set.status()));
  source.set_optional(true);
  EXPECT_TRUE(Sync().ok());
  source.set_secret_name("s");
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(Text(Path("secret", "v") + "/key"), "hidden");
  EXPECT_TRUE(mounter_.mounted.contains(Path("secret", "v"))) << "secrets never touch the disk";
}

TEST_F(NodeVolumesTest, ProjectedMergesItsSources) {
  auto& source = *Volume("all").mutable_projected();
  auto* token = source.add_sources()->mutable_service_account_token();
  token->set_path("token");
  token->set_expiration_seconds(3607);
  source.add_sources()->mutable_config_map()->mutable_local_object_reference()->set_name("cm");
  auto* file = source.add_sources()->mutable_downward_api()->add_items();
  file->set_path("namespace");
  file->mutable_field_ref()->set_field_path("metadata.namespace");
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(Text(Path("projected", "all") + "/token"), "sa::1");
  EXPECT_EQ(Text(Path("projected", "all") + "/k1"), "v1");
  EXPECT_EQ(Text(Path("projected", "all") + "/namespace"), "ns");

  clock_.Advance(absl::Seconds(3607 * 0.79));
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(issued_, 1);
  clock_.Advance(absl::Seconds(3607 * 0.02));
  fail_tokens_ = true;
  ASSERT_TRUE(Sync().ok()) << "the old token still lives";
  EXPECT_EQ(Text(Path("projected", "all") + "/token"), "sa::1");
  fail_tokens_ = false;
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(Text(Path("projected", "all") + "/token"), "sa::3");
}

TEST_F(NodeVolumesTest, ATokenOfOneUserIsHisAlone) {
  auto& source = *Volume("t").mutable_projected();
  source.add_sources()->mutable_service_account_token()->set_path("token");
  auto* container = pod_.mutable_spec()->add_containers();
  container->mutable_security_context()->set_run_as_user(getuid());
  EXPECT_EQ(CommonUser(pod_), getuid());
  ASSERT_TRUE(Sync().ok());
  EXPECT_EQ(ModeOf(Path("projected", "t") + "/token"), 0600u);
  pod_.mutable_spec()->add_containers()->mutable_security_context()->set_run_as_user(12345);
  EXPECT_EQ(CommonUser(pod_), std::nullopt);
}

TEST_F(NodeVolumesTest, UnsupportedTypesAreNamed) {
  Volume("n").mutable_nfs()->set_server("x");
  EXPECT_EQ(base::Message(Sync().status()),
            "MountVolume.SetUp failed for volume \"n\" : volumes of type nfs are not supported");
}

TEST_F(NodeVolumesTest, TearDownUnmountsAndRemovesOnlyItsOwn) {
  Volume("tmp").mutable_empty_dir();
  Volume("s").mutable_secret()->set_secret_name("s");
  ASSERT_TRUE(Sync().ok());
  TempFolder outside;
  std::ofstream(outside.path() + "/precious") << "x";
  fs::create_directory_symlink(outside.path(), Path("empty-dir", "tmp") + "/link");
  std::ofstream(root_.path() + "/pods/uid-1/etc-hosts") << "x";
  ASSERT_TRUE(volumes_.TearDown("uid-1").ok());
  EXPECT_TRUE(mounter_.mounted.empty());
  EXPECT_FALSE(fs::exists(root_.path() + "/pods/uid-1/volumes"));
  EXPECT_TRUE(fs::exists(root_.path() + "/pods/uid-1/etc-hosts"));
  EXPECT_TRUE(fs::exists(outside.path() + "/precious"));
  EXPECT_TRUE(volumes_.TearDown("uid-1").ok());
  EXPECT_FALSE(volumes_.TearDown("../uid-1").ok());
}

}  // namespace
}  // namespace berth::agent
