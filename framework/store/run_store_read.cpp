// The reading half of RunStore.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/text.h"
#include "store/run_store_impl.h"

namespace gyre::store {
namespace {

double value_of(double stored, const std::string& status) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return status == "inf" ? kInfinity : status == "-inf" ? -kInfinity : stored;
}

}  // namespace

std::vector<Param> parse_canonical(const std::string& canonical) {
  std::vector<Param> out;
  for (const auto& line : split(canonical, '\n')) {
    const auto equals = line.find(" = ");
    if (equals != std::string::npos) out.push_back({line.substr(0, equals), line.substr(equals + 3)});
  }
  return out;
}

RunRow RunStore::Impl::read_run(std::int64_t run_id) const {
  Statement head = database.prepare(
      "SELECT digest, sweep, label, status, error, version, json, started_utc, ended_utc, canonical, code "
      "FROM run JOIN environment USING (environment_id) WHERE run_id = ?1");
  GYRE_ASSERT(head.bind(run_id).step());
  RunRow row{run_id,       head.text(0),  head.text(1), head.text(2), head.text(3),
             head.text(4), head.text(5),  head.text(6), head.text(7), head.text(8),
             head.text(9), head.text(10), {},           {},           {}};
  Statement params = database.prepare("SELECT key, value FROM param WHERE run_id = ?1 ORDER BY position");
  for (params.bind(run_id); params.step();) row.params.push_back({params.text(0), params.text(1)});
  Statement metrics = database.prepare(
      "SELECT name, value, status, std_error, n, unit FROM metric WHERE run_id = ?1 ORDER BY metric_id");
  for (metrics.bind(run_id); metrics.step();)
    row.metrics.push_back({metrics.text(0), value_of(metrics.real(1), metrics.text(2)), metrics.real(3),
                           metrics.integer(4), metrics.text(5)});
  Statement stages = database.prepare(
      "SELECT name, key, seconds, reused, peak_bytes FROM stage WHERE run_id = ?1 ORDER BY position");
  for (stages.bind(run_id); stages.step();)
    row.stages.push_back(
        {stages.text(0), stages.text(1), stages.real(2), stages.integer(3) != 0, stages.integer(4)});
  return row;
}

std::vector<std::string> RunStore::sweeps() const {
  Statement select = impl_->database.prepare("SELECT name FROM sweep ORDER BY created_utc, name");
  std::vector<std::string> names;
  while (select.step()) names.push_back(select.text(0));
  return names;
}

std::vector<RunRow> RunStore::runs(const std::string& sweep) const {
  const Database& db = impl_->database;
  Transaction snapshot(db, Transaction::Kind::kRead);
  std::vector<RunRow> rows;
  if (sweep.empty()) {
    Statement all = db.prepare("SELECT run_id FROM run ORDER BY run_id");
    while (all.step()) rows.push_back(impl_->read_run(all.integer(0)));
    return rows;
  }
  const auto known = sweeps();
  if (std::find(known.begin(), known.end(), sweep) == known.end())
    gyre::fail(ErrorCode::kInput, "database {} has no sweep '{}'{}", impl_->path.string(), sweep,
               known.empty() ? "; it has none yet" : suggestion(sweep, known));
  Statement points = db.prepare(
      "SELECT digest, label, canonical, adopted_run_id FROM point "
      "WHERE sweep = ?1 AND position IS NOT NULL ORDER BY position");
  Statement best = db.prepare(fmt::format(
      "SELECT run_id FROM run WHERE (sweep = ?1 AND digest = ?2) OR run_id = ?3 ORDER BY {} LIMIT 1",
      kBestFirst));
  for (points.bind(sweep); points.step();) {
    std::optional<std::int64_t> adopted;
    if (!points.is_null(3)) adopted = points.integer(3);
    if (best.bind(sweep, points.text(0), adopted).step()) {
      rows.push_back(impl_->read_run(best.integer(0)));
      continue;
    }
    RunRow row;
    row.digest = points.text(0);
    row.sweep = sweep;
    row.label = points.text(1);
    row.status = "pending";
    row.canonical = points.text(2);
    row.params = parse_canonical(row.canonical);
    rows.push_back(std::move(row));
  }
  return rows;
}

RunRow RunStore::run(const std::string& digest_prefix) const {
  const Database& db = impl_->database;
  const auto all_of = [&](std::string_view digits) {
    return !digest_prefix.empty() && digest_prefix.find_first_not_of(digits) == std::string::npos;
  };
  Transaction snapshot(db, Transaction::Kind::kRead);
  if (digest_prefix.size() >= 4 && all_of("0123456789abcdef")) {
    // 'g' follows every hexadecimal digit.
    Statement matches = db.prepare(
        "SELECT digest, label FROM run WHERE digest >= ?1 AND digest < ?1 || 'g' GROUP BY digest LIMIT 6");
    std::vector<std::string> digests, names;
    for (matches.bind(digest_prefix); matches.step();) {
      digests.push_back(matches.text(0));
      names.push_back(matches.text(0).substr(0, 16) + " (" + matches.text(1) + ")");
    }
    GYRE_CHECK(digests.size() <= 1, ErrorCode::kInput, "several runs begin with '{}': {}; give more digits",
               digest_prefix, join(names, ", "));
    if (digests.size() == 1) {
      Statement best =
          db.prepare(fmt::format("SELECT run_id FROM run WHERE digest = ?1 ORDER BY {} LIMIT 1", kBestFirst));
      best.bind(digests.front()).step();
      return impl_->read_run(best.integer(0));
    }
  }
  if (all_of("0123456789") && digest_prefix.size() < 19) {
    const std::int64_t run_id = std::stoll(digest_prefix);
    if (db.prepare("SELECT 1 FROM run WHERE run_id = ?1").bind(run_id).step()) return impl_->read_run(run_id);
  }
  gyre::fail(ErrorCode::kInput,
             "no run '{}' in {}; expected a run id or at least 4 digits of a digest, as `gyre list runs` "
             "prints them",
             digest_prefix, impl_->path.string());
}

std::optional<std::int64_t> RunStore::find_ok(const std::string& digest, const std::string& version) const {
  if (!names_a_program(version)) return std::nullopt;
  Statement select = impl_->database.prepare(
      "SELECT run_id FROM run WHERE digest = ?1 AND status = 'ok' AND (?2 = '' OR version = ?2) "
      "ORDER BY run_id DESC LIMIT 1");
  if (!select.bind(digest, version).step()) return std::nullopt;
  return select.integer(0);
}

std::vector<SampleRow> RunStore::samples(std::int64_t run_id, const std::string& metric) const {
  Statement select = impl_->database.prepare(
      "SELECT window, block, sum, s.n FROM metric_sample AS s JOIN metric USING (metric_id) "
      "WHERE run_id = ?1 AND name = ?2 ORDER BY window, block");
  std::vector<SampleRow> rows;
  for (select.bind(run_id, metric); select.step();)
    rows.push_back({select.integer(0), select.integer(1), select.real(2), select.integer(3)});
  return rows;
}

}  // namespace gyre::store
