import type { ValidateFunction } from 'ajv/dist/2020.js'

/**
 * Functions made of schemas beforehand, by `digestOf`: compiling one takes longer than reading a plan. There are none in the sources; the
 * build puts its own in place of this file (`scripts/ready-schemas.mjs`).
 */
export const READY: Readonly<Record<string, ValidateFunction>> = {}
