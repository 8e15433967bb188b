#include "store/sqlite.h"

#include <sqlite3.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "core/error.h"

namespace gyre::store {
namespace {

constexpr int kBusyTimeoutMs = 30'000;

const char* advice(int primary) {
  switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process kept it locked for 30 s; wait for it, or name another database with --db";
    case SQLITE_CORRUPT:
      return "the file is damaged; restore a copy, or save what can be read with `sqlite3 FILE .recover`";
    case SQLITE_NOTADB:
      return "the file is no SQLite database; name another with --db";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return "the file and its folder must be readable and writable; check their permissions, or name "
             "another "
             "database with --db";
    case SQLITE_FULL:
      return "the disk is full; free some space and run the same command again";
    case SQLITE_NOMEM:
      return "out of memory";
    default:
      return "what was committed before is intact";
  }
}

[[noreturn]] void fail_sqlite(sqlite3* connection, const std::string& path, int result) {
  const int primary = result & 0xff;
  const ErrorCode code =
      primary == SQLITE_FULL || primary == SQLITE_NOMEM ? ErrorCode::kResource : ErrorCode::kStore;
  fail(code, "database {}: {} (SQLite {}): {}", path,
       connection ? sqlite3_errmsg(connection) : sqlite3_errstr(result), result, advice(primary));
}

// A path as SQLite's URI, in which ? and # would end the name.
std::string file_uri(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '?' || c == '#' || c == '%' || byte < 0x21 || byte > 0x7e)
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    else
      uri += c;
  }
  return uri;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* connection, const std::string& path, std::string_view sql)
    : connection_(connection), path_(path) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(connection, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  check(result);
}

void Statement::check(int result) const {
  if (result != SQLITE_OK) fail_sqlite(connection_, path_, result);
}

void Statement::reset() {
  // Repeats the last step's error, which was thrown then.
  sqlite3_reset(statement_.get());
}

bool Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) fail_sqlite(connection_, path_, sqlite3_extended_errcode(connection_));
  sqlite3_reset(statement_.get());
  return false;
}

void Statement::bind_value(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), index, value));
}
void Statement::bind_value(int index, double value) {
  if (!std::isfinite(value)) return bind_null(index);
  check(sqlite3_bind_double(statement_.get(), index, value));
}
void Statement::bind_value(int index, std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() ? value.data() : "";
  check(sqlite3_bind_text(statement_.get(), index, data, static_cast<int>(value.size()), SQLITE_TRANSIENT));
}
void Statement::bind_null(int index) {
  check(sqlite3_bind_null(statement_.get(), index));
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN()
                         : sqlite3_column_double(statement_.get(), column);
}
std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text ? std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size))
              : std::string();
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Database::Database(const std::filesystem::path& path, OpenMode mode) : path_(path.string()) {
  const std::string uri = file_uri(std::filesystem::absolute(path).string()) +
                          (mode == OpenMode::kImmutable ? "?immutable=1" : "");
  const int access = mode == OpenMode::kReadWrite   ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                     : mode == OpenMode::kQueryOnly ? SQLITE_OPEN_READWRITE
                                                    : SQLITE_OPEN_READONLY;
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(uri.c_str(), &connection, access | SQLITE_OPEN_URI, nullptr);
  connection_.reset(connection);
  if (result != SQLITE_OK) fail_sqlite(connection, path_, result);
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  execute("PRAGMA foreign_keys = ON");
  if (mode == OpenMode::kQueryOnly) execute("PRAGMA query_only = ON");
}

Statement Database::prepare(std::string_view sql) const {
  return Statement(connection_.get(), path_, sql);
}

void Database::execute(const std::string& sql) const {
  const int result = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail_sqlite(connection_.get(), path_, result);
}

std::int64_t Database::integer(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(std::string_view sql) const {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : std::string();
}

std::string Database::set_journal_mode(std::string_view mode) const {
  // SQLite does not call its busy handler for this change, so the waiting is done here.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kBusyTimeoutMs);
  const std::string sql = "PRAGMA journal_mode = " + std::string(mode);
  for (;;) {
    sqlite3_stmt* statement = nullptr;
    int result = sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &statement, nullptr);
    if (result == SQLITE_OK) result = sqlite3_step(statement);
    std::string found;
    if (result == SQLITE_ROW) found = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    if (result == SQLITE_ROW) return found;
    if ((result & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline)
      fail_sqlite(connection_.get(), path_, result);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(connection_.get());
}

Transaction::Transaction(const Database& database, Kind kind) : database_(database) {
  database.execute(kind == Kind::kRead        ? "BEGIN"
                   : kind == Kind::kExclusive ? "BEGIN EXCLUSIVE"
                                              : "BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A failed rollback means that SQLite has rolled back already (disk full, I/O error).
  if (open_) sqlite3_exec(database_.connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace gyre::store
