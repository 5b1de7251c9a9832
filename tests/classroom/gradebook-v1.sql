-- A gradebook as grade 0.1.0 wrote it: one run without a roster and one with it, so that two students are there twice.
BEGIN TRANSACTION;
CREATE TABLE adjustment (
    id INTEGER PRIMARY KEY,
    student TEXT NOT NULL REFERENCES student (key),
    kind TEXT NOT NULL, criterion TEXT NOT NULL, points REAL NOT NULL, because TEXT NOT NULL,
    who TEXT NOT NULL, at TEXT NOT NULL,
    earned REAL, verdict TEXT,  -- of the criterion, when the adjustment was made
    withdrawn TEXT            -- time and name; null while it applies
);
INSERT INTO "adjustment" VALUES(1,'alderann','add','total',1.0,'first','grace','2026-11-29T15:09:33+00:00',NULL,NULL,NULL);
INSERT INTO "adjustment" VALUES(2,'aa11','add','total',2.0,'second','grace','2026-11-29T15:09:44+00:00',NULL,NULL,'2026-11-29T15:09:46+00:00 grace');
INSERT INTO "adjustment" VALUES(3,'aa11','add','answer.right',1.0,'third','grace','2026-11-29T15:09:47+00:00',0.0,'fail',NULL);
CREATE TABLE alike (first TEXT NOT NULL, second TEXT NOT NULL, share REAL NOT NULL, page TEXT NOT NULL);
CREATE TABLE change (         -- audit trail: rows are only ever added
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL, who TEXT NOT NULL, student TEXT NOT NULL, what TEXT NOT NULL,
    before TEXT, after TEXT, why TEXT NOT NULL
);
INSERT INTO "change" VALUES(1,'2026-11-29T15:09:32+00:00','grace','alderann','graded',NULL,'10','first graded');
INSERT INTO "change" VALUES(2,'2026-11-29T15:09:32+00:00','grace','birchben','graded',NULL,'2','first graded');
INSERT INTO "change" VALUES(3,'2026-11-29T15:09:33+00:00','grace','alderann','add total','10','11','first');
INSERT INTO "change" VALUES(4,'2026-11-29T15:09:34+00:00','grace','aa11','graded',NULL,'2','first graded');
INSERT INTO "change" VALUES(5,'2026-11-29T15:09:42+00:00','grace','bb12','graded',NULL,'10','first graded');
INSERT INTO "change" VALUES(6,'2026-11-29T15:09:44+00:00','grace','aa11','add total','2','4','second');
INSERT INTO "change" VALUES(7,'2026-11-29T15:09:46+00:00','grace','aa11','withdraw add total','4','2','no');
INSERT INTO "change" VALUES(8,'2026-11-29T15:09:47+00:00','grace','aa11','add answer.right','2','3','third');
CREATE TABLE code (           -- input of the similarity search
    notebook TEXT PRIMARY KEY,
    cells BLOB NOT NULL,      -- JSON list of the code cells' sources, compressed by zlib
    kind TEXT NOT NULL,       -- version of the fingerprinting method
    marks BLOB NOT NULL       -- fingerprints: unsigned 64-bit integers
);
INSERT INTO "code" VALUES('1f2fe30da59dacb9703d28c2d12b19390235e82000be70719a68f6a365829773',X'789C8B564A494D5348CC2B2E4F2DD2D0B452284A2D292DCA5330318AC9538A050090A20977','syntax 1',X'');
INSERT INTO "code" VALUES('c74a3e8fb66452a02df3adce40e85e94fe95b311aa31e8eaa4f8cf1e1978b511',X'789C8B564A494D5348CC2B2E4F2DD2D0B452284A2D292DCA5330318CC9538A0500909D0976','syntax 1',X'');
INSERT INTO "code" VALUES('7e441b5f9ded13e3fc9f4975fd077aaf7f80545cd3fd59d930e3a95aa2d51460',X'789C8B564A494D5348CC2B2E4F2DD2D0B452284A2D292DCA5330318AC95356284E4DCECF4B51482C2949CD2D2889C9538A050079D9101F','syntax 1',X'');
CREATE TABLE edition (student TEXT PRIMARY KEY, stamp TEXT NOT NULL);
INSERT INTO "edition" VALUES('birchben','9408ffeaff10aca5ac4aacb8943f713231403a9c4ba5515d5e67a0d54151d47e');
INSERT INTO "edition" VALUES('alderann','202962c1020ce6cd2af7cc40acde6e088ea93ff245efc69582bd5a9ee700546c');
INSERT INTO "edition" VALUES('bb12','b42d5cd12a7881d12516169863cac2735a4c2240ea326242d2d19df612fba838');
INSERT INTO "edition" VALUES('aa11','e953239b0e15a8cf0f58547a0eb8da6d7c77b00617d7143d42a1b846931bbc8c');
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('rubric','{"id": "tiny", "title": "A tiny homework", "exercises": {"1": "The answer"}}');
INSERT INTO "meta" VALUES('late','{"due": "2026-03-01T00:00:00+00:00", "per_day": 10.0, "grace": 0.0, "most": 100.0}');
INSERT INTO "meta" VALUES('refused','[]');
INSERT INTO "meta" VALUES('notes','[]');
INSERT INTO "meta" VALUES('boundaries','[50, 60, 70, 80, 90]');
INSERT INTO "meta" VALUES('similarity','"99d49a9e25a5904d8c8e202c62d541ed133f7254a4a768d0031a40a994b06a94"');
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
INSERT INTO "result" VALUES(1,'1f2fe30da59dacb9703d28c2d12b19390235e82000be70719a68f6a365829773','7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368','0.1.0+a7031aa7da5a','{"data": null, "device": "auto", "mapped": [], "only": [], "quick": false, "seed": null, "threads": 1, "training_seed": null}','2026-11-29T15:09:32+00:00',1,'{"schema": 1, "submission": {"name": "alderann", "path": "canvas/alderann_1001_5001_hw.ipynb", "sha256": "1f2fe30da59dacb9703d28c2d12b19390235e82000be70719a68f6a365829773"}, "rubric": {"id": "tiny", "digest": "7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368", "named": "tiny"}, "earned": 10.0, "possible": 10, "provisional": false, "criteria": [{"id": "answer.given", "exercise": 1, "title": "An answer is given", "possible": 2, "earned": 2.0, "verdict": "pass", "credit": 1.0, "message": "An answer is given.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "public", "seconds": 0.0}, {"id": "answer.right", "exercise": 1, "title": "The answer is right", "possible": 8, "earned": 8.0, "verdict": "pass", "credit": 1.0, "message": "The answer is 42.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "public", "seconds": 0.0}, {"id": "answer.secret", "exercise": 1, "title": "Nothing forbidden", "possible": 0, "earned": 0.0, "verdict": "pass", "credit": 1.0, "message": "No word of the secret list occurs.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "hidden", "seconds": 0.0}], "notes": [], "extraction": {"parts": [{"name": "answer", "cell": 1, "line": 1}], "missing": [], "statements": 1, "modules": [], "dropped": [], "outside": [], "problems": [], "conventions": {}}, "environment": {"grader": "0.1.0", "python": "3.11.7", "torch": null, "device": "auto", "threads": 1, "isolation": ["process", "descriptors", "namespaces", "capabilities", "limits", "landlock", "seccomp"], "isolation_level": "strong", "landlock_abi": 7, "kernel": "Linux 6.18.44-fc-v857", "seed": 37177788859301, "data": null, "quick": false}, "seconds": {"extraction": 0.001, "total": 6.94}}',X'789C35CA410A80201085E1AB0CB32A6851D1AAAB9884E414928CE1182DA2BBA741BBF7F33D75E342DE0B8EA054D7005A5AC1B05C14AB7A8448E98C0C433F316A9DF9302266A3EF5FDAD39AE670A6DC6DE118847EDB1DDBBCD13B498E377CF40B6667221B');
INSERT INTO "result" VALUES(2,'c74a3e8fb66452a02df3adce40e85e94fe95b311aa31e8eaa4f8cf1e1978b511','7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368','0.1.0+a7031aa7da5a','{"data": null, "device": "auto", "mapped": [], "only": [], "quick": false, "seed": null, "threads": 1, "training_seed": null}','2026-11-29T15:09:32+00:00',1,'{"schema": 1, "submission": {"name": "birchben", "path": "canvas/birchben_1002_5002_hw.ipynb", "sha256": "c74a3e8fb66452a02df3adce40e85e94fe95b311aa31e8eaa4f8cf1e1978b511"}, "rubric": {"id": "tiny", "digest": "7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368", "named": "tiny"}, "earned": 2.0, "possible": 10, "provisional": false, "criteria": [{"id": "answer.given", "exercise": 1, "title": "An answer is given", "possible": 2, "earned": 2.0, "verdict": "pass", "credit": 1.0, "message": "An answer is given.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "public", "seconds": 0.0}, {"id": "answer.right", "exercise": 1, "title": "The answer is right", "possible": 8, "earned": 0.0, "verdict": "fail", "credit": 0.0, "message": "The answer is not 42.", "expected": null, "actual": null, "hint": "It is known from a book.", "reading": null, "misconception": "off by one", "mistake": null, "visibility": "public", "seconds": 0.0}, {"id": "answer.secret", "exercise": 1, "title": "Nothing forbidden", "possible": 0, "earned": 0.0, "verdict": "pass", "credit": 1.0, "message": "No word of the secret list occurs.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "hidden", "seconds": 0.0}], "notes": [], "extraction": {"parts": [{"name": "answer", "cell": 1, "line": 1}], "missing": [], "statements": 1, "modules": [], "dropped": [], "outside": [], "problems": [], "conventions": {}}, "environment": {"grader": "0.1.0", "python": "3.11.7", "torch": null, "device": "auto", "threads": 1, "isolation": ["process", "descriptors", "namespaces", "capabilities", "limits", "landlock", "seccomp"], "isolation_level": "strong", "landlock_abi": 7, "kernel": "Linux 6.18.44-fc-v857", "seed": 20908702694841, "data": null, "quick": false}, "seconds": {"extraction": 0.001, "total": 7.177}}',X'789C35CA410A80201085E1AB0CB32A6851D0CAAB9884E414924CE1282DA2BBA741BBF7F33D7DE34221082AD07AE8001DAD60592E8A4DAB2052CA91611C2646630A9F56C46EF4FD6B075AD37CE454BAAF1C0FA1DF76CFAE6C0C5E92E70D1FF3026620221A');
INSERT INTO "result" VALUES(3,'7e441b5f9ded13e3fc9f4975fd077aaf7f80545cd3fd59d930e3a95aa2d51460','7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368','0.1.0+a7031aa7da5a','{"data": null, "device": "auto", "mapped": [], "only": [], "quick": false, "seed": null, "threads": 1, "training_seed": null}','2026-11-29T15:09:42+00:00',1,'{"schema": 1, "submission": {"name": "bb12", "path": "canvas2/birchben_1002_6002_hw-1.ipynb", "sha256": "7e441b5f9ded13e3fc9f4975fd077aaf7f80545cd3fd59d930e3a95aa2d51460"}, "rubric": {"id": "tiny", "digest": "7bb53f36108a61d2fe8259aadd59ca301ad44123cccffb13d384f1739928a368", "named": "tiny"}, "earned": 10.0, "possible": 10, "provisional": false, "criteria": [{"id": "answer.given", "exercise": 1, "title": "An answer is given", "possible": 2, "earned": 2.0, "verdict": "pass", "credit": 1.0, "message": "An answer is given.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "public", "seconds": 0.009}, {"id": "answer.right", "exercise": 1, "title": "The answer is right", "possible": 8, "earned": 8.0, "verdict": "pass", "credit": 1.0, "message": "The answer is 42.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "public", "seconds": 0.0}, {"id": "answer.secret", "exercise": 1, "title": "Nothing forbidden", "possible": 0, "earned": 0.0, "verdict": "pass", "credit": 1.0, "message": "No word of the secret list occurs.", "expected": null, "actual": null, "hint": null, "reading": null, "misconception": null, "mistake": null, "visibility": "hidden", "seconds": 0.0}], "notes": [], "extraction": {"parts": [{"name": "answer", "cell": 1, "line": 1}], "missing": [], "statements": 1, "modules": [], "dropped": [], "outside": [], "problems": [], "conventions": {}}, "environment": {"grader": "0.1.0", "python": "3.11.7", "torch": null, "device": "auto", "threads": 1, "isolation": ["process", "descriptors", "namespaces", "capabilities", "limits", "landlock", "seccomp"], "isolation_level": "strong", "landlock_abi": 7, "kernel": "Linux 6.18.44-fc-v857", "seed": 167933860045986, "data": null, "quick": false}, "seconds": {"extraction": 0.001, "total": 8.275}}',X'789C358C410AC2301045AF328C1B05175A5CF52A6990D0FC96609C94CC942EC4BB9B16DCFDC7E37DF7E111392BF7E4DCFD4A1C315110DD50CF979E2A6CAD428F6E901329C622918219DE8B0DC2DEB76009AA61C6F1B073C664CFB25AE3DBAE6B51FCDD2B496C9B73524B32F3D7FF0055BA28C3');
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
INSERT INTO "student" VALUES('alderann','alderann','{"canvas": "1001"}',0,'canvas/alderann_1001_5001_hw.ipynb',1,NULL,0,1);
INSERT INTO "student" VALUES('birchben','birchben','{"canvas": "1002"}',0,'canvas/birchben_1002_5002_hw.ipynb',1,NULL,0,2);
INSERT INTO "student" VALUES('aa11','Alder, Ann','{"login": "aa11", "sis": "0011", "canvas": "1001", "section": "S1"}',1,'canvas2/alderann_1001_5001_hw.ipynb',1,NULL,0,2);
INSERT INTO "student" VALUES('abcdef0123','Student, Test','{"login": "abcdef0123", "canvas": "1099", "section": "S1"}',1,NULL,0,NULL,0,NULL);
INSERT INTO "student" VALUES('bb12','Birch, Ben','{"login": "bb12", "sis": "0012", "canvas": "1002", "section": "S1"}',1,'canvas2/birchben_1002_6002_hw-1.ipynb',1,NULL,0,3);
CREATE INDEX result_inputs ON result (notebook, rubric, grader, settings);
CREATE INDEX change_of ON change (student);
COMMIT;
