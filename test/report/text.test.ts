import { describe, expect, test } from 'vitest'
import type { Painter } from '../../src/report/layout.ts'
import { text } from '../../src/report/text.ts'
import {
  applyReport,
  checkReport,
  diagnostic,
  diffReport,
  failedReport,
  livePlanReport,
  planReport,
  REPORTS,
  rebuildReport,
  statusReport,
  testReport,
  traceReport,
} from './reports.ts'

describe('the text of a report', () => {
  test('of plan: plan by plan, the gate between the phases, and what an edit means', () => {
    expect(text(planReport)).toMatchInlineSnapshot(`
      "Shared
        A   = extension    vector                                                  done

      plans/handles.yaml  handles  redis://localhost:6379/0 ► postgres://localhost/app  wave 1, needed by messages

        A   + table        handles                              2 columns          changed since it was applied
            > backfill     handle:{id} ► handles                                   again because of handles/A/table/handles

      plans/messages.yaml  messages  redis://localhost:6379/0 ► postgres://localhost/app  wave 2

        A   + table        messages                             4 columns
            > backfill     vibe:messages ► messages             each field
            + foreign key  messages.from_user ► handles.handle  on delete cascade
        ──  gate B         coverage, row_count, sample 10%

        One-way fields: phase C needs them accepted, or kept in their source form
          messages.from_user  lower loses the case

      Plan: 5 steps to do, 1 done, 1 gate. Nothing has been changed. Next: kvmig apply --phase=A
      "
    `)
  })

  test('of plan --live: what the source and the target look like', () => {
    expect(text(livePlanReport)).toMatchInlineSnapshot(`
      "KV107  warning: A table refers to itself.

      plans/messages.yaml  messages  redis://localhost:6379/0 ► postgres://localhost/app  wave 2

        A   + table        messages                             4 columns
            > backfill     vibe:messages ► messages             each field
            + foreign key  messages.from_user ► handles.handle  on delete cascade
        ──  gate B         coverage, row_count, sample 10%

        One-way fields: phase C needs them accepted, or kept in their source form
          messages.from_user  lower loses the case

      Done before, and not in the plans any more: apply takes it back
        - board  the table goes, with 3 rows

      Target
        Neon, pooled host. LISTEN does not reach through.

      Extensions
        ✗ pg_cron  This server does not have it.
        ✓ vector   It is there.

      Keys of redis://localhost:6379/0
        1,000  migrated
          200  ephemeral
            4  uncovered
        1,204  keys in all

      Coverage
        1,000  vibe:messages       migrated   messages
          200  ratelimit:{_:rest}  ephemeral  project

      Uncovered: map these, or list them under ignore, index or ephemeral
        4  cache:{_}  e.g. cache:home\\u001b[2J

      Records
        messages  1,000 keys  12,345 records  3 left out by where

      Rejects to expect
        2  FIELD_MISSING  messages.created_at  e.g. message:m9

      Fields that no column takes: map them, or name them under unmapped
        17  edited  messages  e.g. message:m2

      Drift of the target
        ✗ handles  column handle is varchar(40), declared text

      Forecast
        about 12,343 rows, 1.2 MB, 14 commands of 200,000, 3.0 s
        about 7 commands more for each check, diff or reconcile, twice that going into B; and again where something differs
        storage 7.9 MB now, about 9.4 MB after the copy, of 500 MB (Neon Free; assumed, tariff: says which it is)
        grows by 1.2 MB a day: full on about 2027-12-01

      Saved in plan.json; it can be applied once, and only while nothing else changes.

      Plan: 3 steps, 1 step to take back, 1 gate. Nothing has been changed. 4 keys are uncovered and will keep gate B closed. The target has drifted. Next: kvmig apply plan.json
      "
    `)
  })

  test('of a plan with mistakes: the mistakes', () => {
    expect(text({ ...planReport, plans: [], shared: [], diagnostics: [diagnostic] })).toMatchInlineSnapshot(`
      "plans/messages.yaml:10:50  KV014  There is no transform "lowercas". Did you mean "lower"?

      Plan: 1 error. Nothing has been changed. Mend the plan and run kvmig plan again.
      "
    `)
  })

  test('of a plan that is done', () => {
    const plans = planReport.plans.map((plan) => ({
      ...plan,
      oneWay: [],
      road: [],
      steps: plan.steps.map(({ because, ...step }) => ({
        ...step,
        state: step.kind === 'gate' ? ('pending' as const) : ('done' as const),
      })),
    }))
    expect(text({ ...planReport, plans })).toMatchInlineSnapshot(`
      "Shared
        A   = extension    vector                                                  done

      plans/handles.yaml  handles  redis://localhost:6379/0 ► postgres://localhost/app  wave 1, needed by messages

        A   = table        handles                              2 columns          done
            = backfill     handle:{id} ► handles                                   done

      plans/messages.yaml  messages  redis://localhost:6379/0 ► postgres://localhost/app  wave 2

        A   = table        messages                             4 columns          done
            = backfill     vibe:messages ► messages             each field         done
            = foreign key  messages.from_user ► handles.handle  on delete cascade  done
        ──  gate B         coverage, row_count, sample 10%

      Plan: nothing to do, 6 done, 1 gate. Nothing has been changed.
      "
    `)
  })

  test('of apply, with a gate that stayed closed', () => {
    expect(text(applyReport)).toMatchInlineSnapshot(`
      "  ✓ done  messages  + table     messages                  31 ms  created
        ✓ done  messages  > backfill  vibe:messages ► messages   12 s  1,000 records, 998 inserted, 2 rejected
        = 1 step was done before

      ✓ gate B open for handles: 1 check passed

      ✗ gate B  messages  closed
        ✗ fail     row_count  1,000 in source, 998 in target.  KV301
                expected the same number
                e.g. message:m1, message:m2\\n
                ► Look at kvmig diff.
        ? unknown  index_use  The table has 3 rows.            KV308
                expected a plan that uses idx_messages_thread

      Rows
        handles   1,000  1,000 unchanged
        messages    998  998 inserted, 2 rejected

      Keys of redis://localhost:6379/0
        1,003  migrated
            1  partial
            1  index
          200  ignored
        1,205  keys in all

      Quarantine
        2 open    FIELD_MISSING  messages  e.g. message:m9

      Look at the rows
        psql "$DATABASE_URL" -c 'select * from messages limit 5'

      Apply: 2 steps done in 12 s, but gate B stays closed for messages. Mend what is listed, then ask again with kvmig check. kvmig retry replays what is in quarantine.
      "
    `)
  })

  test('of apply, with a step that failed', () => {
    expect(text(failedReport)).toMatchInlineSnapshot(`
      "  ✗ failed   messages  + index        idx  0.2 s
                messages/A/index/idx stopped: no space left on device
                ► Make room.
        – skipped  messages  + foreign key  x           because of messages/A/index/idx

      – gate B not asked for messages: not everything before it is done

      Apply: 1 step failed, 1 skipped behind it; what is done stays done. Mend the cause, then run kvmig apply --phase=A again: it goes on where it stopped.
      "
    `)
  })

  test('of apply that was stopped, that had nothing to do, and that opened its gates', () => {
    const open = applyReport.gates.slice(0, 1)
    const last = (report: typeof applyReport) => text(report).trimEnd().split('\n').at(-1)
    expect(last({ ...applyReport, outcome: 'interrupted' })).toMatchInlineSnapshot(
      `"Apply: stopped; 2 steps done in 12 s. Run kvmig apply --phase=A again: it goes on where it stopped."`,
    )
    expect(last({ ...applyReport, outcome: 'done', steps: [], gates: open })).toMatchInlineSnapshot(
      `"Apply: nothing to do. Gate B is open for handles."`,
    )
    expect(last({ ...applyReport, outcome: 'done', gates: open })).toMatchInlineSnapshot(
      `"Apply: 2 steps done in 12 s. Gate B is open for handles."`,
    )
  })

  test('of check', () => {
    expect(text(checkReport)).toMatchInlineSnapshot(`
      "✓ gate B  handles  open
        ✓ pass  row_count  1,000 in source, 1,000 in target.

      ✗ gate B  messages  closed
        ✗ fail     row_count  1,000 in source, 998 in target.  KV301
                expected the same number
                e.g. message:m1, message:m2\\n
                ► Look at kvmig diff.
        ? unknown  index_use  The table has 3 rows.            KV308
                expected a plan that uses idx_messages_thread

      Check: gate B stays closed for messages. Mend what is listed, then ask again with kvmig check.
      "
    `)
  })

  test('of check, where only time is missing', () => {
    const pending = checkReport.gates.map((gate) => ({
      ...gate,
      status: 'closed' as const,
      findings: gate.findings.slice(0, 1).map((it) => ({ ...it, status: 'pending' as const, samples: [] })),
    }))
    expect(text({ ...checkReport, gates: pending.slice(1) })).toMatchInlineSnapshot(`
      "✗ gate B  messages  closed
        … pending  row_count  1,000 in source, 998 in target.  KV301
                expected the same number
                ► Look at kvmig diff.

      Check: gate B stays closed for messages. Only time or people are missing: ask again later with kvmig check.
      "
    `)
  })

  test('of status', () => {
    expect(text(statusReport)).toMatchInlineSnapshot(`
      "migrations.yaml  postgres://localhost/app

        handles   phase A since 2026-01-08T00:00:00Z  5 of 5 steps                   gate B open         quarantine: 0 open, 3 accepted  ✓ can go to B
        messages  not begun                           3 of 7 steps, 1 changed since  gate not asked yet  quarantine: 2 open, 0 accepted  – stays

      messages cannot go to A yet
        – messages/A/backfill/messages has changed
        – 2 records in quarantine

      Quarantine
        0 open  3 accepted  ORPHAN         handles   e.g. handle:gone
        2 open              FIELD_MISSING  messages  e.g. message:m9

      Lease: ann@ci, since 10:00, until 10:05. To take it away: kvmig unlock 42

      Last run: apply by ann, 2026-01-08T00:00:00Z: closed

      Status: handles (to B) can advance. ann@ci is applying since 10:00.
      "
    `)
  })

  test('of status, before anything was applied', () => {
    const { lease, lastRun, ...rest } = statusReport
    expect(text({ ...rest, installed: false, plans: [] })).toMatchInlineSnapshot(`
      "migrations.yaml  postgres://localhost/app

      Status: nothing has been applied to this target. Next: kvmig plan
      "
    `)
  })

  test('of diff, with keys whose fates do not add up', () => {
    expect(text(diffReport)).toMatchInlineSnapshot(`
      "✗ differs  messages  messages  1,000 rows from the source, 999 in the table, 997 the same
        2  missing    in the source only          e.g. message:m1, message:m2
        1  different  in both, with other values  e.g. message:m3

      ✓ same  messages  reactions  5 rows from the source, 5 in the table, 5 the same

      Keys of messages
          998  migrated
        1,000  keys in all
        ✗ The fates add up to 998, not to 1,000 keys: some keys have none.

      Diff: 2 missing and 1 different of 1,005 rows. Where the source changed since the copy, kvmig apply --phase=A --again takes that over; rows whose key is gone leave with the catch-up of phase B (in a plan that stays in A with this), or with kvmig rollback and a new apply; kvmig trace KEY explains one.
      "
    `)
  })

  test('of test, expected and actual side by side', () => {
    expect(text(testReport)).toMatchInlineSnapshot(`
      "✗ fail  messages  message:m1  plans/messages.yaml:60:5
        rejects: expected none, got FIELD_MISSING
          FIELD_MISSING in to_user: The value is missing.

           messages   expected  actual
           id         m1        m1
        ≠  from_user  ann       @Ann
           text       ·         hi
        ≠  mood       "good "   "good"
        ≠  doc        {"a": 1}  {"a": 2}
             doc.a    1         2

           reactions  expected  actual: no such row
        ≠  id         r1        ·

      ✓ pass  handles   handle:ann  plans/handles.yaml:30:5
        No column takes mood.

      Test: 1 of 2 examples failed. Mend the mapping, or what the example expects.
      "
    `)
  })

  test('of rebuild', () => {
    expect(text(rebuildReport)).toMatchInlineSnapshot(`
      "  ✓  messages  message:{id}  1,204  rows ► 1,203 keys  1 key there already, left as they are; 2 rows of the table came from elsewhere
        ✓  handles   vibe:handles      1  row ► 1 key

      No way back
        ✗  messages  vibe:messages  from_user: lower: the case of letters is forgotten; no column keeps the name of the field

      Rebuild: 1,205 rows became 1,204 keys of redis://localhost:6379/1, by 12 commands. 1 mapping has no way back.
      "
    `)
  })

  test('of trace', () => {
    expect(text(traceReport)).toMatchInlineSnapshot(`
      "message:m9  redis://localhost:6379/0  string, 1.2 kB, expires 2026-02-01T00:00:00Z

      Rules, in order
        –  vibe:messages  messages  plans/messages.yaml:8   another key
        ✓  message:{id}   messages  plans/messages.yaml:20  claims it

      Rows
        ✗ different  messages  index:0  in text

      Rejects
        FIELD_MISSING  messages.2  index:1  column from_user
          Expected text, found nothing.

      Trace: partial by message:{id} (plans/messages.yaml:20): 1 row, 1 reject.
      "
    `)
  })

  test('of trace, for a key that nobody takes and one that is not there', () => {
    const { entry, ...rest } = { ...traceReport, rules: [], rows: [], rejects: [] }
    expect(text({ ...rest, fate: 'absent' })).toMatchInlineSnapshot(`
      "message:m9  redis://localhost:6379/0  not there

      Trace: redis://localhost:6379/0 has no such key, and no row came from it.
      "
    `)
    expect(
      text({ ...traceReport, rules: [], rows: [], rejects: [], fate: 'uncovered' }),
    ).toMatchInlineSnapshot(`
      "message:m9  redis://localhost:6379/0  string, 1.2 kB, expires 2026-02-01T00:00:00Z

      Trace: uncovered, since no rule takes this key. Map it, or list it under ignore, index or ephemeral.
      "
    `)
  })
})

describe('colour', () => {
  const colors: Painter = {
    strong: (it) => `\u001b[1m${it}\u001b[22m`,
    dim: (it) => `\u001b[2m${it}\u001b[22m`,
    good: (it) => `\u001b[32m${it}\u001b[39m`,
    bad: (it) => `\u001b[31m${it}\u001b[39m`,
    warn: (it) => `\u001b[33m${it}\u001b[39m`,
  }

  test.each(REPORTS.map((it) => [it.kind, it] as const))(
    'says nothing that the text of %s does not say',
    (_, report) => {
      const colored = text(report, colors)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
      expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(text(report))
      expect(colored).not.toBe(text(report))
    },
  )
})
