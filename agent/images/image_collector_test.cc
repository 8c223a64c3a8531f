// SPDX-License-Identifier: Apache-2.0
#include "agent/images/image_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Images of given sizes, and containers that are made of them.
class ImagesRuntime : public cri::FakeRuntime {
 public:
  using FakeRuntime::FakeRuntime;
  absl::Status ListImages(const cri::v1::ListImagesRequest&, cri::v1::ListImagesResponse& out,
                          absl::Duration) override {
    for (const auto& image : images) *out.add_images() = image;
    return status;
  }
  absl::Status ListContainers(const cri::v1::ListContainersRequest&,
                              cri::v1::ListContainersResponse& out, absl::Duration) override {
    for (const auto& ref : in_use) out.add_containers()->set_image_ref(ref);
    return absl::OkStatus();
  }
  absl::Status Status(const cri::v1::StatusRequest& request, cri::v1::StatusResponse& out,
                      absl::Duration) override {
    if (request.verbose()) (*out.mutable_info())["config"] = R"({"sandboxImage":"pause:1"})";
    return absl::OkStatus();
  }
  absl::Status RemoveImage(const cri::v1::RemoveImageRequest& request,
                           cri::v1::RemoveImageResponse&, absl::Duration) override {
    if (before_removal) before_removal();
    if (!refuse.ok()) return refuse;
    removed.push_back(request.image().image());
    std::erase_if(images, [&](const auto& i) { return i.id() == request.image().image(); });
    return absl::OkStatus();
  }
  void Add(const std::string& name, int64_t bytes = 100, bool pinned = false) {
    cri::v1::Image image;
    image.set_id(base::StrCat("id-", name));
    image.add_repo_tags(name);
    image.set_size(static_cast<uint64_t>(bytes));
    image.set_pinned(pinned);
    images.push_back(std::move(image));
  }

  std::vector<cri::v1::Image> images;
  std::vector<std::string> in_use, removed;
  absl::Status status, refuse;
  std::function<void()> before_removal;
};

class ImageCollectorTest : public ::testing::Test {
 protected:
  void Begin() {
    ImageCollector::Hooks hooks;
    hooks.event = [this](std::string_view, std::string_view reason, std::string_view message) {
      events_.push_back(base::StrCat(reason, ": ", message));
    };
    hooks.disk = [this](const std::string&) { return disk_; };
    collector_ = std::make_unique<ImageCollector>(policy_, runtime_, leases_, executor_, clock_,
                                                  std::move(hooks));
  }
  // Two looks, so that all images are old enough.
  absl::Status CollectLater() {
    if (collector_ == nullptr) Begin();
    const DiskSpace now = std::exchange(disk_, {1000, 1000});
    EXPECT_TRUE(collector_->Collect().ok());
    disk_ = now;
    clock_.Advance(absl::Minutes(5));
    return collector_->Collect();
  }

  CollectionPolicy policy_;
  DiskSpace disk_{1000, 100};  // 90 % in use: 100 are to be freed
  base::FakeClock clock_;
  base::ManualExecutor executor_;
  ImagesRuntime runtime_{clock_};
  ImageLeases leases_{clock_};
  std::vector<std::string> events_;
  std::unique_ptr<ImageCollector> collector_;
};

TEST(BytesToFree, FromTheHighToTheLowMark) {
  const CollectionPolicy policy{.high_percent = 85, .low_percent = 80};
  EXPECT_EQ(BytesToFree(policy, 1000, 200), 0);
  EXPECT_EQ(BytesToFree(policy, 1000, 160), 0);
  EXPECT_EQ(BytesToFree(policy, 1000, 151), 49);  // whole percents count
  EXPECT_EQ(BytesToFree(policy, 1000, 150), 50);
  EXPECT_EQ(BytesToFree(policy, 1000, 0), 200);
  EXPECT_EQ(BytesToFree(policy, 0, 0), 0);
  EXPECT_EQ(BytesToFree(policy, 1000, 5000), 0);
}

TEST_F(ImageCollectorTest, NothingGoesWhileThereIsRoom) {
  runtime_.Add("a");
  disk_ = {1000, 200};
  EXPECT_TRUE(CollectLater().ok());
  EXPECT_THAT(runtime_.removed, IsEmpty());
}

TEST_F(ImageCollectorTest, TheLeastRecentlyUsedGoUntilThereIsEnough) {
  for (const char* name : {"never", "once", "now"}) runtime_.Add(name, 60);
  runtime_.in_use = {"id-once", "id-now"};
  Begin();
  disk_ = {1000, 1000};
  ASSERT_TRUE(collector_->Collect().ok());
  runtime_.in_use = {"id-now"};
  clock_.Advance(absl::Minutes(5));
  disk_ = {1000, 150};
  ASSERT_TRUE(collector_->Collect().ok());
  EXPECT_THAT(runtime_.removed, ElementsAre("id-never"));
  disk_ = {1000, 150};
  ASSERT_TRUE(collector_->Collect().ok());
  EXPECT_THAT(runtime_.removed, ElementsAre("id-never", "id-once"));
}

TEST_F(ImageCollectorTest, WhatIsUsedPinnedOrTheSandboxesStays) {
  runtime_.Add("by-id");
  runtime_.Add("by-name");
  runtime_.Add("pinned", 100, true);
  runtime_.Add("pause:1");
  runtime_.in_use = {"id-by-id", "by-name"};
  EXPECT_FALSE(CollectLater().ok());
  EXPECT_THAT(runtime_.removed, IsEmpty());
  EXPECT_THAT(events_,
              ElementsAre("FreeDiskSpaceFailed: Failed to garbage collect required amount of "
                          "images. Attempted to free 100 bytes, but only found 0 bytes eligible "
                          "to free."));
}

TEST_F(ImageCollectorTest, AYoungImageStays) {
  runtime_.Add("young");
  Begin();
  EXPECT_FALSE(collector_->Collect().ok());
  clock_.Advance(absl::Minutes(2));
  EXPECT_TRUE(collector_->Collect().ok());
  EXPECT_THAT(runtime_.removed, ElementsAre("id-young"));
}

TEST_F(ImageCollectorTest, UnusedForLongerThanTheMaximumGoesWithoutNeed) {
  disk_ = {1000, 1000};
  policy_.max_age = absl::Hours(1);
  runtime_.Add("old");
  runtime_.Add("used");
  runtime_.in_use = {"id-used"};
  Begin();
  clock_.Advance(absl::Minutes(59));
  ASSERT_TRUE(collector_->Collect().ok());
  EXPECT_THAT(runtime_.removed, IsEmpty());  // the daemon does not know yet
  clock_.Advance(absl::Minutes(2));
  ASSERT_TRUE(collector_->Collect().ok());
  EXPECT_THAT(runtime_.removed, ElementsAre("id-old"));
}

TEST_F(ImageCollectorTest, WhatSomebodyIsAboutToUseStays) {
  runtime_.Add("wanted");
  Begin();
  disk_ = {1000, 1000};
  ASSERT_TRUE(collector_->Collect().ok());
  clock_.Advance(absl::Minutes(5));
  leases_.Need("wanted");
  EXPECT_TRUE(collector_->FreeAllUnused().ok());
  EXPECT_THAT(runtime_.removed, IsEmpty());
  clock_.Advance(absl::Minutes(11));
  EXPECT_EQ(*collector_->FreeAllUnused(), 100);
  EXPECT_THAT(runtime_.removed, ElementsAre("id-wanted"));
}

TEST_F(ImageCollectorTest, WhoNeedsAnImageThatIsGoingWaitsForItsEnd) {
  runtime_.Add("a");
  Begin();
  std::thread needs;
  bool gone = false;
  runtime_.before_removal = [&] {
    needs = std::thread([&] {
      leases_.Need("a");
      EXPECT_TRUE(gone);
    });
    std::this_thread::yield();
    gone = true;
  };
  EXPECT_TRUE(collector_->FreeAllUnused().ok());
  needs.join();
}

TEST_F(ImageCollectorTest, FailuresAreToldWhenTheyRepeat) {
  policy_.high_percent = 10;
  policy_.low_percent = 5;
  runtime_.status = base::Unavailable("away");
  Begin();
  collector_->Start();
  const auto later = [&] {
    clock_.Advance(absl::Minutes(5));
    executor_.RunAll();
  };
  later();
  EXPECT_THAT(events_, IsEmpty());
  later();
  EXPECT_THAT(events_, ElementsAre("ImageGCFailed: listing images: away"));
}

TEST_F(ImageCollectorTest, AnImageThatCannotBeRemovedIsAnError) {
  runtime_.Add("stuck");
  runtime_.refuse = base::Unavailable("in use by someone");
  EXPECT_THAT(std::string(CollectLater().message()),
              HasSubstr("wanted to free 100 bytes, but freed 0 bytes space with errors in image "
                        "deletion: in use by someone"));
}

}  // namespace
}  // namespace berth::agent
