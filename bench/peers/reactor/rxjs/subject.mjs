// The RxJS subject of `cargo xtask bench reactor`: the same events and operators as every other subject.
//
// node subject.mjs CASE VARIANT EVENTS WARM_UP
//   CASE     loop: every event to one handler that sums; stream: map, filter, groupBy, window, reduce
//   VARIANT  default: as one writes it; tuned: what made it faster without changing the answer; direct: without a queue
// Protocol: writes `ready`, waits for a line, works, writes `done {json}`, waits for the end of its input.

import { readSync, writeSync } from 'node:fs';
import {
  Subject, asapScheduler, bufferCount, filter, groupBy, map, mergeMap, observeOn, reduce, tap, window,
} from 'rxjs';

const KEYS = 1000;
const WINDOW_MS = 1000;
const EVENTS_PER_MS = 100;
const CHECKSUM_MODULUS = 4294967296;
// RxJS has no backpressure: the program itself lets the queue run empty after so many events. Few, because a longer queue
// makes RxJS slower: each queued event is looked up among all others when it has been handled.
const QUEUED_MAX = 64;
// Events that go through the queue as one, where it is tuned.
const BATCH = 256;

// The same sequence as in bench/src/reactor/events.rs.
class Events {
  constructor() {
    this.state = 0x9e3779b9;
    this.number = 0;
  }

  next() {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    const random = state >>> 0;
    const part = random % 100;
    const priority = part < 1 ? 0 : part < 5 ? 1 : part < 20 ? 2 : part < 50 ? 3 : 4;
    return {
      priority,
      key: Math.floor(random / 100) % KEYS,
      value: Math.floor(random / 100000) % 1000,
      at: Math.floor(this.number++ / EVENTS_PER_MS),
    };
  }
}

// What comes out of a stream: one number that any wrong window changes.
class Tally {
  constructor() {
    this.checksum = 0;
    this.results = 0;
  }

  add(windowNumber, key, sum, count) {
    const term = (windowNumber * KEYS + key + 1) * (sum * 31 + count);
    this.checksum = (this.checksum + (term % CHECKSUM_MODULUS)) % CHECKSUM_MODULUS;
    this.results += 1;
  }
}

const immediately = () => new Promise((resolve) => setImmediate(resolve));

// As it comes: a queue between emitter and handler, by RxJS's own scheduler.
async function loopDefault(count) {
  const source = new Subject();
  let sum = 0;
  source.pipe(observeOn(asapScheduler)).subscribe((event) => { sum += event.value; });
  await feedQueue(source, count, QUEUED_MAX);
  return { checksum: sum, results: count };
}

// Tuned: the queue takes batches.
async function loopTuned(count) {
  const source = new Subject();
  let sum = 0;
  source.pipe(bufferCount(BATCH), observeOn(asapScheduler), mergeMap((batch) => batch))
    .subscribe((event) => { sum += event.value; });
  await feedQueue(source, count, QUEUED_MAX * BATCH);
  return { checksum: sum, results: count };
}

// Direct: no queue at all, the handler runs inside the emitter's call.
function loopDirect(count) {
  const source = new Subject();
  let sum = 0;
  source.subscribe((event) => { sum += event.value; });
  feed(source, count);
  return { checksum: sum, results: count };
}

async function feedQueue(source, count, queuedMax) {
  const events = new Events();
  for (let number = 1; number <= count; number += 1) {
    source.next(events.next());
    if (number % queuedMax === 0) await immediately();
  }
  source.complete();
  await immediately();
}

// RxJS windows by the machine's time or by a notifier. Event time is a notifier that fires when the first event of the
// next window comes, which is right because nothing overtakes here.
function boundaries(boundary) {
  let current = 0;
  return tap((event) => {
    const number = Math.floor(event.at / WINDOW_MS);
    if (number !== current) {
      current = number;
      boundary.next();
    }
  });
}

function streamDefault(count) {
  const source = new Subject();
  const boundary = new Subject();
  const tally = new Tally();
  source.pipe(
    map((event) => ({ ...event, value: event.value * 3 + 1 })),
    filter((event) => event.value % 8 !== 0),
    boundaries(boundary),
    groupBy((event) => event.key),
    mergeMap((group) => group.pipe(
      window(boundary),
      mergeMap((events) => events.pipe(
        reduce(
          (total, event) => ({
            window: Math.floor(event.at / WINDOW_MS), sum: total.sum + event.value, count: total.count + 1,
          }),
          { window: 0, sum: 0, count: 0 },
        ),
      )),
      filter((total) => total.count > 0),
      map((total) => ({ key: group.key, ...total })),
    )),
  ).subscribe((result) => tally.add(result.window, result.key, result.sum, result.count));
  feed(source, count);
  return { checksum: tally.checksum, results: tally.results };
}

// Tuned: windows outside and groups inside (a thousand inner subjects less at every boundary), no spreads, one
// accumulator a group; and `node --conditions=es2015` from the caller, which loads RxJS's modern build.
function streamTuned(count) {
  const source = new Subject();
  const boundary = new Subject();
  const tally = new Tally();
  source.pipe(
    map((event) => ({ priority: event.priority, key: event.key, value: event.value * 3 + 1, at: event.at })),
    filter((event) => event.value % 8 !== 0),
    boundaries(boundary),
    window(boundary),
    mergeMap((events) => events.pipe(
      groupBy((event) => event.key),
      mergeMap((group) => {
        const total = { key: group.key, window: 0, sum: 0, count: 0 };
        return group.pipe(reduce((same, event) => {
          same.window = Math.floor(event.at / WINDOW_MS);
          same.sum += event.value;
          same.count += 1;
          return same;
        }, total));
      }),
    )),
  ).subscribe((result) => tally.add(result.window, result.key, result.sum, result.count));
  feed(source, count);
  return { checksum: tally.checksum, results: tally.results };
}

function feed(source, count) {
  const events = new Events();
  for (let number = 0; number < count; number += 1) source.next(events.next());
  source.complete();
}

const SUBJECTS = {
  loop: { default: loopDefault, tuned: loopTuned, direct: loopDirect },
  stream: { default: streamDefault, tuned: streamTuned },
};

function waitForInput() {
  try {
    return readSync(0, Buffer.alloc(64));
  } catch {
    return 0;
  }
}

const [caseName, variant, count, warmUp] = process.argv.slice(2);
const subject = SUBJECTS[caseName][variant];
await subject(Number(warmUp));
writeSync(1, 'ready\n');
waitForInput();
const began = process.hrtime.bigint();
const { checksum, results } = await subject(Number(count));
const wallNs = Number(process.hrtime.bigint() - began);
writeSync(1, `done ${JSON.stringify({ wall_ns: wallNs, checksum, results, figures: {} })}\n`);
while (waitForInput() > 0);
