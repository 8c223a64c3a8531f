// SPDX-License-Identifier: Apache-2.0
// A runtime that keeps its state in memory and obeys the CRI's contract: sandboxes with addresses,
// containers that start, exit when told to and stop, images that are there or not. For tests of
// whoever uses cri::Runtime. Thread-safe.
#ifndef BERTH_CRI_FAKE_RUNTIME_H_
#define BERTH_CRI_FAKE_RUNTIME_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "cri/event_stream.h"
#include "cri/runtime.h"

namespace google::protobuf {
class Message;
}

namespace berth::cri {

class FakeRuntime : public Runtime {
 public:
  explicit FakeRuntime(base::Clock& clock);
  ~FakeRuntime() override;

  // Runs before a call of that name, outside every lock: it may fail the call, wait, or look at the
  // request. An empty hook takes it away.
  using Hook = std::function<absl::Status(const google::protobuf::Message& request)>;
  void SetHook(std::string_view method, Hook hook);
  void FailNext(std::string_view method, absl::Status status, int times = 1);
  // What ExecSync answers; without it, exit code 0 and no output.
  using ExecHandler =
      std::function<absl::Status(const v1::ExecSyncRequest&, v1::ExecSyncResponse&)>;
  void SetExec(ExecHandler exec);
  // An image that is present. Pulls of any other one fail with NotFound unless it is pullable.
  void AddImage(std::string_view reference, std::string_view user = "");
  void AddPullableImage(std::string_view reference);

  // The process of a running container ends by itself.
  void Exit(std::string_view container_id, int code, std::string_view reason = "");
  // The sandbox dies with its containers, as after a reboot.
  void KillSandbox(std::string_view sandbox_id);
  // A container whose process ignores SIGTERM: StopContainer kills it with 137.
  void IgnoreTerm(std::string_view container_name);

  // Every call so far: "RunPodSandbox default/web", "CreateContainer app", "StopContainer app 30".
  std::vector<std::string> Calls() const;
  void ClearCalls();
  // The id of the newest container of that name that exists; "" when there is none.
  std::string FindContainer(std::string_view name) const;
  std::string FindSandbox(std::string_view pod_uid) const;
  size_t running() const;     // containers that run
  size_t containers() const;  // containers that exist
  size_t sandboxes() const;
  // What the newest container or sandbox was made of, as text format of its config; for tests of
  // what reaches the runtime.
  std::string ContainerConfigText(std::string_view container_id) const;

  // An event source whose events come on the thread that changes the state.
  std::unique_ptr<EventSource> MakeEventSource();

#define BERTH_CRI_METHOD(service, method)                                            \
  absl::Status method(const v1::method##Request& request, v1::method##Response& out, \
                      absl::Duration timeout) override;
  BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

 private:
  struct Sandbox;
  struct Container;
  struct State;
  class Source;

  // Counts the call, runs its hook and its injected failure.
  absl::Status Enter(std::string_view method, const google::protobuf::Message& request,
                     std::string log);
  void Emit(EventKind kind, const std::string& id);
  void EndContainer(Container& container, int code, std::string_view reason);

  base::Clock& clock_;
  mutable base::Mutex mu_;
  std::unique_ptr<State> state_ BERTH_GUARDED_BY(mu_);
  base::Mutex events_mu_;
  EventSource::Handler handler_ BERTH_GUARDED_BY(events_mu_);
};

}  // namespace berth::cri

#endif  // BERTH_CRI_FAKE_RUNTIME_H_
