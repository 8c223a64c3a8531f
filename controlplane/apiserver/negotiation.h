// SPDX-License-Identifier: Apache-2.0
// Which form a client wants its answer in, and objects in that form.
#ifndef BERTH_CONTROLPLANE_APISERVER_NEGOTIATION_H_
#define BERTH_CONTROLPLANE_APISERVER_NEGOTIATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/resource_descriptor.h"
#include "http/message.h"

namespace berth::controlplane {

struct Negotiated {
  enum class Format { kJson, kProto };
  enum class Shape { kObject, kTable, kMetadata };
  Format format = Format::kJson;
  Shape shape = Shape::kObject;
  bool pretty = false;
  std::string include_object = "Metadata";  // of table rows: None, Metadata, Object

  std::string_view ContentType() const;
};

// 406 when nothing that the client accepts can be served.
absl::StatusOr<Negotiated> Negotiate(const http::Request& request, const http::Target& target);

// Objects are given as they are stored and shown as `resource` has them.

// A whole object in the negotiated form.
std::string Present(const api::Message& object, const ResourceDescriptor& resource,
                    const Negotiated& form, absl::Time now);
// A list of objects, whose metadata is `list_meta` (resourceVersion, continue...).
std::string PresentList(const std::vector<CachedObject>& objects,
                        const api::meta::v1::ListMeta& list_meta,
                        const ResourceDescriptor& resource, const Negotiated& form, absl::Time now);
// One object of a watch; `columns`: a table carries its columns.
std::string PresentForWatch(const api::Message& object, const ResourceDescriptor& resource,
                            const Negotiated& form, absl::Time now, bool columns);
// A message that has only the plain form, such as a Status.
std::string PresentPlain(const api::Message& message, const Negotiated& form);

// A request's body as an object of the type of `into`, by its Content-Type. What the schema does
// not know is collected in `unknown`. Errors are 400 and 415.
absl::Status DecodeBody(const http::Request& request, api::Message& into,
                        std::vector<std::string>* unknown);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_NEGOTIATION_H_
