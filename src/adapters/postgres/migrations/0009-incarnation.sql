-- The incarnation of the log that everything in this database was built from.
-- Null is the first one, which has the name of the log itself.
ALTER TABLE views.log_identity ADD COLUMN incarnation text COLLATE "C";
