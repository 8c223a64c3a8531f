// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/fake_cluster.h"

#include "api/codec.h"
#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "client/transport.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::ReplicaSet;
using api::core::v1::Binding;
using api::core::v1::Node;
using api::core::v1::Pod;

// The exchange of a request whose body was completed on the way.
class Rewritten : public http::Exchange {
 public:
  Rewritten(std::shared_ptr<http::Exchange> inner, http::Request request)
      : inner_(std::move(inner)), request_(std::move(request)) {}
  const http::Request& request() const override { return request_; }
  const std::optional<http::PeerCertificate>& peer() const override { return inner_->peer(); }
  std::string_view remote_address() const override { return inner_->remote_address(); }
  void Respond(http::Response response) override { inner_->Respond(std::move(response)); }
  void Start(int status, http::Headers headers) override { inner_->Start(status, headers); }
  bool Write(std::string_view data) override { return inner_->Write(data); }
  size_t queued_bytes() const override { return inner_->queued_bytes(); }
  void Finish() override { inner_->Finish(); }
  absl::StatusOr<std::unique_ptr<http::Tunnel>> Upgrade(http::Headers headers) override {
    return inner_->Upgrade(std::move(headers));
  }
  void OnDisconnect(absl::AnyInvocable<void()> callback) override {
    inner_->OnDisconnect(std::move(callback));
  }

 private:
  const std::shared_ptr<http::Exchange> inner_;
  const http::Request request_;
};

std::unique_ptr<api::Message> BodyOf(const http::Request& request) {
  auto object = request.headers.Get("Content-Type").find("protobuf") != std::string_view::npos
                    ? api::DecodeProtoObject(request.body)
                    : api::DecodeJsonObject(request.body);
  return object.ok() ? *std::move(object) : nullptr;
}

http::Response Json(std::string body) {
  return {200, {{"Content-Type", "application/json"}}, std::move(body)};
}

std::string ResourceJson(std::string_view name, std::string_view kind, bool namespaced) {
  return base::StrCat(R"({"name":")", name, R"(","singularName":"","namespaced":)", namespaced,
                      R"(,"kind":")", kind, R"(","verbs":["list","delete"]})");
}

std::string Discovery(std::string_view path) {
  const auto list = [](std::string_view version, const std::vector<std::string>& resources) {
    return base::StrCat(R"({"kind":"APIResourceList","groupVersion":")", version,
                        R"(","resources":[)", base::Join(resources, ","), "]}");
  };
  if (path == "/api/v1") {
    return list("v1", {ResourceJson("pods", "Pod", true), ResourceJson("services", "Service", true),
                       ResourceJson("configmaps", "ConfigMap", true),
                       ResourceJson("serviceaccounts", "ServiceAccount", true),
                       ResourceJson("nodes", "Node", false)});
  }
  if (path == "/apis/apps/v1") {
    return list("apps/v1", {ResourceJson("deployments", "Deployment", true),
                            ResourceJson("replicasets", "ReplicaSet", true)});
  }
  if (path == "/apis") {
    return R"({"kind":"APIGroupList","groups":[{"name":"apps","versions":[],)"
           R"("preferredVersion":{"groupVersion":"apps/v1","version":"v1"}}]})";
  }
  return "";
}

}  // namespace

FakeCluster::FakeCluster() : inner_(server_.handler()), pool_("fakeapi", 8) {
  api_ = std::make_unique<client::ApiClient>(client::MakeInProcessTransport(
      [this](std::shared_ptr<http::Exchange> exchange) { Handle(std::move(exchange)); }, pool_,
      http::PeerCertificate{}));
}

FakeCluster::~FakeCluster() {
  controllers_.reset();
  server_.EndWatches();
}

void FakeCluster::Handle(std::shared_ptr<http::Exchange> exchange) {
  const http::Request& request = exchange->request();
  if (request.method == "GET") {
    const std::string text = Discovery(http::Target::Parse(request.target).path);
    return text.empty() ? inner_(std::move(exchange)) : exchange->Respond(Json(text));
  }
  std::unique_ptr<api::Message> object;
  if (request.method == "POST" || request.method == "PUT") object = BodyOf(request);
  if (object == nullptr) return inner_(std::move(exchange));
  if (const auto* binding = dynamic_cast<const Binding*>(object.get()); binding != nullptr) {
    const auto& meta = binding->metadata();
    const auto stored = server_.Get(client::kPods, meta.namespace_(), meta.name());
    if (stored == nullptr) return exchange->Respond({404, {}, ""});
    auto& pod = static_cast<Pod&>(*stored);
    pod.mutable_spec()->set_node_name(binding->target().name());
    server_.Put(client::kPods, pod);
    return exchange->Respond({201, {}, ""});
  }
  auto& meta = *api::MutableMetaOf(*object);
  if (meta.name().empty()) meta.set_name(base::StrCat(meta.generate_name(), "x", ++names_));
  if (request.method == "POST") {
    SetTime(clock_.Now(), *meta.mutable_creation_timestamp());
    meta.set_generation(1);
  } else if (auto* set = dynamic_cast<ReplicaSet*>(object.get());
             set != nullptr && !request.target.ends_with("/status")) {
    meta.set_generation(meta.generation() + 1);
  }
  http::Request changed = request;
  changed.headers.Set("Content-Type", "application/json");
  changed.body = api::EncodeJson(*object);
  inner_(std::make_shared<Rewritten>(std::move(exchange), std::move(changed)));
}

void FakeCluster::AddNode(std::string_view name) {
  Node node;
  node.mutable_metadata()->set_name(std::string(name));
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["cpu"].set_string("4");
  allocatable["memory"].set_string("8Gi");
  allocatable["pods"].set_string("110");
  auto& ready = *node.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  server_.Put(client::kNodes, node);
}

void FakeCluster::StartControllers(ControllerOptions options) {
  controllers_ = std::make_unique<Controllers>(*api_, clock_, std::move(options));
  controllers_->Start();
}

std::vector<PodPtr> FakeCluster::Pods() const {
  api::core::v1::PodList list;
  std::vector<PodPtr> pods;
  if (!api_->List(client::kPods, "", {}, list).ok()) return pods;
  for (const Pod& pod : list.items()) pods.push_back(std::make_shared<Pod>(pod));
  return pods;
}

void FakeCluster::RunBoundPods() {
  for (const PodPtr& seen : Pods()) {
    if (seen->spec().node_name().empty() || IsReady(*seen)) continue;
    Pod pod = *seen;
    pod.mutable_status()->set_phase("Running");
    pod.mutable_status()->set_pod_ip(base::StrCat("10.244.0.", ++addresses_));
    auto& ready = *pod.mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status("True");
    SetTime(clock_.Now(), *ready.mutable_last_transition_time());
    (void)api_->UpdateStatus(client::kPods, pod, nullptr);  // a conflict: at the next look
  }
}

bool FakeCluster::Until(const std::function<bool()>& done, absl::Duration timeout) {
  base::Mutex mu;
  base::CondVar never;
  const absl::Time end = clock_.Now() + timeout;
  while (!done()) {
    if (clock_.Now() > end) return false;
    RunBoundPods();
    base::MutexLock l(mu);
    never.WaitFor(mu, absl::Milliseconds(10));
  }
  return true;
}

}  // namespace berth::controlplane
