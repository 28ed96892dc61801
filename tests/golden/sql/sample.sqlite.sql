SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND lifecycle_bucket(contacts.identifier, ?) < ?

-- param_1 = 'autumn'
-- param_2 = 900719925474100
