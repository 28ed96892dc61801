SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND NOT (EXISTS (SELECT ? AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND (facts.orders_count <= ?) IS NOT 1))

-- param_1 = 1
-- param_2 = Decimal('1')
