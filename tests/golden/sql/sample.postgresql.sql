SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (('x' || encode(substr(sha256(convert_to(%(param_1)s::VARCHAR, 'UTF8') || '\x00'::bytea || convert_to(contacts.identifier, 'UTF8')), 1, 7), 'hex'))::bit(56)::bigint >> 3) < %(param_2)s::BIGINT

-- param_1 = 'autumn'
-- param_2 = 900719925474100
