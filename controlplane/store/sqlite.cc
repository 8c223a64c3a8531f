// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/sqlite.h"

#include <sqlite3.h>

#include "base/status.h"

namespace berth::controlplane {
namespace {

// What the last call on this connection ended with.
absl::Status ErrorOf(sqlite3* database) {
  const int code = sqlite3_errcode(database) & 0xff;  // without SQLite's finer distinctions
  const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  return base::MakeStatus(damaged ? absl::StatusCode::kDataLoss : absl::StatusCode::kInternal,
                          "database: ", sqlite3_errmsg(database));
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}
void SqliteConnection::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void SqliteStatement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}
void SqliteStatement::Bind(int parameter, std::string_view value) {
  // Never a null pointer, which would bind NULL in place of an empty value.
  sqlite3_bind_blob64(statement_.get(), parameter, value.empty() ? "" : value.data(), value.size(),
                      SQLITE_STATIC);
}
void SqliteStatement::BindNull(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

absl::StatusOr<bool> SqliteStatement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(sqlite3_db_handle(statement_.get()));
}
void SqliteStatement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}
int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
std::string_view SqliteStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view()
                         : std::string_view(static_cast<const char*>(data), size);
}
bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

absl::StatusOr<SqliteConnection> SqliteConnection::Open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  SqliteConnection out;
  out.database_.reset(raw);
  if (result != SQLITE_OK) {
    return base::Internal("opening ", path, ": ", sqlite3_errstr(result));
  }
  sqlite3_busy_timeout(raw, 5000);
  return out;
}

absl::Status SqliteConnection::Execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return ErrorOf(database_.get());
  }
  return absl::OkStatus();
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw,
                         nullptr) != SQLITE_OK) {
    return ErrorOf(database_.get());
  }
  return SqliteStatement(raw);
}

}  // namespace berth::controlplane
