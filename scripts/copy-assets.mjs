// Puts beside the compiled code what it reads at run time: the .proto files, and whatever tsc leaves behind in src/.
import { cpSync } from 'node:fs';

const ASSETS = /\.(lua|html|svg)$|openapi\.json$/;

cpSync('proto', 'dist/proto', { recursive: true });
cpSync('src', 'dist', {
  recursive: true,
  filter: (path) => !/\.[a-z]+$/.test(path) || ASSETS.test(path),
});
