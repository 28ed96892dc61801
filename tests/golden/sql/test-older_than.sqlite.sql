SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND lifecycle_instant(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END) <= ?

-- param_1 = 'size'
-- param_2 = datetime.datetime(2026, 10, 1, 9, 0, tzinfo=datetime.timezone.utc)
