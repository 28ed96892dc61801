SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND NOT (EXISTS (SELECT ? AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND (facts.views_count < ?) IS NOT 1)) AND (EXISTS (SELECT ? AS anon_2
FROM facts
WHERE facts.contact_id = contacts.id AND facts.views_last_at > ? AND facts.views_last_at <= ?)) AND NOT (EXISTS (SELECT ? AS anon_3
FROM facts
WHERE facts.contact_id = contacts.id AND facts.views_last_category = ?))

-- param_1 = 1
-- param_2 = Decimal('3')
-- param_3 = 1
-- param_4 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- param_5 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- param_6 = 1
-- param_7 = 'road'
