// What both source files of RunStore share. Private to framework/store.
#pragma once

#include <filesystem>
#include <string>

#include "store/process.h"
#include "store/run_store.h"
#include "store/sqlite.h"

namespace gyre::store {

struct RunStore::Impl {
  std::filesystem::path path;
  Database database;
  ProcessId self;

  // Marks runs in state 'running' as failed where their process is gone. digest "": those of all points. Call
  // inside a write transaction.
  void release_dead(const std::string& sweep, const std::string& digest) const;
  RunRow read_run(std::int64_t run_id) const;
};

// Two builds of a changed tree may carry the same version and compute different numbers.
inline bool names_a_program(const std::string& version) {
  return !version.ends_with(".dirty");
}

// Orders the runs of one point, best first; for ORDER BY.
inline constexpr const char* kBestFirst =
    "CASE status WHEN 'ok' THEN 0 WHEN 'diverged' THEN 1 ELSE 2 END, run_id DESC";

}  // namespace gyre::store
