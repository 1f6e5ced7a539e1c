import type { TableName } from '../plan/table.ts'
import { qualified, quote } from './ddl.ts'

/** A view of the rows that have not expired. A row without an expiry never does. */
export const createView = (table: TableName, { view, column }: { view: string; column: string }): string =>
  `CREATE VIEW ${qualified({ ...table, table: view })} AS SELECT * FROM ${qualified(table)} WHERE ${quote(column)} IS NULL OR ${quote(column)} > now()`

export const dropView = (table: TableName, view: string): string =>
  `DROP VIEW IF EXISTS ${qualified({ ...table, table: view })}`

/**
 * Deletes rows that have expired, so many at most. By their place, which the index on the expiry leads to; rows that somebody holds wait
 * for the next time, and one that was given more time meanwhile stays.
 */
export const sweepExpired = (table: TableName, column: string, rows: number): string =>
  `WITH ${expired(table, column, rows)} ${deleteExpired(table, column)}`

/** The same, giving a row with the number of `rows`. */
export const sweepAndCount = (table: TableName, column: string, rows: number): string =>
  `WITH ${expired(table, column, rows)}, gone AS (${deleteExpired(table, column)} RETURNING 1) SELECT count(*) AS rows FROM gone`

const expired = (table: TableName, column: string, rows: number): string =>
  `expired AS (SELECT tableoid AS part, ctid AS place FROM ${qualified(table)} WHERE ${quote(column)} <= now() ORDER BY ${quote(column)} LIMIT ${rows} FOR UPDATE SKIP LOCKED)`

const deleteExpired = (table: TableName, column: string): string =>
  `DELETE FROM ${qualified(table)} t USING expired e WHERE t.ctid = e.place AND t.tableoid = e.part AND t.${quote(column)} <= now()`

/** The name of the job that sweeps a table, in pg_cron's list. */
export const jobName = ({ schema, table }: TableName): string => `kvmig sweep ${schema}.${table}`
