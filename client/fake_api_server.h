// SPDX-License-Identifier: Apache-2.0
// For tests: an API server with state, as a handler. It lists (in pages), watches with bookmarks,
// reads, creates, updates, patches and deletes objects of any kind of the schema, and does the
// unpleasant things on command. Put it behind MakeInProcessTransport or an http::Server.
// Thread-safe.
#ifndef BERTH_CLIENT_FAKE_API_SERVER_H_
#define BERTH_CLIENT_FAKE_API_SERVER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/mutex.h"
#include "client/resource.h"
#include "http/server.h"

namespace berth::client {

class FakeApiServer {
 public:
  FakeApiServer();
  ~FakeApiServer();

  http::Handler handler();

  // As if somebody else had written. Put creates or replaces; the new version is returned.
  int64_t Put(const Resource& resource, const api::Message& object);
  void Remove(const Resource& resource, std::string_view namespace_, std::string_view name);
  // A copy; nullptr when absent.
  std::unique_ptr<api::Message> Get(const Resource& resource, std::string_view namespace_,
                                    std::string_view name) const;
  size_t Count(const Resource& resource) const;

  void SendBookmarks();
  void EndWatches();                      // as after their timeoutSeconds
  void BreakWatches();                    // as when the connection breaks
  void FailWatches(int code);             // an ERROR event, then the end
  void ForgetHistory();                   // watches from before now get 410
  void FailNext(int requests, int code);  // answers with a Status
  void SpeakJsonOnly();                   // 406 and 415 for protobuf
  void SetPageSize(int objects);          // smaller than what the client asks for

  size_t watches() const;
  // "GET /api/v1/pods?limit=500", oldest first.
  std::vector<std::string> requests() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_FAKE_API_SERVER_H_
