// SPDX-License-Identifier: Apache-2.0
// Changes to JSON documents: the patch types that the API server takes, and the patch that a client
// sends. Pure text to text; key order of the document is kept. Thread-safe: no state.
//
// InvalidArgument: the document or the patch is malformed (HTTP 400); the message names the path.
// FailedPrecondition: a well-formed JSON patch does not apply to this document (HTTP 422).
#ifndef BERTH_API_PATCH_H_
#define BERTH_API_PATCH_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Descriptor;
}

namespace berth::api {

// RFC 7386, application/merge-patch+json.
absl::StatusOr<std::string> MergePatch(std::string_view document, std::string_view patch);
// RFC 6902, application/json-patch+json, with the error texts of upstream's library.
absl::StatusOr<std::string> JsonPatch(std::string_view document, std::string_view patch);

// application/strategic-merge-patch+json for an object of `type`: lists merge by the keys that the
// schema's options name. Understands $patch (replace, delete, merge), $setElementOrder/x,
// $deleteFromPrimitiveList/x and $retainKeys.
absl::StatusOr<std::string> StrategicMergePatch(const google::protobuf::Descriptor& type,
                                                std::string_view document, std::string_view patch);

// The smallest strategic merge patch that turns `before` into `after`; "{}" when they are equal.
absl::StatusOr<std::string> MakeStrategicPatch(const google::protobuf::Descriptor& type,
                                               std::string_view before, std::string_view after);
// The same as an RFC 7386 patch.
absl::StatusOr<std::string> MakeMergePatch(std::string_view before, std::string_view after);

// Server-side apply, without ownership: `applied` is merged into `document` by the schema's list
// and map types (map, set, atomic, granular). Nothing that `applied` leaves out is removed, no
// conflict is reported, and metadata.managedFields is neither read nor written.
absl::StatusOr<std::string> ApplyPatch(const google::protobuf::Descriptor& type,
                                       std::string_view document, std::string_view applied);

}  // namespace berth::api

#endif  // BERTH_API_PATCH_H_
