/** What the compiler can refuse a project, or a saved plan, for. A code never changes its meaning and is never used again. */
export const COMPILE_CODES = {
  KV100: 'An unknown plan',
  KV101: 'Plans that wait for each other',
  KV102: 'Tables of the application whose foreign keys form a circle',
  KV103: 'Steps that wait for each other',
  KV104: 'A table that two plans declare differently',
  KV105: 'A mapping into a table that nobody declares',
  KV106: 'Two tables or indexes of one name',
  KV107: 'A table of the application that refers to itself',
  KV108: 'A phase that this version cannot compile',
  KV150: 'A file that is not a saved plan',
  KV151: 'A saved plan of another format',
  KV152: 'A saved plan that was edited',
} as const satisfies Readonly<Record<string, string>>

export type CompileCode = keyof typeof COMPILE_CODES
