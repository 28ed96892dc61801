SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND substr(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END, ?, ?) = ?

-- param_1 = 'size'
-- substr_1 = 1
-- substr_2 = 2
-- substr_3 = 'EU'
