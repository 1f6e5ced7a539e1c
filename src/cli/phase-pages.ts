/** Codes of the phases after A: what it means in a few words, and what to do. */
export const PHASE_PAGES: Readonly<Record<string, readonly [title: string, help: string]>> = {
  ARCHIVE_CORRUPT: [
    'an archive is not as it was written',
    'Its checksums do not add up. Nothing is deleted from a store on its word. While the store still has the data, archive again: kvmig archive.',
  ],
  ARCHIVE_MISSING: [
    'a file of an archive is not there',
    'Name the folder that holds manifest.json. One without it was never finished: archive again.',
  ],
  ARCHIVE_NEWER: ['an archive of another version of kvmig', 'Use the version that its manifest.json names.'],
  ARCHIVE_NOWHERE: [
    'the plan does not say where its data is archived',
    'Write archive: { to: ./archive, keep: 30d } into the plan.',
  ],
  ARCHIVE_PLACE: [
    'the place of an archive cannot be used',
    'It has to be a folder that can be written: the message says what is in the way.',
  ],
  AT_RISK: [
    'going back would hide writes',
    'Postgres has taken writes that the source has not, and the source is out of reach. Bring it back, then kvmig rollback. If old data is better than none: --accept-risk=N with the number of the message; the writes stay in the outbox. That goes from C to B; on to A, where the source is written alone, only when the source is back.',
  ],
  DELETED_SINCE: [
    'an archive would bring back what was deleted since',
    'An archive is the state of the day it was made. kvmig restore --without-deleted leaves out what the application has deleted since, by what the ledger knows; --with-deleted brings back everything.',
  ],
  EVIDENCE: [
    'a URL gave nothing to judge by',
    'The checks http and prometheus ask it. Is it in reach from here, and does it answer with JSON? No answer is no pass.',
  ],
  FLEET_UNKNOWN: [
    'nobody said how many instances there are',
    'An instance without kvmig/runtime cannot be seen. Write fleet: { expect: 3 } into gate C, say --expect 3, or change the credential of the source and say --credential-rotated.',
  ],
  FUSE: [
    'more rows would be deleted than is done unasked',
    'Their keys are not in the source any more, or the source as a whole has lost a tenth of its keys since the copy. Was it emptied or restored, or is it another one? Nothing was changed. kvmig diff --out FILE lists the rows. If they may go: --confirm-deletes=N.',
  ],
  HOOK: [
    'a hook failed',
    'A command of hooks: did not end with 0 in its time. Its output is above the message. Before a phase nothing was changed.',
  ],
  LISTEN: [
    'bug reports cannot be taken there',
    'kvmig watch --listen 8787 listens on this machine alone. For another address set KVMIG_LISTEN_TOKEN: whoever reports sends it as authorization: Bearer ….',
  ],
  LIVE_NONE: [
    'the store cannot take part in dual-write',
    'It is a file, or a store that is only read. Phase A works with it; the later phases want a Redis, an Upstash, or a Replit database.',
  ],
  LOAD: [
    'no load could be made',
    'Install autocannon, or name the report of artillery or k6: load: { report: ./report.json }.',
  ],
  LOAD_REPORT: [
    'a load report that cannot be read',
    'artillery run -o report.json, or k6 run --summary-export=report.json.',
  ],
  NOT_REBUILT: [
    'the source does not have everything',
    'It was retired, and since the way back to C only new writes reach it. kvmig reconcile carries every row over; then the source may be read again.',
  ],
  PHASE_ORDER: [
    'a phase before this one is not complete',
    'Phases come one after the other: A, B, C, D. kvmig status says where a plan is.',
  ],
  PHASE_PAST: [
    'the plan is further than that',
    'While both stores are written, copying again would overwrite live writes. kvmig reconcile keeps them alike; kvmig rollback --to=A goes back.',
  ],
  RETIRED: [
    'the source was retired',
    'From phase D there is no way back in seconds. kvmig rollback --to=C writes both stores again, and kvmig reconcile rebuilds the source from Postgres; kvmig restore FOLDER brings the archive back.',
  ],
  STORE_FORGOT: [
    'the source does not know that it is dual-written',
    'From phase B on a Redis holds the epoch of each plan (kvmig:epoch). One without it was emptied, restored from before phase B, or is another store: is the address in this environment right? While the application writes, its next write tells the store again. If it did lose its data, kvmig reconcile PLAN --emptied writes everything again from Postgres.',
  ],
  SOURCE_READ_ONLY: [
    'a source that kvmig neither deletes from nor restores into',
    'Only a Redis can have keys deleted by kvmig or restored from an archive: --into names one. Keys of other stores are deleted by their owner, and apply --phase=D sees that they are gone.',
  ],
}
