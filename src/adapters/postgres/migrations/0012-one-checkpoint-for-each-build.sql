-- Each build had exactly one lane: its checkpoint moves into the row of the build.
-- The processes of older releases are stopped, so no lease on a lane is held. Leases have new names, and their epochs
-- begin again.
ALTER TABLE views.builds
  DROP COLUMN lanes,
  -- Of the owner's lease: the next step of an earlier owner is refused.
  ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
  -- Opaque, and compared as text. One statement writes it together with the rows.
  ADD COLUMN position text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN handled bigint NOT NULL DEFAULT 0,
  ADD COLUMN poison json;
ALTER TABLE views.builds SET (fillfactor = 50);
UPDATE views.builds b SET position = l.position, handled = l.handled, poison = l.poison
FROM views.lanes l WHERE l.projection = b.projection AND l.build = b.build;
DELETE FROM runtime.leases l USING views.builds b WHERE l.name = format('projection %s %s 0', b.projection, b.build);

-- This drops the reference to views.lanes as well.
ALTER TABLE views.parked DROP COLUMN lane, ADD FOREIGN KEY (projection, build) REFERENCES views.builds;
DROP TABLE views.lanes;
