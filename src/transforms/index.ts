import { abs } from './abs.ts'
import { addPrefix } from './add-prefix.ts'
import { after } from './after.ts'
import { at } from './at.ts'
import { base64 } from './base64.ts'
import { before } from './before.ts'
import { bool } from './bool.ts'
import { date } from './date.ts'
import { decimal } from './decimal.ts'
import { defaultTo } from './default.ts'
import { divide } from './divide.ts'
import { eachOf } from './each.ts'
import { epoch } from './epoch.ts'
import { epochMs } from './epoch-ms.ts'
import { epochS } from './epoch-s.ts'
import { epochUs } from './epoch-us.ts'
import { float } from './float.ts'
import { floor } from './floor.ts'
import { hex } from './hex.ts'
import { int } from './int.ts'
import { iso } from './iso.ts'
import { join } from './join.ts'
import { js } from './js.ts'
import { json } from './json.ts'
import { length } from './length.ts'
import { list } from './list.ts'
import { lower } from './lower.ts'
import { map } from './map.ts'
import { moment } from './moment.ts'
import { multiply } from './multiply.ts'
import { negate } from './negate.ts'
import { nullIf } from './null-if.ts'
import { only } from './only.ts'
import { present } from './present.ts'
import { replace } from './replace.ts'
import { scale } from './scale.ts'
import { sha256 } from './sha256.ts'
import { split } from './split.ts'
import { stripPrefix } from './strip-prefix.ts'
import { stripSuffix } from './strip-suffix.ts'
import { text } from './text.ts'
import { toEpochMs } from './to-epoch-ms.ts'
import type { Transform } from './transform.ts'
import { trim } from './trim.ts'
import { upper } from './upper.ts'
import { uuid5 } from './uuid5.ts'
import { vector } from './vector.ts'
import { withoutNulls } from './without-nulls.ts'

/** Every transform there is, by name. */
export const TRANSFORMS: readonly Transform[] = [
  abs,
  addPrefix,
  after,
  at,
  base64,
  before,
  bool,
  date,
  decimal,
  defaultTo,
  divide,
  eachOf(() => TRANSFORMS),
  epoch,
  epochMs,
  epochS,
  epochUs,
  float,
  floor,
  hex,
  int,
  iso,
  join,
  js,
  json,
  length,
  list,
  lower,
  map,
  moment,
  multiply,
  negate,
  nullIf,
  only,
  present,
  replace,
  scale,
  sha256,
  split,
  stripPrefix,
  stripSuffix,
  text,
  toEpochMs,
  trim,
  upper,
  uuid5,
  vector,
  withoutNulls,
]
