// SPDX-License-Identifier: Apache-2.0
#include "client/informer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "client/fake_api_server.h"

namespace berth::client {
namespace {

using api::core::v1::ConfigMap;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

ConfigMap Make(const std::string& name, const std::string& value = "") {
  ConfigMap out;
  out.mutable_metadata()->set_namespace_("ns");
  out.mutable_metadata()->set_name(name);
  if (!value.empty()) (*out.mutable_data())["v"] = value;
  return out;
}

class InformerTest : public testing::Test {
 protected:
  void StartInformer(InformerOptions options = {}) {
    informer_ =
        std::make_unique<Informer<ConfigMap>>(api_, executor_, clock_, kConfigMaps, options);
    informer_->OnChangeWithObjects(
        [this](const std::string& key, const auto& before, const auto& after) {
          const char* what = before == nullptr ? "+" : after == nullptr ? "-" : "*";
          events_.push_back(what + key);
        });
    informer_->Start();
    executor_.RunAll();
  }
  std::vector<std::string> Events() {
    executor_.RunAll();
    return std::exchange(events_, {});
  }
  int Lists() const { return Count("limit="); }
  int Watches() const { return Count("watch=true"); }
  int Count(std::string_view part) const {
    int out = 0;
    for (const auto& request : server_.requests()) out += request.find(part) != std::string::npos;
    return out;
  }

  FakeApiServer server_;
  base::ManualExecutor executor_;
  base::FakeClock clock_;
  ApiClient api_{MakeInProcessTransport(server_.handler(), executor_, {})};
  std::vector<std::string> events_;
  std::unique_ptr<Informer<ConfigMap>> informer_;
};

TEST_F(InformerTest, ListsThenWatches) {
  server_.Put(kConfigMaps, Make("a", "1"));
  StartInformer();
  EXPECT_TRUE(informer_->HasSynced());
  EXPECT_TRUE(informer_->WaitForSync(absl::ZeroDuration()));
  EXPECT_THAT(Events(), ElementsAre("+ns/a"));
  server_.Put(kConfigMaps, Make("b"));
  server_.Put(kConfigMaps, Make("a", "2"));
  EXPECT_THAT(Events(), ElementsAre("+ns/b", "*ns/a"));
  EXPECT_EQ(informer_->Get("ns/a")->data().at("v"), "2");
  server_.Remove(kConfigMaps, "ns", "a");
  EXPECT_THAT(Events(), ElementsAre("-ns/a"));
  EXPECT_EQ(informer_->Get("ns/a"), nullptr);
  EXPECT_EQ(informer_->size(), 1u);
}

TEST_F(InformerTest, SyncsWithAnEmptyCollection) {
  StartInformer();
  EXPECT_TRUE(informer_->HasSynced());
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(InformerTest, ReadsEveryPageOfAList) {
  for (const char* name : {"a", "b", "c", "d", "e"}) server_.Put(kConfigMaps, Make(name));
  server_.SetPageSize(2);
  StartInformer();
  EXPECT_EQ(Lists(), 3);
  EXPECT_THAT(Events(), ElementsAre("+ns/a", "+ns/b", "+ns/c", "+ns/d", "+ns/e"));
}

TEST_F(InformerTest, SpeaksJsonWithAServerThatHasNoProtobuf) {
  server_.SpeakJsonOnly();
  server_.Put(kConfigMaps, Make("a", "1"));
  StartInformer();
  server_.Put(kConfigMaps, Make("a", "2"));
  EXPECT_THAT(Events(), ElementsAre("+ns/a", "*ns/a"));
  EXPECT_EQ(informer_->Get("ns/a")->data().at("v"), "2");
}

TEST_F(InformerTest, ResumesAnEndedWatchFromTheLastVersion) {
  StartInformer();
  server_.Put(kConfigMaps, Make("a"));
  Events();
  server_.EndWatches();
  const auto version = server_.Put(kConfigMaps, Make("b"));
  EXPECT_THAT(Events(), ElementsAre("+ns/b"));
  EXPECT_EQ(Lists(), 1);
  EXPECT_EQ(Watches(), 2);
  server_.EndWatches();
  Events();
  EXPECT_THAT(server_.requests().back(),
              testing::HasSubstr("resourceVersion=" + std::to_string(version)));
}

TEST_F(InformerTest, BookmarksMoveTheVersionWithoutAnEvent) {
  StartInformer();
  server_.Put(kPods, Make("other"));  // moves the server's version on, nothing that is watched
  server_.ForgetHistory();
  server_.SendBookmarks();
  EXPECT_THAT(Events(), IsEmpty());
  server_.EndWatches();
  Events();
  EXPECT_EQ(Lists(), 1);
  EXPECT_EQ(server_.watches(), 1u);
}

TEST_F(InformerTest, ListsAgainWhenItsVersionIsTooOld) {
  server_.Put(kConfigMaps, Make("stays"));
  server_.Put(kConfigMaps, Make("changes", "1"));
  server_.Put(kConfigMaps, Make("goes"));
  StartInformer();
  Events();
  server_.BreakWatches();
  server_.Remove(kConfigMaps, "ns", "goes");
  server_.Put(kConfigMaps, Make("changes", "2"));
  server_.Put(kConfigMaps, Make("comes"));
  server_.ForgetHistory();
  const auto kept = informer_->Get("ns/stays");
  EXPECT_THAT(Events(), IsEmpty());  // backing off
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(Events(), ElementsAre("*ns/changes", "+ns/comes", "-ns/goes"));
  EXPECT_EQ(Lists(), 2);
  EXPECT_EQ(informer_->Get("ns/stays"), kept);
}

TEST_F(InformerTest, AnErrorEvent410ListsAgainAtOnce) {
  StartInformer();
  server_.FailWatches(410);
  server_.Put(kConfigMaps, Make("a"));
  EXPECT_THAT(Events(), ElementsAre("+ns/a"));
  EXPECT_EQ(Lists(), 2);
}

TEST_F(InformerTest, ABrokenWatchResumesAfterABackoff) {
  StartInformer();
  server_.BreakWatches();
  server_.Put(kConfigMaps, Make("a"));
  EXPECT_THAT(Events(), IsEmpty());
  clock_.Advance(absl::Milliseconds(799));
  EXPECT_THAT(Events(), IsEmpty());
  clock_.Advance(absl::Milliseconds(802));
  EXPECT_THAT(Events(), ElementsAre("+ns/a"));
  EXPECT_EQ(Lists(), 1);
}

TEST_F(InformerTest, BackoffGrowsWhileTheServerFails) {
  server_.FailNext(1000, 500);
  StartInformer();
  for (int i = 0; i < 600; ++i) {
    clock_.Advance(absl::Seconds(1));
    executor_.RunAll();
  }
  EXPECT_GE(Lists(), 20);  // every 30 s at the least
  EXPECT_LE(Lists(), 40);
  EXPECT_FALSE(informer_->HasSynced());
  server_.FailNext(0, 0);
  clock_.Advance(absl::Seconds(31));
  executor_.RunAll();
  EXPECT_TRUE(informer_->HasSynced());
}

TEST_F(InformerTest, AMissingResourceIsAskedForSlowly) {
  server_.FailNext(1000, 404);
  StartInformer();
  for (int i = 0; i < 100; ++i) {
    clock_.Advance(absl::Seconds(1));
    executor_.RunAll();
  }
  EXPECT_EQ(Lists(), 2);
}

TEST_F(InformerTest, WatchesThatEndAtOnceDoNotFlood) {
  StartInformer();
  for (int i = 0; i < 10; ++i) {
    server_.EndWatches();
    executor_.RunAll();
  }
  EXPECT_EQ(Watches(), 1);
  clock_.Advance(absl::Seconds(2));
  executor_.RunAll();
  EXPECT_EQ(Watches(), 2);
}

TEST_F(InformerTest, OneNamespaceSeesNoOther) {
  StartInformer({.namespace_ = "ns"});
  auto other = Make("a");
  other.mutable_metadata()->set_namespace_("other");
  server_.Put(kConfigMaps, other);
  server_.Put(kConfigMaps, Make("b"));
  EXPECT_THAT(Events(), ElementsAre("+ns/b"));
}

TEST_F(InformerTest, NoHandlerRunsOnceItIsGone) {
  StartInformer();
  server_.Put(kConfigMaps, Make("a"));  // queued, not handled yet
  informer_.reset();
  EXPECT_THAT(Events(), IsEmpty());
  EXPECT_EQ(server_.watches(), 0u);
}

TEST_F(InformerTest, MayBeDestroyedByItsOwnHandler) {
  server_.Put(kConfigMaps, Make("a"));
  server_.Put(kConfigMaps, Make("b"));
  informer_ = std::make_unique<Informer<ConfigMap>>(api_, executor_, clock_, kConfigMaps);
  int calls = 0;
  informer_->OnChange([&](const std::string&) {
    ++calls;
    informer_.reset();
  });
  informer_->Start();
  executor_.RunAll();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace berth::client
