SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND CASE WHEN (contacts.timezone IN (__[POSTCOMPILE_timezone_1])) THEN lifecycle_date(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END) <= ? AND substr(lifecycle_date(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END), ?) IN (__[POSTCOMPILE_substr_2]) ELSE lifecycle_date(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END) <= ? AND substr(lifecycle_date(CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') = 'text' THEN json_extract(contacts.attributes, '$."' || ? || '"') END), ?) IN (__[POSTCOMPILE_substr_4]) END = 1

-- param_1 = 'birthday'
-- param_2 = '2026-11-02'
-- param_3 = '2026-11-03'
-- substr_1 = 6
-- substr_2 = ['10-31', '11-01', '11-02']
-- substr_3 = 6
-- substr_4 = ['11-01', '11-02', '11-03']
-- timezone_1 = 'zones'
