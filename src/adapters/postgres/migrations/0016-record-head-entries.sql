-- The index of the last entry of each chain and owner, so that a step can compare the row with that entry.
-- A row that no entry belongs to keeps null: it stops its tenant until `verbatim record rebuild`.
ALTER TABLE views.record_chains ADD COLUMN entry bigint;
ALTER TABLE views.record_owners ADD COLUMN entry bigint;
UPDATE views.record_chains c SET entry = e.index
FROM views.record_entries e WHERE e.tenant = c.tenant AND e.hash = c.hash;
UPDATE views.record_owners o SET entry = e.index
FROM views.record_entries e WHERE e.tenant = o.tenant AND e.hash = o.hash;

-- The first entries of the conversations of an owner. Within a text of an entry a quotation mark is escaped.
CREATE INDEX record_entries_owner ON views.record_entries (tenant, (substring(leaf FROM '"owner":"([^"]*)"')), index)
WHERE leaf LIKE '%,"oprev":%';
