-- Tables of the review pages, in the gradebook's file. Grades, adjustments and history are the gradebook's own.
CREATE TABLE IF NOT EXISTS review_claim (     -- who works on what, so that nobody else is given it
    item TEXT PRIMARY KEY,
    who TEXT NOT NULL,
    at REAL NOT NULL                          -- seconds since 1970, renewed by every action on it
);
CREATE TABLE IF NOT EXISTS review_visit (id INTEGER PRIMARY KEY, who TEXT NOT NULL, item TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS review_visit_of ON review_visit (who, item);
CREATE TABLE IF NOT EXISTS review_settled (   -- what somebody has looked at and decided
    item TEXT PRIMARY KEY,
    revision TEXT NOT NULL,                   -- as it was after the decision; a later change asks again
    who TEXT NOT NULL, at TEXT NOT NULL,
    action INTEGER NOT NULL REFERENCES review_action (id)
);
CREATE TABLE IF NOT EXISTS review_action (    -- one decision, for one student or a group
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL,
    what TEXT NOT NULL,                       -- a sentence
    undone TEXT                               -- time and name; null while it holds
);
CREATE TABLE IF NOT EXISTS review_part (      -- the adjustments that a decision made
    action INTEGER NOT NULL REFERENCES review_action (id),
    adjustment INTEGER NOT NULL REFERENCES adjustment (id),
    comment INTEGER                           -- of the comment bank, if its words were used
);
CREATE INDEX IF NOT EXISTS review_part_of ON review_part (action);
-- Rows taken out of their groups.
CREATE TABLE IF NOT EXISTS review_split (item TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS review_comment (   -- the comment bank
    id INTEGER PRIMARY KEY,
    criterion TEXT NOT NULL,                  -- or total
    text TEXT NOT NULL,
    points TEXT NOT NULL,                     -- such as +1 or =3; empty for a comment without points
    revision INTEGER NOT NULL,
    retired TEXT                              -- time and name
);
CREATE TABLE IF NOT EXISTS review_code (      -- digests of the code that criteria are about
    result INTEGER NOT NULL REFERENCES result (id), criterion TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (criterion, result)
);
CREATE INDEX IF NOT EXISTS review_code_of ON review_code (result);
CREATE TABLE IF NOT EXISTS review_preference (
    who TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (who, name)
);
CREATE TABLE IF NOT EXISTS review_request (   -- requests for regrade
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person (id),
    criterion TEXT NOT NULL,                  -- or total
    text TEXT NOT NULL,                       -- the student's words
    at TEXT NOT NULL, who TEXT NOT NULL,      -- when and by whom it was entered
    sent TEXT NOT NULL,                       -- the time that a form gives, as it stands there; or empty
    due TEXT                                  -- until when it is to be answered
);
CREATE TABLE IF NOT EXISTS review_request_step (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES review_request (id),
    state TEXT NOT NULL,                      -- that it led to; empty where the hand-in was judged again
    at TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
    action INTEGER REFERENCES review_action (id)
);
CREATE INDEX IF NOT EXISTS review_request_step_of ON review_request_step (request);
CREATE TABLE IF NOT EXISTS review_sample (    -- blind samples
    id INTEGER PRIMARY KEY,
    criterion TEXT NOT NULL,
    at TEXT NOT NULL, who TEXT NOT NULL,
    passed INTEGER NOT NULL, lost INTEGER NOT NULL  -- how many there were in the class
);
CREATE TABLE IF NOT EXISTS review_sampled (   -- hand-ins of a sample
    sample INTEGER NOT NULL REFERENCES review_sample (id),
    place INTEGER NOT NULL,
    person INTEGER NOT NULL REFERENCES person (id),
    result INTEGER NOT NULL REFERENCES result (id),
    passed INTEGER NOT NULL,                  -- by the judge, when the sample was drawn
    said TEXT NOT NULL, who TEXT NOT NULL,    -- a person's word; empty until there is one
    PRIMARY KEY (sample, place)
);
CREATE TABLE IF NOT EXISTS review_sample_closed (  -- samples whose result was shown, and whose words stay
    sample INTEGER PRIMARY KEY REFERENCES review_sample (id),
    at TEXT NOT NULL, who TEXT NOT NULL
);
