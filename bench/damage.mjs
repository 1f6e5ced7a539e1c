// What went wrong in one of the stores and has to be mended: one record in a hundred.
import { Redis } from 'ioredis'

/** One row in two hundred is lost, and one in two hundred holds something else: gives how many of each. */
export function damageRows(postgres, { table, columns }, keys) {
  const [[key], , ...rest] = columns.split(', ').map((it) => it.split(' '))
  const [column, type] = rest.find(([, type]) => type === 'text') ?? rest[0]
  const every = (place) =>
    `${key} IN (SELECT k FROM (SELECT ${key} AS k, row_number() OVER (ORDER BY ${key}) AS n FROM ${table}) s WHERE n % ${SPAN} = ${place})`
  postgres.psql(`UPDATE ${table} SET ${column} = ${column} ${type === 'text' ? "|| '!'" : '+ 1'} WHERE ${every(SPAN / 2)};
    DELETE FROM ${table} WHERE ${every(0)}; checkpoint`)
  return { lost: Math.floor(keys / SPAN), wrong: Math.floor((keys + SPAN / 2) / SPAN) }
}

const SPAN = 200

/** What kvmig keeps in the source beside the records. */
export async function forgetVersions(url) {
  const redis = new Redis(url)
  for await (const keys of redis.scanStream({ match: 'kvmig:*', count: 1000 }))
    if (keys.length > 0) await redis.unlink(...keys)
  redis.disconnect()
}
