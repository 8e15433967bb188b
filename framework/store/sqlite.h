// SQLite as values with destructors: a connection, a prepared statement, a transaction. Private to
// framework/store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace gyre::store {

class Statement {
 public:
  Statement(sqlite3* connection, const std::string& path, std::string_view sql);

  // Resets and binds ?1, ?2, ... Integers, doubles (not finite: NULL), texts, optionals (nothing: NULL).
  template <class... Args>
  Statement& bind(const Args&... args) {
    reset();
    int index = 0;
    (bind_value(++index, args), ...);
    return *this;
  }
  bool step();  // true: a row is there
  template <class... Args>
  void run(const Args&... args) {  // for statements without rows
    bind(args...);
    while (step()) {
    }
  }

  std::int64_t integer(int column) const;
  double real(int column) const;  // NULL: NaN
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  void reset();
  void bind_value(int index, std::int64_t value);
  void bind_value(int index, int value) { bind_value(index, static_cast<std::int64_t>(value)); }
  void bind_value(int index, bool value) { bind_value(index, static_cast<std::int64_t>(value)); }
  void bind_value(int index, double value);
  void bind_value(int index, std::string_view value);
  void bind_value(int index, const std::string& value) { bind_value(index, std::string_view(value)); }
  void bind_value(int index, const char* value) { bind_value(index, std::string_view(value)); }
  void bind_null(int index);
  template <class T>
  void bind_value(int index, const std::optional<T>& value) {
    value ? bind_value(index, *value) : bind_null(index);
  }
  void check(int result) const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* connection_;
  std::string path_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

enum class OpenMode {
  kReadWrite,  // creates the file
  kQueryOnly,  // reads only, but may make and remove SQLite's companions of the file (-wal, -shm)
  kReadOnly,   // for files that cannot be written
  kImmutable,  // the same, where nobody else writes: needs no companion
};

// One connection; used by one thread at a time, and never across fork(). Errors are kStore, or kResource when
// the disk or the memory is full, and name the file.
class Database {
 public:
  Database(const std::filesystem::path& path, OpenMode mode);

  Statement prepare(std::string_view sql) const;
  void execute(const std::string& sql) const;        // any number of statements, no rows
  std::int64_t integer(std::string_view sql) const;  // first column of the first row
  std::string text(std::string_view sql) const;
  // Puts the database into a journal mode; returns the mode that it is in afterwards. Waits for other
  // connections.
  std::string set_journal_mode(std::string_view mode) const;
  std::int64_t last_insert_id() const;

 private:
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// Rolls back unless committed.
class Transaction {
 public:
  enum class Kind { kRead, kWrite, kExclusive };
  explicit Transaction(const Database& database, Kind kind = Kind::kWrite);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& database_;
  bool open_ = true;
};

}  // namespace gyre::store
