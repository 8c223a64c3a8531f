// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "agent/env/container_env.h"
#include "agent/images/cri_image_puller.h"
#include "agent/images/image_reference.h"
#include "agent/images/registry_credentials.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ImageReference, NamesAreNormalised) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"nginx", "docker.io/library/nginx:latest"},
      {"nginx:1.25", "docker.io/library/nginx:1.25"},
      {"team/app", "docker.io/team/app:latest"},
      {"index.docker.io/x/y:1", "docker.io/x/y:1"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/a/b:v1", "localhost:5000/a/b:v1"},
      {"registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"},
      {"[fd00::1]:5000/a", "[fd00::1]:5000/a:latest"},
      {"a__b/c-d.e:x_Y.1-", "docker.io/a__b/c-d.e:x_Y.1-"},
      {"x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
       "docker.io/library/"
       "x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}};
  for (const auto& [text, want] : cases) {
    const auto reference = ImageReference::Parse(text);
    ASSERT_TRUE(reference.ok()) << text << ": " << reference.status();
    EXPECT_EQ(reference->Full(), want);
  }
}

TEST(ImageReference, MalformedNamesAreRefused) {
  for (std::string_view text :
       {"", ":", "a:", "a b", "A", "a/", "/a", "a//b", "a:b:c", "-a", "a_", "a___b", "a..b",
        "x@sha256:12", "x@", "host.:1/a", "h.com:99999/a", "a:!",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}) {
    EXPECT_FALSE(ImageReference::Parse(text).ok()) << text;
  }
}

TEST(ImageReference, TheDefaultTagIsAddedToWhatWasWritten) {
  EXPECT_EQ(*WithDefaultTag("nginx"), "nginx:latest");
  EXPECT_EQ(*WithDefaultTag("localhost:5000/x"), "localhost:5000/x:latest");
  EXPECT_EQ(*WithDefaultTag("nginx:1"), "nginx:1");
  EXPECT_EQ(base::Message(WithDefaultTag("a b").status()),
            "couldn't parse image name \"a b\": invalid reference format");
}

TEST(RegistryCredentials, TheMostParticularMatchComesFirst) {
  const auto all = ParseDockerConfig(R"({"auths":{
    "https://index.docker.io/v1/":{"auth":"dTpwOndpdGg6Y29sb25z"},
    "*.example.com":{"username":"glob","password":"p"},
    "reg.example.com/team":{"username":"team","password":"p"},
    "reg.example.com:5000":{"username":"port","password":"p"}}})");
  ASSERT_TRUE(all.ok()) << all.status();
  auto names = [&](std::string_view image) {
    std::vector<std::string> out;
    for (const auto& c : CredentialsFor(image, *all)) out.push_back(c.username);
    return out;
  };
  EXPECT_THAT(names("reg.example.com/team/app"), ElementsAre("team", "glob"));
  EXPECT_THAT(names("reg.example.com/other"), ElementsAre("glob"));
  EXPECT_THAT(names("reg.example.com:5000/x"), ElementsAre("port"));
  EXPECT_THAT(names("example.com/x"), IsEmpty());
  const auto hub = CredentialsFor("docker.io/library/nginx", *all);
  ASSERT_EQ(hub.size(), 1u);
  EXPECT_EQ(hub[0].username, "u");
  EXPECT_EQ(hub[0].password, "p:with:colons");
  for (std::string_view bad : {"", "[]", "{\"auths\":1}", "{\"auths\":{\"x\":{\"auth\":\"!\"}}}",
                               "{\"auths\":{\"x\":{\"auth\":\"dQ==\"}}}"}) {
    EXPECT_FALSE(ParseDockerConfig(bad).ok()) << bad;
  }
}

class NoObjects : public ObjectReader {
 public:
  absl::StatusOr<std::shared_ptr<const core::ConfigMap>> GetConfigMap(std::string_view,
                                                                      std::string_view) override {
    return base::NotFound("none");
  }
  absl::StatusOr<std::shared_ptr<const core::Secret>> GetSecret(std::string_view,
                                                                std::string_view name) override {
    if (name != "pull") return base::NotFound("none");
    auto secret = std::make_shared<core::Secret>();
    (*secret->mutable_data())[".dockerconfigjson"] =
        R"({"auths":{"docker.io":{"username":"me","password":"pw"}}})";
    return secret;
  }
  std::vector<std::shared_ptr<const core::Service>> ListServices(std::string_view) override {
    return {};
  }
};

class ImagePullerTest : public ::testing::Test {
 protected:
  ImagePullerTest()
      : puller_({}, runtime_, objects_, clock_, [this](auto&&... event) { Note(event...); }) {
    pod_.mutable_metadata()->set_name("p");
    pod_.mutable_metadata()->set_uid("uid");
    container_.set_name("c");
    container_.set_image("web:1");
    *pod_.mutable_spec()->add_containers() = container_;
  }
  void Note(const core::Pod&, std::string_view type, std::string_view reason,
            std::string_view message, std::string_view field_path) {
    EXPECT_EQ(field_path, "spec.containers{c}");
    events_.push_back(base::StrCat(type, " ", reason, " ", message));
  }
  ImageResult Ensure() { return puller_.EnsureImage(pod_, container_, absl::Minutes(1)); }

  base::FakeClock clock_;
  cri::FakeRuntime runtime_{clock_};
  NoObjects objects_;
  std::vector<std::string> events_;
  CriImagePuller puller_;
  core::Pod pod_;
  core::Container container_;
};

TEST_F(ImagePullerTest, APresentImageIsNotPulled) {
  runtime_.AddImage("web:1");
  const ImageResult result = Ensure();
  EXPECT_EQ(result.reason, "");
  EXPECT_NE(result.image_ref, "");
  EXPECT_THAT(events_,
              ElementsAre("Normal Pulled Container image \"web:1\" already present on machine"));
}

TEST_F(ImagePullerTest, AnAbsentImageIsPulled) {
  runtime_.AddPullableImage("web:1");
  EXPECT_EQ(Ensure().reason, "");
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[0], "Normal Pulling Pulling image \"web:1\"");
  EXPECT_THAT(events_[1],
              StartsWith("Normal Pulled Successfully pulled image \"web:1\" in 0s (0s including "
                         "waiting). Image size: "));
}

TEST_F(ImagePullerTest, AlwaysPullsAgain) {
  runtime_.AddImage("web:latest");
  container_.set_image("web");
  EXPECT_EQ(Ensure().reason, "");
  EXPECT_THAT(runtime_.Calls(), ::testing::Contains("PullImage web:latest"));
}

TEST_F(ImagePullerTest, NeverMeansTheImageMustBeThere) {
  container_.set_image_pull_policy("Never");
  const ImageResult result = Ensure();
  EXPECT_EQ(result.reason, "ErrImageNeverPull");
  EXPECT_EQ(result.message, "Container image \"web:1\" is not present with pull policy of Never");
}

TEST_F(ImagePullerTest, AMalformedNameIsInvalid) {
  container_.set_image("UP:x y");
  const ImageResult result = Ensure();
  EXPECT_EQ(result.reason, "InvalidImageName");
  EXPECT_EQ(result.message,
            "Failed to apply default image tag \"UP:x y\": couldn't parse image name \"UP:x y\": "
            "invalid reference format");
  EXPECT_THAT(runtime_.Calls(), IsEmpty());
}

TEST_F(ImagePullerTest, FailuresBackOffFromTenToThreeHundredSeconds) {
  EXPECT_EQ(Ensure().reason, "ErrImagePull");
  EXPECT_THAT(events_[1], StartsWith("Warning Failed Failed to pull image \"web:1\": rpc error: "
                                     "code = NotFound desc = "));
  EXPECT_EQ(events_[2], "Warning Failed Error: ErrImagePull");
  for (const int seconds : {10, 20, 40, 80, 160, 300, 300}) {
    events_.clear();
    const ImageResult waiting = Ensure();
    EXPECT_EQ(waiting.reason, "ImagePullBackOff");
    EXPECT_THAT(waiting.message, StartsWith("Back-off pulling image \"web:1\""));
    EXPECT_EQ(waiting.retry_after, absl::Seconds(seconds));
    EXPECT_THAT(events_, ElementsAre("Normal BackOff Back-off pulling image \"web:1\"",
                                     "Warning Failed Error: ImagePullBackOff"));
    clock_.Advance(absl::Seconds(seconds));
    EXPECT_EQ(Ensure().reason, "ErrImagePull");
  }
  runtime_.AddPullableImage("web:1");
  clock_.Advance(absl::Seconds(300));
  EXPECT_EQ(Ensure().reason, "");
}

TEST_F(ImagePullerTest, PullsBeginNoFasterThanAllowed) {
  ImagePullerOptions options;
  options.pull_qps = 0.5;
  options.pull_burst = 2;
  CriImagePuller slow(options, runtime_, objects_, clock_, [](auto&&...) {});
  const auto pull = [&](const std::string& image) {
    runtime_.AddPullableImage(image);
    container_.set_image(image);
    return slow.EnsureImage(pod_, container_, absl::Minutes(1)).message;
  };
  EXPECT_EQ(pull("a:1"), "");
  EXPECT_EQ(pull("b:1"), "");
  EXPECT_EQ(pull("c:1"), "pull QPS exceeded");
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(pull("d:1"), "");
  EXPECT_EQ(pull("e:1"), "pull QPS exceeded");
}

TEST_F(ImagePullerTest, PullSecretsReachTheRuntime) {
  runtime_.AddPullableImage("web:1");
  pod_.mutable_spec()->add_image_pull_secrets()->set_name("gone");
  pod_.mutable_spec()->add_image_pull_secrets()->set_name("pull");
  std::string user;
  runtime_.SetHook("PullImage", [&user](const google::protobuf::Message& request) {
    user = static_cast<const cri::v1::PullImageRequest&>(request).auth().username();
    return absl::OkStatus();
  });
  EXPECT_EQ(Ensure().reason, "");
  EXPECT_EQ(user, "me");
}

TEST_F(ImagePullerTest, ConcurrentPullsOfOneImageAreOne) {
  runtime_.AddPullableImage("web:1");
  CriImagePuller puller({}, runtime_, objects_, clock_, [](auto&&...) {});
  core::Pod second = pod_;
  second.mutable_metadata()->set_uid("uid2");
  std::unique_ptr<std::thread> other;
  ImageResult joined;
  // The first pull holds until the second caller waits for it.
  runtime_.SetHook("PullImage", [&](const google::protobuf::Message&) {
    other = std::make_unique<std::thread>(
        [&] { joined = puller.EnsureImage(second, container_, absl::Minutes(1)); });
    while (puller.waiting() == 0) std::this_thread::yield();
    return absl::OkStatus();
  });
  const ImageResult first = puller.EnsureImage(pod_, container_, absl::Minutes(1));
  other->join();
  EXPECT_EQ(first.reason, "");
  EXPECT_EQ(joined.reason, "");
  EXPECT_EQ(joined.image_ref, first.image_ref);
  const auto calls = runtime_.Calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "PullImage web:1"), 1);
}

}  // namespace
}  // namespace berth::agent
