-- A job keeps its age when its holder releases it.
-- Readable since 0009
-- When the job first came due. Null until the first release, which moves due_at: until then due_at says it.
ALTER TABLE runtime.generations ADD COLUMN waits_since timestamptz;
