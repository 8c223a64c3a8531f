// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/write_handler.h"

#include <google/protobuf/message.h>

#include "api/codec.h"
#include "api/patch.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/field_managers.h"
#include "controlplane/apiserver/selection.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

std::string_view PatchTypeOf(const RequestScope& scope) {
  return base::Trim(base::SplitOnce(scope.request().headers.Get("Content-Type"), ';').first);
}

absl::StatusOr<std::string> PatchedText(RequestScope& scope, const api::Message& object) {
  const std::string_view type = PatchTypeOf(scope);
  const std::string document = api::EncodeJson(object);
  const std::string& patch = scope.request().body;
  if (type == "application/json-patch+json") return api::JsonPatch(document, patch);
  if (type == "application/merge-patch+json") return api::MergePatch(document, patch);
  if (type == "application/strategic-merge-patch+json") {
    return api::StrategicMergePatch(*object.GetDescriptor(), document, patch);
  }
  return UnsupportedMediaTypeError(
      "the body of the request was in an unknown format - accepted media types include: "
      "application/json-patch+json, application/merge-patch+json, "
      "application/strategic-merge-patch+json, application/apply-patch+yaml");
}

absl::Status DecodeJudged(RequestScope& scope, std::string_view text, api::Message& into) {
  std::vector<std::string> unknown;
  const api::GroupVersionKind kind = api::KindOf(into);
  if (absl::Status status = api::DecodeJson(text, into, {.unknown = &unknown}); !status.ok()) {
    return BadRequestError(StrCat(kind.kind, " in version \"", kind.version,
                                  "\" cannot be handled as a ", kind.kind, ": ",
                                  base::Message(status)));
  }
  scope.warnings.clear();  // of an earlier attempt
  return scope.JudgeUnknown(unknown, kind.kind, kind.version);
}

absl::Status ApplyRequestConfig(RequestScope& scope, api::Message& object) {
  const absl::StatusOr<std::vector<std::string>> documents = api::YamlToJson(scope.request().body);
  if (!documents.ok()) return BadRequestError(base::Message(documents.status()));
  if (documents->size() != 1) return BadRequestError("want one document to apply");
  const std::string& config = documents->front();
  std::unique_ptr<api::Message> alone(object.New());
  RETURN_IF_ERROR(DecodeJudged(scope, config, *alone));
  if (api::MetaOf(*alone)->managed_fields_size() > 0) {
    return BadRequestError("metadata.managedFields must be nil");
  }
  const FieldManager manager = {scope.FieldManager(), scope.info.subresource,
                                scope.target.Get("force") == "true"};
  absl::Status applied = ApplyConfig(manager, scope.now, config, object);
  return absl::IsInvalidArgument(applied) ? BadRequestError(base::Message(applied)) : applied;
}

// What the options of a patch may say.
absl::Status CheckPatchOptions(const RequestScope& scope) {
  std::vector<ErrorCause> causes;
  const std::string_view manager = scope.target.Get("fieldManager");
  if (scope.IsApply() && manager.empty()) {
    causes.push_back(
        {"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"});
  }
  if (!scope.IsApply() && scope.target.Find("force").has_value()) {
    causes.push_back(
        {"FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force"});
  }
  if (manager.size() > 128) {
    causes.push_back(
        {"FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"});
  }
  if (causes.empty()) return absl::OkStatus();
  return InvalidError({.group = "meta.k8s.io", .kind = "PatchOptions"}, causes);
}

api::meta::v1::Status Success(const ResourceDescriptor& resource, const api::Message& object) {
  api::meta::v1::Status status;
  status.mutable_metadata();
  status.set_status("Success");
  auto* details = status.mutable_details();
  const auto* meta = api::MetaOf(object);
  details->set_name(meta->name());
  if (!resource.group.empty()) details->set_group(std::string(resource.group));
  details->set_kind(std::string(resource.plural));
  details->set_uid(meta->uid());
  return status;
}

// An object as it came, as it is stored: over `known`, which keeps what a view cannot say.
std::unique_ptr<api::Message> ToStored(const ResourceDescriptor& resource,
                                       std::unique_ptr<api::Message> came,
                                       const api::Message* known) {
  if (resource.view == nullptr) return came;
  std::unique_ptr<api::Message> stored = resource.Storage().NewObject();
  if (known != nullptr) stored->CopyFrom(*known);
  resource.view->to_stored(*came, *stored);
  return stored;
}

// Patches are made of what the client sees.
absl::Status PatchViewed(RequestScope& scope, api::Message& stored) {
  const View* view = scope.resource->view;
  if (view == nullptr) return ApplyRequestPatch(scope, stored);
  const std::unique_ptr<api::Message> seen = view->from_stored(stored);
  RETURN_IF_ERROR(ApplyRequestPatch(scope, *seen));
  view->to_stored(*seen, stored);
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyRequestPatch(RequestScope& scope, api::Message& object) {
  if (scope.IsApply()) return ApplyRequestConfig(scope, object);
  absl::StatusOr<std::string> text = PatchedText(scope, object);
  if (absl::IsFailedPrecondition(text.status())) {
    return UnprocessableError(base::Message(text.status()));
  }
  if (absl::IsInvalidArgument(text.status())) return BadRequestError(base::Message(text.status()));
  if (!text.ok()) return text.status();
  std::unique_ptr<api::Message> next(object.New());
  RETURN_IF_ERROR(DecodeJudged(scope, *text, *next));
  object.CopyFrom(*next);
  return absl::OkStatus();
}

absl::Status WriteHandler::Create(RequestScope& scope) const {
  std::unique_ptr<api::Message> object = scope.resource->NewObject();
  RETURN_IF_ERROR(scope.Decode(*object));
  if (scope.resource->namespaced && scope.info.namespace_.empty()) {
    return BadRequestError("an empty namespace may not be set during creation");
  }
  ASSIGN_OR_RETURN(
      const ObjectPtr made,
      registry_.Create(scope.Context(), scope.resource->Storage(), scope.info.namespace_,
                       ToStored(*scope.resource, std::move(object), nullptr)));
  scope.RespondObject(201, *made);
  return absl::OkStatus();
}

absl::Status WriteHandler::Update(RequestScope& scope, Part part) const {
  std::unique_ptr<api::Message> object = scope.resource->NewObject();
  RETURN_IF_ERROR(scope.Decode(*object));
  if (api::MetaOf(*object)->name() != scope.info.name) {
    return BadRequestError(StrCat("the name of the object (", api::MetaOf(*object)->name(),
                                  ") does not match the name on the URL (", scope.info.name, ")"));
  }
  const ResourceDescriptor& storage = scope.resource->Storage();
  const auto known = registry_.cache().Get(storage, scope.info.namespace_, scope.info.name);
  object = ToStored(*scope.resource, std::move(object), known.ok() ? known->object.get() : nullptr);
  ASSIGN_OR_RETURN(const ObjectPtr updated,
                   registry_.Update(scope.Context(), storage, scope.info.namespace_,
                                    scope.info.name, part, std::move(object)));
  scope.RespondObject(200, *updated);
  return absl::OkStatus();
}

absl::Status WriteHandler::Patch(RequestScope& scope, Part part) const {
  RETURN_IF_ERROR(CheckPatchOptions(scope));
  const absl::StatusOr<ObjectPtr> patched = registry_.Modify(
      scope.Context(), scope.resource->Storage(), scope.info.namespace_, scope.info.name, part,
      [&scope](api::Message& object) { return PatchViewed(scope, object); });
  if (absl::IsNotFound(patched.status()) && part == Part::kMain && scope.IsApply()) {
    std::unique_ptr<api::Message> object = scope.resource->NewObject();
    RETURN_IF_ERROR(ApplyRequestPatch(scope, *object));
    api::MutableMetaOf(*object)->set_name(scope.info.name);
    ASSIGN_OR_RETURN(
        const ObjectPtr made,
        registry_.Create(scope.Context(), scope.resource->Storage(), scope.info.namespace_,
                         ToStored(*scope.resource, std::move(object), nullptr)));
    scope.RespondObject(201, *made);
    return absl::OkStatus();
  }
  if (!patched.ok()) return patched.status();
  scope.RespondObject(200, **patched);
  return absl::OkStatus();
}

absl::StatusOr<DeleteRequest> ReadDeleteRequest(RequestScope& scope) {
  api::meta::v1::DeleteOptions options;
  if (!scope.request().body.empty()) {
    RETURN_IF_ERROR(DecodeBody(scope.request(), options, nullptr));
  }
  DeleteRequest out;
  if (options.has_grace_period_seconds()) {
    out.grace_period_seconds = options.grace_period_seconds();
  } else if (const auto text = scope.target.Find("gracePeriodSeconds"); text.has_value()) {
    out.grace_period_seconds = base::ParseInt<int64_t>(*text);
    if (!out.grace_period_seconds.has_value()) {
      return BadRequestError(StrCat("gracePeriodSeconds: invalid value \"", *text, "\""));
    }
  }
  out.uid = options.preconditions().uid();
  out.resource_version = options.preconditions().resource_version();
  out.propagation_policy = options.propagation_policy();
  if (out.propagation_policy.empty()) {
    out.propagation_policy = scope.target.Get("propagationPolicy");
  }
  if (options.has_orphan_dependents() && out.propagation_policy.empty()) {
    out.propagation_policy = options.orphan_dependents() ? "Orphan" : "Background";
  }
  out.dry_run = scope.DryRun() || options.dry_run_size() > 0;
  return out;
}

absl::Status WriteHandler::Delete(RequestScope& scope) const {
  ASSIGN_OR_RETURN(const DeleteRequest request, ReadDeleteRequest(scope));
  ASSIGN_OR_RETURN(const Deleted deleted,
                   registry_.Delete(scope.Context(), scope.resource->Storage(),
                                    scope.info.namespace_, scope.info.name, request));
  // A pod that goes at once is still answered with, as upstream does.
  if (!deleted.gone || scope.resource->kind == "Pod") {
    scope.RespondObject(200, *deleted.object);
  } else {
    scope.RespondPlain(200, Success(*scope.resource, *deleted.object));
  }
  return absl::OkStatus();
}

absl::Status WriteHandler::DeleteCollection(RequestScope& scope) const {
  ASSIGN_OR_RETURN(const DeleteRequest request, ReadDeleteRequest(scope));
  ASSIGN_OR_RETURN(const Selection selection,
                   Selection::Parse(*scope.resource, scope.target.Get("labelSelector"),
                                    scope.target.Get("fieldSelector")));
  const auto all = registry_.cache().List(*scope.resource, scope.info.namespace_);
  std::vector<CachedObject> deleted;
  for (const CachedObject& object : all.objects) {
    if (!selection.Matches(*object.object)) continue;
    const auto* meta = api::MetaOf(*object.object);
    auto result = registry_.Delete(scope.Context(), scope.resource->Storage(), meta->namespace_(),
                                   meta->name(), request);
    if (absl::IsNotFound(result.status())) continue;
    if (!result.ok()) return result.status();
    deleted.push_back({result->object, 0});
  }
  api::meta::v1::ListMeta meta;
  meta.set_resource_version(StrCat(registry_.cache().revision()));
  scope.Respond(200, scope.form.ContentType(),
                PresentList(deleted, meta, *scope.resource, scope.form, scope.now));
  return absl::OkStatus();
}

}  // namespace berth::controlplane
