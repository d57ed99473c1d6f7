// Children, with Node: node processes.js PROGRAM COUNT AT_ONCE
//
// Prints milliseconds of time, and of processor time.
'use strict';

const { spawn } = require('node:child_process');

const many = (program, count, atOnce) =>
  new Promise((resolve) => {
    let left = count;
    let ended = 0;
    const next = () => {
      if (left === 0) return;
      left -= 1;
      spawn(program, { stdio: 'ignore' }).on('exit', (code) => {
        if (code !== 0) throw new Error(`it ended with ${code}`);
        ended += 1;
        if (ended === count) resolve();
        else next();
      });
    };
    for (let number = 0; number < atOnce; number++) next();
  });

const main = async () => {
  const [program, count, atOnce] = process.argv.slice(2);
  // Code is compiled the first time.
  await many(program, Number(atOnce), Number(atOnce));
  const start = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  await many(program, Number(count), Number(atOnce));
  const time = Number(process.hrtime.bigint() - start) / 1e6;
  const { user, system } = process.cpuUsage(cpu);
  console.log(time, (user + system) / 1000);
};

main();
