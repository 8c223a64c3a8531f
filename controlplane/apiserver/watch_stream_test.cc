// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/watch_stream.h"

#include <gmock/gmock.h>

#include <sstream>

#include "controlplane/apiserver/api_fixture.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

class WatchTest : public ApiFixture {
 protected:
  std::string MakeMap(const std::string& name, const std::string& label = "") {
    json body{{"metadata", {{"name", name}}}};
    if (!label.empty()) body["metadata"]["labels"]["l"] = label;
    return Make(kMaps, body.dump())["metadata"]["resourceVersion"];
  }
  void Label(const std::string& name, const std::string& value) {
    const json patch{{"metadata", {{"labels", {{"l", value}}}}}};
    EXPECT_EQ(
        Call("PATCH", std::string(kMaps) + "/" + name, patch.dump(), "application/merge-patch+json")
            ->response()
            .status,
        200);
  }
  Answer Watch(const std::string& query, http::Headers headers = {}) {
    return Call("GET", std::string(kMaps) + "?watch=1&" + query, "", "", std::move(headers));
  }
};

TEST_F(WatchTest, BeginsWithWhatThereIsAndGoesOn) {
  MakeMap("a");
  const Answer watch = Watch("");
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED a"));
  MakeMap("b");
  Label("a", "1");
  Call("DELETE", std::string(kMaps) + "/b");
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED a", "ADDED b", "MODIFIED a", "DELETED b"));
}

TEST_F(WatchTest, GoesOnFromARevision) {
  const std::string revision = MakeMap("a");
  MakeMap("b");
  const Answer watch = Watch("resourceVersion=" + revision);
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED b"));
  MakeMap("c");
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED b", "ADDED c"));
}

TEST_F(WatchTest, HearsOnlyItsNamespace) {
  const Answer watch = Watch("");
  Make("/api/v1/namespaces/kube-public/configmaps", R"({"metadata":{"name":"other"}})");
  EXPECT_THAT(watch->Events(), IsEmpty());
}

TEST_F(WatchTest, ObjectsEnterAndLeaveASelection) {
  MakeMap("a", "no");
  const Answer watch = Watch("labelSelector=l=yes");
  EXPECT_THAT(watch->Events(), IsEmpty());
  Label("a", "yes");
  Label("a", "no");
  Call("DELETE", std::string(kMaps) + "/a");
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED a", "DELETED a"));
}

TEST_F(WatchTest, EndsWhenItsTimeIsUp) {
  const Answer watch = Watch("timeoutSeconds=5");
  EXPECT_FALSE(watch->finished);
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(watch->finished);
  MakeMap("a");
  EXPECT_THAT(watch->Events(), IsEmpty());
}

TEST_F(WatchTest, BookmarksTellTheRevision) {
  const Answer watch = Watch("allowWatchBookmarks=true");
  MakeMap("a");
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED a", "BOOKMARK "));
  EXPECT_THAT(watch->response().body,
              HasSubstr("\"resourceVersion\":\"" + std::to_string(store_->revision()) + "\""));
}

TEST_F(WatchTest, InitialEventsEndWithAMark) {
  MakeMap("a");
  const Answer watch =
      Watch("sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan");
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED a", "BOOKMARK "));
  EXPECT_THAT(watch->response().body, HasSubstr("\"k8s.io/initial-events-end\":\"true\""));
}

// The store forgets, and so, after a restart, does the cache.
TEST_F(WatchTest, ACompactedRevisionIsToldAsAnErrorEvent) {
  const std::string revision = MakeMap("a");
  MakeMap("b");
  ASSERT_TRUE(store_->Compact(store_->revision()).ok());
  Restart();
  const Answer watch = Watch("resourceVersion=" + revision);
  EXPECT_EQ(watch->response().status, 200);
  EXPECT_TRUE(watch->finished);
  const json event = json::parse(watch->response().body);
  EXPECT_EQ(event["type"], "ERROR");
  EXPECT_EQ(event["object"]["code"], 410);
  EXPECT_EQ(event["object"]["reason"], "Expired");
}

TEST_F(WatchTest, GoesOnAcrossARestartFromTheStoresHistory) {
  const std::string revision = MakeMap("a");
  MakeMap("b");
  Call("DELETE", std::string(kMaps) + "/a");
  Restart();
  const Answer watch = Watch("resourceVersion=" + revision);
  EXPECT_THAT(watch->Events(), ElementsAre("ADDED b", "DELETED a"));
}

TEST_F(WatchTest, AClientThatFallsBehindIsCutOff) {
  const Answer watch = Watch("");
  watch->queued = 100 << 20;
  MakeMap("a");
  EXPECT_TRUE(watch->finished);
}

TEST_F(WatchTest, NothingIsSentToAClientThatHasGone) {
  const Answer watch = Watch("");
  watch->disconnect();
  MakeMap("a");
  EXPECT_THAT(watch->Events(), IsEmpty());
}

TEST_F(WatchTest, TablesCarryTheirColumnsOnce) {
  const Answer watch = Watch("", {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}});
  MakeMap("a");
  MakeMap("b");
  std::istringstream lines(watch->response().body);
  std::string first;
  std::string second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(json::parse(first)["object"]["columnDefinitions"].size(), 3u);
  EXPECT_TRUE(json::parse(second)["object"]["columnDefinitions"].empty());
}

TEST(WatchFrame, IsAJsonLineOrALengthAndAWatchEvent) {
  EXPECT_EQ(WatchFrame("ADDED", "{}", Negotiated::Format::kJson),
            "{\"type\":\"ADDED\",\"object\":{}}\n");
  EXPECT_EQ(WatchFrame("A", "xy", Negotiated::Format::kProto), std::string("\0\0\0\x09\x0a\x01"
                                                                           "A\x12\x04\x0a\x02xy",
                                                                           13));
}

}  // namespace
}  // namespace berth::controlplane
