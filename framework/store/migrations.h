// Opening: what a file is, whether it may be written, and which schema it has. Private to framework/store.
#pragma once

#include <cstdint>
#include <filesystem>

#include "store/sqlite.h"

namespace gyre::store {

inline constexpr std::int64_t kApplicationId = 0x67797265;  // "gyre"

// The newest schema that this program knows.
std::int64_t schema_version();

// The database at path, checked and at schema_version(); made if it is not there and not read_only. Every
// error is kStore and leaves the file as it was.
Database open_database(const std::filesystem::path& path, bool read_only);

}  // namespace gyre::store
