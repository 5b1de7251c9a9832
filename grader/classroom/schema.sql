-- Schema of the gradebook. A result is identified by its inputs; students refer to results.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE result (
    id INTEGER PRIMARY KEY,
    notebook TEXT NOT NULL,   -- SHA-256 of the notebook and the modules beside it
    rubric TEXT NOT NULL,     -- digest of its folder
    grader TEXT NOT NULL,     -- version and digest of the code that decides verdicts
    settings TEXT NOT NULL,   -- options, as JSON
    at TEXT NOT NULL,         -- UTC, as in all tables
    readable INTEGER NOT NULL,
    grade TEXT NOT NULL,      -- the JSON result
    figures BLOB NOT NULL     -- JSON, compressed by zlib
);
CREATE INDEX result_inputs ON result (notebook, rubric, grader, settings);
CREATE TABLE student (
    key TEXT PRIMARY KEY,     -- file name of the reports
    name TEXT NOT NULL,
    ids TEXT NOT NULL,        -- JSON: canvas, moodle, login, email, sis, section
    on_roster INTEGER NOT NULL,
    label TEXT,               -- name of the file that counts; null if nothing was handed in
    attempts INTEGER NOT NULL,
    handed_in TEXT,           -- time given by the platform
    late INTEGER NOT NULL,    -- marked as late by the platform
    result INTEGER REFERENCES result (id)
);
CREATE TABLE adjustment (
    id INTEGER PRIMARY KEY,
    student TEXT NOT NULL REFERENCES student (key),
    kind TEXT NOT NULL, criterion TEXT NOT NULL, points REAL NOT NULL, because TEXT NOT NULL,
    who TEXT NOT NULL, at TEXT NOT NULL,
    earned REAL, verdict TEXT,  -- of the criterion, when the adjustment was made
    withdrawn TEXT            -- time and name; null while it applies
);
CREATE TABLE change (         -- audit trail: rows are only ever added
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL, student TEXT NOT NULL, what TEXT NOT NULL,
    before TEXT, after TEXT, why TEXT NOT NULL
);
CREATE INDEX change_of ON change (student);
CREATE TABLE code (           -- input of the similarity search
    notebook TEXT PRIMARY KEY,
    cells BLOB NOT NULL,      -- JSON list of the code cells' sources, compressed by zlib
    kind TEXT NOT NULL,       -- version of the fingerprinting method
    marks BLOB NOT NULL       -- fingerprints: unsigned 64-bit integers
);
-- Pairs of students with similar code, and the page that shows the shared passages.
CREATE TABLE alike (first TEXT NOT NULL, second TEXT NOT NULL, share REAL NOT NULL, page TEXT NOT NULL);
-- Digest of what each student's reports were rendered from.
CREATE TABLE edition (student TEXT PRIMARY KEY, stamp TEXT NOT NULL);
