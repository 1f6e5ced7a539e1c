// One instance of an application, in a process of its own, so that it can be killed as one is. It writes, deletes, counts and reads until it is
// told to stop, and tells each call before it begins and after it ended, by the clock that all processes of a machine share.
import { Redis } from 'ioredis'
import { connect } from '../../../dist/runtime/index.js'

const { PROJECT, INSTANCE, KV_URL, RECORDS, SEED } = process.env
const clock = () => Number(process.hrtime.bigint() / 1000n)
// What is told before a call has left this process before the call begins: whoever is killed has told what he was about to do.
const tell = (message) => new Promise((resolve) => process.send(message, undefined, {}, resolve))

let [seed, number, running] = [Number(SEED), 0, true]
const chance = (below) => {
  seed = (seed * 1103515245 + 12345) % 2147483648
  return Math.floor((seed / 2147483648) * below)
}

process.on('message', ({ say, by }) => {
  if (say === 'stop') running = false
  // What `Date` says in this process from now on; the clock above goes on.
  if (say === 'clock') {
    const now = Date.now
    Date.now = () => now() + by
  }
})
process.on('disconnect', () => process.exit(0))

const kvmig = await connect({ project: PROJECT, instance: INSTANCE, shadow: 0.2, timeoutMillis: 1500 })
const users = kvmig.store('users')
const client = new Redis(KV_URL, { maxRetriesPerRequest: 1, retryStrategy: () => 50 })
client.on('error', () => {})
const redis = kvmig.wrap(client)

async function call(about, work) {
  number += 1
  const id = `${INSTANCE} ${process.pid} ${number}`
  await tell({ id, began: clock(), ...about })
  try {
    const found = await work()
    await tell({ id, ended: clock(), ...(about.do === 'read' && { value: found?.name ?? null }) })
  } catch (error) {
    await tell({ id, failed: error.code ?? 'none', ended: clock() })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function worker() {
  while (running) {
    const id = `r${chance(Number(RECORDS))}`
    const dice = chance(10)
    const value = `${INSTANCE} ${process.pid} ${number}.${dice}`
    if (dice < 4)
      await call({ do: 'write', record: id, value }, () => users.put({ id, name: value, visits: 1 }))
    else if (dice < 5) await call({ do: 'write', record: id, value: null }, () => users.delete({ id }))
    else if (dice < 6) {
      const player = `${chance(5)}`
      await call({ do: 'count', record: player }, () => redis.hincrby('scores:go', player, 1))
    } else await call({ do: 'read', record: id }, () => users.get({ id }))
  }
}

await tell({ ready: true })
await Promise.all([worker(), worker(), worker()])
await kvmig.close()
client.disconnect()
await tell({ stopped: true })
process.disconnect()
