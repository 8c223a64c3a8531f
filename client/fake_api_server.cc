// SPDX-License-Identifier: Apache-2.0
#include "client/fake_api_server.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "api/codec.h"
#include "api/patch.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::client {
namespace {

using google::protobuf::FieldDescriptor;
using Object = std::shared_ptr<const api::Message>;

constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";
constexpr std::string_view kJson = "application/json";

// What a path names.
struct Place {
  std::string collection;  // "/api/v1/pods": a resource across namespaces
  std::string namespace_;
  std::string name;
  std::string subresource;
  std::string key() const { return api::KeyOf(namespace_, name); }
};

std::optional<Place> Locate(std::string_view path) {
  auto parts = base::Split(path.substr(path.starts_with('/') ? 1 : 0), '/');
  const size_t prefix = parts[0] == "api" ? 2 : 3;
  if ((parts[0] != "api" && parts[0] != "apis") || parts.size() <= prefix) return std::nullopt;
  Place out;
  for (size_t i = 0; i < prefix; ++i) base::StrAppend(out.collection, "/", parts[i]);
  size_t at = prefix;
  if (parts[at] == "namespaces" && parts.size() > at + 2) {
    out.namespace_ = parts[at + 1];
    at += 2;
  }
  base::StrAppend(out.collection, "/", parts[at]);
  if (parts.size() > at + 1) out.name = parts[at + 1];
  if (parts.size() > at + 2) out.subresource = parts[at + 2];
  return out;
}

std::string Frame(bool json, std::string_view type, const api::Message& object) {
  api::meta::v1::WatchEvent event;
  event.set_type(std::string(type));
  event.mutable_object()->set_raw(json ? api::EncodeJson(object) : api::EncodeProto(object));
  if (json) return api::EncodeJson(event) + "\n";
  const std::string body = event.SerializeAsString();
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(body.size() >> shift & 0xff));
  }
  return out + body;
}

api::meta::v1::Status Failure(int code, std::string_view reason, std::string_view message) {
  api::meta::v1::Status out;
  out.set_status("Failure");
  out.set_code(code);
  out.set_reason(std::string(reason));
  out.set_message(std::string(message));
  return out;
}

std::string_view ReasonOf(int code) {
  switch (code) {
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 410:
      return "Expired";
    case 429:
      return "TooManyRequests";
    default:
      return "InternalError";
  }
}

// Which kinds the resources have that tests use; the rest by the first object that is put.
std::string KindOfPlural(std::string_view plural) {
  static constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"pods", "Pod"},
      {"nodes", "Node"},
      {"services", "Service"},
      {"endpoints", "Endpoints"},
      {"configmaps", "ConfigMap"},
      {"secrets", "Secret"},
      {"namespaces", "Namespace"},
      {"serviceaccounts", "ServiceAccount"},
      {"events", "Event"},
      {"endpointslices", "EndpointSlice"},
      {"leases", "Lease"},
      {"deployments", "Deployment"},
      {"replicasets", "ReplicaSet"},
      {"daemonsets", "DaemonSet"},
      {"controllerrevisions", "ControllerRevision"},
      {"jobs", "Job"},
      {"cronjobs", "CronJob"},
      {"poddisruptionbudgets", "PodDisruptionBudget"},
      {"certificatesigningrequests", "CertificateSigningRequest"},
      {"clusterroles", "ClusterRole"},
      {"runtimeclasses", "RuntimeClass"}};
  for (const auto& [name, kind] : kKinds) {
    if (name == plural) return std::string(kind);
  }
  return "";
}

api::GroupVersionKind KindAt(std::string_view collection) {
  const auto parts = base::Split(collection.substr(1), '/');
  const std::string kind = KindOfPlural(parts.back());
  return parts[0] == "api"
             ? api::GroupVersionKind{"", std::string(parts[1]), kind}
             : api::GroupVersionKind{std::string(parts[1]), std::string(parts[2]), kind};
}

}  // namespace

struct FakeApiServer::State : std::enable_shared_from_this<FakeApiServer::State> {
  struct Watch {
    std::string collection;
    std::string namespace_;
    bool json;
    bool bookmarks;
    std::shared_ptr<http::Exchange> exchange;
  };
  struct Past {
    int64_t version;
    std::string collection;
    std::string type;
    Object object;
  };

  mutable base::Mutex mu;
  int64_t version BERTH_GUARDED_BY(mu) = 100;
  int64_t oldest BERTH_GUARDED_BY(mu) = 0;
  std::map<std::string, std::map<std::string, Object>> objects BERTH_GUARDED_BY(mu);
  std::vector<Past> past BERTH_GUARDED_BY(mu);
  std::vector<Watch> watches BERTH_GUARDED_BY(mu);
  std::vector<std::string> requests BERTH_GUARDED_BY(mu);
  int fail_requests BERTH_GUARDED_BY(mu) = 0;
  int fail_code BERTH_GUARDED_BY(mu) = 0;
  std::atomic<bool> json_only = false;
  int page_size BERTH_GUARDED_BY(mu) = 1 << 20;

  void Handle(const std::shared_ptr<http::Exchange>& exchange);
  void List(http::Exchange& exchange, const Place& place, const http::Target& target);
  void StartWatch(const std::shared_ptr<http::Exchange>& exchange, const Place& place,
                  const http::Target& target);
  void Change(http::Exchange& exchange, const Place& place);
  std::unique_ptr<api::Message> Patched(const http::Request& request, const api::Message& before,
                                        absl::Status& status);
  Object Store(const std::string& collection, const api::Message& object) BERTH_REQUIRES(mu);
  void Erase(const std::string& collection, const std::string& key) BERTH_REQUIRES(mu);
  void Happened(const std::string& collection, std::string_view type, Object object)
      BERTH_REQUIRES(mu);
  void Answer(http::Exchange& exchange, int code, const api::Message& object) const;
  void Refuse(http::Exchange& exchange, int code, std::string_view reason,
              std::string_view message) const {
    Answer(exchange, code, Failure(code, reason, message));
  }
  std::vector<Watch> TakeWatches() {
    base::MutexLock lock(mu);
    return std::exchange(watches, {});
  }
};

namespace {

bool WantsJson(const http::Exchange& exchange) {
  return exchange.request().headers.Get("Accept").find(kProtobuf) == std::string_view::npos;
}

absl::StatusOr<std::unique_ptr<api::Message>> BodyOf(const http::Request& request) {
  return request.headers.Get("Content-Type").starts_with(kProtobuf)
             ? api::DecodeProtoObject(request.body)
             : api::DecodeJsonObject(request.body);
}

}  // namespace

void FakeApiServer::State::Answer(http::Exchange& exchange, int code,
                                  const api::Message& object) const {
  const bool json = json_only || WantsJson(exchange);
  http::Response response{code, {}, json ? api::EncodeJson(object) : api::EncodeProto(object)};
  response.headers.Set("Content-Type", json ? kJson : kProtobuf);
  exchange.Respond(std::move(response));
}

void FakeApiServer::State::Happened(const std::string& collection, std::string_view type,
                                    Object object) {
  past.push_back({version, collection, std::string(type), object});
  const auto* meta = api::MetaOf(*object);
  for (const Watch& watch : watches) {
    if (watch.collection != collection) continue;
    if (!watch.namespace_.empty() && watch.namespace_ != meta->namespace_()) continue;
    watch.exchange->Write(Frame(watch.json, type, *object));
  }
}

Object FakeApiServer::State::Store(const std::string& collection, const api::Message& object) {
  std::shared_ptr<api::Message> stored(object.New());
  stored->CopyFrom(object);
  auto* meta = api::MutableMetaOf(*stored);
  meta->set_resource_version(base::StrCat(++version));
  Object& slot = objects[collection][api::KeyOf(*stored)];
  if (meta->uid().empty()) {
    meta->set_uid(slot != nullptr ? api::MetaOf(*slot)->uid() : base::StrCat("uid-", version));
  }
  const bool is_new = slot == nullptr;
  slot = stored;
  Happened(collection, is_new ? "ADDED" : "MODIFIED", stored);
  return stored;
}

void FakeApiServer::State::Erase(const std::string& collection, const std::string& key) {
  auto& all = objects[collection];
  const auto it = all.find(key);
  if (it == all.end()) return;
  std::shared_ptr<api::Message> last(it->second->New());
  last->CopyFrom(*it->second);
  api::MutableMetaOf(*last)->set_resource_version(base::StrCat(++version));
  all.erase(it);
  Happened(collection, "DELETED", last);
}

void FakeApiServer::State::List(http::Exchange& exchange, const Place& place,
                                const http::Target& target) {
  api::GroupVersionKind kind = KindAt(place.collection);
  kind.kind += "List";
  const auto list = api::NewObject(kind);
  if (list == nullptr) return Refuse(exchange, 404, "NotFound", "no such resource");
  const auto* items = list->GetDescriptor()->FindFieldByName("items");
  auto* meta = api::MutableListMetaOf(*list);
  {
    base::MutexLock lock(mu);
    int limit = base::ParseInt<int>(target.Get("limit")).value_or(1 << 20);
    limit = std::min(limit, page_size);
    const std::string after(target.Get("continue"));
    const auto& all = objects[place.collection];
    auto it = after.empty() ? all.begin() : all.upper_bound(after);
    for (; it != all.end() && limit > 0; ++it) {
      if (!place.namespace_.empty() && api::SplitKey(it->first).first != place.namespace_) continue;
      list->GetReflection()->AddMessage(list.get(), items)->CopyFrom(*it->second);
      meta->set_continue_(it->first);
      --limit;
    }
    if (it == all.end()) meta->clear_continue_();
    meta->set_resource_version(base::StrCat(version));
  }
  Answer(exchange, 200, *list);
}

void FakeApiServer::State::StartWatch(const std::shared_ptr<http::Exchange>& exchange,
                                      const Place& place, const http::Target& target) {
  const bool json = json_only || WantsJson(*exchange);
  const auto from = base::ParseInt<int64_t>(target.Get("resourceVersion")).value_or(0);
  {
    base::MutexLock lock(mu);
    if (from < oldest) {
      return Refuse(*exchange, 410, "Expired",
                    base::StrCat("too old resource version: ", from, " (", oldest, ")"));
    }
    const std::string type = base::StrCat(json ? kJson : kProtobuf, ";stream=watch");
    exchange->Start(200, {{"Content-Type", type}});
    for (const Past& event : past) {
      if (event.version <= from || event.collection != place.collection) continue;
      const auto* meta = api::MetaOf(*event.object);
      if (!place.namespace_.empty() && meta->namespace_() != place.namespace_) continue;
      exchange->Write(Frame(json, event.type, *event.object));
    }
    watches.push_back({place.collection, place.namespace_, json,
                       target.Get("allowWatchBookmarks") == "true", exchange});
  }
  exchange->OnDisconnect([weak = weak_from_this(), gone = exchange.get()] {
    const auto state = weak.lock();
    if (state == nullptr) return;
    std::shared_ptr<http::Exchange> dropped;
    base::MutexLock inner(state->mu);
    std::erase_if(state->watches, [&](Watch& watch) {
      if (watch.exchange.get() != gone) return false;
      dropped = std::move(watch.exchange);
      return true;
    });
  });
}

std::unique_ptr<api::Message> FakeApiServer::State::Patched(const http::Request& request,
                                                            const api::Message& before,
                                                            absl::Status& status) {
  const auto type = request.headers.Get("Content-Type");
  const std::string document = api::EncodeJson(before);
  auto text = type == "application/json-patch+json" ? api::JsonPatch(document, request.body)
              : type == "application/merge-patch+json"
                  ? api::MergePatch(document, request.body)
                  : api::StrategicMergePatch(*before.GetDescriptor(), document, request.body);
  std::unique_ptr<api::Message> after(before.New());
  status = text.ok() ? api::DecodeJson(*text, *after) : text.status();
  return after;
}

void FakeApiServer::State::Change(http::Exchange& exchange, const Place& place) {
  const http::Request& request = exchange.request();
  Object stored;
  {
    base::MutexLock lock(mu);
    const auto& all = objects[place.collection];
    const auto it = all.find(place.key());
    if (it != all.end()) stored = it->second;
  }
  if (request.method != "POST" && stored == nullptr) {
    return Refuse(exchange, 404, "NotFound", base::StrCat("\"", place.name, "\" not found"));
  }
  if (request.method == "DELETE") {
    base::MutexLock lock(mu);
    Erase(place.collection, place.key());
    return Answer(exchange, 200, *stored);
  }
  std::unique_ptr<api::Message> object;
  if (request.method == "PATCH") {
    absl::Status status;
    object = Patched(request, *stored, status);
    if (!status.ok()) return Refuse(exchange, 422, "Invalid", base::Message(status));
  } else {
    auto body = BodyOf(request);
    if (!body.ok()) return Refuse(exchange, 400, "BadRequest", base::Message(body.status()));
    object = *std::move(body);
    if (!place.namespace_.empty()) {
      api::MutableMetaOf(*object)->set_namespace_(place.namespace_);
    }
  }
  base::MutexLock lock(mu);
  const auto& all = objects[place.collection];
  const auto it = all.find(api::KeyOf(*object));
  if (request.method == "POST" && it != all.end()) {
    return Refuse(exchange, 409, "AlreadyExists",
                  base::StrCat("\"", api::MetaOf(*object)->name(), "\" already exists"));
  }
  const std::string& based_on = api::MetaOf(*object)->resource_version();
  if (request.method == "PUT" && it != all.end() && !based_on.empty() &&
      based_on != api::MetaOf(*it->second)->resource_version()) {
    return Refuse(exchange, 409, "Conflict", "the object has been modified");
  }
  Answer(exchange, request.method == "POST" ? 201 : 200, *Store(place.collection, *object));
}

void FakeApiServer::State::Handle(const std::shared_ptr<http::Exchange>& exchange) {
  const http::Request& request = exchange->request();
  int fail = 0;
  {
    base::MutexLock lock(mu);
    requests.push_back(base::StrCat(request.method, " ", request.target));
    if (fail_requests > 0) {
      --fail_requests;
      fail = fail_code;
    }
  }
  if (fail != 0) return Refuse(*exchange, fail, ReasonOf(fail), "failing on command");
  if (json_only && request.headers.Get("Content-Type").starts_with(kProtobuf)) {
    return exchange->Respond({415, {{"Content-Type", "text/plain"}}, "no protobuf here"});
  }
  const http::Target target = http::Target::Parse(request.target);
  const auto place = Locate(target.path);
  if (!place) return Refuse(*exchange, 404, "NotFound", "the server could not find the resource");
  if (request.method != "GET") return Change(*exchange, *place);
  if (place->name.empty()) {
    return target.Get("watch") == "true" ? StartWatch(exchange, *place, target)
                                         : List(*exchange, *place, target);
  }
  Object found;
  {
    base::MutexLock lock(mu);
    const auto& all = objects[place->collection];
    const auto it = all.find(place->key());
    if (it != all.end()) found = it->second;
  }
  if (found == nullptr) {
    return Refuse(*exchange, 404, "NotFound", base::StrCat("\"", place->name, "\" not found"));
  }
  Answer(*exchange, 200, *found);
}

FakeApiServer::FakeApiServer() : state_(std::make_shared<State>()) {}

FakeApiServer::~FakeApiServer() { EndWatches(); }

http::Handler FakeApiServer::handler() {
  return [state = state_](std::shared_ptr<http::Exchange> exchange) { state->Handle(exchange); };
}

int64_t FakeApiServer::Put(const Resource& resource, const api::Message& object) {
  base::MutexLock lock(state_->mu);
  state_->Store(resource.Path(), object);
  return state_->version;
}

void FakeApiServer::Remove(const Resource& resource, std::string_view namespace_,
                           std::string_view name) {
  base::MutexLock lock(state_->mu);
  state_->Erase(resource.Path(), api::KeyOf(namespace_, name));
}

std::unique_ptr<api::Message> FakeApiServer::Get(const Resource& resource,
                                                 std::string_view namespace_,
                                                 std::string_view name) const {
  base::MutexLock lock(state_->mu);
  const auto& all = state_->objects[resource.Path()];
  const auto it = all.find(api::KeyOf(namespace_, name));
  if (it == all.end()) return nullptr;
  std::unique_ptr<api::Message> out(it->second->New());
  out->CopyFrom(*it->second);
  return out;
}

size_t FakeApiServer::Count(const Resource& resource) const {
  base::MutexLock lock(state_->mu);
  return state_->objects[resource.Path()].size();
}

void FakeApiServer::SendBookmarks() {
  base::MutexLock lock(state_->mu);
  for (const auto& watch : state_->watches) {
    if (!watch.bookmarks) continue;
    const auto object = api::NewObject(KindAt(watch.collection));
    api::MutableMetaOf(*object)->set_resource_version(base::StrCat(state_->version));
    watch.exchange->Write(Frame(watch.json, "BOOKMARK", *object));
  }
}

void FakeApiServer::EndWatches() {
  for (const auto& watch : state_->TakeWatches()) watch.exchange->Finish();
}

void FakeApiServer::BreakWatches() { state_->TakeWatches(); }

void FakeApiServer::FailWatches(int code) {
  for (const auto& watch : state_->TakeWatches()) {
    watch.exchange->Write(
        Frame(watch.json, "ERROR", Failure(code, ReasonOf(code), "failing on command")));
    watch.exchange->Finish();
  }
}

void FakeApiServer::ForgetHistory() {
  base::MutexLock lock(state_->mu);
  state_->oldest = ++state_->version;
  state_->past.clear();
}

void FakeApiServer::FailNext(int requests, int code) {
  base::MutexLock lock(state_->mu);
  state_->fail_requests = requests;
  state_->fail_code = code;
}

void FakeApiServer::SpeakJsonOnly() { state_->json_only = true; }

void FakeApiServer::SetPageSize(int objects) {
  base::MutexLock lock(state_->mu);
  state_->page_size = objects;
}

size_t FakeApiServer::watches() const {
  base::MutexLock lock(state_->mu);
  return state_->watches.size();
}

std::vector<std::string> FakeApiServer::requests() const {
  base::MutexLock lock(state_->mu);
  return state_->requests;
}

}  // namespace berth::client
