// Copies what tsc leaves behind (Lua scripts, pages) from src/ to the same place in dist/.
import { cpSync } from 'node:fs';

const ASSETS = /\.(lua|proto|html|css|svg)$/;

cpSync('src', 'dist', {
  recursive: true,
  filter: (path) => !/\.[a-z]+$/.test(path) || ASSETS.test(path),
});
