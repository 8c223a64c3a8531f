// SPDX-License-Identifier: Apache-2.0
// Where objects are kept: keys and opaque values under one rising revision, as etcd keeps them.
// Every acknowledged write has its own revision and survives the death of the process.
// All methods from any thread; writes block until they are on disk.
//
// Errors: NotFound (no such key), AlreadyExists, Aborted (the expected revision is not the key's
// own: somebody else wrote), OutOfRange (that revision was compacted away), Internal (the disk).
#ifndef BERTH_CONTROLPLANE_STORE_STORE_H_
#define BERTH_CONTROLPLANE_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::controlplane {

struct Record {
  std::string key;
  std::string value;
  int64_t revision = 0;  // of the write that made this value
};

struct ListRequest {
  int64_t revision = 0;   // 0: the latest
  std::string start_key;  // the first key wanted; "" from the prefix on
  int limit = 0;          // 0: all
};

struct Page {
  std::vector<Record> records;  // by key
  int64_t revision = 0;         // at which this is the truth
  bool more = false;            // there are keys behind the last record
  int64_t remaining = 0;        // how many
};

// One committed write.
struct Change {
  std::string key;
  std::shared_ptr<const std::string> before;  // nullptr: the key is new
  std::shared_ptr<const std::string> after;   // nullptr: the key is gone
  int64_t before_revision = 0;
  int64_t revision = 0;
};

class Store {
 public:
  // Called in order of revision, one batch at a time, before the writes of the batch are
  // acknowledged. Must not call the store.
  using Listener = std::function<void(const std::vector<Change>& changes)>;

  virtual ~Store() = default;
  virtual absl::StatusOr<Record> Get(std::string_view key) = 0;
  virtual absl::StatusOr<Page> List(std::string_view prefix, const ListRequest& request) = 0;
  // Each returns the revision of the write.
  virtual absl::StatusOr<int64_t> Create(std::string_view key, std::string value) = 0;
  virtual absl::StatusOr<int64_t> Update(std::string_view key, std::string value,
                                         int64_t expected_revision) = 0;
  virtual absl::StatusOr<int64_t> Delete(std::string_view key, int64_t expected_revision) = 0;

  // What was written under `prefix` after `revision`, oldest first.
  virtual absl::StatusOr<std::vector<Change>> History(std::string_view prefix,
                                                      int64_t revision) = 0;
  // Hears every later write. Returns the revision from which on.
  virtual int64_t Subscribe(Listener listener) = 0;

  virtual int64_t revision() const = 0;  // of the latest write
  // Forgets values that were overwritten or deleted at or before `revision`.
  virtual absl::Status Compact(int64_t revision) = 0;
};

struct StoreOptions {
  std::string path;  // of the database file; its folder exists
};
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const StoreOptions& options);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STORE_STORE_H_
