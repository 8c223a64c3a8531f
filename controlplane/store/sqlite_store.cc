// SPDX-License-Identifier: Apache-2.0
// One table of writes, newest revision last; a key's value is its newest row. Writers that arrive
// together share one commit, and so one fsync: the first of them leads, the others wait for it.
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/store/sqlite.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {
namespace {

constexpr const char* kSchema = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -1024;
PRAGMA temp_store = MEMORY;
CREATE TABLE IF NOT EXISTS writes (
  revision INTEGER PRIMARY KEY,
  key      BLOB NOT NULL,
  value    BLOB,               -- NULL: deleted
  previous INTEGER NOT NULL    -- revision of the value before, 0 when there was none
);
CREATE INDEX IF NOT EXISTS writes_by_key ON writes (key, revision);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO facts VALUES ('compacted', 0), ('revision', 0);
)sql";

constexpr std::string_view kLatest =
    "SELECT revision, value FROM writes WHERE key = ?1 ORDER BY revision DESC LIMIT 1";
constexpr std::string_view kInsert =
    "INSERT INTO writes (revision, key, value, previous) VALUES (?1, ?2, ?3, ?4)";
// The newest row at or before ?3 of each key in [?1, ?2), without the deleted.
constexpr std::string_view kRange =
    "SELECT w.key, w.value, w.revision FROM writes w WHERE w.key >= ?1 AND w.key < ?2"
    " AND w.revision = (SELECT MAX(v.revision) FROM writes v WHERE v.key = w.key"
    " AND v.revision <= ?3) AND w.value IS NOT NULL ORDER BY w.key";
constexpr std::string_view kHistory =
    "SELECT w.key, w.value, w.revision, w.previous, p.value FROM writes w"
    " LEFT JOIN writes p ON p.revision = w.previous"
    " WHERE w.revision > ?1 AND w.key >= ?2 AND w.key < ?3 ORDER BY w.revision";

// The first key behind all keys with this prefix.
std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::string(64, '\xff');
  ++end.back();
  return end;
}

struct Write {
  enum class Kind { kCreate, kUpdate, kDelete };
  Kind kind;
  std::string key;
  std::string value;
  int64_t expected = 0;
  bool done = false;
  absl::StatusOr<int64_t> result = 0;
};

class SqliteStore : public Store {
 public:
  absl::Status Open(const StoreOptions& options) {
    ASSIGN_OR_RETURN(SqliteConnection writer, SqliteConnection::Open(options.path));
    writer_.emplace(std::move(writer));
    RETURN_IF_ERROR(CheckWhole(), options.path);
    RETURN_IF_ERROR(writer_->Execute(kSchema), options.path);
    ASSIGN_OR_RETURN(SqliteConnection reader, SqliteConnection::Open(options.path));
    reader_.emplace(std::move(reader));
    RETURN_IF_ERROR(reader_->Execute("PRAGMA cache_size = -512; PRAGMA query_only = 1;"));
    ASSIGN_OR_RETURN(SqliteStatement latest, writer_->Prepare(kLatest));
    latest_.emplace(std::move(latest));
    ASSIGN_OR_RETURN(SqliteStatement insert, writer_->Prepare(kInsert));
    insert_.emplace(std::move(insert));
    ASSIGN_OR_RETURN(SqliteStatement revision,
                     writer_->Prepare("SELECT MAX(COALESCE((SELECT MAX(revision) FROM writes), 0),"
                                      " (SELECT value FROM facts WHERE name = 'revision'), 1)"));
    ASSIGN_OR_RETURN(const bool row, revision.Step());
    base::MutexLock lock(mu_);
    revision_ = row ? revision.Int(0) : 1;
    return absl::OkStatus();
  }

  absl::StatusOr<Record> Get(std::string_view key) override {
    ASSIGN_OR_RETURN(SqliteStatement statement, reader_->Prepare(kLatest));
    statement.Bind(1, key);
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row || statement.IsNull(1)) return base::NotFound("no key ", key);
    return Record{std::string(key), std::string(statement.Bytes(1)), statement.Int(0)};
  }

  absl::StatusOr<Page> List(std::string_view prefix, const ListRequest& request) override {
    Page page;
    page.revision = request.revision > 0 ? request.revision : revision();
    ASSIGN_OR_RETURN(SqliteStatement statement, reader_->Prepare(kRange));
    const std::string start = request.start_key.empty() ? std::string(prefix) : request.start_key;
    const std::string end = PrefixEnd(prefix);
    statement.Bind(1, start);
    statement.Bind(2, end);
    statement.Bind(3, page.revision);
    while (true) {
      ASSIGN_OR_RETURN(const bool row, statement.Step());
      if (!row) break;
      if (request.limit > 0 && static_cast<int>(page.records.size()) == request.limit) {
        page.more = true;
        ++page.remaining;
        continue;
      }
      page.records.push_back(
          {std::string(statement.Bytes(0)), std::string(statement.Bytes(1)), statement.Int(2)});
    }
    // Checked last: a compaction meanwhile may have taken rows away.
    RETURN_IF_ERROR(CheckNotCompacted(page.revision));
    return page;
  }

  absl::StatusOr<int64_t> Create(std::string_view key, std::string value) override {
    return Commit({Write::Kind::kCreate, std::string(key), std::move(value)});
  }
  absl::StatusOr<int64_t> Update(std::string_view key, std::string value,
                                 int64_t expected_revision) override {
    return Commit({Write::Kind::kUpdate, std::string(key), std::move(value), expected_revision});
  }
  absl::StatusOr<int64_t> Delete(std::string_view key, int64_t expected_revision) override {
    return Commit({Write::Kind::kDelete, std::string(key), "", expected_revision});
  }

  absl::StatusOr<std::vector<Change>> History(std::string_view prefix, int64_t revision) override {
    ASSIGN_OR_RETURN(SqliteStatement statement, reader_->Prepare(kHistory));
    const std::string end = PrefixEnd(prefix);
    statement.Bind(1, revision);
    statement.Bind(2, prefix);
    statement.Bind(3, end);
    std::vector<Change> changes;
    while (true) {
      ASSIGN_OR_RETURN(const bool row, statement.Step());
      if (!row) break;
      Change change;
      change.key = statement.Bytes(0);
      if (!statement.IsNull(1)) change.after = Share(statement.Bytes(1));
      change.revision = statement.Int(2);
      change.before_revision = statement.Int(3);
      if (!statement.IsNull(4)) change.before = Share(statement.Bytes(4));
      changes.push_back(std::move(change));
    }
    RETURN_IF_ERROR(CheckNotCompacted(revision));
    return changes;
  }

  int64_t Subscribe(Listener listener) override {
    base::MutexLock lock(mu_);
    while (leading_) turn_.Wait(mu_);
    listeners_.push_back(std::move(listener));
    return revision_;
  }

  int64_t revision() const override {
    base::MutexLock lock(mu_);
    return revision_;
  }

  absl::Status Compact(int64_t revision) override {
    Lead();
    absl::Status status = CompactAsLeader(revision);
    Unlead();
    return status;
  }

 private:
  static std::shared_ptr<const std::string> Share(std::string_view bytes) {
    return std::make_shared<const std::string>(bytes);
  }

  absl::Status CheckNotCompacted(int64_t revision) {
    ASSIGN_OR_RETURN(SqliteStatement statement,
                     reader_->Prepare("SELECT value FROM facts WHERE name = 'compacted'"));
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (row && revision < statement.Int(0)) {
      return base::MakeStatus(absl::StatusCode::kOutOfRange, "revision ", revision,
                              " is compacted, the oldest is ", statement.Int(0));
    }
    return absl::OkStatus();
  }

  // DataLoss when the file is no database or its pages do not hang together: better no API server
  // than one that forgets some objects.
  absl::Status CheckWhole() {
    ASSIGN_OR_RETURN(SqliteStatement check, writer_->Prepare("PRAGMA quick_check(1)"));
    ASSIGN_OR_RETURN(const bool row, check.Step());
    if (row && check.Bytes(0) == "ok") return absl::OkStatus();
    return base::MakeStatus(absl::StatusCode::kDataLoss, "database: ", check.Bytes(0));
  }

  // Only the leader touches the writer's connection and calls listeners.
  void Lead() {
    base::MutexLock lock(mu_);
    while (leading_) turn_.Wait(mu_);
    leading_ = true;
  }
  void Unlead() {
    base::MutexLock lock(mu_);
    leading_ = false;
    turn_.NotifyAll();
  }

  absl::StatusOr<int64_t> Commit(Write write) {
    std::vector<Write*> batch;
    {
      base::MutexLock lock(mu_);
      queue_.push_back(&write);
      while (leading_ && !write.done) turn_.Wait(mu_);
      if (write.done) return std::move(write.result);
      leading_ = true;
      batch.assign(queue_.begin(), queue_.end());
      queue_.clear();
    }
    WriteBatch(batch);
    base::MutexLock lock(mu_);
    for (Write* done : batch) done->done = true;
    leading_ = false;
    turn_.NotifyAll();
    return std::move(write.result);
  }

  void WriteBatch(const std::vector<Write*>& batch) {
    std::vector<Change> changes;
    int64_t revision = this->revision();
    absl::Status status = writer_->Execute("BEGIN IMMEDIATE");
    if (status.ok()) {
      for (Write* write : batch) {
        write->result = Apply(*write, revision, changes);
        if (write->result.ok()) revision = *write->result;
      }
      status = writer_->Execute("COMMIT");
    }
    if (!status.ok()) {
      (void)writer_->Execute("ROLLBACK");
      for (Write* write : batch) {
        if (write->result.ok()) write->result = status;
      }
      return;
    }
    if (changes.empty()) return;
    std::vector<Listener> listeners;
    {
      base::MutexLock lock(mu_);
      revision_ = revision;
      listeners = listeners_;
    }
    for (const Listener& listener : listeners) listener(changes);
  }

  absl::StatusOr<int64_t> Apply(const Write& write, int64_t revision,
                                std::vector<Change>& changes) {
    Change change;
    change.key = write.key;
    latest_->Bind(1, write.key);
    absl::StatusOr<bool> row = latest_->Step();
    if (row.ok() && *row && !latest_->IsNull(1)) {
      change.before = Share(latest_->Bytes(1));
      change.before_revision = latest_->Int(0);
    }
    latest_->Reset();
    if (!row.ok()) return row.status();
    if (write.kind == Write::Kind::kCreate) {
      if (change.before != nullptr) return base::AlreadyExists("key ", write.key);
    } else {
      if (change.before == nullptr) return base::NotFound("no key ", write.key);
      if (change.before_revision != write.expected) {
        return base::MakeStatus(absl::StatusCode::kAborted, write.key, " is at revision ",
                                change.before_revision, ", not at ", write.expected);
      }
    }
    change.revision = revision + 1;
    insert_->Bind(1, change.revision);
    insert_->Bind(2, write.key);
    if (write.kind == Write::Kind::kDelete) {
      insert_->BindNull(3);
    } else {
      insert_->Bind(3, write.value);
      change.after = Share(write.value);
    }
    insert_->Bind(4, change.before_revision);
    absl::StatusOr<bool> inserted = insert_->Step();
    insert_->Reset();
    if (!inserted.ok()) return inserted.status();
    changes.push_back(std::move(change));
    return changes.back().revision;
  }

  absl::Status CompactAsLeader(int64_t revision) {
    RETURN_IF_ERROR(writer_->Execute("BEGIN IMMEDIATE"));
    auto run = [&](std::string_view sql, int64_t value) -> absl::Status {
      ASSIGN_OR_RETURN(SqliteStatement statement, writer_->Prepare(sql));
      statement.Bind(1, value);
      return statement.Step().status();
    };
    absl::Status status =
        run("UPDATE facts SET value = MAX(value, ?1) WHERE name = 'compacted'", revision);
    // Revisions never go back, even when the newest row was a deletion that goes now.
    if (status.ok()) {
      status = run("UPDATE facts SET value = ?1 WHERE name = 'revision'", this->revision());
    }
    if (status.ok()) {
      status =
          run("DELETE FROM writes WHERE revision <= ?1 AND (value IS NULL OR EXISTS (SELECT 1 FROM"
              " writes n WHERE n.key = writes.key AND n.revision > writes.revision"
              " AND n.revision <= ?1))",
              revision);
    }
    if (!status.ok()) {
      (void)writer_->Execute("ROLLBACK");
      return status;
    }
    return writer_->Execute("COMMIT");
  }

  std::optional<SqliteConnection> writer_;
  std::optional<SqliteConnection> reader_;
  std::optional<SqliteStatement> latest_;  // both of the leader
  std::optional<SqliteStatement> insert_;

  mutable base::Mutex mu_;
  base::CondVar turn_;
  bool leading_ BERTH_GUARDED_BY(mu_) = false;
  std::deque<Write*> queue_ BERTH_GUARDED_BY(mu_);
  int64_t revision_ BERTH_GUARDED_BY(mu_) = 0;
  std::vector<Listener> listeners_ BERTH_GUARDED_BY(mu_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const StoreOptions& options) {
  auto store = std::make_unique<SqliteStore>();
  const absl::Status status = store->Open(options);
  if (absl::IsDataLoss(status)) {
    return base::MakeStatus(absl::StatusCode::kDataLoss,
                            "the stored state is damaged: ", status.message(),
                            "; put a backup in its place");
  }
  RETURN_IF_ERROR(status, "opening the store");
  return store;
}

}  // namespace berth::controlplane
