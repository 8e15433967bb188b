// The database: sweeps, their frozen points, runs and everything that runs log. One SQLite file, WAL, one
// writer at a time, STRICT tables, user_version migrations (schema.sql).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec/reference.h"
#include "spec/run.h"

namespace gyre::store {

// One frozen point of a sweep.
struct Point {
  std::string digest;     // identity: canonical configuration and input digests
  std::string canonical;  // canonical_text()
  std::string label;      // short, for people: "gsr W4A4KV4"
  std::vector<Param> params;
};

struct MetricRow {
  std::string name;      // "ppl/wikitext2@gptq2048"
  double value = 0;      // nan and the infinities are kept
  double std_error = 0;  // of value, from blocks of the text; nan: none could be had
  std::int64_t n = 0;    // targets or items
  std::string unit;      // "", "tokens/s"
};
// One block of paired samples of a metric: NLL sum (nats) of up to 128 consecutive targets of one window.
struct SampleRow {
  std::int64_t window = 0, block = 0;
  double sum = 0;  // nan when it was not finite
  std::int64_t n = 0;
};
struct StageRow {
  std::string name, key;  // key: SHA-256 of what the stage read
  double seconds = 0;
  bool reused = false;
  std::int64_t peak_bytes = 0;
};

struct KernelTimingRow {
  std::string kernel, variant, shape, dtype, device;
  std::int64_t n_samples = 0;
  double median_us = 0, p10_us = 0, p90_us = 0, bytes = 0, max_error = 0, copy_share = 0;
};

// One number about one tensor. A bin of a histogram is named "histogram/LOW/HIGH" and holds the share of
// values in [LOW, HIGH), in standard deviations of the tensor.
struct TensorStatRow {
  std::int64_t layer = -1;  // -1: the whole model
  std::string tensor, site, phase, name;
  double value = 0;  // nan when it was not finite
  std::int64_t n = 0;
};

// One point of what training logs as it goes.
struct CurveRow {
  std::string name;  // "loss"
  std::int64_t step = 0;
  double value = 0;  // nan when it was not finite
};

// A run as it is read back; or a point of a plan that has none yet: run_id 0, status "pending", its digest,
// sweep, label, canonical text and params (without run.*).
struct RunRow {
  std::int64_t run_id = 0;
  std::string digest, sweep, label, status, error, version, environment, started_utc, ended_utc;
  std::string canonical, error_code;
  std::vector<Param> params;
  std::vector<MetricRow> metrics;
  std::vector<StageRow> stages;
};

// The settings that a canonical_text() holds, one `key = value` a line: those that count for this run.
std::vector<Param> parse_canonical(const std::string& canonical);

// One connection, used by one thread at a time and not across fork(). Every function waits up to 30 s for
// other processes' writes and throws kStore when the database cannot be used, kResource when the disk is
// full.
class RunStore {
 public:
  // Opens or creates (parent folders too), migrates. read_only: never writes, and the file must exist.
  // kStore, the file left as it was: not a gyre database, newer schema than this program, not writable,
  // damaged.
  explicit RunStore(const std::filesystem::path& path, bool read_only = false);
  ~RunStore();
  RunStore(const RunStore&) = delete;
  RunStore& operator=(const RunStore&) = delete;
  const std::filesystem::path& path() const;

  // Materializes a sweep's plan: adds the points that the sweep does not have yet and fixes their order.
  // Points with one digest are one point. A point that left the sweep file stays in the database but no
  // longer belongs to the plan.
  void plan_sweep(const std::string& sweep, const std::vector<Point>& points);

  // Points of the plan that have no run with status ok (or diverged, unless retry_diverged), in order; points
  // that a live process holds are among them. A run that is 'running' under a process that no longer exists
  // counts as failed and is marked so ("process ended").
  std::vector<std::string> pending(const std::string& sweep, bool retry_diverged);

  // Claims a point for this process: inserts a run in state 'running' with pid, host and a lease, or nothing
  // when another live process holds it or it is already ok. sweep "" is a run outside a sweep: there only an
  // ok run of the same version counts, and none of a version that ends in ".dirty", so that a changed program
  // runs anew. A holder on this machine is alive while its process exists; one elsewhere while its last
  // heartbeat is at most 120 s old.
  std::optional<std::int64_t> begin(const std::string& sweep, const Point& point, const std::string& version,
                                    const std::string& environment);
  void heartbeat(std::int64_t run_id);

  // The newest finished (ok) run of this digest in whatever sweep, made by the given version of the program
  // if one is named; none for a version that ends in ".dirty".
  std::optional<std::int64_t> find_ok(const std::string& digest, const std::string& version = "") const;
  // Lets a finished run of the same digest stand for a point of this sweep: the point is no longer pending,
  // and runs(sweep) shows that run. kStore unless the point is planned and the run is ok and has its digest.
  void adopt(const std::string& sweep, const Point& point, std::int64_t run_id);

  // All of a run's results in one transaction with its status ('ok' or 'diverged'). False, and nothing but
  // the run's failure is recorded, when another process finished the point meanwhile (after this one's lease
  // had run out).
  bool finish(std::int64_t run_id, const std::string& status, const std::vector<MetricRow>& metrics,
              const std::vector<std::pair<std::string, std::vector<SampleRow>>>& samples,
              const std::vector<StageRow>& stages);
  // status: 'failed' or 'interrupted'; error: the message; error_code: its kind, error_name(). A run that is
  // no longer 'running' keeps what it has.
  void fail(std::int64_t run_id, const std::string& status, const std::string& error,
            const std::string& error_code = "");

  void add_kernel_timing(const KernelTimingRow& row);
  // Both replace what is there under the same names, in one transaction.
  void add_tensor_stats(std::int64_t run_id, const std::vector<TensorStatRow>& rows);
  void add_curve(std::int64_t run_id, const std::vector<CurveRow>& rows);
  void add_verification(std::int64_t run_id, const std::string& name, bool passed, double value,
                        const std::string& detail);
  // Published values, each in place of what is there under its id. Rows without a number are left out.
  void put_references(const std::vector<Reference>& rows);

  // Reading. One row for each point of a sweep's present plan, in plan order: its ok run (its own or an
  // adopted one), else the newest diverged, else the newest, else the point as "pending"; kInput when there
  // is no such sweep. Or every run there is, oldest first, when sweep is empty.
  std::vector<std::string> sweeps() const;
  std::vector<RunRow> runs(const std::string& sweep) const;
  // By digest prefix (at least 4 digits) or run id; kInput when none or several match, naming them. Of
  // several runs of one digest: the newest ok, else the newest diverged, else the newest.
  RunRow run(const std::string& digest_prefix) const;
  // Blocks of one metric in order of window and block; none when the run did not keep them.
  std::vector<SampleRow> samples(std::int64_t run_id, const std::string& metric) const;
  // In order of site, phase, name, layer and tensor.
  std::vector<TensorStatRow> tensor_stats(std::int64_t run_id) const;
  // In order of name and step; none from a database that has no such table.
  std::vector<CurveRow> curve(std::int64_t run_id) const;
  std::vector<KernelTimingRow> kernel_timings() const;  // oldest first

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gyre::store
