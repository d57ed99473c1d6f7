'use strict';
// What the other servers do, with Node's net: node server.js echo|count|tick

const net = require('net');

const service = process.argv[2];

function echo(socket) {
  socket.on('data', (chunk) => socket.write(chunk));
}

function count(socket) {
  let counted = 0;
  socket.on('data', (chunk) => { counted += chunk.length; });
  socket.on('end', () => {
    const sum = Buffer.alloc(8);
    sum.writeBigUInt64LE(BigInt(counted));
    socket.end(sum);
  });
}

const server = net.createServer({ allowHalfOpen: service === 'count' }, (socket) => {
  // A peer that resets its connection ends that one and no other.
  socket.on('error', () => {});
  if (service === 'count') count(socket); else echo(socket);
});

server.listen(0, '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`${address}:${port}`);
});

if (service === 'tick') setInterval(() => {}, 1000);
