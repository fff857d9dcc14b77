-- Which log this is. What is built from it says so, and is never mixed with what was built from another.
CREATE TABLE log.identity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  identity uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO log.identity DEFAULT VALUES;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.identity
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- The log that the read models, the work, the keys and the checkpoints in this database were built from.
CREATE TABLE views.log_identity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  identity text COLLATE "C" NOT NULL
);
-- So far there was no other.
INSERT INTO views.log_identity (identity) SELECT identity FROM log.identity WHERE EXISTS (SELECT FROM log.events);
