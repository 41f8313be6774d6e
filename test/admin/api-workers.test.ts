/** The admin API of an edge with two workers answers as that of one process does. */
import t from 'tap';
import { answersCases } from './cases/answers.js';
import { overviewCases } from './cases/overview.js';
import { sendersCases } from './cases/senders.js';
import { inTwoWorkers } from './fixtures.js';

for (const cases of [answersCases, overviewCases, sendersCases]) cases(t, inTwoWorkers);
