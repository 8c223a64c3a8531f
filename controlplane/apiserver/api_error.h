// SPDX-License-Identifier: Apache-2.0
// Errors as clients see them: an absl::Status that carries a metav1.Status, with upstream's texts.
#ifndef BERTH_CONTROLPLANE_APISERVER_API_ERROR_H_
#define BERTH_CONTROLPLANE_APISERVER_API_ERROR_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace berth::api::meta::v1 {
class Status;
}

namespace berth::controlplane {

// Which object an error is about. `resource` is the plural, "deployments"; `kind` is "Deployment".
struct ErrorSubject {
  std::string_view group;
  std::string_view resource;
  std::string_view kind;
  std::string_view name;
};

struct ErrorCause {
  std::string reason;   // "FieldValueInvalid"
  std::string message;  // without the field
  std::string field;    // "spec.ports[0].port"
};

absl::Status NotFoundError(const ErrorSubject& subject);
absl::Status AlreadyExistsError(const ErrorSubject& subject);
absl::Status ConflictError(const ErrorSubject& subject, std::string_view why);
// Somebody changed the object in between.
absl::Status ModifiedError(const ErrorSubject& subject);
// A server-side apply of what others manage; a cause of FieldManagerConflict for each field.
absl::Status ApplyConflictError(std::string_view message, const std::vector<ErrorCause>& causes);
absl::Status InvalidError(const ErrorSubject& subject, const std::vector<ErrorCause>& causes);
absl::Status ForbiddenError(const ErrorSubject& subject, std::string_view why);
absl::Status BadRequestError(std::string_view message);
absl::Status UnauthorizedError();
absl::Status MethodNotAllowedError(const ErrorSubject& subject, std::string_view verb);
absl::Status NoSuchPathError();  // 404 for what is no resource of ours
absl::Status ExpiredError(std::string_view message);
absl::Status UnsupportedMediaTypeError(std::string_view message);
absl::Status NotAcceptableError(std::string_view message);
// 422 that is about no field, such as a JSON patch that does not apply.
absl::Status UnprocessableError(std::string_view message);
// With 0 the client decides itself when to try again.
absl::Status TooManyRequestsError(std::string_view message, int retry_after_seconds,
                                  const std::vector<ErrorCause>& causes = {});
absl::Status InternalError(std::string_view why);
absl::Status ServiceUnavailableError(std::string_view why);

// What to send for `error`. One that was not made here becomes 500 InternalError.
api::meta::v1::Status ToApiStatus(const absl::Status& error);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_API_ERROR_H_
