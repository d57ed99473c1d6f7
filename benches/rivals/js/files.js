// What the other contenders do, with Node: node files.js OPERATION PATH COUNT
//
// Prints milliseconds of time, and of processor time.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const SMALL = 4096;
const PIECE = 64 * 1024;

const check = (right) => {
  if (!right) throw new Error('there is something else');
};

const many = (atOnce) => (folder, count) =>
  new Promise((resolve) => {
    let left = count;
    let read = 0;
    const next = () => {
      if (left === 0) return;
      left -= 1;
      fs.readFile(path.join(folder, `${left}`), (error, bytes) => {
        if (error) throw error;
        check(bytes.length === SMALL);
        read += 1;
        if (read === count) resolve();
        else next();
      });
    };
    for (let number = 0; number < atOnce; number++) next();
  });

const stream = (file, count) =>
  new Promise((resolve) => {
    let read = 0;
    fs.createReadStream(file, { highWaterMark: PIECE, end: count - 1 })
      .on('data', (piece) => {
        read += piece.length;
      })
      .on('end', () => {
        check(read === count);
        resolve();
      });
  });

const statMany = (atOnce) => (folder, count) =>
  new Promise((resolve) => {
    let left = count;
    let done = 0;
    const next = () => {
      if (left === 0) return;
      left -= 1;
      fs.stat(path.join(folder, `${left}`), (error, stats) => {
        if (error) throw error;
        check(stats.size === SMALL);
        done += 1;
        if (done === count) resolve();
        else next();
      });
    };
    for (let number = 0; number < atOnce; number++) next();
  });

const statManyByPromises = (atOnce) => async (folder, count) => {
  let left = count;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const stats = await fs.promises.stat(path.join(folder, `${left}`));
      check(stats.size === SMALL);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
};

// One directory after the other: `recursive` would read those below without the pool.
const walk = (list) => async (top, count) => {
  const pending = [top];
  let found = 0;
  while (pending.length > 0) {
    const directory = pending.pop();
    for await (const entry of await list(directory)) {
      found += 1;
      if (entry.isDirectory()) pending.push(path.join(directory, entry.name));
    }
  }
  check(found >= count);
};

const OPERATIONS = {
  one: many(1),
  64: many(64),
  stream,
  'stat-one': statMany(1),
  'stat-64': statMany(64),
  'stat-promises-one': statManyByPromises(1),
  'stat-promises-64': statManyByPromises(64),
  'walk-opendir': walk((directory) => fs.promises.opendir(directory)),
  'walk-readdir': walk((directory) => fs.promises.readdir(directory, { withFileTypes: true })),
};

const main = async () => {
  const [name, where, words] = process.argv.slice(2);
  const count = Number(words);
  const operate = OPERATIONS[name];
  // Code is compiled the first time.
  await operate(where, Math.floor(count / 10));
  const start = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  await operate(where, count);
  const time = Number(process.hrtime.bigint() - start) / 1e6;
  const { user, system } = process.cpuUsage(cpu);
  console.log(time, (user + system) / 1000);
};

main();
