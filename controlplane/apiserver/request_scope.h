// SPDX-License-Identifier: Apache-2.0
// One request on its way through the API server, and how it is answered. A handler answers through
// it and returns OK, or returns an error that the server answers for it.
#ifndef BERTH_CONTROLPLANE_APISERVER_REQUEST_SCOPE_H_
#define BERTH_CONTROLPLANE_APISERVER_REQUEST_SCOPE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/apiserver/negotiation.h"
#include "controlplane/apiserver/request_info.h"
#include "controlplane/apiserver/resource_descriptor.h"
#include "controlplane/apiserver/strategy.h"
#include "controlplane/apiserver/user_info.h"
#include "http/server.h"

namespace berth::controlplane {

struct RequestScope {
  std::shared_ptr<http::Exchange> exchange;
  http::Target target;
  RequestInfo info;
  UserInfo user;
  Negotiated form;
  const ResourceDescriptor* resource = nullptr;
  absl::Time now;
  std::vector<std::string> warnings;
  int retry_after_seconds = 0;  // of the answer; 0: none

  const http::Request& request() const { return exchange->request(); }
  bool DryRun() const { return target.Get("dryRun") == "All"; }
  bool IsApply() const;  // a server-side apply
  // Who writes, for metadata.managedFields: what the request says, its user agent's
  // name, or the user.
  std::string FieldManager() const;
  WriteContext Context() const {
    return {user, now, DryRun(), FieldManager(), info.subresource, IsApply()};
  }

  void Respond(int code, std::string_view content_type, std::string body);
  // An object of the scope's resource, in the negotiated shape.
  void RespondObject(int code, const api::Message& object);
  // Any other message, such as a Status or a Scale.
  void RespondPlain(int code, const api::Message& message);
  void RespondError(const absl::Status& error);

  // The body as `into`, judged by ?fieldValidation: an error, or warnings for the answer.
  absl::Status Decode(api::Message& into);
  // What to do about fields that the schema does not know.
  absl::Status JudgeUnknown(const std::vector<std::string>& unknown, std::string_view kind,
                            std::string_view version);
};

using ScopeHandler = std::function<absl::Status(RequestScope& scope)>;

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_REQUEST_SCOPE_H_
