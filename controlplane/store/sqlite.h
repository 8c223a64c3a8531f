// SPDX-License-Identifier: Apache-2.0
// SQLite's handles as types. Errors are Internal with SQLite's own words, DataLoss when the file is
// damaged.
#ifndef BERTH_CONTROLPLANE_STORE_SQLITE_H_
#define BERTH_CONTROLPLANE_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace berth::controlplane {

// A prepared statement. Not thread-safe; parameters count from 1, columns from 0.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  void Bind(int parameter, int64_t value);
  // The bytes must stay until Reset() or the end of the statement.
  void Bind(int parameter, std::string_view value);
  void BindNull(int parameter);
  // True when there is a row.
  absl::StatusOr<bool> Step();
  void Reset();  // ready to be bound and stepped again
  int64_t Int(int column) const;
  std::string_view Bytes(int column) const;  // until the next Step
  bool IsNull(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// A connection. One thread at a time per statement; statements of several threads take turns.
class SqliteConnection {
 public:
  static absl::StatusOr<SqliteConnection> Open(const std::string& path);
  absl::Status Execute(const char* sql);
  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STORE_SQLITE_H_
