import { object } from '../plan/schema-parts.ts'
import type { Check } from './check.ts'
import { counted, listed } from './counted.ts'
import { fail, pass, unknown } from './finding.ts'
import { type Judged, judgeQuery } from './judge-query.ts'

export const indexUse: Check = {
  name: 'index_use',
  code: 'KV308',
  summary:
    'Postgres answers each of the queries of the plan by the index that it names, or by any, and not by reading whole tables.',
  options: object({}, { title: 'nothing: it has no options' }),
  run: async (scope) => {
    const { queries } = scope.plan
    const judged: Judged[] = []
    for (const query of queries) judged.push(await judgeQuery(scope, query))
    const of = (verdict: Judged['verdict']) => judged.filter((it) => it.verdict === verdict)
    const [failed, forced, open] = [of('does not'), of('would'), of('cannot tell')]
    const using = (judged.length - failed.length - open.length).toLocaleString('en-US')
    const facts = {
      measured: [
        `${using} of ${counted(judged.length, 'query', 'queries')} answered by the index.`,
        ...(forced.length === 0
          ? []
          : [
              `${names(forced)} with enable_seqscan off: the tables are still so small that Postgres would rather read them whole.`,
            ]),
        ...(open.length === 0 ? [] : [`${names(open)}: the tables are empty, so nobody can tell.`]),
      ].join(' '),
      expected: indexUse.summary,
      samples: [...failed, ...open].map((it) => `${it.query.name}: ${it.fault}`),
      data: {
        queries: judged.map(({ query, verdict }) => ({
          query: query.name,
          uses: query.uses ?? null,
          verdict,
        })),
      },
    }
    if (judged.length === 0) {
      return unknown(indexUse, {
        ...facts,
        measured: `Plan ${scope.plan.name} names no queries.`,
        hint: 'List the queries that the application runs under queries:, with real arguments, or leave this check out.',
      })
    }
    if (failed.length > 0) {
      return fail(indexUse, {
        ...facts,
        hint: 'Ask the query as the index has it (a pair in any order: LEAST(a, b) = LEAST($1, $2) AND GREATEST(a, b) = GREATEST($1, $2)), or give the query the index it needs.',
      })
    }
    return open.length === 0
      ? pass(indexUse, facts)
      : unknown(indexUse, {
          ...facts,
          hint: 'Ask again when there are rows, or leave the query out until then.',
        })
  },
}

const names = (judged: readonly Judged[]): string => listed(judged.map((it) => it.query.name))
