-- Notes expire after a day. With two a second, a search for them among all notes of a tenant would take long.
CREATE INDEX record_notes_at ON views.record_notes (tenant, at);
