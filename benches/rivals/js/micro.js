// What the other contenders do, with Node: node micro.js OPERATION COUNT
//
// Prints nanoseconds of processor time for each operation.
'use strict';

const fs = require('node:fs');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

const BATCH = 1000;
const REFRESHED = 10_000;
const MILLION = 1_000_000;

const soon = (number) => 1 + (number % 10);
const late = (number) => (1000 + (number % 10)) * 1000;
const lateAndVarious = (number) => 1_000_000 + ((number * 7919) % 10_000);

const processorTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

// Calls `main` with what notes a call and returns how many are left. Gives nanoseconds for each of
// the `count` calls.
const countdown = (count, main) =>
  new Promise((resolve) => {
    let left = count;
    const start = processorTime();
    main(() => {
      left -= 1;
      if (left === 0) resolve((processorTime() - start) / count);
      return left;
    });
  });

// Calls `main`, which has done `count` operations when its promise is fulfilled.
const measured = async (count, main) => {
  const start = processorTime();
  await main();
  return (processorTime() - start) / count;
};

// Queues a thousand; the last of them queues the next thousand.
const batches = (queue) => (count) =>
  countdown(Math.floor(count / BATCH) * BATCH, (call) => {
    const batch = () => {
      for (let number = 1; number < BATCH; number++) queue(() => call());
      queue(() => {
        if (call() > 0) batch();
      });
    };
    batch();
  });

// Each queues the next one.
const chain = (queue) => (count) =>
  countdown(count, (call) => {
    const link = () =>
      queue(() => {
        if (call() > 0) link();
      });
    link();
  });

const thenChain = (count) =>
  measured(count, async () => {
    for (let batch = 0; batch < count / BATCH; batch++) {
      let last = Promise.resolve(0);
      for (let number = 0; number < BATCH; number++) last = last.then((value) => value + 1);
      if ((await last) !== BATCH) throw new Error('a link is missing');
    }
  });

const thenOfSettled = (count) =>
  measured(count, async () => {
    for (let batch = 0; batch < count / BATCH; batch++) {
      let last;
      for (let number = 0; number < BATCH; number++) {
        last = Promise.resolve(number).then((value) => value + 1);
      }
      if ((await last) !== BATCH) throw new Error('the last one is another');
    }
  });

const awaitOfSettled = (count) =>
  measured(count, async () => {
    for (let number = 0; number < count; number++) {
      if ((await Promise.resolve(number)) !== number) throw new Error('it is another');
    }
  });

const never = () => {
  throw new Error('it is not due');
};

const fire = (count) =>
  countdown(count, (call) => {
    for (let number = 0; number < count; number++) setTimeout(() => call(), soon(number));
  });

const clear = (batchOf, delay) => (count) =>
  measured(count, () => {
    const batch = Math.min(batchOf, count);
    const started = new Array(batch);
    for (let done = 0; done < count; done += batch) {
      for (let number = 0; number < batch; number++) {
        started[number] = setTimeout(never, delay(number));
      }
      for (const timer of started) clearTimeout(timer);
    }
  });

const refresh = async (count) => {
  const started = Array.from({ length: REFRESHED }, () => setTimeout(never, late(0)));
  const nanos = await measured(count, () => {
    for (let number = 0; number < count; number++) started[number % REFRESHED].refresh();
  });
  started.forEach((timer) => clearTimeout(timer));
  return nanos;
};

// A thread with a loop of its own is what Node has for one that answers.
const post = async (count) => {
  const worker = new Worker(__filename);
  await new Promise((resolve) => worker.once('online', resolve));
  const nanos = await countdown(count, (call) => {
    worker.on('message', () => {
      if (call() > 0) worker.postMessage(0);
    });
    worker.postMessage(0);
  });
  await worker.terminate();
  return nanos;
};

const check = (stats) => {
  if (!stats.isDirectory()) throw new Error('it is no directory');
};

const stat = (count) =>
  countdown(count, (call) => {
    const next = () =>
      fs.stat('.', (error, stats) => {
        if (error) throw error;
        check(stats);
        if (call() > 0) next();
      });
    next();
  });

const statPromise = (count) =>
  measured(count, async () => {
    for (let number = 0; number < count; number++) check(await fs.promises.stat('.'));
  });

const OPERATIONS = {
  ticks: batches(process.nextTick),
  'tick chain': chain(process.nextTick),
  microtasks: batches(queueMicrotask),
  'microtask chain': chain(queueMicrotask),
  immediates: batches(setImmediate),
  'immediate chain': chain(setImmediate),
  'then chain': thenChain,
  then: thenOfSettled,
  await: awaitOfSettled,
  fire,
  'fire among a million': fire,
  clear: clear(Infinity, late),
  'clear various': clear(Infinity, lateAndVarious),
  'clear batches': clear(BATCH, late),
  'clear batches among a million': clear(BATCH, late),
  refresh,
  post,
  stat,
  'stat promise': statPromise,
};

const main = async () => {
  const [name, words] = process.argv.slice(2);
  const count = Number(words);
  if (name.endsWith('among a million')) {
    for (let number = 0; number < MILLION; number++) setTimeout(never, late(number));
  }
  const measure = OPERATIONS[name];
  // Code is compiled the first time.
  await measure(Math.max(Math.floor(count / 10), BATCH));
  process.stdout.write(`${await measure(count)}\n`, () => process.exit(0));
};

if (isMainThread) main();
else parentPort.on('message', () => parentPort.postMessage(0));
