/** What the admin API of an edge with two workers changes and streams is as in one process. */
import t from 'tap';
import { changesCases } from './cases/changes.js';
import { panicCases } from './cases/panic.js';
import { streamCases } from './cases/stream.js';
import { inTwoWorkers } from './fixtures.js';

for (const cases of [changesCases, panicCases, streamCases]) cases(t, inTwoWorkers);
