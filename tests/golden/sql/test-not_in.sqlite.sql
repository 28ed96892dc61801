SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (json_type(contacts.attributes, '$."' || ? || '"') <> 'null') = 1 AND (CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END = ?) IS NOT 1

-- param_1 = 'size'
-- param_2 = 'EU 42'
