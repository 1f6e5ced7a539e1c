import type { Redis } from 'ioredis'
import type { FreshDatabase } from '../setup/postgres.ts'

/** As if so many days had passed: for the ledger, and for when the keys of a Redis were last used. */
export async function passDays(
  days: number,
  database: Pick<FreshDatabase, 'query'>,
  redis?: Redis,
): Promise<void> {
  const then = `interval '${days} days'`
  const earlier = ['archivedAt', 'verifiedAt', 'keepUntil']
    .map(
      (it) =>
        `'${it}', to_char((outcome->>'${it}')::timestamptz AT TIME ZONE 'UTC' - ${then}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
    )
    .join(', ')
  await database.query(`UPDATE kvmig.flip SET at = at - ${then};
    UPDATE kvmig.route SET since = since - ${then};
    UPDATE kvmig.watch SET at = at - ${then};
    UPDATE kvmig.counter SET at = at - ${then};
    UPDATE kvmig.latency SET at = at - ${then};
    UPDATE kvmig.finding SET at = at - ${then};
    UPDATE kvmig.step SET at = at - ${then};
    UPDATE kvmig.step SET outcome = outcome || jsonb_build_object(${earlier}) WHERE kind = 'archive' AND state = 'done'`)
  if (!redis) return
  for (const key of await redis.keysBuffer('*')) await rest(redis, key, days)
}

/** As if nobody had used a key for so many days; its value and expiry stay. */
export async function rest(redis: Redis, key: Buffer | string, days: number): Promise<void> {
  const [dump, expiry] = [await redis.dumpBuffer(key), await redis.pexpiretime(key)]
  if (dump)
    await redis.call(
      'RESTORE',
      ...[key, String(Math.max(expiry, 0)), dump, 'REPLACE', 'ABSTTL', 'IDLETIME', String(days * 86_400)],
    )
}
