import type { Target, Transaction } from '../target/target.ts'
import type { Spending, Spent } from './ledger.ts'
import { readLedger, repeatably } from './schema.ts'

const MONTH = `date_trunc('month', now() AT TIME ZONE 'UTC')::date`

/** What sources were asked, counted by calendar month. */
export function spending(target: Target): Spending {
  return {
    now: async () => {
      const month = await target.transaction(thisMonth, { readOnly: true })
      return { month, commands: await readLedger(target, (tx) => spentIn(tx, month), 0) }
    },

    spend: (commands, limit) =>
      // Counted twice where nobody knows whether it was committed: rather too much than too little.
      repeatably(() =>
        target.transaction(async (tx) => {
          const month = await thisMonth(tx)
          const [row] = await tx.query(
            `INSERT INTO kvmig.spent AS s (month, commands) SELECT $1::date, $2::int8 WHERE $2::int8 <= coalesce($3::int8, $2::int8)
              ON CONFLICT (month) DO UPDATE SET commands = s.commands + excluded.commands
                WHERE s.commands + excluded.commands <= coalesce($3::int8, s.commands + excluded.commands)
              RETURNING commands`,
            [month, commands, limit ?? null],
          )
          if (row) return { month, commands: Number(row.commands), granted: true }
          return { month, commands: await spentIn(tx, month), granted: false }
        }),
      ),

    giveBack: (month, commands) =>
      target.transaction(async (tx) => {
        await tx.query(
          'UPDATE kvmig.spent SET commands = greatest(0, commands - $2::int8) WHERE month = $1::date',
          [month, commands],
        )
      }),
  }
}

async function thisMonth(tx: Transaction): Promise<string> {
  const [row] = await tx.query(`SELECT to_char(${MONTH}, 'YYYY-MM-DD') AS month`)
  return row!.month as string
}

async function spentIn(tx: Transaction, month: string): Promise<Spent['commands']> {
  const [row] = await tx.query('SELECT commands FROM kvmig.spent WHERE month = $1::date', [month])
  return Number(row?.commands ?? 0)
}
