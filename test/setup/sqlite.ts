/** A SQLite database to be filled by a test. */
export interface Writable {
  exec(sql: string): void
  run(sql: string, parameters: readonly unknown[]): void
  close(): void
}

/** Makes or opens a database for writing, with the library that the driver may use as well. */
export async function openWritable(path: string): Promise<Writable> {
  const { default: Database } = (await import('libsql')) as unknown as {
    default: new (
      path: string,
    ) => {
      exec(sql: string): void
      prepare(sql: string): { run(parameters: unknown[]): void }
      close(): void
    }
  }
  const database = new Database(path)
  return {
    exec: (sql) => database.exec(sql),
    run: (sql, parameters) => database.prepare(sql).run([...parameters]),
    close: () => database.close(),
  }
}
