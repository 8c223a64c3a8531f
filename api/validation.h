// SPDX-License-Identifier: Apache-2.0
// The rules that the API server holds objects to, with upstream's texts. Give it objects with their
// defaults applied. Pure; thread-safe: no state.
#ifndef BERTH_API_VALIDATION_H_
#define BERTH_API_VALIDATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"

namespace berth::api {

struct FieldError {
  enum class Type {
    kRequired,
    kInvalid,
    kNotSupported,
    kDuplicate,
    kForbidden,
    kTooLong,
    kNotFound
  };
  Type type = Type::kInvalid;
  std::string path;   // "spec.containers[0].name"
  std::string value;  // as it is printed: "\"x\"" or "-1"; unused by kRequired and kForbidden
  std::string detail;

  // "spec.ports[0].port: Invalid value: -1: must be between 1 and 65535, inclusive"
  std::string ToString() const;
  // The reason of a Status' cause: "FieldValueInvalid", "FieldValueRequired", ...
  std::string_view Reason() const;
  // What a Status' cause says: ToString() without the path.
  std::string Message() const;
  bool operator==(const FieldError&) const = default;
};

// Empty: valid. Kinds without rules of their own are held to those of their metadata.
std::vector<FieldError> Validate(const Message& object);
// Both are of one type; includes the rules of Validate. `object` is the new state.
std::vector<FieldError> ValidateUpdate(const Message& object, const Message& old);
// Both are Pods, which may differ in their ephemeral containers only.
std::vector<FieldError> ValidateEphemeralContainers(const Message& pod, const Message& old);

// `Pod "x" is invalid: spec...`, several as `[a, b]`. `kind` is qualified outside the core group
// ("Deployment.apps").
std::string InvalidText(std::string_view kind, std::string_view name,
                        const std::vector<FieldError>& errors);

// The syntax of names; each gives what is wrong in upstream's words, empty when nothing is.
std::string Dns1123LabelProblem(std::string_view name);
std::string Dns1123SubdomainProblem(std::string_view name);
std::string Dns1035LabelProblem(std::string_view name);

// The ports that Services may have on nodes.
inline constexpr int kLowestNodePort = 30000;
inline constexpr int kHighestNodePort = 32767;

}  // namespace berth::api

#endif  // BERTH_API_VALIDATION_H_
