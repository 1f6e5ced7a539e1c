import type { TableName } from '../plan/table.ts'
import { qualified, quote } from './ddl.ts'

/**
 * A table of all changes of another, and the trigger that fills it: who, when, in which transaction, which columns, before and after. Done
 * by the database, so that there is no change without its line and no line without its change, whoever makes it. A write that changes
 * nothing, such as one that was tried again, is no change. The function has its owner's rights: who may write the table cannot write its
 * history. `key`: the columns that name a row.
 */
export function createHistory(table: TableName, history: string, key: readonly string[]): readonly string[] {
  const place = qualified({ ...table, table: history })
  const keyOf = `jsonb_build_object(${key.map((it) => `${text(it)}, it->${text(it)}`).join(', ')})`
  return [
    `CREATE TABLE ${place} (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      who text NOT NULL,
      operation text NOT NULL,
      change text NOT NULL,
      key jsonb NOT NULL,
      columns text[] NOT NULL,
      before jsonb,
      after jsonb
    )`,
    `CREATE INDEX ON ${place} (key, id)`,
    `CREATE FUNCTION ${place}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $history$
    DECLARE before jsonb; after jsonb; it jsonb; changed text[];
    BEGIN
      IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD); END IF;
      IF TG_OP <> 'DELETE' THEN after := to_jsonb(NEW); END IF;
      IF TG_OP = 'UPDATE' AND NOT (OLD *<> NEW) THEN RETURN NULL; END IF;
      it := coalesce(after, before);
      SELECT coalesce(array_agg(name ORDER BY name), '{}') INTO changed
        FROM jsonb_object_keys(it) AS name WHERE (before->name)::text IS DISTINCT FROM (after->name)::text;
      INSERT INTO ${place} (who, operation, change, key, columns, before, after) VALUES (
        coalesce(nullif(current_setting('kvmig.who', true), ''), session_user), pg_current_xact_id()::text, lower(TG_OP), ${keyOf}, changed, before, after
      );
      RETURN NULL;
    END $history$`,
    `CREATE TRIGGER ${quote(history)} AFTER INSERT OR UPDATE OR DELETE ON ${qualified(table)} FOR EACH ROW EXECUTE FUNCTION ${place}()`,
  ]
}

export const dropHistory = (table: TableName, history: string): readonly string[] => {
  const place = qualified({ ...table, table: history })
  // With the function goes its trigger.
  return [`DROP FUNCTION IF EXISTS ${place}() CASCADE`, `DROP TABLE IF EXISTS ${place}`]
}

const text = (it: string): string => `'${it.replaceAll("'", "''")}'`
