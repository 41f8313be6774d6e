/**
 * Takes every request to its end and answers 200: what stands behind the peers in a bench. With a second argument it
 * takes so many microseconds for each, one after the other, as a backend of limited capacity.
 */
import { createServer } from 'node:http';

const [port, usPerPush = '0'] = process.argv.slice(2);
const msPerPush = Number(usPerPush) / 1000;
let freeAtMs = 0;

createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  req.resume().on('end', () => {
    if (msPerPush === 0) {
      res.end();
      return;
    }
    freeAtMs = Math.max(freeAtMs, performance.now()) + msPerPush;
    setTimeout(() => res.end(), freeAtMs - performance.now());
  });
}).listen(Number(port), '127.0.0.1');
