-- The gradebook. Results are kept by what they depend on; who handed in what refers to them.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    notebook TEXT NOT NULL,   -- SHA-256 of the bytes
    rubric TEXT NOT NULL,     -- digest
    grader TEXT NOT NULL,     -- version and digest of what decides a verdict
    settings TEXT NOT NULL,   -- JSON of the options
    at TEXT NOT NULL,
    readable INTEGER NOT NULL,
    grade TEXT NOT NULL,      -- the JSON result
    figures BLOB NOT NULL     -- JSON, compressed
);
CREATE INDEX result_inputs ON result (notebook, rubric, grader, settings);
CREATE TABLE student (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    ids TEXT NOT NULL,        -- JSON: canvas, moodle, login, email, sis, section
    on_roster INTEGER NOT NULL,
    label TEXT,               -- the file that counts; null where nothing was handed in
    attempts INTEGER NOT NULL,
    handed_in TEXT,
    late INTEGER NOT NULL,    -- marked by the platform
    result INTEGER REFERENCES result (id)
);
CREATE TABLE adjustment (
    id INTEGER PRIMARY KEY,
    student TEXT NOT NULL REFERENCES student (key),
    kind TEXT NOT NULL, criterion TEXT NOT NULL, points REAL NOT NULL, because TEXT NOT NULL,
    who TEXT NOT NULL, at TEXT NOT NULL,
    earned REAL, verdict TEXT,
    withdrawn TEXT            -- when, and by whom
);
CREATE TABLE change (         -- the audit trail: rows are added, never changed
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL, student TEXT NOT NULL, what TEXT NOT NULL,
    before TEXT, after TEXT, why TEXT NOT NULL
);
CREATE INDEX change_of ON change (student);
CREATE TABLE code (           -- what similarity compares
    notebook TEXT PRIMARY KEY,
    cells BLOB NOT NULL,      -- JSON list of the code cells' text, compressed
    kind TEXT NOT NULL,       -- the way of taking fingerprints
    marks BLOB NOT NULL       -- 64-bit integers
);
CREATE TABLE alike (first TEXT NOT NULL, second TEXT NOT NULL, share REAL NOT NULL, page TEXT NOT NULL);
CREATE TABLE edition (student TEXT PRIMARY KEY, stamp TEXT NOT NULL);
