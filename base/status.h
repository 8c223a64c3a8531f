// SPDX-License-Identifier: Apache-2.0
// Errors are values: absl::Status with context added once per layer.
//
//   RETURN_IF_ERROR(Mount(source, target), "mounting ", target);
//   ASSIGN_OR_RETURN(Cgroup pod, parent.OpenChild(name), "opening pod cgroup ", name);
//
// The context comes before the cause: "mounting /x: no such file or directory".
#ifndef BERTH_BASE_STATUS_H_
#define BERTH_BASE_STATUS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/strings.h"

namespace berth::base {

template <class... Parts>
absl::Status MakeStatus(absl::StatusCode code, const Parts&... parts) {
  return absl::Status(code, StrCat(parts...));
}
template <class... Parts>
absl::Status InvalidArgument(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kInvalidArgument, parts...);
}
template <class... Parts>
absl::Status NotFound(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kNotFound, parts...);
}
template <class... Parts>
absl::Status AlreadyExists(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kAlreadyExists, parts...);
}
template <class... Parts>
absl::Status FailedPrecondition(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, parts...);
}
template <class... Parts>
absl::Status Unavailable(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kUnavailable, parts...);
}
template <class... Parts>
absl::Status Internal(const Parts&... parts) {
  return MakeStatus(absl::StatusCode::kInternal, parts...);
}

// The Status that an errno stands for: "<context>: <strerror>".
absl::Status FromErrno(int error, std::string_view context);

// The message as a std::string_view; it lives as long as `status`.
inline std::string_view Message(const absl::Status& status) { return Sv(status.message()); }

// `status` with "<context>: " before its message; code and payloads stay.
absl::Status WithContext(absl::Status status, std::string_view context);

namespace internal {
inline absl::Status Annotate(absl::Status status) { return status; }
template <class First, class... Rest>
absl::Status Annotate(absl::Status status, const First& first, const Rest&... rest) {
  return WithContext(std::move(status), StrCat(first, rest...));
}
}  // namespace internal

}  // namespace berth::base

#define RETURN_IF_ERROR(expression, ...)                                              \
  do {                                                                                \
    if (::absl::Status berth_status = (expression); !berth_status.ok()) {             \
      return ::berth::base::internal::Annotate(std::move(berth_status) __VA_OPT__(, ) \
                                                   __VA_ARGS__);                      \
    }                                                                                 \
  } while (false)

#define BERTH_CONCAT_INNER(a, b) a##b
#define BERTH_CONCAT(a, b) BERTH_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(target, expression, ...)                       \
  BERTH_ASSIGN_OR_RETURN(BERTH_CONCAT(berth_result_, __LINE__), target, \
                         expression __VA_OPT__(, ) __VA_ARGS__)
#define BERTH_ASSIGN_OR_RETURN(result, target, expression, ...)                        \
  auto result = (expression);                                                          \
  if (!result.ok()) {                                                                  \
    return ::berth::base::internal::Annotate(std::move(result).status() __VA_OPT__(, ) \
                                                 __VA_ARGS__);                         \
  }                                                                                    \
  target = *std::move(result)

#endif  // BERTH_BASE_STATUS_H_
