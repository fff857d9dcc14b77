-- A bag has the entries of whole chains. The expression is that of the query, to the letter.
-- Readable since 0016
CREATE INDEX record_entries_chain ON views.record_entries
  (tenant, (substring(leaf from '"chain":"([^"]*)"') COLLATE "C"), index);
