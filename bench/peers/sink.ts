/** Takes every request to its end and answers 200: what stands behind the peers in a bench. */
import { createServer } from 'node:http';

createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  req.resume().on('end', () => res.end());
}).listen(Number(process.argv[2]), '127.0.0.1');
