// SPDX-License-Identifier: Apache-2.0
#include "controlplane/tables/table.h"

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"

namespace berth::controlplane {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(HumanDuration, ReadsAsKubectls) {
  const std::pair<absl::Duration, const char*> cases[] = {
      {absl::Seconds(0), "0s"},          {absl::Seconds(119), "119s"},
      {absl::Seconds(120), "2m"},        {absl::Seconds(125), "2m5s"},
      {absl::Minutes(10), "10m"},        {absl::Minutes(179), "179m"},
      {absl::Minutes(185), "3h5m"},      {absl::Hours(8), "8h"},
      {absl::Hours(47), "47h"},          {absl::Hours(50), "2d2h"},
      {absl::Hours(24 * 8), "8d"},       {absl::Hours(24 * 729), "729d"},
      {absl::Hours(24 * 731), "2y1d"},   {absl::Seconds(-1), "0s"},
      {absl::Seconds(-10), "<invalid>"}, {absl::Hours(24 * 365 * 9), "9y"}};
  for (const auto& [duration, text] : cases) EXPECT_EQ(HumanDuration(duration), text);
}

struct PodCase {
  const char* what;
  const char* json;
  const char* ready;
  const char* status;
  const char* restarts;
};

// READY, STATUS and RESTARTS as upstream's printer derives them.
TEST(PodTable, DerivesTheStatus) {
  const PodCase cases[] = {
      {"just made", R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Pending"}})", "0/1",
       "Pending", "0"},
      {"running",
       R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]},"status":{"phase":"Running","containerStatuses":[{"name":"a","ready":true,"state":{"running":{}}},{"name":"b","state":{"running":{}}}]}})",
       "1/2", "Running", "0"},
      {"crashing",
       R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running","containerStatuses":[{"name":"a","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"2023-11-14T22:12:50Z"}}}]}})",
       "0/1", "CrashLoopBackOff", "3 (30s ago)"},
      {"ended with an error",
       R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":3,"reason":"Error"}}}]}})",
       "0/1", "Error", "0"},
      {"ended without a reason",
       R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":3}}}]}})",
       "0/1", "ExitCode:3", "0"},
      {"killed by a signal",
       R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":137,"signal":9}}}]}})",
       "0/1", "Signal:9", "0"},
      {"completed beside a running one",
       R"({"spec":{"containers":[{"name":"a"},{"name":"b"}]},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"name":"a","state":{"terminated":{"reason":"Completed"}}},{"name":"b","ready":true,"state":{"running":{}}}]}})",
       "1/2", "NotReady", "0"},
      {"initializing",
       R"({"spec":{"initContainers":[{"name":"i"},{"name":"j"}],"containers":[{"name":"a"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"j","state":{"running":{}}}],"containerStatuses":[{"name":"a","state":{"waiting":{"reason":"PodInitializing"}}}]}})",
       "0/1", "Init:1/2", "0"},
      {"init failed",
       R"({"spec":{"initContainers":[{"name":"i"}],"containers":[{"name":"a"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}})",
       "0/1", "Init:CrashLoopBackOff", "2"},
      {"with a sidecar",
       R"({"spec":{"initContainers":[{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"a"}]},"status":{"phase":"Running","initContainerStatuses":[{"name":"s","started":true,"ready":true,"restartCount":1,"state":{"running":{}}}],"containerStatuses":[{"name":"a","ready":true,"state":{"running":{}}}]}})",
       "2/2", "Running", "1"},
      {"being deleted",
       R"({"metadata":{"deletionTimestamp":"2023-11-14T22:12:50Z"},"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Running"}})",
       "0/1", "Terminating", "0"},
      {"evicted",
       R"({"spec":{"containers":[{"name":"a"}]},"status":{"phase":"Failed","reason":"Evicted"}})",
       "0/1", "Evicted", "0"}};
  for (const PodCase& test : cases) {
    api::core::v1::Pod pod;
    const absl::Status status = api::DecodeJson(test.json, pod);
    ASSERT_TRUE(status.ok()) << test.what << status;
    const auto row = PrinterFor("", "Pod").row(pod, kNow);
    ASSERT_EQ(row.size(), PrinterFor("", "Pod").columns.size());
    EXPECT_EQ(row[1], TextCell(test.ready)) << test.what;
    EXPECT_EQ(row[2], TextCell(test.status)) << test.what;
    EXPECT_EQ(row[3], TextCell(test.restarts)) << test.what;
  }
}

TEST(ServiceTable, ShowsPortsWithTheirNodePorts) {
  api::core::v1::Service service;
  ASSERT_TRUE(
      api::DecodeJson(
          R"({"metadata":{"name":"s"},"spec":{"type":"NodePort","clusterIP":"10.96.0.5","selector":{"b":"2","a":"1"},"ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}})",
          service)
          .ok());
  const auto row = PrinterFor("", "Service").row(service, kNow);
  EXPECT_EQ(row[3], R"("\u003cnone\u003e")");  // as upstream escapes its JSON
  EXPECT_EQ(row[4], "\"80:30080/TCP,53/UDP\"");
  EXPECT_EQ(row[6], "\"a=1,b=2\"");
}

TEST(PrinterFor, FallsBackToNameAndAge) {
  EXPECT_EQ(PrinterFor("storage.k8s.io", "CSINode").columns.size(), 2u);
}

}  // namespace
}  // namespace berth::controlplane
