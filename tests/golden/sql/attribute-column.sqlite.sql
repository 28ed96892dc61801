SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND substr(contacts.locale, ?, ?) = ?

-- substr_1 = 1
-- substr_2 = 2
-- substr_3 = 'ar'
