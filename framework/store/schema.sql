-- Schema 1 of the gyre database. application_id and user_version are set by the migration that runs this text.
--
-- Times are ISO 8601 UTC texts, except leases (whole seconds since 1970, for arithmetic). Durations are seconds,
-- memory is bytes. A number that is not finite is NULL; metric.status says which one it was.

CREATE TABLE sweep (
  name        TEXT PRIMARY KEY,
  created_utc TEXT NOT NULL,
  planned_utc TEXT NOT NULL                 -- when its plan was last laid down
) STRICT;

-- The plan: frozen before the first point runs. A point without position has left the sweep file.
CREATE TABLE point (
  sweep          TEXT NOT NULL REFERENCES sweep (name) ON DELETE CASCADE,
  digest         TEXT NOT NULL,             -- of the canonical text and the inputs' digests
  position       INTEGER,
  canonical      TEXT NOT NULL,             -- every setting that counts, one `key = value` per line
  label          TEXT NOT NULL,             -- for people: "gsr W4A4KV4"
  -- A finished run of another sweep that stands for this point.
  adopted_run_id INTEGER REFERENCES run (run_id) ON DELETE SET NULL,
  PRIMARY KEY (sweep, digest)
) STRICT;
CREATE UNIQUE INDEX point_position ON point (sweep, position) WHERE position IS NOT NULL;

CREATE TABLE environment (
  environment_id INTEGER PRIMARY KEY,
  json           TEXT NOT NULL UNIQUE
) STRICT;

-- One attempt at a point. sweep is '' for a run outside a sweep.
CREATE TABLE run (
  run_id         INTEGER PRIMARY KEY AUTOINCREMENT,
  digest         TEXT NOT NULL,
  sweep          TEXT NOT NULL,
  label          TEXT NOT NULL,
  canonical      TEXT NOT NULL,
  status         TEXT NOT NULL CHECK (status IN ('running', 'ok', 'diverged', 'failed', 'interrupted')),
  error          TEXT,                      -- the message
  code           TEXT,                      -- the kind of error: "input", "resource", ...
  version        TEXT NOT NULL,             -- of the program, with its commit
  environment_id INTEGER NOT NULL REFERENCES environment (environment_id),
  pid            INTEGER NOT NULL,          -- the process that holds or held it
  process_start  INTEGER NOT NULL,          -- clock ticks from boot: tells a process from a later one with its pid
  host           TEXT NOT NULL,
  machine        TEXT NOT NULL,             -- boot and process namespace in which pid means something
  heartbeat_at   INTEGER NOT NULL,
  started_utc    TEXT NOT NULL,
  ended_utc      TEXT,
  CHECK ((status = 'running') = (ended_utc IS NULL))
) STRICT;
CREATE UNIQUE INDEX run_ok ON run (sweep, digest) WHERE status = 'ok' AND sweep <> '';
CREATE UNIQUE INDEX run_running ON run (sweep, digest) WHERE status = 'running';
CREATE INDEX run_digest ON run (digest);

CREATE TABLE param (
  run_id   INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  key      TEXT NOT NULL,                   -- dotted: "quant.weight.n_bits"
  value    TEXT NOT NULL,                   -- as in TOML: 4, true, "gsr"
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage (
  run_id     INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  key        TEXT NOT NULL,                 -- SHA-256 of what it read
  seconds    REAL NOT NULL,
  reused     INTEGER NOT NULL CHECK (reused IN (0, 1)),
  peak_bytes INTEGER NOT NULL,
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
  metric_id INTEGER PRIMARY KEY,
  run_id    INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  name      TEXT NOT NULL,                  -- with its protocol: "ppl/wikitext2@gptq2048"
  value     REAL,
  status    TEXT NOT NULL CHECK (status IN ('finite', 'nan', 'inf', '-inf')),
  std_error REAL,
  n         INTEGER NOT NULL,
  unit      TEXT NOT NULL,
  UNIQUE (run_id, name),
  CHECK ((status = 'finite') = (value IS NOT NULL))
) STRICT;

CREATE TABLE metric_sample (
  metric_id INTEGER NOT NULL REFERENCES metric (metric_id) ON DELETE CASCADE,
  window    INTEGER NOT NULL,
  block     INTEGER NOT NULL,
  sum       REAL,
  n         INTEGER NOT NULL,
  PRIMARY KEY (metric_id, window, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE tensor_stat (
  run_id INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  layer  INTEGER NOT NULL,                  -- -1: the whole model
  tensor TEXT NOT NULL,
  site   TEXT NOT NULL,                     -- weight, activation, key, value
  phase  TEXT NOT NULL,                     -- original, rotated, quantized
  name   TEXT NOT NULL,
  value  REAL,
  n      INTEGER NOT NULL,
  PRIMARY KEY (run_id, layer, tensor, site, phase, name)
) STRICT, WITHOUT ROWID;

-- What training logs as it goes.
CREATE TABLE curve (
  run_id INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  name   TEXT NOT NULL,                     -- "loss"
  step   INTEGER NOT NULL,
  value  REAL,
  PRIMARY KEY (run_id, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE kernel_timing (
  kernel_timing_id INTEGER PRIMARY KEY,
  kernel       TEXT NOT NULL,
  variant      TEXT NOT NULL,
  shape        TEXT NOT NULL,
  dtype        TEXT NOT NULL,
  device       TEXT NOT NULL,
  n_samples    INTEGER NOT NULL,
  median_us    REAL NOT NULL,
  p10_us       REAL NOT NULL,
  p90_us       REAL NOT NULL,
  bytes        REAL NOT NULL,
  max_error    REAL,
  copy_share   REAL,
  recorded_utc TEXT NOT NULL
) STRICT;

-- Checks that a run made of itself (the invariance gate) or that were made of it later.
CREATE TABLE verification (
  verification_id INTEGER PRIMARY KEY,
  run_id       INTEGER NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  passed       INTEGER NOT NULL CHECK (passed IN (0, 1)),
  value        REAL,
  detail       TEXT NOT NULL,
  recorded_utc TEXT NOT NULL
) STRICT;
CREATE INDEX verification_run ON verification (run_id);

-- Published values to compare with.
CREATE TABLE reference (
  reference_id TEXT PRIMARY KEY,
  source       TEXT NOT NULL,               -- the paper
  location     TEXT NOT NULL,               -- table and cell
  model        TEXT NOT NULL,
  metric       TEXT NOT NULL,
  value        REAL NOT NULL,
  tolerance    REAL NOT NULL
) STRICT;
