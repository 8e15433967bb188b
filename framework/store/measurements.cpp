// What is measured beside the metrics: tensor statistics, training curves, kernel timings.
#include "store/run_store_impl.h"

namespace gyre::store {

void RunStore::add_tensor_stats(std::int64_t run_id, const std::vector<TensorStatRow>& rows) {
  Transaction transaction(impl_->database);
  Statement add = impl_->database.prepare(
      "INSERT OR REPLACE INTO tensor_stat (run_id, layer, tensor, site, phase, name, value, n) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  for (const auto& row : rows)
    add.run(run_id, row.layer, row.tensor, row.site, row.phase, row.name, row.value, row.n);
  transaction.commit();
}

std::vector<TensorStatRow> RunStore::tensor_stats(std::int64_t run_id) const {
  Statement select = impl_->database.prepare(
      "SELECT layer, tensor, site, phase, name, value, n FROM tensor_stat WHERE run_id = ?1 "
      "ORDER BY site, phase, name, layer, tensor");
  std::vector<TensorStatRow> rows;
  for (select.bind(run_id); select.step();)
    rows.push_back({select.integer(0), select.text(1), select.text(2), select.text(3), select.text(4),
                    select.real(5), select.integer(6)});
  return rows;
}

void RunStore::add_curve(std::int64_t run_id, const std::vector<CurveRow>& rows) {
  Transaction transaction(impl_->database);
  Statement add = impl_->database.prepare(
      "INSERT OR REPLACE INTO curve (run_id, name, step, value) VALUES (?1, ?2, ?3, ?4)");
  for (const auto& row : rows) add.run(run_id, row.name, row.step, row.value);
  transaction.commit();
}

std::vector<CurveRow> RunStore::curve(std::int64_t run_id) const {
  const Database& db = impl_->database;
  if (db.integer("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'curve'") == 0)
    return {};
  Statement select = db.prepare("SELECT name, step, value FROM curve WHERE run_id = ?1 ORDER BY name, step");
  std::vector<CurveRow> rows;
  for (select.bind(run_id); select.step();)
    rows.push_back({select.text(0), select.integer(1), select.real(2)});
  return rows;
}

std::vector<KernelTimingRow> RunStore::kernel_timings() const {
  Statement select = impl_->database.prepare(
      "SELECT kernel, variant, shape, dtype, device, n_samples, median_us, p10_us, p90_us, bytes, max_error, "
      "copy_share FROM kernel_timing ORDER BY kernel_timing_id");
  std::vector<KernelTimingRow> rows;
  while (select.step())
    rows.push_back({select.text(0), select.text(1), select.text(2), select.text(3), select.text(4),
                    select.integer(5), select.real(6), select.real(7), select.real(8), select.real(9),
                    select.real(10), select.real(11)});
  return rows;
}

}  // namespace gyre::store
