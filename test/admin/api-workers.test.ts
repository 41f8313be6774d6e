/** The admin API of an edge with two workers answers as that of one process does. */
import t from 'tap';
import { answersCases } from './cases/answers.js';
import { changesCases } from './cases/changes.js';
import { overviewCases } from './cases/overview.js';
import { panicCases } from './cases/panic.js';
import { sendersCases } from './cases/senders.js';
import { streamCases } from './cases/stream.js';
import { inTwoWorkers } from './fixtures.js';

for (const cases of [answersCases, changesCases, panicCases, streamCases, overviewCases, sendersCases]) {
  cases(t, inTwoWorkers);
}
