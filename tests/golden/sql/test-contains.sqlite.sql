SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (instr(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END, ?) > ? OR (json_type(contacts.attributes, '$."' || ? || '"') = 'array' AND EXISTS (SELECT 1 FROM json_each(contacts.attributes, '$."' || ? || '"') AS item WHERE CASE item.type WHEN 'real' THEN 'integer' ELSE item.type END = CASE json_type(?) WHEN 'real' THEN 'integer' ELSE json_type(?) END AND item.value = json_extract(?, '$'))) = 1)

-- param_1 = 'size'
-- param_2 = '42'
-- param_3 = 0
-- param_4 = '42'
