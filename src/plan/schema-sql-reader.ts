import { labelled } from './read-table.ts'
import type { ApplicationSchema, SqlStatement } from './schema-sql.ts'
import { type SqlText, splitList } from './sql-text.ts'
import type { ColumnDefinition, IndexDefinition, Reference, TableDefinition, TableName } from './table.ts'
import { columnType, isSerial } from './type-name.ts'

// Nodes of Postgres's syntax tree, each looked at where its kind is known.
// biome-ignore lint/suspicious/noExplicitAny: see above
type SqlNode = any

/** Reads the statements of one file, in order. Locations of the tree are byte offsets into the text. */
export class SchemaReader {
  readonly #sql: SqlText
  readonly #targetSchema: string
  readonly #tables = new Map<string, MutableTable>()
  readonly #enums = new Map<string, readonly string[]>()

  constructor(sql: SqlText, targetSchema: string) {
    this.#sql = sql
    this.#targetSchema = targetSchema
  }

  read(statements: readonly SqlStatement[]): ApplicationSchema {
    for (const { stmt, stmt_location = 0, stmt_len } of statements) {
      this.#sql.statementEnd = stmt_len ? stmt_location + stmt_len : this.#sql.length
      const [kind, node] = Object.entries(stmt)[0]!
      this.#readers[kind]?.(node)
    }
    const tables = [...this.#tables.values()]
    return {
      tables: tables.map((it) => this.#finished(it)),
      unlogged: tables.filter((it) => it.unlogged).map((it) => it.name),
      enums: this.#enums,
    }
  }

  readonly #readers: Readonly<Record<string, (node: SqlNode) => void>> = {
    CreateStmt: (node) => this.#createTable(node),
    CreateEnumStmt: (node) => this.#addLabels(node.typeName, node.vals.map(text)),
    AlterEnumStmt: (node) => node.newVal && this.#addLabels(node.typeName, [node.newVal]),
    IndexStmt: (node) => this.#createIndex(node),
    AlterTableStmt: (node) => this.#alterTable(node),
    DropStmt: (node) => {
      if (node.removeType === 'OBJECT_TABLE')
        for (const { List } of node.objects) this.#tables.delete(key(this.#named(List.items.map(text))))
    },
  }

  #addLabels(typeName: SqlNode[], labels: readonly string[]): void {
    const names = typeName.map(text)
    for (const name of new Set([names.join('.'), names.at(-1)!]))
      this.#enums.set(name, [...(this.#enums.get(name) ?? []), ...labels])
  }

  #createTable(node: SqlNode): void {
    if (node.relation.relpersistence === 't') return
    const name = this.#tableName(node.relation)
    // IF NOT EXISTS: the first one is there already.
    if (this.#tables.has(key(name))) return
    const parents: readonly SqlNode[] = (node.inhRelations ?? []).map((it: SqlNode) => it.RangeVar)
    const inherited = parents.flatMap((it) => this.#find(it)?.columns ?? [])
    const table: MutableTable = {
      name,
      unlogged: node.relation.relpersistence === 'u',
      columns: [...inherited],
      primaryKey: [],
      unique: [],
      indexes: [],
      references: [],
      checks: [],
      at: this.#sql.position(node.relation.location),
    }
    this.#tables.set(key(name), table)
    if (node.partbound) this.#inheritKeys(table, parents)
    if (node.partspec)
      table.partitionBy = this.#sql
        .slice(node.partspec.location, this.#sql.statementEnd)
        .replace(/^partition\s+by\s+/i, '')
    for (const element of node.tableElts ?? []) {
      if (element.ColumnDef) this.#addColumn(table, element.ColumnDef)
      else if (element.Constraint) this.#addConstraint(table, element.Constraint)
      else if (element.TableLikeClause)
        table.columns.push(
          ...(this.#find(element.TableLikeClause.relation)?.columns.map((it) => ({ ...it })) ?? []),
        )
    }
  }

  // A partition has the keys of the table that it is a part of.
  #inheritKeys(table: MutableTable, parents: readonly SqlNode[]): void {
    const parent = parents[0] && this.#find(parents[0])
    if (!parent) return
    table.primaryKey = parent.primaryKey
    table.unique.push(...parent.unique)
  }

  #addColumn(table: MutableTable, node: SqlNode): void {
    const constraints: readonly SqlNode[] = (node.constraints ?? []).map((it: SqlNode) => it.Constraint)
    const end = this.#sql.elementEnd(node.location)
    const written = this.#sql.slice(node.typeName.location, end)
    const places = [...constraints.map((it) => it.location as number), node.collClause?.location ?? end]
    const type = this.#type(node.typeName, Math.min(...places, end))
    const column: MutableColumn = {
      name: node.colname,
      type: type.type,
      notNull: type.serial,
      identity: type.serial,
      generated: false,
      sql: written,
      at: this.#sql.position(node.location),
    }
    table.columns.push(column)
    for (const [index, constraint] of constraints.entries()) {
      const next = constraints[index + 1]?.location ?? end
      this.#constrainColumn(table, column, constraint, next)
    }
  }

  #type(node: SqlNode, end: number) {
    const names: readonly string[] = node.names.map(text)
    const name = names[0] === 'pg_catalog' ? names[1]! : names.join('.')
    const modifiers: readonly number[] = (node.typmods ?? []).map(
      (it: SqlNode) => it.A_Const?.ival?.ival ?? 0,
    )
    const sql = this.#sql
      .slice(node.location, end)
      .replace(/(?:\s*\[\s*\d*\s*\])+$|\s+array(?:\s*\[\s*\d*\s*\])?$/i, '')
    const type = columnType(name, name === 'interval' ? [] : modifiers, {
      sql,
      array: Boolean(node.arrayBounds),
    })
    const enumName = [...this.#enums.keys()].find((it) => it === names.join('.'))
    return {
      type: enumName ? labelled({ ...type, sql: enumName }, this.#enums) : type,
      serial: isSerial(name),
    }
  }

  #constrainColumn(table: MutableTable, column: MutableColumn, node: SqlNode, end: number): void {
    switch (node.contype) {
      case 'CONSTR_NOTNULL':
        column.notNull = true
        break
      case 'CONSTR_DEFAULT':
        this.#setDefault(column, this.#sql.slice(node.location, end).replace(/^default\s+/i, ''))
        break
      case 'CONSTR_IDENTITY':
        Object.assign(column, { identity: true, notNull: true })
        break
      case 'CONSTR_GENERATED':
        column.generated = true
        break
      case 'CONSTR_ATTR_DEFERRABLE':
        this.#makeDeferrable(table)
        break
      default:
        this.#addConstraint(table, {
          ...node,
          keys: [{ String: { sval: column.name } }],
          fk_attrs: [{ String: { sval: column.name } }],
        })
    }
  }

  #setDefault(column: MutableColumn, sql: string): void {
    column.default = sql
    // What serial becomes in a dump.
    if (/^nextval\s*\(/i.test(sql)) column.identity = true
  }

  #addConstraint(table: MutableTable, node: SqlNode): void {
    const keys: readonly string[] = (node.keys ?? []).map(text)
    switch (node.contype) {
      case 'CONSTR_PRIMARY':
        table.primaryKey = this.#keysOf(table, node, keys)
        break
      case 'CONSTR_UNIQUE':
        table.unique.push(this.#keysOf(table, node, keys))
        break
      case 'CONSTR_FOREIGN':
        table.references.push(this.#reference(node))
        break
      case 'CONSTR_CHECK':
        table.checks.push(this.#sql.insideParentheses(node.location))
        break
      case 'CONSTR_NOTNULL':
        for (const column of table.columns) if (keys.includes(column.name)) column.notNull = true
        break
      case 'CONSTR_ATTR_DEFERRABLE':
        this.#makeDeferrable(table)
    }
  }

  // `ADD CONSTRAINT … UNIQUE USING INDEX name` takes the columns of the index.
  #keysOf(table: MutableTable, node: SqlNode, keys: readonly string[]): readonly string[] {
    return node.indexname ? (table.indexes.find((it) => it.name === node.indexname)?.columns ?? []) : keys
  }

  #reference(node: SqlNode): MutableReference {
    return {
      columns: (node.fk_attrs ?? []).map(text),
      to: this.#tableName(node.pktable),
      toColumns: (node.pk_attrs ?? []).map(text),
      onDelete: ON_DELETE[node.fk_del_action] ?? 'no action',
      deferrable: node.deferrable === true,
      at: this.#sql.position(node.location),
    }
  }

  #makeDeferrable(table: MutableTable): void {
    const last = table.references.at(-1)
    if (last) last.deferrable = true
  }

  #createIndex(node: SqlNode): void {
    const table = this.#find(node.relation)
    if (!table) return
    const where = node.whereClause && this.#sql.afterWord(node.relation.location, 'where')
    table.indexes.push({
      name: node.idxname ?? '',
      columns: splitList(this.#sql.insideParentheses(node.relation.location)),
      unique: node.unique === true,
      ...(node.accessMethod && node.accessMethod !== 'btree' && { using: node.accessMethod }),
      ...(where && { where }),
      at: this.#sql.position(node.relation.location),
    })
  }

  #alterTable(node: SqlNode): void {
    const table = this.#find(node.relation)
    if (!table) return
    for (const { AlterTableCmd: command } of node.cmds) {
      const column = table.columns.find((it) => it.name === command.name)
      const { def } = command
      if (command.subtype === 'AT_AddConstraint') this.#addConstraint(table, def.Constraint)
      else if (command.subtype === 'AT_AddColumn') this.#addColumn(table, def.ColumnDef)
      else if (command.subtype === 'AT_DropColumn')
        table.columns = table.columns.filter((it) => it !== column)
      else if (!column) continue
      else if (command.subtype === 'AT_SetNotNull') column.notNull = true
      else if (command.subtype === 'AT_DropNotNull') column.notNull = false
      else if (command.subtype === 'AT_AddIdentity') Object.assign(column, { identity: true, notNull: true })
      else if (command.subtype === 'AT_ColumnDefault' && !def) delete column.default
      else if (command.subtype === 'AT_ColumnDefault')
        this.#setDefault(column, this.#sql.afterWord(node.relation.location, 'default'))
    }
  }

  #finished({ unlogged: _, ...table }: MutableTable): TableDefinition {
    return {
      ...table,
      owner: 'schema',
      columns: table.columns.map((it) =>
        table.primaryKey.includes(it.name) ? { ...it, notNull: true } : it,
      ),
      references: table.references.map((it) => this.#withColumns(it)),
    }
  }

  // REFERENCES users: its primary key is meant.
  #withColumns(reference: Reference): Reference {
    if (reference.toColumns.length > 0) return reference
    return { ...reference, toColumns: this.#tables.get(key(reference.to))?.primaryKey ?? [] }
  }

  #find(relation: SqlNode): MutableTable | undefined {
    return this.#tables.get(key(this.#tableName(relation)))
  }

  #tableName(relation: SqlNode): TableName {
    return { schema: relation.schemaname ?? this.#targetSchema, table: relation.relname }
  }

  #named(names: readonly string[]): TableName {
    return { schema: names.length > 1 ? names.at(-2)! : this.#targetSchema, table: names.at(-1)! }
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type MutableColumn = Mutable<ColumnDefinition>
type MutableReference = Mutable<Reference>

interface MutableTable
  extends Mutable<
    Omit<TableDefinition, 'owner' | 'columns' | 'unique' | 'indexes' | 'references' | 'checks'>
  > {
  unlogged: boolean
  columns: MutableColumn[]
  readonly unique: (readonly string[])[]
  readonly indexes: IndexDefinition[]
  readonly references: MutableReference[]
  readonly checks: string[]
}

const key = ({ schema, table }: TableName): string => JSON.stringify([schema, table])
const text = (node: SqlNode): string => node.String.sval

const ON_DELETE: Readonly<Record<string, Reference['onDelete']>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
}
