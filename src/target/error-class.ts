/**
 * What an error asks for:
 * - `retry`: the whole transaction again, a few times;
 * - `resolve`: the connection went, so look whether the work is there before doing it again;
 * - `quarantine`: one row is at fault, find it;
 * - `stop`: nothing here can help, a person has to;
 * - `plan`: the statement or the way of connecting is wrong;
 * - `bug`: kvmig is wrong.
 */
export type ErrorClass = 'retry' | 'resolve' | 'quarantine' | 'stop' | 'plan' | 'bug'

/**
 * By the first code that is known: a SQLSTATE, the code of a network error, or kvmig's own. What is not known stops: it is never tried
 * again.
 */
export function errorClass(...codes: readonly (string | undefined)[]): ErrorClass {
  for (const code of codes) {
    if (code === undefined) continue
    const known = CLASSES[code]
    if (known) return known
    if (/^2[23]...$/.test(code)) return 'quarantine'
    if (/^08...$/.test(code)) return 'resolve'
  }
  return 'stop'
}

// From a list in which most codes were provoked on a real server.
const CLASSES: Readonly<Record<string, ErrorClass>> = {
  '08P01': 'plan',
  '57P01': 'resolve',
  '57P02': 'resolve',
  '57P03': 'retry',
  '57P05': 'resolve',
  '25P03': 'retry',
  '53300': 'retry',
  '40001': 'retry',
  '40P01': 'retry',
  '55P03': 'retry',
  '57014': 'retry',
  '53100': 'stop',
  '53200': 'stop',
  '25006': 'stop',
  '28000': 'stop',
  '28P01': 'stop',
  '3D000': 'stop',
  '42501': 'stop',
  '42P01': 'stop',
  '42703': 'stop',
  '22P04': 'bug',
  '21000': 'bug',
  '25P02': 'bug',
  '42P05': 'plan',
  '428C9': 'plan',
  '54011': 'plan',
  '54000': 'quarantine',
  '54001': 'quarantine',
  XX000: 'stop',
  XX001: 'stop',
  CONNECTION_LOST: 'resolve',
  NOT_SENT: 'retry',
  ECONNREFUSED: 'retry',
  ECONNRESET: 'resolve',
  EPIPE: 'resolve',
  ETIMEDOUT: 'retry',
  EAI_AGAIN: 'retry',
  ENOTFOUND: 'stop',
  CONNECT_TIMEOUT: 'retry',
}
