-- Schema of the gradebook. A result is identified by its inputs; attempts of people refer to results.
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
-- A record of a person. All other tables refer to the record that their rows were made with; those of merged
-- records are read together, and nothing is moved, so that each merge can be split again.
CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE, -- file name of the reports; never changes, never given to another record
    name TEXT NOT NULL,
    origin TEXT NOT NULL,     -- roster, submission, or contested
    listed_as TEXT NOT NULL,  -- its name on the newest roster that had it, else empty
    section TEXT NOT NULL,
    is_student INTEGER NOT NULL,
    on_roster INTEGER NOT NULL,   -- on the newest roster, which gives the next two
    handed_in TEXT,
    unread_time TEXT NOT NULL,
    removed TEXT              -- time and name; null while it is in the class
);
CREATE TABLE person_name (person INTEGER NOT NULL REFERENCES person (id), name TEXT NOT NULL, UNIQUE (person, name));
CREATE TABLE identifier (
    kind TEXT NOT NULL, scope TEXT NOT NULL, normalized TEXT NOT NULL,
    value TEXT NOT NULL,      -- as the system writes it
    person INTEGER NOT NULL REFERENCES person (id),
    PRIMARY KEY (kind, scope, normalized)
);
CREATE INDEX identifier_of ON identifier (person);
CREATE TABLE link (           -- that two records are one person, or two
    id INTEGER PRIMARY KEY,
    is_merge INTEGER NOT NULL,
    first INTEGER NOT NULL REFERENCES person (id), second INTEGER NOT NULL REFERENCES person (id),
    reason TEXT NOT NULL,     -- of a merge: identifier, name, person; of two people: person, listed, contested
    because TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
    ended TEXT                -- time and name; null while it holds
);
CREATE TABLE conflict (       -- claims that contradict each other, of the newest roster and submissions
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person (id),
    others TEXT NOT NULL,     -- JSON list of records
    origin TEXT NOT NULL, sentence TEXT NOT NULL
);
CREATE TABLE decision (       -- what people did to records, newest last, each of which can be undone
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL,
    what TEXT NOT NULL,       -- merge, split, move or remove
    because TEXT NOT NULL,
    began TEXT NOT NULL, ended TEXT NOT NULL, removed TEXT NOT NULL,  -- JSON lists: links, links, records or moved identifiers
    undone TEXT               -- time and name; null while it holds
);
CREATE TABLE attempt (        -- those of each record's newest run, and those entered by hand
    person INTEGER NOT NULL REFERENCES person (id),
    run INTEGER NOT NULL, first_run INTEGER NOT NULL,  -- newest run that found it, and the first
    label TEXT NOT NULL,      -- name of the file
    notebook TEXT NOT NULL,   -- SHA-256 as in result
    number INTEGER NOT NULL, handed_in TEXT, unread_time TEXT NOT NULL, late INTEGER NOT NULL,
    team TEXT NOT NULL,       -- name of the group; empty for one student's own work
    entered TEXT,             -- time and name, of an attempt entered by hand; such attempts outlive runs
    result INTEGER REFERENCES result (id),  -- null until it is graded
    UNIQUE (person, label, run)
);
CREATE TABLE adjustment (
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL, criterion TEXT NOT NULL, points REAL NOT NULL, because TEXT NOT NULL,
    who TEXT NOT NULL, at TEXT NOT NULL,
    earned REAL, verdict TEXT,  -- of the criterion, when the adjustment was made
    until TEXT,               -- of an extension
    scope TEXT NOT NULL,      -- person, or group: made for every member of a hand-in
    linked INTEGER,           -- of a group's: the same number for every member
    withdrawn TEXT,           -- time and name; null while it applies
    items TEXT,               -- of a person's grading: JSON list of the rubric items awarded; null for points
    answer TEXT,              -- and SHA-256 of the answer that was graded
    place TEXT                -- of a comment: the cell or file and the line, such as 2:9
);
CREATE TABLE change (         -- audit trail: rows are only ever added
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL, person INTEGER NOT NULL REFERENCES person (id), what TEXT NOT NULL,
    before TEXT, after TEXT, why TEXT NOT NULL
);
CREATE INDEX change_of ON change (person);
CREATE TABLE code (           -- input of the similarity search
    notebook TEXT PRIMARY KEY,
    cells BLOB NOT NULL,      -- JSON list of the code cells' sources, compressed by zlib
    kind TEXT NOT NULL,       -- version of the fingerprinting method
    marks BLOB NOT NULL       -- fingerprints: unsigned 64-bit integers
);
-- Pairs of students with similar code, by key, and the page that shows the shared passages.
CREATE TABLE alike (first TEXT NOT NULL, second TEXT NOT NULL, share REAL NOT NULL, page TEXT NOT NULL);
-- Digest of what each student's reports, by key, were rendered from.
CREATE TABLE edition (student TEXT PRIMARY KEY, stamp TEXT NOT NULL);
