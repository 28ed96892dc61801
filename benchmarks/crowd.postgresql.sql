-- contacts, and twenty times as many events in the order of time; statements end with a semicolon at the end of a line
INSERT INTO contacts (id, identifier, external_id, email, address_key, locale, attributes, created_at)
SELECT i, 'u' || i, 'u' || i, 'u' || i || '@example.com', 'u' || i || '@example.com',
    CASE WHEN i % 3 = 0 THEN 'ar' ELSE 'en' END,
    jsonb_build_object('country', CASE i % 5 WHEN 0 THEN 'SA' WHEN 1 THEN 'AE' ELSE 'GB' END,
        'birthday', format('1990-%s-%s', lpad((i % 12 + 1)::text, 2, '0'), lpad((i % 28 + 1)::text, 2, '0'))),
    to_timestamp($start)
FROM generate_series(1, $size::bigint) AS n(i);

INSERT INTO events (id, message_id, contact_id, name, at, received_at, live, properties)
SELECT i, 'm' || i, who,
    CASE WHEN kind < 5 THEN 'Product Viewed' WHEN kind < 7 THEN 'Product Added'
        WHEN kind < 9 THEN 'Order Completed' ELSE 'Review Submitted' END,
    at, at, false,
    CASE WHEN kind < 5 THEN jsonb_build_object('product_id', 'v' || i % 500, 'category', 'road')
        WHEN kind < 7 THEN jsonb_build_object('product_id', 'p', 'price', 100, 'quantity', 1, 'cart_id', 'c' || who)
        WHEN kind < 9 THEN jsonb_build_object('order_id', 'o' || i, 'total', 10 + i * 7919 % 390)
        ELSE jsonb_build_object('rating', i % 5 + 1) END
FROM (
    SELECT i, (i * 2654435761 % 4294967296) % $size + 1 AS who, (i * 40503 % 65536) % 10 AS kind,
        to_timestamp($start) + i * interval '$step microseconds' AS at
    FROM generate_series(1, $many::bigint) AS n(i)
) AS e;

INSERT INTO orders (contact_id, order_id, total, refunded, at)
SELECT contact_id, 'o' || id, (properties ->> 'total')::numeric, 0, at
FROM events WHERE name = 'Order Completed';

-- the cart is what was put into it since the last order
WITH o AS (
    SELECT contact_id, count(*) AS many, sum(total) AS total, min(at) AS first_at, max(at) AS last_at
    FROM orders GROUP BY contact_id
),
a AS (
    SELECT e.contact_id, min(e.at) AS first_added,
        count(CASE WHEN o.last_at IS NULL OR e.at > o.last_at THEN 1 END) AS added,
        max(CASE WHEN o.last_at IS NULL OR e.at > o.last_at THEN e.at END) AS added_at
    FROM events AS e LEFT JOIN o ON o.contact_id = e.contact_id
    WHERE e.name = 'Product Added' GROUP BY e.contact_id
),
f AS (
    SELECT c.id AS contact_id, coalesce(many, 0) AS many, total, first_at, last_at, coalesce(added, 0) AS added,
        added_at, first_added IS NOT NULL AND (added > 0 OR first_added < last_at) AS carted,
        coalesce(added_at, last_at) AS updated_at
    FROM contacts AS c LEFT JOIN o ON o.contact_id = c.id LEFT JOIN a ON a.contact_id = c.id
    WHERE o.contact_id IS NOT NULL OR a.contact_id IS NOT NULL
)
INSERT INTO facts (contact_id, orders_count, orders_total, orders_net, orders_refunded, orders_first_at,
    orders_last_at, cart_total, cart_items, cart, folded_at)
SELECT contact_id, many, total, total, CASE WHEN many > 0 THEN 0 END, first_at, last_at,
    CASE WHEN carted THEN added * 100 END, CASE WHEN carted THEN added END,
    CASE WHEN carted THEN jsonb_build_object(
        'cart_id', CASE WHEN added > 0 THEN 'c' || contact_id END,
        'lines', CASE WHEN added > 0 THEN
            jsonb_build_array(jsonb_build_object('product_id', 'p', 'price', 100, 'quantity', added))
            ELSE '[]'::jsonb END,
        'updated_at', regexp_replace(
            to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.000000$$', '') || '+00:00') END,
    CASE WHEN last_at IS NULL OR added_at > last_at THEN added_at ELSE last_at END
FROM f;

INSERT INTO consents (contact_id, topic, granted, at, source, text)
SELECT id, 'newsletter', true, created_at, '', '' FROM contacts WHERE id % 2 = 0;

INSERT INTO messages (campaign, step, contact_id, occurrence, version, kind, template, data, priority, state, reason,
    reached_at, due_at, fence, crashes, attempts, message_id, detail, links, sending_at, sent_at, opened_at)
SELECT 'newsletter', 'issue', id, 'x', 'v', 'marketing', 't', '{}', 50, 'sent', '', created_at, created_at, 0, 0, 0,
    '', '', '{}', created_at + interval '300 days', created_at + interval '300 days',
    CASE WHEN id % 4 = 0 THEN created_at + interval '300 days' END
FROM contacts WHERE id % 2 = 0;

SELECT setval(pg_get_serial_sequence('contacts', 'id'), (SELECT max(id) FROM contacts));

SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT max(id) FROM events));
