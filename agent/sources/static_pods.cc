// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/static_pods.h"

#include <filesystem>

#include "agent/sources/static_pod.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "http/client.h"

namespace berth::agent {
namespace {

constexpr char kFiles[] = "file";
constexpr char kUrl[] = "http";
// Changes come in bursts: a write, a rename.
constexpr absl::Duration kSettle = absl::Milliseconds(50);
constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr absl::Duration kFetchTimeout = absl::Seconds(10);

}  // namespace

StaticPods::StaticPods(Options options, kernel::Inotify* inotify, Fetch fetch,
                       base::Executor& executor, base::Clock& clock, Hooks hooks)
    : options_(std::move(options)),
      inotify_(inotify),
      fetch_(std::move(fetch)),
      clock_(clock),
      hooks_(std::move(hooks)),
      folder_(options_.path, options_.node_name),
      queue_(executor, clock, [this](const std::string& key) { Handle(key); }) {
  if (!options_.path.empty()) silent_.insert(kFiles);
  if (!options_.url.empty()) silent_.insert(kUrl);
}

StaticPods::~StaticPods() { Stop(); }

void StaticPods::Start() {
  std::set<std::string> sources;
  {
    base::MutexLock lock(mu_);
    sources = silent_;
  }
  for (const auto& source : sources) queue_.Add(source);
}

void StaticPods::Stop() {
  queue_.Stop();
  if (inotify_ != nullptr && watch_.has_value()) inotify_->Unwatch(*watch_);
  watch_.reset();
}

void StaticPods::Handle(const std::string& key) { key == kFiles ? ReadFiles() : ReadUrl(); }

// Before the folder is read, so that nothing is missed in between.
void StaticPods::Watch() {
  if (inotify_ == nullptr || (watch_.has_value() && inotify_->Watching(*watch_))) return;
  watch_.reset();
  auto id = inotify_->Watch(options_.path, [this] { queue_.AddAfter(kFiles, kSettle); });
  if (id.ok()) {
    watch_ = *id;
  } else if (!absl::IsNotFound(id.status())) {
    BERTH_WARNING("static pods are looked for from time to time only", {"error", id.status()});
  }
}

void StaticPods::ReadFiles() {
  Watch();
  const auto reading = folder_.Read(clock_.Now());
  queue_.AddAfter(kFiles, reading.ok() && reading->look_again ? kLookAgain : options_.file_check);
  if (!reading.ok()) {
    BERTH_WARNING("static pods cannot be read", {"path", options_.path},
                  {"error", reading.status()});
    return;
  }
  for (const auto& problem : reading->problems) {
    BERTH_ERROR("static pod manifest is not usable", {"problem", problem});
    hooks_.problem(problem);
  }
  Take(kFiles, reading->pods);
}

void StaticPods::ReadUrl() {
  queue_.AddAfter(kUrl, options_.url_check);
  auto text = fetch_(options_);
  if (text.ok() && *text == url_text_) return;
  absl::Status problem = text.status();
  if (text.ok()) {
    auto pods = ReadManifest(*text, {ManifestOrigin::Kind::kUrl, options_.url, options_.node_name},
                             clock_.Now());
    problem = pods.status();
    if (pods.ok()) {
      url_text_ = *std::move(text);
      url_problem_.clear();
      return Take(kUrl, *pods);
    }
  }
  // What was there before stays.
  const std::string told = base::StrCat(options_.url, ": ", problem.message());
  if (told == url_problem_) return;
  url_problem_ = told;
  BERTH_ERROR("static pod manifest is not usable", {"problem", told});
  hooks_.problem(told);
}

void StaticPods::Take(const std::string& source, const std::vector<PodPtr>& pods) {
  // Held over the hooks, which put keys on queues: two sources must not swap what they say.
  base::MutexLock lock(mu_);
  std::map<std::string, PodPtr> now;
  for (const auto& pod : pods) now[pod->metadata().uid()] = pod;
  auto& before = pods_[source];
  for (const auto& [uid, pod] : before) {
    if (now.contains(uid)) continue;
    BERTH_INFO("static pod is gone", {"pod", api::KeyOf(*pod)}, {"uid", uid});
    hooks_.lost(pod);
  }
  for (auto& [uid, pod] : now) {
    const auto it = before.find(uid);
    if (it != before.end()) {
      pod = it->second;  // with the time when it was first seen
      continue;
    }
    BERTH_INFO("static pod is there", {"pod", api::KeyOf(*pod)}, {"uid", uid}, {"source", source});
    hooks_.deliver(pod);
  }
  before = std::move(now);
  if (silent_.erase(source) > 0 && silent_.empty()) hooks_.ready();
}

StaticPods::Fetch MakeManifestFetch(http::IoContext& io) {
  return [&io](const StaticPods::Options& options) -> absl::StatusOr<std::string> {
    std::string_view rest = options.url;
    http::ClientOptions target;
    if (rest.starts_with("https://")) {
      target.tls.emplace();
      rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
      target.port = 80;
      rest.remove_prefix(7);
    } else {
      return base::InvalidArgument("staticPodURL: want http:// or https://");
    }
    const size_t slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    http::Request request;
    request.target = slash == rest.npos ? "/" : std::string(rest.substr(slash));
    request.headers.Set("Host", authority);
    const size_t colon = authority.rfind(':');
    if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
      const auto port = base::ParseInt<uint16_t>(authority.substr(colon + 1));
      if (!port.has_value()) return base::InvalidArgument("staticPodURL: the port is no number");
      target.port = *port;
      authority = authority.substr(0, colon);
    }
    if (authority.starts_with('[') && authority.ends_with(']')) {
      authority = authority.substr(1, authority.size() - 2);
    }
    target.host = std::string(authority);
    for (const auto& [name, values] : options.url_header) {
      for (const auto& value : values) request.headers.Add(name, value);
    }
    ASSIGN_OR_RETURN(const auto client, http::MakeClient(io, std::move(target)));
    ASSIGN_OR_RETURN(http::Response response, client->Do(request, kFetchTimeout));
    if (response.status != 200) return base::Unavailable("status ", response.status);
    if (response.body.empty()) return base::InvalidArgument("zero-length data received");
    return std::move(response.body);
  };
}

}  // namespace berth::agent
