// The writing half of RunStore: plans, claims, results.
#include "store/run_store.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <set>

#include "core/error.h"
#include "store/migrations.h"
#include "store/run_store_impl.h"

namespace gyre::store {
namespace {

std::int64_t unix_seconds() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

const char* status_of(double value) {
  return std::isnan(value) ? "nan" : std::isfinite(value) ? "finite" : value > 0 ? "inf" : "-inf";
}

}  // namespace

RunStore::RunStore(const std::filesystem::path& path, bool read_only)
    : impl_(new Impl{path, open_database(path, read_only), this_process()}) {}
RunStore::~RunStore() = default;

const std::filesystem::path& RunStore::path() const {
  return impl_->path;
}

void RunStore::Impl::release_dead(const std::string& sweep, const std::string& digest) const {
  Statement running = database.prepare(
      "SELECT run_id, pid, process_start, host, machine, heartbeat_at FROM run "
      "WHERE status = 'running' AND sweep = ?1 AND (?2 = '' OR digest = ?2)");
  Statement mark = database.prepare(
      "UPDATE run SET status = 'failed', error = 'process ended', code = 'interrupted', ended_utc = ?2 "
      "WHERE run_id = ?1");
  std::vector<std::int64_t> dead;
  running.bind(sweep, digest);
  while (running.step()) {
    const ProcessId holder{running.integer(1), running.integer(2), running.text(3), running.text(4)};
    if (!is_alive(holder, self, unix_seconds() - running.integer(5))) dead.push_back(running.integer(0));
  }
  for (const auto run_id : dead) mark.run(run_id, utc_now());
}

void RunStore::plan_sweep(const std::string& sweep, const std::vector<Point>& points) {
  GYRE_ASSERT(!sweep.empty());
  const Database& db = impl_->database;
  Transaction transaction(db);
  db.prepare(
        "INSERT INTO sweep (name, created_utc, planned_utc) VALUES (?1, ?2, ?2) "
        "ON CONFLICT (name) DO UPDATE SET planned_utc = ?2")
      .run(sweep, utc_now());
  db.prepare("UPDATE point SET position = NULL WHERE sweep = ?1").run(sweep);
  Statement add = db.prepare(
      "INSERT INTO point (sweep, digest, position, canonical, label) VALUES (?1, ?2, ?3, ?4, ?5) "
      "ON CONFLICT (sweep, digest) DO UPDATE SET position = ?3, label = ?5");
  std::set<std::string> seen;
  for (const Point& point : points) {
    const auto position = static_cast<std::int64_t>(seen.size());
    if (seen.insert(point.digest).second)
      add.run(sweep, point.digest, position, point.canonical, point.label);
  }
  transaction.commit();
}

std::vector<std::string> RunStore::pending(const std::string& sweep, bool retry_diverged) {
  const Database& db = impl_->database;
  Transaction transaction(db);
  impl_->release_dead(sweep, "");
  Statement select = db.prepare(
      "SELECT digest FROM point AS p WHERE sweep = ?1 AND position IS NOT NULL AND adopted_run_id IS NULL "
      "AND NOT EXISTS (SELECT 1 FROM run AS r WHERE r.sweep = p.sweep AND r.digest = p.digest "
      "                AND (r.status = 'ok' OR (r.status = 'diverged' AND NOT ?2))) ORDER BY position");
  std::vector<std::string> digests;
  select.bind(sweep, retry_diverged);
  while (select.step()) digests.push_back(select.text(0));
  transaction.commit();
  return digests;
}

std::optional<std::int64_t> RunStore::begin(const std::string& sweep, const Point& point,
                                            const std::string& version, const std::string& environment) {
  const Database& db = impl_->database;
  Transaction transaction(db);
  impl_->release_dead(sweep, point.digest);
  Statement taken = db.prepare(
      "SELECT 1 FROM run WHERE sweep = ?1 AND digest = ?2 AND "
      "(status = 'running' OR (status = 'ok' AND (sweep <> '' OR (version = ?3 AND ?4)))) "
      "UNION ALL SELECT 1 FROM point WHERE sweep = ?1 AND digest = ?2 AND adopted_run_id IS NOT NULL");
  if (taken.bind(sweep, point.digest, version, names_a_program(version)).step()) {
    transaction.commit();
    return std::nullopt;
  }

  db.prepare("INSERT OR IGNORE INTO environment (json) VALUES (?1)").run(environment);
  const ProcessId& self = impl_->self;
  db.prepare(
        "INSERT INTO run (digest, sweep, label, canonical, status, version, environment_id, pid, "
        "process_start, host, "
        "machine, heartbeat_at, started_utc) "
        "SELECT ?1, ?2, ?3, ?4, 'running', ?5, environment_id, ?7, ?8, ?9, ?10, ?11, ?12 "
        "FROM environment WHERE json = ?6")
      .run(point.digest, sweep, point.label, point.canonical, version, environment, self.pid, self.start,
           self.host, self.machine, unix_seconds(), utc_now());
  const std::int64_t run_id = db.last_insert_id();
  Statement add = db.prepare("INSERT INTO param (run_id, position, key, value) VALUES (?1, ?2, ?3, ?4)");
  for (std::size_t i = 0; i < point.params.size(); ++i)
    add.run(run_id, static_cast<std::int64_t>(i), point.params[i].key, point.params[i].value);
  transaction.commit();
  return run_id;
}

void RunStore::heartbeat(std::int64_t run_id) {
  impl_->database.prepare("UPDATE run SET heartbeat_at = ?2 WHERE run_id = ?1").run(run_id, unix_seconds());
}

void RunStore::adopt(const std::string& sweep, const Point& point, std::int64_t run_id) {
  const Database& db = impl_->database;
  Transaction transaction(db);
  Statement update = db.prepare(
      "UPDATE point SET adopted_run_id = ?3 WHERE sweep = ?1 AND digest = ?2 AND position IS NOT NULL "
      "AND EXISTS (SELECT 1 FROM run WHERE run_id = ?3 AND digest = ?2 AND status = 'ok') RETURNING 1");
  GYRE_CHECK(update.bind(sweep, point.digest, run_id).step(), ErrorCode::kStore,
             "run {} cannot stand for point '{}' of sweep '{}': it must be a finished run of the same digest "
             "{}, and the "
             "point must be planned",
             run_id, point.label, sweep, point.digest.substr(0, 12));
  while (update.step()) {
  }
  transaction.commit();
}

bool RunStore::finish(std::int64_t run_id, const std::string& status, const std::vector<MetricRow>& metrics,
                      const std::vector<std::pair<std::string, std::vector<SampleRow>>>& samples,
                      const std::vector<StageRow>& stages) {
  GYRE_ASSERT(status == "ok" || status == "diverged");
  const Database& db = impl_->database;
  Transaction transaction(db);
  Statement other = db.prepare(
      "SELECT o.run_id FROM run AS o JOIN run AS r USING (sweep, digest) "
      "WHERE r.run_id = ?1 AND o.run_id != ?1 AND o.status = 'ok' AND o.sweep <> ''");
  if (other.bind(run_id).step()) {
    const std::string error = fmt::format("run {} finished this point meanwhile", other.integer(0));
    transaction.commit();
    fail(run_id, "failed", error, error_name(ErrorCode::kStore));
    return false;
  }
  // A run whose lease ran out was marked failed; its results are none the worse.
  db.prepare("UPDATE run SET status = ?2, ended_utc = ?3, error = NULL, code = NULL WHERE run_id = ?1")
      .run(run_id, status, utc_now());

  Statement add_metric = db.prepare(
      "INSERT INTO metric (run_id, name, value, status, std_error, n, unit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
      "?7)");
  Statement add_sample =
      db.prepare("INSERT INTO metric_sample (metric_id, window, block, sum, n) VALUES (?1, ?2, ?3, ?4, ?5)");
  for (const MetricRow& metric : metrics) {
    add_metric.run(run_id, metric.name, metric.value, status_of(metric.value), metric.std_error, metric.n,
                   metric.unit);
    const std::int64_t metric_id = db.last_insert_id();
    for (const auto& [name, rows] : samples)
      if (name == metric.name)
        for (const auto& row : rows) add_sample.run(metric_id, row.window, row.block, row.sum, row.n);
  }
  Statement add_stage = db.prepare(
      "INSERT INTO stage (run_id, position, name, key, seconds, reused, peak_bytes) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  for (std::size_t i = 0; i < stages.size(); ++i)
    add_stage.run(run_id, static_cast<std::int64_t>(i), stages[i].name, stages[i].key, stages[i].seconds,
                  stages[i].reused, stages[i].peak_bytes);
  transaction.commit();
  return true;
}

void RunStore::fail(std::int64_t run_id, const std::string& status, const std::string& error,
                    const std::string& error_code) {
  GYRE_ASSERT(status == "failed" || status == "interrupted");
  impl_->database
      .prepare(
          "UPDATE run SET status = ?2, error = ?3, code = ?4, ended_utc = ?5 "
          "WHERE run_id = ?1 AND status = 'running'")
      .run(run_id, status, error, error_code, utc_now());
}

void RunStore::add_kernel_timing(const KernelTimingRow& row) {
  impl_->database
      .prepare(
          "INSERT INTO kernel_timing (kernel, variant, shape, dtype, device, n_samples, median_us, p10_us, "
          "p90_us, "
          "bytes, max_error, copy_share, recorded_utc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
          "?12, ?13)")
      .run(row.kernel, row.variant, row.shape, row.dtype, row.device, row.n_samples, row.median_us,
           row.p10_us, row.p90_us, row.bytes, row.max_error, row.copy_share, utc_now());
}

void RunStore::add_verification(std::int64_t run_id, const std::string& name, bool passed, double value,
                                const std::string& detail) {
  impl_->database
      .prepare(
          "INSERT INTO verification (run_id, name, passed, value, detail, recorded_utc) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
      .run(run_id, name, passed, value, detail, utc_now());
}

void RunStore::put_references(const std::vector<Reference>& rows) {
  const Database& db = impl_->database;
  Transaction transaction(db);
  Statement put = db.prepare(
      "INSERT OR REPLACE INTO reference (reference_id, source, location, model, metric, value, tolerance) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  for (const auto& row : rows)
    if (row.printed.empty())
      put.run(row.id, row.source, row.location, row.model, row.metric, row.value, rounding(row));
  transaction.commit();
}

}  // namespace gyre::store
