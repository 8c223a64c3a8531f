// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/read_handler.h"

#include <google/protobuf/message.h>

#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/apiserver/selection.h"
#include "controlplane/apiserver/watch_stream.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr absl::Duration kDefaultWatch = absl::Minutes(45);

bool IsTrue(std::string_view text) { return text == "true" || text == "1"; }

// Where a list goes on: "<revision>:<namespace>/<name>", opaque to clients.
struct Continue {
  int64_t revision = 0;
  std::string start;
};

std::string EncodeContinue(const Continue& token) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char c : StrCat(token.revision, ":", token.start)) {
    out += kHex[c >> 4];
    out += kHex[c & 15];
  }
  return out;
}

absl::StatusOr<Continue> DecodeContinue(std::string_view text) {
  const absl::Status bad = BadRequestError("continue key is not valid");
  if (text.size() % 2 != 0) return bad;
  std::string plain;
  for (size_t i = 0; i < text.size(); i += 2) {
    const auto byte = base::ParseInt<unsigned>(text.substr(i, 2), 16);
    if (!byte.has_value()) return bad;
    plain += static_cast<char>(*byte);
  }
  const auto [revision, start] = base::SplitOnce(plain, ':');
  const auto number = base::ParseInt<int64_t>(revision);
  if (!number.has_value() || *number <= 0 || !start.has_value()) return bad;
  return Continue{*number, std::string(*start)};
}

absl::StatusOr<int64_t> RevisionParameter(const http::Target& target) {
  const std::string_view text = target.Get("resourceVersion");
  if (text.empty()) return 0;
  const auto number = base::ParseInt<int64_t>(text);
  if (!number.has_value() || *number < 0) {
    return BadRequestError(
        StrCat("resourceVersion: Invalid value: \"", text, "\": must be a non-negative integer"));
  }
  return *number;
}

std::string KeyOfObject(const ResourceDescriptor& resource, const api::Message& object) {
  const auto* meta = api::MetaOf(object);
  return resource.Storage().Key(meta->namespace_(), meta->name());
}

}  // namespace

absl::Status ReadHandler::Get(RequestScope& scope) const {
  ASSIGN_OR_RETURN(const CachedObject found,
                   cache_.Get(*scope.resource, scope.info.namespace_, scope.info.name));
  scope.RespondObject(200, *found.object);
  return absl::OkStatus();
}

// At a revision of the past the store answers, else the cache.
absl::StatusOr<ObjectCache::Snapshot> ReadHandler::Read(const RequestScope& scope,
                                                        std::string_view start,
                                                        int64_t revision) const {
  if (revision == 0) return cache_.List(*scope.resource, scope.info.namespace_);
  const ResourceDescriptor& storage = scope.resource->Storage();
  auto page = store_.List(storage.Key(scope.info.namespace_, ""),
                          {.revision = revision, .start_key = std::string(start)});
  if (absl::IsOutOfRange(page.status())) {
    return ExpiredError(
        "The provided continue parameter is too old to display a consistent list result. You must "
        "start a new list without the continue parameter.");
  }
  if (!page.ok()) return InternalError(base::Message(page.status()));
  ObjectCache::Snapshot out;
  out.revision = revision;
  for (const Record& record : page->records) {
    ASSIGN_OR_RETURN(ObjectPtr object, ObjectCache::Decode(storage, record.value, record.revision));
    out.objects.push_back({std::move(object), record.revision});
  }
  return out;
}

absl::Status ReadHandler::List(RequestScope& scope) const {
  const http::Target& target = scope.target;
  ASSIGN_OR_RETURN(
      const Selection selection,
      Selection::Parse(*scope.resource, target.Get("labelSelector"), target.Get("fieldSelector")));
  ASSIGN_OR_RETURN(int64_t revision, RevisionParameter(target));
  if (target.Get("resourceVersionMatch") != "Exact") revision = 0;
  const size_t limit = base::ParseInt<size_t>(target.Get("limit")).value_or(0);
  Continue from;
  if (const std::string_view token = target.Get("continue"); !token.empty()) {
    ASSIGN_OR_RETURN(from, DecodeContinue(token));
    revision = from.revision;
  }
  ASSIGN_OR_RETURN(ObjectCache::Snapshot all, Read(scope, from.start, revision));
  std::vector<CachedObject> selected;
  api::meta::v1::ListMeta meta;
  meta.set_resource_version(StrCat(all.revision));
  for (size_t i = 0; i < all.objects.size(); ++i) {
    if (!selection.Matches(*all.objects[i].object)) continue;
    if (limit > 0 && selected.size() == limit) {
      meta.set_continue_(
          EncodeContinue({all.revision, KeyOfObject(*scope.resource, *all.objects[i].object)}));
      if (selection.everything()) {
        meta.set_remaining_item_count(static_cast<int64_t>(all.objects.size() - i));
      }
      break;
    }
    selected.push_back(std::move(all.objects[i]));
  }
  scope.Respond(200, scope.form.ContentType(),
                PresentList(selected, meta, *scope.resource, scope.form, scope.now));
  return absl::OkStatus();
}

absl::Status ReadHandler::Watch(RequestScope& scope) const {
  const http::Target& target = scope.target;
  WatchRequest watch;
  watch.resource = scope.resource;
  watch.namespace_ = scope.info.namespace_;
  if (!scope.resource->namespaced) watch.namespace_.clear();
  ASSIGN_OR_RETURN(watch.selection, Selection::Parse(*scope.resource, target.Get("labelSelector"),
                                                     target.Get("fieldSelector")));
  ASSIGN_OR_RETURN(watch.from, RevisionParameter(target));
  watch.bookmarks = IsTrue(target.Get("allowWatchBookmarks"));
  if (const auto initial = target.Find("sendInitialEvents"); initial.has_value()) {
    if (IsTrue(*initial)) {
      watch.from = 0;
      watch.initial_mark = watch.bookmarks;
    } else if (watch.from == 0) {
      watch.from = cache_.revision();
    }
  }
  const auto seconds = base::ParseInt<int64_t>(target.Get("timeoutSeconds")).value_or(0);
  watch.timeout = seconds > 0 ? absl::Seconds(seconds) : kDefaultWatch;
  watch.form = scope.form;
  const absl::Status status = ServeWatch(scope.exchange, cache_, clock_, std::move(watch));
  if (!absl::IsOutOfRange(status)) return status;
  // A revision that is gone is told within the stream, where reflectors look for it.
  const Negotiated& form = scope.form;
  const std::string type = form.format == Negotiated::Format::kProto
                               ? StrCat(form.ContentType(), ";stream=watch")
                               : std::string(form.ContentType());
  scope.exchange->Start(200, {{"Content-Type", type}});
  Negotiated plain = form;
  plain.pretty = false;
  scope.exchange->Write(WatchFrame("ERROR", PresentPlain(ToApiStatus(status), plain), form.format));
  scope.exchange->Finish();
  return absl::OkStatus();
}

}  // namespace berth::controlplane
