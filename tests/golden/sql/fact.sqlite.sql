SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND facts.orders_total >= ?))

-- param_1 = 1
-- param_2 = Decimal('99.99')
