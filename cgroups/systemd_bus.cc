// SPDX-License-Identifier: Apache-2.0
#include "cgroups/systemd_bus.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::cgroups {
namespace {

constexpr char kService[] = "org.freedesktop.systemd1";
constexpr char kManagerPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kPrivateSocket[] = "unix:path=/run/systemd/private";
constexpr char kMode[] = "replace";

struct UnrefBus {
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
struct UnrefMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error); }
};

absl::Status ToStatus(const sd_bus_error& error, int code) {
  const std::string_view name = error.name == nullptr ? "" : error.name;
  const std::string text = error.message == nullptr ? "" : error.message;
  if (name.ends_with(".UnitExists")) return base::AlreadyExists(text);
  if (name.ends_with(".NoSuchUnit")) return base::NotFound(text);
  if (name.ends_with(".NoReply") || name.ends_with(".Timeout") || code == -ETIMEDOUT) {
    return base::MakeStatus(absl::StatusCode::kDeadlineExceeded, "systemd does not answer");
  }
  if (text.empty()) return base::FromErrno(-code, "asking systemd");
  return base::WithContext(base::FromErrno(-code, text), "systemd");
}

int AppendValue(sd_bus_message* to, bool value) {
  return sd_bus_message_append(to, "v", "b", static_cast<int>(value));
}
int AppendValue(sd_bus_message* to, uint64_t value) {
  return sd_bus_message_append(to, "v", "t", value);
}
int AppendValue(sd_bus_message* to, const std::string& value) {
  return sd_bus_message_append(to, "v", "s", value.c_str());
}
int AppendValue(sd_bus_message* to, const std::vector<std::string>& values) {
  std::vector<char*> texts;
  for (const std::string& value : values) texts.push_back(const_cast<char*>(value.c_str()));
  texts.push_back(nullptr);
  int r = sd_bus_message_open_container(to, 'v', "as");
  if (r >= 0) r = sd_bus_message_append_strv(to, texts.data());
  return r < 0 ? r : sd_bus_message_close_container(to);
}

int AppendProperties(sd_bus_message* to, const UnitProperties& properties) {
  int r = sd_bus_message_open_container(to, 'a', "(sv)");
  for (const UnitProperty& property : properties) {
    if (r >= 0) r = sd_bus_message_open_container(to, 'r', "sv");
    if (r >= 0) r = sd_bus_message_append(to, "s", property.name.c_str());
    if (r >= 0) r = std::visit([&](const auto& v) { return AppendValue(to, v); }, property.value);
    if (r >= 0) r = sd_bus_message_close_container(to);
  }
  return r < 0 ? r : sd_bus_message_close_container(to);
}

// A connection and the jobs that ended while it was there. One thread.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(absl::Time deadline) {
    auto connection = std::unique_ptr<Connection>(new Connection(deadline));
    sd_bus* bus = nullptr;
    int r = sd_bus_new(&bus);
    if (r < 0) return base::FromErrno(-r, "making a bus connection");
    connection->bus_.reset(bus);
    r = sd_bus_set_address(bus, kPrivateSocket);
    if (r >= 0) r = sd_bus_start(bus);
    if (r < 0) {
      connection->direct_ = false;
      bus = nullptr;
      r = sd_bus_open_system(&bus);
      if (r < 0) return base::FromErrno(-r, "connecting to systemd");
      connection->bus_.reset(bus);
    }
    return connection;
  }

  absl::StatusOr<Message> NewCall(const char* member) {
    sd_bus_message* message = nullptr;
    const int r = sd_bus_message_new_method_call(bus_.get(), &message, kService, kManagerPath,
                                                 kManager, member);
    if (r < 0) return base::FromErrno(-r, member);
    return Message(message);
  }

  absl::StatusOr<Message> Call(sd_bus_message* call) {
    BusError error;
    sd_bus_message* reply = nullptr;
    const int r = sd_bus_call(bus_.get(), call, LeftUs(), &error.error, &reply);
    if (r < 0) return ToStatus(error.error, r);
    return Message(reply);
  }

  // Before the call that makes the job: its end may be told before the answer comes.
  absl::Status WatchJobs() {
    if (!direct_) {
      ASSIGN_OR_RETURN(const Message subscribe, NewCall("Subscribe"));
      RETURN_IF_ERROR(Call(subscribe.get()).status());
    }
    // A direct connection has no names, hence no sender.
    const int r = sd_bus_match_signal(bus_.get(), nullptr, direct_ ? nullptr : kService,
                                      kManagerPath, kManager, "JobRemoved", &OnJobRemoved, this);
    return r < 0 ? base::FromErrno(-r, "watching systemd's jobs") : absl::OkStatus();
  }

  absl::Status CallAndWait(sd_bus_message* call) {
    ASSIGN_OR_RETURN(const Message reply, Call(call));
    const char* job = nullptr;
    int r = sd_bus_message_read(reply.get(), "o", &job);
    if (r < 0) return base::FromErrno(-r, "reading systemd's answer");
    while (!results_.contains(job)) {
      r = sd_bus_process(bus_.get(), nullptr);
      if (r == 0) {
        if (LeftUs() <= 1) {
          return base::MakeStatus(absl::StatusCode::kDeadlineExceeded, "its job has not ended");
        }
        r = sd_bus_wait(bus_.get(), LeftUs());
      }
      if (r < 0 && r != -EINTR) return base::FromErrno(-r, "waiting for systemd");
    }
    const std::string& result = results_[job];
    if (result == "done" || result == "skipped") return absl::OkStatus();
    return base::Unavailable("its job ended as ", result);
  }

 private:
  explicit Connection(absl::Time deadline) : deadline_(deadline) {}

  // 0 would stand for the library's own time-out.
  uint64_t LeftUs() const {
    return static_cast<uint64_t>(
        std::max<int64_t>(absl::ToInt64Microseconds(deadline_ - absl::Now()), 1));
  }

  static int OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error*) {
    uint32_t id = 0;
    const char *job = nullptr, *unit = nullptr, *result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0) {
      static_cast<Connection*>(self)->results_[job] = result;
    }
    return 0;
  }

  const absl::Time deadline_;
  bool direct_ = true;
  std::unique_ptr<sd_bus, UnrefBus> bus_;
  std::map<std::string, std::string> results_;  // by the job's path
};

class SystemdBus : public UnitManager {
 public:
  explicit SystemdBus(absl::Duration timeout) : timeout_(timeout) {}

  absl::Status Start(std::string_view unit, const UnitProperties& properties) override {
    ASSIGN_OR_RETURN(const auto connection, Connection::Open(absl::Now() + timeout_));
    RETURN_IF_ERROR(connection->WatchJobs());
    ASSIGN_OR_RETURN(const Message call, connection->NewCall("StartTransientUnit"));
    int r = sd_bus_message_append(call.get(), "ss", std::string(unit).c_str(), kMode);
    if (r >= 0) r = AppendProperties(call.get(), properties);
    if (r >= 0) r = sd_bus_message_append(call.get(), "a(sa(sv))", 0);
    if (r < 0) return base::FromErrno(-r, "writing a message");
    return connection->CallAndWait(call.get());
  }

  absl::Status SetProperties(std::string_view unit, const UnitProperties& properties) override {
    ASSIGN_OR_RETURN(const auto connection, Connection::Open(absl::Now() + timeout_));
    ASSIGN_OR_RETURN(const Message call, connection->NewCall("SetUnitProperties"));
    const int until_boot = 1;
    int r = sd_bus_message_append(call.get(), "sb", std::string(unit).c_str(), until_boot);
    if (r >= 0) r = AppendProperties(call.get(), properties);
    if (r < 0) return base::FromErrno(-r, "writing a message");
    return connection->Call(call.get()).status();
  }

  absl::Status Stop(std::string_view unit) override {
    ASSIGN_OR_RETURN(const auto connection, Connection::Open(absl::Now() + timeout_));
    RETURN_IF_ERROR(connection->WatchJobs());
    ASSIGN_OR_RETURN(const Message call, connection->NewCall("StopUnit"));
    const int r = sd_bus_message_append(call.get(), "ss", std::string(unit).c_str(), kMode);
    if (r < 0) return base::FromErrno(-r, "writing a message");
    const absl::Status status = connection->CallAndWait(call.get());
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }

 private:
  const absl::Duration timeout_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UnitManager>> ConnectSystemd(absl::Duration timeout) {
  if (sd_booted() <= 0) {
    return base::FailedPrecondition(
        "cgroup driver systemd: systemd is not the init system here; use cgroupfs");
  }
  RETURN_IF_ERROR(Connection::Open(absl::Now() + timeout).status());
  return std::make_unique<SystemdBus>(timeout);
}

}  // namespace berth::cgroups
