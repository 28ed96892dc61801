SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND length(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END) >= ? AND substr(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END, length(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END) - ?) = ?

-- length_1 = 2
-- length_2 = 1
-- param_1 = 'size'
-- substr_1 = '42'
