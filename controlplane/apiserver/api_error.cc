// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/api_error.h"

#include "absl/strings/cord.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr char kPayload[] = "berth/metav1.Status";

absl::Status Make(absl::StatusCode code, int http_code, std::string_view reason,
                  std::string message, const ErrorSubject& subject = {},
                  const std::vector<ErrorCause>& causes = {}, int retry_after = 0) {
  api::meta::v1::Status status;
  status.mutable_metadata();
  status.set_status("Failure");
  status.set_message(message);
  status.set_reason(std::string(reason));
  status.set_code(http_code);
  if (!subject.resource.empty() || !subject.kind.empty() || retry_after > 0 || !causes.empty()) {
    auto* details = status.mutable_details();
    if (!subject.name.empty()) details->set_name(std::string(subject.name));
    if (!subject.group.empty()) details->set_group(std::string(subject.group));
    details->set_kind(std::string(subject.kind.empty() ? subject.resource : subject.kind));
    for (const ErrorCause& cause : causes) {
      auto* out = details->add_causes();
      out->set_reason(cause.reason);
      out->set_message(cause.message);
      out->set_field(cause.field);
    }
    if (retry_after > 0) details->set_retry_after_seconds(retry_after);
  }
  absl::Status out(code, message);
  out.SetPayload(kPayload, absl::Cord(status.SerializeAsString()));
  return out;
}

// "pods", "deployments.apps"
std::string Qualified(std::string_view name, std::string_view group) {
  return group.empty() ? std::string(name) : StrCat(name, ".", group);
}

// Details name the resource, not the kind, in all errors but Invalid.
ErrorSubject ByResource(ErrorSubject subject) {
  subject.kind = {};
  return subject;
}

}  // namespace

absl::Status NotFoundError(const ErrorSubject& s) {
  return Make(absl::StatusCode::kNotFound, 404, "NotFound",
              StrCat(Qualified(s.resource, s.group), " \"", s.name, "\" not found"), ByResource(s));
}
absl::Status AlreadyExistsError(const ErrorSubject& s) {
  return Make(absl::StatusCode::kAlreadyExists, 409, "AlreadyExists",
              StrCat(Qualified(s.resource, s.group), " \"", s.name, "\" already exists"),
              ByResource(s));
}
absl::Status ConflictError(const ErrorSubject& s, std::string_view why) {
  return Make(absl::StatusCode::kAborted, 409, "Conflict",
              StrCat("Operation cannot be fulfilled on ", Qualified(s.resource, s.group), " \"",
                     s.name, "\": ", why),
              ByResource(s));
}
absl::Status ModifiedError(const ErrorSubject& s) {
  return ConflictError(s,
                       "the object has been modified; please apply your changes to the latest "
                       "version and try again");
}
absl::Status ApplyConflictError(std::string_view message, const std::vector<ErrorCause>& causes) {
  return Make(absl::StatusCode::kFailedPrecondition, 409, "Conflict", std::string(message), {},
              causes);
}
absl::Status InvalidError(const ErrorSubject& s, const std::vector<ErrorCause>& causes) {
  std::vector<std::string> texts;
  for (const ErrorCause& cause : causes) {
    texts.push_back(cause.field.empty() ? cause.message : StrCat(cause.field, ": ", cause.message));
  }
  const std::string all = texts.size() == 1 ? texts[0] : StrCat("[", base::Join(texts, ", "), "]");
  return Make(absl::StatusCode::kInvalidArgument, 422, "Invalid",
              StrCat(Qualified(s.kind, s.group), " \"", s.name, "\" is invalid: ", all), s, causes);
}
absl::Status ForbiddenError(const ErrorSubject& s, std::string_view why) {
  std::string what;
  if (s.resource.empty()) {
    what = "forbidden: ";
  } else if (s.name.empty()) {
    what = StrCat(Qualified(s.resource, s.group), " is forbidden: ");
  } else {
    what = StrCat(Qualified(s.resource, s.group), " \"", s.name, "\" is forbidden: ");
  }
  return Make(absl::StatusCode::kPermissionDenied, 403, "Forbidden", StrCat(what, why),
              ByResource(s));
}
absl::Status BadRequestError(std::string_view message) {
  return Make(absl::StatusCode::kInvalidArgument, 400, "BadRequest", std::string(message));
}
absl::Status UnauthorizedError() {
  return Make(absl::StatusCode::kUnauthenticated, 401, "Unauthorized", "Unauthorized");
}
absl::Status MethodNotAllowedError(const ErrorSubject& s, std::string_view verb) {
  return Make(absl::StatusCode::kUnimplemented, 405, "MethodNotAllowed",
              StrCat(verb, " is not supported on resources of kind \"",
                     Qualified(s.resource, s.group), "\""),
              ByResource(s));
}
absl::Status NoSuchPathError() {
  return Make(absl::StatusCode::kNotFound, 404, "NotFound",
              "the server could not find the requested resource");
}
absl::Status ExpiredError(std::string_view message) {
  return Make(absl::StatusCode::kOutOfRange, 410, "Expired", std::string(message));
}
absl::Status UnsupportedMediaTypeError(std::string_view message) {
  return Make(absl::StatusCode::kUnimplemented, 415, "UnsupportedMediaType", std::string(message));
}
absl::Status NotAcceptableError(std::string_view message) {
  return Make(absl::StatusCode::kUnimplemented, 406, "NotAcceptable", std::string(message));
}
absl::Status UnprocessableError(std::string_view message) {
  return Make(absl::StatusCode::kInvalidArgument, 422, "Invalid", std::string(message));
}
absl::Status TooManyRequestsError(std::string_view message, int retry_after_seconds,
                                  const std::vector<ErrorCause>& causes) {
  return Make(absl::StatusCode::kResourceExhausted, 429, "TooManyRequests", std::string(message),
              {}, causes, retry_after_seconds);
}
absl::Status InternalError(std::string_view why) {
  return Make(absl::StatusCode::kInternal, 500, "InternalError",
              StrCat("Internal error occurred: ", why));
}
absl::Status ServiceUnavailableError(std::string_view why) {
  return Make(absl::StatusCode::kUnavailable, 503, "ServiceUnavailable", std::string(why));
}

api::meta::v1::Status ToApiStatus(const absl::Status& error) {
  api::meta::v1::Status out;
  if (auto payload = error.GetPayload(kPayload); payload.has_value()) {
    if (out.ParseFromString(std::string(*payload))) return out;
  }
  return ToApiStatus(InternalError(base::Message(error)));
}

}  // namespace berth::controlplane
