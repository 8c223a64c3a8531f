// SPDX-License-Identifier: Apache-2.0
#include "client/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "api/proto/core/v1/references.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "client/event_correlator.h"
#include "client/fake_api_server.h"

namespace berth::client {
namespace {

using api::core::v1::Event;
using testing::HasSubstr;
using testing::StartsWith;

class EventRecorderTest : public testing::Test {
 protected:
  EventRecorderTest() {
    object_.mutable_metadata()->set_namespace_("ns");
    object_.mutable_metadata()->set_name("thing");
    object_.mutable_metadata()->set_uid("u-1");
  }
  // The transport answers in the writer's own call, so that one thread runs everything.
  class InlineExecutor : public base::Executor {
   public:
    void Post(Task task) override { task(); }
  };
  std::vector<Event> Written() {
    writer_.RunAll();
    api::core::v1::EventList list;
    EXPECT_TRUE(api_.List(kEvents, "", {}, list).ok());
    return {list.items().begin(), list.items().end()};
  }

  FakeApiServer server_;
  InlineExecutor inline_;
  base::ManualExecutor writer_;
  base::FakeClock clock_;
  ApiClient api_{MakeInProcessTransport(server_.handler(), inline_, {})};
  api::core::v1::ConfigMap object_;
  EventRecorder recorder_{api_, writer_, clock_, "kubelet", "node-1"};
};

TEST_F(EventRecorderTest, WritesWhatDescribeShows) {
  recorder_.Record(object_, "Warning", "Failed", "it broke", "spec.containers{app}");
  const auto events = Written();
  ASSERT_EQ(events.size(), 1u);
  const Event& event = events[0];
  EXPECT_EQ(event.metadata().namespace_(), "ns");
  EXPECT_THAT(event.metadata().name(), StartsWith("thing.1797"));  // 1.7e18 ns in hex
  EXPECT_EQ(event.involved_object().kind(), "ConfigMap");
  EXPECT_EQ(event.involved_object().api_version(), "v1");
  EXPECT_EQ(event.involved_object().uid(), "u-1");
  EXPECT_EQ(event.involved_object().field_path(), "spec.containers{app}");
  EXPECT_EQ(event.type(), "Warning");
  EXPECT_EQ(event.reason(), "Failed");
  EXPECT_EQ(event.message(), "it broke");
  EXPECT_EQ(event.count(), 1);
  EXPECT_EQ(event.source().component(), "kubelet");
  EXPECT_EQ(event.source().host(), "node-1");
  EXPECT_EQ(event.reporting_component(), "kubelet");
  EXPECT_EQ(event.reporting_instance(), "node-1");
  EXPECT_EQ(event.first_timestamp().seconds(), 1'700'000'000);
}

TEST_F(EventRecorderTest, RepeatsRaiseTheCount) {
  for (int i = 0; i < 3; ++i) {
    recorder_.Record(object_, "Normal", "Pulled", "same");
    clock_.Advance(absl::Seconds(10));
  }
  recorder_.Record(object_, "Normal", "Pulled", "different");
  const auto events = Written();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].count(), 3);
  EXPECT_EQ(events[0].first_timestamp().seconds(), 1'700'000'000);
  EXPECT_EQ(events[0].last_timestamp().seconds(), 1'700'000'020);
  EXPECT_EQ(events[1].count(), 1);
}

TEST_F(EventRecorderTest, AnExpiredEventIsMadeAnew) {
  recorder_.Record(object_, "Normal", "Pulled", "same");
  const auto name = Written().at(0).metadata().name();
  server_.Remove(kEvents, "ns", name);
  recorder_.Record(object_, "Normal", "Pulled", "same");
  const auto events = Written();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].count(), 2);
}

TEST_F(EventRecorderTest, WaitsForAServerThatIsAwayAndGivesUpInTheEnd) {
  server_.FailNext(3, 503);
  recorder_.Record(object_, "Normal", "Pulled", "one");
  for (int i = 0; i < 3; ++i) {
    writer_.RunAll();
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_EQ(Written().size(), 1u);
  server_.FailNext(12, 503);
  recorder_.Record(object_, "Normal", "Pulled", "lost");
  recorder_.Record(object_, "Normal", "Pulled", "written");
  for (int i = 0; i < 13; ++i) {
    writer_.RunAll();
    clock_.Advance(absl::Seconds(10));
  }
  const auto events = Written();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].message(), "written");
}

TEST_F(EventRecorderTest, TakesAReferenceForAnObject) {
  api::core::v1::ObjectReference node;
  node.set_kind("Node");
  node.set_api_version("v1");
  node.set_name("node-1");
  node.set_uid("node-1");
  recorder_.Record(node, "Normal", "NodeReady", "ready");
  const auto events = Written();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].metadata().namespace_(), "default");
  EXPECT_EQ(events[0].involved_object().name(), "node-1");
}

TEST(EventCorrelator, AnObjectThatSpeaksTooOftenIsHeldBack) {
  EventCorrelator correlator;
  RecordedEvent event{.kind = "Pod", .name = "p", .when = absl::FromUnixSeconds(1000)};
  int passed = 0;
  for (int i = 0; i < 100; ++i) {
    event.message = std::to_string(i);
    passed += !correlator.Decide(event).drop;
  }
  EXPECT_EQ(passed, 25);
  event.name = "other";
  EXPECT_FALSE(correlator.Decide(event).drop);
  event.name = "p";
  event.when += absl::Minutes(5);
  EXPECT_FALSE(correlator.Decide(event).drop);
  event.message = "again";
  EXPECT_TRUE(correlator.Decide(event).drop);
}

}  // namespace
}  // namespace berth::client
