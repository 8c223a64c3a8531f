// SPDX-License-Identifier: Apache-2.0
#include "client/api_client.h"

#include <utility>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "client/api_error.h"
#include "client/query.h"

namespace berth::client {
namespace {

constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEither = "application/vnd.kubernetes.protobuf,application/json";

std::string_view ContentTypeOf(PatchType type) {
  switch (type) {
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";
  }
  return "";
}

absl::Status Decode(const http::Response& response, api::Message& out) {
  if (IsProtobuf(response.headers.Get("Content-Type"))) {
    return api::DecodeProto(response.body, out);
  }
  return api::DecodeJson(response.body, out);
}

}  // namespace

ApiClient::ApiClient(std::unique_ptr<Transport> transport, absl::Duration timeout)
    : transport_(std::move(transport)), timeout_(timeout) {}
ApiClient::~ApiClient() = default;

absl::Status ApiClient::Call(std::string_view method, std::string target, const api::Message* body,
                             std::string_view raw_body, std::string_view content_type,
                             api::Message* out) {
  http::Request request;
  request.method = method;
  request.target = std::move(target);
  // A server without protobuf says 406 or 415 once; from then on everything is JSON.
  for (bool again = true;;) {
    const bool json = json_only_;
    request.headers.Set("Accept", json ? kJson : kEither);
    if (body != nullptr) {
      request.body = json ? api::EncodeJson(*body) : api::EncodeProto(*body);
      request.headers.Set("Content-Type", json ? kJson : kProtobuf);
    } else if (!raw_body.empty()) {
      request.body = raw_body;
      request.headers.Set("Content-Type", content_type);
    }
    auto response = transport_->Do(request, timeout_);
    if (!response.ok()) {
      if (absl::IsDeadlineExceeded(response.status()) || absl::IsCancelled(response.status())) {
        return base::Unavailable(response.status().message());
      }
      return std::move(response).status();
    }
    if (response->status < 400) {
      return out != nullptr ? Decode(*response, *out) : absl::OkStatus();
    }
    const bool refused_format =
        response->status == 406 || (response->status == 415 && body != nullptr);
    if (refused_format && !json && std::exchange(again, false)) {
      json_only_ = true;
      continue;
    }
    return ErrorFrom(response->status, response->headers.Get("Content-Type"), response->body);
  }
}

absl::Status ApiClient::Get(const Resource& resource, std::string_view namespace_,
                            std::string_view name, api::Message& out,
                            std::string_view resource_version) {
  Query query(resource.Path(namespace_, name));
  query.Add("resourceVersion", resource_version);
  return Call("GET", query.Take(), nullptr, "", "", &out);
}

absl::Status ApiClient::List(const Resource& resource, std::string_view namespace_,
                             const ListOptions& options, api::Message& out_list) {
  Query query(resource.Path(namespace_));
  query.Add("labelSelector", options.label_selector);
  query.Add("fieldSelector", options.field_selector);
  query.Add("resourceVersion", options.resource_version);
  if (options.limit > 0) query.Add("limit", base::StrCat(options.limit));
  query.Add("continue", options.continue_token);
  return Call("GET", query.Take(), nullptr, "", "", &out_list);
}

absl::Status ApiClient::Write(std::string_view method, const Resource& resource,
                              std::string_view subresource, const api::Message& object,
                              api::Message* out) {
  const auto* meta = api::MetaOf(object);
  if (meta == nullptr) return base::Internal(object.GetTypeName(), " has no metadata");
  const std::string_view name = method == "POST" ? std::string_view() : meta->name();
  return Call(method, resource.Path(meta->namespace_(), name, subresource), &object, "", "", out);
}

absl::Status ApiClient::Create(const Resource& resource, const api::Message& object,
                               api::Message* out) {
  return Write("POST", resource, "", object, out);
}

absl::Status ApiClient::Update(const Resource& resource, const api::Message& object,
                               api::Message* out) {
  return Write("PUT", resource, "", object, out);
}

absl::Status ApiClient::UpdateStatus(const Resource& resource, const api::Message& object,
                                     api::Message* out) {
  return Write("PUT", resource, "status", object, out);
}

absl::Status ApiClient::UpdateSubresource(const Resource& resource, std::string_view subresource,
                                          const api::Message& object, api::Message* out) {
  return Write("PUT", resource, subresource, object, out);
}

absl::Status ApiClient::CreateSubresource(const Resource& resource, std::string_view namespace_,
                                          std::string_view name, std::string_view subresource,
                                          const api::Message& object, api::Message* out) {
  return Call("POST", resource.Path(namespace_, name, subresource), &object, "", "", out);
}

absl::Status ApiClient::Patch(const Resource& resource, std::string_view namespace_,
                              std::string_view name, std::string_view subresource, PatchType type,
                              std::string_view patch, api::Message* out) {
  Query query(resource.Path(namespace_, name, subresource));
  if (type == PatchType::kApply) {
    query.Add("fieldManager", "berth");
    query.Add("force", "true");
  }
  return Call("PATCH", query.Take(), nullptr, patch, ContentTypeOf(type), out);
}

absl::Status ApiClient::Delete(const Resource& resource, std::string_view namespace_,
                               std::string_view name, const DeleteOptions& options) {
  api::meta::v1::DeleteOptions body;
  if (options.grace_period_seconds) body.set_grace_period_seconds(*options.grace_period_seconds);
  if (!options.uid.empty()) body.mutable_preconditions()->set_uid(options.uid);
  if (!options.propagation_policy.empty()) {
    body.set_propagation_policy(options.propagation_policy);
  }
  const bool plain = body.ByteSizeLong() == 0;
  return Call("DELETE", resource.Path(namespace_, name), plain ? nullptr : &body, "", "", nullptr);
}

}  // namespace berth::client
