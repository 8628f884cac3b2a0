-- What codemint has seen of the API, in words. There can be thousands of prefixes, so they are counted, up
-- to a thousand of each kind, because the status page asks every second; a prefix that is contradicted has
-- rows of its own.
CREATE OR REPLACE VIEW codemint.api_facts AS
WITH shown AS (
  SELECT o.fact, o.subject, o.value, 1::bigint AS prefixes, o.first_seen_at, o.last_seen_at,
         o.witnesses, o.contradicted_at,
         coalesce(o.contradicted_at > clock_timestamp() - interval '7 days', false)
           AS is_contradicted
  FROM codemint.observed_facts o
  -- Two ranges of the key beside all the prefixes.
  WHERE (o.fact < 'prefix' OR o.fact > 'prefix')
    AND o.fact NOT IN
      ('list_asked', 'answer_resolution', 'list_resolution', 'documents', 'rate_limit')
  UNION ALL
  SELECT o.fact, o.subject, o.value, 1, o.first_seen_at, o.last_seen_at, o.witnesses,
         o.contradicted_at, true
  FROM codemint.observed_facts o
  WHERE o.fact = 'prefix' AND o.contradicted_at > clock_timestamp() - interval '7 days'
  UNION ALL
  SELECT 'prefix', '', f.value, count(*), min(f.first_seen_at), max(f.last_seen_at),
         sum(f.witnesses)::bigint, max(f.contradicted_at), false
  FROM (
    (SELECT o.* FROM codemint.observed_facts o
     WHERE o.fact = 'prefix' AND o.value = 'literal'
       AND (o.contradicted_at > clock_timestamp() - interval '7 days') IS NOT TRUE
     LIMIT 1000)
    UNION ALL
    (SELECT o.* FROM codemint.observed_facts o
     WHERE o.fact = 'prefix' AND o.value = 'altered'
       AND (o.contradicted_at > clock_timestamp() - interval '7 days') IS NOT TRUE
     LIMIT 1000)) f
  GROUP BY f.value
  UNION ALL
  -- Times that happen to be round look less exact than they are, so the finest resolution counts. It
  -- is the first in the alphabet.
  (SELECT DISTINCT ON (o.fact) o.fact, o.subject, o.value, 1, o.first_seen_at, o.last_seen_at,
          o.witnesses, o.contradicted_at,
          coalesce(o.contradicted_at > clock_timestamp() - interval '7 days', false)
   FROM codemint.observed_facts o
   WHERE o.fact IN ('answer_resolution', 'list_resolution')
   ORDER BY o.fact, o.value)
  UNION ALL
  -- Of differences from the documents and of limits that headers name, the last one counts.
  (SELECT DISTINCT ON (o.fact) o.fact, o.subject, o.value, 1, o.first_seen_at, o.last_seen_at,
          o.witnesses, o.contradicted_at,
          coalesce(o.contradicted_at > clock_timestamp() - interval '7 days', false)
   FROM codemint.observed_facts o
   WHERE o.fact IN ('documents', 'rate_limit')
   ORDER BY o.fact, o.last_seen_at DESC)
), known AS (
  SELECT (SELECT max(o.value::bigint) FROM codemint.observed_facts o WHERE o.fact = 'list_asked')
           AS asked,
         (SELECT count(*) FROM codemint.observed_facts o WHERE o.fact = 'documents') AS differences,
         -- How long codemint waits for lists to show everything, as the daemons that live announce it.
         (SELECT coalesce(max(extract(epoch FROM w.listing_gap)), 10) FROM codemint.workers w
          WHERE w.expires_at >= clock_timestamp()) AS gap
), words (fact, form, differs, seen, means, if_contradicted) AS (VALUES
  ('prefix', 'literal', false, 'Codes begin with the prefix that was asked for: %s',
   'An answer whose codes lack the prefix is recognised as the answer to another call.',
   'This prefix no longer tells answers or calls apart. Their times and numbers do.'),
  ('prefix', 'altered', true, 'Codes do not begin with the prefix as it was asked for: %s',
   'Such a prefix tells no answers and no calls apart. Their times and numbers do.',
   'This prefix no longer tells answers or calls apart. Their times and numbers do.'),
  ('answer_resolution', 'second', false, 'createdAt in answers has no fraction of a second',
   'Times do not tell calls apart that are sent within one second, or within the minute or day that times '
   'are cut to.', NULL),
  ('answer_resolution', 'millisecond', false, 'createdAt in answers is in milliseconds',
   'Times tell calls apart.', NULL),
  ('answer_resolution', 'microsecond', false, 'createdAt in answers is in microseconds',
   'Times tell calls apart.', NULL),
  ('list_resolution', 'second', false, 'createdAt in lists has no fraction of a second',
   'Times do not tell calls apart that are sent within one second, or within the minute or day that times '
   'are cut to.', NULL),
  ('list_resolution', 'millisecond', false, 'createdAt in lists is in milliseconds',
   'Times tell calls apart.', NULL),
  ('list_resolution', 'microsecond', false, 'createdAt in lists is in microseconds',
   'Times tell calls apart.', NULL),
  ('list_texts', 'same', false, 'Lists show codes with the texts of their answers',
   'Codes that a listing finds can be handed on.',
   'Each listing is judged by what it shows itself. Where texts differ, doubtful calls that made '
   'codes are left to you.'),
  ('list_texts', 'other', true, 'Lists show codes with other texts than their answers',
   'No code that a listing finds can be handed on. Doubtful calls that made codes are left to you.',
   'Each listing is judged by what it shows itself. Where texts differ, doubtful calls that made '
   'codes are left to you.'),
  ('list_times', 'same', false, 'Lists show createdAt as answers do',
   'Times tell codes of a doubtful call from older and later ones.',
   'Each listing is judged by what it shows itself. Where times differ, they tell nothing apart.'),
  ('list_times', 'other', true, 'Lists show another createdAt than answers',
   'Times tell no codes apart. Doubtful calls take longer, and more of them are left to you.',
   'Each listing is judged by what it shows itself. Where times differ, they tell nothing apart.'),
  ('list_times', 'missing', true, 'Lists show no createdAt',
   'Times tell no codes apart. Doubtful calls take longer, and more of them are left to you.',
   'Each listing is judged by what it shows itself. Where times are missing, they tell nothing apart.'),
  ('list_order', 'newest_first', false, 'Lists begin with the newest code, as asked',
   'A listing takes one or two requests, however many codes the reward has.',
   'A list that does not keep the order is read to its end: a request for every page.'),
  ('list_order', 'not_kept', true, 'Lists do not keep the order that was asked for',
   'Each listing reads the whole list: a request for every page.',
   'A list that does not keep the order is read to its end: a request for every page.'),
  ('list_page', 'full', false, 'The largest page of a list had %s',
   'Pages are as long as they are asked for.', NULL),
  ('list_page', 'short', false, 'The largest page of a list had %s',
   'Lists were not longer, or the API cuts pages short. Then listings take more requests.', NULL),
  ('list_lag', 'short', false, 'A list was behind a clean answer by %s or more',
   'codemint waits longer than that before it concludes anything from what a list lacks.', NULL),
  ('list_lag', 'long', true, 'A list was behind a clean answer by %s or more',
   'A listing that is behind counts for nothing. Codes may show up after their call was judged '
   'absent, because reconcile.listing_gap_seconds is too short for that.', NULL),
  ('documents', 'documents', true, 'Answers differ from the API''s documents, last: %s',
   'What codemint understands it takes over; the rest it leaves alone. See CodemintAPIDrift in '
   'docs/operations.md.', NULL),
  ('rate_limit', 'rate_limit', false, 'The API''s headers allow %s requests per second',
   'codemint keeps to its own limit, and to what headers ask for.', NULL),
  ('clock_offset', 'utc', false, 'createdAt is in UTC', 'Times are compared as they are.',
   'createdAt is not believed for a day after the change. Meanwhile times tell no codes apart.'),
  ('clock_offset', 'zone', true, 'createdAt is %s off: a time zone that is not said',
   'codemint corrects the times. When the zone changes, they are not believed for a day.',
   'createdAt is not believed for a day after the change. Meanwhile times tell no codes apart.'),
  ('clock_offset', 'no zone', true, 'The API''s clock and the database''s differ, and not by a time zone',
   'codemint corrects the times. Check that the database''s clock is synchronised.',
   'createdAt is not believed for a day after the change. Meanwhile times tell no codes apart.'))
SELECT s.fact, s.subject, s.value,
       CASE WHEN s.is_contradicted THEN 'contradicted'
            WHEN w.differs THEN 'differs'
            ELSE 'as documented' END AS state,
       coalesce(format(w.seen, f.detail), format('%s: %s', s.fact, s.value)) AS seen,
       CASE WHEN s.is_contradicted THEN w.if_contradicted ELSE w.means END AS means,
       s.first_seen_at, s.last_seen_at, s.witnesses, s.contradicted_at
FROM shown s
CROSS JOIN known k
CROSS JOIN LATERAL (
  SELECT CASE WHEN s.fact = 'list_page' AND s.value::bigint < k.asked THEN 'short'
              WHEN s.fact = 'list_page' THEN 'full'
              WHEN s.fact = 'list_lag' AND s.value::bigint < k.gap THEN 'short'
              WHEN s.fact = 'list_lag' THEN 'long'
              WHEN s.fact IN ('documents', 'rate_limit') THEN s.fact
              WHEN s.fact = 'clock_offset' AND s.value = '+00:00' THEN 'utc'
              WHEN s.fact = 'clock_offset' AND s.value <> 'no zone' THEN 'zone'
              ELSE s.value END AS form,
         CASE WHEN s.fact = 'list_page'
              THEN format('%s codes, %s were asked for', s.value, k.asked)
              WHEN s.fact = 'documents'
              THEN format('%s at %s (%s difference(s) in all)', s.value,
                          to_char(s.last_seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
                          k.differences)
              WHEN s.fact = 'list_lag' THEN make_interval(secs => s.value::bigint)::text
              WHEN s.fact = 'prefix' AND s.is_contradicted
              THEN format('reward %s, %s', left(s.subject, 36), substr(s.subject, 38))
              WHEN s.fact = 'prefix'
              THEN format('%s prefix(es)', CASE WHEN s.prefixes < 1000 THEN s.prefixes::text
                                                ELSE '1000 or more' END)
              ELSE s.value END AS detail) f
LEFT JOIN words w ON w.fact = s.fact AND w.form = f.form;

COMMENT ON VIEW codemint.api_facts IS
  'What has been seen of the API, and what it means for the promise that no code is lost or made '
  'twice.';
COMMENT ON COLUMN codemint.api_facts.fact IS
  'prefix, answer_resolution, list_texts, list_times, list_resolution, list_order, list_page, '
  'list_lag, clock_offset, rate_limit, or documents (how answers differ from the API''s documents).';
COMMENT ON COLUMN codemint.api_facts.subject IS
  'For a prefix that is contradicted the reward and the prefix; else empty.';
COMMENT ON COLUMN codemint.api_facts.state IS
  'as documented, differs (the API differs from its documents), or contradicted (within the last '
  'week the API was seen to do this and something that excludes it).';
COMMENT ON COLUMN codemint.api_facts.seen IS 'What has been seen, in words.';
COMMENT ON COLUMN codemint.api_facts.means IS 'What it means for the promise.';
