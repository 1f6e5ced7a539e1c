import { TargetError } from '../errors.ts'
import { type ErrorClass, errorClass } from './error-class.ts'
import type { ServerFault } from './server-fault.ts'

/** A target that refused. Names constraints, tables and columns; holds no part of a row and no password. */
export class DatabaseError extends TargetError {
  readonly class: ErrorClass
  readonly schema: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly constraint: string | undefined

  constructor(told: Told, fault: Fault, cause?: unknown) {
    super(told.code, told.message, {
      ...(cause === undefined ? {} : { cause }),
      ...(told.hint === undefined ? {} : { hint: told.hint }),
      ...(isSqlState(fault.code) ? { sqlState: fault.code } : {}),
    })
    this.class = errorClass(fault.code, told.code)
    this.schema = fault.schema
    this.table = fault.table
    this.column = fault.column
    this.constraint = fault.constraint
    if (fault.message !== undefined) SERVER_FAULTS.set(this, fault)
  }
}

/**
 * The server's own words and the character of the statement they are about. They may quote values: only for statements that hold none,
 * such as a plan's DDL.
 */
export const serverWords = (error: DatabaseError): Pick<ServerFault, 'message' | 'position'> => ({
  message: SERVER_FAULTS.get(error)?.message ?? error.message,
  position: SERVER_FAULTS.get(error)?.position,
})

// Beside the errors rather than in them: whoever prints an error prints no values.
const SERVER_FAULTS = new WeakMap<DatabaseError, Fault>()

/** Who was spoken to, as far as it may be told. */
export interface Place {
  readonly label: string
  readonly host?: string | undefined
  readonly user?: string | undefined
  readonly database?: string | undefined
  /** Not logged in yet: nothing that is said then is about data. */
  readonly connecting?: boolean
}

/** The one way from what a driver throws, or a server answers, to what is thrown further. */
export function targetError(cause: unknown, place: Place): TargetError {
  if (cause instanceof TargetError) return cause
  if (isFault(cause)) {
    const { severity, message } = cause
    const fault = place.connecting && WAKING.test(message) ? { severity, message, code: '57P03' } : cause
    return new DatabaseError(tellFault(fault, place), fault)
  }
  if (cause instanceof TypeError || cause instanceof RangeError || !(cause instanceof Error)) throw cause
  const told = tellNetwork(cause, place)
  // Drivers' errors of the network hold addresses at most; the server's own answers never come this way.
  return new DatabaseError(told, { code: codeOf(cause) }, cause)
}

// Neon's proxy, while the server behind it is started: XX000, which says nothing. https://neon.com/docs/connect/connection-errors
const WAKING =
  /couldn't connect to compute node|failed to connect to the compute node|failed to acquire permit/i

type Fault = { readonly code: string | undefined } & Partial<Omit<ServerFault, 'code'>>

interface Told {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

const isSqlState = (code: string | undefined): code is string =>
  code !== undefined && /^[0-9A-Z]{5}$/.test(code)

const codeOf = (cause: Error): string | undefined =>
  'code' in cause && typeof cause.code === 'string' ? cause.code : undefined

// Both our own faults and the drivers' error objects, which hold the same fields and more.
const isFault = (cause: unknown): cause is ServerFault =>
  typeof cause === 'object' &&
  cause !== null &&
  'severity' in cause &&
  'code' in cause &&
  typeof cause.code === 'string' &&
  isSqlState(cause.code)

function tellFault(fault: ServerFault, place: Place): Told {
  const { code, message } = fault
  const at = place.label
  const known = TOLD[code]
  if (known) return known(fault, place)
  if (code.startsWith('22')) {
    const where = fault.column ? ` for column ${fault.column}` : ''
    return { code: 'BAD_VALUE', message: `Postgres refused a value${where} (${code}).` }
  }
  if (code.startsWith('23')) {
    const what = fault.constraint ? `constraint ${fault.constraint}` : `column ${fault.column ?? '?'}`
    return { code: 'CONSTRAINT', message: `A row breaks ${what} of table ${fault.table ?? '?'} (${code}).` }
  }
  if (code.startsWith('08'))
    return { code: 'CONNECTION_LOST', message: `The connection to ${at} failed: ${message} (${code}).` }
  // What stands in the address may be a secret, and the server quotes it.
  if (place.connecting && code.startsWith('42'))
    return {
      code: 'ADDRESS',
      message: `The server ${at} refused a setting that the address asks for (${code}).`,
      hint: 'Look at options in the address.',
    }
  // Raised by functions of the application, or from inside the server: what the text quotes nobody knows.
  if (!place.connecting && /^(P0|XX|38|39|HV)/.test(code)) {
    const where = fault.table ? ` at table ${fault.table}` : ''
    return { code: 'SERVER', message: `The server ${at} stopped the statement${where} with error ${code}.` }
  }
  return { code: 'SERVER', message: `The server ${at} refused a statement: ${message} (${code}).` }
}

const TOLD: Readonly<Record<string, (fault: ServerFault, place: Place) => Told>> = {
  '28P01': loginRefused,
  '28000': loginRefused,
  '3D000': (_, { label, database }) => ({
    code: 'DATABASE_MISSING',
    message: `There is no database ${database ?? 'of that name'} at ${label}.`,
    hint: `Create it (CREATE DATABASE), or correct the address.`,
  }),
  '42501': permissionDenied,
  '25006': (_, { label }) => ({
    code: 'READ_ONLY',
    message: `${label} does not take writes here: it is a replica, or default_transaction_read_only is on for this role.`,
    hint: 'Use the address of the primary, and a role that may write.',
  }),
  '53100': (_, { label }) => ({
    code: 'DISK_FULL',
    message: `${label} has no space left. What was committed stays, and kvmig can go on from there.`,
    hint: 'Make room on the server or raise its quota, then apply again.',
  }),
  '53200': (_, { label }) => ({
    code: 'OUT_OF_MEMORY',
    message: `${label} is out of memory.`,
    hint: 'Run the same again with smaller transactions (--batch 2000), or give the server more memory.',
  }),
  '53300': (_, { label }) => ({
    code: 'TOO_MANY_CONNECTIONS',
    message: `${label} takes no more connections.`,
    hint: 'Close some, raise max_connections, or use the address of a pooler.',
  }),
  '57P03': (_, { label }) => ({
    code: 'STARTING',
    message: `${label} is starting or stopping and answers nobody yet.`,
    hint: 'Run the same again in a moment.',
  }),
  '57P01': connectionEnded,
  '57P02': connectionEnded,
  '57P05': connectionEnded,
  '25P03': (_, { label }) => ({
    code: 'IDLE_IN_TRANSACTION',
    message: `${label} ended a transaction in which nothing was asked for too long.`,
  }),
  '57014': (_, { label }) => ({
    code: 'TIMEOUT',
    message: `A statement at ${label} took longer than its limit, or was cancelled there.`,
  }),
  '55P03': (_, { label }) => ({
    code: 'LOCK_TIMEOUT',
    message: `A lock at ${label} was not to be had in time: another session holds the table or the row.`,
    hint: 'Look for long transactions in pg_stat_activity, then apply again.',
  }),
  '40001': (_, { label }) => ({
    code: 'SERIALIZATION',
    message: `Transactions at ${label} got in each other's way (40001).`,
  }),
  '40P01': (_, { label }) => ({
    code: 'DEADLOCK',
    message: `Transactions at ${label} waited for each other (deadlock).`,
  }),
  '42P01': ({ message }, { label }) => ({
    code: 'TABLE_MISSING',
    message: `At ${label} a table is missing: ${message}.`,
    hint: 'Was it dropped or renamed? kvmig plan --live shows what is there.',
  }),
  '42703': ({ message }, { label }) => ({
    code: 'COLUMN_MISSING',
    message: `At ${label} a column is missing: ${message}.`,
    hint: 'Was the table changed? kvmig plan --live shows what is there.',
  }),
  '08P01': ({ message }, { label }) => ({
    code: 'PROTOCOL',
    message: `${label} did not accept what was sent: ${message} (08P01).`,
    hint: 'Poolers refuse start-up parameters such as options: take them out of the address.',
  }),
}

function loginRefused({ code }: ServerFault, { label, user }: Place): Told {
  return {
    code: 'LOGIN_REFUSED',
    message: `${label} refused the login of ${user ?? 'this role'}: wrong role or password, or no entry for it in pg_hba.conf (${code}).`,
    hint: 'Check user and password in the address; special characters in them have to be percent-encoded.',
  }
}

function connectionEnded({ code }: ServerFault, { label }: Place): Told {
  return {
    code: 'CONNECTION_LOST',
    message: `${label} ended the connection: shutdown, restart or an administrator (${code}).`,
    hint: 'Run the same again when the server is back: what was committed stays.',
  }
}

function permissionDenied({ message }: ServerFault, { label, user }: Place): Told {
  const role = user ?? 'the role'
  const code = 'PERMISSION'
  const refused = `${label}: ${role} may not do this: ${message}.`
  if (message.includes('row-level security')) {
    return {
      code,
      message: refused,
      hint: `Rows hidden by a policy cannot be accounted for: use the table's owner, or ALTER ROLE ${role} BYPASSRLS.`,
    }
  }
  if (/must be owner|must be able to SET ROLE|superuser/.test(message)) {
    return { code, message: refused, hint: 'Use the role that owns it, or have that role do this step.' }
  }
  const [, kind, name] =
    /permission denied (?:for|to create temporary tables in) (\w+) "?([^"]+)"?$/.exec(message) ?? []
  const grant = kind && name && (message.includes('temporary') ? 'TEMPORARY' : GRANTS[kind])
  if (!grant) return { code, message: refused }
  const where = kind === 'database' ? 'DATABASE' : kind === 'relation' ? 'TABLE' : kind!.toUpperCase()
  return { code, message: refused, hint: `As the owner, run: GRANT ${grant} ON ${where} ${name} TO ${role};` }
}

const GRANTS: Readonly<Record<string, string>> = {
  table: 'SELECT, INSERT, UPDATE, DELETE',
  relation: 'SELECT, INSERT, UPDATE, DELETE',
  sequence: 'USAGE, SELECT, UPDATE',
  schema: 'USAGE, CREATE',
  database: 'CREATE, TEMPORARY',
  function: 'EXECUTE',
  type: 'USAGE',
}

function tellNetwork(cause: Error, { label, host }: Place): Told {
  const code = codeOf(cause)
  if (code === 'ECONNREFUSED') {
    return {
      code: 'CONNECTION_REFUSED',
      message: `Nothing answers at ${label}: the connection was refused.`,
      hint: 'Is Postgres running there, and is the port right?',
    }
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return {
      code: 'HOST_NOT_FOUND',
      message: `The host ${host ?? label} was not found.`,
      hint: 'Is its name spelled right?',
    }
  }
  if (code === 'ENOENT' || code === 'EACCES') {
    return { code: 'CONNECTION_REFUSED', message: `There is no socket to connect to at ${label} (${code}).` }
  }
  if (
    code === 'ETIMEDOUT' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH' ||
    /timeout/i.test(cause.message)
  ) {
    return {
      code: 'CONNECT_TIMEOUT',
      message: `${label} did not answer in time.`,
      hint: 'Is the address right, and does a firewall let you through?',
    }
  }
  if (/does not support SSL/.test(cause.message)) {
    return {
      code: 'TLS_NOT_OFFERED',
      message: `${label} does not speak TLS, and the address asks for it.`,
      hint: 'Within a private network write sslmode=disable.',
    }
  }
  if (
    code?.startsWith('ERR_TLS') ||
    code?.startsWith('ERR_SSL') ||
    CERTIFICATE.test(code ?? '') ||
    /SSL connection/.test(cause.message)
  ) {
    return {
      code: 'TLS',
      message: `No trusted TLS connection to ${label}: ${code ?? cause.message}.`,
      hint: 'Name the certificate of its authority with sslrootcert=FILE; sslmode=require encrypts without asking who answers.',
    }
  }
  if (/password must be a (non-empty )?string/.test(cause.message)) {
    return { code: 'LOGIN_REFUSED', message: `${label} asks for a password, and the address has none.` }
  }
  if (cause.name === 'Silence')
    return {
      code: 'TIMEOUT',
      message: `${label} did not answer in time, and its connection was given up.`,
      hint: 'The server, or the network before it, is stuck. Run the same again when it is back: what was committed stays.',
    }
  // NOT_SENT: lost before the statement was sent, so that it certainly had no effect.
  return {
    code: code === 'NOT_SENT' ? code : 'CONNECTION_LOST',
    message: `The connection to ${label} was lost.`,
    hint: 'Run the same again when the server is back: what was committed stays.',
  }
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_/
