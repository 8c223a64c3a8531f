// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cri/connection.h"
#include "cri/grpc_status.h"
#include "cri/proto/containerd_events.pb.h"
#include "cri/proto/containerd_events_service.grpc.pb.h"

namespace berth::cri {
namespace {

namespace containerd = ::containerd::services::events::v1;

std::optional<EventKind> KindOf(v1::ContainerEventType type) {
  switch (type) {
    case v1::CONTAINER_CREATED_EVENT:
      return EventKind::kCreated;
    case v1::CONTAINER_STARTED_EVENT:
      return EventKind::kStarted;
    case v1::CONTAINER_STOPPED_EVENT:
      return EventKind::kStopped;
    case v1::CONTAINER_DELETED_EVENT:
      return EventKind::kDeleted;
    default:
      return std::nullopt;
  }
}

template <class Message>
std::optional<std::string> IdIn(const google::protobuf::Any& any) {
  Message message;
  if (!message.ParseFromString(any.value())) return std::nullopt;
  if constexpr (requires { message.container_id(); }) {
    return message.container_id();
  } else {
    return message.id();
  }
}

// Execs have an id of their own and do not concern the container.
template <class Message>
std::optional<Event> FromExit(const google::protobuf::Any& any) {
  Message exit;
  if (!exit.ParseFromString(any.value())) return std::nullopt;
  if (!exit.id().empty() && exit.id() != exit.container_id()) return std::nullopt;
  return Event{EventKind::kStopped, exit.container_id()};
}

std::optional<Event> FromEnvelope(const containerd::Envelope& envelope) {
  const auto with = [](EventKind kind, std::optional<std::string> id) -> std::optional<Event> {
    if (!id.has_value()) return std::nullopt;
    return Event{kind, *std::move(id)};
  };
  const std::string& topic = envelope.topic();
  const auto& any = envelope.event();
  if (topic == "/tasks/start") {
    return with(EventKind::kStarted, IdIn<::containerd::events::TaskStart>(any));
  }
  if (topic == "/tasks/exit") return FromExit<::containerd::events::TaskExit>(any);
  if (topic == "/tasks/delete") return FromExit<::containerd::events::TaskDelete>(any);
  if (topic == "/tasks/oom") return with(EventKind::kOom, IdIn<::containerd::events::TaskOOM>(any));
  if (topic == "/containers/create") {
    return with(EventKind::kCreated, IdIn<::containerd::events::ContainerCreate>(any));
  }
  if (topic == "/containers/delete") {
    return with(EventKind::kDeleted, IdIn<::containerd::events::ContainerDelete>(any));
  }
  return std::nullopt;
}

}  // namespace

// One blocking reader on one thread of the executor; Stop cancels its call.
class GrpcEventSource : public EventSource {
 public:
  GrpcEventSource(GrpcRuntime::Connection& connection, base::Executor& executor, base::Clock& clock)
      : connection_(connection), executor_(executor), clock_(clock) {}
  ~GrpcEventSource() override { Stop(); }

  void Start(Handler handler) override {
    handler_ = std::move(handler);
    base::MutexLock l(mu_);
    PostRound();
  }

  void Stop() override {
    base::MutexLock l(mu_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    // A timer that has fired is on its way to the executor and counts as running.
    if (timer_ != 0 && clock_.Cancel(timer_)) --running_;
    timer_ = 0;
    while (running_ > 0) ended_.Wait(mu_);
  }

 private:
  void PostRound() BERTH_REQUIRES(mu_) {
    ++running_;
    executor_.Post([this] { Round(); });
  }

  // One connection from begin to end, then a pause.
  void Round() {
    absl::Status status = absl::CancelledError("stopping");
    bool connected = false;
    if (native_) {
      status = ReadNative(connected);
      if (absl::IsUnimplemented(status)) native_ = false;
    }
    if (!native_) status = ReadContainerd(connected);
    if (connected) handler_({EventKind::kDisconnected, ""});
    const bool unsupported = absl::IsUnimplemented(status);
    if (unsupported) handler_({EventKind::kUnsupported, ""});
    base::MutexLock l(mu_);
    if (!stopping_ && !unsupported) {
      BERTH_WARNING("runtime event stream ended", {"error", status});
      ++running_;
      const auto pause = absl::Milliseconds(connected ? 200 : 1000);
      timer_ = clock_.After(pause, [this] {
        base::MutexLock timer_lock(mu_);
        timer_ = 0;
        if (!stopping_) PostRound();
        if (--running_ == 0) ended_.NotifyAll();
      });
    }
    if (--running_ == 0) ended_.NotifyAll();
  }

  // False when Stop came first.
  bool Publish(grpc::ClientContext* context) {
    base::MutexLock l(mu_);
    context_ = stopping_ ? nullptr : context;
    return !stopping_ || context == nullptr;
  }

  absl::Status ReadNative(bool& connected) {
    grpc::ClientContext context;
    if (!Publish(&context)) return absl::CancelledError("stopping");
    auto reader = connection_.runtime->GetContainerEvents(&context, v1::GetEventsRequest());
    // A server without events answers at once; one with events sends its headers with the first
    // event only, so nothing can be said before that. The relist covers the time until then.
    v1::ContainerEventResponse event;
    while (reader->Read(&event)) {
      MarkConnected(connected);
      if (const auto kind = KindOf(event.container_event_type())) {
        handler_({*kind, event.container_id()});
      }
    }
    Publish(nullptr);
    return FromGrpc(reader->Finish());
  }

  absl::Status ReadContainerd(bool& connected) {
    grpc::ClientContext context;
    if (!Publish(&context)) return absl::CancelledError("stopping");
    context.AddMetadata("containerd-namespace", "k8s.io");
    containerd::SubscribeRequest request;
    for (const char* topic : {"/tasks/start", "/tasks/exit", "/tasks/delete", "/tasks/oom",
                              "/containers/create", "/containers/delete"}) {
      request.add_filters(base::StrCat("namespace==k8s.io,topic==\"", topic, "\""));
    }
    auto stub = containerd::Events::NewStub(connection_.channel);
    auto reader = stub->Subscribe(&context, request);
    if (connection_.channel->GetState(false) == GRPC_CHANNEL_READY) MarkConnected(connected);
    containerd::Envelope envelope;
    while (reader->Read(&envelope)) {
      MarkConnected(connected);
      if (const auto event = FromEnvelope(envelope)) handler_(*event);
    }
    Publish(nullptr);
    return FromGrpc(reader->Finish());
  }

  void MarkConnected(bool& connected) {
    if (connected) return;
    connected = true;
    handler_({EventKind::kConnected, ""});
  }

  GrpcRuntime::Connection& connection_;
  base::Executor& executor_;
  base::Clock& clock_;
  Handler handler_;
  bool native_ = true;  // touched by the reading thread only
  base::Mutex mu_;
  base::CondVar ended_;
  grpc::ClientContext* context_ BERTH_GUARDED_BY(mu_) = nullptr;
  base::Clock::TimerId timer_ BERTH_GUARDED_BY(mu_) = 0;
  int running_ BERTH_GUARDED_BY(mu_) = 0;
  bool stopping_ BERTH_GUARDED_BY(mu_) = false;
};

std::unique_ptr<EventSource> GrpcRuntime::MakeEventSource(base::Executor& executor,
                                                          base::Clock& clock) {
  return std::make_unique<GrpcEventSource>(*connection_, executor, clock);
}

}  // namespace berth::cri
