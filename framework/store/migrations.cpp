#include "store/migrations.h"

#include <fmt/format.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <system_error>

#include "core/error.h"
#include "schema_sql.h"

namespace gyre::store {
namespace fs = std::filesystem;
namespace {

// Step i takes a database from schema i to schema i + 1.
constexpr std::array<const char*, 1> kMigrations = {kSchemaSql};

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Reads 16 bytes, so that a file of another kind is refused before SQLite sees it.
void check_header(const fs::path& path) {
  GYRE_CHECK(!fs::is_directory(path), ErrorCode::kStore, "database {} is a folder; name a file with --db",
             path.string());
  std::ifstream in(path, std::ios::binary);
  GYRE_CHECK(in, ErrorCode::kStore, "database {} cannot be read: {}", path.string(), std::strerror(errno));
  std::array<char, 16> header{};
  in.read(header.data(), header.size());
  const bool is_sqlite =
      in.gcount() == header.size() && std::memcmp(header.data(), "SQLite format 3", header.size()) == 0;
  GYRE_CHECK(in.gcount() == 0 || is_sqlite, ErrorCode::kStore,
             "{} is no SQLite database; it was left as it is. Name another file with --db", path.string());
}

void check_writable(const fs::path& path) {
  const fs::path folder = folder_of(path);
  std::error_code error;
  fs::create_directories(folder, error);
  GYRE_CHECK(!error && fs::is_directory(folder), ErrorCode::kStore,
             "folder {} of the database cannot be made: {}; name another database with --db", folder.string(),
             error ? error.message() : "there is a file of that name");
  // SQLite writes a journal beside the file, so that the folder must be writable too.
  GYRE_CHECK(::access(folder.c_str(), W_OK | X_OK) == 0, ErrorCode::kStore,
             "folder {} of the database is not writable; name another database with --db", folder.string());
  GYRE_CHECK(!fs::exists(path) || ::access(path.c_str(), W_OK) == 0, ErrorCode::kStore,
             "database {} is not writable; change its permissions, or name another with --db", path.string());
}

// Write-ahead logging needs memory shared by all connections, which network file systems do not give.
bool is_network_folder(const fs::path& path) {
  constexpr std::array<unsigned long, 7> kNetworkTypes = {0x6969 /* NFS */,
                                                          0x517B /* SMB */,
                                                          0xFE534D42 /* SMB2 */,
                                                          0xFF534D42 /* CIFS */,
                                                          0x0BD00BD0 /* Lustre */,
                                                          0x47504653 /* GPFS */,
                                                          0x65735546 /* FUSE */};
  struct statfs info {};
  if (::statfs(path.c_str(), &info) != 0) return false;
  for (const auto type : kNetworkTypes)
    if ((static_cast<unsigned long>(info.f_type) & 0xFFFFFFFFul) == type) return true;
  return false;
}

// The schema that the file has; 0 for an empty one. Refuses what is not ours or is newer. Call inside a
// transaction: another process may be making the database right now.
std::int64_t check_schema(const Database& database, const fs::path& path) {
  const auto version = database.integer("PRAGMA user_version");
  const auto application = database.integer("PRAGMA application_id");
  const auto n_objects = database.integer("SELECT count(*) FROM sqlite_master");
  if (version == 0 && application == 0 && n_objects == 0) return 0;
  GYRE_CHECK(application == kApplicationId && version > 0, ErrorCode::kStore,
             "{} is an SQLite database of another program (application id {:#x}, gyre's is {:#x}); it was "
             "left as it "
             "is. Name another file with --db",
             path.string(), application, kApplicationId);
  GYRE_CHECK(version <= schema_version(), ErrorCode::kStore,
             "database {} has schema {}, made by a newer gyre; this one knows schemas up to {}. Use the "
             "newer program, "
             "or name another database with --db",
             path.string(), version, schema_version());
  return version;
}

std::int64_t checked_schema(const Database& database, const fs::path& path) {
  const Transaction snapshot(database, Transaction::Kind::kRead);
  return check_schema(database, path);
}

void migrate(const Database& database, const fs::path& path) {
  Transaction transaction(database, Transaction::Kind::kExclusive);
  // Another process may have been faster.
  for (auto version = check_schema(database, path); version < schema_version(); ++version) {
    database.execute(kMigrations[static_cast<std::size_t>(version)]);
    database.execute(fmt::format("PRAGMA user_version = {}", version + 1));
  }
  database.execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
  transaction.commit();
}

// Reading a database in WAL mode needs its -shm file. Where that cannot be made, a database that was closed
// properly (no log left) can still be read as it lies there.
OpenMode reading_mode(const fs::path& path) {
  const bool can_make_files = ::access(folder_of(path).c_str(), W_OK) == 0;
  if (can_make_files && ::access(path.c_str(), W_OK) == 0) return OpenMode::kQueryOnly;
  fs::path log = path;
  log += "-wal";
  std::error_code missing;
  const bool has_log = fs::exists(log, missing) && fs::file_size(log, missing) > 0;
  return has_log || can_make_files ? OpenMode::kReadOnly : OpenMode::kImmutable;
}

Database open_for_reading(const fs::path& path) {
  GYRE_CHECK(fs::exists(path), ErrorCode::kStore,
             "database {} does not exist; `gyre run` or `gyre sweep` makes it, --db names another",
             path.string());
  check_header(path);
  Database database(path, reading_mode(path));
  const auto version = checked_schema(database, path);
  GYRE_CHECK(version == schema_version(), ErrorCode::kStore, "database {} {}", path.string(),
             version == 0
                 ? "is empty; `gyre run` or `gyre sweep` fills it"
                 : fmt::format("has the older schema {}; open it once with `gyre sweep` or `gyre run`, which "
                               "bring it to schema {}",
                               version, schema_version()));
  return database;
}

}  // namespace

std::int64_t schema_version() {
  return static_cast<std::int64_t>(kMigrations.size());
}

Database open_database(const fs::path& path, bool read_only) {
  if (read_only) return open_for_reading(path);
  check_writable(path);
  if (fs::exists(path)) check_header(path);
  Database database(path, OpenMode::kReadWrite);
  const auto version = checked_schema(database, path);
  database.set_journal_mode(is_network_folder(path) ? "delete" : "wal");
  if (version < schema_version()) migrate(database, path);
  return database;
}

}  // namespace gyre::store
