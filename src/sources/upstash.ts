import type { SourceAdapter } from './source.ts'
import { parseUpstashAddress } from './upstash/address.ts'

/**
 * Upstash Redis and Vercel KV, by their REST protocol: `https://NAME.upstash.io`, or `upstash:` where the environment has address and
 * token (`UPSTASH_REDIS_REST_URL` and `…_TOKEN`, or `KV_REST_API_URL` and `…_TOKEN`). Answers are asked for in base64, the only way to exact
 * bytes; the official client is not used, for it turns values into other ones. Every command counts against the allowance.
 */
export const upstash: SourceAdapter = {
  name: 'upstash',
  schemes: ['upstash', 'https', 'http'],
  summary: 'Upstash Redis or Vercel KV, by REST: every type, exact bytes, every command counted.',
  lacks: {},
  options: {
    type: 'object',
    additionalProperties: false,
    properties: { token: { type: 'string', description: 'Instead of the one in the environment.' } },
  },
  bills: true,
  async open(address, { variables = {}, options, ...context }) {
    const { UpstashSource } = await import('./upstash/upstash-source.ts')
    return UpstashSource.open(parseUpstashAddress(address, variables, options), context)
  },
  async openLive(address, context) {
    const { LiveUpstash } = await import('./upstash/live-upstash.ts')
    return LiveUpstash.open(parseUpstashAddress(address, context.variables ?? {}, context.options), context)
  },
}
