/** The admin API of an edge in one process. api-workers*.test.ts have the same cases with workers. */
import t from 'tap';
import { accessCases } from './cases/access.js';
import { answersCases } from './cases/answers.js';
import { changesCases } from './cases/changes.js';
import { overviewCases } from './cases/overview.js';
import { panicCases } from './cases/panic.js';
import { questionsCases } from './cases/questions.js';
import { sendersCases } from './cases/senders.js';
import { streamCases } from './cases/stream.js';
import { inOneProcess } from './fixtures.js';

for (const cases of [
  answersCases,
  changesCases,
  accessCases,
  questionsCases,
  panicCases,
  streamCases,
  overviewCases,
  sendersCases,
]) {
  cases(t, inOneProcess);
}
