import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTarget } from '../../src/target/connect.ts'
import { type PostgresServer, startPostgres, unprivileged } from '../setup/postgres-server.ts'

let folder: string
let server: PostgresServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kvmig-tls-'))
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  chmodSync(key, 0o600)
  const owner = unprivileged()
  if (owner) for (const it of [folder, key, certificate]) chownSync(it, owner.uid, owner.gid)
  // Its own server, also where the others are given from outside.
  server = await startPostgres({
    durable: true,
    configuration: ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`],
  })
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const address = (host: string, parameters: string) =>
  `${server.url.replace('127.0.0.1', host)}?${parameters.replace('CA', join(folder, 'server.crt'))}`

test.each([
  ['localhost', 'sslmode=verify-full&sslrootcert=CA', []],
  ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=CA', []],
  ['127.0.0.1', 'sslmode=require&sslrootcert=CA', []],
  ['127.0.0.1', 'sslmode=require', [expect.stringContaining('nobody vouches for the server')]],
])('%s with %s is encrypted', async (host, parameters, warnings) => {
  const target = await openTarget(address(host, parameters))
  const encrypted = `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`
  expect(await target.transaction((tx) => tx.query(encrypted))).toEqual([{ ssl: 't' }])
  expect(target.warnings).toEqual(warnings)
  await target.close()
})

test.each([
  ['127.0.0.1', 'sslmode=verify-full&sslrootcert=CA', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['localhost', 'sslmode=verify-full', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
])('%s with %s is refused: %s', async (host, parameters, reason) => {
  await expect(openTarget(address(host, parameters))).rejects.toMatchObject({
    code: 'TLS',
    message: expect.stringContaining(reason),
    hint: expect.stringContaining('sslrootcert'),
  })
})

test('copies large answers and rows over TLS as without', async () => {
  const target = await openTarget(address('localhost', 'sslmode=verify-full&sslrootcert=CA'))
  const large = 3_000_000
  const rows = await target.transaction(async (tx) => {
    await tx.query('CREATE TEMP TABLE large (v bytea) ON COMMIT DROP')
    const tuple = Buffer.alloc(6 + large)
    tuple.writeInt16BE(1, 0)
    tuple.writeInt32BE(large, 2)
    await tx.copyIn({ temporary: 'large' }, ['v'], [tuple, tuple])
    const sizes: number[] = []
    for await (const page of tx.copyOut('SELECT v FROM pg_temp.large'))
      sizes.push(...page.map((it) => it.length))
    return sizes
  })
  expect(rows).toEqual([large + 6, large + 6])
  await target.close()
})
