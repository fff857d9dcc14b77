-- Work is taken by tenant first, then by user.
-- Readable since 0007
-- When a job of its tenant was last taken: noted at the job that was taken, and at the one that is next in its tenant's line.
ALTER TABLE runtime.generations ADD COLUMN tenant_served_at timestamptz;
