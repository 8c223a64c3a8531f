// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/request_scope.h"

#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {

using base::StrCat;

namespace {

// A quoted-string of a header. What would end the line becomes a space.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out += '"';
}

}  // namespace

bool RequestScope::IsApply() const {
  const std::string_view type = request().headers.Get("Content-Type");
  return info.verb == "patch" &&
         base::Trim(base::SplitOnce(type, ';').first) == "application/apply-patch+yaml";
}

std::string RequestScope::FieldManager() const {
  std::string_view name = target.Get("fieldManager");
  if (name.empty()) name = base::SplitOnce(request().headers.Get("User-Agent"), '/').first;
  if (name.empty()) name = user.name;  // the controllers of this process have no agent
  if (name.starts_with("system:")) name.remove_prefix(7);
  return std::string(name.substr(0, 128));
}

void RequestScope::Respond(int code, std::string_view content_type, std::string body) {
  http::Response response;
  response.status = code;
  response.headers.Set("Content-Type", content_type);
  response.headers.Set("Cache-Control", "no-cache, private");
  for (const std::string& warning : warnings) {
    response.headers.Add("Warning", StrCat("299 - ", Quoted(warning)));
  }
  if (retry_after_seconds > 0) {
    response.headers.Set("Retry-After", StrCat(retry_after_seconds));
  }
  response.body = std::move(body);
  exchange->Respond(std::move(response));
}

void RequestScope::RespondObject(int code, const api::Message& object) {
  Respond(code, form.ContentType(), Present(object, *resource, form, now));
}

void RequestScope::RespondPlain(int code, const api::Message& message) {
  Respond(code, form.ContentType(), PresentPlain(message, form));
}

void RequestScope::RespondError(const absl::Status& error) {
  const api::meta::v1::Status status = ToApiStatus(error);
  retry_after_seconds = status.details().retry_after_seconds();
  RespondPlain(status.code(), status);
}

absl::Status RequestScope::Decode(api::Message& into) {
  std::vector<std::string> unknown;
  RETURN_IF_ERROR(DecodeBody(request(), into, &unknown));
  const api::GroupVersionKind kind = api::KindOf(into);
  return JudgeUnknown(unknown, kind.kind, kind.version);
}

absl::Status RequestScope::JudgeUnknown(const std::vector<std::string>& unknown,
                                        std::string_view kind, std::string_view version) {
  const std::string_view validation = target.Get("fieldValidation");
  if (!validation.empty() && validation != "Strict" && validation != "Warn" &&
      validation != "Ignore") {
    return BadRequestError(StrCat("fieldValidation: Unsupported value: \"", validation,
                                  "\": supported values: \"Ignore\", \"Strict\", \"Warn\""));
  }
  if (unknown.empty() || validation == "Ignore") return absl::OkStatus();
  if (validation == "Strict") {
    return BadRequestError(StrCat(kind, " in version \"", version, "\" cannot be handled as a ",
                                  kind, ": strict decoding error: ", base::Join(unknown, ", ")));
  }
  warnings.insert(warnings.end(), unknown.begin(), unknown.end());
  return absl::OkStatus();
}

}  // namespace berth::controlplane
